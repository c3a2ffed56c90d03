#include "model_wrap.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <new>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "addon.h"
#include "array_view.h"
#include "dataset_wrap.h"
#include "errors.h"
#include "infer/discrete.h"
#include "infer/impute.h"
#include "infer/log_likelihood.h"
#include "infer/refine.h"
#include "layout.h"
#include "memory.h"
#include "read_spec.h"

namespace aevb::binding {

namespace {

using Clock = std::chrono::steady_clock;

Napi::Object options_of(const Napi::CallbackInfo& info, std::size_t position) {
  if (!info[position].IsObject()) throw Napi::TypeError::New(info.Env(), "Expected an object for options");
  return info[position].As<Napi::Object>();
}

std::int64_t arena_bytes(const Model& model) {
  return static_cast<std::int64_t>(model.parameters().size() * sizeof(float));
}

// In arenas of the parameters' size: parameters and transposed copies; in training also the gradient, two moments, and
// parameters and moments of an epoch's beginning.
constexpr std::int64_t ARENAS_OF_A_MODEL = 2, ARENAS_OF_TRAINING = 8;

// A typed array for an answer. Through the JavaScript constructor, which throws if memory is lacking:
// napi_create_arraybuffer ends the process.
template <typename Array>
Array new_array(Napi::Env env, const char* type, double elements) {
  try {
    return env.Global().Get(type).As<Napi::Function>().New({Napi::Number::New(env, elements)}).template As<Array>();
  } catch (const Napi::Error&) {
    throw_in_javascript(env, std::make_exception_ptr(std::bad_alloc()));
  }
}

Napi::Float32Array new_floats(Napi::Env env, std::size_t rows, std::size_t columns) {
  return new_array<Napi::Float32Array>(env, "Float32Array", static_cast<double>(rows) * static_cast<double>(columns));
}

Napi::Float64Array new_doubles(Napi::Env env, std::size_t count) {
  return new_array<Napi::Float64Array>(env, "Float64Array", static_cast<double>(count));
}

// A new array for an answer of this many numbers.
float* floats_of(const Napi::Value& value, std::size_t elements) {
  const ArrayView view = view_of(value);
  if (view.type != napi_float32_array || view.length != elements) {
    throw Napi::TypeError::New(value.Env(), "Expected a Float32Array of " + std::to_string(elements) + " elements");
  }
  return static_cast<float*>(view.data);
}

}  // namespace

Napi::Object terms_object(Napi::Env env, const Terms& terms) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("loss", Napi::Number::New(env, terms.loss));
  object.Set("reconstruction", Napi::Number::New(env, terms.reconstruction));
  object.Set("kl", Napi::Number::New(env, terms.kl));
  object.Set("examples", Napi::Number::New(env, static_cast<double>(terms.examples)));
  Napi::Array parts = Napi::Array::New(env, terms.parts.size());
  for (std::uint32_t i = 0; i < terms.parts.size(); ++i) parts.Set(i, Napi::Number::New(env, terms.parts[i]));
  object.Set("parts", parts);
  return object;
}

Napi::Object tensors_object(Napi::Env env, const Model& model, const float* arena) {
  Napi::Object object = Napi::Object::New(env);
  for (const ParameterInfo& info : model.table()) {
    auto values = new_floats(env, info.elements(), 1);
    read_tensor(values.Data(), arena, info);
    object.Set(info.name, values);
  }
  return object;
}

