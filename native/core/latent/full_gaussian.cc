#include "latent/full_gaussian.h"

#include <cmath>
#include <cstddef>
#include <cstdint>

#define AEVB_KERNEL_FILE "latent/full_gaussian.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/vector_math.h"

// Uses the headers above.
#include "latent/lanes.h"

AEVB_BEFORE_KERNELS

namespace {

// Row i of C.
AEVB_INLINE Part cholesky_row(std::size_t i, std::size_t width) {
  const Place place = place_of(i * (i - 1) / 2, width);
  return {place.panel, place.col, i};
}

AEVB_INLINE int fewer(int a, int b) { return a < b ? a : b; }

AEVB_INLINE double prior_precision(const NormalPrior& prior, std::size_t i) {
  if (prior.learned_log_variance != nullptr) return std::exp(-static_cast<double>(prior.learned_log_variance[i]));
  return prior.variance != nullptr ? 1.0 / prior.variance[i] : 1.0;
}

// Σ_j C_ij² of one row.
AEVB_INLINE double sum_of_squares(ConstPanels cholesky, Part row, std::size_t b) {
  F32 total = zero();
  while (row.left > 0) {
    const int lanes = part_lanes(row, cholesky.width);
    const F32 c = load_partial(at_part(cholesky, row, b), lanes);
    total = fma(c, c, total);
    next_part(&row, lanes, cholesky.width);
  }
  return static_cast<double>(sum(total));
}

// precision[U] = 1/L_ii of datum b.
AEVB_INLINE void diagonal_precision(float* precision, ConstPanels log_variance, std::size_t b, std::size_t U) {
  Part part = {0, 0, U};
  while (part.left > 0) {
    const int lanes = part_lanes(part, log_variance.width);
    store_partial(precision + (U - part.left), exp(set(-0.5f) * load_partial(at_part(log_variance, part, b), lanes)),
                  lanes);
    next_part(&part, lanes, log_variance.width);
  }
}

// a[U] = L⁻ᵀ ε of row r: from the last element to the first, each is subtracted from the equations of those before it.
AEVB_INLINE void solve_transposed(float* a, const float* precision, ConstPanels cholesky, ConstPanels epsilon,
                                  std::size_t b, std::size_t r, std::size_t U) {
  Part part = {0, 0, U};
  while (part.left > 0) {
    const int lanes = part_lanes(part, epsilon.width);
    store_partial(a + (U - part.left), load_partial(at_part(epsilon, part, r), lanes), lanes);
    next_part(&part, lanes, epsilon.width);
  }
  for (std::size_t i = U; i-- > 0;) {
    a[i] *= precision[i];
    if (i == 0) break;
    const F32 known = set(a[i]);
    Part row = cholesky_row(i, cholesky.width);
    while (row.left > 0) {
      const int lanes = part_lanes(row, cholesky.width);
      float* rest = a + (i - row.left);
      store_partial(rest, fnma(load_partial(at_part(cholesky, row, b), lanes), known, load_partial(rest, lanes)),
                    lanes);
      next_part(&row, lanes, cholesky.width);
    }
  }
}

}  // namespace

void full_gaussian_sample(Panels z, ConstPanels cholesky, ConstPanels epsilon, std::size_t B, std::size_t D,
                          std::size_t U) {
  for (std::size_t r = 0; r < B * D; ++r) {
    Part row = {0, 0, 0};
    for (std::size_t i = 1; i < U; ++i) {
      row.left = i;
      Part noise = {0, 0, i};
      F32 total = zero();
      while (row.left > 0) {
        const int lanes = fewer(part_lanes(row, cholesky.width), part_lanes(noise, epsilon.width));
        total = fma(load_partial(at_part(cholesky, row, r / D), lanes), load_partial(at_part(epsilon, noise, r), lanes),
                    total);
        next_part(&row, lanes, cholesky.width);
        next_part(&noise, lanes, epsilon.width);
      }
      *at_part(z, noise, r) += sum(total);  // `noise` is now at column i
    }
  }
}

