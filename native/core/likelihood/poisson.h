// p(x|z) = Π Poisson(x; λ) for counts x = 0, 1, 2, ..., with log λ = r softly bounded from above, so that no rate
// overflows:
//   −log p(x|z) = Σ λ − x log λ + log x!,   log λ = r − log(1 + e^(r − MAX)),   ∂/∂r = sigmoid(MAX − r) (λ − x)
// which is λ = 1/(e^−r + e^−MAX): below r = MAX/2 the bound changes no bit of a float, and far above it the gradient
// vanishes. Large counts lose nothing to cancellation: see likelihood/count_kernels.h. A cell that is not a count has
// no meaning, but does no harm.
//
// B data, L draws of each, D features. Row b L + l of the decoder's output belongs to row b of x.
#pragma once

#include <cstddef>

#include "tensor/panels.h"

namespace aevb {

// MAX of the equation: rates reach 2.4e17.
inline constexpr float POISSON_LOG_RATE_MAX = 40.0f;

// loss[B L] = −log p(x|z), nats, summed over features; overwrites.
void poisson_forward(double* loss, ConstPanels log_rate, ConstPanels x, std::size_t B, std::size_t L, std::size_t D);

// The same, and dlog_rate[B L, D] = scale · ∂/∂r; overwrites, and dlog_rate may be log_rate itself. Leaves the padding
// of dlog_rate zero.
void poisson_forward_backward(double* loss, Panels dlog_rate, ConstPanels log_rate, ConstPanels x, float scale,
                              std::size_t B, std::size_t L, std::size_t D);

// mean[B, D] = λ(log_rate[B, D]); overwrites, and may be log_rate itself.
void poisson_mean(Panels mean, ConstPanels log_rate, std::size_t B, std::size_t D);

}  // namespace aevb