Napi::Function ModelWrap::define(Napi::Env env) {
  return DefineClass(env, "Model",
                     {
                         InstanceAccessor<&ModelWrap::coded<&ModelWrap::parameter_table>>("parameterTable"),
                         InstanceAccessor<&ModelWrap::coded<&ModelWrap::epochs_trained>>("epochsTrained"),
                         InstanceMethod<&ModelWrap::coded<&ModelWrap::training_bytes>>("trainingBytes"),
                         InstanceMethod<&ModelWrap::coded<&ModelWrap::read_parameters>>("readParameters"),
                         InstanceMethod<&ModelWrap::coded<&ModelWrap::write_parameters>>("writeParameters"),
                         InstanceMethod<&ModelWrap::coded<&ModelWrap::begin_fit>>("beginFit"),
                         InstanceMethod<&ModelWrap::coded<&ModelWrap::train_epoch>>("trainEpoch"),
                         InstanceMethod<&ModelWrap::coded<&ModelWrap::evaluate>>("evaluate"),
                         InstanceMethod<&ModelWrap::coded<&ModelWrap::encode>>("encode"),
                         InstanceMethod<&ModelWrap::coded<&ModelWrap::encode_now>>("encodeNow"),
                         InstanceMethod<&ModelWrap::coded<&ModelWrap::decode>>("decode"),
                         InstanceMethod<&ModelWrap::coded<&ModelWrap::reconstruct>>("reconstruct"),
                         InstanceMethod<&ModelWrap::coded<&ModelWrap::sample>>("sample"),
                         InstanceMethod<&ModelWrap::coded<&ModelWrap::impute>>("impute"),
                         InstanceMethod<&ModelWrap::coded<&ModelWrap::log_likelihood>>("logLikelihood"),
                         InstanceMethod<&ModelWrap::coded<&ModelWrap::exact_log_likelihood>>("exactLogLikelihood"),
                         InstanceMethod<&ModelWrap::coded<&ModelWrap::anomaly_score>>("anomalyScore"),
                         InstanceMethod<&ModelWrap::coded<&ModelWrap::refine>>("refine"),
                         InstanceMethod<&ModelWrap::coded<&ModelWrap::dispose>>("dispose"),
                     });
}

ModelWrap::ModelWrap(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<ModelWrap>(info), environment_(addon_data(info.Env()).environment) {
  or_throw_in_javascript(info.Env(), [&] {
    const ModelSpec spec = read_model_spec(options_of(info, 0));
    check_lengths(info.Env(), spec);
    environment_->make_room();
    afford(info.Env(), Model::bytes(spec));
    const FlushDenormals flush;
    live_ = std::make_shared<LiveModel>(spec);
  });
  // Last, because the destructor takes them away again, and it does not run if this throws.
  environment_->add(executor_);
  environment_->add(static_cast<Holder&>(*this));
  tell_memory(arena_bytes(live_->model) * ARENAS_OF_A_MODEL);
}

ModelWrap::~ModelWrap() {
  give_back();
  environment_->remove(executor_);
  environment_->remove(static_cast<Holder&>(*this));
}

bool ModelWrap::collected() const {
  napi_value object = nullptr;
  return live_ != nullptr && napi_get_reference_value(Env(), *this, &object) == napi_ok && object == nullptr;
}

void ModelWrap::give_back() {
  live_ = nullptr;
  row_encoder_ = nullptr;
  environment_->tell_memory(-std::exchange(bytes_, 0));
}

void ModelWrap::dispose(const Napi::CallbackInfo&) {
  *disposed_ = true;
  executor_.cancel_all();
  give_back();
}

Model& ModelWrap::model_of(const Napi::Value& value) {
  return Napi::ObjectWrap<ModelWrap>::Unwrap(value.As<Napi::Object>())->live().model;
}

LiveModel& ModelWrap::live() const {
  if (live_ == nullptr) throw_in_javascript(Env(), std::make_exception_ptr(Disposed()));
  return *live_;
}

void ModelWrap::tell_memory(std::int64_t bytes) {
  if (bytes <= bytes_) return;
  environment_->tell_memory(bytes - bytes_);
  bytes_ = bytes;
}

Napi::Value ModelWrap::parameter_table(const Napi::CallbackInfo& info) {
  return tensor_list(info.Env(), live().model.table());
}

Napi::Value ModelWrap::training_bytes(const Napi::CallbackInfo& info) {
  const std::size_t rows = static_cast<std::size_t>(info[0].ToNumber().Uint32Value());
  Model& model = live().model;
  Trainer fresh(model);
  TrainSpec spec;
  spec.batch_size = rows;
  fresh.begin_fit(spec);
  // bytes_to_train counts the row numbers of a shuffled epoch, which belong to the data.
  const double own = fresh.bytes_to_train(rows) - static_cast<double>(rows * sizeof(std::uint32_t));
  const double parameters = static_cast<double>(arena_bytes(model));
  const auto derived = static_cast<double>(model.layout().parameters.derived_size() * sizeof(float));
  return Napi::Number::New(info.Env(), own + parameters + derived);
}

Napi::Value ModelWrap::epochs_trained(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(live().model.epochs_trained));
}

void ModelWrap::refuse_while(bool busy, Napi::Env env) const {
  if (!busy) return;
  Napi::Error error = Napi::Error::New(env, "the model is being trained or used");
  error.Set("code", Napi::String::New(env, "BUSY"));
  throw error;
}

