// 4 lanes in plain C++, for machines without a header of their own. GCC and Clang compile their vector types to
// whatever the compiler flags allow (SSE2, VSX, or plain words); with other compilers a vector is an array of 4. The
// names are explained in math/simd.h.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

AEVB_BEFORE_KERNELS

constexpr bool FUSED = false;

#if defined(__GNUC__)
typedef float Floats __attribute__((vector_size(16)));
typedef std::uint32_t Words __attribute__((vector_size(16)));
typedef std::int32_t Truths __attribute__((vector_size(16)));
#else
template <typename T>
struct Lanes {
  T lane[4];
  T operator[](int i) const { return lane[i]; }
  T& operator[](int i) { return lane[i]; }
};
using Floats = Lanes<float>;
using Words = Lanes<std::uint32_t>;
using Truths = Lanes<std::int32_t>;
#define AEVB_LANEWISE(Result, op, as_lane)                         \
  template <typename T>                                            \
  Result operator op(Lanes<T> a, Lanes<T> b) {                     \
    Result result;                                                 \
    for (int i = 0; i < 4; ++i) result[i] = (a[i] op b[i])as_lane; \
    return result;                                                 \
  }
AEVB_LANEWISE(Lanes<T>, +, )
AEVB_LANEWISE(Lanes<T>, -, )
AEVB_LANEWISE(Lanes<T>, *, )
AEVB_LANEWISE(Lanes<T>, /, )
AEVB_LANEWISE(Lanes<T>, &, )
AEVB_LANEWISE(Lanes<T>, |, )
AEVB_LANEWISE(Lanes<T>, ^, )
AEVB_LANEWISE(Lanes<T>, <<, )
AEVB_LANEWISE(Lanes<T>, >>, )
AEVB_LANEWISE(Truths, <, ? -1 : 0)
AEVB_LANEWISE(Truths, <=, ? -1 : 0)
AEVB_LANEWISE(Truths, !=, ? -1 : 0)
#undef AEVB_LANEWISE
#endif

struct F32 {
  static constexpr int size = 4;
  Floats v;
};
struct I32 {
  Words v;
};
struct Mask {
  Words v;  // all bits or none
};
struct F64 {
  double v[F32::size];
};

AEVB_INLINE void prefetch([[maybe_unused]] const void* from) {
#if defined(__GNUC__)
  __builtin_prefetch(from);
#endif
}

AEVB_INLINE F32 set(float value) { return {Floats{value, value, value, value}}; }
AEVB_INLINE F32 zero() { return set(0.0f); }
AEVB_INLINE F32 load(const float* from) {
  F32 result;
  std::memcpy(&result.v, from, sizeof result.v);
  return result;
}
AEVB_INLINE void store(float* to, F32 a) { std::memcpy(to, &a.v, sizeof a.v); }
AEVB_INLINE F32 load_partial(const float* from, int n) {
  float lanes[F32::size] = {};
  for (int i = 0; i < n; ++i) lanes[i] = from[i];
  return load(lanes);
}
AEVB_INLINE void store_partial(float* to, F32 a, int n) {
  float lanes[F32::size];
  store(lanes, a);
  for (int i = 0; i < n; ++i) to[i] = lanes[i];
}

// The same bits as another type.
template <typename To, typename From>
AEVB_INLINE To same_bits(From from) {
  To result;
  static_assert(sizeof result == sizeof from);
  std::memcpy(&result, &from, sizeof result);
  return result;
}
AEVB_INLINE I32 bits_of(F32 a) { return {same_bits<Words>(a.v)}; }
AEVB_INLINE F32 float_of(I32 a) { return {same_bits<Floats>(a.v)}; }

