#include "read_spec.h"

#include <cmath>
#include <iterator>
#include <optional>
#include <utility>

#include "likelihood/likelihood.h"
#include "model/layout.h"

namespace aevb::binding {

namespace {

// The largest integer that a JavaScript number holds exactly.
constexpr double LARGEST_INTEGER = 9007199254740991.0;

[[noreturn]] void wrong(Napi::Env env, const char* expected, const char* name) {
  throw Napi::TypeError::New(env, std::string("Expected ") + expected + " for " + name);
}

template <typename Kind>
Kind read_kind(const Napi::Object& object, const char* field) {
  const std::optional<Kind> kind = kind_of<Kind>(read_string(object, field));
  if (!kind) wrong(object.Env(), "one of the known names", field);
  return *kind;
}

Napi::Array read_array(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsArray()) wrong(object.Env(), "an array", name);
  return value.As<Napi::Array>();
}

// The i-th element of an array of objects.
Napi::Object object_at(const Napi::Array& array, std::uint32_t i, const char* name) {
  const Napi::Value value = array.Get(i);
  if (!value.IsObject()) wrong(array.Env(), "objects", name);
  return value.As<Napi::Object>();
}

double number_at(const Napi::Array& array, std::uint32_t i, const char* name) {
  const Napi::Value value = array.Get(i);
  if (!value.IsNumber()) wrong(array.Env(), "numbers", name);
  return value.As<Napi::Number>().DoubleValue();
}

std::size_t as_size(Napi::Env env, double value, const char* name) {
  if (!(value >= 0.0 && value <= LARGEST_INTEGER && std::floor(value) == value)) {
    wrong(env, "an integer of at least 0", name);
  }
  return static_cast<std::size_t>(value);
}

std::vector<double> read_numbers(const Napi::Object& object, const char* name) {
  const Napi::Array array = read_array(object, name);
  std::vector<double> numbers;
  for (std::uint32_t i = 0; i < array.Length(); ++i) numbers.push_back(number_at(array, i, name));
  return numbers;
}

std::vector<std::size_t> read_sizes(const Napi::Object& object, const char* name) {
  const Napi::Array array = read_array(object, name);
  std::vector<std::size_t> sizes;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    sizes.push_back(as_size(object.Env(), number_at(array, i, name), name));
  }
  return sizes;
}

Extent read_extent(const Napi::Object& object, const char* name) {
  const std::vector<std::size_t> sizes = read_sizes(object, name);
  if (sizes.size() != 3) wrong(object.Env(), "three sizes", name);
  return {sizes[0], sizes[1], sizes[2]};
}

std::size_t read_dimensions(const Napi::Object& object) {
  const std::size_t dimensions = read_size(object, "dimensions");
  if (dimensions > 3) wrong(object.Env(), "at most 3", "dimensions");
  return dimensions;
}

WindowSpec read_window(const Napi::Object& object) {
  WindowSpec window;
  window.kernel = read_extent(object, "kernel");
  window.stride = read_extent(object, "stride");
  window.dilation = read_extent(object, "dilation");
  window.padding_before = read_extent(object, "paddingBefore");
  window.padding_after = read_extent(object, "paddingAfter");
  window.dimensions = read_dimensions(object);
  return window;
}

std::vector<LayerSpec> read_layers(const Napi::Object& object, const char* name);

LayerSpec read_layer(const Napi::Object& object) {
  LayerSpec layer;
  layer.type = read_kind<LayerType>(object, "type");
  layer.name = read_string(object, "name");
  switch (layer.type) {
    case LayerType::dense:
      layer.units = read_size(object, "units");
      layer.activation = read_kind<Activation>(object, "activation");
      break;
    case LayerType::conv:
    case LayerType::convTranspose:
      layer.channels = read_size(object, "channels");
      layer.window = read_window(read_object(object, "window"));
      layer.output_padding = read_extent(object, "outputPadding");
      layer.groups = read_size(object, "groups");
      layer.bias = read_bool(object, "bias");
      break;
    case LayerType::activation:
      layer.activation = read_kind<Activation>(object, "activation");
      break;
    case LayerType::batchNorm:
      layer.momentum = read_number(object, "momentum");
      layer.epsilon = read_number(object, "epsilon");
      break;
    case LayerType::layerNorm:
      layer.epsilon = read_number(object, "epsilon");
      layer.window.dimensions = read_dimensions(object);
      break;
    case LayerType::groupNorm:
      layer.groups = read_size(object, "groups");
      layer.epsilon = read_number(object, "epsilon");
      break;
    case LayerType::maxPool:
    case LayerType::avgPool:
      layer.window = read_window(read_object(object, "window"));
      layer.global = read_bool(object, "global");
      break;
    case LayerType::upsample:
      layer.extent = read_extent(object, "extent");
      layer.interpolation = read_kind<Interpolation>(object, "interpolation");
      break;
    case LayerType::dropout:
      layer.rate = read_number(object, "rate");
      layer.whole_channels = read_bool(object, "wholeChannels");
      break;
    case LayerType::embedding:
      layer.codes = read_size(object, "codes");
      layer.units = read_size(object, "units");
      break;
    case LayerType::flatten:
      break;
    case LayerType::reshape:
      layer.channels = read_size(object, "channels");
      layer.extent = read_extent(object, "extent");
      layer.window.dimensions = read_dimensions(object);
      break;
    case LayerType::residual:
      layer.layers = read_layers(object, "layers");
      layer.window.dimensions = read_dimensions(object);
      break;
  }
  return layer;
}

