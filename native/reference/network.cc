#include "reference/network.h"

#include <cmath>
#include <string>
#include <utility>

#include "likelihood/likelihood.h"
#include "reference/convolution.h"
#include "reference/image_layers.h"
#include "tensor/shape.h"

namespace aevb::reference {

namespace {

Shape image_shape(const ImageSpec& image) {
  return {image.channels, image.extent.depth, image.extent.height, image.extent.width};
}

bool same_positions(const Shape& a, const Shape& b) {
  return a.depth == b.depth && a.height == b.height && a.width == b.width;
}

// torch.nn.Conv2d's equation of the output's size, for each axis.
Shape window_output(const Shape& input, const WindowSpec& w, std::size_t channels) {
  const auto axis = [&](std::size_t n, std::size_t Extent::*along) {
    const std::size_t reach = w.dilation.*along * (w.kernel.*along - 1) + 1;
    return (n + w.padding_before.*along + w.padding_after.*along - reach) / w.stride.*along + 1;
  };
  return {channels, axis(input.depth, &Extent::depth), axis(input.height, &Extent::height),
          axis(input.width, &Extent::width)};
}

// torch.nn.ConvTranspose2d's.
Shape transposed_output(const Shape& input, const LayerSpec& spec) {
  const WindowSpec& w = spec.window;
  const auto axis = [&](std::size_t n, std::size_t Extent::*along) {
    return (n - 1) * w.stride.*along + w.dilation.*along * (w.kernel.*along - 1) + spec.output_padding.*along + 1 -
           w.padding_before.*along - w.padding_after.*along;
  };
  return {spec.channels, axis(input.depth, &Extent::depth), axis(input.height, &Extent::height),
          axis(input.width, &Extent::width)};
}

// Whether data that are images are shown to the first layer as images.
bool reads_images(const std::vector<LayerSpec>& layers) {
  for (const LayerSpec& layer : layers) {
    if (layer.type == LayerType::activation || layer.type == LayerType::dropout) continue;
    if (layer.type == LayerType::residual && !reads_images(layer.layers)) continue;
    return layer.type != LayerType::dense && layer.type != LayerType::flatten && layer.type != LayerType::reshape;
  }
  return false;
}

// [rows, first, second] to [rows, second, first].
Vector exchange(const Vector& x, std::size_t rows, std::size_t first, std::size_t second) {
  Vector out(x.size());
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t i = 0; i < first; ++i) {
      for (std::size_t j = 0; j < second; ++j) {
        out[(r * second + j) * first + i] = x[(r * first + i) * second + j];
      }
    }
  }
  return out;
}

// Rows on their way through a network.
class Walk {
 public:
  // place: of the first dropout layer, 0 in an encoder and 128 in a decoder.
  Walk(const Parameters& parameters, std::size_t rows, std::uint64_t seed, std::uint32_t step, Vector values,
       std::uint32_t place)
      : parameters_(parameters),
        rows_(rows),
        seed_(seed),
        step_(step),
        shape_{values.size() / rows},
        values_(std::move(values)),
        place_(place) {}

  const Shape& shape() const { return shape_; }
  const Vector& values() const { return values_; }

