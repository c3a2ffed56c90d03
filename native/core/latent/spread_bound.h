// A posterior's log-variance or log-scale, bounded so that no exponential of it overflows. The output v of a head
// is replaced with
//   bound(v) = v                                                    for |v| ≤ from
//              sign(v) (limit − (limit − from) e^(−t)),
//              t = (|v| − from)/(limit − from)                      beyond
// The bound changes no bit if |v| ≤ from, has a continuous slope, increases everywhere and stays within ±limit. Its
// slope e^(−t) is a function of the bounded value alone, (limit − |bound|)/(limit − from), so v is not stored.
#pragma once

#include <cstddef>

#include "tensor/panels.h"

namespace aevb {

struct SpreadBound {
  float from, limit;
  double per_log_scale;  // v divided by log σ
};
inline constexpr SpreadBound LOG_VARIANCE_BOUND = {20.0f, 40.0f, 2.0};
// The same bounds of σ.
inline constexpr SpreadBound LOG_SCALE_BOUND = {10.0f, 20.0f, 1.0};

// spread[R, C] becomes bound(spread); NaN stays NaN. Leaves the padding as it is.
void bound_spread(Panels spread, SpreadBound bound, std::size_t R, std::size_t C);

// dspread[R, C], the gradient by the bounded values, becomes the gradient by v. Leaves the padding as it is.
void bound_spread_backward(Panels dspread, ConstPanels bounded, SpreadBound bound, std::size_t R, std::size_t C);

}  // namespace aevb
