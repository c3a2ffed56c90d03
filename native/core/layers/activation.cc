#include "layers/activation.h"

#include <cstddef>
#include <cstdint>

#define AEVB_KERNEL_FILE "layers/activation.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/vector_math.h"

AEVB_BEFORE_KERNELS

// Each activation has value(x) and gradient(dout, v), where v is its input or its output (activation_reads_input).
// Comparisons are written so that NaN takes the branch that keeps it.
struct Identity {
  AEVB_INLINE F32 value(F32 x) { return x; }
  AEVB_INLINE F32 gradient(F32 dout, F32) { return dout; }
};

struct Relu {
  AEVB_INLINE F32 value(F32 x) { return max(zero(), x); }
  AEVB_INLINE F32 gradient(F32 dout, F32 y) { return select(less_equal(y, zero()), zero(), dout); }
};

struct LeakyRelu {
  AEVB_INLINE F32 value(F32 x) { return select(less(zero(), x), x, x * set(0.01f)); }
  AEVB_INLINE F32 gradient(F32 dout, F32 y) { return select(less(zero(), y), dout, dout * set(0.01f)); }
};

struct Elu {
  AEVB_INLINE F32 value(F32 x) { return select(less(zero(), x), x, expm1_minus(abs(x))); }
  // e^x = y + 1
  AEVB_INLINE F32 gradient(F32 dout, F32 y) { return select(less(zero(), y), dout, fma(dout, y, dout)); }
};

struct Gelu {
  AEVB_INLINE F32 value(F32 x) { return x * normal(x).cdf; }
  AEVB_INLINE F32 gradient(F32 dout, F32 x) {
    const Normal at = normal(x);
    return dout * fma(x, at.density, at.cdf);
  }
};

struct Silu {
  AEVB_INLINE F32 value(F32 x) { return x * sigmoid(x); }
  AEVB_INLINE F32 gradient(F32 dout, F32 x) {
    const F32 s = sigmoid(x);
    return dout * fma(x * s, set(1.0f) - s, s);
  }
};

struct Tanh {
  AEVB_INLINE F32 value(F32 x) { return tanh(x); }
  AEVB_INLINE F32 gradient(F32 dout, F32 y) { return dout * fnma(y, y, set(1.0f)); }
};

struct Sigmoid {
  AEVB_INLINE F32 value(F32 x) { return sigmoid(x); }
  AEVB_INLINE F32 gradient(F32 dout, F32 y) { return dout * fnma(y, y, y); }
};

struct Softplus {
  AEVB_INLINE F32 value(F32 x) { return softplus(x); }
  // sigmoid(x) = 1 − e^−y
  AEVB_INLINE F32 gradient(F32 dout, F32 y) { return -(dout * expm1_minus(y)); }
};

template <typename Function, bool WHOLE>
AEVB_INLINE void forward_vector(float* out, float* pre, const float* inp, int lanes, std::size_t space) {
  const F32 x = load_lanes<WHOLE>(inp, lanes);
  if (pre != nullptr) store_padded<WHOLE>(pre, x, lanes, space);
  store_padded<WHOLE>(out, Function::value(x), lanes, space);
}

template <typename Function>
static void forward(Panels out, Panels pre, ConstPanels inp, std::size_t B, std::size_t C) {
  for (std::size_t p = 0; p < panel_count(C, out.width); ++p) {
    const std::size_t cols = cols_in_panel(C, p, out.width);
    for (std::size_t b = 0; b < B; ++b) {
      float* out_row = row_of(out, p, b);
      float* pre_row = pre.data == nullptr ? nullptr : row_of(pre, p, b);
      const float* inp_row = row_of(inp, p, b);
      std::size_t i = 0;
      for (; i + F32::size <= cols; i += F32::size) {
        forward_vector<Function, true>(out_row + i, pre_row == nullptr ? nullptr : pre_row + i, inp_row + i, F32::size,
                                       out.width - i);
      }
      if (i < cols) {
        forward_vector<Function, false>(out_row + i, pre_row == nullptr ? nullptr : pre_row + i, inp_row + i,
                                        static_cast<int>(cols - i), out.width - i);
        i += F32::size;
      }
      zero_padding(out_row, i, out.width);
      if (pre_row != nullptr) zero_padding(pre_row, i, pre.width);
    }
  }
}

