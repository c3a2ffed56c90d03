// Models whose networks combine all layers, over data of one to three dimensions: small enough for central differences
// of the plain objective.
#pragma once

#include <cstddef>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "layers/parameters.h"
#include "network/network.h"
#include "network/stack.h"
#include "random_specs.h"
#include "spec/names.h"
#include "spec/spec.h"
#include "support.h"
#include "tensor/shape.h"

namespace aevb::test {

class RandomNetwork {
 public:
  explicit RandomNetwork(Random* random) : random_(random) {}

  ModelSpec draw() {
    ModelSpec spec;
    spec.seed = index(1000);
    draw_data(&spec);
    if (chance(4)) spec.condition.width = 1 + index(3);
    draw_objective(&spec);
    const aevb::Shape image = shape_of(spec);
    spec.encoder = encoder(spec, image);
    LatentSpec& latent = spec.latents[0];
    latent.units = 1 + index(3);
    draw_decoder(&spec, image);
    // Every posterior, prior and objective, unless the decoder begins with z as an image.
    if (chance(2) && !spec.decoder.empty() && spec.decoder[0].type == LayerType::dense) {
      const ModelSpec other = random_spec(random_);
      spec.latents = other.latents;
      spec.objective = other.objective;
    }
    return spec;
  }

 private:
  std::size_t index(std::size_t count) { return random_->index(count); }
  bool chance(std::size_t one_in) { return index(one_in) == 0; }
  template <typename Kind, std::size_t N>
  Kind pick(const Kind (&all)[N]) {
    return all[index(N)];
  }

  // Mostly smooth ones: central differences do not see what happens at a kink.
  Activation activation() {
    constexpr Activation SMOOTH[] = {Activation::tanh, Activation::softplus, Activation::silu,
                                     Activation::gelu, Activation::sigmoid,  Activation::identity};
    constexpr Activation KINKED[] = {Activation::relu, Activation::leakyRelu, Activation::elu};
    return chance(5) ? pick(KINKED) : pick(SMOOTH);
  }
  std::size_t channels() { return pick<std::size_t>({1, 2, 2, 3, 4, 4, 6, 17}); }

  // A number for each axis that the data have, and `else_` for the others.
  template <typename Of>
  Extent each(std::size_t else_, Of of) {
    Extent extent{else_, else_, else_};
    if (dimensions_ > 2) extent.depth = of();
    if (dimensions_ > 1) extent.height = of();
    extent.width = of();
    return extent;
  }

  void draw_data(ModelSpec* spec) {
    LikelihoodSpec& likelihood = spec->likelihoods[0];
    dimensions_ = 1 + index(3);
    if (chance(12)) {
      spec->input = 3 + index(6);
    } else {
      spec->image.dimensions = dimensions_;
      spec->image.channels = 1 + index(3);
      const bool single = chance(10);
      const std::size_t side = dimensions_ == 1 ? 5 : dimensions_ == 2 ? 3 : 2;
      spec->image.extent = each(1, [&] { return single ? 1 : 2 + index(side); });
      spec->image.positions_first = chance(5);
    }
    const std::size_t kind = index(10);
    if (spec->image.dimensions > 0 && chance(6)) {  // a code at each position
      spec->image.channels = 2 + index(3);
      spec->image.positions_first = true;
      likelihood.type = LikelihoodType::categorical;
      likelihood.codes = true;
      likelihood.classes.assign(spec->image.extent.product(), spec->image.channels);
    } else if (kind < 2) {
      likelihood.type = LikelihoodType::bernoulli;
    } else if (kind < 5) {
      likelihood.type = LikelihoodType::gaussian;
      constexpr DispersionType DISPERSIONS[] = {DispersionType::fixed, DispersionType::learned,
                                                DispersionType::perFeature, DispersionType::perDatum};
      likelihood.dispersion = pick(DISPERSIONS);
      likelihood.fixed_dispersion = 0.7;
    } else if (kind == 7) {
      likelihood.type = LikelihoodType::laplace;
      constexpr DispersionType DISPERSIONS[] = {DispersionType::learned, DispersionType::perDatum};
      likelihood.dispersion = pick(DISPERSIONS);
    } else if (kind == 8) {
      likelihood.type = LikelihoodType::multinomial;
    } else {
      likelihood.type = kind == 5 ? LikelihoodType::continuousBernoulli : LikelihoodType::poisson;
    }
    if (spec->image.dimensions > 0) spec->input = spec->image.channels * spec->image.extent.product();
    // Counts of one feature with their total given have nothing to learn from.
    if (spec->input == 1 && likelihood.type == LikelihoodType::multinomial) likelihood.type = LikelihoodType::poisson;
    // Its own head stays dense beside a convolutional one.
    if (kind == 9 && spec->input > 1 && likelihood.type == LikelihoodType::poisson) {
      likelihood.type = LikelihoodType::gaussian;
      likelihood.dispersion = DispersionType::perDatum;
      likelihood.covariance = chance(2) ? CovarianceType::full : CovarianceType::lowRank;
      likelihood.rank = likelihood.covariance == CovarianceType::lowRank ? 1 : 0;
    }
  }

