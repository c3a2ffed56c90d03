// Exceptions of the core as JavaScript errors.
#pragma once

#include <napi.h>

#include <exception>

namespace aevb::binding {

// An Error whose `code` says what happened: 'ABORTED', 'DIVERGED' (with `epoch` and `step`), 'OUT_OF_MEMORY', or else
// 'INTERNAL'; misuse that the facade did not catch is a RangeError or TypeError.
Napi::Value to_javascript(Napi::Env env, const std::exception_ptr& error);

// Throws the same as a JavaScript exception on this thread.
[[noreturn]] void throw_in_javascript(Napi::Env env, const std::exception_ptr& error);

}  // namespace aevb::binding
