// The addon's exports: NativeAddon of src/native.ts.

#include "addon.h"

#include <string>

#include "dataset_wrap.h"
#include "errors.h"
#include "math/gemm.h"
#include "math/peak.h"
#include "math/target.h"
#include "math/thread_pool.h"
#include "model_wrap.h"

namespace aevb::binding {

namespace {

Napi::Value backend(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  try {
    Napi::Object object = Napi::Object::New(env);
    object.Set("gemm", gemm_name(active_gemm()));
    object.Set("version", gemm_version());
    object.Set("core", gemm_core());
    object.Set("isa", target_name(active_target()));
    object.Set("bfloat16", Napi::Boolean::New(env, bfloat16_available()));
    object.Set("threads", Napi::Number::New(env, static_cast<double>(available_cores())));
    return object;
  } catch (const std::exception&) {
    throw_in_javascript(env, std::current_exception());
  }
}

Napi::Value peak(const Napi::CallbackInfo& info) {
  const double threads = info[0].ToNumber().DoubleValue();
  if (!(threads >= 1.0 && threads <= 4096.0)) {
    throw Napi::RangeError::New(info.Env(), "Expected an integer from 1 to 4096 for threads");
  }
  ThreadPool pool(static_cast<std::size_t>(threads));
  return Napi::Number::New(info.Env(), measure_peak(pool));
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  auto* data = new AddonData;
  env.SetInstanceData(data);
  data->executor = std::make_unique<Executor>(env);
  const Napi::Function dataset_class = DatasetWrap::define(env);
  data->dataset_class = Napi::Persistent(dataset_class);
  exports.Set("Dataset", dataset_class);
  exports.Set("Model", ModelWrap::define(env));
  exports.Set("backend", Napi::Function::New(env, backend));
  exports.Set("peak", Napi::Function::New(env, peak));
  return exports;
}

}  // namespace

NODE_API_MODULE(aevb, initialize)

}  // namespace aevb::binding