std::vector<LayerSpec> read_layers(const Napi::Object& object, const char* name) {
  const Napi::Array array = read_array(object, name);
  std::vector<LayerSpec> layers;
  layers.reserve(array.Length());
  for (std::uint32_t i = 0; i < array.Length(); ++i) layers.push_back(read_layer(object_at(array, i, name)));
  return layers;
}

// What a layout divides by, or counts with.
void check_counts(Napi::Env env, const ModelSpec& spec) {
  for (const LatentSpec& latent : spec.latents) {
    if (latent.prior.type == PriorType::mixture && latent.prior.components == 0) wrong(env, "at least 1", "components");
    if (latent.type == PosteriorType::categorical && latent.classes == 0) wrong(env, "at least 1", "classes");
  }
  for (const LikelihoodSpec& likelihood : spec.likelihoods) {
    const std::size_t columns = likelihood.columns == 0 ? spec.input : likelihood.columns;
    if (!covariance_fits(likelihood, columns)) wrong(env, "one that so many features can have", "covariance");
  }
}

LatentSpec read_latent(const Napi::Object& object) {
  LatentSpec spec;
  spec.type = read_kind<PosteriorType>(object, "type");
  spec.units = read_size(object, "units");
  spec.full_covariance = read_bool(object, "fullCovariance");
  spec.classes = read_size(object, "classes");
  const Napi::Object temperature = read_object(object, "temperature");
  spec.temperature.decay = read_kind<TemperatureDecay>(temperature, "decay");
  spec.temperature.start = read_number(temperature, "start");
  spec.temperature.end = read_number(temperature, "end");
  spec.temperature.epochs = read_number(temperature, "epochs");
  spec.straight_through = read_bool(object, "straightThrough");
  const Napi::Object prior = read_object(object, "prior");
  spec.prior.type = read_kind<PriorType>(prior, "type");
  spec.prior.learned = read_bool(prior, "learned");
  spec.prior.mean = read_numbers(prior, "mean");
  spec.prior.variance = read_numbers(prior, "variance");
  spec.prior.components = read_size(prior, "components");
  return spec;
}

LikelihoodSpec read_likelihood(const Napi::Object& object) {
  LikelihoodSpec spec;
  spec.columns = read_size(object, "columns");
  spec.type = read_kind<LikelihoodType>(object, "type");
  spec.dispersion = read_kind<DispersionType>(object, "dispersion");
  spec.fixed_dispersion = read_number(object, "fixedDispersion");
  const Napi::Array bounds = read_array(object, "logDispersionBounds");
  spec.log_dispersion_min = number_at(bounds, 0, "logDispersionBounds");
  spec.log_dispersion_max = number_at(bounds, 1, "logDispersionBounds");
  spec.binarize = read_kind<Binarize>(object, "binarize");
  spec.classes = read_sizes(object, "classes");
  spec.codes = read_bool(object, "codes");
  spec.variables = read_size(object, "variables");
  spec.missing = read_bool(object, "missing");
  spec.trials = read_size(object, "trials");
  spec.covariance = read_kind<CovarianceType>(object, "covariance");
  spec.rank = read_size(object, "rank");
  return spec;
}

ObjectiveSpec read_objective(const Napi::Object& object) {
  ObjectiveSpec spec;
  spec.beta = read_number(object, "beta");
  spec.samples = read_size(object, "samples");
  spec.bound = read_kind<BoundType>(object, "bound");
  spec.kl = read_kind<KlType>(object, "kl");
  spec.estimator = read_kind<Estimator>(object, "estimator");
  spec.baseline = read_kind<Baseline>(object, "baseline");
  spec.baseline_decay = read_number(object, "baselineDecay");
  spec.reconstruction_weight = read_number(object, "reconstructionWeight");
  spec.kl_weight = read_number(object, "klWeight");
  spec.deterministic = read_bool(object, "deterministic");
  const Napi::Object warmup = read_object(object, "warmup");
  spec.warmup = read_kind<WarmupType>(warmup, "type");
  spec.warmup_epochs = read_number(warmup, "epochs");
  spec.warmup_cycles = read_number(warmup, "cycles");
  spec.warmup_rise = read_number(warmup, "rise");
  const Napi::Object free_bits = read_object(object, "freeBits");
  spec.free_bits = read_kind<FreeBits>(free_bits, "per");
  spec.free_nats = read_number(free_bits, "nats");
  const Napi::Object capacity = read_object(object, "capacity");
  spec.capacity_weight = read_number(capacity, "weight");
  spec.capacity = read_number(capacity, "nats");
  spec.capacity_epochs = read_number(capacity, "epochs");
  spec.total_correlation = read_number(object, "totalCorrelation");
  spec.mmd = read_number(object, "mmd");
  return spec;
}

}  // namespace

