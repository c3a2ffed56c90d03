#include "likelihood/laplace.h"

#include <cstddef>
#include <cstdint>

#include "likelihood/draws.h"
#include "likelihood/kind.h"
#include "likelihood/log_dispersion.h"

#define AEVB_KERNEL_FILE "likelihood/laplace.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/sums.h"
#include "math/vector_math.h"
// Uses the headers above.
#include "likelihood/dispersion_kernels.h"

AEVB_BEFORE_KERNELS

struct Laplace {
  AEVB_INLINE F32 constant(F32 log_scale) { return set(LN2) + log_scale; }
  // The sign of 0 is 0, and the sign of NaN is NaN.
  AEVB_INLINE F32 slope(F32 difference, F32 inverse) {
    const F32 signed_inverse = float_of(bits_of(inverse) | (bits_of(difference) & set_int(INT32_MIN)));
    return select(less(zero(), abs(difference)), signed_inverse, difference);
  }
  AEVB_INLINE F32 loss(F32 difference, F32, F32 inverse, F32 constant) {
    return fma(abs(difference), inverse, constant);
  }
  AEVB_INLINE F32 spread(F32 difference, F32, F32 inverse) { return fnma(abs(difference), inverse, set(1.0f)); }
};

void laplace_forward(double* loss, ConstPanels mean, const float* log_scale, ConstPanels x, std::size_t B,
                     std::size_t L, std::size_t D, ConstPanels present) {
  shared_loss<Laplace, false, false>(loss, {}, {}, mean, log_scale, x, present, 1.0f, B, L, D);
}

void laplace_forward_backward(double* loss, Panels dmean, Panels dlog_scale, ConstPanels mean, const float* log_scale,
                              ConstPanels x, float scale, std::size_t B, std::size_t L, std::size_t D,
                              ConstPanels present) {
  if (dlog_scale.data != nullptr) {
    shared_loss<Laplace, true, true>(loss, dmean, dlog_scale, mean, log_scale, x, present, scale, B, L, D);
  } else {
    shared_loss<Laplace, true, false>(loss, dmean, {}, mean, log_scale, x, present, scale, B, L, D);
  }
}

void laplace_datum_forward(double* loss, ConstPanels mean, ConstPanels raw_log_scale, float min, float max,
                           ConstPanels x, std::size_t B, std::size_t L, std::size_t D, ConstPanels present) {
  datum_loss<Laplace, false>(loss, {}, {}, mean, raw_log_scale, min, max, x, present, 1.0f, B, L, D);
}

void laplace_datum_forward_backward(double* loss, Panels dmean, Panels d_raw_log_scale, ConstPanels mean,
                                    ConstPanels raw_log_scale, float min, float max, ConstPanels x, float scale,
                                    std::size_t B, std::size_t L, std::size_t D, ConstPanels present) {
  datum_loss<Laplace, true>(loss, dmean, d_raw_log_scale, mean, raw_log_scale, min, max, x, present, scale, B, L, D);
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void laplace_forward(double* loss, ConstPanels mean, const float* log_scale, ConstPanels x, std::size_t B,
                     std::size_t L, std::size_t D, ConstPanels present) {
  AEVB_DISPATCH(laplace_forward)(loss, mean, log_scale, x, B, L, D, present);
}

void laplace_forward_backward(double* loss, Panels dmean, Panels dlog_scale, ConstPanels mean, const float* log_scale,
                              ConstPanels x, float scale, std::size_t B, std::size_t L, std::size_t D,
                              ConstPanels present) {
  AEVB_DISPATCH(laplace_forward_backward)(loss, dmean, dlog_scale, mean, log_scale, x, scale, B, L, D, present);
}

void laplace_datum_forward(double* loss, ConstPanels mean, ConstPanels raw_log_scale, float min, float max,
                           ConstPanels x, std::size_t B, std::size_t L, std::size_t D, ConstPanels present) {
  AEVB_DISPATCH(laplace_datum_forward)(loss, mean, raw_log_scale, min, max, x, B, L, D, present);
}

void laplace_datum_forward_backward(double* loss, Panels dmean, Panels d_raw_log_scale, ConstPanels mean,
                                    ConstPanels raw_log_scale, float min, float max, ConstPanels x, float scale,
                                    std::size_t B, std::size_t L, std::size_t D, ConstPanels present) {
  AEVB_DISPATCH(laplace_datum_forward_backward)
  (loss, dmean, d_raw_log_scale, mean, raw_log_scale, min, max, x, scale, B, L, D, present);
}

const LikelihoodKind LAPLACE_LIKELIHOOD{
    .first_head = "mean",
    .log_dispersion = "logScale",
    .covariance = nullptr,
    .dispersion_power = 1,
    .keeps_dispersion_gradient = [](const LikelihoodSpec&) { return true; },
    .domain = [](const LikelihoodSpec&) { return Domain::real; },
    .given_total = false,
    .may_miss = always,
    .neutralize = nullptr,
    .missing_target = 0.0f,
    .forward =
        [](double* loss, const LikelihoodHeads& decoded, ConstPanels x) {
          if (is_per_datum(decoded.spec)) {
            laplace_datum_forward(loss, decoded.heads[0], decoded.heads[1],
                                  static_cast<float>(decoded.spec.log_dispersion_min),
                                  static_cast<float>(decoded.spec.log_dispersion_max), x, decoded.B, decoded.L,
                                  decoded.D, decoded.present);
          } else {
            laplace_forward(loss, decoded.heads[0], decoded.shared, x, decoded.B, decoded.L, decoded.D,
                            decoded.present);
          }
        },
    .forward_backward =
        [](double* loss, const LikelihoodHeads& decoded, ConstPanels x, float scale) {
          if (is_per_datum(decoded.spec)) {
            laplace_datum_forward_backward(loss, decoded.heads[0], decoded.heads[1], decoded.heads[0], decoded.heads[1],
                                           static_cast<float>(decoded.spec.log_dispersion_min),
                                           static_cast<float>(decoded.spec.log_dispersion_max), x, scale, decoded.B,
                                           decoded.L, decoded.D, decoded.present);
          } else {
            const Panels dlog_scale = is_learned_and_shared(decoded.spec) ? decoded.heads[1] : Panels{};
            laplace_forward_backward(loss, decoded.heads[0], dlog_scale, decoded.heads[0], decoded.shared, x, scale,
                                     decoded.B, decoded.L, decoded.D, decoded.present);
          }
        },
    .dispersion_backward = [](float* dlog_scale, const LikelihoodSpec&, const float*, ConstPanels last, float,
                              const float*, std::size_t R,
                              std::size_t C) { log_dispersion_backward(dlog_scale, last, R, C); },
    .mean = nullptr,
    .draw =
        [](Panels out, const LikelihoodHeads& decoded, const double*, std::uint64_t seed, std::uint32_t first_row) {
          laplace_draw(out, decoded.heads[0], log_dispersion_of(decoded), decoded.B, decoded.D, seed, first_row);
        },
};

}  // namespace aevb
#endif
