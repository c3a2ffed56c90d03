// What one environment (the main thread, a worker thread) owns of the addon: no state is shared between them.
#pragma once

#include <napi.h>

#include <memory>

#include "job.h"

namespace aevb::binding {

struct AddonData {
  std::shared_ptr<Environment> environment;
  Napi::FunctionReference dataset_class;
  Napi::FunctionReference available_memory;
  Executor executor;  // for work that belongs to no model
};

inline AddonData& addon_data(Napi::Env env) { return *env.GetInstanceData<AddonData>(); }

}  // namespace aevb::binding
