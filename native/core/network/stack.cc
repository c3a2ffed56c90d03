#include "network/stack.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "layers/activation_layer.h"
#include "layers/add.h"
#include "layers/batch_norm.h"
#include "layers/convolution.h"
#include "layers/dense_layer.h"
#include "layers/dropout.h"
#include "layers/pooling.h"
#include "layers/reshape.h"
#include "layers/row_norm.h"
#include "layers/upsample.h"
#include "spec/names.h"

namespace aevb {

namespace {

// Layers are appended one by one; some take the next one with them.
class Builder {
 public:
  Builder(Network& network, ParameterTable& table, std::string name, StackEnd begin)
      : network_(network), table_(table), name_(std::move(name)), value_(begin.value), condition_(begin.condition) {}

  std::size_t value() const { return value_; }

  void add_all(const std::vector<LayerSpec>& layers) {
    for (std::size_t i = 0; i < layers.size();) {
      const std::string own = layers[i].name.empty() ? std::to_string(i) : layers[i].name;
      try {
        i += add(layers, i, name_ + "." + own);
        // Behind a layer a condition is no column of its own any more.
        condition_ = 0;
      } catch (const std::invalid_argument& error) {
        // An error within a block names the innermost place.
        const std::string text = error.what();
        if (text.rfind(name_, 0) == 0) throw;
        throw std::invalid_argument(name_ + "." + own + " (" + std::string(name_of(layers[i].type)) + "): " + text);
      }
    }
  }

 private:
  // Returns how many of the layers it has taken.
  std::size_t add(const std::vector<LayerSpec>& layers, std::size_t i, const std::string& name) {
    const LayerSpec& spec = layers[i];
    const LayerSpec* next = i + 1 < layers.size() ? &layers[i + 1] : nullptr;
    switch (spec.type) {
      case LayerType::dense:
        value_ = add_flat(network_, table_, value_);
        append<DenseLayer>(name, shape().channels, spec.units, spec.activation, has_gradient());
        return 1;
      case LayerType::conv:
      case LayerType::convTranspose:
        append<ConvolutionLayer>(name, shape(), spec, Extent{}, has_gradient());
        return 1;
      case LayerType::upsample:
        return add_upsample(spec, next, i);
      case LayerType::batchNorm:
        return add_batch_norm(layers, i, name);
      case LayerType::activation:
        append<ActivationLayer>(name, shape(), spec.activation, has_gradient());
        return 1;
      case LayerType::layerNorm:
      case LayerType::groupNorm:
        append<RowNormLayer>(name, shape(), spec, has_gradient());
        return 1;
      case LayerType::dropout:
        append<DropoutLayer>(name, shape(), spec, network_.next_dropout_place(), has_gradient());
        return 1;
      case LayerType::maxPool:
      case LayerType::avgPool:
        append<PoolingLayer>(name, shape(), spec, has_gradient());
        return 1;
      case LayerType::flatten:
        value_ = add_flat(network_, table_, value_);
        return 1;
      case LayerType::reshape: {
        value_ = add_flat(network_, table_, value_);
        const Shape to{spec.channels, spec.extent.depth, spec.extent.height, spec.extent.width};
        append<ReshapeLayer>(name, shape(), to, condition_, spec.window.dimensions, false, has_gradient());
        return 1;
      }
      case LayerType::residual:
        add_residual(spec, name);
        return 1;
      case LayerType::embedding:
        if (shape().channels != spec.codes) {
          throw std::invalid_argument("codes are embedded where each position has " + std::to_string(spec.codes) +
                                      " channels, and it has " + std::to_string(shape().channels));
        }
        append<ConvolutionLayer>(name, shape(), spec, Extent{}, has_gradient());
        return 1;
    }
    return 1;
  }

  const Shape& shape() const { return network_.values()[value_].shape; }
  bool has_gradient() const { return network_.values()[value_].has_gradient; }

  template <typename Kind, typename... Arguments>
  void append(const std::string& name, const Arguments&... arguments) {
    value_ = network_.add(table_, name, std::make_unique<Kind>(arguments...), {value_});
  }

