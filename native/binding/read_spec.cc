#include "read_spec.h"

#include <cmath>
#include <iterator>
#include <utility>

namespace aevb::binding {

namespace {

// The largest integer that a JavaScript number holds exactly.
constexpr double LARGEST_INTEGER = 9007199254740991.0;

[[noreturn]] void wrong(Napi::Env env, const char* expected, const char* name) {
  throw Napi::TypeError::New(env, std::string("Expected ") + expected + " for " + name);
}

template <typename Enum, std::size_t N>
Enum read_choice(const Napi::Object& object, const char* field, const std::pair<const char*, Enum> (&choices)[N]) {
  const std::string name = read_string(object, field);
  for (const auto& [choice, value] : choices) {
    if (name == choice) return value;
  }
  wrong(object.Env(), "one of the known names", field);
}

constexpr std::pair<const char*, Activation> ACTIVATIONS[] = {
    {"identity", Activation::identity}, {"relu", Activation::relu},       {"leakyRelu", Activation::leakyRelu},
    {"elu", Activation::elu},           {"gelu", Activation::gelu},       {"silu", Activation::silu},
    {"tanh", Activation::tanh},         {"sigmoid", Activation::sigmoid}, {"softplus", Activation::softplus},
};

constexpr std::pair<const char*, Initializer> INITIALIZERS[] = {
    {"pytorch", Initializer::pytorch},           {"glorotUniform", Initializer::glorotUniform},
    {"glorotNormal", Initializer::glorotNormal}, {"heUniform", Initializer::heUniform},
    {"heNormal", Initializer::heNormal},
};

constexpr std::pair<const char*, LikelihoodType> LIKELIHOODS[] = {
    {"bernoulli", LikelihoodType::bernoulli},
    {"gaussian", LikelihoodType::gaussian},
};

constexpr std::pair<const char*, DispersionType> VARIANCES[] = {
    {"fixed", DispersionType::fixed},
    {"learned", DispersionType::learned},
    {"perFeature", DispersionType::perFeature},
    {"perDatum", DispersionType::perDatum},
};

constexpr std::pair<const char*, OptimizerType> OPTIMIZERS[] = {
    {"sgd", OptimizerType::sgd},   {"adagrad", OptimizerType::adagrad}, {"rmsprop", OptimizerType::rmsprop},
    {"adam", OptimizerType::adam}, {"adamw", OptimizerType::adamw},
};

constexpr std::pair<const char*, ScheduleType> SCHEDULES[] = {
    {"constant", ScheduleType::constant},
    {"step", ScheduleType::step},
    {"exponential", ScheduleType::exponential},
    {"cosine", ScheduleType::cosine},
};

std::vector<DenseSpec> read_layers(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsArray()) wrong(object.Env(), "an array", name);
  const auto array = value.As<Napi::Array>();
  std::vector<DenseSpec> layers;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value layer = array.Get(i);
    if (!layer.IsObject()) wrong(object.Env(), "objects", name);
    layers.push_back({read_size(layer.As<Napi::Object>(), "units"),
                      read_choice(layer.As<Napi::Object>(), "activation", ACTIVATIONS)});
  }
  return layers;
}

}  // namespace

double read_number(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsNumber()) wrong(object.Env(), "a number", name);
  return value.As<Napi::Number>().DoubleValue();
}

std::size_t read_size(const Napi::Object& object, const char* name) {
  const double value = read_number(object, name);
  if (!(value >= 0.0 && value <= LARGEST_INTEGER && std::floor(value) == value)) {
    wrong(object.Env(), "an integer of at least 0", name);
  }
  return static_cast<std::size_t>(value);
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
  spec.encoder = read_layers(object, "encoder");
  spec.latent.units = read_size(read_object(object, "latent"), "units");
  spec.decoder = read_layers(object, "decoder");
  const Napi::Object likelihood = read_object(object, "likelihood");
  spec.likelihood.type = read_choice(likelihood, "type", LIKELIHOODS);
  spec.likelihood.dispersion = read_choice(likelihood, "variance", VARIANCES);
  spec.likelihood.fixed_dispersion = read_number(likelihood, "fixedVariance");
  const Napi::Object bounds = read_object(likelihood, "logVarianceBounds");
  spec.likelihood.log_dispersion_min = read_number(bounds, "0");
  spec.likelihood.log_dispersion_max = read_number(bounds, "1");
  const Napi::Object objective = read_object(object, "objective");
  spec.objective.beta = read_number(objective, "beta");
  spec.objective.samples = read_size(objective, "samples");
  spec.initializer = read_choice(object, "initializer", INITIALIZERS);
  spec.seed = read_size(object, "seed");
  return spec;
}

TrainSpec read_train_spec(const Napi::Object& object) {
  TrainSpec spec;
  spec.batch_size = read_size(object, "batchSize");
  if (spec.batch_size == 0) wrong(object.Env(), "an integer of at least 1", "batchSize");
  spec.shuffle = read_bool(object, "shuffle");
  const Napi::Object optimizer = read_object(object, "optimizer");
  spec.optimizer.type = read_choice(optimizer, "type", OPTIMIZERS);
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
  spec.schedule.type = read_choice(schedule, "type", SCHEDULES);
  spec.schedule.warmup = read_number(schedule, "warmup");
  spec.schedule.every = read_number(schedule, "every");
  spec.schedule.factor = read_number(schedule, "factor");
  spec.schedule.minimum = read_number(schedule, "minimum");
  spec.schedule.epochs = read_number(schedule, "epochs");
  spec.clip_norm = read_number(object, "clipNorm");
  spec.clip_value = read_number(object, "clipValue");
  return spec;
}

}  // namespace aevb::binding
