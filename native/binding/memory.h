// Refusing what would take more memory than there is, before any of it is allocated: under a control group's limit an
// allocation does not fail, but ends the process once it is used.
#pragma once

#include <napi.h>

namespace aevb::binding {

// Needs of fewer bytes are not looked at: to read what is available takes as long as to encode some rows.
inline constexpr double ALWAYS_AFFORDED = 64.0 * 1024 * 1024;

// Throws code OUT_OF_MEMORY, with both numbers, if `bytes` are more than what useAvailableMemory's function says.
void afford(Napi::Env env, double bytes);

// useAvailableMemory(function): see NativeAddon in src/native.ts.
void use_available_memory(const Napi::CallbackInfo& info);

}  // namespace aevb::binding
