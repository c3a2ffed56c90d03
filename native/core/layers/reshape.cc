#include "layers/reshape.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "layers/shape_text.h"

namespace aevb {

namespace {

// Calls visit(row_offset, image_offset) for every element: floats from the start of the row and of the image.
template <typename Visit>
void for_each_element(ConstPanels flat, ConstPanels image, std::size_t C, std::size_t P, bool positions_first,
                      Visit visit) {
  std::size_t panel_offset = 0, in_panel = 0;
  const auto next = [&] {
    if (++in_panel < flat.width) return;
    in_panel = 0;
    panel_offset += flat.stride;
  };
  const auto column = [&](std::size_t c) { return c / image.width * image.stride + c % image.width; };
  if (positions_first) {
    for (std::size_t p = 0; p < P; ++p) {
      for (std::size_t c = 0; c < C; ++c, next()) visit(panel_offset + in_panel, column(c) + p * image.width);
    }
    return;
  }
  for (std::size_t c = 0; c < C; ++c) {
    std::size_t image_offset = column(c);
    for (std::size_t p = 0; p < P; ++p, image_offset += image.width, next())
      visit(panel_offset + in_panel, image_offset);
  }
}

// Whether the image has one channel without padding, so that its elements are in the order of a row.
bool is_flat(ConstPanels image, std::size_t C) { return image.width == 1 && C == 1; }

// Calls visit(row_offset, image_offset, count) for pieces of a row that are in one panel.
template <typename Visit>
void for_each_run(ConstPanels flat, std::size_t P, Visit visit) {
  for (std::size_t p = 0, panel_offset = 0; p < P; p += flat.width, panel_offset += flat.stride) {
    visit(panel_offset, p, std::min(flat.width, P - p));
  }
}

void flatten_row(Panels flat, ConstPanels image, std::size_t C, std::size_t P, bool positions_first, bool add) {
  if (is_flat(image, C) && !add) {
    return for_each_run(flat, P, [&](std::size_t row_offset, std::size_t image_offset, std::size_t count) {
      std::copy_n(image.data + image_offset, count, flat.data + row_offset);
    });
  }
  for_each_element(flat, image, C, P, positions_first, [&](std::size_t row_offset, std::size_t image_offset) {
    flat.data[row_offset] = add ? flat.data[row_offset] + image.data[image_offset] : image.data[image_offset];
  });
}

void unflatten_row(Panels image, ConstPanels flat, std::size_t C, std::size_t P, bool positions_first, bool add) {
  if (is_flat(image, C) && !add) {
    return for_each_run(flat, P, [&](std::size_t row_offset, std::size_t image_offset, std::size_t count) {
      std::copy_n(flat.data + row_offset, count, image.data + image_offset);
    });
  }
  for_each_element(flat, image, C, P, positions_first, [&](std::size_t row_offset, std::size_t image_offset) {
    image.data[image_offset] = add ? image.data[image_offset] + flat.data[row_offset] : flat.data[row_offset];
  });
}

}  // namespace

void FlattenLayer::forward(const LayerPass& pass, Rows rows) const {
  const std::size_t P = input_.positions();
  for (std::size_t row = rows.first; row < rows.first + rows.count; ++row) {
    flatten_row(pass.output->out.from_row(row), pass.input[0]->out.from_row(row * P), input_.channels, P,
                positions_first_, false);
  }
}

void FlattenLayer::backward(const LayerPass& pass, Rows rows) const {
  if (!input_gradient_) return;
  const std::size_t P = input_.positions();
  for (std::size_t row = rows.first; row < rows.first + rows.count; ++row) {
    unflatten_row(pass.input[0]->dout.from_row(row * P), pass.output->dout.from_row(row), input_.channels, P,
                  positions_first_, pass.adds[0]);
  }
}

ReshapeLayer::ReshapeLayer(const Shape& input, const Shape& output, std::size_t condition, std::size_t dimensions,
                           bool positions_first, bool input_gradient)
    : output_(output),
      image_channels_(output.channels),
      positions_first_(positions_first),
      input_gradient_(input_gradient) {
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
    unflatten_row(image, flat, image_channels_, P, positions_first_, false);
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
    flatten_row(flat, ConstPanels(pass.output->dout).from_row(row * P), image_channels_, P, positions_first_,
                pass.adds[0]);
  }
}

}  // namespace aevb
