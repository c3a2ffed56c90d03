#include "likelihood/multinomial.h"

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "likelihood/categorical.h"
#include "likelihood/draws.h"
#include "likelihood/kind.h"
#include "math/log_factorial.h"

#define AEVB_KERNEL_FILE "likelihood/multinomial.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/sums.h"
#include "math/vector_math.h"
// These use the headers above.
#include "likelihood/count_kernels.h"
#include "likelihood/softmax_kernels.h"

AEVB_BEFORE_KERNELS

template <bool WHOLE>
AEVB_INLINE void totals_vector(SoftmaxRow* row, F64* trials, ConstPanels logits, ConstPanels x,
                               const std::size_t* datum, Column at, std::size_t first, std::size_t rows, int lanes) {
  for (std::size_t r = 0; r < rows; ++r) {
    const F32 l = load_lanes<WHOLE>(row_of(logits, at.panel, first + r) + at.col, lanes);
    const F32 e = exp_minus(set(row[r].largest) - l);
    row[r].exponentials = row[r].exponentials + keep_lanes<WHOLE>(e, zero(), lanes);
    trials[r] = trials[r] + widen(load_lanes<WHOLE>(row_of(x, at.panel, datum[r]) + at.col, lanes));
  }
}

// log Σ e^l − log n as the sum of two floats. A logit minus this is log λ.
struct Offset {
  F32 high, low;
};

template <bool BACKWARD, bool WHOLE>
AEVB_INLINE void terms_vector(RowSum* sums, Panels dlogits, ConstPanels logits, ConstPanels x, const Offset* offset,
                              const std::size_t* datum, F32 scale, Column at, std::size_t first, std::size_t rows,
                              int lanes) {
  for (std::size_t r = 0; r < rows; ++r) {
    const F32 l = load_lanes<WHOLE>(row_of(logits, at.panel, first + r) + at.col, lanes);
    const F32 count = load_lanes<WHOLE>(row_of(x, at.panel, datum[r]) + at.col, lanes);
    const F32 log_rate = (l - offset[r].high) - offset[r].low;
    const F32 rate = exp(log_rate);
    sums[r].lanes = sums[r].lanes + keep_lanes<WHOLE>(count_loss(count, log_rate, rate), zero(), lanes);
    if constexpr (BACKWARD) {
      store_lanes<WHOLE>(row_of(dlogits, at.panel, first + r) + at.col, scale * (rate - count), lanes);
    }
  }
}

// The order in which a row is summed depends only on D and the panels' width.
template <bool BACKWARD>
static void multinomial(double* loss, Panels dlogits, ConstPanels logits, ConstPanels x, float scale, std::size_t B,
                        std::size_t L, std::size_t D) {
  for (std::size_t first = 0; first < B * L; first += SOFTMAX_ROWS) {
    const std::size_t rows = B * L - first < SOFTMAX_ROWS ? B * L - first : SOFTMAX_ROWS;
    SoftmaxRow row[SOFTMAX_ROWS];
    F64 trials[SOFTMAX_ROWS];
    std::size_t datum[SOFTMAX_ROWS];
    for (std::size_t r = 0; r < rows; ++r) {
      trials[r] = zero_double();
      datum[r] = (first + r) / L;
    }
    find_largest(row, logits, {0, 0}, D, first, rows);
    std::size_t terms = 0;
    Column at = {0, 0};
    for (std::size_t left = D; left > 0;) {
      if (++terms > MOST_TERMS) {
        empty_exponentials(row, rows);
        terms = 1;
      }
      const int lanes = lanes_from(at, left, logits.width);
      if (lanes == F32::size) {
        totals_vector<true>(row, trials, logits, x, datum, at, first, rows, lanes);
      } else {
        totals_vector<false>(row, trials, logits, x, datum, at, first, rows, lanes);
      }
      left -= static_cast<std::size_t>(lanes);
      at = after(at, lanes, logits.width);
    }
    empty_exponentials(row, rows);

    RowSum sums[SOFTMAX_ROWS];
    Offset offset[SOFTMAX_ROWS];
    for (std::size_t r = 0; r < rows; ++r) {
      double lane[F32::size];
      store(lane, trials[r]);
      double n = 0.0;
      for (int i = 0; i < F32::size; ++i) n += lane[i];
      const double whole = static_cast<double>(row[r].largest) + std::log(row[r].total) - std::log(n);
      const float high = static_cast<float>(whole);
      // Without trials the offset is infinite, and every rate 0.
      offset[r] = {set(high), n == 0.0 ? zero() : set(static_cast<float>(whole - static_cast<double>(high)))};
      sums[r] = {zero(), -log_factorial_remainder(n)};
    }
    terms = 0;
    at = {0, 0};
    for (std::size_t left = D; left > 0;) {
      if (++terms > MOST_TERMS) {
        empty_lanes(sums, rows);
        terms = 1;
      }
      const int lanes = lanes_from(at, left, logits.width);
      if (lanes == F32::size) {
        terms_vector<BACKWARD, true>(sums, dlogits, logits, x, offset, datum, set(scale), at, first, rows, lanes);
      } else {
        terms_vector<BACKWARD, false>(sums, dlogits, logits, x, offset, datum, set(scale), at, first, rows, lanes);
      }
      left -= static_cast<std::size_t>(lanes);
      at = after(at, lanes, logits.width);
    }
    empty_lanes(sums, rows);
    for (std::size_t r = 0; r < rows; ++r) {
      loss[first + r] = sums[r].total;
      if constexpr (BACKWARD) {
        if (at.col > 0) zero_padding(row_of(dlogits, at.panel, first + r), at.col, dlogits.width);
      }
    }
  }
}

