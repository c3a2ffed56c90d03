// The continuous Bernoulli distribution (Loaiza-Ganem and Cunningham, The continuous Bernoulli: fixing a pervasive
// error in variational autoencoders (2019)), p(x|z) ∝ Π sigmoid(l)^x (1 − sigmoid(l))^(1 − x) for x in [0, 1]:
//   −log p(x|z) = Σ A(l) − l x,   A(l) = log((e^l − 1)/l),   ∂/∂l = A'(l) − x
//   mean = A'(l) = 1/(1 − e^−l) − 1/l
// A(0) = 0 and A'(0) = ½; near 0 both are computed by polynomials. With a = |l|, A(l) = max(l, 0) + log((1 − e^−a)/a).
//
// B data, L draws of each, D features. Row b L + l of the decoder's output belongs to row b of x.
#pragma once

#include <cstddef>

#include "tensor/panels.h"

namespace aevb {

// loss[B L] = −log p(x|z), nats, summed over features; overwrites.
void continuous_bernoulli_forward(double* loss, ConstPanels logits, ConstPanels x, std::size_t B, std::size_t L,
                                  std::size_t D);

// The same, and dlogits[B L, D] = scale · (A'(logits) − x); overwrites, and dlogits may be logits itself. Leaves the
// padding of dlogits zero.
void continuous_bernoulli_forward_backward(double* loss, Panels dlogits, ConstPanels logits, ConstPanels x, float scale,
                                           std::size_t B, std::size_t L, std::size_t D);

// mean[B, D] = A'(logits[B, D]); overwrites, and may be logits itself.
void continuous_bernoulli_mean(Panels mean, ConstPanels logits, std::size_t B, std::size_t D);

}  // namespace aevb
