#include "layers/pooling_kernels.h"

#include <cstddef>
#include <cstdint>
#include <limits>

#define AEVB_KERNEL_FILE "layers/pooling_kernels.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"

AEVB_BEFORE_KERNELS

constexpr float MINUS_INFINITY = -std::numeric_limits<float>::infinity();

// The largest number of a window, NaN if one is NaN.
struct Maximum {
  AEVB_INLINE F32 begin() { return set(MINUS_INFINITY); }
  AEVB_INLINE F32 join(F32 largest, F32 x) { return select(is_nan(x), x, max(x, largest)); }
};

struct Total {
  AEVB_INLINE F32 begin() { return zero(); }
  AEVB_INLINE F32 join(F32 sum, F32 x) { return sum + x; }
};

// The elements of a window that are within the image along one axis: from `first` to `end`, the first at position `at`.
struct Reach {
  std::size_t first, end, at;
};
AEVB_INLINE Reach reach(std::size_t position, std::size_t stride, std::size_t before, std::size_t dilation,
                        std::size_t kernel, std::size_t size) {
  const std::size_t begin = position * stride;
  Reach result{0, 0, 0};
  while (result.first < kernel && begin + result.first * dilation < before) ++result.first;
  result.end = result.first;
  while (result.end < kernel && begin + result.end * dilation - before < size) ++result.end;
  result.at = begin + result.first * dilation - before;
  return result;
}

// A window of an image, along each axis.
struct Window {
  Reach z, y, x;
};
AEVB_INLINE Window window_at(const PoolingPlan& plan, std::size_t position) {
  const Shape& in = plan.input;
  const std::size_t x = position % plan.output.width, line = position / plan.output.width;
  const std::size_t y = line % plan.output.height, z = line / plan.output.height;
  return {reach(z, plan.stride.depth, plan.before.depth, plan.dilation.depth, plan.kernel.depth, in.depth),
          reach(y, plan.stride.height, plan.before.height, plan.dilation.height, plan.kernel.height, in.height),
          reach(x, plan.stride.width, plan.before.width, plan.dilation.width, plan.kernel.width, in.width)};
}

// The position of an element of a window.
AEVB_INLINE std::size_t position_of(const PoolingPlan& plan, const Window& window, std::size_t a, std::size_t b,
                                    std::size_t i) {
  return ((window.z.at + a * plan.dilation.depth) * plan.input.height + window.y.at + b * plan.dilation.height) *
             plan.input.width +
         window.x.at + i * plan.dilation.width;
}

AEVB_INLINE std::size_t positions_of(const Shape& shape) { return shape.depth * shape.height * shape.width; }

AEVB_INLINE F32 load_some(const float* from, int lanes) {
  return lanes == F32::size ? load(from) : load_partial(from, lanes);
}

template <typename Join>
static void pool(Panels out, ConstPanels x, const PoolingPlan& plan, float factor) {
  const std::size_t C = plan.input.channels, positions = positions_of(plan.output);
  for (std::size_t position = 0; position < positions; ++position) {
    const Window window = window_at(plan, position);
    for (std::size_t c = 0; c < C;) {
      const std::size_t in_panel = c % x.width;
      const int lanes = lanes_from(column_at(c, x.width), C - c, x.width);
      const float* from = x.data + c / x.width * x.stride + in_panel;
      F32 joined = Join::begin();
      for (std::size_t a = 0; a < window.z.end - window.z.first; ++a) {
        for (std::size_t b = 0; b < window.y.end - window.y.first; ++b) {
          for (std::size_t i = 0; i < window.x.end - window.x.first; ++i) {
            joined = Join::join(joined, load_some(from + position_of(plan, window, a, b, i) * x.width, lanes));
          }
        }
      }
      float* to = out.data + c / out.width * out.stride + position * out.width + in_panel;
      store_padded<false>(to, joined * set(factor), lanes, out.width - in_panel);
      c += static_cast<std::size_t>(lanes);
    }
  }
}

AEVB_INLINE void clear_image(Panels x, const Shape& shape) {
  const std::size_t positions = positions_of(shape);
  for (std::size_t p = 0; p < panel_count(shape.channels, x.width); ++p) {
    for (std::size_t r = 0; r < positions; ++r) zero_padding(row_of(x, p, r), 0, x.width);
  }
}

// Whether the windows cover the image and have size 2 in each dimension, or depth 1 for pictures. Most networks have
// such windows.
AEVB_INLINE bool halves(const PoolingPlan& plan) {
  return plan.covers && plan.kernel.depth <= 2 && plan.kernel.height == 2 && plan.kernel.width == 2;
}

AEVB_INLINE F32 larger(F32 a, F32 b) { return Maximum::join(a, b); }

