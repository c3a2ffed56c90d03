#include "optimizer/update.h"

#include <cstddef>
#include <cstdint>

#include "tensor/panels.h"

#define AEVB_KERNEL_FILE "optimizer/update.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"

AEVB_BEFORE_KERNELS

// Steps come by value: as references they might lie in what is stored to, and be read again for every vector.

// What torch.optim divides by, kept from being zero: with epsilon 0 too, a parameter that never had a gradient stays.
AEVB_INLINE F32 denominator(F32 square, F32 factor, F32 epsilon) {
  return max(set(0x1p-126f), fma(sqrt(square), factor, epsilon));
}

AEVB_INLINE F32 effective_gradient(F32 gradient, F32 parameter, float gradient_scale, float weight_decay) {
  return fma(set(weight_decay), parameter, set(gradient_scale) * gradient);
}

template <bool MOMENTUM, bool WHOLE>
AEVB_INLINE void sgd_vector(float* parameter, float* velocity, const float* gradient, const SgdStep& step, int lanes) {
  const F32 p = load_lanes<WHOLE>(parameter, lanes);
  const F32 g = effective_gradient(load_lanes<WHOLE>(gradient, lanes), p, step.gradient_scale, step.weight_decay);
  F32 direction = g;
  if constexpr (MOMENTUM) {
    const F32 momentum = set(step.momentum);
    const F32 v = step.first ? g : fma(momentum, load_lanes<WHOLE>(velocity, lanes), g);
    store_lanes<WHOLE>(velocity, v, lanes);
    direction = step.nesterov ? fma(momentum, v, g) : v;
  }
  store_lanes<WHOLE>(parameter, fnma(set(step.learning_rate), direction, p), lanes);
}

template <bool MOMENTUM>
static void sgd_all(float* parameter, float* velocity, const float* gradient, std::size_t n, SgdStep step) {
  std::size_t i = 0;
  for (; i + F32::size <= n; i += F32::size) {
    sgd_vector<MOMENTUM, true>(parameter + i, MOMENTUM ? velocity + i : nullptr, gradient + i, step, F32::size);
  }
  if (i < n) {
    sgd_vector<MOMENTUM, false>(parameter + i, MOMENTUM ? velocity + i : nullptr, gradient + i, step,
                                static_cast<int>(n - i));
  }
}

void sgd_update(float* parameter, float* velocity, const float* gradient, std::size_t n, SgdStep step) {
  if (step.momentum != 0.0f) {
    sgd_all<true>(parameter, velocity, gradient, n, step);
  } else {
    sgd_all<false>(parameter, velocity, gradient, n, step);
  }
}

template <bool WHOLE>
AEVB_INLINE void adagrad_vector(float* parameter, float* sum, const float* gradient, const AdagradStep& step,
                                int lanes) {
  const F32 p = load_lanes<WHOLE>(parameter, lanes);
  const F32 g = effective_gradient(load_lanes<WHOLE>(gradient, lanes), p, step.gradient_scale, step.weight_decay);
  const F32 s = fma(g, g, load_lanes<WHOLE>(sum, lanes));
  store_lanes<WHOLE>(sum, s, lanes);
  const F32 direction = g / denominator(s, set(1.0f), set(step.epsilon));
  store_lanes<WHOLE>(parameter, fnma(set(step.learning_rate), direction, p), lanes);
}

void adagrad_update(float* parameter, float* sum, const float* gradient, std::size_t n, AdagradStep step) {
  std::size_t i = 0;
  for (; i + F32::size <= n; i += F32::size) {
    adagrad_vector<true>(parameter + i, sum + i, gradient + i, step, F32::size);
  }
  if (i < n) adagrad_vector<false>(parameter + i, sum + i, gradient + i, step, static_cast<int>(n - i));
}

template <bool MOMENTUM, bool WHOLE>
AEVB_INLINE void rmsprop_vector(float* parameter, float* square, float* velocity, const float* gradient,
                                const RmspropStep& step, int lanes) {
  const F32 p = load_lanes<WHOLE>(parameter, lanes);
  const F32 g = effective_gradient(load_lanes<WHOLE>(gradient, lanes), p, step.gradient_scale, step.weight_decay);
  const F32 s = fma(set(step.one_minus_decay) * g, g, set(step.decay) * load_lanes<WHOLE>(square, lanes));
  store_lanes<WHOLE>(square, s, lanes);
  F32 direction = g / denominator(s, set(1.0f), set(step.epsilon));
  if constexpr (MOMENTUM) {
    direction = fma(set(step.momentum), load_lanes<WHOLE>(velocity, lanes), direction);
    store_lanes<WHOLE>(velocity, direction, lanes);
  }
  store_lanes<WHOLE>(parameter, fnma(set(step.learning_rate), direction, p), lanes);
}

