// 4 lanes of AArch64's Advanced SIMD. The names are explained in math/simd.h.
#pragma once

#include <arm_neon.h>

#include <cstdint>

AEVB_BEFORE_KERNELS

constexpr bool FUSED = true;

struct F32 {
  static constexpr int size = 4;
  float32x4_t v;
};
struct I32 {
  uint32x4_t v;
};
struct Mask {
  uint32x4_t v;
};
struct F64 {
  float64x2_t low, high;
};

AEVB_INLINE void prefetch(const void* from) { __builtin_prefetch(from); }

AEVB_INLINE F32 zero() { return {vdupq_n_f32(0.0f)}; }
AEVB_INLINE F32 set(float value) { return {vdupq_n_f32(value)}; }
AEVB_INLINE F32 load(const float* from) { return {vld1q_f32(from)}; }
AEVB_INLINE void store(float* to, F32 a) { vst1q_f32(to, a.v); }
AEVB_INLINE F32 load_partial(const float* from, int n) {
  float lanes[4] = {};
  for (int i = 0; i < n; ++i) lanes[i] = from[i];
  return load(lanes);
}
AEVB_INLINE void store_partial(float* to, F32 a, int n) {
  float lanes[4];
  store(lanes, a);
  for (int i = 0; i < n; ++i) to[i] = lanes[i];
}