Napi::Value ModelWrap::read_parameters(const Napi::CallbackInfo& info) {
  refuse_while(training_jobs_ > 0, info.Env());
  afford(info.Env(), static_cast<double>(arena_bytes(live().model)));
  return tensors_object(info.Env(), live().model, live().model.parameters().data());
}

void ModelWrap::write_parameters(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  refuse_while(jobs_ > 0, env);
  const Napi::Object values = options_of(info, 0);
  Model& model = live().model;
  std::vector<Napi::Float32Array> arrays;
  for (const ParameterInfo& entry : model.table()) {
    const Napi::Value value = values.Get(entry.name);
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array ||
        value.As<Napi::TypedArray>().ElementLength() != entry.elements()) {
      throw Napi::TypeError::New(
          env, "Expected a Float32Array of " + std::to_string(entry.elements()) + " elements for " + entry.name);
    }
    arrays.push_back(value.As<Napi::Float32Array>());
  }
  for (std::size_t i = 0; i < arrays.size(); ++i) model.write(model.table()[i], arrays[i].Data());
  model.refresh_derived();
}

void ModelWrap::begin_fit(const Napi::CallbackInfo& info) {
  refuse_while(jobs_ > 0, info.Env());
  const TrainSpec spec = read_train_spec(options_of(info, 0));
  live().trainer.begin_fit(spec);
}

namespace {

Dataset rows_of(const Napi::Value& value, std::size_t columns) {
  Dataset data = DatasetWrap::from(value);
  if (data.columns() != columns) {
    throw Napi::RangeError::New(value.Env(), "Expected rows of " + std::to_string(columns) + " columns but received " +
                                                 std::to_string(data.columns()));
  }
  return data;
}

// The same, or an array, which is read where it is: for a call that is over before any JavaScript runs.
Dataset rows_now(const Napi::Value& value, std::size_t columns) {
  if (!value.IsTypedArray()) return rows_of(value, columns);
  return DatasetWrap::of_array(value, static_cast<double>(columns), false);
}

// The condition of `rows` rows: options.condition of a conditional model.
std::optional<Dataset> condition_of(const ModelSpec& spec, const Napi::Value& value, std::size_t rows,
                                    Dataset (*read)(const Napi::Value&, std::size_t) = rows_of) {
  if (spec.condition.width == 0) return std::nullopt;
  Dataset condition = read(value, condition_columns(spec));
  if (condition.rows() != rows) throw Napi::RangeError::New(value.Env(), "Expected a condition for each row");
  return condition;
}

Drawing drawing_of(const Napi::Object& options) { return {read_bool(options, "draw"), read_size(options, "seed")}; }

Proposal read_proposal(const Napi::Object& options) {
  const std::string name = read_string(options, "proposal");
  const std::optional<Proposal> proposal = kind_of<Proposal>(name);
  if (!proposal) throw Napi::TypeError::New(options.Env(), "Unknown proposal " + name);
  return *proposal;
}

// Heads of all groups, in their order.
std::vector<std::size_t> head_units(const Model& model) {
  std::vector<std::size_t> units;
  for (const LatentGroup& group : model.latents()) {
    for (const Head& head : group.posterior_heads) units.push_back(head.units);
  }
  return units;
}

// The answer of encode, { heads, mean }, with memory that the work fills.
struct Posteriors {
  Posteriors(Napi::Env env, const Model& model, std::size_t rows) : object(Napi::Object::New(env)) {
    const std::vector<std::size_t> units = head_units(model);
    Napi::Array list = Napi::Array::New(env, units.size());
    for (std::size_t i = 0; i < units.size(); ++i) {
      auto values = new_floats(env, rows, units[i]);
      heads.push_back(values.Data());
      list.Set(static_cast<std::uint32_t>(i), values);
    }
    auto means = new_floats(env, rows, model.layout().latent_width);
    mean = means.Data();
    object.Set("heads", list);
    object.Set("mean", means);
  }

