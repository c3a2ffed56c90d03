// p(x|z) = Π Bernoulli(x; sigmoid(logits)), for any x in [0, 1]:
//   −log p(x|z) = Σ max(l, 0) − l x + log(1 + exp(−|l|)),   ∂/∂l = sigmoid(l) − x
//
// B data, L draws of each, D features. Row b L + l of the decoder's output belongs to row b of x.
#pragma once

#include <cstddef>

#include "tensor/panels.h"

namespace aevb {

// loss[B L] = −log p(x|z), nats, summed over features; overwrites.
void bernoulli_forward(double* loss, ConstPanels logits, ConstPanels x, std::size_t B, std::size_t L, std::size_t D);

// The same, and dlogits[B L, D] = scale · (sigmoid(logits) − x); overwrites, and dlogits may be logits itself. Leaves
// the padding of dlogits zero.
void bernoulli_forward_backward(double* loss, Panels dlogits, ConstPanels logits, ConstPanels x, float scale,
                                std::size_t B, std::size_t L, std::size_t D);

// mean[B, D] = sigmoid(logits[B, D]); overwrites, and may be logits itself.
void bernoulli_mean(Panels mean, ConstPanels logits, std::size_t B, std::size_t D);

}  // namespace aevb
