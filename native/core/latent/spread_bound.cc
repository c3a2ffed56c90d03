#include "latent/spread_bound.h"

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "latent/prior.h"

#define AEVB_KERNEL_FILE "latent/spread_bound.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/vector_math.h"

// Uses the headers above.
#include "latent/lanes.h"

AEVB_BEFORE_KERNELS

namespace {

struct Bounding {
  Panels spread;
  SpreadBound bound;
  std::size_t R;

  template <bool WHOLE>
  AEVB_INLINE void run(const Bounding& op, std::size_t p, std::size_t i, int lanes) {
    const F32 from = set(op.bound.from), space = set(op.bound.limit - op.bound.from);
    for (std::size_t r = 0; r < op.R; ++r) {
      float* at = row_of(op.spread, p, r) + i;
      const F32 v = load_lanes<WHOLE>(at, lanes);
      const Mask inside = less_equal(abs(v), from);
      if (!any(less_equal(from, keep_lanes<WHOLE>(abs(v), zero(), lanes))) && !any(is_nan(v))) continue;
      const F32 beyond = set(op.bound.limit) - space * exp_minus((abs(v) - from) / space);
      const F32 bounded = select(is_nan(v), v, select(less(v, zero()), -beyond, beyond));
      store_lanes<WHOLE>(at, select(inside, v, bounded), lanes);
    }
  }
};

struct BoundingBackward {
  Panels dspread;
  ConstPanels bounded;
  SpreadBound bound;
  std::size_t R;

  template <bool WHOLE>
  AEVB_INLINE void run(const BoundingBackward& op, std::size_t p, std::size_t i, int lanes) {
    const F32 from = set(op.bound.from), limit = set(op.bound.limit), space = limit - from;
    for (std::size_t r = 0; r < op.R; ++r) {
      const F32 value = abs(load_lanes<WHOLE>(row_of(op.bounded, p, r) + i, lanes));
      const Mask inside = less_equal(value, from);
      if (!any(less_equal(from, keep_lanes<WHOLE>(value, zero(), lanes)))) continue;
      float* at = row_of(op.dspread, p, r) + i;
      const F32 slope = load_lanes<WHOLE>(at, lanes);
      store_lanes<WHOLE>(at, select(inside, slope, slope * ((limit - value) / space)), lanes);
    }
  }
};

}  // namespace

void bound_spread(Panels spread, SpreadBound bound, std::size_t R, std::size_t C) {
  each_vector(Bounding{spread, bound, R}, C, spread.width);
}

void bound_spread_backward(Panels dspread, ConstPanels bounded, SpreadBound bound, std::size_t R, std::size_t C) {
  each_vector(BoundingBackward{dspread, bounded, bound, R}, C, dspread.width);
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void bound_spread(Panels spread, SpreadBound bound, std::size_t R, std::size_t C) {
  AEVB_DISPATCH(bound_spread)(spread, bound, R, C);
}

void bound_spread_backward(Panels dspread, ConstPanels bounded, SpreadBound bound, std::size_t R, std::size_t C) {
  AEVB_DISPATCH(bound_spread_backward)(dspread, bounded, bound, R, C);
}

}  // namespace aevb
#endif
