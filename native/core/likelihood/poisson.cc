#include "likelihood/poisson.h"

#include <cstddef>
#include <cstdint>

#include "likelihood/draws.h"
#include "likelihood/kind.h"

#define AEVB_KERNEL_FILE "likelihood/poisson.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/sums.h"
#include "math/vector_math.h"
// These use the headers above.
#include "likelihood/count_kernels.h"
#include "likelihood/elementwise_kernels.h"

AEVB_BEFORE_KERNELS

struct Poisson : TermByTerm<Poisson> {
  // log λ, and its derivative by r.
  template <bool BACKWARD>
  AEVB_INLINE F32 bounded(F32 r, F32* chain) {
    const F32 bound = set(POISSON_LOG_RATE_MAX);
    const F32 below = bound - r;
    const F32 e = exp_minus(abs(below));
    if constexpr (BACKWARD) *chain = sigmoid_of_decay(below, e);
    return min(bound, r) - log1p_of_unit(e);
  }

  template <bool BACKWARD>
  AEVB_INLINE F32 loss(F32 r, F32 x, F32* dr) {
    F32 chain = zero();
    const F32 log_rate = bounded<BACKWARD>(r, &chain);
    const F32 rate = exp(log_rate);
    if constexpr (BACKWARD) *dr = chain * (rate - x);
    return count_loss(x, log_rate, rate);
  }

  AEVB_INLINE F32 mean(F32 r) { return exp(bounded<false>(r, nullptr)); }
};

void poisson_forward(double* loss, ConstPanels log_rate, ConstPanels x, std::size_t B, std::size_t L, std::size_t D) {
  elementwise_loss<Poisson, false>(loss, {}, log_rate, x, 1.0f, B, L, D);
}

void poisson_forward_backward(double* loss, Panels dlog_rate, ConstPanels log_rate, ConstPanels x, float scale,
                              std::size_t B, std::size_t L, std::size_t D) {
  elementwise_loss<Poisson, true>(loss, dlog_rate, log_rate, x, scale, B, L, D);
}

void poisson_mean(Panels mean, ConstPanels log_rate, std::size_t B, std::size_t D) {
  elementwise_mean<Poisson>(mean, log_rate, B, D);
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void poisson_forward(double* loss, ConstPanels log_rate, ConstPanels x, std::size_t B, std::size_t L, std::size_t D) {
  AEVB_DISPATCH(poisson_forward)(loss, log_rate, x, B, L, D);
}

void poisson_forward_backward(double* loss, Panels dlog_rate, ConstPanels log_rate, ConstPanels x, float scale,
                              std::size_t B, std::size_t L, std::size_t D) {
  AEVB_DISPATCH(poisson_forward_backward)(loss, dlog_rate, log_rate, x, scale, B, L, D);
}

void poisson_mean(Panels mean, ConstPanels log_rate, std::size_t B, std::size_t D) {
  AEVB_DISPATCH(poisson_mean)(mean, log_rate, B, D);
}

const LikelihoodKind POISSON_LIKELIHOOD{
    .first_head = "logRate",
    .log_dispersion = nullptr,
    .covariance = nullptr,
    .dispersion_power = 0,
    .keeps_dispersion_gradient = never,
    .domain = [](const LikelihoodSpec&) { return Domain::counts; },
    .given_total = false,
    .may_miss = always,
    .neutralize = neutral_head<-200>,
    .missing_target = 0.0f,
    .forward = [](double* loss, const LikelihoodHeads& decoded,
                  ConstPanels x) { poisson_forward(loss, decoded.heads[0], x, decoded.B, decoded.L, decoded.D); },
    .forward_backward =
        [](double* loss, const LikelihoodHeads& decoded, ConstPanels x, float scale) {
          poisson_forward_backward(loss, decoded.heads[0], decoded.heads[0], x, scale, decoded.B, decoded.L, decoded.D);
        },
    .dispersion_backward = nullptr,
    .mean =
        [](const LikelihoodHeads& decoded) { poisson_mean(decoded.heads[0], decoded.heads[0], decoded.B, decoded.D); },
    .draw = [](Panels out, const LikelihoodHeads& decoded, const double*, std::uint64_t seed,
               std::uint32_t first_row) { poisson_draw(out, decoded.heads[0], decoded.B, decoded.D, seed, first_row); },
};

}  // namespace aevb
#endif
