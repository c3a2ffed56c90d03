#include "errors.h"

#include <new>
#include <stdexcept>
#include <system_error>

#include "runtime/cancelled.h"
#include "train/diverged.h"

namespace aevb::binding {

namespace {

Napi::Error with_code(Napi::Env env, const char* code, const char* message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

Napi::Error translate(Napi::Env env, const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Napi::Error& error) {
    return error;
  } catch (const Cancelled& error) {
    return with_code(env, "ABORTED", error.what());
  } catch (const Diverged& diverged) {
    Napi::Error error = with_code(env, "DIVERGED", diverged.what());
    error.Set("epoch", Napi::Number::New(env, static_cast<double>(diverged.epoch)));
    error.Set("step", Napi::Number::New(env, static_cast<double>(diverged.step)));
    if (diverged.cell) {
      const FarCell& far = *diverged.cell;
      Napi::Object cell = Napi::Object::New(env);
      cell.Set("column", Napi::Number::New(env, static_cast<double>(far.column)));
      cell.Set("value", Napi::Number::New(env, far.value));
      cell.Set("scaled", Napi::Boolean::New(env, far.scaled));
      cell.Set("shift", Napi::Number::New(env, far.shift));
      cell.Set("factor", Napi::Number::New(env, far.factor));
      error.Set("cell", cell);
    }
    return error;
  } catch (const UnsuitableColumn& unsuitable) {
    Napi::Error error = with_code(env, "UNSUITABLE_COLUMN", unsuitable.what());
    const bool resolution = unsuitable.reason == UnsuitableColumn::Reason::resolution;
    error.Set("reason", Napi::String::New(env, resolution ? "resolution" : "magnitude"));
    error.Set("column", Napi::Number::New(env, static_cast<double>(unsuitable.column)));
    error.Set("smallest", Napi::Number::New(env, unsuitable.smallest));
    error.Set("largest", Napi::Number::New(env, unsuitable.largest));
    return error;
  } catch (const Disposed& error) {
    return with_code(env, "DISPOSED", error.what());
  } catch (const std::bad_alloc&) {
    return with_code(env, "OUT_OF_MEMORY", "not enough memory for a model or batch of this size");
  } catch (const std::length_error&) {
    return with_code(env, "OUT_OF_MEMORY", "not enough memory for a model or batch of this size");
  } catch (const std::system_error&) {
    return with_code(env, "OUT_OF_MEMORY", "the system gives this process no more threads");
  } catch (const std::invalid_argument& error) {
    return Napi::RangeError::New(env, error.what());
  } catch (const std::exception& error) {
    return with_code(env, "INTERNAL", error.what());
  } catch (...) {
    return with_code(env, "INTERNAL", "an unknown exception in the native core");
  }
}

}  // namespace

Napi::Value to_javascript(Napi::Env env, const std::exception_ptr& error) { return translate(env, error).Value(); }

void throw_in_javascript(Napi::Env env, const std::exception_ptr& error) { throw translate(env, error); }

}  // namespace aevb::binding