  Napi::Object object;
  std::vector<float*> heads;
  float* mean;
};

// What a job is answered with: an object that was made before it, and whose arrays its work has filled.
std::function<Napi::Value(Napi::Env)> filled(const Napi::Object& answer) {
  const auto held = std::make_shared<Napi::ObjectReference>(Napi::Persistent(answer));
  return [held](Napi::Env) -> Napi::Value { return held->Value(); };
}

std::size_t threads_for(const Model& model, std::size_t rows, std::size_t draws, std::size_t threads) {
  return threads > 0 ? threads : sensible_threads(model, rows, draws);
}

double floats_of_posteriors(const Model& model, std::size_t rows) {
  const std::vector<std::size_t> units = head_units(model);
  // The facade takes the means of several groups apart.
  const std::size_t means = model.layout().latent_width * (model.latents().size() > 1 ? 2 : 1);
  return static_cast<double>(rows) * static_cast<double>(std::accumulate(units.begin(), units.end(), means));
}

double floats_of_rows(std::size_t rows, std::size_t columns) {
  return static_cast<double>(rows) * static_cast<double>(columns);
}

}  // namespace

Examples ModelWrap::examples_of(const Napi::CallbackInfo& info) const {
  const ModelSpec& spec = live().model.spec();
  Dataset data = rows_of(info[0], data_columns(live().model.likelihoods()));
  const std::size_t rows = data.rows();
  return {std::move(data), condition_of(spec, options_of(info, 1).Get("condition"), rows)};
}

Napi::Value ModelWrap::train_epoch(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Examples data = examples_of(info);
  const Napi::Object options = options_of(info, 1);
  const std::size_t threads = read_size(options, "threads");
  const std::chrono::duration<double, std::milli> interval(read_number(options, "batchInterval"));
  refuse_while(training_jobs_ > 0, env);
  // No job trains, so that nothing touches the trainer.
  afford(env, live().trainer.bytes_to_train(data.rows()));

  auto job = environment_->make_job();
  job->disposed = disposed_;
  job->task->reads_only = false;
  job->keep(Value());
  // Kept with the job, on the JavaScript thread; what is posted is called only while that is there.
  const auto callback = [&](const char* name) -> const Napi::FunctionReference* {
    const Napi::Value value = options.Get(name);
    return value.IsFunction() ? &job->keep_function(value.As<Napi::Function>()) : nullptr;
  };
  const auto *const begin = callback("onBatchBegin"), *const end = callback("onBatchEnd");
  const auto epoch = std::make_shared<std::pair<Terms, double>>();

  job->task->work = [live = live_, data, threads, interval, begin, end, epoch,
                     post = environment_->poster(*job)](Task& self) {
    EpochEvents events;
    if (begin != nullptr) {
      events.batch_begin = [&post, begin](std::size_t batch) {
        post([begin, batch](Napi::Env inner) { begin->Call({Napi::Number::New(inner, static_cast<double>(batch))}); });
      };
    }
    Clock::time_point last{};
    if (end != nullptr) {
      events.batch_end = [&post, &last, interval, end](std::size_t batch, const Terms& terms) {
        const Clock::time_point now = Clock::now();
        if (now - last < interval) return;
        last = now;
        post([end, batch, terms](Napi::Env inner) {
          Napi::Object numbers = terms_object(inner, terms);
          numbers.Set("batch", Napi::Number::New(inner, static_cast<double>(batch)));
          end->Call({numbers});
        });
      };
    }
    events.between_steps = [&self] { self.run_waiting_readers(); };
    const std::size_t samples = live->model.spec().objective.samples;
    const std::size_t batch = std::min(data.rows(), live->trainer.batch_size());
    ThreadPool& pool = self.worker().pool(threads_for(live->model, batch, samples, threads));
    const auto started = Clock::now();
    epoch->first = live->trainer.epoch(data, pool, self.cancelled(), events);
    epoch->second = std::chrono::duration<double>(Clock::now() - started).count();
  };
  job->result = [epoch](Napi::Env inner) -> Napi::Value {
    Napi::Object object = terms_object(inner, epoch->first);
    object.Set("seconds", Napi::Number::New(inner, epoch->second));
    return object;
  };
  job->finally = [this] {
    --jobs_;
    --training_jobs_;
  };
  const Napi::Object handle = environment_->submit(executor_, std::move(job));
  ++jobs_;
  ++training_jobs_;
  tell_memory(arena_bytes(live().model) * ARENAS_OF_TRAINING);
  return handle;
}

template <typename Bytes>
void ModelWrap::afford_work(Napi::Env env, double answer, std::size_t rows, std::size_t draws, std::size_t threads,
                            Bytes work_bytes) const {
  const auto bytes = [&](std::size_t workers) { return answer * sizeof(float) + work_bytes(live().model, workers); };
  // To count the usable cores takes longer than most calls.
  if (bytes(threads > 0 ? threads : std::max(1u, std::thread::hardware_concurrency())) < ALWAYS_AFFORDED) return;
  afford(env, bytes(threads_for(live().model, rows, draws, threads)));
}

