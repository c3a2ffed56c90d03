#include "layers/row_norm.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "layers/batch_norm_kernels.h"
#include "layers/row_norm_kernels.h"
#include "tensor/aligned.h"

namespace aevb {

namespace {

// The buffers, in the order of buffers(), each with a part for every task. The last two are only in passes with
// gradients.
enum Buffer : std::size_t {
  CHANNELS,  // vectors of channels, in the order of Vector
  SUMS,      // two vectors of doubles
  SCALED,    // dout · weight for one row
  GRADIENT,  // gradients of weight and bias: a float for each element of a row, or a double for each channel
};
enum Vector : std::size_t { MEAN, INVERSE, CONSTANT, SLOPE, ZERO, VECTORS };

}  // namespace

RowNormLayer::RowNormLayer(const Shape& input, const LayerSpec& spec, bool input_gradient)
    : shape_(input),
      dimensions_(spec.window.dimensions),
      groups_(spec.type == LayerType::groupNorm ? spec.groups : 1),
      pitch_(cache_lines(input.channels)),
      epsilon_(spec.epsilon),
      elementwise_(spec.type == LayerType::layerNorm),
      input_gradient_(input_gradient) {
  if (groups_ == 0 || input.channels % groups_ != 0) {
    throw std::invalid_argument(std::to_string(groups_) + " groups do not divide " + std::to_string(input.channels) +
                                " channels");
  }
}

void RowNormLayer::declare(ParameterTable& table, const std::string& name) {
  if (!elementwise_) {
    weight_offset_ = table.add_vector(name + ".weight", shape_.channels);
    bias_offset_ = table.add_vector(name + ".bias", shape_.channels);
    return;
  }
  std::vector<std::size_t> shape{shape_.channels};
  if (shape_.positions() > 1) {
    if (dimensions_ > 2) shape.push_back(shape_.depth);
    if (dimensions_ > 1) shape.push_back(shape_.height);
    shape.push_back(shape_.width);
  }
  weight_offset_ = table.add_convolution(name + ".weight", shape, Layout::positions, 1);
  bias_offset_ = table.add_convolution(name + ".bias", shape, Layout::positions, 1);
}

void RowNormLayer::initialize(float* parameters, const ParameterTable&, Initializer, std::uint64_t) const {
  for (std::size_t first = 0; first < affine_floats(); first += pitch_) {
    std::fill_n(parameters + weight_offset_ + first, shape_.channels, 1.0f);
    std::fill_n(parameters + bias_offset_ + first, shape_.channels, 0.0f);
  }
}

std::vector<std::size_t> RowNormLayer::buffers(const Capacity& capacity) const {
  const std::size_t tasks = capacity.tasks;
  std::vector<std::size_t> all{tasks * VECTORS * pitch_, tasks * 4 * pitch_};
  if (!capacity.gradients) return all;
  all.push_back(tasks * value_floats(1, shape_));
  all.push_back(tasks * gradient_floats());
  return all;
}

void RowNormLayer::statistics(float* mean, float* inverse, double* sums, ConstPanels x) const {
  const std::size_t C = shape_.channels, P = shape_.positions(), group_channels = C / groups_;
  const auto n = static_cast<double>(group_channels * P);
  double* squares = sums + pitch_;
  const auto add = [&] {
    std::fill_n(sums, C, 0.0);
    std::fill_n(squares, C, 0.0);
    add_moments(sums, squares, x, mean, P, C);
  };
  const auto total = [&](const double* values, std::size_t group) {
    double sum = 0.0;
    for (std::size_t c = group * group_channels; c < (group + 1) * group_channels; ++c) sum += values[c];
    return sum;
  };
  // The second pass sums squares around the mean that the first pass has found, so that they do not cancel.
  for (std::size_t c = 0; c < C; ++c) mean[c] = x.at(0, c / group_channels * group_channels);
  add();
  for (std::size_t g = 0; g < groups_; ++g) {
    const double around = static_cast<double>(mean[g * group_channels]);
    std::fill_n(mean + g * group_channels, group_channels, static_cast<float>(around + total(sums, g) / n));
  }
  add();
  for (std::size_t g = 0; g < groups_; ++g) {
    const double rest = total(sums, g) / n, variance = total(squares, g) / n - rest * rest;
    std::fill_n(inverse + g * group_channels, group_channels, static_cast<float>(1.0 / std::sqrt(variance + epsilon_)));
  }
}

void RowNormLayer::forward(const LayerPass& pass, Rows rows) const {
  const std::size_t C = shape_.channels, P = shape_.positions();
  float* vectors = pass.buffers[CHANNELS] + rows.task * VECTORS * pitch_;
  auto* sums = reinterpret_cast<double*>(pass.buffers[SUMS] + rows.task * 4 * pitch_);
  float *mean = vectors + MEAN * pitch_, *inverse = vectors + INVERSE * pitch_;
  for (std::size_t row = rows.first; row < rows.first + rows.count; ++row) {
    const Panels x = pass.input[0]->out.from_row(row * P), out = pass.output->out.from_row(row * P);
    statistics(mean, inverse, sums, x);
    const float *weight = pass.parameters + weight_offset_, *bias = pass.parameters + bias_offset_;
    if (elementwise_) {
      normalize(out, x, mean, inverse, vectors + ZERO * pitch_, false, P, C);
      scale_and_shift(out, weight, bias, pitch_, P, C);
      continue;
    }
    for (std::size_t c = 0; c < C; ++c) inverse[c] *= weight[c];
    normalize(out, x, mean, inverse, bias, false, P, C);
  }
}

void RowNormLayer::backward(const LayerPass& pass, Rows rows) const {
  const std::size_t C = shape_.channels, P = shape_.positions(), group_channels = C / groups_;
  float* vectors = pass.buffers[CHANNELS] + rows.task * VECTORS * pitch_;
  auto* sums = reinterpret_cast<double*>(pass.buffers[SUMS] + rows.task * 4 * pitch_);
  float *mean = vectors + MEAN * pitch_, *inverse = vectors + INVERSE * pitch_;
  float *constant = vectors + CONSTANT * pitch_, *slope = vectors + SLOPE * pitch_;
  const Panels scaled = value_at(pass.buffers[SCALED] + rows.task * value_floats(1, shape_), 1, shape_);
  float* gradient = pass.buffers[GRADIENT] + rows.task * gradient_floats();
  const bool wants_gradient = pass.training;
  if (wants_gradient && rows.begins) std::fill_n(gradient, gradient_floats(), 0.0f);
  const auto n = static_cast<double>(group_channels * P);
  const float *weight = pass.parameters + weight_offset_, *zero = vectors + ZERO * pitch_;
  double* products = sums + pitch_;
  const auto add_moments_of = [&](ConstPanels dy, ConstPanels x) {
    std::fill_n(sums, 2 * pitch_, 0.0);
    add_gradient_moments(sums, products, dy, x, mean, inverse, zero, false, P, C);
  };
  for (std::size_t row = rows.first; row < rows.first + rows.count; ++row) {
    const Panels x = pass.input[0]->out.from_row(row * P), dout = pass.output->dout.from_row(row * P);
    statistics(mean, inverse, sums, x);
    if (elementwise_) {
      if (wants_gradient)
        add_affine_gradient(gradient, gradient + affine_floats(), dout, x, mean, inverse, pitch_, P, C);
    } else {
      add_moments_of(dout, x);
      // The memory holds doubles. A zero of double has the bits of two zeros of float.
      auto* channel_gradients = reinterpret_cast<double*>(gradient);
      for (std::size_t c = 0; wants_gradient && c < C; ++c) {
        channel_gradients[c] += products[c] * static_cast<double>(inverse[c]);
        channel_gradients[pitch_ + c] += sums[c];
      }
    }
    if (!input_gradient_) continue;
    scale_elements(scaled, dout, weight, step(), P, C);
    if (elementwise_) {
      add_moments_of(scaled, x);
    } else {
      for (std::size_t c = 0; c < C; ++c) {
        sums[c] *= static_cast<double>(weight[c]);
        products[c] *= static_cast<double>(weight[c]);
      }
    }
    for (std::size_t g = 0; g < groups_; ++g) {
      double sum = 0.0, product = 0.0;
      for (std::size_t c = g * group_channels; c < (g + 1) * group_channels; ++c) {
        sum += sums[c];
        product += products[c];
      }
      const auto inverse_deviation = static_cast<double>(inverse[g * group_channels]);
      std::fill_n(constant + g * group_channels, group_channels, static_cast<float>(sum / n));
      std::fill_n(slope + g * group_channels, group_channels,
                  static_cast<float>(product / n * inverse_deviation * inverse_deviation));
    }
    normalize_backward(pass.input[0]->dout.from_row(row * P), scaled, x, mean, inverse, zero, constant, slope, false,
                       pass.adds[0], P, C);
  }
}

void RowNormLayer::tile_gradient(float* gradients, const LayerPass& pass, std::size_t, std::size_t) const {
  const std::size_t floats = elementwise_ ? affine_floats() : shape_.channels;
  const auto sum = [&](float* to, std::size_t part) {
    for (std::size_t i = 0; i < floats; ++i) {
      double total = 0.0;
      for (std::size_t task = 0; task < pass.tasks; ++task) {
        const float* gradient = pass.buffers[GRADIENT] + task * gradient_floats();
        total += elementwise_ ? static_cast<double>(gradient[part * affine_floats() + i])
                              : reinterpret_cast<const double*>(gradient)[part * pitch_ + i];
      }
      to[i] = static_cast<float>(total);
    }
  };
  sum(gradients + weight_offset_, 0);
  sum(gradients + bias_offset_, 1);
}

std::vector<Span> RowNormLayer::tile_spans(std::size_t) const {
  const std::size_t floats = elementwise_ ? affine_floats() : shape_.channels;
  return {{weight_offset_, floats}, {bias_offset_, floats}};
}

}  // namespace aevb
