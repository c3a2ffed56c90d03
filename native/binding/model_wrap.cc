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

#include "array_view.h"
#include "dataset_wrap.h"
#include "errors.h"
#include "memory.h"
#include "read_spec.h"
#include "refine.h"

namespace aevb::binding {

namespace {

using Clock = std::chrono::steady_clock;

Napi::Object options_of(const Napi::CallbackInfo& info, std::size_t position) {
  if (!info[position].IsObject()) throw Napi::TypeError::New(info.Env(), "Expected an object for options");
  return info[position].As<Napi::Object>();
}

Napi::Object terms_object(Napi::Env env, const Terms& terms) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("loss", Napi::Number::New(env, terms.loss));
  object.Set("reconstruction", Napi::Number::New(env, terms.reconstruction));
  object.Set("kl", Napi::Number::New(env, terms.kl));
  object.Set("examples", Napi::Number::New(env, static_cast<double>(terms.examples)));
  return object;
}

std::int64_t arena_bytes(const Model& model) {
  return static_cast<std::int64_t>(model.parameters().size() * sizeof(float));
}

// In arenas of the parameters' size: parameters and transposed copies; in training also the gradient, two moments, and
// parameters and moments of an epoch's beginning.
constexpr std::int64_t ARENAS_OF_A_MODEL = 2, ARENAS_OF_TRAINING = 8;

// A typed array for an answer. Through the JavaScript constructor, which throws where memory is lacking:
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

// Where an answer of this many numbers goes.
float* floats_of(const Napi::Value& value, std::size_t elements) {
  const ArrayView view = view_of(value);
  if (view.type != napi_float32_array || view.length != elements) {
    throw Napi::TypeError::New(value.Env(), "Expected a Float32Array of " + std::to_string(elements) + " elements");
  }
  return static_cast<float*>(view.data);
}

Napi::Object tensors_object(Napi::Env env, const Model& model, const float* arena) {
  Napi::Object object = Napi::Object::New(env);
  for (const ParameterInfo& info : model.table()) {
    auto values = new_floats(env, info.elements(), 1);
    model.unpack(arena, info, values.Data());
    object.Set(info.name, values);
  }
  return object;
}

}  // namespace

ThreadPool& LiveModel::pool_of(std::size_t threads) {
  if (pool == nullptr || (!training_now && pool->threads() != threads)) {
    pool = nullptr;
    pool = std::make_unique<ThreadPool>(threads);
  }
  return *pool;
}

Napi::Function ModelWrap::define(Napi::Env env) {
  return DefineClass(env, "Model",
                     {
                         InstanceAccessor<&ModelWrap::parameter_table>("parameterTable"),
                         InstanceAccessor<&ModelWrap::epochs_trained>("epochsTrained"),
                         InstanceMethod<&ModelWrap::read_parameters>("readParameters"),
                         InstanceMethod<&ModelWrap::write_parameters>("writeParameters"),
                         InstanceMethod<&ModelWrap::begin_fit>("beginFit"),
                         InstanceMethod<&ModelWrap::train_epoch>("trainEpoch"),
                         InstanceMethod<&ModelWrap::evaluate>("evaluate"),
                         InstanceMethod<&ModelWrap::encode>("encode"),
                         InstanceMethod<&ModelWrap::encode_now>("encodeNow"),
                         InstanceMethod<&ModelWrap::decode>("decode"),
                         InstanceMethod<&ModelWrap::reconstruct>("reconstruct"),
                         InstanceMethod<&ModelWrap::sample>("sample"),
                         InstanceMethod<&ModelWrap::log_likelihood>("logLikelihood"),
                         InstanceMethod<&ModelWrap::anomaly_score>("anomalyScore"),
                         InstanceMethod<&ModelWrap::refine>("refine"),
                         InstanceMethod<&ModelWrap::gradient>("gradient"),
                     });
}

