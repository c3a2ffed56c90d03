#include "model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "initializer.h"
#include "latent/latent.h"
#include "likelihood/likelihood.h"
#include "math/gemm.h"
#include "math/panel_ops.h"

namespace aevb {

namespace {

// Floats of a [rows, cols] matrix in panels. Throws where they cannot be counted.
std::size_t panel_floats(std::size_t rows, std::size_t cols) {
  const std::size_t width = matrix_width(cols);
  const std::size_t padded = panel_count(cols, width) * width;
  if (rows > std::numeric_limits<std::size_t>::max() / sizeof(float) / 4 / padded) throw std::bad_alloc();
  return cache_lines(rows * padded);
}

std::size_t padded_cols(std::size_t cols) {
  const std::size_t width = matrix_width(cols);
  return cache_lines(panel_count(cols, width) * width);
}

Panels view(float* data, std::size_t rows, std::size_t cols) {
  const std::size_t width = matrix_width(cols);
  return {data, rows * width, width};
}

}  // namespace

Model::Model(const ModelSpec& spec) : Model(spec, LayoutOnly{}) {
  parameters_ = AlignedFloats(arena_size_);
  transposed_ = AlignedFloats(transposed_floats());
  initialize();
  refresh_transposed();
}

std::size_t Model::transposed_floats() const { return wants_transposed_copy() ? transposed_size_ : 0; }

double Model::layout_bytes() const {
  // initialize() holds one layer's weight and bias beside the arenas.
  std::size_t largest = 0;
  for_each_dense(*this,
                 [&](const DenseLayer& layer) { largest = std::max(largest, layer.in * layer.out + layer.out); });
  double names = 0.0;
  for (const ParameterInfo& info : table_) {
    names += static_cast<double>(sizeof(ParameterInfo) + info.name.capacity() + sizeof(DenseLayer));
  }
  return names +
         static_cast<double>(sizeof(float)) * (static_cast<double>(arena_size_) +
                                               static_cast<double>(transposed_floats()) + static_cast<double>(largest));
}

Model::Model(const ModelSpec& spec, LayoutOnly) : spec_(spec) {
  if (spec.input == 0 || spec.latents.empty() || spec.objective.samples == 0) {
    throw std::invalid_argument("input, latents and objective.samples must be at least 1");
  }
  std::size_t width = spec.input + spec.condition.width;
  const auto add_stack = [&](std::vector<DenseLayer>& stack, const std::vector<DenseSpec>& layers, const char* name,
                             bool begins_with_data) {
    stack.resize(layers.size());
    for (std::size_t i = 0; i < layers.size(); ++i) {
      if (layers[i].units == 0) throw std::invalid_argument("units must be at least 1");
      add_dense(stack[i], std::string(name) + "." + std::to_string(i), width, layers[i].units, layers[i].activation,
                !(begins_with_data && i == 0));
      width = layers[i].units;
    }
  };
  add_stack(encoder, spec.encoder, "encoder", true);
  add_latents(width);
  width = latent_width + spec.condition.width;
  add_stack(decoder, spec.decoder, "decoder", false);
  if (spec.likelihood.type == LikelihoodType::categorical) {
    std::size_t columns = 0;
    for (const std::size_t classes : spec.likelihood.classes) {
      if (classes == 0 || classes > spec.input - columns) throw std::invalid_argument("too many classes, or none");
      columns += classes;
    }
    if (columns != spec.input) throw std::invalid_argument("classes must add up to the features");
  }
  if (!covariance_fits(spec.likelihood, spec.input)) {
    throw std::invalid_argument("too many features for that covariance, or too few");
  }
  const auto names = likelihood_heads(spec.likelihood);
  heads.resize(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    add_dense(heads[i], std::string("likelihood.") + names[i], width,
              likelihood_head_units(spec.likelihood, i, spec.input), Activation::identity, true);
  }
  shared_log_dispersions = aevb::shared_log_dispersions(spec.likelihood, spec.input);
  if (shared_log_dispersions > 0) {
    shared_log_dispersion = take(cache_lines(shared_log_dispersions));
    table_.push_back({shared_log_dispersion_name(spec.likelihood), {shared_log_dispersions}, shared_log_dispersion});
  }
  if (spec.scale != ScaleType::none) {
    scaled_columns = spec.input;
    scale_shift = take(cache_lines(scaled_columns));
    scale_factor = take(cache_lines(scaled_columns));
    table_.push_back({"scale.shift", {scaled_columns}, scale_shift});
    table_.push_back({"scale.factor", {scaled_columns}, scale_factor});
  }
}

void Model::add_latents(std::size_t encoded) {
  for (std::size_t i = 0; i < spec_.latents.size(); ++i) {
    LatentGroup group;
    group.spec = spec_.latents[i];
    if (group.spec.units == 0) throw std::invalid_argument("units must be at least 1");
    group.first = latent_width;
    group.width = aevb::latent_width(group.spec);
    group.first_noise = noise_width;
    group.noise_width = latent_noise_width(group.spec);
    latent_width += group.width;
    noise_width += group.noise_width;
    // As nn.ModuleList would name them; a single group is no list.
    const std::string name = spec_.latents.size() == 1 ? "latent." : "latent." + std::to_string(i) + ".";
    for (const LatentHead& head : latent_heads(group.spec)) {
      add_dense(group.heads.emplace_back(), name + head.name, encoded, head.units, Activation::identity,
                !encoder.empty());
    }
    group.prior_parameters = latent_prior_parameters(group.spec);
    group.prior = take(cache_lines(group.prior_parameters));
    group.prior_tensor = table_.size();
    std::size_t offset = group.prior;
    for (const PriorTensor& tensor : latent_prior_tensors(group.spec)) {
      table_.push_back({name + "prior." + tensor.name, tensor.shape, offset});
      offset += table_.back().elements();
    }
    latents.push_back(std::move(group));
  }
}

Model Model::with_objective(const ObjectiveSpec& objective) const {
  ModelSpec spec = spec_;
  spec.objective = objective;
  spec.corruption = {};
  Model other(spec);
  other.parameters_.copy_from(parameters_);
  other.refresh_transposed();
  other.epochs_trained = epochs_trained;
  other.steps_trained = steps_trained;
  return other;
}

std::size_t Model::take(std::size_t floats) {
  const std::size_t offset = arena_size_;
  arena_size_ += floats;
  return offset;
}

void Model::add_dense(DenseLayer& layer, const std::string& name, std::size_t in, std::size_t out,
                      Activation activation, bool backward_input) {
  layer.in = in;
  layer.out = out;
  layer.activation = activation;
  layer.backward_input = backward_input;
  layer.weight = take(panel_floats(in, out));
  layer.bias = take(padded_cols(out));
  layer.tensor = table_.size();
  if (backward_input) {
    layer.transposed = transposed_size_;
    transposed_size_ += panel_floats(out, in);
  }
  table_.push_back({name + ".weight", {out, in}, layer.weight, true});
  table_.push_back({name + ".bias", {out}, layer.bias});
}

void Model::initialize() {
  std::vector<float> weight, bias;
  for_each_dense(*this, [&](const DenseLayer& layer) {
    const auto tensor = static_cast<std::uint32_t>(layer.tensor);
    weight.resize(layer.in * layer.out);
    bias.resize(layer.out);
    initialize_dense(weight.data(), bias.data(), layer.in, layer.out, spec_.initializer, spec_.seed, tensor);
    write(table_[tensor], weight.data());
    write(table_[tensor + 1], bias.data());
  });
  for (const LatentGroup& group : latents) {
    if (group.prior_parameters == 0) continue;
    latent_prior_initialize(parameters_.data() + group.prior, group.spec, spec_.seed,
                            static_cast<std::uint32_t>(group.prior_tensor));
  }
}

Panels Model::weight(float* arena, const DenseLayer& layer) const {
  return view(arena + layer.weight, layer.in, layer.out);
}

ConstPanels Model::weight(const DenseLayer& layer) const {
  const std::size_t width = matrix_width(layer.out);
  return {parameters_.data() + layer.weight, layer.in * width, width};
}

Panels Model::transposed(const DenseLayer& layer) {
  if (transposed_.size() == 0) return {};
  return view(transposed_.data() + layer.transposed, layer.out, layer.in);
}

ConstPanels Model::transposed(const DenseLayer& layer) const { return const_cast<Model*>(this)->transposed(layer); }

void Model::unpack(const float* arena, const ParameterInfo& info, float* values) const {
  if (!info.in_panels) {
    for (std::size_t i = 0; i < info.elements(); ++i) values[i] = arena[info.offset + i];
    return;
  }
  const std::size_t out = info.shape[0], in = info.shape[1], width = matrix_width(out);
  const ConstPanels from{arena + info.offset, in * width, width};
  transpose(Panels{values, in * out, in}, from, in, out);
}

void Model::write(const ParameterInfo& info, const float* values) {
  float* to = parameters_.data() + info.offset;
  if (!info.in_panels) {
    for (std::size_t i = 0; i < info.elements(); ++i) to[i] = values[i];
    return;
  }
  const std::size_t out = info.shape[0], in = info.shape[1];
  transpose(view(to, in, out), ConstPanels{values, in * out, in}, out, in);
}

void Model::refresh_scale() {
  if (scaled_columns == 0) return;
  const float *shifts = shift(), *factors = factor();
  const auto is = [](float value) { return [value](float other) { return other == value; }; };
  scale_learned_ = std::all_of(factors, factors + scaled_columns, [](float value) { return value > 0.0f; });
  const bool log = spec_.scale == ScaleType::log;
  const bool identity = std::all_of(shifts, shifts + scaled_columns, is(0.0f)) &&
                        std::all_of(factors, factors + scaled_columns, is(1.0f));
  scales_target_ = scale_learned_ && !log && !identity;
  scales_counts_ = scale_learned_ && log;
  log_volume_ = 0.0;
  for (std::size_t d = 0; scales_target_ && d < scaled_columns; ++d) {
    log_volume_ += std::log(static_cast<double>(factors[d]));
  }
}

void Model::refresh_transposed() {
  refresh_scale();
  if (transposed_.size() == 0) return;
  for_each_dense(*this, [&](const DenseLayer& layer) {
    if (layer.backward_input) transpose(transposed(layer), weight(layer), layer.in, layer.out);
  });
}

bool Model::parameters_are_finite() const {
  const float* values = parameters_.data();
  bool finite = true;
  for (std::size_t i = 0; i < parameters_.size(); ++i) finite &= std::isfinite(values[i]);
  return finite;
}

}  // namespace aevb
