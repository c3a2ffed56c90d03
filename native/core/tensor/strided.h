// Numbers of a tensor with any strides.
#pragma once

#include <cstddef>
#include <vector>

namespace aevb {

struct StridedDimension {
  std::size_t size;
  std::ptrdiff_t stride;  // in numbers
};

// out[Π sizes], the last dimension's index running fastest: number [i, j, ...] is from[i · stride_0 + j · stride_1 +
// ...].
template <typename T>
void gather_strided(T* out, const T* from, const std::vector<StridedDimension>& dimensions) {
  for (const StridedDimension& dimension : dimensions) {
    if (dimension.size == 0) return;
  }
  if (dimensions.empty()) {
    *out = *from;
    return;
  }
  const StridedDimension inner = dimensions.back();
  const std::size_t outer = dimensions.size() - 1;
  std::vector<std::size_t> index(outer, 0);
  for (;;) {
    for (std::size_t i = 0; i < inner.size; ++i) *out++ = from[static_cast<std::ptrdiff_t>(i) * inner.stride];
    std::size_t d = outer;
    for (; d > 0; --d) {
      const StridedDimension& dimension = dimensions[d - 1];
      from += dimension.stride;
      if (++index[d - 1] < dimension.size) break;
      from -= static_cast<std::ptrdiff_t>(dimension.size) * dimension.stride;
      index[d - 1] = 0;
    }
    if (d == 0) return;
  }
}

}  // namespace aevb
