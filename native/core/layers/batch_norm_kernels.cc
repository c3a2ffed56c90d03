#include "layers/batch_norm_kernels.h"

#include <cstddef>
#include <cstdint>

#define AEVB_KERNEL_FILE "layers/batch_norm_kernels.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"

AEVB_BEFORE_KERNELS

// Rows that are summed in float before the sum is added to a double.
constexpr std::size_t SHORT_SUM = 64;

AEVB_INLINE std::size_t shorter(std::size_t a, std::size_t b) { return a < b ? a : b; }

// Loads the numbers of a vector of channels, which is `lanes` wide.
AEVB_INLINE F32 load_channels(const float* values, int lanes) { return load_partial(values, lanes); }

AEVB_INLINE void add_double(double* to, F32 sum, int lanes) {
  double values[F32::size];
  store(values, widen(sum));
  for (int i = 0; i < lanes; ++i) to[i] += values[i];
}

template <bool WHOLE>
static void add_moments_of(double* sums, double* squares, const float* x, std::size_t step, const float* shift,
                           std::size_t R, int lanes) {
  const F32 around = load_channels(shift, lanes);
  for (std::size_t first = 0; first < R; first += SHORT_SUM) {
    const std::size_t rows = shorter(SHORT_SUM, R - first);
    // Four independent sums, so that an addition need not wait for the one before it.
    F32 sum[4] = {zero(), zero(), zero(), zero()}, square[4] = {zero(), zero(), zero(), zero()};
    std::size_t r = 0;
    for (; r + 4 <= rows; r += 4, x += 4 * step) {
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        const F32 d = load_lanes<WHOLE>(x + j * step, lanes) - around;
        sum[j] = sum[j] + d;
        square[j] = fma(d, d, square[j]);
      }
    }
    for (; r < rows; ++r, x += step) {
      const F32 d = load_lanes<WHOLE>(x, lanes) - around;
      sum[0] = sum[0] + d;
      square[0] = fma(d, d, square[0]);
    }
    add_double(sums, (sum[0] + sum[1]) + (sum[2] + sum[3]), lanes);
    add_double(squares, (square[0] + square[1]) + (square[2] + square[3]), lanes);
  }
}

void add_moments(double* sums, double* squares, ConstPanels x, const float* shift, std::size_t R, std::size_t C) {
  for (std::size_t c = 0; c < C;) {
    const float* from = x.data + c / x.width * x.stride + c % x.width;
    const int lanes = lanes_from(column_at(c, x.width), C - c, x.width);
    if (lanes == F32::size) {
      add_moments_of<true>(sums + c, squares + c, from, x.width, shift + c, R, lanes);
    } else {
      add_moments_of<false>(sums + c, squares + c, from, x.width, shift + c, R, lanes);
    }
    c += static_cast<std::size_t>(lanes);
  }
}

// The numbers that a vector of channels is normalised with.
struct Normal {
  F32 mean, scale, bias;
};
AEVB_INLINE Normal normal_of(const float* mean, const float* scale, const float* bias, int lanes) {
  return {load_channels(mean, lanes), load_channels(scale, lanes), load_channels(bias, lanes)};
}
AEVB_INLINE F32 normalized(const Normal& by, F32 x) { return fma(x - by.mean, by.scale, by.bias); }

template <bool WHOLE, bool RELU>
static void normalize_of(float* out, const float* x, std::size_t out_step, std::size_t step, Normal by, std::size_t R,
                         int lanes, std::size_t space) {
#pragma GCC unroll 4
  for (std::size_t r = 0; r < R; ++r) {
    F32 y = normalized(by, load_lanes<WHOLE>(x + r * step, lanes));
    // The second operand is kept if the first is NaN.
    if constexpr (RELU) y = max(zero(), y);
    store_padded<WHOLE>(out + r * out_step, y, lanes, space);
  }
}

void normalize(Panels out, ConstPanels x, const float* mean, const float* scale, const float* bias, bool relu,
               std::size_t R, std::size_t C) {
  for (std::size_t c = 0; c < C;) {
    const std::size_t in_panel = c % x.width;
    const float* from = x.data + c / x.width * x.stride + in_panel;
    float* to = out.data + c / out.width * out.stride + in_panel;
    const int lanes = lanes_from(column_at(c, x.width), C - c, x.width);
    const Normal by = normal_of(mean + c, scale + c, bias + c, lanes);
    const std::size_t space = out.width - in_panel;
    if (lanes == F32::size) {
      if (relu) {
        normalize_of<true, true>(to, from, out.width, x.width, by, R, lanes, space);
      } else {
        normalize_of<true, false>(to, from, out.width, x.width, by, R, lanes, space);
      }
    } else if (relu) {
      normalize_of<false, true>(to, from, out.width, x.width, by, R, lanes, space);
    } else {
      normalize_of<false, false>(to, from, out.width, x.width, by, R, lanes, space);
    }
    c += static_cast<std::size_t>(lanes);
  }
}

template <bool RELU>
AEVB_INLINE F32 gradient_behind(const Normal& by, F32 dout, F32 x) {
  if constexpr (RELU) return select(less_equal(normalized(by, x), zero()), zero(), dout);
  return dout;
}

