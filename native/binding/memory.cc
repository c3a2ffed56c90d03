#include "memory.h"

#include <cstdio>
#include <string>

#include "addon.h"

namespace aevb::binding {

namespace {

std::string gigabytes(double bytes) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.2f GB", bytes / 1e9);
  return text;
}

}  // namespace

void afford(Napi::Env env, double bytes) {
  if (bytes < ALWAYS_AFFORDED) return;
  const Napi::FunctionReference& asked = addon_data(env).available_memory;
  if (asked.IsEmpty()) return;
  const double available = asked.Call({}).ToNumber().DoubleValue();
  // Also if nothing is known, which is NaN.
  if (!(bytes > available)) return;
  Napi::Error error =
      Napi::Error::New(env, "this needs " + gigabytes(bytes) + ", but " + gigabytes(available) + " are available");
  error.Set("code", Napi::String::New(env, "OUT_OF_MEMORY"));
  throw error;
}

void use_available_memory(const Napi::CallbackInfo& info) {
  if (!info[0].IsFunction()) throw Napi::TypeError::New(info.Env(), "Expected a function for useAvailableMemory");
  addon_data(info.Env()).available_memory = Napi::Persistent(info[0].As<Napi::Function>());
}

}  // namespace aevb::binding
