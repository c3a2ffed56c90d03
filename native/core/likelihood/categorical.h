// p(x|z) = Π over variables of softmax(l)[class]: each group of consecutive columns holds the classes of one
// variable, and x is one-hot in the same columns:
//   −log p(x|z) = Σ over variables of  log Σ_k e^(l_k) − Σ_k x_k l_k,   ∂/∂l = softmax(l) − x
// x may hold fractions that add up to 1 in each group: soft targets. The loss is then their cross-entropy.
//
// B data, L draws of each. Row b L + l of the decoder's output belongs to row b of x. classes[variables]: the
// number of columns of each group; they add up to D. A group may begin and end anywhere in a panel.
#pragma once

#include <cstddef>

#include "tensor/panels.h"

namespace aevb {

// loss[B L] = −log p(x|z), nats, summed over variables; overwrites.
void categorical_forward(double* loss, ConstPanels logits, ConstPanels x, const std::size_t* classes,
                         std::size_t variables, std::size_t B, std::size_t L);

// The same, and dlogits[B L, D] = scale · (softmax(logits) − x); overwrites, and dlogits may be logits itself. Leaves
// the padding of dlogits zero.
void categorical_forward_backward(double* loss, Panels dlogits, ConstPanels logits, ConstPanels x,
                                  const std::size_t* classes, std::size_t variables, float scale, std::size_t B,
                                  std::size_t L);

// mean[B, D] = softmax of each group of logits[B, D]; overwrites, and may be logits itself.
void categorical_mean(Panels mean, ConstPanels logits, const std::size_t* classes, std::size_t variables,
                      std::size_t B);

}  // namespace aevb
