#include "model/layout.h"

#include <memory>
#include <stdexcept>
#include <utility>

#include "latent/latent.h"
#include "layers/dense_layer.h"
#include "layers/reshape.h"
#include "layers/shape_text.h"
#include "likelihood/likelihood.h"
#include "network/stack.h"

namespace aevb {

namespace {

Shape image_shape(const ImageSpec& image) {
  return {image.channels, image.extent.depth, image.extent.height, image.extent.width};
}

bool same_positions(const Shape& a, const Shape& b) {
  return a.depth == b.depth && a.height == b.height && a.width == b.width;
}

// A 3 × 3 convolution to the image's channels, as large as the image.
LayerSpec usual_head(const ImageSpec& image) {
  LayerSpec head;
  head.type = LayerType::conv;
  WindowSpec& window = head.window;
  window.dimensions = image.dimensions;
  const bool tall = image.dimensions > 1, deep = image.dimensions > 2;
  window.kernel = {deep ? 3u : 1u, tall ? 3u : 1u, 3u};
  window.padding_before = window.padding_after = {deep ? 1u : 0u, tall ? 1u : 0u, 1u};
  return head;
}

}  // namespace

std::size_t data_columns(const ModelSpec& spec) {
  return spec.likelihood.codes ? spec.likelihood.classes.size() : spec.input;
}

std::size_t condition_columns(const ModelSpec& spec) { return spec.condition.classes ? 1 : spec.condition.width; }

ModelLayout::ModelLayout(const ModelSpec& specification) : spec(specification) {
  if (spec.input == 0 || spec.latents.empty() || spec.objective.samples == 0) {
    throw std::invalid_argument("input, latents and objective.samples must be at least 1");
  }
  if (!covariance_fits(spec.likelihood, spec.input)) {
    throw std::invalid_argument("too many features for that covariance, or too few");
  }
  encoder = Network({spec.input + spec.condition.width}, false);
  StackEnd data{0, spec.condition.width};
  if (spec.image.dimensions > 0 && begins_with_image(spec.encoder)) {
    auto image =
        std::make_unique<ReshapeLayer>(encoder.values()[0].shape, image_shape(spec.image), spec.condition.width,
                                       spec.image.dimensions, spec.image.positions_first, false);
    data = {encoder.add(parameters, "", std::move(image), {0}), 0};
  }
  add_latents(add_flat(encoder, parameters, add_stack(encoder, parameters, "encoder", spec.encoder, data)));
  encoder.complete();
  decoder = Network({latent_width + spec.condition.width}, true, 1);
  add_likelihood(add_stack(decoder, parameters, "decoder", spec.decoder, {0, spec.condition.width}));
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

void ModelLayout::add_likelihood(std::size_t decoded) {
  const Shape image = image_shape(spec.image);
  std::vector<LayerSpec> layers = spec.likelihood_head;
  const Shape& end = decoder.values()[decoded].shape;
  if (layers.empty() && spec.image.dimensions > 0 && image.positions() > 1 && same_positions(end, image)) {
    layers = {usual_head(spec.image)};
  }
  const auto names = likelihood_head_names(spec.likelihood);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::size_t units = likelihood_head_units(spec.likelihood, i, spec.input);
    // What says how features vary together has no place of its own in an image.
    if (layers.empty() || units != image.elements()) {
      const std::size_t flat = add_flat(decoder, parameters, decoded);
      likelihood_heads.push_back(add_head(decoder, "likelihood.", names[i], units, flat));
      continue;
    }
    std::vector<LayerSpec> of_head = layers;
    of_head.back().channels = image.channels;
    for (LayerSpec& layer : of_head) layer.name = names[i];
    const std::size_t value = add_stack(decoder, parameters, "likelihood", of_head, {decoded, 0});
    const Shape& made = decoder.values()[value].shape;
    if (made != image) {
      throw std::invalid_argument("likelihood.head makes " + shape_text(made, spec.image.dimensions) +
                                  " of the decoder's " + shape_text(end, spec.image.dimensions) +
                                  ", and the data are " + shape_text(image, spec.image.dimensions));
    }
    likelihood_heads.push_back(
        {names[i], units, add_flat(decoder, parameters, value, spec.image.positions_first), std::nullopt});
  }
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