AEVB_INLINE I32 set_int(std::int32_t value) {
  const auto word = static_cast<std::uint32_t>(value);
  return {Words{word, word, word, word}};
}
AEVB_INLINE I32 iota() { return {Words{0, 1, 2, 3}}; }
AEVB_INLINE I32 load_int(const std::int32_t* from) {
  I32 result;
  std::memcpy(&result.v, from, sizeof result.v);
  return result;
}
AEVB_INLINE void store_int(std::int32_t* to, I32 a) { std::memcpy(to, &a.v, sizeof a.v); }
AEVB_INLINE I32 operator+(I32 a, I32 b) { return {a.v + b.v}; }
AEVB_INLINE I32 operator-(I32 a, I32 b) { return {a.v - b.v}; }
AEVB_INLINE I32 operator&(I32 a, I32 b) { return {a.v & b.v}; }
AEVB_INLINE I32 operator|(I32 a, I32 b) { return {a.v | b.v}; }
AEVB_INLINE I32 operator^(I32 a, I32 b) { return {a.v ^ b.v}; }
template <int N>
AEVB_INLINE I32 shift_left(I32 a) {
  return {a.v << Words{N, N, N, N}};
}
// Shifts in zeros from the left.
template <int N>
AEVB_INLINE I32 shift_right(I32 a) {
  return {a.v >> Words{N, N, N, N}};
}
// The two halves of the unsigned 64-bit products.
AEVB_INLINE void multiply_wide(I32 a, I32 b, I32* high, I32* low) {
  for (int i = 0; i < F32::size; ++i) {
    const std::uint64_t product = static_cast<std::uint64_t>(a.v[i]) * b.v[i];
    high->v[i] = static_cast<std::uint32_t>(product >> 32);
    low->v[i] = static_cast<std::uint32_t>(product);
  }
}

AEVB_INLINE Mask less(F32 a, F32 b) { return {same_bits<Words>(a.v < b.v)}; }
AEVB_INLINE Mask less_equal(F32 a, F32 b) { return {same_bits<Words>(a.v <= b.v)}; }
AEVB_INLINE Mask first_lanes(int n) {
  Mask result = {};
  for (int i = 0; i < n; ++i) result.v[i] = ~0u;
  return result;
}
AEVB_INLINE Mask greater(F32 a, F32 b) { return less(b, a); }
AEVB_INLINE Mask greater_equal(F32 a, F32 b) { return less_equal(b, a); }
AEVB_INLINE Mask is_nan(F32 a) { return {same_bits<Words>(a.v != a.v)}; }
AEVB_INLINE F32 select(Mask mask, F32 yes, F32 no) {
  const I32 n = bits_of(no);
  return float_of(((bits_of(yes) ^ n) & I32{mask.v}) ^ n);
}
// Bit i: lane i is not zero, or NaN.
AEVB_INLINE unsigned nonzero_lanes(F32 a) {
  unsigned bits = 0;
  for (int i = 0; i < F32::size; ++i) bits |= static_cast<unsigned>(a.v[i] != 0.0f) << i;
  return bits;
}
AEVB_INLINE bool any(Mask mask) { return (mask.v[0] | mask.v[1] | mask.v[2] | mask.v[3]) != 0; }

AEVB_INLINE F32 operator+(F32 a, F32 b) { return {a.v + b.v}; }
AEVB_INLINE F32 operator-(F32 a, F32 b) { return {a.v - b.v}; }
AEVB_INLINE F32 operator*(F32 a, F32 b) { return {a.v * b.v}; }
AEVB_INLINE F32 operator/(F32 a, F32 b) { return {a.v / b.v}; }
AEVB_INLINE F32 operator-(F32 a) { return float_of(bits_of(a) ^ set_int(INT32_MIN)); }
// Rounded twice: without the instruction a fused one is a slow call.
AEVB_INLINE F32 fma(F32 a, F32 b, F32 c) { return {a.v * b.v + c.v}; }
AEVB_INLINE F32 fnma(F32 a, F32 b, F32 c) { return {c.v - a.v * b.v}; }
AEVB_INLINE F32 min(F32 a, F32 b) { return select(less(a, b), a, b); }
AEVB_INLINE F32 max(F32 a, F32 b) { return select(less(b, a), a, b); }
AEVB_INLINE F32 abs(F32 a) { return float_of(bits_of(a) & set_int(INT32_MAX)); }
AEVB_INLINE F32 sqrt(F32 a) {
  return {Floats{std::sqrt(a.v[0]), std::sqrt(a.v[1]), std::sqrt(a.v[2]), std::sqrt(a.v[3])}};
}