void ModelWrap::afford_rows(Napi::Env env, double answer, std::size_t rows, std::size_t threads) const {
  afford_work(env, answer, rows, 1, threads,
              [&](const Model& model, std::size_t workers) { return rows_bytes(model, rows, workers); });
}

Napi::Value ModelWrap::infer(const Napi::CallbackInfo& info, std::size_t rows, std::size_t draws, std::size_t threads,
                             std::function<void(const Inference&)> work, std::function<Napi::Value(Napi::Env)> result) {
  auto job = environment_->make_job();
  job->disposed = disposed_;
  job->keep(info.This().As<Napi::Object>());
  job->task->work = [live = live_, rows, draws, threads, work = std::move(work)](Task& self) {
    if (self.cancelled().load()) throw Cancelled();
    ThreadPool& pool = self.worker().pool(threads_for(live->model, rows, draws, threads));
    work(Inference{live->model, pool, self.cancelled()});
  };
  job->result = std::move(result);
  job->finally = [this] { --jobs_; };
  const Napi::Object handle = environment_->submit(executor_, std::move(job));
  ++jobs_;
  return handle;
}

Napi::Value ModelWrap::evaluate(const Napi::CallbackInfo& info) {
  const Examples data = examples_of(info);
  const Napi::Object options = options_of(info, 1);
  const std::size_t samples = read_size(options, "samples"), seed = read_size(options, "seed");
  const std::size_t threads = read_size(options, "threads");
  const auto terms = std::make_shared<Terms>();
  afford_work(info.Env(), 0.0, data.rows(), samples, threads, [&](const Model& model, std::size_t workers) {
    return evaluate_bytes(model, data.rows(), samples, workers);
  });
  return infer(
      info, data.rows(), samples, threads,
      [data, samples, seed, terms](const Inference& inference) { *terms = inference.evaluate(data, samples, seed); },
      [terms](Napi::Env env) -> Napi::Value { return terms_object(env, *terms); });
}

Napi::Value ModelWrap::encode(const Napi::CallbackInfo& info) {
  const Examples data = examples_of(info);
  const Napi::Object options = options_of(info, 1);
  const Drawing drawing = drawing_of(options);
  const std::size_t threads = read_size(options, "threads");
  const double drawn = drawing.draw ? floats_of_rows(data.rows(), live().model.layout().latent_width) : 0.0;
  afford_rows(info.Env(), floats_of_posteriors(live().model, data.rows()) + drawn, data.rows(), threads);
  const Posteriors answer(info.Env(), live().model, data.rows());
  Napi::Object object = answer.object;
  PosteriorDraws draws{nullptr, drawing.seed};
  if (drawing.draw) {
    auto z = new_floats(info.Env(), data.rows(), live().model.layout().latent_width);
    draws.z = z.Data();
    object.Set("z", z);
  }
  return infer(
      info, data.rows(), 1, threads,
      [data, draws, heads = answer.heads, mean = answer.mean](const Inference& inference) {
        inference.encode(heads, mean, data, draws);
      },
      filled(object));
}

Napi::Value ModelWrap::encode_now(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  refuse_while(training_jobs_ > 0, env);
  const ModelSpec& spec = live().model.spec();
  const std::size_t columns = data_columns(live().model.likelihoods());
  Dataset rows = rows_now(info[0], columns);
  if (info[0].IsTypedArray()) {
    const auto bad = check_rows(rows, live().model.likelihoods());
    if (bad) return DatasetWrap::cell_object(env, bad);
  }
  const std::size_t count = rows.rows();
  const Examples data(std::move(rows), condition_of(spec, info[3], count, rows_now));
  const std::vector<std::size_t> units = head_units(live().model);
  if (!info[1].IsArray()) throw Napi::TypeError::New(env, "Expected an array for heads");
  const auto list = info[1].As<Napi::Array>();
  std::vector<float*> heads;
  for (std::size_t i = 0; i < units.size(); ++i) {
    heads.push_back(floats_of(list.Get(static_cast<std::uint32_t>(i)), count * units[i]));
  }
  if (count > 1) afford(env, rows_bytes(live().model, count, 1));
  float* const mean = info[2].IsNull() ? nullptr : floats_of(info[2], count * live().model.layout().latent_width);
  PosteriorDraws draws;
  if (info[4].IsTypedArray()) {
    draws = {floats_of(info[4], count * live().model.layout().latent_width),
             static_cast<std::uint64_t>(info[5].ToNumber().Int64Value())};
  }
  const FlushDenormals flush;
  if (count == 1) {
    if (row_encoder_ == nullptr) row_encoder_ = std::make_unique<RowEncoder>(live().model);
    row_encoder_->encode(heads, mean, data, draws);
  } else {
    // Without helpers: to wake one takes longer than most of what is asked for in this way.
    ThreadPool pool(1);
    const std::atomic<bool> never{false};
    Inference{live().model, pool, never}.encode(heads, mean, data, draws);
  }
  return env.Null();
}

