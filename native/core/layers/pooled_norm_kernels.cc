#include "layers/pooled_norm_kernels.h"

#include <cstddef>
#include <cstdint>

#define AEVB_KERNEL_FILE "layers/pooled_norm_kernels.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"

AEVB_BEFORE_KERNELS

// The offsets of a window's positions from its first one, and the steps from one window to the next, in floats of an
// image in panels.
template <int COUNT>
struct Windows {
  std::size_t offsets[COUNT];
  std::size_t step_x, step_y, step_z;
  std::size_t depth, height, width;  // windows along each axis
};

template <int COUNT>
AEVB_INLINE Windows<COUNT> windows_of(const PoolingPlan& plan, std::size_t row) {
  Windows<COUNT> windows{};
  const std::size_t line = plan.input.width * row, plane = plan.input.height * line;
  for (std::size_t i = 0; i < COUNT; ++i) windows.offsets[i] = i % 2 * row + i / 2 % 2 * line + i / 4 * plane;
  windows.step_x = 2 * row;
  windows.step_y = plan.kernel.height * line;
  windows.step_z = plan.kernel.depth * plane;
  windows.depth = plan.output.depth;
  windows.height = plan.output.height;
  windows.width = plan.output.width;
  return windows;
}

// The numbers that a vector of channels is normalised with.
struct Channels {
  F32 mean, scale, bias;
  I32 flip;  // the sign bit of a negative scale
  bool relu;
};
AEVB_INLINE Channels channels_at(const ChannelNormal& normal, std::size_t c, int lanes) {
  const F32 scale = load_partial(normal.scale + c, lanes);
  return {load_partial(normal.mean + c, lanes), scale, load_partial(normal.bias + c, lanes),
          bits_of(scale) & set_int(static_cast<std::int32_t>(0x80000000u)), normal.relu};
}
AEVB_INLINE F32 flipped(const Channels& by, F32 x) { return float_of(bits_of(x) ^ by.flip); }
AEVB_INLINE F32 normalized(const Channels& by, F32 x) { return fma(x - by.mean, by.scale, by.bias); }

// The larger number, NaN if one of them is NaN.
AEVB_INLINE F32 larger(F32 largest, F32 x) { return select(is_nan(x), x, max(x, largest)); }

// Loads a window, and returns the largest of its numbers after `flipped`.
template <int COUNT, bool WHOLE>
AEVB_INLINE F32 load_window(F32* values, const Channels& by, const float* x, const Windows<COUNT>& windows, int lanes) {
  values[0] = load_lanes<WHOLE>(x, lanes);
  F32 largest = flipped(by, values[0]);
#pragma GCC unroll 8
  for (int i = 1; i < COUNT; ++i) {
    values[i] = load_lanes<WHOLE>(x + windows.offsets[i], lanes);
    largest = larger(largest, flipped(by, values[i]));
  }
  return largest;
}

template <int COUNT, bool WHOLE>
static void pool_channels(float* out, float* chosen, const float* x, std::size_t out_step, std::size_t chosen_step,
                          const Windows<COUNT>& windows, Channels by, int lanes, std::size_t space) {
  for (std::size_t z = 0; z < windows.depth; ++z) {
    for (std::size_t y = 0; y < windows.height; ++y) {
      const float* from = x + z * windows.step_z + y * windows.step_y;
      for (std::size_t i = 0; i < windows.width; ++i, from += windows.step_x, out += out_step) {
        F32 values[COUNT];
        const F32 value = flipped(by, load_window<COUNT, WHOLE>(values, by, from, windows, lanes));
        F32 result = normalized(by, value);
        if (by.relu) result = max(zero(), result);
        store_padded<WHOLE>(out, result, lanes, space);
        if (chosen == nullptr) continue;
        store_lanes<WHOLE>(chosen, value, lanes);
        chosen += chosen_step;
      }
    }
  }
}

struct Slope {
  F32 constant, slope;
};

template <int COUNT, bool WHOLE>
static void pool_channels_backward(float* dx, const float* dout, const float* x, std::size_t dout_step,
                                   const Windows<COUNT>& windows, Channels by, Slope terms, bool accumulate, int lanes,
                                   std::size_t space) {
  for (std::size_t z = 0; z < windows.depth; ++z) {
    for (std::size_t y = 0; y < windows.height; ++y) {
      const std::size_t line = z * windows.step_z + y * windows.step_y;
      for (std::size_t i = 0; i < windows.width; ++i, dout += dout_step) {
        const float* from = x + line + i * windows.step_x;
        float* to = dx + line + i * windows.step_x;
        F32 values[COUNT];
        const F32 largest = load_window<COUNT, WHOLE>(values, by, from, windows, lanes);
        F32 left = load_lanes<WHOLE>(dout, lanes);
        if (by.relu) left = select(less_equal(normalized(by, flipped(by, largest)), zero()), zero(), left);
#pragma GCC unroll 8
        for (int k = 0; k < COUNT; ++k) {
          const Mask is_chosen = less_equal(largest, flipped(by, values[k]));
          const F32 dy = select(is_chosen, left, zero());
          left = select(is_chosen, zero(), left);
          const F32 result = fnma(values[k] - by.mean, terms.slope, dy - terms.constant) * by.scale;
          float* at = to + windows.offsets[k];
          if (accumulate) {
            store_lanes<WHOLE>(at, load_lanes<WHOLE>(at, lanes) + result, lanes);
          } else {
            store_padded<WHOLE>(at, result, lanes, space);
          }
        }
      }
    }
  }
}

