#include "gather.h"

#include <cstdint>
#include <vector>

#include "array_view.h"
#include "tensor/strided.h"

namespace aevb::binding {

namespace {

// The dimensions, once every number that they lead to is known to lie within `length`.
std::vector<StridedDimension> dimensions_of(const Napi::CallbackInfo& info, double offset, std::size_t length,
                                            std::size_t count) {
  const Napi::Env env = info.Env();
  if (!info[2].IsArray() || !info[3].IsArray())
    throw Napi::TypeError::New(env, "Expected arrays for shape and strides");
  const auto shape = info[2].As<Napi::Array>(), strides = info[3].As<Napi::Array>();
  std::vector<StridedDimension> dimensions;
  double size = 1.0, first = offset, last = offset;
  for (std::uint32_t i = 0; i < shape.Length(); ++i) {
    const double extent = Napi::Value(shape[i]).ToNumber().DoubleValue();
    const double stride = Napi::Value(strides[i]).ToNumber().DoubleValue();
    if (!(extent >= 1.0 && extent <= 0x1p53 && stride >= -0x1p53 && stride <= 0x1p53)) {
      throw Napi::RangeError::New(env, "Expected sizes of at least 1 and strides that are integers");
    }
    size *= extent;
    (stride < 0.0 ? first : last) += (extent - 1.0) * stride;
    dimensions.push_back({static_cast<std::size_t>(extent), static_cast<std::ptrdiff_t>(stride)});
  }
  if (size != static_cast<double>(count) || !(first >= 0.0 && last < static_cast<double>(length))) {
    throw Napi::RangeError::New(env, "Expected a layout within the array");
  }
  return dimensions;
}

}  // namespace

void gather(const Napi::CallbackInfo& info) {
  const ArrayView out = view_of(info[0]), from = view_of(info[1]);
  if (out.type != from.type) throw Napi::TypeError::New(info.Env(), "Expected arrays of one kind");
  const double offset = info[4].ToNumber().DoubleValue();
  const std::vector<StridedDimension> dimensions = dimensions_of(info, offset, from.length, out.length);
  const auto copy = [&](auto* to) {
    gather_strided(to, static_cast<const decltype(to)>(from.data) + static_cast<std::size_t>(offset), dimensions);
  };
  switch (from.type) {
    case napi_float32_array:
      copy(static_cast<float*>(out.data));
      break;
    case napi_float64_array:
      copy(static_cast<double*>(out.data));
      break;
    case napi_uint8_array:
    case napi_uint8_clamped_array:
      copy(static_cast<std::uint8_t*>(out.data));
      break;
    default:
      throw Napi::TypeError::New(info.Env(), "Expected a Float32Array, Float64Array or Uint8Array");
  }
}

}  // namespace aevb::binding