template <bool WHOLE, bool RELU>
static void add_gradient_moments_of(double* sums, double* products, const float* dout, const float* x, std::size_t step,
                                    Normal by, std::size_t R, int lanes) {
  for (std::size_t first = 0; first < R; first += SHORT_SUM) {
    const std::size_t rows = shorter(SHORT_SUM, R - first);
    F32 sum[4] = {zero(), zero(), zero(), zero()}, product[4] = {zero(), zero(), zero(), zero()};
    std::size_t r = 0;
    for (; r + 4 <= rows; r += 4, x += 4 * step, dout += 4 * step) {
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        const F32 value = load_lanes<WHOLE>(x + j * step, lanes);
        const F32 dy = gradient_behind<RELU>(by, load_lanes<WHOLE>(dout + j * step, lanes), value);
        sum[j] = sum[j] + dy;
        product[j] = fma(dy, value - by.mean, product[j]);
      }
    }
    for (; r < rows; ++r, x += step, dout += step) {
      const F32 value = load_lanes<WHOLE>(x, lanes);
      const F32 dy = gradient_behind<RELU>(by, load_lanes<WHOLE>(dout, lanes), value);
      sum[0] = sum[0] + dy;
      product[0] = fma(dy, value - by.mean, product[0]);
    }
    add_double(sums, (sum[0] + sum[1]) + (sum[2] + sum[3]), lanes);
    add_double(products, (product[0] + product[1]) + (product[2] + product[3]), lanes);
  }
}

void add_gradient_moments(double* sums, double* products, ConstPanels dout, ConstPanels x, const float* mean,
                          const float* scale, const float* bias, bool relu, std::size_t R, std::size_t C) {
  for (std::size_t c = 0; c < C;) {
    const std::size_t in_panel = c % x.width, panel = c / x.width;
    const float* value = x.data + panel * x.stride + in_panel;
    const float* gradient = dout.data + panel * dout.stride + in_panel;
    const int lanes = lanes_from(column_at(c, x.width), C - c, x.width);
    const Normal by = normal_of(mean + c, scale + c, bias + c, lanes);
    if (lanes == F32::size) {
      if (relu) {
        add_gradient_moments_of<true, true>(sums + c, products + c, gradient, value, x.width, by, R, lanes);
      } else {
        add_gradient_moments_of<true, false>(sums + c, products + c, gradient, value, x.width, by, R, lanes);
      }
    } else if (relu) {
      add_gradient_moments_of<false, true>(sums + c, products + c, gradient, value, x.width, by, R, lanes);
    } else {
      add_gradient_moments_of<false, false>(sums + c, products + c, gradient, value, x.width, by, R, lanes);
    }
    c += static_cast<std::size_t>(lanes);
  }
}

struct Slope {
  F32 constant, slope;
};

template <bool WHOLE, bool RELU>
static void normalize_backward_of(float* dx, const float* dout, const float* x, std::size_t step, Normal by,
                                  Slope terms, bool accumulate, std::size_t R, int lanes, std::size_t space) {
#pragma GCC unroll 4
  for (std::size_t r = 0; r < R; ++r) {
    const F32 value = load_lanes<WHOLE>(x + r * step, lanes);
    const F32 dy = gradient_behind<RELU>(by, load_lanes<WHOLE>(dout + r * step, lanes), value);
    F32 result = fnma(value - by.mean, terms.slope, dy - terms.constant) * by.scale;
    float* to = dx + r * step;
    if (accumulate) {
      store_lanes<WHOLE>(to, load_lanes<WHOLE>(to, lanes) + result, lanes);
    } else {
      store_padded<WHOLE>(to, result, lanes, space);
    }
  }
}

void normalize_backward(Panels dx, ConstPanels dout, ConstPanels x, const float* mean, const float* scale,
                        const float* bias, const float* constant, const float* slope, bool relu, bool accumulate,
                        std::size_t R, std::size_t C) {
  for (std::size_t c = 0; c < C;) {
    const std::size_t in_panel = c % x.width, panel = c / x.width, space = x.width - in_panel;
    const float* value = x.data + panel * x.stride + in_panel;
    const float* gradient = dout.data + panel * dout.stride + in_panel;
    float* to = dx.data + panel * dx.stride + in_panel;
    const int lanes = lanes_from(column_at(c, x.width), C - c, x.width);
    const Normal by = normal_of(mean + c, scale + c, bias + c, lanes);
    const Slope terms{load_channels(constant + c, lanes), load_channels(slope + c, lanes)};
    if (lanes == F32::size) {
      if (relu) {
        normalize_backward_of<true, true>(to, gradient, value, x.width, by, terms, accumulate, R, lanes, space);
      } else {
        normalize_backward_of<true, false>(to, gradient, value, x.width, by, terms, accumulate, R, lanes, space);
      }
    } else if (relu) {
      normalize_backward_of<false, true>(to, gradient, value, x.width, by, terms, accumulate, R, lanes, space);
    } else {
      normalize_backward_of<false, false>(to, gradient, value, x.width, by, terms, accumulate, R, lanes, space);
    }
    c += static_cast<std::size_t>(lanes);
  }
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void add_moments(double* sums, double* squares, ConstPanels x, const float* shift, std::size_t R, std::size_t C) {
  AEVB_DISPATCH(add_moments)(sums, squares, x, shift, R, C);
}

void normalize(Panels out, ConstPanels x, const float* mean, const float* scale, const float* bias, bool relu,
               std::size_t R, std::size_t C) {
  AEVB_DISPATCH(normalize)(out, x, mean, scale, bias, relu, R, C);
}

void add_gradient_moments(double* sums, double* products, ConstPanels dout, ConstPanels x, const float* mean,
                          const float* scale, const float* bias, bool relu, std::size_t R, std::size_t C) {
  AEVB_DISPATCH(add_gradient_moments)(sums, products, dout, x, mean, scale, bias, relu, R, C);
}

void normalize_backward(Panels dx, ConstPanels dout, ConstPanels x, const float* mean, const float* scale,
                        const float* bias, const float* constant, const float* slope, bool relu, bool accumulate,
                        std::size_t R, std::size_t C) {
  AEVB_DISPATCH(normalize_backward)(dx, dout, x, mean, scale, bias, constant, slope, relu, accumulate, R, C);
}

}  // namespace aevb
#endif
