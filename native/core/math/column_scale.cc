#include "math/column_scale.h"

#include <cstddef>
#include <cstdint>

#define AEVB_KERNEL_FILE "math/column_scale.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/vector_math.h"

AEVB_BEFORE_KERNELS

namespace {

struct Standardizing {
  AEVB_INLINE F32 apply(F32 x, F32 shift, F32 factor) { return (x - shift) / factor; }
};

struct LogStandardizing {
  AEVB_INLINE F32 apply(F32 x, F32 shift, F32 factor) { return (log(set(1.0f) + x) - shift) / factor; }
};

struct Unstandardizing {
  AEVB_INLINE F32 apply(F32 x, F32 shift, F32 factor) { return fma(x, factor, shift); }
};

}  // namespace

template <typename Op, bool WHOLE>
AEVB_INLINE void scale_columns(Panels out, ConstPanels x, const float* shift, const float* factor, std::size_t p,
                               std::size_t i, std::size_t R, int lanes) {
  const std::size_t col = p * out.width + i;
  const F32 moved = load_lanes<WHOLE>(shift + col, lanes);
  // 1 in lanes that are not columns: a division by 0 is slow.
  const F32 by = keep_lanes<WHOLE>(load_lanes<WHOLE>(factor + col, lanes), set(1.0f), lanes);
  for (std::size_t r = 0; r < R; ++r) {
    const F32 value = load_lanes<WHOLE>(row_of(x, p, r) + i, lanes);
    store_lanes<WHOLE>(row_of(out, p, r) + i, Op::apply(value, moved, by), lanes);
  }
}

template <typename Op>
static void scale_matrix(Panels out, ConstPanels x, const float* shift, const float* factor, std::size_t R,
                         std::size_t C) {
  for (std::size_t p = 0; p < panel_count(C, out.width); ++p) {
    const std::size_t cols = cols_in_panel(C, p, out.width);
    std::size_t i = 0;
    for (; i + F32::size <= cols; i += F32::size) {
      scale_columns<Op, true>(out, x, shift, factor, p, i, R, F32::size);
    }
    if (i < cols) scale_columns<Op, false>(out, x, shift, factor, p, i, R, static_cast<int>(cols - i));
  }
}

void standardize(Panels out, ConstPanels x, const float* shift, const float* factor, std::size_t R, std::size_t C) {
  scale_matrix<Standardizing>(out, x, shift, factor, R, C);
}

void standardize_log(Panels out, ConstPanels x, const float* shift, const float* factor, std::size_t R, std::size_t C) {
  scale_matrix<LogStandardizing>(out, x, shift, factor, R, C);
}

void unstandardize(Panels out, ConstPanels x, const float* shift, const float* factor, std::size_t R, std::size_t C) {
  scale_matrix<Unstandardizing>(out, x, shift, factor, R, C);
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void standardize(Panels out, ConstPanels x, const float* shift, const float* factor, std::size_t R, std::size_t C) {
  AEVB_DISPATCH(standardize)(out, x, shift, factor, R, C);
}

void standardize_log(Panels out, ConstPanels x, const float* shift, const float* factor, std::size_t R, std::size_t C) {
  AEVB_DISPATCH(standardize_log)(out, x, shift, factor, R, C);
}

void unstandardize(Panels out, ConstPanels x, const float* shift, const float* factor, std::size_t R, std::size_t C) {
  AEVB_DISPATCH(unstandardize)(out, x, shift, factor, R, C);
}

}  // namespace aevb
#endif