template <typename Function, bool WHOLE>
AEVB_INLINE void backward_vector(float* dinp, const float* dout, const float* value, int lanes, std::size_t space) {
  const F32 gradient = Function::gradient(load_lanes<WHOLE>(dout, lanes), load_lanes<WHOLE>(value, lanes));
  store_padded<WHOLE>(dinp, gradient, lanes, space);
}

template <typename Function>
static void backward(Panels dinp, ConstPanels dout, ConstPanels value, std::size_t B, std::size_t C) {
  for (std::size_t p = 0; p < panel_count(C, dinp.width); ++p) {
    const std::size_t cols = cols_in_panel(C, p, dinp.width);
    for (std::size_t b = 0; b < B; ++b) {
      float* dinp_row = row_of(dinp, p, b);
      const float* dout_row = row_of(dout, p, b);
      const float* value_row = row_of(value, p, b);
      std::size_t i = 0;
      for (; i + F32::size <= cols; i += F32::size) {
        backward_vector<Function, true>(dinp_row + i, dout_row + i, value_row + i, F32::size, dinp.width - i);
      }
      if (i < cols) {
        backward_vector<Function, false>(dinp_row + i, dout_row + i, value_row + i, static_cast<int>(cols - i),
                                         dinp.width - i);
        i += F32::size;
      }
      zero_padding(dinp_row, i, dinp.width);
    }
  }
}

void activation_forward(Panels out, Panels pre, ConstPanels inp, std::size_t B, std::size_t C, Activation activation) {
  switch (activation) {
    case Activation::identity:
      return forward<Identity>(out, pre, inp, B, C);
    case Activation::relu:
      return forward<Relu>(out, pre, inp, B, C);
    case Activation::leakyRelu:
      return forward<LeakyRelu>(out, pre, inp, B, C);
    case Activation::elu:
      return forward<Elu>(out, pre, inp, B, C);
    case Activation::gelu:
      return forward<Gelu>(out, pre, inp, B, C);
    case Activation::silu:
      return forward<Silu>(out, pre, inp, B, C);
    case Activation::tanh:
      return forward<Tanh>(out, pre, inp, B, C);
    case Activation::sigmoid:
      return forward<Sigmoid>(out, pre, inp, B, C);
    case Activation::softplus:
      return forward<Softplus>(out, pre, inp, B, C);
  }
}

void activation_backward(Panels dinp, ConstPanels dout, ConstPanels value, std::size_t B, std::size_t C,
                         Activation activation) {
  switch (activation) {
    case Activation::identity:
      return backward<Identity>(dinp, dout, value, B, C);
    case Activation::relu:
      return backward<Relu>(dinp, dout, value, B, C);
    case Activation::leakyRelu:
      return backward<LeakyRelu>(dinp, dout, value, B, C);
    case Activation::elu:
      return backward<Elu>(dinp, dout, value, B, C);
    case Activation::gelu:
      return backward<Gelu>(dinp, dout, value, B, C);
    case Activation::silu:
      return backward<Silu>(dinp, dout, value, B, C);
    case Activation::tanh:
      return backward<Tanh>(dinp, dout, value, B, C);
    case Activation::sigmoid:
      return backward<Sigmoid>(dinp, dout, value, B, C);
    case Activation::softplus:
      return backward<Softplus>(dinp, dout, value, B, C);
  }
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

bool activation_reads_input(Activation activation) {
  return activation == Activation::gelu || activation == Activation::silu;
}

void activation_forward(Panels out, Panels pre, ConstPanels inp, std::size_t B, std::size_t C, Activation activation) {
  AEVB_DISPATCH(activation_forward)(out, pre, inp, B, C, activation);
}

void activation_backward(Panels dinp, ConstPanels dout, ConstPanels value, std::size_t B, std::size_t C,
                         Activation activation) {
  AEVB_DISPATCH(activation_backward)(dinp, dout, value, B, C, activation);
}

}  // namespace aevb
#endif
