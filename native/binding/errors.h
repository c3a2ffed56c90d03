// Exceptions of the core as JavaScript errors.
#pragma once

#include <napi.h>

#include <exception>
#include <stdexcept>

namespace aevb::binding {

// The JavaScript object has been disposed of.
struct Disposed : std::logic_error {
  Disposed() : std::logic_error("disposed of") {}
};

// An Error whose `code` says what happened: 'ABORTED', 'DIVERGED' (with `epoch` and `step`), 'DISPOSED',
// 'OUT_OF_MEMORY', or else 'INTERNAL'; misuse that the facade did not catch is a RangeError or TypeError.
Napi::Value to_javascript(Napi::Env env, const std::exception_ptr& error);

// Throws the same as a JavaScript exception on this thread.
[[noreturn]] void throw_in_javascript(Napi::Env env, const std::exception_ptr& error);

// What `call` returns; what it throws becomes a JavaScript exception of the same kind.
template <typename Call>
auto or_throw_in_javascript(Napi::Env env, Call&& call) {
  try {
    return call();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw_in_javascript(env, std::current_exception());
  }
}

}  // namespace aevb::binding