void full_gaussian_sample_backward(Panels dcholesky, ConstPanels epsilon, ConstPanels dz, std::size_t B, std::size_t D,
                                   std::size_t U) {
  if (U < 2) return;
  const std::size_t entries = U * (U - 1) / 2;
  if (epsilon.data == nullptr) {
    zero_rows(dcholesky, B, entries);
    return;
  }
  for (std::size_t b = 0; b < B; ++b) {
    Part row = {0, 0, 0};
    for (std::size_t i = 1; i < U; ++i) {
      row.left = i;
      Part noise = {0, 0, i};
      const Place slope = place_of(i, dz.width);
      while (row.left > 0) {
        const int lanes = fewer(part_lanes(row, dcholesky.width), part_lanes(noise, epsilon.width));
        F32 total = zero();
        for (std::size_t r = b * D; r < (b + 1) * D; ++r) {
          total =
              fma(set(row_of(dz, slope.panel, r)[slope.col]), load_partial(at_part(epsilon, noise, r), lanes), total);
        }
        store_partial(at_part(dcholesky, row, b), total, lanes);
        next_part(&row, lanes, dcholesky.width);
        next_part(&noise, lanes, epsilon.width);
      }
    }
  }
  zero_padding_of(dcholesky, B, entries);
}

void full_gaussian_log_density_backward_z(Panels dz, ConstPanels log_variance, ConstPanels cholesky,
                                          ConstPanels epsilon, const float* weight, float* scratch, std::size_t B,
                                          std::size_t D, std::size_t U) {
  float* a = scratch;
  float* precision = scratch + U;
  for (std::size_t b = 0; b < B; ++b) {
    diagonal_precision(precision, log_variance, b, U);
    for (std::size_t r = b * D; r < (b + 1) * D; ++r) {
      solve_transposed(a, precision, cholesky, epsilon, b, r, U);
      Part part = {0, 0, U};
      while (part.left > 0) {
        const int lanes = part_lanes(part, dz.width);
        float* to = at_part(dz, part, r);
        store_partial(to, fnma(set(weight[r]), load_partial(a + (U - part.left), lanes), load_partial(to, lanes)),
                      lanes);
        next_part(&part, lanes, dz.width);
      }
    }
  }
}

void full_gaussian_log_density_backward_heads(Panels dmean, Panels dlog_variance, Panels dcholesky,
                                              ConstPanels log_variance, ConstPanels cholesky, ConstPanels epsilon,
                                              const float* weight, float* scratch, std::size_t B, std::size_t D,
                                              std::size_t U) {
  float* a = scratch;
  float* precision = scratch + U;
  for (std::size_t b = 0; b < B; ++b) {
    diagonal_precision(precision, log_variance, b, U);
    for (std::size_t r = b * D; r < (b + 1) * D; ++r) {
      solve_transposed(a, precision, cholesky, epsilon, b, r, U);
      const F32 scale = set(weight[r]);
      Part part = {0, 0, U};
      while (part.left > 0) {
        const int lanes = part_lanes(part, dmean.width);
        const F32 slope = load_partial(a + (U - part.left), lanes);
        // 1 in lanes that are not columns: a division by 0 is slow.
        const F32 inverse = select(first_lanes(lanes), load_partial(precision + (U - part.left), lanes), set(1.0f));
        const F32 scaled = slope * load_partial(at_part(epsilon, part, r), lanes) / inverse;
        float* to = at_part(dmean, part, b);
        store_partial(to, fma(scale, slope, load_partial(to, lanes)), lanes);
        to = at_part(dlog_variance, part, b);
        store_partial(to, fma(scale, set(0.5f) * (scaled - set(1.0f)), load_partial(to, lanes)), lanes);
        next_part(&part, lanes, dmean.width);
      }
      Part row = {0, 0, 0};
      for (std::size_t i = 1; i < U; ++i) {
        row.left = i;
        Part noise = {0, 0, i};
        const F32 slope = scale * set(a[i]);
        while (row.left > 0) {
          const int lanes = fewer(part_lanes(row, dcholesky.width), part_lanes(noise, epsilon.width));
          float* to = at_part(dcholesky, row, b);
          store_partial(to, fma(slope, load_partial(at_part(epsilon, noise, r), lanes), load_partial(to, lanes)),
                        lanes);
          next_part(&row, lanes, dcholesky.width);
          next_part(&noise, lanes, epsilon.width);
        }
      }
    }
  }
}

