// What one environment (the main thread, a worker thread) owns of the addon: no state is shared between them.
#pragma once

#include <napi.h>

#include <memory>

#include "errors.h"
#include "job.h"

namespace aevb::binding {

struct AddonData {
  std::shared_ptr<Environment> environment;
  Napi::FunctionReference dataset_class;
  Napi::FunctionReference available_memory;
  Executor executor;  // for work that belongs to no model
};

// Sets the exports: NativeAddon of src/native.ts.
Napi::Object initialize(Napi::Env env, Napi::Object exports);

// A function as JavaScript calls it.
template <auto FUNCTION>
auto coded(const Napi::CallbackInfo& info) {
  return or_throw_in_javascript(info.Env(), [&] { return FUNCTION(info); });
}

inline AddonData& addon_data(Napi::Env env) { return *env.GetInstanceData<AddonData>(); }

}  // namespace aevb::binding
