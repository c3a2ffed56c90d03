#include "layers/batch_norm.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "layers/batch_norm_kernels.h"
#include "tensor/aligned.h"

namespace aevb {

namespace {

// The buffers, in the order of buffers().
enum Buffer : std::size_t {
  STATISTICS,  // the batch's statistics and the terms of its gradient: STATISTICS_COUNT rows of channels
  RUNNING,     // for each task: the scale of the running statistics
  PARTS,       // for each task: its Part; only in passes with gradients
  CHOSEN,      // the x that a pooling has chosen in each window; only in passes with gradients
};

enum Statistic : std::size_t {
  MEAN,
  SCALE,     // weight / σ
  INVERSE,   // 1 / σ
  UNBIASED,  // the variance with n − 1
  CONSTANT,  // as in normalize_backward
  SLOPE,     // as in normalize_backward
  DWEIGHT,
  DBIAS,
  ZERO,  // zeros
  STATISTICS_COUNT,
};

}  // namespace

bool can_fuse_pool(const PoolingPlan& plan) {
  const Extent& kernel = plan.kernel;
  const bool halves = kernel.width == 2 && kernel.height <= 2 && kernel.depth <= kernel.height;
  return plan.covers && halves;
}

BatchNormLayer::BatchNormLayer(const Shape& input, double momentum, double epsilon, const NormFusion& fusion,
                               bool input_gradient)
    : shape_(input),
      momentum_(momentum),
      epsilon_(epsilon),
      fusion_(fusion),
      input_gradient_(input_gradient),
      channels_(cache_lines(input.channels)) {}

void BatchNormLayer::declare(ParameterTable& table, const std::string& name) {
  weight_offset_ = table.add_vector(name + ".weight", shape_.channels);
  bias_offset_ = table.add_vector(name + ".bias", shape_.channels);
  mean_offset_ = table.add_vector(name + ".running_mean", shape_.channels);
  variance_offset_ = table.add_vector(name + ".running_var", shape_.channels);
}

void BatchNormLayer::initialize(float* parameters, const ParameterTable&, Initializer, std::uint64_t) const {
  const std::size_t C = shape_.channels;
  std::fill_n(parameters + weight_offset_, C, 1.0f);
  std::fill_n(parameters + bias_offset_, C, 0.0f);
  std::fill_n(parameters + mean_offset_, C, 0.0f);
  std::fill_n(parameters + variance_offset_, C, 1.0f);
}

std::size_t BatchNormLayer::part_floats() const { return cache_lines(2 * (1 + 3 * channels_)); }

std::vector<std::size_t> BatchNormLayer::buffers(const Capacity& capacity) const {
  std::vector<std::size_t> all{STATISTICS_COUNT * channels_, capacity.tasks * channels_};
  if (!capacity.gradients) return all;
  all.push_back(capacity.tasks * part_floats());
  if (fusion_.pool) all.push_back(value_floats(capacity.rows, fusion_.pool->output));
  return all;
}

Panels BatchNormLayer::chosen(const LayerPass& pass) const {
  if (!fusion_.pool || !pass.training) return {};
  // Its panels are like the output's, which has as many rows.
  return {pass.buffers[CHOSEN], pass.output->out.stride, pass.output->out.width};
}

BatchNormLayer::Part BatchNormLayer::part(const LayerPass& pass, std::size_t task) const {
  // The memory of parts holds only doubles.
  auto* memory = reinterpret_cast<double*>(pass.buffers[PARTS] + task * part_floats());
  return {memory, memory + 1, memory + 1 + channels_, memory + 1 + 2 * channels_};
}

ChannelNormal BatchNormLayer::normal(const LayerPass& pass, Rows rows) const {
  const float* bias = pass.parameters + bias_offset_;
  const float* statistics = pass.buffers[STATISTICS];
  if (pass.training) return {statistics + MEAN * channels_, statistics + SCALE * channels_, bias, fusion_.relu};
  float* scale = pass.buffers[RUNNING] + rows.task * channels_;
  for (std::size_t c = 0; c < shape_.channels; ++c) {
    const double variance = static_cast<double>(pass.parameters[variance_offset_ + c]);
    scale[c] =
        static_cast<float>(static_cast<double>(pass.parameters[weight_offset_ + c]) / std::sqrt(variance + epsilon_));
  }
  return {pass.parameters + mean_offset_, scale, bias, fusion_.relu};
}

void BatchNormLayer::forward(const LayerPass& pass, Rows rows) const {
  const std::size_t P = shape_.positions(), first = rows.first * P;
  const ChannelNormal normal = this->normal(pass, rows);
  const Panels x = pass.input[0]->out;
  if (!fusion_.pool) {
    return normalize(pass.output->out.from_row(first), x.from_row(first), normal.mean, normal.scale, normal.bias,
                     normal.relu, rows.count * P, shape_.channels);
  }
  const Panels chosen = this->chosen(pass);
  const std::size_t windows = fusion_.pool->output.positions();
  for (std::size_t row = rows.first; row < rows.first + rows.count; ++row) {
    const Panels kept = chosen.data == nullptr ? chosen : chosen.from_row(row * windows);
    normalize_pool(pass.output->out.from_row(row * windows), kept, x.from_row(row * P), normal, *fusion_.pool);
  }
}

void BatchNormLayer::backward(const LayerPass& pass, Rows rows) const {
  if (!input_gradient_) return;
  const std::size_t P = shape_.positions(), first = rows.first * P;
  const ChannelNormal normal = this->normal(pass, rows);
  const float* statistics = pass.buffers[STATISTICS];
  const float* constant = statistics + (pass.training ? CONSTANT : ZERO) * channels_;
  const float* slope = statistics + (pass.training ? SLOPE : ZERO) * channels_;
  const Panels dx = pass.input[0]->dout, dout = pass.output->dout, x = pass.input[0]->out;
  if (!fusion_.pool) {
    return normalize_backward(dx.from_row(first), dout.from_row(first), x.from_row(first), normal.mean, normal.scale,
                              normal.bias, constant, slope, normal.relu, pass.adds[0], rows.count * P, shape_.channels);
  }
  const std::size_t windows = fusion_.pool->output.positions();
  for (std::size_t row = rows.first; row < rows.first + rows.count; ++row) {
    normalize_pool_backward(dx.from_row(row * P), dout.from_row(row * windows), x.from_row(row * P), normal, constant,
                            slope, *fusion_.pool, pass.adds[0]);
  }
}

void BatchNormLayer::partial(const LayerPass& pass, Rows rows, Direction direction) const {
  const std::size_t P = shape_.positions(), first = rows.first * P, C = shape_.channels, R = rows.count * P;
  const ConstPanels x = ConstPanels(pass.input[0]->out).from_row(first);
  const Part part = this->part(pass, rows.task);
  if (rows.begins) {
    *part.count = 0.0;
    std::fill_n(part.first, C, 0.0);
    std::fill_n(part.second, C, 0.0);
    // Deviations from a value of the channel are as large as the channel's spread, however far its values are from 0.
    for (std::size_t c = 0; c < C; ++c) part.shift[c] = static_cast<double>(x.at(0, c));
  }
  *part.count += static_cast<double>(R);
  if (direction == Direction::forward) {
    float* shift = pass.buffers[RUNNING] + rows.task * channels_;
    for (std::size_t c = 0; c < C; ++c) shift[c] = static_cast<float>(part.shift[c]);
    return add_moments(part.first, part.second, x, shift, R, C);
  }
  const ChannelNormal normal = this->normal(pass, rows);
  // After a pooling, dy is 0 at all positions except the chosen ones.
  const std::size_t from = fusion_.pool ? rows.first * fusion_.pool->output.positions() : first;
  const std::size_t count = fusion_.pool ? rows.count * fusion_.pool->output.positions() : R;
  const ConstPanels source = fusion_.pool ? ConstPanels(chosen(pass)).from_row(from) : x;
  add_gradient_moments(part.first, part.second, ConstPanels(pass.output->dout).from_row(from), source, normal.mean,
                       normal.scale, normal.bias, normal.relu, count, C);
}

void BatchNormLayer::finish(const LayerPass& pass, std::size_t tasks, std::size_t rows, Direction direction) const {
  if (direction == Direction::backward) return finish_backward(pass, tasks);
  if (rows * shape_.positions() < 2) {
    throw std::invalid_argument("a batch of one row has no variance at a single position");
  }
  finish_forward(pass, tasks);
}

// Merges the means and the sums of squares of all tasks, one after the other (Chan, Golub and LeVeque 1983).
void BatchNormLayer::finish_forward(const LayerPass& pass, std::size_t tasks) const {
  float* statistics = pass.buffers[STATISTICS];
  for (std::size_t c = 0; c < shape_.channels; ++c) {
    double count = 0.0, mean = 0.0, squares = 0.0;
    for (std::size_t task = 0; task < tasks; ++task) {
      const Part part = this->part(pass, task);
      const double n = *part.count, deviation = part.first[c] / n;
      const double own_mean = part.shift[c] + deviation, own_squares = part.second[c] - deviation * part.first[c];
      const double distance = own_mean - mean, all = count + n;
      mean += distance * n / all;
      squares += own_squares + distance * distance * count * n / all;
      count = all;
    }
    const double deviation = std::sqrt(squares / count + epsilon_);
    statistics[MEAN * channels_ + c] = static_cast<float>(mean);
    statistics[SCALE * channels_ + c] =
        static_cast<float>(static_cast<double>(pass.parameters[weight_offset_ + c]) / deviation);
    statistics[UNBIASED * channels_ + c] = static_cast<float>(squares / (count - 1.0));
    statistics[INVERSE * channels_ + c] = static_cast<float>(1.0 / deviation);
  }
}

void BatchNormLayer::finish_backward(const LayerPass& pass, std::size_t tasks) const {
  float* statistics = pass.buffers[STATISTICS];
  for (std::size_t c = 0; c < shape_.channels; ++c) {
    double count = 0.0, sum = 0.0, product = 0.0;
    for (std::size_t task = 0; task < tasks; ++task) {
      const Part part = this->part(pass, task);
      count += *part.count;
      sum += part.first[c];
      product += part.second[c];
    }
    const auto inverse = static_cast<double>(statistics[INVERSE * channels_ + c]);
    statistics[CONSTANT * channels_ + c] = static_cast<float>(sum / count);
    statistics[SLOPE * channels_ + c] = static_cast<float>(product / count * inverse * inverse);
    statistics[DBIAS * channels_ + c] = static_cast<float>(sum);
    statistics[DWEIGHT * channels_ + c] = static_cast<float>(product * inverse);
  }
}

void BatchNormLayer::tile_gradient(float* gradients, const LayerPass& pass, std::size_t, std::size_t) const {
  const float* statistics = pass.buffers[STATISTICS];
  std::copy_n(statistics + DWEIGHT * channels_, shape_.channels, gradients + weight_offset_);
  std::copy_n(statistics + DBIAS * channels_, shape_.channels, gradients + bias_offset_);
}

std::vector<Span> BatchNormLayer::tile_spans(std::size_t) const {
  return {{weight_offset_, shape_.channels}, {bias_offset_, shape_.channels}};
}

void BatchNormLayer::tile_updated(float*, float* parameters, const LayerPass& pass, std::size_t) const {
  const float* statistics = pass.buffers[STATISTICS];
  const auto follow = [&](std::size_t offset, const float* batch_statistic) {
    for (std::size_t c = 0; c < shape_.channels; ++c) {
      float& running = parameters[offset + c];
      running = static_cast<float>((1.0 - momentum_) * static_cast<double>(running) +
                                   momentum_ * static_cast<double>(batch_statistic[c]));
    }
  };
  follow(mean_offset_, statistics + MEAN * channels_);
  follow(variance_offset_, statistics + UNBIASED * channels_);
}

}  // namespace aevb
