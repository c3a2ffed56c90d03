// Tensors whose numbers lie in any order, row after row.
#pragma once

#include <napi.h>

namespace aevb::binding {

// gather(out, from, shape, strides, offset): see NativeAddon in src/native.ts.
void gather(const Napi::CallbackInfo& info);

}  // namespace aevb::binding