// Below 2^22 the sum's last bit is the unit, so the addition rounds; no float is cast to an integer that cannot hold
// it.
AEVB_INLINE I32 to_int(F32 a) {
  constexpr float SHIFT = 0x1.8p23f;
  constexpr std::int32_t SHIFT_BITS = 0x4b400000;
  return bits_of(a + set(SHIFT)) - set_int(SHIFT_BITS);
}
AEVB_INLINE F32 from_int(I32 a) {
  F32 result;
  for (int i = 0; i < F32::size; ++i) result.v[i] = static_cast<float>(static_cast<std::int32_t>(a.v[i]));
  return result;
}
AEVB_INLINE F32 load_u8_partial(const std::uint8_t* from, int n) {
  float lanes[F32::size] = {};
  for (int i = 0; i < n; ++i) lanes[i] = from[i];
  return load(lanes);
}
AEVB_INLINE F32 load_u8(const std::uint8_t* from) { return load_u8_partial(from, F32::size); }

AEVB_INLINE float sum(F32 a) { return (a.v[0] + a.v[2]) + (a.v[1] + a.v[3]); }

AEVB_INLINE float largest(F32 a) {
  const float even = a.v[0] > a.v[2] ? a.v[0] : a.v[2];
  const float odd = a.v[1] > a.v[3] ? a.v[1] : a.v[3];
  return even > odd ? even : odd;
}

AEVB_INLINE void transpose_square(F32* square) {
  const Floats a = square[0].v, b = square[1].v, c = square[2].v, d = square[3].v;
  square[0].v = Floats{a[0], b[0], c[0], d[0]};
  square[1].v = Floats{a[1], b[1], c[1], d[1]};
  square[2].v = Floats{a[2], b[2], c[2], d[2]};
  square[3].v = Floats{a[3], b[3], c[3], d[3]};
}

AEVB_INLINE F64 zero_double() { return {}; }
AEVB_INLINE F64 widen(F32 a) { return {{a.v[0], a.v[1], a.v[2], a.v[3]}}; }
AEVB_INLINE F64 set_double(double value) { return {{value, value, value, value}}; }
AEVB_INLINE F32 narrow(F64 a) {
  return {Floats{static_cast<float>(a.v[0]), static_cast<float>(a.v[1]), static_cast<float>(a.v[2]),
                 static_cast<float>(a.v[3])}};
}
AEVB_INLINE F64 operator+(F64 a, F64 b) {
  for (int i = 0; i < F32::size; ++i) a.v[i] += b.v[i];
  return a;
}
AEVB_INLINE F64 operator-(F64 a, F64 b) {
  for (int i = 0; i < F32::size; ++i) a.v[i] -= b.v[i];
  return a;
}
AEVB_INLINE F64 operator*(F64 a, F64 b) {
  for (int i = 0; i < F32::size; ++i) a.v[i] *= b.v[i];
  return a;
}
AEVB_INLINE F64 operator/(F64 a, F64 b) {
  for (int i = 0; i < F32::size; ++i) a.v[i] /= b.v[i];
  return a;
}
AEVB_INLINE F64 fma(F64 a, F64 b, F64 c) {
  for (int i = 0; i < F32::size; ++i) c.v[i] += a.v[i] * b.v[i];
  return c;
}
AEVB_INLINE F64 fnma(F64 a, F64 b, F64 c) {
  for (int i = 0; i < F32::size; ++i) c.v[i] -= a.v[i] * b.v[i];
  return c;
}
AEVB_INLINE F64 sqrt(F64 a) {
  for (int i = 0; i < F32::size; ++i) a.v[i] = std::sqrt(a.v[i]);
  return a;
}
AEVB_INLINE void store(double* to, F64 a) {
  for (int i = 0; i < F32::size; ++i) to[i] = a.v[i];
}

AEVB_AFTER_KERNELS