  // `condition`: columns at the end of the rows that a first reshape makes channels of.
  void stack(const std::string& name, const std::vector<LayerSpec>& layers, std::size_t condition) {
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const std::string own = name + "." + (layers[i].name.empty() ? std::to_string(i) : layers[i].name);
      one(layers[i], own, condition);
      condition = 0;
    }
  }

  void flatten() { shape_ = {shape_.elements()}; }

  void reshape(const Shape& to, std::size_t condition, bool positions_first) {
    const Vector all = values_;
    const std::size_t width = to.elements() + condition, P = to.positions();
    Vector image, channels;
    for (std::size_t r = 0; r < rows_; ++r) {
      for (std::size_t i = 0; i < to.elements(); ++i) image.push_back(all[r * width + i]);
      for (std::size_t c = 0; c < condition; ++c)
        channels.insert(channels.end(), P, all[r * width + to.elements() + c]);
    }
    if (positions_first) image = exchange(image, rows_, P, to.channels);
    values_ = beside(image, channels, rows_, 1);
    shape_ = to;
    shape_.channels += condition;
  }

  void dense(const std::string& name) {
    flatten();
    const Vector& bias = parameters_.at(name + ".bias");
    put({bias.size()},
        dense_forward(values_, parameters_.at(name + ".weight"), bias, rows_, shape_.channels, bias.size()));
  }

 private:
  void put(const Shape& shape, Vector values) {
    shape_ = shape;
    values_ = std::move(values);
  }

  void activation(Activation kind) {
    for (double& x : values_) x = activate(kind, x);
  }

  void one(const LayerSpec& spec, const std::string& name, std::size_t condition) {
    switch (spec.type) {
      case LayerType::dense:
        dense(name);
        return activation(spec.activation);
      case LayerType::conv:
        return convolution(spec, name);
      case LayerType::convTranspose:
      case LayerType::embedding:
        return transposed_convolution(spec, name);
      case LayerType::activation:
        activation(spec.activation);
        return;
      case LayerType::batchNorm:
        return put(shape_, batch_norm(values_, rows_, shape_, parameters_.at(name + ".weight"),
                                      parameters_.at(name + ".bias"), spec.epsilon));
      case LayerType::layerNorm:
      case LayerType::groupNorm:
        return put(shape_, row_norm(values_, rows_, shape_, spec.type == LayerType::groupNorm ? spec.groups : 1,
                                    parameters_.at(name + ".weight"), parameters_.at(name + ".bias"), spec.epsilon));
      case LayerType::maxPool:
      case LayerType::avgPool:
        return pooling(spec);
      case LayerType::upsample: {
        const Extent& f = spec.extent;
        const Shape large{shape_.channels, shape_.depth * f.depth, shape_.height * f.height, shape_.width * f.width};
        put(large, upsample(values_, rows_, shape_, spec));
        return;
      }
      case LayerType::dropout:
        return dropout(spec);
      case LayerType::flatten:
        return flatten();
      case LayerType::reshape:
        flatten();
        return reshape({spec.channels, spec.extent.depth, spec.extent.height, spec.extent.width}, condition, false);
      case LayerType::residual:
        return residual(spec, name);
    }
  }

  void convolution(const LayerSpec& spec, const std::string& name) {
    const Shape output = window_output(shape_, spec.window, spec.channels);
    put(output, convolve(values_, parameters_.at(name + ".weight"),
                         spec.bias ? parameters_.at(name + ".bias") : Vector{}, rows_, shape_, output, spec));
  }

  // A one-hot code selects a row of an embedding's weight [codes, units].
  void transposed_convolution(const LayerSpec& given, const std::string& name) {
    LayerSpec spec = given;
    if (given.type == LayerType::embedding) {
      spec.channels = given.units;
      spec.bias = false;
    }
    const Shape output = transposed_output(shape_, spec);
    put(output,
        convolve_transposed(values_, parameters_.at(name + ".weight"),
                            spec.bias ? parameters_.at(name + ".bias") : Vector{}, rows_, shape_, output, spec));
  }

  void pooling(const LayerSpec& given) {
    LayerSpec spec = given;
    if (spec.global) {
      spec.window = {};
      spec.window.kernel = spec.window.stride = {shape_.depth, shape_.height, shape_.width};
    }
    const Shape output = window_output(shape_, spec.window, shape_.channels);
    put(output, pool(values_, rows_, shape_, output, spec));
  }

  // The word of a row that decides for channel c at position p is number p · pitch + c of the layer's, if a pitch is
  // the channels in whole cache lines of 16 floats. A layer has 2²⁴ blocks of four words, and an encoder or decoder 128
  // layers.
  void dropout(const LayerSpec& spec) {
    const std::size_t P = shape_.positions(), pitch = (shape_.channels + 15) / 16 * 16;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const std::size_t p = spec.whole_channels ? 0 : i % P, c = i / P % shape_.channels;
      const auto element = static_cast<std::uint32_t>(p * pitch + c);
      const auto row = static_cast<std::uint32_t>(i / shape_.elements());
      const auto words =
          philox4x32_10({(place_ << 24) + element / 4, row, step_, static_cast<std::uint32_t>(Purpose::dropout)},
                        {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32)});
      const bool kept = uniform(words[element % 4]) >= static_cast<float>(spec.rate);
      values_[i] = kept ? values_[i] / (1.0 - spec.rate) : 0.0;
    }
    ++place_;
  }

  // x + layers(x), or projection(x) + layers(x) if these change the shape.
  void residual(const LayerSpec& spec, const std::string& name) {
    const Shape from = shape_;
    const Vector before = values_;
    stack(name + ".layers", spec.layers, 0);
    const Shape to = shape_;
    const Vector made = values_;
    shape_ = from;
    values_ = before;
    if (from != to) {
      LayerSpec projection;
      projection.channels = to.channels;
      const auto stride = [](std::size_t a, std::size_t b) { return (a + b - 1) / b; };
      projection.window.stride = {stride(from.depth, to.depth), stride(from.height, to.height),
                                  stride(from.width, to.width)};
      convolution(projection, name + ".projection");
    }
    for (std::size_t i = 0; i < made.size(); ++i) values_[i] += made[i];
  }

  const Parameters& parameters_;
  std::size_t rows_;
  std::uint64_t seed_;
  std::uint32_t step_;
  Shape shape_;
  Vector values_;
  std::uint32_t place_;  // of the next dropout layer
};