  void draw_objective(ModelSpec* spec) {
    ObjectiveSpec& objective = spec->objective;
    objective.samples = 1 + index(2);
    objective.beta = random_->uniform(0.3, 2.0);
    if (chance(6)) objective.kl = KlType::monteCarlo;
    if (chance(8)) spec->corruption = {CorruptionType::masking, 0.2};
  }

  static aevb::Shape shape_of(const ModelSpec& spec) {
    if (spec.image.dimensions == 0) return {spec.input};
    const Extent& extent = spec.image.extent;
    return {spec.image.channels, extent.depth, extent.height, extent.width};
  }

  // What the layers make of that shape; no channels if they do not fit it.
  static aevb::Shape after(const aevb::Shape& from, const std::vector<LayerSpec>& layers) {
    try {
      Network network(from, true);
      ParameterTable table;
      return network.values()[add_stack(network, table, "x", layers, {})].shape;
    } catch (const std::invalid_argument&) {
      return {0};
    }
  }

  LayerSpec of(LayerType type) {
    LayerSpec spec;
    spec.type = type;
    spec.window.dimensions = dimensions_;
    return spec;
  }
  LayerSpec activation_layer() {
    LayerSpec spec = of(LayerType::activation);
    spec.activation = activation();
    return spec;
  }
  LayerSpec dense() {
    LayerSpec spec = of(LayerType::dense);
    spec.units = 2 + index(6);
    spec.activation = activation();
    return spec;
  }
  LayerSpec norm(const aevb::Shape& shape) {
    LayerSpec spec = of(pick({LayerType::batchNorm, LayerType::layerNorm, LayerType::groupNorm}));
    if (spec.type == LayerType::groupNorm && shape.channels % 2 == 0 && chance(2)) spec.groups = 2;
    // Two rows of one position are far from each other beside a small epsilon, which leaves no gradient behind.
    spec.epsilon = pick({1e-5, 1e-2, 0.2});
    return spec;
  }
  LayerSpec dropout() {
    LayerSpec spec = of(LayerType::dropout);
    spec.rate = pick({0.2, 0.5});
    spec.whole_channels = chance(2);
    return spec;
  }
  // As wide as its input.
  LayerSpec same_conv(std::size_t channels, std::size_t kernel) {
    LayerSpec spec = of(LayerType::conv);
    spec.channels = channels;
    spec.window.kernel = each(1, [&] { return kernel; });
    spec.window.padding_before = spec.window.padding_after = each(0, [&] { return kernel / 2; });
    return spec;
  }
  LayerSpec conv(const aevb::Shape& shape, LayerType type) {
    LayerSpec spec = of(type);
    spec.channels = channels();
    spec.window.kernel = each(1, [&] { return 1 + index(3); });
    spec.window.stride = each(1, [&] { return chance(3) ? 2 : 1; });
    spec.window.dilation = each(1, [&] { return chance(4) ? 2 : 1; });
    spec.window.padding_before = each(0, [&] { return index(2); });
    spec.window.padding_after = each(0, [&] { return index(2); });
    if (type == LayerType::convTranspose) {
      spec.output_padding = {spec.window.stride.depth > 1 ? index(2) : 0, spec.window.stride.height > 1 ? index(2) : 0,
                             spec.window.stride.width > 1 ? index(2) : 0};
    }
    if (shape.channels % 2 == 0 && spec.channels % 2 == 0 && chance(2)) spec.groups = 2;
    spec.bias = !chance(4);
    return spec;
  }
  LayerSpec pool() {
    LayerSpec spec = of(chance(2) ? LayerType::maxPool : LayerType::avgPool);
    spec.window.kernel = each(1, [&] { return 1 + index(3); });
    spec.window.stride = each(1, [&] { return 1 + index(2); });
    spec.window.padding_before = each(0, [&] { return index(2); });
    spec.window.padding_after = each(0, [&] { return index(2); });
    spec.global = spec.type == LayerType::avgPool && chance(3);
    return spec;
  }
  LayerSpec enlarge() {
    LayerSpec spec = of(LayerType::upsample);
    spec.extent = each(1, [&] { return 1 + index(2); });
    spec.interpolation = chance(2) ? Interpolation::linear : Interpolation::nearest;
    return spec;
  }

