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

std::size_t data_columns(const LikelihoodSpec& part) {
  if (!part.codes) return part.columns;
  return part.classes.empty() ? part.variables : part.classes.size();
}

std::size_t data_columns(const std::vector<LikelihoodPart>& parts) {
  return parts.back().data_offset + parts.back().data_columns;
}

std::vector<LikelihoodPart> likelihood_parts(const ModelSpec& spec) {
  if (spec.likelihoods.empty()) throw std::invalid_argument("a model has at least one likelihood");
  std::vector<LikelihoodPart> parts;
  std::size_t offset = 0, data_offset = 0;
  for (const LikelihoodSpec& likelihood : spec.likelihoods) {
    LikelihoodPart part;
    part.spec = likelihood;
    if (spec.likelihoods.size() == 1 && likelihood.columns == 0) part.spec.columns = spec.input;
    const std::size_t columns = part.spec.columns;
    if (columns == 0 || columns > spec.input - offset) throw std::invalid_argument("a likelihood's columns do not fit");
    std::size_t left = columns;
    for (const std::size_t classes : likelihood.classes) {
      if (likelihood.type != LikelihoodType::categorical) break;
      if (classes == 0 || classes > left) throw std::invalid_argument("too many classes, or none");
      left -= classes;
    }
    if (likelihood.type == LikelihoodType::categorical && !likelihood.classes.empty() && left != 0) {
      throw std::invalid_argument("classes must add up to the features");
    }
    if (!covariance_fits(likelihood, columns)) {
      throw std::invalid_argument("too many features for that covariance, or too few");
    }
    if (likelihood.missing && !may_miss(likelihood)) {
      throw std::invalid_argument("cells of that likelihood cannot be missing");
    }
    part.offset = offset;
    part.columns = columns;
    part.data_offset = data_offset;
    part.data_columns = data_columns(part.spec);
    offset += columns;
    data_offset += part.data_columns;
    parts.push_back(std::move(part));
  }
  if (offset != spec.input) throw std::invalid_argument("the likelihoods' columns must add up to the features");
  return parts;
}

std::size_t condition_columns(const ModelSpec& spec) { return spec.condition.classes ? 1 : spec.condition.width; }

ModelLayout::ModelLayout(const ModelSpec& specification) : spec(specification) {
  if (spec.input == 0 || spec.latents.empty() || spec.objective.samples == 0) {
    throw std::invalid_argument("input, latents and objective.samples must be at least 1");
  }
  likelihoods = likelihood_parts(spec);
  for (LikelihoodPart& part : likelihoods) {
    if (!part.spec.missing) continue;
    part.present_offset = mask_columns;
    mask_columns += part.data_columns;
  }
  encoder = Network({spec.input + mask_columns + spec.condition.width}, false);
  StackEnd data{0, spec.condition.width};
  if (spec.image.dimensions > 0 && begins_with_image(spec.encoder)) {
    if (mask_columns > 0)
      throw std::invalid_argument(
          "missing: data with missing cells have no shape, so the encoder begins with a dense layer");
    auto image =
        std::make_unique<ReshapeLayer>(encoder.values()[0].shape, image_shape(spec.image), spec.condition.width,
                                       spec.image.dimensions, spec.image.positions_first, false);
    data = {encoder.add(parameters, "", std::move(image), {0}), 0};
  }
  add_latents(add_flat(encoder, parameters, add_stack(encoder, parameters, "encoder", spec.encoder, data)));
  encoder.complete();
  decoder = Network({latent_width + spec.condition.width}, true, 1);
  const std::size_t decoded = add_stack(decoder, parameters, "decoder", spec.decoder, {0, spec.condition.width});
  // As nn.ModuleList would name them; a single part is no list.
  const auto prefix = [&](std::size_t i) {
    return likelihoods.size() == 1 ? std::string("likelihood.") : "likelihood." + std::to_string(i) + ".";
  };
  for (std::size_t i = 0; i < likelihoods.size(); ++i) add_heads(likelihoods[i], prefix(i), decoded);
  decoder.complete();
  for (std::size_t i = 0; i < likelihoods.size(); ++i) {
    LikelihoodPart& part = likelihoods[i];
    part.shared_log_dispersions = shared_log_dispersions(part.spec, part.columns);
    if (part.shared_log_dispersions == 0) continue;
    const std::string name = prefix(i) + log_dispersion_name(part.spec);
    part.log_dispersion_offset = parameters.add_parts({}, {{name, {part.shared_log_dispersions}}});
  }
  if (spec.scale != ScaleType::none) {
    scaled_columns = spec.input;
    shift_offset = parameters.add_vector("scale.shift", scaled_columns);
    factor_offset = parameters.add_vector("scale.factor", scaled_columns);
  }
}

void ModelLayout::add_heads(LikelihoodPart& part, const std::string& prefix, std::size_t decoded) {
  const Shape image = image_shape(spec.image);
  std::vector<LayerSpec> layers = spec.likelihood_head;
  const Shape& end = decoder.values()[decoded].shape;
  // Several parts are columns of a table, whatever the decoder is.
  const bool has_shape = likelihoods.size() == 1 && spec.image.dimensions > 0;
  if (layers.empty() && has_shape && image.positions() > 1 && same_positions(end, image)) {
    layers = {usual_head(spec.image)};
  }
  const auto names = likelihood_head_names(part.spec);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::size_t units = likelihood_head_units(part.spec, i, part.columns);
    // What says how features vary together has no place of its own in an image.
    if (layers.empty() || units != image.elements()) {
      const std::size_t flat = add_flat(decoder, parameters, decoded);
      part.heads.push_back(add_head(decoder, prefix, names[i], units, flat));
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
    part.heads.push_back(
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