template <int COUNT>
static void pool_image(Panels out, Panels chosen, ConstPanels x, const ChannelNormal& normal, const PoolingPlan& plan) {
  const std::size_t C = plan.input.channels;
  const Windows<COUNT> windows = windows_of<COUNT>(plan, x.width);
  for (std::size_t c = 0; c < C;) {
    const std::size_t in_panel = c % x.width, panel = c / x.width, space = out.width - in_panel;
    const int lanes = lanes_from(column_at(c, x.width), C - c, x.width);
    const Channels by = channels_at(normal, c, lanes);
    float* to = out.data + panel * out.stride + in_panel;
    float* kept = chosen.data == nullptr ? nullptr : chosen.data + panel * chosen.stride + in_panel;
    const float* from = x.data + panel * x.stride + in_panel;
    if (lanes == F32::size) {
      pool_channels<COUNT, true>(to, kept, from, out.width, chosen.width, windows, by, lanes, space);
    } else {
      pool_channels<COUNT, false>(to, kept, from, out.width, chosen.width, windows, by, lanes, space);
    }
    c += static_cast<std::size_t>(lanes);
  }
}

template <int COUNT>
static void pool_image_backward(Panels dx, ConstPanels dout, ConstPanels x, const ChannelNormal& normal,
                                const float* constant, const float* slope, const PoolingPlan& plan, bool accumulate) {
  const std::size_t C = plan.input.channels;
  const Windows<COUNT> windows = windows_of<COUNT>(plan, x.width);
  for (std::size_t c = 0; c < C;) {
    const std::size_t in_panel = c % x.width, panel = c / x.width, space = dx.width - in_panel;
    const int lanes = lanes_from(column_at(c, x.width), C - c, x.width);
    const Channels by = channels_at(normal, c, lanes);
    const Slope terms{load_partial(constant + c, lanes), load_partial(slope + c, lanes)};
    float* to = dx.data + panel * dx.stride + in_panel;
    const float* gradient = dout.data + panel * dout.stride + in_panel;
    const float* from = x.data + panel * x.stride + in_panel;
    if (lanes == F32::size) {
      pool_channels_backward<COUNT, true>(to, gradient, from, dout.width, windows, by, terms, accumulate, lanes, space);
    } else {
      pool_channels_backward<COUNT, false>(to, gradient, from, dout.width, windows, by, terms, accumulate, lanes,
                                           space);
    }
    c += static_cast<std::size_t>(lanes);
  }
}

void normalize_pool(Panels out, Panels chosen, ConstPanels x, const ChannelNormal& normal, const PoolingPlan& plan) {
  if (plan.kernel.depth == 2) return pool_image<8>(out, chosen, x, normal, plan);
  if (plan.kernel.height == 2) return pool_image<4>(out, chosen, x, normal, plan);
  pool_image<2>(out, chosen, x, normal, plan);
}

void normalize_pool_backward(Panels dx, ConstPanels dout, ConstPanels x, const ChannelNormal& normal,
                             const float* constant, const float* slope, const PoolingPlan& plan, bool accumulate) {
  if (plan.kernel.depth == 2) {
    return pool_image_backward<8>(dx, dout, x, normal, constant, slope, plan, accumulate);
  }
  if (plan.kernel.height == 2) {
    return pool_image_backward<4>(dx, dout, x, normal, constant, slope, plan, accumulate);
  }
  pool_image_backward<2>(dx, dout, x, normal, constant, slope, plan, accumulate);
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void normalize_pool(Panels out, Panels chosen, ConstPanels x, const ChannelNormal& normal, const PoolingPlan& plan) {
  AEVB_DISPATCH(normalize_pool)(out, chosen, x, normal, plan);
}

void normalize_pool_backward(Panels dx, ConstPanels dout, ConstPanels x, const ChannelNormal& normal,
                             const float* constant, const float* slope, const PoolingPlan& plan, bool accumulate) {
  AEVB_DISPATCH(normalize_pool_backward)(dx, dout, x, normal, constant, slope, plan, accumulate);
}

}  // namespace aevb
#endif