  // What keeps the shape, or changes its channels alone if `channels` may be others.
  std::vector<LayerSpec> residual(const aevb::Shape& shape) {
    LayerSpec block = of(LayerType::residual);
    if (shape.positions() == 1 && chance(2)) {
      block.layers = {dense()};
      if (chance(2)) block.layers[0].units = shape.channels;
    } else {
      block.layers = {same_conv(chance(2) ? shape.channels : channels(), pick<std::size_t>({1, 3}))};
      if (chance(3)) block.layers[0].window.stride = each(1, [] { return 2; });
    }
    const aevb::Shape inner = after(shape, block.layers);
    if (chance(2)) block.layers.push_back(norm(inner));
    if (chance(2)) block.layers.push_back(activation_layer());
    if (chance(4)) block.layers.push_back(dropout());
    if (chance(4)) block.layers.push_back(of(LayerType::residual));
    if (block.layers.back().type == LayerType::residual) block.layers.back().layers = {same_conv(inner.channels, 1)};
    return {block};
  }

  // One or two layers that may or may not fit.
  std::vector<LayerSpec> some(const aevb::Shape& shape) {
    switch (index(shape.positions() > 1 ? 11 : 12)) {
      case 0:
        return {conv(shape, LayerType::conv), activation_layer()};
      case 1:
        return {conv(shape, LayerType::convTranspose)};
      case 2:
        return {norm(shape), activation_layer()};
      case 3:
        return {norm(shape)};
      case 4:
        return {pool()};
      case 5:
        return {enlarge()};
      case 6: {  // folded
        LayerSpec larger = enlarge();
        larger.interpolation = Interpolation::nearest;
        LayerSpec behind = conv(shape, LayerType::conv);
        behind.window.stride = {};
        return {larger, behind};
      }
      case 7:
        return {dropout()};
      case 8:
        return residual(shape);
      case 9:
        return {conv(shape, LayerType::conv), norm({2})};
      case 10:
        return {conv(shape, LayerType::conv), activation_layer(), pool()};
      default:
        return {dense()};
    }
  }

  void append(std::vector<LayerSpec>* layers, aevb::Shape* shape, std::size_t count) {
    for (std::size_t tries = 0; count > 0 && tries < 50; ++tries) {
      const std::vector<LayerSpec> next = some(*shape);
      const aevb::Shape to = after(*shape, next);
      // Small ones alone, and no numbers that a padding has made of nothing.
      if (to.channels == 0 || to.elements() > 100) continue;
      layers->insert(layers->end(), next.begin(), next.end());
      *shape = to;
      --count;
    }
  }

  std::vector<LayerSpec> encoder(const ModelSpec& spec, const aevb::Shape& image) {
    std::vector<LayerSpec> layers;
    aevb::Shape shape = image;
    shape.channels += spec.condition.width;
    if (spec.image.dimensions == 0) {
      if (spec.input % 2 == 0 && chance(2)) {  // numbers that become a line, with the condition in channels
        LayerSpec line = of(LayerType::reshape);
        line.window.dimensions = dimensions_ = 1;
        line.channels = 2;
        line.extent.width = spec.input / 2;
        layers.push_back(line);
        shape = {2 + spec.condition.width, 1, 1, spec.input / 2};
      } else {
        layers.push_back(dense());
        shape = {layers[0].units};
      }
    } else if (spec.likelihoods[0].codes && spec.condition.width == 0) {
      LayerSpec embedding = of(LayerType::embedding);
      embedding.codes = spec.image.channels;
      embedding.units = 1 + index(3);
      layers.push_back(embedding);
      shape.channels = embedding.units;
    } else {
      if (chance(6)) layers.push_back(dropout());
      layers.push_back(same_conv(channels(), pick<std::size_t>({1, 3})));
      shape.channels = layers.back().channels;
    }
    append(&layers, &shape, 1 + index(3));
    if (chance(3)) layers.push_back(of(LayerType::flatten));
    if (chance(3)) layers.push_back(dense());
    return layers;
  }

