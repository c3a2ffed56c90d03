#include "layers/dropout.h"

#include "layers/row_norm_kernels.h"
#include "math/columns.h"
#include "math/random.h"
#include "tensor/aligned.h"

namespace aevb {

namespace {

// Blocks of four elements that one place has in a row. All places together have 2³².
constexpr std::uint32_t BLOCKS_PER_PLACE = 1u << 24;
static_assert(BLOCKS_PER_PLACE * std::uint64_t{DropoutLayer::PLACES} == std::uint64_t{1} << 32);

}  // namespace

DropoutLayer::DropoutLayer(const Shape& shape, const LayerSpec& spec, std::uint32_t place, bool input_gradient)
    : shape_(shape),
      rate_(spec.rate),
      whole_channels_(spec.whole_channels),
      input_gradient_(input_gradient),
      place_(place),
      pitch_(cache_lines(shape.channels)) {}

std::vector<std::size_t> DropoutLayer::buffers(const Capacity& capacity) const {
  return {capacity.tasks * (whole_channels_ ? 1 : shape_.positions()) * pitch_};
}

float* DropoutLayer::factors(const LayerPass& pass, std::size_t row, std::size_t task) const {
  const std::size_t floats = (whole_channels_ ? 1 : shape_.positions()) * pitch_;
  float* to = pass.buffers[0] + task * floats;
  const auto kept = static_cast<float>(1.0 / (1.0 - rate_));
  const auto rate = static_cast<float>(rate_);
  for (std::size_t i = 0; i < floats; i += 4) {
    const auto lane = place_ * BLOCKS_PER_PLACE + static_cast<std::uint32_t>(i / 4);
    const Philox block = philox(pass.seed, Purpose::dropout, pass.step, static_cast<std::uint32_t>(row), lane);
    for (std::size_t j = 0; j < 4; ++j) to[i + j] = uniform(block.word[j]) < rate ? 0.0f : kept;
  }
  return to;
}

void DropoutLayer::forward(const LayerPass& pass, Rows rows) const {
  const std::size_t P = shape_.positions(), C = shape_.channels;
  for (std::size_t row = rows.first; row < rows.first + rows.count; ++row) {
    const Panels out = pass.output->out.from_row(row * P), x = pass.input[0]->out.from_row(row * P);
    if (pass.training) {
      scale_elements(out, x, factors(pass, row, rows.task), whole_channels_ ? 0 : pitch_, P, C);
    } else {
      take_columns(out, x, 0, P, C);
    }
  }
}

void DropoutLayer::backward(const LayerPass& pass, Rows rows) const {
  if (!input_gradient_) return;
  const std::size_t P = shape_.positions(), C = shape_.channels;
  for (std::size_t row = rows.first; row < rows.first + rows.count; ++row) {
    const Panels dout = pass.output->dout.from_row(row * P), dx = pass.input[0]->dout.from_row(row * P);
    const Panels to = pass.adds[0] ? dout : dx;
    if (pass.training) {
      scale_elements(to, dout, factors(pass, row, rows.task), whole_channels_ ? 0 : pitch_, P, C);
    } else if (!pass.adds[0]) {
      take_columns(dx, dout, 0, P, C);
    }
    if (pass.adds[0]) take_columns_add(dx, dout, 0, P, C);
  }
}

}  // namespace aevb
