#include "model/layout.h"

#include <memory>
#include <stdexcept>
#include <utility>

#include "latent/latent.h"
#include "layers/dense_layer.h"
#include "likelihood/likelihood.h"

namespace aevb {

namespace {

void check_likelihood(const ModelSpec& spec) {
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
}

}  // namespace

std::size_t data_columns(const ModelSpec& spec) {
  return spec.likelihood.codes ? spec.likelihood.classes.size() : spec.input;
}

std::size_t condition_columns(const ModelSpec& spec) { return spec.condition.classes ? 1 : spec.condition.width; }

ModelLayout::ModelLayout(const ModelSpec& of) : spec(of) {
  if (spec.input == 0 || spec.latents.empty() || spec.objective.samples == 0) {
    throw std::invalid_argument("input, latents and objective.samples must be at least 1");
  }
  encoder = Network({spec.input + spec.condition.width}, false);
  add_latents(add_stack(encoder, "encoder", spec.encoder));
  encoder.complete();
  decoder = Network({latent_width + spec.condition.width}, true);
  const std::size_t decoded = add_stack(decoder, "decoder", spec.decoder);
  check_likelihood(spec);
  const auto names = likelihood_head_names(spec.likelihood);
  for (std::size_t i = 0; i < names.size(); ++i) {
    likelihood_heads.push_back(
        add_head(decoder, "likelihood.", names[i], likelihood_head_units(spec.likelihood, i, spec.input), decoded));
  }
  decoder.complete();
  shared_log_dispersions = aevb::shared_log_dispersions(spec.likelihood, spec.input);
  if (shared_log_dispersions > 0) {
    log_dispersion_offset =
        parameters.add_parts({}, {{shared_log_dispersion_name(spec.likelihood), {shared_log_dispersions}}});
  }
  if (spec.scale != ScaleType::none) {
    scaled_columns = spec.input;
    shift_offset = parameters.add_vector("scale.shift", scaled_columns);
    factor_offset = parameters.add_vector("scale.factor", scaled_columns);
  }
}

std::size_t ModelLayout::add_stack(Network& network, const std::string& name, const std::vector<LayerSpec>& layers) {
  std::size_t value = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Value& input = network.values()[value];
    auto layer =
        std::make_unique<DenseLayer>(input.shape.channels, layers[i].units, layers[i].activation, input.has_gradient);
    value = network.add(parameters, name + "." + std::to_string(i), std::move(layer), {value});
  }
  return value;
}

Head ModelLayout::add_head(Network& network, const std::string& prefix, const std::string& name, std::size_t units,
                           std::size_t input) {
  const Value& from = network.values()[input];
  auto layer = std::make_unique<DenseLayer>(from.shape.channels, units, Activation::identity, from.has_gradient);
  const DenseLayer& dense = *layer;
  const std::size_t value = network.add(parameters, prefix + name, std::move(layer), {input});
  return {name, units, value, dense.bias_offset()};
}

void ModelLayout::add_latents(std::size_t encoded) {
  for (std::size_t i = 0; i < spec.latents.size(); ++i) {
    LatentGroup group;
    group.spec = spec.latents[i];
    if (group.spec.units == 0) throw std::invalid_argument("units must be at least 1");
    group.z_offset = latent_width;
    group.width = aevb::latent_width(group.spec);
    group.noise_offset = noise_width;
    group.noise_width = latent_noise_width(group.spec);
    latent_width += group.width;
    noise_width += group.noise_width;
    // As nn.ModuleList would name them; a single group is no list.
    const std::string name = spec.latents.size() == 1 ? "latent." : "latent." + std::to_string(i) + ".";
    for (const PosteriorHead& head : posterior_heads(group.spec)) {
      group.posterior_heads.push_back(add_head(encoder, name, head.name, head.units, encoded));
    }
    group.prior_parameters = latent_prior_parameters(group.spec);
    group.prior_tensor = parameters.tensors().size();
    std::vector<ParameterTable::Part> parts;
    for (const PriorTensor& tensor : latent_prior_tensors(group.spec)) parts.push_back({tensor.name, tensor.shape});
    group.prior_offset = parameters.add_parts(name + "prior.", parts);
    latents.push_back(std::move(group));
  }
}

}  // namespace aevb