template <bool WHOLE>
static void max_of_halves(float* out, const float* x, std::size_t out_step, std::size_t step, const PoolingPlan& plan,
                          int lanes, std::size_t space) {
  const std::size_t line = plan.input.width * step, plane = plan.input.height * line;
  const bool deep = plan.kernel.depth == 2;
  for (std::size_t z = 0; z < plan.output.depth; ++z, x += deep ? plane : 0) {
    for (std::size_t y = 0; y < plan.output.height; ++y, x += line) {
      for (std::size_t i = 0; i < plan.output.width; ++i, x += 2 * step, out += out_step) {
        F32 largest = larger(larger(load_lanes<WHOLE>(x, lanes), load_lanes<WHOLE>(x + step, lanes)),
                             larger(load_lanes<WHOLE>(x + line, lanes), load_lanes<WHOLE>(x + line + step, lanes)));
        if (deep) {
          const float* behind = x + plane;
          largest = larger(
              largest,
              larger(larger(load_lanes<WHOLE>(behind, lanes), load_lanes<WHOLE>(behind + step, lanes)),
                     larger(load_lanes<WHOLE>(behind + line, lanes), load_lanes<WHOLE>(behind + line + step, lanes))));
        }
        store_padded<WHOLE>(out, largest, lanes, space);
      }
    }
  }
}

// Gives the remaining gradient of a window to this position if it holds the largest number. Returns the gradient that
// remains after it.
template <bool WHOLE>
AEVB_INLINE F32 take_gradient(float* dx, const float* x, F32 largest, F32 left, int lanes, std::size_t space) {
  const Mask is_largest = less_equal(largest, load_lanes<WHOLE>(x, lanes));
  store_padded<WHOLE>(dx, select(is_largest, left, zero()), lanes, space);
  return select(is_largest, zero(), left);
}

template <bool WHOLE>
static void max_of_halves_backward(float* dx, const float* dout, const float* x, const float* out, std::size_t step,
                                   const PoolingPlan& plan, int lanes, std::size_t space) {
  const std::size_t line = plan.input.width * step, plane = plan.input.height * line;
  const bool deep = plan.kernel.depth == 2;
  for (std::size_t z = 0; z < plan.output.depth; ++z, x += deep ? plane : 0, dx += deep ? plane : 0) {
    for (std::size_t y = 0; y < plan.output.height; ++y, x += line, dx += line) {
      for (std::size_t i = 0; i < plan.output.width; ++i, x += 2 * step, dx += 2 * step, out += step, dout += step) {
        const F32 largest = load_lanes<WHOLE>(out, lanes);
        F32 left = load_lanes<WHOLE>(dout, lanes);
        left = take_gradient<WHOLE>(dx, x, largest, left, lanes, space);
        left = take_gradient<WHOLE>(dx + step, x + step, largest, left, lanes, space);
        left = take_gradient<WHOLE>(dx + line, x + line, largest, left, lanes, space);
        left = take_gradient<WHOLE>(dx + line + step, x + line + step, largest, left, lanes, space);
        if (!deep) continue;
        left = take_gradient<WHOLE>(dx + plane, x + plane, largest, left, lanes, space);
        left = take_gradient<WHOLE>(dx + plane + step, x + plane + step, largest, left, lanes, space);
        left = take_gradient<WHOLE>(dx + plane + line, x + plane + line, largest, left, lanes, space);
        take_gradient<WHOLE>(dx + plane + line + step, x + plane + line + step, largest, left, lanes, space);
      }
    }
  }
}

static void max_pool_halves(Panels out, ConstPanels x, const PoolingPlan& plan) {
  const std::size_t C = plan.input.channels;
  for (std::size_t c = 0; c < C;) {
    const std::size_t in_panel = c % x.width, panel = c / x.width;
    const int lanes = lanes_from(column_at(c, x.width), C - c, x.width);
    float* to = out.data + panel * out.stride + in_panel;
    const float* from = x.data + panel * x.stride + in_panel;
    if (lanes == F32::size) {
      max_of_halves<true>(to, from, out.width, x.width, plan, lanes, out.width - in_panel);
    } else {
      max_of_halves<false>(to, from, out.width, x.width, plan, lanes, out.width - in_panel);
    }
    c += static_cast<std::size_t>(lanes);
  }
}

static void max_pool_halves_backward(Panels dx, ConstPanels dout, ConstPanels x, ConstPanels out,
                                     const PoolingPlan& plan) {
  const std::size_t C = plan.input.channels;
  for (std::size_t c = 0; c < C;) {
    const std::size_t in_panel = c % x.width, panel = c / x.width, space = dx.width - in_panel;
    const int lanes = lanes_from(column_at(c, x.width), C - c, x.width);
    float* to = dx.data + panel * dx.stride + in_panel;
    const float* gradient = dout.data + panel * dout.stride + in_panel;
    const float* from = x.data + panel * x.stride + in_panel;
    const float* largest = out.data + panel * out.stride + in_panel;
    if (lanes == F32::size) {
      max_of_halves_backward<true>(to, gradient, from, largest, x.width, plan, lanes, space);
    } else {
      max_of_halves_backward<false>(to, gradient, from, largest, x.width, plan, lanes, space);
    }
    c += static_cast<std::size_t>(lanes);
  }
}