ModelWrap::ModelWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ModelWrap>(info) {
  const ModelSpec spec = read_model_spec(options_of(info, 0));
  try {
    afford(info.Env(), Model::bytes(spec));
    const FlushDenormals flush;
    live_ = std::make_shared<LiveModel>(spec);
    executor_ = std::make_unique<Executor>(info.Env(), [live = live_.get()] { live->pool = nullptr; });
  } catch (const std::exception&) {
    throw_in_javascript(info.Env(), std::current_exception());
  }
  tell_memory(info.Env(), arena_bytes(live_->model) * ARENAS_OF_A_MODEL);
}

void ModelWrap::Finalize(Napi::BasicEnv env) { Napi::MemoryManagement::AdjustExternalMemory(env, -bytes_); }

void ModelWrap::tell_memory(Napi::Env env, std::int64_t bytes) {
  if (bytes > bytes_) {
    Napi::MemoryManagement::AdjustExternalMemory(env, bytes - bytes_);
    bytes_ = bytes;
  }
}

Napi::Value ModelWrap::parameter_table(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array table = Napi::Array::New(env);
  for (const ParameterInfo& entry : live_->model.table()) {
    Napi::Array shape = Napi::Array::New(env);
    for (std::size_t i = 0; i < entry.shape.size(); ++i) {
      shape.Set(static_cast<std::uint32_t>(i), Napi::Number::New(env, static_cast<double>(entry.shape[i])));
    }
    Napi::Object object = Napi::Object::New(env);
    object.Set("name", Napi::String::New(env, entry.name));
    object.Set("shape", shape);
    table.Set(table.Length(), object);
  }
  return table;
}

Napi::Value ModelWrap::epochs_trained(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(live_->model.epochs_trained));
}

void ModelWrap::refuse_while(bool busy, Napi::Env env) const {
  if (!busy) return;
  Napi::Error error = Napi::Error::New(env, "the model is being trained or used");
  error.Set("code", Napi::String::New(env, "BUSY"));
  throw error;
}

Napi::Value ModelWrap::read_parameters(const Napi::CallbackInfo& info) {
  refuse_while(training_jobs_ > 0, info.Env());
  afford(info.Env(), static_cast<double>(arena_bytes(live_->model)));
  return tensors_object(info.Env(), live_->model, live_->model.parameters().data());
}

void ModelWrap::write_parameters(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  refuse_while(jobs_ > 0, env);
  const Napi::Object values = options_of(info, 0);
  Model& model = live_->model;
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
  model.refresh_transposed();
}

void ModelWrap::begin_fit(const Napi::CallbackInfo& info) {
  refuse_while(jobs_ > 0, info.Env());
  const TrainSpec spec = read_train_spec(options_of(info, 0));
  live_->trainer.begin_fit(spec);
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

// The condition of `rows` rows: options.condition of a conditional model.
std::optional<Dataset> condition_of(const ModelSpec& spec, const Napi::Value& value, std::size_t rows) {
  if (spec.condition.width == 0) return std::nullopt;
  Dataset condition = rows_of(value, condition_columns(spec));
  if (condition.rows() != rows) throw Napi::RangeError::New(value.Env(), "Expected a condition for each row");
  return condition;
}

Drawing drawing_of(const Napi::Object& options) { return {read_bool(options, "draw"), read_size(options, "seed")}; }

// Heads of all groups, in their order.
std::vector<std::size_t> head_units(const Model& model) {
  std::vector<std::size_t> units;
  for (const LatentGroup& group : model.latents) {
    for (const DenseLayer& head : group.heads) units.push_back(head.out);
  }
  return units;
}

// What encode answers, { heads, mean }, with memory that the work fills.
struct Posteriors {
  Posteriors(Napi::Env env, const Model& model, std::size_t rows) : object(Napi::Object::New(env)) {
    const std::vector<std::size_t> units = head_units(model);
    Napi::Array list = Napi::Array::New(env, units.size());
    for (std::size_t i = 0; i < units.size(); ++i) {
      auto values = new_floats(env, rows, units[i]);
      heads.push_back(values.Data());
      list.Set(static_cast<std::uint32_t>(i), values);
    }
    auto means = new_floats(env, rows, model.latent_width);
    mean = means.Data();
    object.Set("heads", list);
    object.Set("mean", means);
  }

  Napi::Object object;
  std::vector<float*> heads;
  float* mean;
};

std::size_t threads_for(const Model& model, std::size_t rows, std::size_t draws, std::size_t threads) {
  return threads > 0 ? threads : sensible_threads(model, rows, draws);
}

double floats_of_posteriors(const Model& model, std::size_t rows) {
  const std::vector<std::size_t> units = head_units(model);
  // The facade takes the means of several groups apart.
  const std::size_t means = model.latent_width * (model.latents.size() > 1 ? 2 : 1);
  return static_cast<double>(rows) * static_cast<double>(std::accumulate(units.begin(), units.end(), means));
}

double floats_of_rows(std::size_t rows, std::size_t columns) {
  return static_cast<double>(rows) * static_cast<double>(columns);
}

}  // namespace

