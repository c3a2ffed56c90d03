#include "layers/upsample.h"

#include <algorithm>
#include <stdexcept>

#include "layers/limits.h"
#include "math/panel_ops.h"

namespace aevb {

namespace {

// The two terms of a position along one axis. The second has weight 0 if the first is the whole result.
struct AxisTerms {
  std::size_t first, second;
  float second_weight;
};

AxisTerms terms_of(std::size_t position, std::size_t factor, std::size_t size, Interpolation interpolation) {
  if (interpolation == Interpolation::nearest) return {position / factor, position / factor, 0.0f};
  // The centre of the position, in input positions from the centre of the first one.
  const double centre = (static_cast<double>(position) + 0.5) / static_cast<double>(factor) - 0.5;
  const double within = std::max(0.0, centre);
  const auto first = static_cast<std::size_t>(within);
  return {first, std::min(first + 1, size - 1), static_cast<float>(within - static_cast<double>(first))};
}

}  // namespace

UpsampleLayer::UpsampleLayer(const Shape& input, const LayerSpec& spec, bool input_gradient)
    : input_(input), input_gradient_(input_gradient) {
  const Extent& factor = spec.extent;
  if (factor.product() == 0) throw std::invalid_argument("a factor of 0");
  output_ = {input.channels, input.depth * factor.depth, input.height * factor.height, input.width * factor.width};
  check_size(output_, 3);
  const bool linear = spec.interpolation == Interpolation::linear;
  const auto both = [&](std::size_t axis_factor) { return linear && axis_factor > 1 ? 2u : 1u; };
  const std::size_t depth = both(factor.depth), height = both(factor.height), width = both(factor.width);
  terms_ = depth * height * width;
  for (std::size_t z = 0; z < output_.depth; ++z) {
    const AxisTerms z_terms = terms_of(z, factor.depth, input.depth, spec.interpolation);
    for (std::size_t y = 0; y < output_.height; ++y) {
      const AxisTerms y_terms = terms_of(y, factor.height, input.height, spec.interpolation);
      for (std::size_t x = 0; x < output_.width; ++x) {
        const AxisTerms x_terms = terms_of(x, factor.width, input.width, spec.interpolation);
        const auto position = [](const AxisTerms& terms, std::size_t i) { return i == 0 ? terms.first : terms.second; };
        const auto weight = [](const AxisTerms& terms, std::size_t i) {
          return i == 0 ? 1.0f - terms.second_weight : terms.second_weight;
        };
        for (std::size_t a = 0; a < depth; ++a) {
          for (std::size_t b = 0; b < height; ++b) {
            for (std::size_t c = 0; c < width; ++c) {
              table_.push_back(
                  {(position(z_terms, a) * input.height + position(y_terms, b)) * input.width + position(x_terms, c),
                   weight(z_terms, a) * weight(y_terms, b) * weight(x_terms, c)});
            }
          }
        }
      }
    }
  }
}

void UpsampleLayer::forward(const LayerPass& pass, Rows rows) const {
  const std::size_t P = output_.positions();
  for (std::size_t row = rows.first; row < rows.first + rows.count; ++row) {
    mix_positions(pass.output->out.from_row(row * P), pass.input[0]->out.from_row(row * input_.positions()),
                  table_.data(), terms_, P, input_.channels);
  }
}

void UpsampleLayer::backward(const LayerPass& pass, Rows rows) const {
  if (!input_gradient_) return;
  const std::size_t P = output_.positions();
  for (std::size_t row = rows.first; row < rows.first + rows.count; ++row) {
    const Panels dx = pass.input[0]->dout.from_row(row * input_.positions());
    if (!pass.adds[0]) clear(dx, input_.positions(), input_.channels);
    mix_positions_backward(dx, pass.output->dout.from_row(row * P), table_.data(), terms_, P, input_.channels);
  }
}

double UpsampleLayer::operations() const {
  return 2.0 * static_cast<double>(output_.elements()) * static_cast<double>(terms_);
}

}  // namespace aevb
