#include "layers/row_norm_kernels.h"

#include <cstddef>
#include <cstdint>

#define AEVB_KERNEL_FILE "layers/row_norm_kernels.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"

AEVB_BEFORE_KERNELS

void scale_and_shift(Panels x, const float* weight, const float* bias, std::size_t step, std::size_t R, std::size_t C) {
  for (std::size_t r = 0; r < R; ++r, weight += step, bias += step) {
    for (std::size_t c = 0; c < C;) {
      float* at = x.data + c / x.width * x.stride + r * x.width + c % x.width;
      const int lanes = lanes_from(column_at(c, x.width), C - c, x.width);
      const F32 y = fma(load_partial(at, lanes), load_partial(weight + c, lanes), load_partial(bias + c, lanes));
      store_partial(at, y, lanes);
      c += static_cast<std::size_t>(lanes);
    }
  }
}

void scale_elements(Panels out, ConstPanels dout, const float* weight, std::size_t step, std::size_t R, std::size_t C) {
  for (std::size_t r = 0; r < R; ++r, weight += step) {
    for (std::size_t c = 0; c < C;) {
      const std::size_t in_panel = c % out.width;
      const int lanes = lanes_from(column_at(c, out.width), C - c, out.width);
      const F32 y = load_partial(row_of(dout, c / out.width, r) + in_panel, lanes) * load_partial(weight + c, lanes);
      store_padded<false>(row_of(out, c / out.width, r) + in_panel, y, lanes, out.width - in_panel);
      c += static_cast<std::size_t>(lanes);
    }
  }
}

void add_affine_gradient(float* dweight, float* dbias, ConstPanels dout, ConstPanels x, const float* mean,
                         const float* scale, std::size_t step, std::size_t R, std::size_t C) {
  for (std::size_t r = 0; r < R; ++r, dweight += step, dbias += step) {
    for (std::size_t c = 0; c < C;) {
      const std::size_t in_panel = c % x.width;
      const int lanes = lanes_from(column_at(c, x.width), C - c, x.width);
      const F32 dy = load_partial(row_of(dout, c / x.width, r) + in_panel, lanes);
      const F32 normal = (load_partial(row_of(x, c / x.width, r) + in_panel, lanes) - load_partial(mean + c, lanes)) *
                         load_partial(scale + c, lanes);
      store_partial(dweight + c, fma(dy, normal, load_partial(dweight + c, lanes)), lanes);
      store_partial(dbias + c, load_partial(dbias + c, lanes) + dy, lanes);
      c += static_cast<std::size_t>(lanes);
    }
  }
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void scale_and_shift(Panels x, const float* weight, const float* bias, std::size_t step, std::size_t R, std::size_t C) {
  AEVB_DISPATCH(scale_and_shift)(x, weight, bias, step, R, C);
}

void scale_elements(Panels out, ConstPanels dout, const float* weight, std::size_t step, std::size_t R, std::size_t C) {
  AEVB_DISPATCH(scale_elements)(out, dout, weight, step, R, C);
}

void add_affine_gradient(float* dweight, float* dbias, ConstPanels dout, ConstPanels x, const float* mean,
                         const float* scale, std::size_t step, std::size_t R, std::size_t C) {
  AEVB_DISPATCH(add_affine_gradient)(dweight, dbias, dout, x, mean, scale, step, R, C);
}

}  // namespace aevb
#endif