Examples ModelWrap::examples_of(const Napi::CallbackInfo& info) const {
  const ModelSpec& spec = live_->model.spec();
  Dataset data = rows_of(info[0], data_columns(spec));
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
  afford(env, live_->trainer.bytes_to_train(data.rows()));

  auto job = executor_->make_job(env);
  job->reads_only = false;
  job->keep(Value());
  const auto callback = [&](const char* name) -> std::shared_ptr<Napi::FunctionReference> {
    const Napi::Value value = options.Get(name);
    if (!value.IsFunction()) return nullptr;
    return std::make_shared<Napi::FunctionReference>(Napi::Persistent(value.As<Napi::Function>()));
  };
  const auto begin = callback("onBatchBegin"), end = callback("onBatchEnd");
  const auto epoch = std::make_shared<std::pair<Terms, double>>();

  job->work = [live = live_, executor = executor_.get(), data, threads, interval, begin, end, epoch](Job& self) {
    // A raw pointer in what is posted: the functions are let go with the job, on the JavaScript thread.
    EpochEvents events;
    if (begin != nullptr) {
      events.batch_begin = [&self, function = begin.get()](std::size_t batch) {
        self.post([function, batch](Napi::Env inner) {
          function->Call({Napi::Number::New(inner, static_cast<double>(batch))});
        });
      };
    }
    Clock::time_point last{};
    if (end != nullptr) {
      events.batch_end = [&self, &last, interval, function = end.get()](std::size_t batch, const Terms& terms) {
        const Clock::time_point now = Clock::now();
        if (now - last < interval) return;
        last = now;
        self.post([function, batch, terms](Napi::Env inner) {
          Napi::Object numbers = terms_object(inner, terms);
          numbers.Set("batch", Napi::Number::New(inner, static_cast<double>(batch)));
          function->Call({numbers});
        });
      };
    }
    events.between_steps = [executor] { executor->run_waiting_readers(); };
    const std::size_t samples = live->model.spec().objective.samples;
    const std::size_t batch = std::min(data.rows(), live->trainer.batch_size());
    ThreadPool& pool = live->pool_of(threads_for(live->model, batch, samples, threads));
    const auto started = Clock::now();
    live->training_now = true;
    try {
      epoch->first = live->trainer.epoch(data, pool, self.cancelled(), events);
    } catch (...) {
      live->training_now = false;
      throw;
    }
    live->training_now = false;
    epoch->second = std::chrono::duration<double>(Clock::now() - started).count();
  };
  job->result = [epoch](Napi::Env inner) -> Napi::Value {
    Napi::Object object = terms_object(inner, epoch->first);
    object.Set("seconds", Napi::Number::New(inner, epoch->second));
    return object;
  };
  job->finally = [this, begin, end] {
    --jobs_;
    --training_jobs_;
  };
  const Napi::Object handle = executor_->submit(env, std::move(job));
  ++jobs_;
  ++training_jobs_;
  tell_memory(env, arena_bytes(live_->model) * ARENAS_OF_TRAINING);
  return handle;
}

template <typename Bytes>
void ModelWrap::afford_work(Napi::Env env, double answer, std::size_t rows, std::size_t draws, std::size_t threads,
                            Bytes work_bytes) const {
  const auto bytes = [&](std::size_t workers) { return answer * sizeof(float) + work_bytes(live_->model, workers); };
  // To count the usable cores takes longer than most calls.
  if (bytes(threads > 0 ? threads : std::max(1u, std::thread::hardware_concurrency())) < ALWAYS_AFFORDED) return;
  afford(env, bytes(threads_for(live_->model, rows, draws, threads)));
}