double read_number(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsNumber()) wrong(object.Env(), "a number", name);
  return value.As<Napi::Number>().DoubleValue();
}

std::size_t read_size(const Napi::Object& object, const char* name) {
  return as_size(object.Env(), read_number(object, name), name);
}

bool read_bool(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsBoolean()) wrong(object.Env(), "a boolean", name);
  return value.As<Napi::Boolean>().Value();
}

std::string read_string(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsString()) wrong(object.Env(), "a string", name);
  return value.As<Napi::String>().Utf8Value();
}

Napi::Object read_object(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsObject()) wrong(object.Env(), "an object", name);
  return value.As<Napi::Object>();
}

ModelSpec read_model_spec(const Napi::Object& object) {
  ModelSpec spec;
  spec.input = read_size(object, "input");
  const Napi::Object image = read_object(object, "image");
  spec.image.channels = read_size(image, "channels");
  spec.image.extent = read_extent(image, "extent");
  spec.image.dimensions = read_dimensions(image);
  spec.image.positions_first = read_bool(image, "positionsFirst");
  spec.encoder = read_layers(object, "encoder");
  const Napi::Array latents = read_array(object, "latents");
  spec.latents.clear();
  for (std::uint32_t i = 0; i < latents.Length(); ++i) {
    spec.latents.push_back(read_latent(object_at(latents, i, "latents")));
  }
  spec.decoder = read_layers(object, "decoder");
  spec.likelihood_head = read_layers(object, "likelihoodHead");
  const Napi::Array likelihoods = read_array(object, "likelihoods");
  spec.likelihoods.clear();
  for (std::uint32_t i = 0; i < likelihoods.Length(); ++i) {
    spec.likelihoods.push_back(read_likelihood(object_at(likelihoods, i, "likelihoods")));
  }
  spec.objective = read_objective(read_object(object, "objective"));
  const Napi::Object corruption = read_object(object, "corruption");
  spec.corruption.type = read_kind<CorruptionType>(corruption, "type");
  spec.corruption.amount = read_number(corruption, "amount");
  const Napi::Object condition = read_object(object, "condition");
  spec.condition.width = read_size(condition, "width");
  spec.condition.classes = read_bool(condition, "classes");
  spec.scale = read_kind<ScaleType>(object, "scale");
  spec.initializer = read_kind<Initializer>(object, "initializer");
  spec.seed = read_size(object, "seed");
  check_counts(object.Env(), spec);
  return spec;
}

void check_lengths(Napi::Env env, const ModelSpec& spec) {
  for (const LatentSpec& latent : spec.latents) {
    const PriorSpec& prior = latent.prior;
    const std::size_t length = prior.type == PriorType::normal ? latent.units : 0;
    if (prior.mean.size() != length || prior.variance.size() != length) wrong(env, "one number a dimension", "prior");
  }
  try {
    likelihood_parts(spec);
  } catch (const std::invalid_argument& error) {
    throw Napi::RangeError::New(env, error.what());
  }
}

TrainSpec read_train_spec(const Napi::Object& object) {
  TrainSpec spec;
  spec.batch_size = read_size(object, "batchSize");
  if (spec.batch_size == 0) wrong(object.Env(), "an integer of at least 1", "batchSize");
  spec.shuffle = read_bool(object, "shuffle");
  const Napi::Object optimizer = read_object(object, "optimizer");
  spec.optimizer.type = read_kind<OptimizerType>(optimizer, "type");
  spec.optimizer.learning_rate = read_number(optimizer, "learningRate");
  spec.optimizer.weight_decay = read_number(optimizer, "weightDecay");
  spec.optimizer.momentum = read_number(optimizer, "momentum");
  spec.optimizer.nesterov = read_bool(optimizer, "nesterov");
  spec.optimizer.beta1 = read_number(optimizer, "beta1");
  spec.optimizer.beta2 = read_number(optimizer, "beta2");
  spec.optimizer.decay = read_number(optimizer, "decay");
  spec.optimizer.epsilon = read_number(optimizer, "epsilon");
  spec.optimizer.initial_accumulator = read_number(optimizer, "initialAccumulator");
  const Napi::Object schedule = read_object(object, "schedule");
  spec.schedule.type = read_kind<ScheduleType>(schedule, "type");
  spec.schedule.warmup = read_number(schedule, "warmup");
  spec.schedule.every = read_number(schedule, "every");
  spec.schedule.factor = read_number(schedule, "factor");
  spec.schedule.minimum = read_number(schedule, "minimum");
  spec.schedule.epochs = read_number(schedule, "epochs");
  spec.clip_norm = read_number(object, "clipNorm");
  spec.clip_value = read_number(object, "clipValue");
  spec.precision = read_kind<Precision>(object, "precision");
  return spec;
}

}  // namespace aevb::binding