  void draw_decoder(ModelSpec* spec, const aevb::Shape& image) {
    std::vector<LayerSpec>& layers = spec->decoder;
    layers.clear();
    if (spec->image.dimensions == 0 || chance(8)) {
      layers.push_back(dense());
      aevb::Shape shape{layers[0].units};
      append(&layers, &shape, index(3));
      return;
    }
    // As large as the data or, if they can be halved, half as large until the end or until the head.
    const auto halved = [&](std::size_t n) { return n % 2 == 0; };
    const bool even =
        (dimensions_ < 3 || halved(image.depth)) && (dimensions_ < 2 || halved(image.height)) && halved(image.width);
    const bool half = even && !chance(3);
    const Extent twice = each(1, [] { return 2; });
    LayerSpec reshape = of(LayerType::reshape);
    reshape.channels = 1 + index(4);
    reshape.extent = {image.depth, image.height, image.width};
    if (half) {
      reshape.extent = {image.depth / twice.depth, image.height / twice.height, image.width / twice.width};
    }
    aevb::Shape shape{reshape.channels, reshape.extent.depth, reshape.extent.height, reshape.extent.width};
    if (shape.elements() <= 8 && chance(3)) {  // z itself, with the condition in channels
      spec->latents[0].units = shape.elements();
      shape.channels += spec->condition.width;
    } else {
      layers.push_back(dense());
      layers.back().units = shape.elements();
    }
    layers.push_back(reshape);
    for (std::size_t i = index(3); i > 0; --i) {
      const std::vector<LayerSpec> next = chance(3) ? std::vector{norm(shape), activation_layer()}
                                          : chance(2)
                                              ? std::vector{dropout(), same_conv(channels(), 3), activation_layer()}
                                              : residual(shape);
      const aevb::Shape to = after(shape, next);
      if (to.positions() != shape.positions() || to.elements() > 100) continue;
      layers.insert(layers.end(), next.begin(), next.end());
      shape = to;
    }
    if (half) {
      LayerSpec larger = of(LayerType::upsample);
      larger.extent = twice;
      const std::size_t way = index(4);
      if (way == 0) {  // what a mirrored encoder ends in: the head enlarges
        spec->likelihood_head = {larger, same_conv(0, 3)};
        return;
      }
      if (way == 1) {
        LayerSpec transposed = of(LayerType::convTranspose);
        transposed.channels = channels();
        transposed.window.stride = twice;
        transposed.window.kernel = each(1, [] { return 4; });
        transposed.window.padding_before = transposed.window.padding_after = each(0, [] { return 1; });
        layers.push_back(transposed);
      } else {
        larger.interpolation = way == 2 ? Interpolation::linear : Interpolation::nearest;
        layers.push_back(larger);
        layers.push_back(same_conv(channels(), 3));
      }
      layers.push_back(activation_layer());
    }
    if (chance(2)) spec->likelihood_head = {same_conv(0, pick<std::size_t>({1, 3}))};
  }

  Random* random_;
  std::size_t dimensions_ = 1;  // of the data
};

inline std::string text_of(const std::vector<LayerSpec>& layers) {
  std::string text;
  for (const LayerSpec& layer : layers) {
    text += (text.empty() ? "" : " ") + std::string(name_of(layer.type));
    if (layer.type == LayerType::residual) text += "(" + text_of(layer.layers) + ")";
    if (layer.type == LayerType::upsample) text += "/" + std::string(name_of(layer.interpolation));
    if (layer.type == LayerType::activation) text += "/" + std::string(name_of(layer.activation));
  }
  return text;
}

inline std::string network_text(const ModelSpec& spec) {
  return std::to_string(spec.image.dimensions) + " dimensions; encoder " + text_of(spec.encoder) + "; decoder " +
         text_of(spec.decoder) + "; head " + text_of(spec.likelihood_head) + "; likelihood " +
         std::string(name_of(spec.likelihoods[0].type)) + "; condition " + std::to_string(spec.condition.width) +
         "; samples " + std::to_string(spec.objective.samples) + "; " + description(spec);
}

// How often each layer occurs, by name; projections of residual blocks and folded upsampling have names of their own.
inline void count_layers(const std::vector<LayerSpec>& layers, std::map<std::string, std::size_t>* counts) {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const LayerSpec& layer = layers[i];
    std::string name(name_of(layer.type));
    if (layer.type == LayerType::upsample) {
      const bool folds = layer.interpolation == Interpolation::nearest && i + 1 < layers.size() &&
                         layers[i + 1].type == LayerType::conv && layers[i + 1].window.stride == Extent{};
      name += folds ? "/folded" : "/" + std::string(name_of(layer.interpolation));
    }
    if (layer.global) name += "/global";
    if (layer.whole_channels) name += "/channels";
    ++(*counts)[name];
    count_layers(layer.layers, counts);
  }
}

}  // namespace aevb::test