void ModelWrap::afford_rows(Napi::Env env, double answer, std::size_t rows, std::size_t threads) const {
  afford_work(env, answer, rows, 1, threads,
              [&](const Model& model, std::size_t workers) { return rows_bytes(model, rows, workers); });
}

Napi::Value ModelWrap::infer(const Napi::CallbackInfo& info, std::size_t rows, std::size_t draws, std::size_t threads,
                             std::function<void(const Inference&)> work, std::function<Napi::Value(Napi::Env)> result,
                             std::initializer_list<Napi::Object> kept) {
  auto job = executor_->make_job(info.Env());
  job->keep(Value());
  for (const Napi::Object& object : kept) job->keep(object);
  job->work = [live = live_, rows, draws, threads, work = std::move(work)](Job& self) {
    if (self.cancelled().load()) throw Cancelled();
    ThreadPool& pool = live->pool_of(threads_for(live->model, rows, draws, threads));
    work(Inference{live->model, pool, self.cancelled()});
  };
  job->result = std::move(result);
  job->finally = [this] { --jobs_; };
  const Napi::Object handle = executor_->submit(info.Env(), std::move(job));
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
      [terms](Napi::Env env) -> Napi::Value { return terms_object(env, *terms); }, {});
}

Napi::Value ModelWrap::encode(const Napi::CallbackInfo& info) {
  const Examples data = examples_of(info);
  const std::size_t threads = read_size(options_of(info, 1), "threads");
  afford_rows(info.Env(), floats_of_posteriors(live_->model, data.rows()), data.rows(), threads);
  const Posteriors answer(info.Env(), live_->model, data.rows());
  const auto kept = std::make_shared<Napi::ObjectReference>(Napi::Persistent(answer.object));
  return infer(
      info, data.rows(), 1, threads,
      [data, heads = answer.heads, mean = answer.mean](const Inference& inference) {
        inference.encode(heads, mean, data);
      },
      [kept](Napi::Env) -> Napi::Value { return kept->Value(); }, {});
}

Napi::Value ModelWrap::encode_now(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  refuse_while(training_jobs_ > 0, env);
  const ModelSpec& spec = live_->model.spec();
  const std::size_t columns = data_columns(spec);
  // No JavaScript runs before this is over, so an array is read where it is.
  const bool is_array = info[0].IsTypedArray();
  Dataset rows =
      is_array ? DatasetWrap::of_array(info[0], static_cast<double>(columns), false) : rows_of(info[0], columns);
  if (is_array) {
    const Napi::Value bad = DatasetWrap::bad_cell(rows, info[1], info[2]);
    if (!bad.IsNull()) return bad;
  }
  const std::size_t count = rows.rows();
  const Examples data(std::move(rows), condition_of(spec, info[5], count));
  const std::vector<std::size_t> units = head_units(live_->model);
  if (!info[3].IsArray()) throw Napi::TypeError::New(env, "Expected an array for heads");
  const auto list = info[3].As<Napi::Array>();
  std::vector<float*> heads;
  for (std::size_t i = 0; i < units.size(); ++i) {
    heads.push_back(floats_of(list.Get(static_cast<std::uint32_t>(i)), count * units[i]));
  }
  if (count > 1) afford(env, rows_bytes(live_->model, count, 1));
  float* const mean = info[4].IsNull() ? nullptr : floats_of(info[4], count * live_->model.latent_width);
  try {
    const FlushDenormals flush;
    if (count == 1) {
      if (row_encoder_ == nullptr) row_encoder_ = std::make_unique<RowEncoder>(live_->model);
      row_encoder_->encode(heads, mean, data);
    } else {
      // Without helpers: to wake one takes longer than most of what is asked for in this way.
      ThreadPool pool(1);
      const std::atomic<bool> never{false};
      Inference{live_->model, pool, never}.encode(heads, mean, data);
    }
  } catch (const std::exception&) {
    throw_in_javascript(env, std::current_exception());
  }
  return env.Null();
}