Napi::Value ModelWrap::decode(const Napi::CallbackInfo& info) {
  const ModelSpec& spec = live().model.spec();
  const Dataset z = rows_of(info[0], live().model.layout().latent_width);
  const Napi::Object options = options_of(info, 1);
  const auto condition = condition_of(spec, options.Get("condition"), z.rows());
  const Drawing drawing = drawing_of(options);
  const std::size_t threads = read_size(options, "threads");
  afford_rows(info.Env(), floats_of_rows(z.rows(), spec.input), z.rows(), threads);
  auto out = new_floats(info.Env(), z.rows(), spec.input);
  return infer(
      info, z.rows(), 1, threads,
      [z, condition, drawing, to = out.Data()](const Inference& inference) {
        inference.decode(to, z, condition ? &*condition : nullptr, drawing);
      },
      filled(out));
}

Napi::Value ModelWrap::reconstruct(const Napi::CallbackInfo& info) {
  const Examples data = examples_of(info);
  const Napi::Object options = options_of(info, 1);
  const Drawing drawing = drawing_of(options);
  const LatentChoice latent = read_bool(options, "drawLatent") ? LatentChoice::draw : LatentChoice::center;
  const std::size_t threads = read_size(options, "threads"), columns = live().model.spec().input;
  afford_rows(info.Env(), floats_of_rows(data.rows(), columns), data.rows(), threads);
  auto out = new_floats(info.Env(), data.rows(), columns);
  return infer(
      info, data.rows(), 1, threads,
      [data, drawing, latent, to = out.Data()](const Inference& inference) {
        inference.reconstruct(to, data, drawing, latent);
      },
      filled(out));
}

Napi::Value ModelWrap::sample(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Model& model = live().model;
  const std::size_t count = static_cast<std::size_t>(info[0].ToNumber().Int64Value());
  const Napi::Object options = options_of(info, 1);
  const auto condition = condition_of(model.spec(), options.Get("condition"), count);
  const Drawing drawing = drawing_of(options);
  const std::size_t threads = read_size(options, "threads");
  afford_rows(env, floats_of_rows(count, model.spec().input + model.layout().latent_width), count, threads);
  auto x = new_floats(env, count, model.spec().input), z = new_floats(env, count, model.layout().latent_width);
  Napi::Object answer = Napi::Object::New(env);
  answer.Set("x", x);
  answer.Set("z", z);
  return infer(
      info, count, 1, threads,
      [count, condition, drawing, to = x.Data(), to_z = z.Data()](const Inference& inference) {
        inference.sample(to, to_z, count, condition ? &*condition : nullptr, drawing);
      },
      filled(answer));
}

Napi::Value ModelWrap::refine(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Examples data = examples_of(info);
  const Napi::Object options = options_of(info, 1);
  Refinement refinement;
  refinement.steps = read_size(options, "steps");
  refinement.learning_rate = read_number(options, "learningRate");
  refinement.samples = read_size(options, "samples");
  refinement.seed = read_size(options, "seed");
  const std::size_t threads = read_size(options, "threads"), draws = refinement.samples * refinement.steps;
  // Two doubles a row beside the posteriors.
  afford_work(env, floats_of_posteriors(live().model, data.rows()) + floats_of_rows(data.rows(), 4), data.rows(), draws,
              threads, [&](const Model& model, std::size_t workers) {
                return refine_bytes(model, data.rows(), refinement.samples, workers);
              });
  const Posteriors answer(env, live().model, data.rows());
  auto before = new_doubles(env, data.rows()), after = new_doubles(env, data.rows());
  Napi::Object object = answer.object;
  object.Set("before", before);
  object.Set("after", after);
  return infer(
      info, data.rows(), draws, threads,
      [data, refinement, heads = answer.heads, mean = answer.mean, to_before = before.Data(), to_after = after.Data()](
          const Inference& inference) { aevb::refine(inference, heads, mean, to_before, to_after, data, refinement); },
      filled(object));
}