// What a head of an image is made of.
std::vector<LayerSpec> head_layers(const ModelSpec& spec, const Shape& decoded) {
  const Shape image = image_shape(spec.image);
  if (!spec.likelihood_head.empty() || spec.image.dimensions == 0 || image.positions() == 1 ||
      !same_positions(image, decoded)) {
    return spec.likelihood_head;
  }
  // A convolution over three positions along each axis that the image has.
  LayerSpec conv;
  conv.type = LayerType::conv;
  WindowSpec& w = conv.window;
  w.kernel.width = 3;
  w.padding_before.width = w.padding_after.width = 1;
  if (spec.image.dimensions > 1) {
    w.kernel.height = 3;
    w.padding_before.height = w.padding_after.height = 1;
  }
  if (spec.image.dimensions > 2) {
    w.kernel.depth = 3;
    w.padding_before.depth = w.padding_after.depth = 1;
  }
  return {conv};
}

}  // namespace

Vector beside(const Vector& left, const Vector& right, std::size_t rows, std::size_t repeat) {
  const std::size_t L = left.size() / rows, R = right.empty() ? 0 : right.size() / (rows / repeat);
  Vector out;
  out.reserve(rows * (L + R));
  for (std::size_t r = 0; r < rows; ++r) {
    out.insert(out.end(), left.begin() + static_cast<std::ptrdiff_t>(r * L),
               left.begin() + static_cast<std::ptrdiff_t>((r + 1) * L));
    out.insert(out.end(), right.begin() + static_cast<std::ptrdiff_t>(r / repeat * R),
               right.begin() + static_cast<std::ptrdiff_t>((r / repeat + 1) * R));
  }
  return out;
}

Vector columns(const Vector& all, std::size_t rows, std::size_t first, std::size_t count) {
  const std::size_t width = all.size() / rows;
  Vector out;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < count; ++c) out.push_back(all[r * width + first + c]);
  }
  return out;
}

std::string part_name(const ModelSpec& spec, std::size_t part) {
  return spec.likelihoods.size() == 1 ? "likelihood." : "likelihood." + std::to_string(part) + ".";
}

Vector encode_rows(const ModelSpec& spec, const Parameters& parameters, const Vector& input, const Vector& condition,
                   std::size_t B, std::uint32_t step) {
  Walk walk(parameters, B, spec.seed, step, beside(input, condition, B, 1), 0);
  std::size_t columns = spec.condition.width;
  if (spec.image.dimensions > 0 && reads_images(spec.encoder)) {
    walk.reshape(image_shape(spec.image), columns, spec.image.positions_first);
    columns = 0;
  }
  walk.stack("encoder", spec.encoder, columns);
  return walk.values();
}

std::vector<Vector> decode_rows(const ModelSpec& spec, const Parameters& parameters, const Vector& z,
                                const Vector& condition, std::size_t B, std::size_t L, std::uint32_t step) {
  Walk decoder(parameters, B * L, spec.seed, step, beside(z, condition, B * L, L), 128);
  decoder.stack("decoder", spec.decoder, spec.condition.width);
  const Shape image = image_shape(spec.image);
  const std::vector<LayerSpec> layers = head_layers(spec, decoder.shape());
  std::vector<Vector> heads;
  if (spec.likelihoods.size() > 1) {
    for (std::size_t part = 0; part < spec.likelihoods.size(); ++part) {
      for (const char* name : likelihood_head_names(spec.likelihoods[part])) {
        Walk head = decoder;
        head.dense(part_name(spec, part) + name);
        heads.push_back(head.values());
      }
    }
    return heads;
  }
  const LikelihoodSpec& likelihood = spec.likelihoods[0];
  const auto names = likelihood_head_names(likelihood);
  for (std::size_t i = 0; i < names.size(); ++i) {
    Walk head = decoder;
    if (layers.empty() || likelihood_head_units(likelihood, i, spec.input) != image.elements()) {
      head.dense(std::string("likelihood.") + names[i]);
      heads.push_back(head.values());
      continue;
    }
    std::vector<LayerSpec> of_head = layers;
    of_head.back().channels = image.channels;
    for (LayerSpec& layer : of_head) layer.name = names[i];
    head.stack("likelihood", of_head, 0);
    heads.push_back(spec.image.positions_first ? exchange(head.values(), B * L, image.channels, image.positions())
                                               : head.values());
  }
  return heads;
}

}  // namespace aevb::reference
