#include "layers/activation_layer.h"

#include "layers/activation.h"
#include "math/columns.h"

namespace aevb {

void ActivationLayer::forward(const LayerPass& pass, Rows rows) const {
  const Rows positions = rows.times(shape_.positions());
  activation_forward(pass.output->out.from_row(positions.first), {}, pass.input[0]->out.from_row(positions.first),
                     positions.count, shape_.channels, activation_);
}

void ActivationLayer::backward(const LayerPass& pass, Rows rows) const {
  if (!input_gradient_) return;
  const Rows positions = rows.times(shape_.positions());
  const Panels dout = pass.output->dout.from_row(positions.first), dinp = pass.input[0]->dout.from_row(positions.first);
  const Panels value = activation_reads_input(activation_) ? pass.input[0]->out : pass.output->out;
  const Panels to = pass.adds[0] ? dout : dinp;
  activation_backward(to, dout, value.from_row(positions.first), positions.count, shape_.channels, activation_);
  if (pass.adds[0]) take_columns_add(dinp, dout, 0, positions.count, shape_.channels);
}

}  // namespace aevb
