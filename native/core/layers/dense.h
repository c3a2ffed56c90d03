// A fully connected layer: out = activation(inp · weight + bias).
//
// B rows, C inputs, OC outputs. `weight` is [C, OC] in panels, that is PyTorch's [out, in] transposed.
#pragma once

#include <cstddef>

#include "math/zeros.h"
#include "spec/spec.h"
#include "tensor/panels.h"

namespace aevb {

// out[B, OC] = activation(inp[B, C] · weight[C, OC] + bias[OC]); overwrites all but the padding. bias is padded with
// zeros to whole panels. `pre`, if its data is not null, receives the activation's input. `zeros`: the zeros of inp
// (math/zeros.h).
void dense_forward(Panels out, Panels pre, ConstPanels inp, ConstPanels weight, const float* bias, std::size_t B,
                   std::size_t C, std::size_t OC, Activation activation, Zeros zeros = {},
                   Precision precision = Precision::float32);

// dinp[B, C] = dout[B, OC] · weightᵀ, or += with `accumulate`. weight_transposed[OC, C] is read if
// wants_transposed_copy() (gemm.h), otherwise weight.
void dense_backward_input(Panels dinp, ConstPanels dout, ConstPanels weight, ConstPanels weight_transposed,
                          std::size_t B, std::size_t C, std::size_t OC, bool accumulate,
                          Precision precision = Precision::float32);

// dweight[C, OC] = inp[B, C]ᵀ · dout[B, OC]; overwrites. `zeros`: the zeros of inp.
void dense_backward_weight(Panels dweight, ConstPanels inp, ConstPanels dout, std::size_t B, std::size_t C,
                           std::size_t OC, Zeros zeros = {}, Precision precision = Precision::float32);

// dbias[OC] = Σ over B rows of dout; overwrites.
void dense_backward_bias(float* dbias, ConstPanels dout, std::size_t B, std::size_t OC);

}  // namespace aevb
