#include "read_spec.h"

#include <cmath>
#include <iterator>
#include <utility>

#include "likelihood/likelihood.h"

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

constexpr std::pair<const char*, PosteriorType> POSTERIORS[] = {
    {"gaussian", PosteriorType::gaussian},   {"laplace", PosteriorType::laplace},
    {"logistic", PosteriorType::logistic},   {"categorical", PosteriorType::categorical},
    {"bernoulli", PosteriorType::bernoulli},
};

constexpr std::pair<const char*, PriorType> PRIORS[] = {
    {"standard", PriorType::standard},
    {"normal", PriorType::normal},
    {"mixture", PriorType::mixture},
};

constexpr std::pair<const char*, TemperatureDecay> DECAYS[] = {
    {"constant", TemperatureDecay::constant},
    {"linear", TemperatureDecay::linear},
    {"exponential", TemperatureDecay::exponential},
};

constexpr std::pair<const char*, LikelihoodType> LIKELIHOODS[] = {
    {"bernoulli", LikelihoodType::bernoulli},     {"continuousBernoulli", LikelihoodType::continuousBernoulli},
    {"gaussian", LikelihoodType::gaussian},       {"laplace", LikelihoodType::laplace},
    {"categorical", LikelihoodType::categorical}, {"multinomial", LikelihoodType::multinomial},
    {"poisson", LikelihoodType::poisson},
};

constexpr std::pair<const char*, DispersionType> DISPERSIONS[] = {
    {"fixed", DispersionType::fixed},
    {"learned", DispersionType::learned},
    {"perFeature", DispersionType::perFeature},
    {"perDatum", DispersionType::perDatum},
};

constexpr std::pair<const char*, CovarianceType> COVARIANCES[] = {
    {"diagonal", CovarianceType::diagonal},
    {"full", CovarianceType::full},
    {"lowRank", CovarianceType::lowRank},
};

constexpr std::pair<const char*, Binarize> BINARIZATIONS[] = {
    {"none", Binarize::none},
    {"threshold", Binarize::threshold},
    {"stochastic", Binarize::stochastic},
};

constexpr std::pair<const char*, BoundType> BOUNDS[] = {
    {"elbo", BoundType::elbo},
    {"iwae", BoundType::iwae},
    {"dreg", BoundType::dreg},
};

constexpr std::pair<const char*, KlType> DIVERGENCES[] = {
    {"analytic", KlType::analytic},
    {"monteCarlo", KlType::monteCarlo},
};

constexpr std::pair<const char*, Estimator> ESTIMATORS[] = {
    {"reparameterized", Estimator::reparameterized},
    {"scoreFunction", Estimator::scoreFunction},
};

constexpr std::pair<const char*, Baseline> BASELINES[] = {
    {"none", Baseline::none},
    {"movingAverage", Baseline::movingAverage},
    {"leaveOneOut", Baseline::leaveOneOut},
};

constexpr std::pair<const char*, WarmupType> WARMUPS[] = {
    {"none", WarmupType::none},
    {"linear", WarmupType::linear},
    {"cosine", WarmupType::cosine},
    {"cyclical", WarmupType::cyclical},
};

constexpr std::pair<const char*, FreeBits> FREE_BITS[] = {
    {"none", FreeBits::none},
    {"dimension", FreeBits::dimension},
    {"group", FreeBits::group},
};

constexpr std::pair<const char*, CorruptionType> CORRUPTIONS[] = {
    {"none", CorruptionType::none},
    {"gaussian", CorruptionType::gaussian},
    {"masking", CorruptionType::masking},
    {"saltAndPepper", CorruptionType::saltAndPepper},
};

constexpr std::pair<const char*, ScaleType> SCALES[] = {
    {"none", ScaleType::none},
    {"auto", ScaleType::automatic},
    {"standard", ScaleType::standard},
    {"log", ScaleType::log},
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

constexpr std::pair<const char*, Precision> PRECISIONS[] = {
    {"float32", Precision::float32},
    {"bfloat16", Precision::bfloat16},
};

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

std::vector<LayerSpec> read_layers(const Napi::Object& object, const char* name) {
  const Napi::Array array = read_array(object, name);
  std::vector<LayerSpec> layers;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Object layer = object_at(array, i, name);
    layers.push_back({read_size(layer, "units"), read_choice(layer, "activation", ACTIVATIONS)});
  }
  return layers;
}

// The core reads as many numbers of a prior as there are dimensions, and divides the features among the classes.
void check_lengths(Napi::Env env, const ModelSpec& spec) {
  for (const LatentSpec& latent : spec.latents) {
    const PriorSpec& prior = latent.prior;
    const std::size_t length = prior.type == PriorType::normal ? latent.units : 0;
    if (prior.mean.size() != length || prior.variance.size() != length) wrong(env, "one number a dimension", "prior");
    if (prior.type == PriorType::mixture && prior.components == 0) wrong(env, "at least 1", "components");
    if (latent.type == PosteriorType::categorical && latent.classes == 0) wrong(env, "at least 1", "classes");
  }
  if (!covariance_fits(spec.likelihood, spec.input)) wrong(env, "one that so many features can have", "covariance");
  if (spec.likelihood.type != LikelihoodType::categorical) return;
  std::size_t left = spec.input;
  for (const std::size_t classes : spec.likelihood.classes) {
    if (classes == 0 || classes > left) wrong(env, "numbers that add up to input", "classes");
    left -= classes;
  }
  if (left != 0) wrong(env, "numbers that add up to input", "classes");
}

