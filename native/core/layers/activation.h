// Elementwise activations, as PyTorch defines them: leakyRelu has slope 0.01, elu has alpha 1, gelu is the exact form
// x Φ(x).
#pragma once

#include <cstddef>

#include "spec/spec.h"
#include "tensor/panels.h"

namespace aevb {

// Whether activation_backward reads the activation's input (gelu, silu) or its output (all others).
bool activation_reads_input(Activation activation);

// out[B, C] = activation(inp[B, C]); overwrites; out may be inp. `pre`, if not null, receives inp.
void activation_forward(Panels out, Panels pre, ConstPanels inp, std::size_t B, std::size_t C, Activation activation);

// dinp[B, C] = dout[B, C] ⊙ activation'(…); overwrites; dinp may be dout. `value` is the input or the output of the
// activation, see activation_reads_input. Padding that is zero in dout is zero in dinp.
void activation_backward(Panels dinp, ConstPanels dout, ConstPanels value, std::size_t B, std::size_t C,
                         Activation activation);

}  // namespace aevb
