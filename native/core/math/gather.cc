#include "math/gather.h"

#include <cstddef>
#include <cstdint>

#define AEVB_KERNEL_FILE "math/gather.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"

AEVB_BEFORE_KERNELS

template <Scale SCALE, bool WHOLE>
AEVB_INLINE F32 load_value(const float* from, int lanes) {
  return load_lanes<WHOLE>(from, lanes);
}

template <Scale SCALE, bool WHOLE>
AEVB_INLINE F32 load_value(const std::uint8_t* from, int lanes) {
  F32 value;
  if constexpr (WHOLE) {
    value = load_u8(from);
  } else {
    value = load_u8_partial(from, lanes);
  }
  if constexpr (SCALE == Scale::integer) return value;
  // value / 255, correctly rounded for every byte: the first product is exact.
  return fma(value, set(0x1.010102p-24f), value * set(0x1.01p-8f));
}

// The rows come from all over a data set that no cache holds, so each is prefetched while the rows before it are
// copied. The smaller the rows, the sooner they are prefetched.
constexpr std::size_t BYTES_AHEAD = 1024;
constexpr std::size_t ROWS_AHEAD = 4;
constexpr std::size_t CACHE_LINE = 64;

template <Scale SCALE, typename Value>
static void gather(Panels out, const Value* source, const std::uint32_t* index, std::size_t R, std::size_t D) {
  const std::size_t small = BYTES_AHEAD / (D * sizeof(Value));
  const std::size_t ahead = small < ROWS_AHEAD ? ROWS_AHEAD : small;
  for (std::size_t r = 0; r < R; ++r) {
    const Value* from = source + (index == nullptr ? r : index[r]) * D;
    if (index != nullptr && r + ahead < R) {
      const Value* soon = source + index[r + ahead] * D;
      for (std::size_t i = 0; i < D; i += CACHE_LINE / sizeof(Value)) prefetch(soon + i);
    }
    for (std::size_t p = 0; p < panel_count(D, out.width); ++p) {
      const std::size_t cols = cols_in_panel(D, p, out.width);
      float* row = row_of(out, p, r);
      std::size_t i = 0;
      for (; i + F32::size <= cols; i += F32::size) store(row + i, load_value<SCALE, true>(from + i, F32::size));
      if (i < cols) {
        const int lanes = static_cast<int>(cols - i);
        store_partial(row + i, load_value<SCALE, false>(from + i, lanes), lanes);
      }
      zero_padding(row, cols, out.width);
      from += cols;
    }
  }
}

void gather_floats(Panels out, const float* source, const std::uint32_t* index, std::size_t R, std::size_t D) {
  gather<Scale::unit>(out, source, index, R, D);
}

void gather_bytes(Panels out, const std::uint8_t* source, const std::uint32_t* index, std::size_t R, std::size_t D,
                  Scale scale) {
  if (scale == Scale::integer) {
    gather<Scale::integer>(out, source, index, R, D);
  } else {
    gather<Scale::unit>(out, source, index, R, D);
  }
}

void scatter_rows(float* out, ConstPanels inp, std::size_t R, std::size_t D) {
  for (std::size_t r = 0; r < R; ++r) {
    for (std::size_t p = 0; p < panel_count(D, inp.width); ++p) {
      const std::size_t cols = cols_in_panel(D, p, inp.width);
      const float* row = row_of(inp, p, r);
      std::size_t i = 0;
      for (; i + F32::size <= cols; i += F32::size) store(out + i, load(row + i));
      if (i < cols) {
        const int lanes = static_cast<int>(cols - i);
        store_partial(out + i, load_partial(row + i, lanes), lanes);
      }
      out += cols;
    }
  }
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void gather_rows(Panels out, const float* source, const std::uint32_t* index, std::size_t R, std::size_t D) {
  AEVB_DISPATCH(gather_floats)(out, source, index, R, D);
}

void gather_rows(Panels out, const std::uint8_t* source, const std::uint32_t* index, std::size_t R, std::size_t D,
                 Scale scale) {
  AEVB_DISPATCH(gather_bytes)(out, source, index, R, D, scale);
}

void scatter_rows(float* out, ConstPanels inp, std::size_t R, std::size_t D) {
  AEVB_DISPATCH(scatter_rows)(out, inp, R, D);
}

}  // namespace aevb
#endif
