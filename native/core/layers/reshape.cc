#include "layers/reshape.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "layers/shape_text.h"

namespace aevb {

namespace {

// One row of a matrix: `count` columns from `first` on, as they lie in its panels.
template <typename Visit>
void for_each_run(std::size_t first, std::size_t count, std::size_t width, Visit visit) {
  for (std::size_t i = 0; i < count;) {
    const std::size_t column = first + i, run = std::min(count - i, width - column % width);
    visit(i, column, run);
    i += run;
  }
}

// flat[row][channel · P + p] = or += image[p][channel].
void flatten_row(Panels flat, ConstPanels image, std::size_t C, std::size_t P, bool add) {
  for (std::size_t c = 0; c < C; ++c) {
    const float* from = image.data + c / image.width * image.stride + c % image.width;
    for_each_run(c * P, P, flat.width, [&](std::size_t p, std::size_t column, std::size_t run) {
      float* to = flat.data + column / flat.width * flat.stride + column % flat.width;
      for (std::size_t i = 0; i < run; ++i) {
        const float value = from[(p + i) * image.width];
        to[i] = add ? to[i] + value : value;
      }
    });
  }
}

// image[p][channel] = or += flat[row][channel · P + p].
void unflatten_row(Panels image, ConstPanels flat, std::size_t C, std::size_t P, bool add) {
  for (std::size_t c = 0; c < C; ++c) {
    float* to = image.data + c / image.width * image.stride + c % image.width;
    for_each_run(c * P, P, flat.width, [&](std::size_t p, std::size_t column, std::size_t run) {
      const float* from = flat.data + column / flat.width * flat.stride + column % flat.width;
      for (std::size_t i = 0; i < run; ++i) {
        float& value = to[(p + i) * image.width];
        value = add ? value + from[i] : from[i];
      }
    });
  }
}

}  // namespace

void FlattenLayer::forward(const LayerPass& pass, Rows rows) const {
  const std::size_t P = input_.positions();
  for (std::size_t row = rows.first; row < rows.first + rows.count; ++row) {
    flatten_row(pass.output->out.from_row(row), pass.input[0]->out.from_row(row * P), input_.channels, P, false);
  }
}

void FlattenLayer::backward(const LayerPass& pass, Rows rows) const {
  if (!input_gradient_) return;
  const std::size_t P = input_.positions();
  for (std::size_t row = rows.first; row < rows.first + rows.count; ++row) {
    unflatten_row(pass.input[0]->dout.from_row(row * P), pass.output->dout.from_row(row), input_.channels, P,
                  pass.adds[0]);
  }
}

ReshapeLayer::ReshapeLayer(const Shape& input, const Shape& output, std::size_t condition, std::size_t dimensions,
                           bool input_gradient)
    : output_(output), image_channels_(output.channels), input_gradient_(input_gradient) {
  if (input.positions() != 1 || input.channels != output.elements() + condition) {
    throw std::invalid_argument(shape_text(output, dimensions) + " has " + std::to_string(output.elements()) +
                                " elements, and the input has " + std::to_string(input.elements() - condition));
  }
  output_.channels += condition;
}

void ReshapeLayer::forward(const LayerPass& pass, Rows rows) const {
  const std::size_t P = output_.positions();
  for (std::size_t row = rows.first; row < rows.first + rows.count; ++row) {
    const Panels image = pass.output->out.from_row(row * P);
    const ConstPanels flat = ConstPanels(pass.input[0]->out).from_row(row);
    unflatten_row(image, flat, image_channels_, P, false);
    for (std::size_t c = image_channels_; c < output_.channels; ++c) {
      const float value = flat.at(0, image_channels_ * P + c - image_channels_);
      for (std::size_t p = 0; p < P; ++p) image.at(p, c) = value;
    }
  }
}

void ReshapeLayer::backward(const LayerPass& pass, Rows rows) const {
  if (!input_gradient_) return;
  const std::size_t P = output_.positions();
  for (std::size_t row = rows.first; row < rows.first + rows.count; ++row) {
    const Panels flat = pass.input[0]->dout.from_row(row);
    const ConstPanels image = ConstPanels(pass.output->dout).from_row(row * P);
    flatten_row(flat, image, image_channels_, P, pass.adds[0]);
  }
}

}  // namespace aevb
