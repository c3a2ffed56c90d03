// p(x|z) = Multinomial(x; n, softmax(l)) for counts x_i = 0, 1, 2, ... and n = Σ x_i trials:
//   −log p(x|z) = −log n! + Σ log x_i! − x_i log softmax(l)_i,   ∂/∂l = n softmax(l) − x
// It is summed as Σ (λ_i − x_i log λ_i + log x_i!) − (log n! − n log n + n) with λ = n softmax(l), that is as Poisson
// variables that are known to add up to n: see likelihood/count_kernels.h for how that loses nothing to cancellation.
// A cell that is not a count has no meaning, but does no harm.
//
// B data, L draws of each, D features. Row b L + l of the decoder's output belongs to row b of x.
#pragma once

#include <cstddef>

#include "tensor/panels.h"

namespace aevb {

// loss[B L] = −log p(x|z), nats; overwrites.
void multinomial_forward(double* loss, ConstPanels logits, ConstPanels x, std::size_t B, std::size_t L, std::size_t D);

// The same, and dlogits[B L, D] = scale · (n softmax(logits) − x); overwrites, and dlogits may be logits itself. Leaves
// the padding of dlogits zero.
void multinomial_forward_backward(double* loss, Panels dlogits, ConstPanels logits, ConstPanels x, float scale,
                                  std::size_t B, std::size_t L, std::size_t D);

// categorical_mean computes the probabilities, which are the mean of one trial.

}  // namespace aevb
