#include "likelihood/bernoulli.h"

#include <cstddef>
#include <cstdint>

#include "likelihood/draws.h"
#include "likelihood/kind.h"

#define AEVB_KERNEL_FILE "likelihood/bernoulli.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/sums.h"
#include "math/vector_math.h"
// Uses the headers above.
#include "likelihood/elementwise_kernels.h"

AEVB_BEFORE_KERNELS

struct Bernoulli {
  // The sums of one row: Π q and Σ max(l, 0) − l x for each lane, and the total that was emptied from the lanes.
  struct Sum {
    F32 product, linear;
    double total;
  };

  // With e = exp(−|l|) and q = 1 + e, Σ log q is the log of a product: every q is at most 2, so a lane may multiply
  // this many of them before it must be emptied into the row's total. Each product rounds by 2⁻²⁴, so a term may be off
  // by 2⁻²⁴ nats, which matters only if the loss is nearly 0.
  static constexpr std::size_t MOST = 120;

  AEVB_INLINE Sum nothing() { return {set(1.0f), zero(), 0.0}; }

  template <bool BACKWARD, bool WHOLE>
  AEVB_INLINE void add(Sum* row, F32 l, F32 x, F32* slope, int lanes) {
    const F32 e = exp_minus(abs(l));
    const F32 q = set(1.0f) + e;
    row->product = row->product * keep_lanes<WHOLE>(q, set(1.0f), lanes);
    row->linear = row->linear + fnma(l, x, max(zero(), l));
    if constexpr (BACKWARD) *slope = select(less(l, zero()), e, set(1.0f)) / q - x;
  }

  AEVB_INLINE void empty(Sum* row) {
    row->total += static_cast<double>(sum(row->linear + log(row->product)));
    row->product = set(1.0f);
    row->linear = zero();
  }

  AEVB_INLINE F32 mean(F32 l) { return sigmoid(l); }
};

void bernoulli_forward(double* loss, ConstPanels logits, ConstPanels x, std::size_t B, std::size_t L, std::size_t D) {
  elementwise_loss<Bernoulli, false>(loss, {}, logits, x, 1.0f, B, L, D);
}

void bernoulli_forward_backward(double* loss, Panels dlogits, ConstPanels logits, ConstPanels x, float scale,
                                std::size_t B, std::size_t L, std::size_t D) {
  elementwise_loss<Bernoulli, true>(loss, dlogits, logits, x, scale, B, L, D);
}

void bernoulli_mean(Panels mean, ConstPanels logits, std::size_t B, std::size_t D) {
  elementwise_mean<Bernoulli>(mean, logits, B, D);
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void bernoulli_forward(double* loss, ConstPanels logits, ConstPanels x, std::size_t B, std::size_t L, std::size_t D) {
  AEVB_DISPATCH(bernoulli_forward)(loss, logits, x, B, L, D);
}

void bernoulli_forward_backward(double* loss, Panels dlogits, ConstPanels logits, ConstPanels x, float scale,
                                std::size_t B, std::size_t L, std::size_t D) {
  AEVB_DISPATCH(bernoulli_forward_backward)(loss, dlogits, logits, x, scale, B, L, D);
}

void bernoulli_mean(Panels mean, ConstPanels logits, std::size_t B, std::size_t D) {
  AEVB_DISPATCH(bernoulli_mean)(mean, logits, B, D);
}

const LikelihoodKind BERNOULLI_LIKELIHOOD{
    .first_head = "logits",
    .log_dispersion = nullptr,
    .covariance = nullptr,
    .dispersion_power = 0,
    .keeps_dispersion_gradient = never,
    .domain = [](const LikelihoodSpec&) { return Domain::unit; },
    .given_total = false,
    .may_miss = always,
    .neutralize = neutral_head<-200>,
    .missing_target = 0.0f,
    .forward = [](double* loss, const LikelihoodHeads& decoded,
                  ConstPanels x) { bernoulli_forward(loss, decoded.heads[0], x, decoded.B, decoded.L, decoded.D); },
    .forward_backward =
        [](double* loss, const LikelihoodHeads& decoded, ConstPanels x, float scale) {
          bernoulli_forward_backward(loss, decoded.heads[0], decoded.heads[0], x, scale, decoded.B, decoded.L,
                                     decoded.D);
        },
    .dispersion_backward = nullptr,
    .mean =
        [](const LikelihoodHeads& decoded) {
          bernoulli_mean(decoded.heads[0], decoded.heads[0], decoded.B, decoded.D);
        },
    .draw =
        [](Panels out, const LikelihoodHeads& decoded, const double*, std::uint64_t seed, std::uint32_t first_row) {
          bernoulli_draw(out, decoded.heads[0], decoded.B, decoded.D, seed, first_row);
        },
};

}  // namespace aevb
#endif
