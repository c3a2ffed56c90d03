// The elements of a typed array.
#pragma once

#include <napi.h>

#include <cstddef>

namespace aevb::binding {

struct ArrayView {
  napi_typedarray_type type;
  std::size_t length;  // elements
  void* data;          // of the first; not to be kept
};

// In one call; Napi::TypedArray makes one for each answer. Throws a TypeError for what is no typed array.
inline ArrayView view_of(const Napi::Value& value) {
  ArrayView view{};
  const napi_status status =
      napi_get_typedarray_info(value.Env(), value, &view.type, &view.length, &view.data, nullptr, nullptr);
  if (status != napi_ok) throw Napi::TypeError::New(value.Env(), "Expected a typed array");
  return view;
}

}  // namespace aevb::binding