Napi::Value ModelWrap::log_likelihood(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Examples data = examples_of(info);
  const Napi::Object options = options_of(info, 1);
  const LikelihoodSampling sampling{read_size(options, "samples"), read_size(options, "mostSamples"),
                                    read_proposal(options), read_size(options, "seed")};
  const std::size_t threads = read_size(options, "threads");
  // Five doubles a row and a byte.
  afford_work(env, floats_of_rows(data.rows(), 11), data.rows(), sampling.samples, threads,
              [&](const Model& model, std::size_t workers) {
                return log_likelihood_bytes(model, data.rows(), sampling, workers);
              });
  Napi::Object answer = Napi::Object::New(env);
  const auto doubles = [&](const char* name) {
    auto values = new_doubles(env, data.rows());
    answer.Set(name, values);
    return values.Data();
  };
  auto reliable = new_array<Napi::Uint8Array>(env, "Uint8Array", static_cast<double>(data.rows()));
  answer.Set("reliable", reliable);
  const LikelihoodEstimates estimates{doubles("perExample"), doubles("variance"), doubles("effectiveSamples"),
                                      doubles("paretoK"),    doubles("samples"),  reliable.Data()};
  return infer(
      info, data.rows(), sampling.samples, threads,
      [data, sampling, estimates](const Inference& inference) {
        estimate_log_likelihood(inference, estimates, data, sampling);
      },
      filled(answer));
}

Napi::Value ModelWrap::exact_log_likelihood(const Napi::CallbackInfo& info) {
  const Examples data = examples_of(info);
  const Napi::Object options = options_of(info, 1);
  const std::size_t states = discrete_states(live().model), seed = read_size(options, "seed");
  if (states == NOT_DISCRETE) throw Napi::TypeError::New(info.Env(), "Expected a model whose z is discrete");
  const std::size_t threads = read_size(options, "threads");
  // A double a row.
  afford_work(
      info.Env(), floats_of_rows(data.rows(), 2), data.rows(), states, threads,
      [&](const Model& model, std::size_t workers) { return exact_log_likelihood_bytes(model, data.rows(), workers); });
  auto per_example = new_doubles(info.Env(), data.rows());
  return infer(
      info, data.rows(), states, threads,
      [data, seed, to = per_example.Data()](const Inference& inference) {
        aevb::exact_log_likelihood(inference, to, data, seed);
      },
      filled(per_example));
}

Napi::Value ModelWrap::impute(const Napi::CallbackInfo& info) {
  const Examples data = examples_of(info);
  const Napi::Object options = options_of(info, 1);
  const Imputing imputing{read_size(options, "samples"), read_size(options, "draws"), read_size(options, "seed")};
  const std::size_t threads = read_size(options, "threads"), copies = imputing.draws == 0 ? 1 : imputing.draws;
  const std::size_t columns = data_columns(live().model.likelihoods());
  afford_work(info.Env(), static_cast<double>(copies) * floats_of_rows(data.rows(), columns), data.rows(),
              imputing.samples + imputing.draws, threads, [&](const Model& model, std::size_t workers) {
                return impute_bytes(model, data.rows(), imputing, workers);
              });
  auto out = new_floats(info.Env(), copies * data.rows(), columns);
  return infer(
      info, data.rows(), imputing.samples + imputing.draws, threads,
      [data, imputing, to = out.Data()](const Inference& inference) { aevb::impute(inference, to, data, imputing); },
      filled(out));
}

Napi::Value ModelWrap::anomaly_score(const Napi::CallbackInfo& info) {
  const Examples data = examples_of(info);
  const std::size_t threads = read_size(options_of(info, 1), "threads");
  afford_rows(info.Env(), floats_of_rows(data.rows(), 2), data.rows(), threads);
  auto score = new_doubles(info.Env(), data.rows());
  return infer(
      info, data.rows(), 1, threads,
      [data, to = score.Data()](const Inference& inference) { inference.anomaly_score(to, data); }, filled(score));
}

}  // namespace aevb::binding