AEVB_INLINE F32 operator+(F32 a, F32 b) { return {vaddq_f32(a.v, b.v)}; }
AEVB_INLINE F32 operator-(F32 a, F32 b) { return {vsubq_f32(a.v, b.v)}; }
AEVB_INLINE F32 operator*(F32 a, F32 b) { return {vmulq_f32(a.v, b.v)}; }
AEVB_INLINE F32 operator/(F32 a, F32 b) { return {vdivq_f32(a.v, b.v)}; }
AEVB_INLINE F32 operator-(F32 a) { return {vnegq_f32(a.v)}; }
AEVB_INLINE F32 fma(F32 a, F32 b, F32 c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
AEVB_INLINE F32 fnma(F32 a, F32 b, F32 c) { return {vfmsq_f32(c.v, a.v, b.v)}; }
// The machine's minimum and maximum give NaN if either is NaN.
AEVB_INLINE F32 min(F32 a, F32 b) { return {vbslq_f32(vcltq_f32(a.v, b.v), a.v, b.v)}; }
AEVB_INLINE F32 max(F32 a, F32 b) { return {vbslq_f32(vcgtq_f32(a.v, b.v), a.v, b.v)}; }
AEVB_INLINE F32 abs(F32 a) { return {vabsq_f32(a.v)}; }
AEVB_INLINE F32 sqrt(F32 a) { return {vsqrtq_f32(a.v)}; }

AEVB_INLINE Mask less(F32 a, F32 b) { return {vcltq_f32(a.v, b.v)}; }
AEVB_INLINE Mask less_equal(F32 a, F32 b) { return {vcleq_f32(a.v, b.v)}; }
AEVB_INLINE Mask greater(F32 a, F32 b) { return less(b, a); }
AEVB_INLINE Mask greater_equal(F32 a, F32 b) { return less_equal(b, a); }
AEVB_INLINE Mask is_nan(F32 a) { return {vmvnq_u32(vceqq_f32(a.v, a.v))}; }
AEVB_INLINE F32 select(Mask mask, F32 yes, F32 no) { return {vbslq_f32(mask.v, yes.v, no.v)}; }
// Bit i: lane i is not zero, or NaN.
AEVB_INLINE unsigned nonzero_lanes(F32 a) {
  const uint32_t bits[4] = {1, 2, 4, 8};
  return vaddvq_u32(vbicq_u32(vld1q_u32(bits), vceqzq_f32(a.v)));
}
AEVB_INLINE bool any(Mask mask) { return vmaxvq_u32(mask.v) != 0; }

AEVB_INLINE I32 set_int(std::int32_t value) { return {vdupq_n_u32(static_cast<std::uint32_t>(value))}; }
AEVB_INLINE I32 load_int(const std::int32_t* from) { return {vreinterpretq_u32_s32(vld1q_s32(from))}; }
AEVB_INLINE void store_int(std::int32_t* to, I32 a) { vst1q_s32(to, vreinterpretq_s32_u32(a.v)); }
AEVB_INLINE I32 iota() {
  constexpr std::int32_t lanes[4] = {0, 1, 2, 3};
  return load_int(lanes);
}
AEVB_INLINE Mask first_lanes(int n) { return {vcltq_u32(iota().v, set_int(n).v)}; }
AEVB_INLINE I32 operator+(I32 a, I32 b) { return {vaddq_u32(a.v, b.v)}; }
AEVB_INLINE I32 operator-(I32 a, I32 b) { return {vsubq_u32(a.v, b.v)}; }
AEVB_INLINE I32 operator&(I32 a, I32 b) { return {vandq_u32(a.v, b.v)}; }
AEVB_INLINE I32 operator|(I32 a, I32 b) { return {vorrq_u32(a.v, b.v)}; }
AEVB_INLINE I32 operator^(I32 a, I32 b) { return {veorq_u32(a.v, b.v)}; }
template <int N>
AEVB_INLINE I32 shift_left(I32 a) {
  return {vshlq_n_u32(a.v, N)};
}
// Shifts in zeros from the left.
template <int N>
AEVB_INLINE I32 shift_right(I32 a) {
  return {vshrq_n_u32(a.v, N)};
}
// The two halves of the unsigned 64-bit products.
AEVB_INLINE void multiply_wide(I32 a, I32 b, I32* high, I32* low) {
  const uint32x4_t front = vreinterpretq_u32_u64(vmull_u32(vget_low_u32(a.v), vget_low_u32(b.v)));
  const uint32x4_t back = vreinterpretq_u32_u64(vmull_high_u32(a.v, b.v));
  *low = {vuzp1q_u32(front, back)};
  *high = {vuzp2q_u32(front, back)};
}

AEVB_INLINE I32 bits_of(F32 a) { return {vreinterpretq_u32_f32(a.v)}; }
AEVB_INLINE F32 float_of(I32 a) { return {vreinterpretq_f32_u32(a.v)}; }
AEVB_INLINE I32 to_int(F32 a) { return {vreinterpretq_u32_s32(vcvtnq_s32_f32(a.v))}; }
AEVB_INLINE F32 from_int(I32 a) { return {vcvtq_f32_s32(vreinterpretq_s32_u32(a.v))}; }
AEVB_INLINE F32 load_u8_partial(const std::uint8_t* from, int n) {
  std::uint32_t lanes[4] = {};
  for (int i = 0; i < n; ++i) lanes[i] = from[i];
  return {vcvtq_f32_u32(vld1q_u32(lanes))};
}
AEVB_INLINE F32 load_u8(const std::uint8_t* from) { return load_u8_partial(from, 4); }

AEVB_INLINE float sum(F32 a) {
  const float32x2_t pair = vadd_f32(vget_low_f32(a.v), vget_high_f32(a.v));
  return vget_lane_f32(pair, 0) + vget_lane_f32(pair, 1);
}

AEVB_INLINE float largest(F32 a) { return vmaxvq_f32(a.v); }

AEVB_INLINE void transpose_square(F32* square) {
  const float32x4x2_t even = vzipq_f32(square[0].v, square[2].v), odd = vzipq_f32(square[1].v, square[3].v);
  const float32x4x2_t low = vzipq_f32(even.val[0], odd.val[0]), high = vzipq_f32(even.val[1], odd.val[1]);
  square[0].v = low.val[0];
  square[1].v = low.val[1];
  square[2].v = high.val[0];
  square[3].v = high.val[1];
}

AEVB_INLINE F64 zero_double() { return {vdupq_n_f64(0.0), vdupq_n_f64(0.0)}; }
AEVB_INLINE F64 widen(F32 a) { return {vcvt_f64_f32(vget_low_f32(a.v)), vcvt_high_f64_f32(a.v)}; }
AEVB_INLINE F64 set_double(double value) { return {vdupq_n_f64(value), vdupq_n_f64(value)}; }
AEVB_INLINE F32 narrow(F64 a) { return {vcvt_high_f32_f64(vcvt_f32_f64(a.low), a.high)}; }
AEVB_INLINE F64 operator+(F64 a, F64 b) { return {vaddq_f64(a.low, b.low), vaddq_f64(a.high, b.high)}; }
AEVB_INLINE F64 operator-(F64 a, F64 b) { return {vsubq_f64(a.low, b.low), vsubq_f64(a.high, b.high)}; }
AEVB_INLINE F64 operator*(F64 a, F64 b) { return {vmulq_f64(a.low, b.low), vmulq_f64(a.high, b.high)}; }
AEVB_INLINE F64 operator/(F64 a, F64 b) { return {vdivq_f64(a.low, b.low), vdivq_f64(a.high, b.high)}; }
AEVB_INLINE F64 fma(F64 a, F64 b, F64 c) { return {vfmaq_f64(c.low, a.low, b.low), vfmaq_f64(c.high, a.high, b.high)}; }
AEVB_INLINE F64 fnma(F64 a, F64 b, F64 c) {
  return {vfmsq_f64(c.low, a.low, b.low), vfmsq_f64(c.high, a.high, b.high)};
}
AEVB_INLINE F64 sqrt(F64 a) { return {vsqrtq_f64(a.low), vsqrtq_f64(a.high)}; }
AEVB_INLINE void store(double* to, F64 a) {
  vst1q_f64(to, a.low);
  vst1q_f64(to + 2, a.high);
}

AEVB_AFTER_KERNELS
