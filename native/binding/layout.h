// layout(spec): what follows from a model's specification, without memory for its parameters (NativeLayout of
// src/native.ts).
#pragma once

#include <napi.h>

#include "layers/parameters.h"

namespace aevb::binding {

Napi::Value layout(const Napi::CallbackInfo& info);

// [{ name, shape }] of a model's tensors.
Napi::Array tensor_list(Napi::Env env, const std::vector<ParameterInfo>& table);

}  // namespace aevb::binding
