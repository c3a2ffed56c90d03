#include "layers/dense.h"

#include <algorithm>

#include "layers/activation.h"
#include "math/gemm.h"
#include "math/panel_ops.h"

namespace aevb {

void dense_forward(Panels out, Panels pre, ConstPanels inp, ConstPanels weight, const float* bias, std::size_t B,
                   std::size_t C, std::size_t OC, Activation activation, Zeros zeros, Precision precision) {
  // Panel by panel, so that the sums are in the first-level cache when the activation reads them. A single row fits
  // into that cache as a whole, and its product is faster over many panels. If rows are rounded to a shorter format,
  // all panels are multiplied at once, so that the rows are rounded only once.
  const bool whole = B == 1 || precision != Precision::float32;
  const std::size_t panels = whole ? panel_count(OC, out.width) : 1;
  for (std::size_t panel = 0; panel * out.width < OC; panel += panels) {
    const std::size_t first = panel * out.width;
    const std::size_t cols = std::min(panels * out.width, OC - first);
    const Panels sums = out.from_panel(panel);
    multiply(sums, inp, weight.from_panel(panel), B, C, cols, false, zeros, bias + first, precision);
    if (activation == Activation::identity && pre.data == nullptr) continue;
    activation_forward(sums, pre.data == nullptr ? pre : pre.from_panel(panel), sums, B, cols, activation);
  }
}

void dense_backward_input(Panels dinp, ConstPanels dout, ConstPanels weight, ConstPanels weight_transposed,
                          std::size_t B, std::size_t C, std::size_t OC, bool accumulate, Precision precision) {
  multiply_by_transpose(dinp, dout, weight, weight_transposed, B, C, OC, accumulate, precision);
}

void dense_backward_weight(Panels dweight, ConstPanels inp, ConstPanels dout, std::size_t B, std::size_t C,
                           std::size_t OC, Zeros zeros, Precision precision) {
  multiply_transposed(dweight, inp, dout, B, C, OC, false, zeros, precision);
}

void dense_backward_bias(float* dbias, ConstPanels dout, std::size_t B, std::size_t OC) {
  column_sums(dbias, dout, B, OC);
}

}  // namespace aevb