void max_pool(Panels out, ConstPanels x, const PoolingPlan& plan) {
  if (halves(plan)) return max_pool_halves(out, x, plan);
  pool<Maximum>(out, x, plan, 1.0f);
}

void average_pool(Panels out, ConstPanels x, const PoolingPlan& plan) {
  pool<Total>(out, x, plan, plan.average_factor);
}

void max_pool_backward(Panels dx, ConstPanels dout, ConstPanels x, ConstPanels out, const PoolingPlan& plan,
                       bool accumulate) {
  const std::size_t C = plan.input.channels, positions = positions_of(plan.output);
  // If each position is in one window, that window writes it.
  const bool overwrite = plan.covers && !accumulate;
  if (overwrite && halves(plan)) return max_pool_halves_backward(dx, dout, x, out, plan);
  if (!overwrite && !accumulate) clear_image(dx, plan.input);
  for (std::size_t position = 0; position < positions; ++position) {
    const Window window = window_at(plan, position);
    for (std::size_t c = 0; c < C;) {
      const std::size_t in_panel = c % x.width, panel = c / x.width;
      const int lanes = lanes_from(column_at(c, x.width), C - c, x.width);
      const float* from = x.data + panel * x.stride + in_panel;
      float* to = dx.data + panel * dx.stride + in_panel;
      const F32 largest = load_some(out.data + panel * out.stride + position * out.width + in_panel, lanes);
      F32 left = load_some(dout.data + panel * dout.stride + position * dout.width + in_panel, lanes);
      for (std::size_t a = 0; a < window.z.end - window.z.first; ++a) {
        for (std::size_t b = 0; b < window.y.end - window.y.first; ++b) {
          for (std::size_t i = 0; i < window.x.end - window.x.first; ++i) {
            const std::size_t element_offset = position_of(plan, window, a, b, i) * x.width;
            const Mask is_largest = less_equal(largest, load_some(from + element_offset, lanes));
            const F32 part = select(is_largest, left, zero());
            left = select(is_largest, zero(), left);
            if (overwrite) {
              store_padded<false>(to + element_offset, part, lanes, dx.width - in_panel);
            } else {
              store_partial(to + element_offset, load_some(to + element_offset, lanes) + part, lanes);
            }
          }
        }
      }
      c += static_cast<std::size_t>(lanes);
    }
  }
}

void average_pool_backward(Panels dx, ConstPanels dout, const PoolingPlan& plan, bool accumulate) {
  const std::size_t C = plan.input.channels, positions = positions_of(plan.output);
  if (!accumulate) clear_image(dx, plan.input);
  for (std::size_t position = 0; position < positions; ++position) {
    const Window window = window_at(plan, position);
    for (std::size_t c = 0; c < C;) {
      const std::size_t in_panel = c % dx.width, panel = c / dx.width;
      const int lanes = lanes_from(column_at(c, dx.width), C - c, dx.width);
      float* to = dx.data + panel * dx.stride + in_panel;
      const F32 part = load_some(dout.data + panel * dout.stride + position * dout.width + in_panel, lanes) *
                       set(plan.average_factor);
      for (std::size_t a = 0; a < window.z.end - window.z.first; ++a) {
        for (std::size_t b = 0; b < window.y.end - window.y.first; ++b) {
          for (std::size_t i = 0; i < window.x.end - window.x.first; ++i) {
            const std::size_t element_offset = position_of(plan, window, a, b, i) * dx.width;
            store_partial(to + element_offset, load_some(to + element_offset, lanes) + part, lanes);
          }
        }
      }
      c += static_cast<std::size_t>(lanes);
    }
  }
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void max_pool(Panels out, ConstPanels x, const PoolingPlan& plan) { AEVB_DISPATCH(max_pool)(out, x, plan); }

void max_pool_backward(Panels dx, ConstPanels dout, ConstPanels x, ConstPanels out, const PoolingPlan& plan,
                       bool accumulate) {
  AEVB_DISPATCH(max_pool_backward)(dx, dout, x, out, plan, accumulate);
}

void average_pool(Panels out, ConstPanels x, const PoolingPlan& plan) { AEVB_DISPATCH(average_pool)(out, x, plan); }

void average_pool_backward(Panels dx, ConstPanels dout, const PoolingPlan& plan, bool accumulate) {
  AEVB_DISPATCH(average_pool_backward)(dx, dout, plan, accumulate);
}

}  // namespace aevb
#endif