void multinomial_forward(double* loss, ConstPanels logits, ConstPanels x, std::size_t B, std::size_t L, std::size_t D) {
  multinomial<false>(loss, {}, logits, x, 1.0f, B, L, D);
}

void multinomial_forward_backward(double* loss, Panels dlogits, ConstPanels logits, ConstPanels x, float scale,
                                  std::size_t B, std::size_t L, std::size_t D) {
  multinomial<true>(loss, dlogits, logits, x, scale, B, L, D);
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void multinomial_forward(double* loss, ConstPanels logits, ConstPanels x, std::size_t B, std::size_t L, std::size_t D) {
  AEVB_DISPATCH(multinomial_forward)(loss, logits, x, B, L, D);
}

void multinomial_forward_backward(double* loss, Panels dlogits, ConstPanels logits, ConstPanels x, float scale,
                                  std::size_t B, std::size_t L, std::size_t D) {
  AEVB_DISPATCH(multinomial_forward_backward)(loss, dlogits, logits, x, scale, B, L, D);
}

const LikelihoodKind MULTINOMIAL_LIKELIHOOD{
    .first_head = "logits",
    .log_dispersion = nullptr,
    .covariance = nullptr,
    .dispersion_power = 0,
    .keeps_dispersion_gradient = never,
    .domain = [](const LikelihoodSpec&) { return Domain::counts; },
    .given_total = true,
    .may_miss = never,
    .neutralize = nullptr,
    .missing_target = 0.0f,
    .forward = [](double* loss, const LikelihoodHeads& decoded,
                  ConstPanels x) { multinomial_forward(loss, decoded.heads[0], x, decoded.B, decoded.L, decoded.D); },
    .forward_backward =
        [](double* loss, const LikelihoodHeads& decoded, ConstPanels x, float scale) {
          multinomial_forward_backward(loss, decoded.heads[0], decoded.heads[0], x, scale, decoded.B, decoded.L,
                                       decoded.D);
        },
    .dispersion_backward = nullptr,
    // The mean of one trial: the probabilities.
    .mean =
        [](const LikelihoodHeads& decoded) {
          categorical_mean(decoded.heads[0], decoded.heads[0], &decoded.D, 1, decoded.B);
        },
    .draw =
        [](Panels out, const LikelihoodHeads& decoded, const double* trials, std::uint64_t seed,
           std::uint32_t first_row) {
          multinomial_draw(out, decoded.heads[0], trials, static_cast<double>(decoded.spec.trials), decoded.B,
                           decoded.D, seed, first_row);
        },
};

}  // namespace aevb
#endif
