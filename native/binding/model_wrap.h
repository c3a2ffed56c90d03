// NativeModel of src/native.ts.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>

#include "dataset.h"
#include "inference.h"
#include "job.h"
#include "math/thread_pool.h"
#include "model.h"
#include "trainer.h"

namespace aevb::binding {

// A model with what works on it. Shared by the wrapper and its jobs.
struct LiveModel {
  explicit LiveModel(const ModelSpec& spec) : model(spec), trainer(model) {}

  // The pool of the executor's thread; stays as it is while a step may be using it.
  ThreadPool& pool_of(std::size_t threads);

  Model model;
  Trainer trainer;
  std::unique_ptr<ThreadPool> pool;
  bool training_now = false;  // on the executor's thread
};

class ModelWrap : public Napi::ObjectWrap<ModelWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit ModelWrap(const Napi::CallbackInfo& info);
  void Finalize(Napi::BasicEnv env) override;

 private:
  Napi::Value parameter_table(const Napi::CallbackInfo& info);
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
  Napi::Value log_likelihood(const Napi::CallbackInfo& info);
  Napi::Value anomaly_score(const Napi::CallbackInfo& info);
  Napi::Value refine(const Napi::CallbackInfo& info);
  Napi::Value gradient(const Napi::CallbackInfo& info);

  // The first argument as rows, with options.condition beside them. Throws a RangeError where they do not fit the
  // model.
  Examples examples_of(const Napi::CallbackInfo& info) const;
  void refuse_while(bool busy, Napi::Env env) const;
  // Tells the garbage collector what this model holds of the core's memory.
  void tell_memory(Napi::Env env, std::int64_t bytes);
  // Throws where the answer of so many numbers of 4 bytes and what `work_bytes` says of so many threads are more than
  // there is memory for. rows, draws, threads: as for infer.
  template <typename Bytes>
  void afford_work(Napi::Env env, double answer, std::size_t rows, std::size_t draws, std::size_t threads,
                   Bytes work_bytes) const;
  // The same of what encode, decode and those like them do.
  void afford_rows(Napi::Env env, double answer, std::size_t rows, std::size_t threads) const;
  // A job that calls `work` with what inference needs; `rows` and `draws` decide how many threads pay.
  Napi::Value infer(const Napi::CallbackInfo& info, std::size_t rows, std::size_t draws, std::size_t threads,
                    std::function<void(const Inference&)> work, std::function<Napi::Value(Napi::Env)> result,
                    std::initializer_list<Napi::Object> kept);

  std::shared_ptr<LiveModel> live_;
  std::unique_ptr<RowEncoder> row_encoder_;   // of encodeNow, on the JavaScript thread
  std::size_t jobs_ = 0, training_jobs_ = 0;  // not settled yet
  std::int64_t bytes_ = 0;                    // that the garbage collector has been told of
  // Last, so that its thread has ended before what that works on goes.
  std::unique_ptr<Executor> executor_;
};

}  // namespace aevb::binding