Napi::Value ModelWrap::decode(const Napi::CallbackInfo& info) {
  const ModelSpec& spec = live_->model.spec();
  const Dataset z = rows_of(info[0], live_->model.latent_width);
  const Napi::Object options = options_of(info, 1);
  const auto condition = condition_of(spec, options.Get("condition"), z.rows());
  const Drawing drawing = drawing_of(options);
  const std::size_t threads = read_size(options, "threads");
  afford_rows(info.Env(), floats_of_rows(z.rows(), spec.input), z.rows(), threads);
  auto out = new_floats(info.Env(), z.rows(), spec.input);
  const auto kept = std::make_shared<Napi::ObjectReference>(Napi::Persistent(out.As<Napi::Object>()));
  return infer(
      info, z.rows(), 1, threads,
      [z, condition, drawing, to = out.Data()](const Inference& inference) {
        inference.decode(to, z, condition ? &*condition : nullptr, drawing);
      },
      [kept](Napi::Env) -> Napi::Value { return kept->Value(); }, {});
}

Napi::Value ModelWrap::reconstruct(const Napi::CallbackInfo& info) {
  const Examples data = examples_of(info);
  const Napi::Object options = options_of(info, 1);
  const Drawing drawing = drawing_of(options);
  const std::size_t threads = read_size(options, "threads"), columns = live_->model.spec().input;
  afford_rows(info.Env(), floats_of_rows(data.rows(), columns), data.rows(), threads);
  auto out = new_floats(info.Env(), data.rows(), columns);
  const auto kept = std::make_shared<Napi::ObjectReference>(Napi::Persistent(out.As<Napi::Object>()));
  return infer(
      info, data.rows(), 1, threads,
      [data, drawing, to = out.Data()](const Inference& inference) { inference.reconstruct(to, data, drawing); },
      [kept](Napi::Env) -> Napi::Value { return kept->Value(); }, {});
}

Napi::Value ModelWrap::sample(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Model& model = live_->model;
  const std::size_t count = static_cast<std::size_t>(info[0].ToNumber().Int64Value());
  const Napi::Object options = options_of(info, 1);
  const auto condition = condition_of(model.spec(), options.Get("condition"), count);
  const Drawing drawing = drawing_of(options);
  const std::size_t threads = read_size(options, "threads");
  afford_rows(env, floats_of_rows(count, model.spec().input + model.latent_width), count, threads);
  auto x = new_floats(env, count, model.spec().input), z = new_floats(env, count, model.latent_width);
  Napi::Object answer = Napi::Object::New(env);
  answer.Set("x", x);
  answer.Set("z", z);
  const auto kept = std::make_shared<Napi::ObjectReference>(Napi::Persistent(answer));
  return infer(
      info, count, 1, threads,
      [count, condition, drawing, to = x.Data(), to_z = z.Data()](const Inference& inference) {
        inference.sample(to, to_z, count, condition ? &*condition : nullptr, drawing.seed, drawing);
      },
      [kept](Napi::Env) -> Napi::Value { return kept->Value(); }, {});
}

Napi::Value ModelWrap::refine(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Examples data = examples_of(info);
  const Napi::Object options = options_of(info, 1);
  const Refinement refinement{read_size(options, "steps"), read_number(options, "learningRate"),
                              read_size(options, "samples"), read_size(options, "seed")};
  const std::size_t threads = read_size(options, "threads"), draws = refinement.samples * refinement.steps;
  // Two doubles a row beside the posteriors.
  afford_work(env, floats_of_posteriors(live_->model, data.rows()) + floats_of_rows(data.rows(), 4), data.rows(), draws,
              threads, [&](const Model& model, std::size_t workers) {
                return refine_bytes(model, data.rows(), refinement.samples, workers);
              });
  const Posteriors answer(env, live_->model, data.rows());
  auto before = new_doubles(env, data.rows()), after = new_doubles(env, data.rows());
  Napi::Object object = answer.object;
  object.Set("before", before);
  object.Set("after", after);
  const auto kept = std::make_shared<Napi::ObjectReference>(Napi::Persistent(object));
  return infer(
      info, data.rows(), draws, threads,
      [data, refinement, heads = answer.heads, mean = answer.mean, to_before = before.Data(), to_after = after.Data()](
          const Inference& inference) { aevb::refine(inference, heads, mean, to_before, to_after, data, refinement); },
      [kept](Napi::Env) -> Napi::Value { return kept->Value(); }, {});
}

