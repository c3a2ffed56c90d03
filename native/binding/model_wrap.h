// NativeModel of src/native.ts.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>

#include "data/dataset.h"
#include "errors.h"
#include "infer/inference.h"
#include "job.h"
#include "model/model.h"
#include "train/trainer.h"

namespace aevb::binding {

// A model with what works on it. Shared by the wrapper and its jobs.
struct LiveModel {
  explicit LiveModel(const ModelSpec& spec) : model(spec), trainer(model) {}

  Model model;
  Trainer trainer;
};

class ModelWrap : public Napi::ObjectWrap<ModelWrap>, private Holder {
 public:
  static Napi::Function define(Napi::Env env);
  explicit ModelWrap(const Napi::CallbackInfo& info);
  ~ModelWrap() override;

  // The core's model of a NativeModel.
  static Model& model_of(const Napi::Value& value);

 private:
  template <auto METHOD>
  auto coded(const Napi::CallbackInfo& info) {
    return or_throw_in_javascript(info.Env(), [&] { return (this->*METHOD)(info); });
  }

  Napi::Value parameter_table(const Napi::CallbackInfo& info);
  Napi::Value training_bytes(const Napi::CallbackInfo& info);
  Napi::Value epochs_trained(const Napi::CallbackInfo& info);
  Napi::Value read_parameters(const Napi::CallbackInfo& info);
  void write_parameters(const Napi::CallbackInfo& info);
  void begin_fit(const Napi::CallbackInfo& info);
  Napi::Value train_epoch(const Napi::CallbackInfo& info);
  Napi::Value evaluate(const Napi::CallbackInfo& info);
  Napi::Value encode(const Napi::CallbackInfo& info);
  Napi::Value encode_now(const Napi::CallbackInfo& info);
  Napi::Value decode(const Napi::CallbackInfo& info);
  Napi::Value reconstruct(const Napi::CallbackInfo& info);
  Napi::Value sample(const Napi::CallbackInfo& info);
  Napi::Value impute(const Napi::CallbackInfo& info);
  Napi::Value log_likelihood(const Napi::CallbackInfo& info);
  Napi::Value exact_log_likelihood(const Napi::CallbackInfo& info);
  Napi::Value anomaly_score(const Napi::CallbackInfo& info);
  Napi::Value refine(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  bool collected() const override;
  void give_back() override;
  // Throws an error of code 'DISPOSED'.
  LiveModel& live() const;
  // The first argument as rows, with options.condition beside them. Throws a RangeError if they do not fit the
  // model.
  Examples examples_of(const Napi::CallbackInfo& info) const;
  void refuse_while(bool busy, Napi::Env env) const;
  // Tells the garbage collector what this model holds of the core's memory.
  void tell_memory(std::int64_t bytes);
  // Throws if the answer of so many numbers of 4 bytes and what `work_bytes` says of so many threads are more than
  // there is memory for. rows, draws, threads: as for infer.
  template <typename Bytes>
  void afford_work(Napi::Env env, double answer, std::size_t rows, std::size_t draws, std::size_t threads,
                   Bytes work_bytes) const;
  // The same of what encode, decode and those like them do.
  void afford_rows(Napi::Env env, double answer, std::size_t rows, std::size_t threads) const;
  // A job that calls `work` with what inference needs; `rows` and `draws` decide how many threads pay.
  Napi::Value infer(const Napi::CallbackInfo& info, std::size_t rows, std::size_t draws, std::size_t threads,
                    std::function<void(const Inference&)> work, std::function<Napi::Value(Napi::Env)> result);

  std::shared_ptr<Environment> environment_;
  std::shared_ptr<LiveModel> live_;  // until it is disposed of
  const std::shared_ptr<bool> disposed_ = std::make_shared<bool>(false);
  std::unique_ptr<RowEncoder> row_encoder_;   // of encodeNow, on the JavaScript thread
  std::size_t jobs_ = 0, training_jobs_ = 0;  // not settled yet
  std::int64_t bytes_ = 0;                    // that the garbage collector has been told of
  Executor executor_;
};

// Terms of src/native.ts.
Napi::Object terms_object(Napi::Env env, const Terms& terms);

// An arena of the model's layout, as an object of the tensors' names and row-major values.
Napi::Object tensors_object(Napi::Env env, const Model& model, const float* arena);

}  // namespace aevb::binding
