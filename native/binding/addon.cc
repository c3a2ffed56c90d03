// The addon's exports: NativeAddon of src/native.ts.

#include "addon.h"

#include <string>

#include "dataset_wrap.h"
#include "errors.h"
#include "gather.h"
#include "layout.h"
#include "math/gemm.h"
#include "math/target.h"
#include "memory.h"
#include "model_wrap.h"
#include "read_spec.h"
#include "runtime/thread_pool.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace aevb::binding {

namespace {

Napi::Value backend(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object object = Napi::Object::New(env);
  object.Set("gemm", gemm_name(active_gemm()));
  object.Set("version", gemm_version());
  object.Set("core", gemm_core());
  object.Set("isa", target_name(active_target()));
  object.Set("bfloat16", Napi::Boolean::New(env, bfloat16_available()));
  object.Set("threads", Napi::Number::New(env, static_cast<double>(available_cores())));
  return object;
}

// checkArray(array, columns, domain, classes, first, count): Dataset.checkNow without a Dataset.
Napi::Value check_array(const Napi::CallbackInfo& info) {
  const double columns = info[1].ToNumber().DoubleValue();
  return DatasetWrap::check_array(info, DatasetWrap::of_array(info[0], columns, false), 2);
}

// A worker thread that ends unloads the addon if it alone has loaded it, but threads that wait for work are in its
// code.
void stay_loaded() {
#if defined(_WIN32)
  HMODULE module = nullptr;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                     reinterpret_cast<LPCWSTR>(&stay_loaded), &module);
#else
  Dl_info info;
  if (dladdr(reinterpret_cast<const void*>(&stay_loaded), &info) != 0) {
    dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
  }
#endif
}

}  // namespace

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  stay_loaded();
  auto* data = new AddonData;
  env.SetInstanceData(data);
  data->environment = Environment::make(env);
  data->environment->add(data->executor);
  const Napi::Function dataset_class = DatasetWrap::define(env);
  data->dataset_class = Napi::Persistent(dataset_class);
  exports.Set("Dataset", dataset_class);
  exports.Set("Model", ModelWrap::define(env));
  exports.Set("checkArray", Napi::Function::New(env, coded<check_array>));
  exports.Set("backend", Napi::Function::New(env, coded<backend>));
  exports.Set("layout", Napi::Function::New(env, coded<layout>));
  exports.Set("gather", Napi::Function::New(env, coded<gather>));
  exports.Set("useAvailableMemory", Napi::Function::New(env, coded<use_available_memory>));
  return exports;
}

}  // namespace aevb::binding