void full_gaussian_kl(double* kl, ConstPanels cholesky, const NormalPrior& prior, std::size_t B, std::size_t U) {
  for (std::size_t i = 1; i < U; ++i) {
    const double precision = prior_precision(prior, i);
    const Part row = cholesky_row(i, cholesky.width);
    for (std::size_t b = 0; b < B; ++b) kl[b] += 0.5 * precision * sum_of_squares(cholesky, row, b);
  }
}

void full_gaussian_kl_backward(Panels dcholesky, Panels dprior, ConstPanels cholesky, const NormalPrior& prior,
                               float weight, std::size_t B, std::size_t U) {
  for (std::size_t i = 1; i < U; ++i) {
    const double scale = static_cast<double>(weight) * prior_precision(prior, i);
    const F32 scales = set(static_cast<float>(scale));
    for (std::size_t b = 0; b < B; ++b) {
      Part row = cholesky_row(i, cholesky.width);
      if (prior.learned_log_variance != nullptr) {
        const Place place = place_of(U + i, dprior.width);
        row_of(dprior, place.panel, b)[place.col] -= static_cast<float>(0.5 * scale * sum_of_squares(cholesky, row, b));
      }
      while (row.left > 0) {
        const int lanes = part_lanes(row, cholesky.width);
        float* to = at_part(dcholesky, row, b);
        store_partial(to, fma(scales, load_partial(at_part(cholesky, row, b), lanes), load_partial(to, lanes)), lanes);
        next_part(&row, lanes, cholesky.width);
      }
    }
  }
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void full_gaussian_sample(Panels z, ConstPanels cholesky, ConstPanels epsilon, std::size_t B, std::size_t D,
                          std::size_t U) {
  AEVB_DISPATCH(full_gaussian_sample)(z, cholesky, epsilon, B, D, U);
}

void full_gaussian_sample_backward(Panels dcholesky, ConstPanels epsilon, ConstPanels dz, std::size_t B, std::size_t D,
                                   std::size_t U) {
  AEVB_DISPATCH(full_gaussian_sample_backward)(dcholesky, epsilon, dz, B, D, U);
}

void full_gaussian_log_density_backward_z(Panels dz, ConstPanels log_variance, ConstPanels cholesky,
                                          ConstPanels epsilon, const float* weight, float* scratch, std::size_t B,
                                          std::size_t D, std::size_t U) {
  AEVB_DISPATCH(full_gaussian_log_density_backward_z)
  (dz, log_variance, cholesky, epsilon, weight, scratch, B, D, U);
}

void full_gaussian_log_density_backward_heads(Panels dmean, Panels dlog_variance, Panels dcholesky,
                                              ConstPanels log_variance, ConstPanels cholesky, ConstPanels epsilon,
                                              const float* weight, float* scratch, std::size_t B, std::size_t D,
                                              std::size_t U) {
  AEVB_DISPATCH(full_gaussian_log_density_backward_heads)
  (dmean, dlog_variance, dcholesky, log_variance, cholesky, epsilon, weight, scratch, B, D, U);
}

void full_gaussian_kl(double* kl, ConstPanels cholesky, const NormalPrior& prior, std::size_t B, std::size_t U) {
  AEVB_DISPATCH(full_gaussian_kl)(kl, cholesky, prior, B, U);
}

void full_gaussian_kl_backward(Panels dcholesky, Panels dprior, ConstPanels cholesky, const NormalPrior& prior,
                               float weight, std::size_t B, std::size_t U) {
  AEVB_DISPATCH(full_gaussian_kl_backward)(dcholesky, dprior, cholesky, prior, weight, B, U);
}

}  // namespace aevb
#endif
