#include "likelihood/continuous_bernoulli.h"

#include <cstddef>
#include <cstdint>

#include "likelihood/draws.h"
#include "likelihood/kind.h"

#define AEVB_KERNEL_FILE "likelihood/continuous_bernoulli.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/sums.h"
#include "math/vector_math.h"
// These use the headers above.
#include "likelihood/elementwise_kernels.h"

AEVB_BEFORE_KERNELS

struct ContinuousBernoulli : TermByTerm<ContinuousBernoulli> {
  // The polynomials are used up to this |l|. Like those of math/vector_math.h they are minimax ones (fpminimax). Beyond
  // it, no difference loses more than a few bits.
  static constexpr float NEAR = 2.0f;

  // A'(l), given a = |l|, e = e^−a and w = a/(1 − e).
  AEVB_INLINE F32 slope(F32 l, F32 a, F32 e, F32 w) {
    const F32 odd =
        polynomial(l * l, 0x1.1f425ep-26f, -0x1.b589f2p-21f, 0x1.154ed4p-15f, -0x1.6c16ccp-10f, 0x1.555556p-4f);
    const F32 lower = fnma(e, w, set(1.0f)) / a;  // A'(−a) = 1/a − e/(1 − e)
    const F32 far = select(less(l, zero()), lower, set(1.0f) - lower);
    return select(less(a, set(NEAR)), fma(l, odd, set(0.5f)), far);
  }

  template <bool BACKWARD>
  AEVB_INLINE F32 loss(F32 l, F32 x, F32* dl) {
    const F32 a = abs(l);
    const F32 e = exp_minus(a);
    const F32 w = a / (set(1.0f) - e);
    // A(l) = l/2 + log(sinh(l/2)/(l/2)), and the second term is even.
    const F32 square = l * l;
    const F32 even =
        polynomial(square, 0x1.fbeb6cp-30f, -0x1.bbeaep-24f, 0x1.7202ap-18f, -0x1.6c17bp-12f, 0x1.555556p-5f);
    const F32 near = fma(l, set(0.5f) - x, square * even);
    const F32 far = fnma(l, x, max(zero(), l)) - log(w);
    if constexpr (BACKWARD) *dl = slope(l, a, e, w) - x;
    return select(less(a, set(NEAR)), near, far);
  }

  AEVB_INLINE F32 mean(F32 l) {
    const F32 a = abs(l);
    const F32 e = exp_minus(a);
    return slope(l, a, e, a / (set(1.0f) - e));
  }
};

void continuous_bernoulli_forward(double* loss, ConstPanels logits, ConstPanels x, std::size_t B, std::size_t L,
                                  std::size_t D) {
  elementwise_loss<ContinuousBernoulli, false>(loss, {}, logits, x, 1.0f, B, L, D);
}

void continuous_bernoulli_forward_backward(double* loss, Panels dlogits, ConstPanels logits, ConstPanels x, float scale,
                                           std::size_t B, std::size_t L, std::size_t D) {
  elementwise_loss<ContinuousBernoulli, true>(loss, dlogits, logits, x, scale, B, L, D);
}

void continuous_bernoulli_mean(Panels mean, ConstPanels logits, std::size_t B, std::size_t D) {
  elementwise_mean<ContinuousBernoulli>(mean, logits, B, D);
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void continuous_bernoulli_forward(double* loss, ConstPanels logits, ConstPanels x, std::size_t B, std::size_t L,
                                  std::size_t D) {
  AEVB_DISPATCH(continuous_bernoulli_forward)(loss, logits, x, B, L, D);
}

void continuous_bernoulli_forward_backward(double* loss, Panels dlogits, ConstPanels logits, ConstPanels x, float scale,
                                           std::size_t B, std::size_t L, std::size_t D) {
  AEVB_DISPATCH(continuous_bernoulli_forward_backward)(loss, dlogits, logits, x, scale, B, L, D);
}

void continuous_bernoulli_mean(Panels mean, ConstPanels logits, std::size_t B, std::size_t D) {
  AEVB_DISPATCH(continuous_bernoulli_mean)(mean, logits, B, D);
}

const LikelihoodKind CONTINUOUS_BERNOULLI_LIKELIHOOD{
    .first_head = "logits",
    .log_dispersion = nullptr,
    .covariance = nullptr,
    .dispersion_power = 0,
    .keeps_dispersion_gradient = never,
    .domain = [](const LikelihoodSpec&) { return Domain::unit; },
    .given_total = false,
    .may_miss = always,
    .neutralize = neutral_head<0>,
    .missing_target = 0.5f,
    .forward =
        [](double* loss, const LikelihoodHeads& decoded, ConstPanels x) {
          continuous_bernoulli_forward(loss, decoded.heads[0], x, decoded.B, decoded.L, decoded.D);
        },
    .forward_backward =
        [](double* loss, const LikelihoodHeads& decoded, ConstPanels x, float scale) {
          continuous_bernoulli_forward_backward(loss, decoded.heads[0], decoded.heads[0], x, scale, decoded.B,
                                                decoded.L, decoded.D);
        },
    .dispersion_backward = nullptr,
    .mean =
        [](const LikelihoodHeads& decoded) {
          continuous_bernoulli_mean(decoded.heads[0], decoded.heads[0], decoded.B, decoded.D);
        },
    .draw =
        [](Panels out, const LikelihoodHeads& decoded, const double*, std::uint64_t seed, std::uint32_t first_row) {
          continuous_bernoulli_draw(out, decoded.heads[0], decoded.B, decoded.D, seed, first_row);
        },
};

}  // namespace aevb
#endif