LatentSpec read_latent(const Napi::Object& object) {
  LatentSpec spec;
  spec.type = read_choice(object, "type", POSTERIORS);
  spec.units = read_size(object, "units");
  spec.full_covariance = read_bool(object, "fullCovariance");
  spec.classes = read_size(object, "classes");
  const Napi::Object temperature = read_object(object, "temperature");
  spec.temperature.decay = read_choice(temperature, "decay", DECAYS);
  spec.temperature.start = read_number(temperature, "start");
  spec.temperature.end = read_number(temperature, "end");
  spec.temperature.epochs = read_number(temperature, "epochs");
  spec.straight_through = read_bool(object, "straightThrough");
  const Napi::Object prior = read_object(object, "prior");
  spec.prior.type = read_choice(prior, "type", PRIORS);
  spec.prior.learned = read_bool(prior, "learned");
  spec.prior.mean = read_numbers(prior, "mean");
  spec.prior.variance = read_numbers(prior, "variance");
  spec.prior.components = read_size(prior, "components");
  return spec;
}

LikelihoodSpec read_likelihood(const Napi::Object& object) {
  LikelihoodSpec spec;
  spec.type = read_choice(object, "type", LIKELIHOODS);
  spec.dispersion = read_choice(object, "dispersion", DISPERSIONS);
  spec.fixed_dispersion = read_number(object, "fixedDispersion");
  const Napi::Array bounds = read_array(object, "logDispersionBounds");
  spec.log_dispersion_min = number_at(bounds, 0, "logDispersionBounds");
  spec.log_dispersion_max = number_at(bounds, 1, "logDispersionBounds");
  spec.binarize = read_choice(object, "binarize", BINARIZATIONS);
  spec.classes = read_sizes(object, "classes");
  spec.codes = read_bool(object, "codes");
  spec.trials = read_size(object, "trials");
  spec.covariance = read_choice(object, "covariance", COVARIANCES);
  spec.rank = read_size(object, "rank");
  return spec;
}

ObjectiveSpec read_objective(const Napi::Object& object) {
  ObjectiveSpec spec;
  spec.beta = read_number(object, "beta");
  spec.samples = read_size(object, "samples");
  spec.bound = read_choice(object, "bound", BOUNDS);
  spec.kl = read_choice(object, "kl", DIVERGENCES);
  spec.estimator = read_choice(object, "estimator", ESTIMATORS);
  spec.baseline = read_choice(object, "baseline", BASELINES);
  spec.baseline_decay = read_number(object, "baselineDecay");
  spec.reconstruction_weight = read_number(object, "reconstructionWeight");
  spec.kl_weight = read_number(object, "klWeight");
  spec.deterministic = read_bool(object, "deterministic");
  const Napi::Object warmup = read_object(object, "warmup");
  spec.warmup = read_choice(warmup, "type", WARMUPS);
  spec.warmup_epochs = read_number(warmup, "epochs");
  spec.warmup_cycles = read_number(warmup, "cycles");
  spec.warmup_rise = read_number(warmup, "rise");
  const Napi::Object free_bits = read_object(object, "freeBits");
  spec.free_bits = read_choice(free_bits, "per", FREE_BITS);
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
  spec.encoder = read_layers(object, "encoder");
  const Napi::Array latents = read_array(object, "latents");
  spec.latents.clear();
  for (std::uint32_t i = 0; i < latents.Length(); ++i) {
    spec.latents.push_back(read_latent(object_at(latents, i, "latents")));
  }
  spec.decoder = read_layers(object, "decoder");
  spec.likelihood = read_likelihood(read_object(object, "likelihood"));
  spec.objective = read_objective(read_object(object, "objective"));
  const Napi::Object corruption = read_object(object, "corruption");
  spec.corruption.type = read_choice(corruption, "type", CORRUPTIONS);
  spec.corruption.amount = read_number(corruption, "amount");
  const Napi::Object condition = read_object(object, "condition");
  spec.condition.width = read_size(condition, "width");
  spec.condition.classes = read_bool(condition, "classes");
  spec.scale = read_choice(object, "scale", SCALES);
  spec.initializer = read_choice(object, "initializer", INITIALIZERS);
  spec.seed = read_size(object, "seed");
  check_lengths(object.Env(), spec);
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
  spec.precision = read_choice(object, "precision", PRECISIONS);
  return spec;
}

}  // namespace aevb::binding