Napi::Value ModelWrap::log_likelihood(const Napi::CallbackInfo& info) {
  const Examples data = examples_of(info);
  const Napi::Object options = options_of(info, 1);
  const std::size_t samples = read_size(options, "samples"), seed = read_size(options, "seed");
  const std::size_t threads = read_size(options, "threads");
  // Two doubles a row.
  afford_work(info.Env(), floats_of_rows(data.rows(), 4), data.rows(), samples, threads,
              [&](const Model& model, std::size_t workers) {
                return log_likelihood_bytes(model, data.rows(), samples, workers);
              });
  auto per_example = new_doubles(info.Env(), data.rows());
  auto variance = new_doubles(info.Env(), data.rows());
  Napi::Object answer = Napi::Object::New(info.Env());
  answer.Set("perExample", per_example);
  answer.Set("variance", variance);
  const auto kept = std::make_shared<Napi::ObjectReference>(Napi::Persistent(answer));
  return infer(
      info, data.rows(), samples, threads,
      [data, samples, seed, to = per_example.Data(), to_variance = variance.Data()](const Inference& inference) {
        inference.log_likelihood(to, to_variance, data, samples, seed);
      },
      [kept](Napi::Env) -> Napi::Value { return kept->Value(); }, {});
}

Napi::Value ModelWrap::anomaly_score(const Napi::CallbackInfo& info) {
  const Examples data = examples_of(info);
  const std::size_t threads = read_size(options_of(info, 1), "threads");
  afford_rows(info.Env(), floats_of_rows(data.rows(), 2), data.rows(), threads);
  auto score = new_doubles(info.Env(), data.rows());
  const auto kept = std::make_shared<Napi::ObjectReference>(Napi::Persistent(score.As<Napi::Object>()));
  return infer(
      info, data.rows(), 1, threads,
      [data, to = score.Data()](const Inference& inference) { inference.anomaly_score(to, data); },
      [kept](Napi::Env) -> Napi::Value { return kept->Value(); }, {});
}

Napi::Value ModelWrap::gradient(const Napi::CallbackInfo& info) {
  refuse_while(training_jobs_ > 0, info.Env());
  const ModelSpec& spec = live_->model.spec();
  const Examples data = examples_of(info);
  const Napi::Object options = options_of(info, 1);
  const Napi::Value given = options.Get("epsilon"), step_value = options.Get("step");
  auto epsilon = std::make_shared<std::vector<float>>();
  if (given.IsTypedArray()) {
    const auto array = given.As<Napi::Float32Array>();
    if (array.ElementLength() != data.rows() * spec.objective.samples * live_->model.noise_width) {
      throw Napi::RangeError::New(info.Env(), "Expected [rows * samples, width of the noise] elements for epsilon");
    }
    epsilon->assign(array.Data(), array.Data() + array.ElementLength());
  }
  const std::uint32_t step = step_value.IsNumber() ? step_value.As<Napi::Number>().Uint32Value() : 0;
  struct Answer {
    Terms terms;
    AlignedFloats gradients;
  };
  const auto answer = std::make_shared<Answer>();
  Napi::Value handle = infer(
      info, data.rows(), spec.objective.samples, read_size(options, "threads"),
      [live = live_, data, epsilon, step, answer](const Inference& inference) {
        answer->terms =
            live->trainer.gradient(data, inference.pool, epsilon->empty() ? nullptr : epsilon->data(), step);
        answer->gradients = AlignedFloats(live->trainer.gradients().size());
        answer->gradients.copy_from(live->trainer.gradients());
      },
      [live = live_, answer](Napi::Env env) -> Napi::Value {
        Napi::Object object = terms_object(env, answer->terms);
        object.Set("gradients", tensors_object(env, live->model, answer->gradients.data()));
        return object;
      },
      {});
  return handle;
}

}  // namespace aevb::binding
