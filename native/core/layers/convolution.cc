#include "layers/convolution.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "layers/initializer.h"
#include "layers/limits.h"
#include "layers/shape_text.h"
#include "layers/winograd_kernels.h"
#include "math/columns.h"
#include "math/gemm.h"
#include "math/panel_ops.h"
#include "tensor/aligned.h"

namespace aevb {

namespace {

// Input channels in a tile of the gradient.
constexpr std::size_t TILE_CHANNELS = 16;

// The buffers, in the order of buffers(), each with a part for every task. The last two are only in passes with
// gradients.
enum Buffer : std::size_t {
  FORWARD_IMAGES,   // scratch memory of the forward correlation
  GROUP_INPUT,      // if there are several groups: the input's channels of one group, for one image
  GROUP_OUTPUT,     // the same for the output
  BACKWARD_IMAGES,  // scratch memory of the backward correlation
  GRADIENTS,        // the gradients of all matrices and of the bias
};

AxisWindow axis_window(const WindowSpec& window, std::size_t Extent::*axis) {
  return {window.kernel.*axis, window.stride.*axis, window.dilation.*axis, window.padding_before.*axis,
          window.padding_after.*axis};
}

// An axis of the forward and of the backward correlation.
struct Ways {
  Axis way, back;
  std::size_t output = 0;  // positions; 0 if the window does not fit
};

Ways conv_axis(std::size_t n, const AxisWindow& window, std::size_t enlarge) {
  const std::size_t output = window.output(n * enlarge);
  if (output == 0) return {};
  if (enlarge == 1) return {correlate_axis(n, window), spread_axis(n, window), output};
  return {enlarge_axis(n, enlarge, window), reduce_axis(n, enlarge, window), output};
}

// A transposed convolution goes from the output of a convolution to its input, as that convolution's backward pass
// does.
Ways transposed_axis(std::size_t n, const AxisWindow& window, std::size_t output_padding) {
  const std::size_t reach = (n - 1) * window.stride + window.dilation * (window.kernel - 1) + 1 + output_padding;
  const std::size_t padding = window.before + window.after;
  if (reach <= padding) return {};
  const std::size_t output = reach - padding;
  // With an output padding beyond the stride, the convolution would have more output positions than the input has.
  if (window.output(output) != n) return {};
  return {spread_axis(output, window), correlate_axis(output, window), output};
}

LayerSpec as_convolution(const LayerSpec& embedding) {
  LayerSpec spec;
  spec.type = LayerType::convTranspose;
  spec.channels = embedding.units;
  spec.bias = false;
  return spec;
}

[[noreturn]] void does_not_fit(const LayerSpec& spec, const Shape& input, const Extent& enlarge) {
  const std::size_t dimensions = spec.window.dimensions;
  std::string text = "a kernel of " + extent_text(spec.window.kernel, dimensions);
  if (spec.window.dilation != Extent{}) text += " with dilation " + extent_text(spec.window.dilation, dimensions);
  text += " does not fit an input of " + shape_text(input, dimensions);
  if (enlarge != Extent{}) text += " enlarged by " + extent_text(enlarge, dimensions);
  throw std::invalid_argument(text);
}

}  // namespace

ConvolutionLayer::ConvolutionLayer(const Shape& input, const LayerSpec& given, const Extent& enlarge,
                                   bool input_gradient)
    : ConvolutionLayer(input, given.type == LayerType::embedding ? as_convolution(given) : given, enlarge,
                       input_gradient, given.type == LayerType::embedding) {}

ConvolutionLayer::ConvolutionLayer(const Shape& input, const LayerSpec& spec, const Extent& enlarge,
                                   bool input_gradient, bool embeds)
    : input_(input),
      embeds_(embeds),
      transposed_(spec.type == LayerType::convTranspose),
      has_bias_(spec.bias),
      input_gradient_(input_gradient),
      folds_(enlarge != Extent{}),
      groups_(spec.groups) {
  if (spec.channels == 0 || groups_ == 0 || spec.channels % groups_ != 0 || input.channels % groups_ != 0) {
    throw std::invalid_argument("groups (" + std::to_string(groups_) +
                                ") must divide the channels of input and output (" + std::to_string(input.channels) +
                                " and " + std::to_string(spec.channels) + ")");
  }
  group_inputs_ = input.channels / groups_;
  group_outputs_ = spec.channels / groups_;
  check_size(spec.window.kernel, spec.window.dimensions);
  taps_ = spec.window.kernel.product();
  pitch_ = cache_lines(group_outputs_);
  const auto axis = [&](std::size_t n, std::size_t Extent::*which) {
    const AxisWindow window = axis_window(spec.window, which);
    if (window.kernel == 0 || window.stride == 0 || window.dilation == 0)
      throw std::invalid_argument("an empty window");
    Ways ways =
        transposed_ ? transposed_axis(n, window, spec.output_padding.*which) : conv_axis(n, window, enlarge.*which);
    if (ways.output == 0) does_not_fit(spec, input, enlarge);
    return ways;
  };
  const Ways depth = axis(input.depth, &Extent::depth), height = axis(input.height, &Extent::height),
             width = axis(input.width, &Extent::width);
  output_ = {spec.channels, depth.output, height.output, width.output};
  check_size(output_, spec.window.dimensions);
  way_ = Correlation(group_inputs_, group_outputs_, depth.way, height.way, width.way);
  back_ = Correlation(group_outputs_, group_inputs_, depth.back, height.back, width.back);
  if (groups_ == 1 && way_.suits_winograd() && back_.suits_winograd()) {
    winograd_ = true;
    way_.use_winograd();
    back_.use_winograd();
  }
  sums_of_.resize(taps_);
  for (std::size_t m = 0; m < way_.matrices(); ++m) {
    for (const std::size_t tap : way_.members(m)) sums_of_[tap].push_back(m);
  }
  const Extent& kernel = spec.window.kernel;
  if (embeds_) return;
  if (spec.window.dimensions > 2) kernel_shape_.push_back(kernel.depth);
  if (spec.window.dimensions > 1) kernel_shape_.push_back(kernel.height);
  kernel_shape_.push_back(kernel.width);
}

void ConvolutionLayer::declare(ParameterTable& table, const std::string& name) {
  weight_tensor_ = table.tensors().size();
  std::vector<std::size_t> shape =
      transposed_ ? std::vector{input_.channels, group_outputs_} : std::vector{output_.channels, group_inputs_};
  shape.insert(shape.end(), kernel_shape_.begin(), kernel_shape_.end());
  weight_offset_ = table.add_convolution(name + ".weight", std::move(shape),
                                         transposed_ ? Layout::transposedConvolution : Layout::convolution, groups_);
  // The biases are in the order of the output's channels, one group after the other.
  if (has_bias_) bias_offset_ = table.add_vector(name + ".bias", output_.channels);
  if (folds_ || winograd_) prepared_offset_ = table.add_derived(groups_ * way_.matrices_floats());
  if (input_gradient_) back_offset_ = table.add_derived(groups_ * group_back());
}

void ConvolutionLayer::initialize(float* parameters, const ParameterTable& table, Initializer initializer,
                                  std::uint64_t seed) const {
  const ParameterInfo& info = table.tensors()[weight_tensor_];
  std::vector<float> weight(info.elements()), bias(has_bias_ ? output_.channels : 0);
  // The fans as PyTorch computes them: the outputs are the second dimension of a transposed convolution's weight.
  const std::size_t first = taps_ * group_inputs_, second = taps_ * group_outputs_;
  const Fan fan = transposed_ ? Fan{second, first} : Fan{first, second};
  initialize_weight(weight.data(), weight.size(), bias.data(), bias.size(), fan, initializer, seed,
                    static_cast<std::uint32_t>(weight_tensor_));
  write_tensor(parameters, weight.data(), info);
  if (has_bias_) write_tensor(parameters, bias.data(), table.tensors()[weight_tensor_ + 1]);
}

std::size_t ConvolutionLayer::group_tiles() const { return (group_inputs_ + TILE_CHANNELS - 1) / TILE_CHANNELS; }

ConvolutionLayer::Channels ConvolutionLayer::channels_of(std::size_t tile) const {
  const std::size_t first = tile % group_tiles() * TILE_CHANNELS;
  return {tile / group_tiles(), first, std::min(TILE_CHANNELS, group_inputs_ - first)};
}

void ConvolutionLayer::derive_channels(float* derived, const float* parameters, const Channels& channels) const {
  const auto [group, first, count] = channels;
  const std::size_t back_pitch = back_.matrix_pitch();
  const float* weight = parameters + weight_offset_ + group * group_weights();
  float* prepared = derived + prepared_offset_ + group * way_.matrices_floats();
  float* back = derived + back_offset_ + group * group_back();
  if (winograd_) {
    winograd_weights(prepared, weight, *way_.winograd(), first, count);
    if (input_gradient_) winograd_weights_back(back, prepared, *way_.winograd(), first, count);
    return;
  }
  for (std::size_t m = 0; m < way_.matrices(); ++m) {
    for (std::size_t i = first; i < first + count; ++i) {
      const float* row = weight + (way_.members(m)[0] * group_inputs_ + i) * pitch_;
      if (folds_) {
        float* sum = prepared + (m * group_inputs_ + i) * pitch_;
        std::copy_n(row, group_outputs_, sum);
        for (std::size_t part = 1; part < way_.members(m).size(); ++part) {
          const float* other = weight + (way_.members(m)[part] * group_inputs_ + i) * pitch_;
          for (std::size_t o = 0; o < group_outputs_; ++o) sum[o] += other[o];
        }
        row = sum;
      }
      if (!input_gradient_) continue;
      // Both correlations number their matrices in the same order.
      float* column = back + m * group_outputs_ * back_pitch + i;
      for (std::size_t o = 0; o < group_outputs_; ++o) column[o * back_pitch] = row[o];
    }
  }
}

void ConvolutionLayer::derive(float* derived, const float* parameters) const {
  if (!folds_ && !winograd_ && !input_gradient_) return;
  for (std::size_t tile = 0; tile < tiles(); ++tile) derive_channels(derived, parameters, channels_of(tile));
}

std::vector<std::size_t> ConvolutionLayer::buffers(const Capacity& capacity) const {
  const std::size_t tasks = capacity.tasks;
  std::vector<std::size_t> all{tasks * way_.scratch_floats(), 0, 0};
  if (groups_ > 1) {
    all[GROUP_INPUT] = tasks * matrix_floats(input_.positions(), group_inputs_);
    all[GROUP_OUTPUT] = tasks * matrix_floats(output_.positions(), group_outputs_);
  }
  if (!capacity.gradients) return all;
  all.push_back(input_gradient_ ? tasks * back_.scratch_floats() : 0);
  all.push_back(tasks * (groups_ * way_.matrices_floats() + cache_lines(output_.channels)));
  return all;
}

const float* ConvolutionLayer::matrices(const LayerPass& pass, std::size_t group) const {
  if (folds_ || winograd_) return pass.derived + prepared_offset_ + group * way_.matrices_floats();
  return pass.parameters + weight_offset_ + group * group_weights();
}

void ConvolutionLayer::forward(const LayerPass& pass, Rows rows) const {
  const std::size_t P = input_.positions(), Q = output_.positions();
  const ConstPanels inp = ConstPanels(pass.input[0]->out).from_row(rows.first * P);
  const Panels out = pass.output->out.from_row(rows.first * Q);
  float* images = pass.buffers[FORWARD_IMAGES] + rows.task * way_.scratch_floats();
  const float* bias = has_bias_ ? pass.parameters + bias_offset_ : nullptr;
  if (groups_ == 1) return way_.forward(out, inp, matrices(pass, 0), bias, images, rows.count, false);
  const std::size_t input_floats = matrix_floats(P, group_inputs_);
  const std::size_t output_floats = matrix_floats(Q, group_outputs_);
  const Panels part_in = matrix_at(pass.buffers[GROUP_INPUT] + rows.task * input_floats, P, group_inputs_);
  const Panels part_out = matrix_at(pass.buffers[GROUP_OUTPUT] + rows.task * output_floats, Q, group_outputs_);
  for (std::size_t image = 0; image < rows.count; ++image) {
    for (std::size_t g = 0; g < groups_; ++g) {
      take_columns(part_in, inp.from_row(image * P), g * group_inputs_, P, group_inputs_);
      way_.forward(part_out, part_in, matrices(pass, g), nullptr, images, 1, false);
      place_columns(out.from_row(image * Q), g * group_outputs_, part_out, Q, group_outputs_);
    }
    if (bias != nullptr) add_to_rows(out.from_row(image * Q), bias, Q, output_.channels);
  }
}

void ConvolutionLayer::backward(const LayerPass& pass, Rows rows) const {
  const std::size_t P = input_.positions(), Q = output_.positions();
  const ConstPanels inp = ConstPanels(pass.input[0]->out).from_row(rows.first * P);
  const ConstPanels dout = ConstPanels(pass.output->dout).from_row(rows.first * Q);
  float* images = pass.buffers[FORWARD_IMAGES] + rows.task * way_.scratch_floats();
  float* gradients =
      pass.buffers[GRADIENTS] + rows.task * (groups_ * way_.matrices_floats() + cache_lines(output_.channels));
  float* dbias = gradients + groups_ * way_.matrices_floats();
  if (pass.training) {
    if (rows.begins) std::fill_n(gradients, groups_ * way_.matrices_floats() + output_.channels, 0.0f);
    if (has_bias_) add_column_sums(dbias, dout, rows.count * Q, output_.channels);
  }
  const bool goes_back = input_gradient_;
  const Panels dinp = goes_back ? pass.input[0]->dout.from_row(rows.first * P) : Panels{};
  float* back_images = goes_back ? pass.buffers[BACKWARD_IMAGES] + rows.task * back_.scratch_floats() : nullptr;
  const float* back = pass.derived + back_offset_;
  if (groups_ == 1) {
    if (pass.training) way_.backward_matrices(gradients, inp, dout, images, rows.count);
    if (goes_back) back_.forward(dinp, dout, back, nullptr, back_images, rows.count, pass.adds[0]);
    return;
  }
  const std::size_t input_floats = matrix_floats(P, group_inputs_);
  const std::size_t output_floats = matrix_floats(Q, group_outputs_);
  const Panels part_in = matrix_at(pass.buffers[GROUP_INPUT] + rows.task * input_floats, P, group_inputs_);
  const Panels part_out = matrix_at(pass.buffers[GROUP_OUTPUT] + rows.task * output_floats, Q, group_outputs_);
  for (std::size_t image = 0; image < rows.count; ++image) {
    for (std::size_t g = 0; g < groups_; ++g) {
      take_columns(part_out, dout.from_row(image * Q), g * group_outputs_, Q, group_outputs_);
      if (pass.training) {
        take_columns(part_in, inp.from_row(image * P), g * group_inputs_, P, group_inputs_);
        way_.backward_matrices(gradients + g * way_.matrices_floats(), part_in, part_out, images, 1);
      }
      if (!goes_back) continue;
      const Panels to = dinp.from_row(image * P);
      // The group's columns hold the gradient of other layers, or unspecified values.
      if (pass.adds[0]) take_columns(part_in, to, g * group_inputs_, P, group_inputs_);
      back_.forward(part_in, part_out, back + g * group_back(), nullptr, back_images, 1, pass.adds[0]);
      place_columns(to, g * group_inputs_, part_in, P, group_inputs_);
    }
  }
}

void ConvolutionLayer::tile_gradient(float* gradients, const LayerPass& pass, std::size_t tile, std::size_t) const {
  const auto [group, first, count] = channels_of(tile);
  const std::size_t slot = groups_ * way_.matrices_floats() + cache_lines(output_.channels);
  float* weight = gradients + weight_offset_ + group * group_weights();
  if (winograd_) {
    winograd_weights_gradient(weight, pass.buffers[GRADIENTS], pass.tasks, slot, *way_.winograd(), first, count);
  }
  for (std::size_t tap = 0; !winograd_ && tap < taps_; ++tap) {
    float* to = weight + (tap * group_inputs_ + first) * pitch_;
    std::fill_n(to, count * pitch_, 0.0f);
    for (std::size_t task = 0; task < pass.tasks; ++task) {
      const float* task_gradients = pass.buffers[GRADIENTS] + task * slot + group * way_.matrices_floats();
      for (const std::size_t matrix : sums_of_[tap]) {
        const float* from = task_gradients + (matrix * group_inputs_ + first) * pitch_;
        for (std::size_t i = 0; i < count * pitch_; ++i) to[i] += from[i];
      }
    }
  }
  if (tile > 0 || !has_bias_) return;
  float* dbias = gradients + bias_offset_;
  std::fill_n(dbias, output_.channels, 0.0f);
  for (std::size_t task = 0; task < pass.tasks; ++task) {
    const float* from = pass.buffers[GRADIENTS] + task * slot + groups_ * way_.matrices_floats();
    for (std::size_t c = 0; c < output_.channels; ++c) dbias[c] += from[c];
  }
}

std::vector<Span> ConvolutionLayer::tile_spans(std::size_t tile) const {
  const auto [group, first, count] = channels_of(tile);
  std::vector<Span> spans;
  for (std::size_t tap = 0; tap < taps_; ++tap) {
    spans.push_back(
        {weight_offset_ + group * group_weights() + (tap * group_inputs_ + first) * pitch_, count * pitch_});
  }
  if (tile == 0 && has_bias_) spans.push_back({bias_offset_, output_.channels});
  return spans;
}

void ConvolutionLayer::tile_updated(float* derived, float* parameters, const LayerPass&, std::size_t tile) const {
  if (folds_ || winograd_ || input_gradient_) derive_channels(derived, parameters, channels_of(tile));
}

double ConvolutionLayer::operations() const { return static_cast<double>(groups_) * way_.operations(); }

}  // namespace aevb