template <bool MOMENTUM>
static void rmsprop_all(float* parameter, float* square, float* velocity, const float* gradient, std::size_t n,
                        RmspropStep step) {
  std::size_t i = 0;
  for (; i + F32::size <= n; i += F32::size) {
    rmsprop_vector<MOMENTUM, true>(parameter + i, square + i, MOMENTUM ? velocity + i : nullptr, gradient + i, step,
                                   F32::size);
  }
  if (i < n) {
    rmsprop_vector<MOMENTUM, false>(parameter + i, square + i, MOMENTUM ? velocity + i : nullptr, gradient + i, step,
                                    static_cast<int>(n - i));
  }
}

void rmsprop_update(float* parameter, float* square, float* velocity, const float* gradient, std::size_t n,
                    RmspropStep step) {
  if (step.momentum != 0.0f) {
    rmsprop_all<true>(parameter, square, velocity, gradient, n, step);
  } else {
    rmsprop_all<false>(parameter, square, velocity, gradient, n, step);
  }
}

template <bool WHOLE>
AEVB_INLINE void adam_vector(float* parameter, float* m, float* v, const float* gradient, const AdamStep& step,
                             int lanes) {
  const F32 p = load_lanes<WHOLE>(parameter, lanes);
  const F32 g = effective_gradient(load_lanes<WHOLE>(gradient, lanes), p, step.gradient_scale, step.weight_decay);
  const F32 old = load_lanes<WHOLE>(m, lanes);
  const F32 first = fma(set(step.one_minus_beta1), g - old, old);
  const F32 second = fma(set(step.one_minus_beta2) * g, g, set(step.beta2) * load_lanes<WHOLE>(v, lanes));
  store_lanes<WHOLE>(m, first, lanes);
  store_lanes<WHOLE>(v, second, lanes);
  const F32 direction = first / denominator(second, set(step.inverse_sqrt_correction), set(step.epsilon));
  store_lanes<WHOLE>(parameter, fnma(set(step.step_size), direction, set(step.shrink) * p), lanes);
}

void adam_update(float* parameter, float* m, float* v, const float* gradient, std::size_t n, AdamStep step) {
  std::size_t i = 0;
  for (; i + F32::size <= n; i += F32::size) {
    adam_vector<true>(parameter + i, m + i, v + i, gradient + i, step, F32::size);
  }
  if (i < n) adam_vector<false>(parameter + i, m + i, v + i, gradient + i, step, static_cast<int>(n - i));
}

template <bool WHOLE>
AEVB_INLINE void clip_vector(float* gradient, F32 limit, int lanes) {
  store_lanes<WHOLE>(gradient, min(limit, max(-limit, load_lanes<WHOLE>(gradient, lanes))), lanes);
}

void clip_by_value(float* gradient, std::size_t n, float limit) {
  std::size_t i = 0;
  for (; i + F32::size <= n; i += F32::size) clip_vector<true>(gradient + i, set(limit), F32::size);
  if (i < n) clip_vector<false>(gradient + i, set(limit), static_cast<int>(n - i));
}

double sum_of_squares(const float* gradient, std::size_t n) {
  // Two chains of additions, so that one need not wait for the other.
  F64 even = zero_double();
  F64 odd = zero_double();
  std::size_t i = 0;
  for (; i + 2 * F32::size <= n; i += 2 * F32::size) {
    const F64 a = widen(load(gradient + i));
    const F64 b = widen(load(gradient + i + F32::size));
    even = fma(a, a, even);
    odd = fma(b, b, odd);
  }
  for (; i < n; i += F32::size) {
    const F64 a = widen(load_partial(gradient + i, n - i < F32::size ? static_cast<int>(n - i) : F32::size));
    even = fma(a, a, even);
  }
  double lanes[F32::size];
  store(lanes, even + odd);
  double total = 0.0;
  for (int lane = 0; lane < F32::size; ++lane) total += lanes[lane];
  return total;
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void sgd_update(float* parameter, float* velocity, const float* gradient, std::size_t n, const SgdStep& step) {
  AEVB_DISPATCH(sgd_update)(parameter, velocity, gradient, n, step);
}

void adagrad_update(float* parameter, float* sum, const float* gradient, std::size_t n, const AdagradStep& step) {
  AEVB_DISPATCH(adagrad_update)(parameter, sum, gradient, n, step);
}

void rmsprop_update(float* parameter, float* square, float* velocity, const float* gradient, std::size_t n,
                    const RmspropStep& step) {
  AEVB_DISPATCH(rmsprop_update)(parameter, square, velocity, gradient, n, step);
}

void adam_update(float* parameter, float* m, float* v, const float* gradient, std::size_t n, const AdamStep& step) {
  AEVB_DISPATCH(adam_update)(parameter, m, v, gradient, n, step);
}

void clip_by_value(float* gradient, std::size_t n, float limit) { AEVB_DISPATCH(clip_by_value)(gradient, n, limit); }

double sum_of_squares(const float* gradient, std::size_t n) { return AEVB_DISPATCH(sum_of_squares)(gradient, n); }

}  // namespace aevb
#endif