  std::size_t add_upsample(const LayerSpec& spec, const LayerSpec* next, std::size_t i) {
    const bool folds = spec.interpolation == Interpolation::nearest && next != nullptr &&
                       next->type == LayerType::conv && next->window.stride == Extent{};
    if (!folds) {
      const std::string own = spec.name.empty() ? std::to_string(i) : spec.name;
      append<UpsampleLayer>(name_ + "." + own, shape(), spec, has_gradient());
      return 1;
    }
    const std::string own = next->name.empty() ? std::to_string(i + 1) : next->name;
    append<ConvolutionLayer>(name_ + "." + own, shape(), *next, spec.extent, has_gradient());
    return 2;
  }

  // With the ReLU and the max pooling after it, if there are such.
  std::size_t add_batch_norm(const std::vector<LayerSpec>& layers, std::size_t i, const std::string& name) {
    NormFusion fusion;
    std::vector<FusedLayer> fused;
    std::size_t end = i + 1;
    if (end < layers.size() && layers[end].type == LayerType::activation &&
        layers[end].activation == Activation::relu) {
      fusion.relu = true;
      ++end;
    }
    if (end < layers.size() && layers[end].type == LayerType::maxPool) {
      const LayerSpec& spec = layers[end];
      const std::optional<PoolingPlan> plan = fusable_pool(spec);
      if (plan) {
        fusion.pool = plan;
        const std::string own = spec.name.empty() ? std::to_string(end) : spec.name;
        fused.push_back({name_ + "." + own, spec.type, plan->input, plan->output, pooling_operations(*plan)});
        ++end;
      }
    }
    auto layer =
        std::make_unique<BatchNormLayer>(shape(), layers[i].momentum, layers[i].epsilon, fusion, has_gradient());
    value_ = network_.add(table_, name, std::move(layer), {value_}, std::move(fused));
    return end - i;
  }

  // A window that does not fit is not reported here: its layer reports it, with the place.
  std::optional<PoolingPlan> fusable_pool(const LayerSpec& spec) const {
    try {
      const PoolingPlan plan = pooling_plan(shape(), spec);
      if (can_fuse_pool(plan)) return plan;
    } catch (const std::invalid_argument&) {
    }
    return std::nullopt;
  }

  // x + layers(x), with a convolution of single positions beside the layers if they change the shape.
  void add_residual(const LayerSpec& spec, const std::string& name) {
    const std::size_t before = value_;
    Builder block(network_, table_, name + ".layers", {value_, 0});
    block.add_all(spec.layers);
    value_ = block.value();
    const Shape from = network_.values()[before].shape, to = shape();
    std::size_t beside = before;
    if (from != to) {
      LayerSpec projection;
      projection.type = LayerType::conv;
      projection.channels = to.channels;
      projection.window.dimensions = spec.window.dimensions;
      const auto stride = [](std::size_t a, std::size_t b) { return b == 0 ? a : (a + b - 1) / b; };
      projection.window.stride = {stride(from.depth, to.depth), stride(from.height, to.height),
                                  stride(from.width, to.width)};
      auto layer =
          std::make_unique<ConvolutionLayer>(from, projection, Extent{}, network_.values()[before].has_gradient);
      if (layer->output_shape() != to) {
        throw std::invalid_argument("the block's layers change the spatial size in a way that no projection follows");
      }
      beside = network_.add(table_, name + ".projection", std::move(layer), {before});
    }
    value_ = network_.add(table_, name, std::make_unique<AddLayer>(to), {value_, beside});
  }

  Network& network_;
  ParameterTable& table_;
  std::string name_;
  std::size_t value_, condition_;
};

}  // namespace

std::size_t add_stack(Network& network, ParameterTable& table, const std::string& name,
                      const std::vector<LayerSpec>& layers, StackEnd begin) {
  Builder builder(network, table, name, begin);
  builder.add_all(layers);
  return builder.value();
}

std::size_t add_flat(Network& network, ParameterTable& table, std::size_t value, bool positions_first) {
  const Value& from = network.values()[value];
  if (from.shape.positions() == 1) return value;
  return network.add(table, "", std::make_unique<FlattenLayer>(from.shape, positions_first, from.has_gradient),
                     {value});
}

bool begins_with_image(const std::vector<LayerSpec>& layers) {
  for (const LayerSpec& layer : layers) {
    switch (layer.type) {
      case LayerType::activation:
      case LayerType::dropout:
        continue;
      case LayerType::dense:
      case LayerType::flatten:
      case LayerType::reshape:
        return false;
      case LayerType::residual:
        if (!begins_with_image(layer.layers)) continue;
        return true;
      default:
        return true;
    }
  }
  return false;
}

}  // namespace aevb
