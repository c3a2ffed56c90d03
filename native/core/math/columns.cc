#include "math/columns.h"

#include <cstddef>
#include <cstdint>

#define AEVB_KERNEL_FILE "math/columns.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"

AEVB_BEFORE_KERNELS

template <bool ADD, bool WHOLE>
AEVB_INLINE void move_vector(float* out, const float* inp, int lanes) {
  const F32 moved = load_lanes<WHOLE>(inp, lanes);
  if constexpr (ADD) {
    store_lanes<WHOLE>(out, load_lanes<WHOLE>(out, lanes) + moved, lanes);
  } else {
    store_lanes<WHOLE>(out, moved, lanes);
  }
}

// Runs of columns that are in one panel on both sides, each for all rows.
template <bool ADD>
static void move(Panels out, std::size_t out_first, ConstPanels inp, std::size_t inp_first, std::size_t R,
                 std::size_t C, std::size_t repeat) {
  for (std::size_t c = 0; c < C;) {
    const std::size_t out_in_panel = (out_first + c) % out.width;
    const std::size_t inp_in_panel = (inp_first + c) % inp.width;
    std::size_t run = C - c;
    if (out.width - out_in_panel < run) run = out.width - out_in_panel;
    if (inp.width - inp_in_panel < run) run = inp.width - inp_in_panel;
    float* to = out.data + (out_first + c) / out.width * out.stride + out_in_panel;
    const float* from = inp.data + (inp_first + c) / inp.width * inp.stride + inp_in_panel;
    std::size_t left = repeat;
    for (std::size_t r = 0; r < R; ++r) {
      std::size_t i = 0;
      for (; i + F32::size <= run; i += F32::size) move_vector<ADD, true>(to + i, from + i, F32::size);
      if (i < run) move_vector<ADD, false>(to + i, from + i, static_cast<int>(run - i));
      to += out.width;
      if (--left == 0) {
        from += inp.width;
        left = repeat;
      }
    }
    c += run;
  }
}

void place_columns(Panels out, std::size_t first, ConstPanels inp, std::size_t R, std::size_t C, std::size_t repeat) {
  move<false>(out, first, inp, 0, R, C, repeat);
}

void take_columns(Panels out, ConstPanels inp, std::size_t first, std::size_t R, std::size_t C) {
  move<false>(out, 0, inp, first, R, C, 1);
  if (C % out.width != 0) {
    for (std::size_t r = 0; r < R; ++r) zero_padding(row_of(out, C / out.width, r), C % out.width, out.width);
  }
}

void take_columns_add(Panels out, ConstPanels inp, std::size_t first, std::size_t R, std::size_t C) {
  move<true>(out, 0, inp, first, R, C, 1);
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void place_columns(Panels out, std::size_t first, ConstPanels inp, std::size_t R, std::size_t C, std::size_t repeat) {
  AEVB_DISPATCH(place_columns)(out, first, inp, R, C, repeat);
}

void take_columns(Panels out, ConstPanels inp, std::size_t first, std::size_t R, std::size_t C) {
  AEVB_DISPATCH(take_columns)(out, inp, first, R, C);
}

void take_columns_add(Panels out, ConstPanels inp, std::size_t first, std::size_t R, std::size_t C) {
  AEVB_DISPATCH(take_columns_add)(out, inp, first, R, C);
}

}  // namespace aevb
#endif
