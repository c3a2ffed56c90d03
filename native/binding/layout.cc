#include "layout.h"

#include <limits>
#include <string>
#include <vector>

#include "likelihood/likelihood.h"
#include "model/layout.h"
#include "read_spec.h"

namespace aevb::binding {

namespace {

Napi::Number number(Napi::Env env, std::size_t value) { return Napi::Number::New(env, static_cast<double>(value)); }

Napi::Array sizes(Napi::Env env, const std::vector<std::size_t>& values) {
  Napi::Array array = Napi::Array::New(env, values.size());
  for (std::size_t i = 0; i < values.size(); ++i) array.Set(static_cast<std::uint32_t>(i), number(env, values[i]));
  return array;
}

// The shape of a value as a user writes it: channels, and the spatial sizes that the data have.
std::vector<std::size_t> shape_of(const Shape& shape, std::size_t dimensions) {
  std::vector<std::size_t> all{shape.channels};
  if (shape.positions() == 1) return all;
  if (dimensions > 2) all.push_back(shape.depth);
  if (dimensions > 1) all.push_back(shape.height);
  all.push_back(shape.width);
  return all;
}

void list_layers(Napi::Env env, Napi::Array list, const char* part, const Network& network, std::size_t dimensions) {
  const auto add = [&](const FusedLayer& layer) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("name", Napi::String::New(env, layer.name.empty() ? part : layer.name));
    object.Set("type", Napi::String::New(env, std::string(name_of(layer.type))));
    object.Set("input", sizes(env, shape_of(layer.input, dimensions)));
    object.Set("output", sizes(env, shape_of(layer.output, dimensions)));
    object.Set("operations", Napi::Number::New(env, layer.operations));
    list.Set(list.Length(), object);
  };
  for (const Node& node : network.nodes()) {
    const Shape& last = network.values()[node.output].shape;
    add({node.name, node.layer->type(), network.values()[node.inputs[0]].shape,
         node.fused.empty() ? last : node.fused.front().input, node.layer->operations()});
    for (const FusedLayer& fused : node.fused) add(fused);
  }
}

}  // namespace

Napi::Array tensor_list(Napi::Env env, const std::vector<ParameterInfo>& table) {
  Napi::Array list = Napi::Array::New(env, table.size());
  for (std::size_t i = 0; i < table.size(); ++i) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("name", Napi::String::New(env, table[i].name));
    object.Set("shape", sizes(env, table[i].shape));
    list.Set(static_cast<std::uint32_t>(i), object);
  }
  return list;
}

Napi::Value layout(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const ModelSpec spec = read_model_spec(info[0].ToObject());
  Napi::Object object = Napi::Object::New(env);
  Napi::Array domains = Napi::Array::New(env);
  for (const LikelihoodSpec& part : spec.likelihoods) {
    domains.Set(domains.Length(), Napi::String::New(env, std::string(name_of(likelihood_domain(part)))));
  }
  object.Set("domains", domains);
  try {
    const ModelLayout layout(spec);
    double elements = 0.0;
    for (const ParameterInfo& tensor : layout.parameters.tensors()) {
      double product = 1.0;
      for (const std::size_t size : tensor.shape) product *= static_cast<double>(size);
      elements += product;
    }
    Napi::Array layers = Napi::Array::New(env);
    list_layers(env, layers, "encoder", layout.encoder, spec.image.dimensions);
    list_layers(env, layers, "decoder", layout.decoder, spec.image.dimensions);
    object.Set("tensors", tensor_list(env, layout.parameters.tensors()));
    object.Set("layers", layers);
    object.Set("elements", Napi::Number::New(env, elements));
    object.Set("latentWidth", number(env, layout.latent_width));
  } catch (const std::bad_alloc&) {
    // More than can be counted.
    object.Set("elements", Napi::Number::New(env, std::numeric_limits<double>::infinity()));
    object.Set("tensors", Napi::Array::New(env));
    object.Set("layers", Napi::Array::New(env));
    object.Set("latentWidth", number(env, 0));
  }
  return object;
}

}  // namespace aevb::binding
