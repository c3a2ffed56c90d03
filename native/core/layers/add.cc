#include "layers/add.h"

#include "math/columns.h"

namespace aevb {

void AddLayer::forward(const LayerPass& pass, Rows rows) const {
  const Rows positions = rows.times(shape_.positions());
  const Panels out = pass.output->out.from_row(positions.first);
  place_columns(out, 0, pass.input[0]->out.from_row(positions.first), positions.count, shape_.channels);
  take_columns_add(out, pass.input[1]->out.from_row(positions.first), 0, positions.count, shape_.channels);
}

void AddLayer::backward(const LayerPass& pass, Rows rows) const {
  const Rows positions = rows.times(shape_.positions());
  const Panels dout = pass.output->dout.from_row(positions.first);
  for (std::size_t i = 0; i < 2; ++i) {
    // Data have no gradient.
    if (pass.input[i]->dout.data == nullptr) continue;
    const Panels dinp = pass.input[i]->dout.from_row(positions.first);
    if (pass.adds[i]) {
      take_columns_add(dinp, dout, 0, positions.count, shape_.channels);
    } else {
      take_columns(dinp, dout, 0, positions.count, shape_.channels);
    }
  }
}

}  // namespace aevb
