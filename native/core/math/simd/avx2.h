// 8 lanes of AVX2 with FMA. The names are explained in math/simd.h.
#pragma once

#include <immintrin.h>

#include <cstdint>

AEVB_BEFORE_KERNELS

constexpr bool FUSED = true;

struct F32 {
  static constexpr int size = 8;
  __m256 v;
};
struct I32 {
  __m256i v;
};
struct Mask {
  __m256 v;
};
struct F64 {
  __m256d low, high;
};

AEVB_INLINE I32 iota() { return {_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)}; }
AEVB_INLINE __m256i first_words(int n) { return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), iota().v); }
AEVB_INLINE Mask first_lanes(int n) { return {_mm256_castsi256_ps(first_words(n))}; }

AEVB_INLINE void prefetch(const void* from) { _mm_prefetch(static_cast<const char*>(from), _MM_HINT_T0); }

AEVB_INLINE F32 zero() { return {_mm256_setzero_ps()}; }
AEVB_INLINE F32 set(float value) { return {_mm256_set1_ps(value)}; }
AEVB_INLINE F32 load(const float* from) { return {_mm256_loadu_ps(from)}; }
AEVB_INLINE void store(float* to, F32 a) { _mm256_storeu_ps(to, a.v); }
AEVB_INLINE F32 load_partial(const float* from, int n) { return {_mm256_maskload_ps(from, first_words(n))}; }
AEVB_INLINE void store_partial(float* to, F32 a, int n) { _mm256_maskstore_ps(to, first_words(n), a.v); }

AEVB_INLINE F32 operator+(F32 a, F32 b) { return {_mm256_add_ps(a.v, b.v)}; }
AEVB_INLINE F32 operator-(F32 a, F32 b) { return {_mm256_sub_ps(a.v, b.v)}; }
AEVB_INLINE F32 operator*(F32 a, F32 b) { return {_mm256_mul_ps(a.v, b.v)}; }
AEVB_INLINE F32 operator/(F32 a, F32 b) { return {_mm256_div_ps(a.v, b.v)}; }
AEVB_INLINE F32 operator-(F32 a) { return {_mm256_xor_ps(a.v, _mm256_set1_ps(-0.0f))}; }
AEVB_INLINE F32 fma(F32 a, F32 b, F32 c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
AEVB_INLINE F32 fnma(F32 a, F32 b, F32 c) { return {_mm256_fnmadd_ps(a.v, b.v, c.v)}; }
AEVB_INLINE F32 min(F32 a, F32 b) { return {_mm256_min_ps(a.v, b.v)}; }
AEVB_INLINE F32 max(F32 a, F32 b) { return {_mm256_max_ps(a.v, b.v)}; }
AEVB_INLINE F32 abs(F32 a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)}; }
AEVB_INLINE F32 sqrt(F32 a) { return {_mm256_sqrt_ps(a.v)}; }

AEVB_INLINE Mask less(F32 a, F32 b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
AEVB_INLINE Mask less_equal(F32 a, F32 b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LE_OQ)}; }
AEVB_INLINE Mask greater(F32 a, F32 b) { return less(b, a); }
AEVB_INLINE Mask greater_equal(F32 a, F32 b) { return less_equal(b, a); }
AEVB_INLINE Mask is_nan(F32 a) { return {_mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q)}; }
AEVB_INLINE F32 select(Mask mask, F32 yes, F32 no) { return {_mm256_blendv_ps(no.v, yes.v, mask.v)}; }
// Bit i: lane i is not zero, or NaN.
AEVB_INLINE unsigned nonzero_lanes(F32 a) {
  return static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(a.v, _mm256_setzero_ps(), _CMP_NEQ_UQ)));
}
AEVB_INLINE bool any(Mask mask) { return _mm256_movemask_ps(mask.v) != 0; }

AEVB_INLINE I32 set_int(std::int32_t value) { return {_mm256_set1_epi32(value)}; }
AEVB_INLINE I32 load_int(const std::int32_t* from) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))};
}
AEVB_INLINE void store_int(std::int32_t* to, I32 a) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), a.v); }
AEVB_INLINE I32 operator+(I32 a, I32 b) { return {_mm256_add_epi32(a.v, b.v)}; }
AEVB_INLINE I32 operator-(I32 a, I32 b) { return {_mm256_sub_epi32(a.v, b.v)}; }
AEVB_INLINE I32 operator&(I32 a, I32 b) { return {_mm256_and_si256(a.v, b.v)}; }
AEVB_INLINE I32 operator|(I32 a, I32 b) { return {_mm256_or_si256(a.v, b.v)}; }
AEVB_INLINE I32 operator^(I32 a, I32 b) { return {_mm256_xor_si256(a.v, b.v)}; }
template <int N>
AEVB_INLINE I32 shift_left(I32 a) {
  return {_mm256_slli_epi32(a.v, N)};
}
// Shifts in zeros from the left.
template <int N>
AEVB_INLINE I32 shift_right(I32 a) {
  return {_mm256_srli_epi32(a.v, N)};
}
// The two halves of the unsigned 64-bit products.
AEVB_INLINE void multiply_wide(I32 a, I32 b, I32* high, I32* low) {
  const __m256i even = _mm256_mul_epu32(a.v, b.v);
  const __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(a.v, 32), _mm256_srli_epi64(b.v, 32));
  *high = {_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa)};
  *low = {_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa)};
}

AEVB_INLINE I32 bits_of(F32 a) { return {_mm256_castps_si256(a.v)}; }
AEVB_INLINE F32 float_of(I32 a) { return {_mm256_castsi256_ps(a.v)}; }
AEVB_INLINE I32 to_int(F32 a) { return {_mm256_cvtps_epi32(a.v)}; }
AEVB_INLINE F32 from_int(I32 a) { return {_mm256_cvtepi32_ps(a.v)}; }
AEVB_INLINE F32 load_u8(const std::uint8_t* from) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
  return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes))};
}
AEVB_INLINE F32 load_u8_partial(const std::uint8_t* from, int n) {
  std::uint8_t bytes[8] = {};
  for (int i = 0; i < n; ++i) bytes[i] = from[i];
  return load_u8(bytes);
}

AEVB_INLINE float sum(F32 a) {
  const __m128 half = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  const __m128 pair = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)));
}

AEVB_INLINE float largest(F32 a) {
  const __m128 half = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  const __m128 pair = _mm_max_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_max_ss(pair, _mm_movehdup_ps(pair)));
}

AEVB_INLINE void transpose_square(F32* square) {
  // Transposes 4 × 4 squares within the halves of each vector, then the halves themselves.
  __m256 quads[8];
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    const __m256 a = _mm256_unpacklo_ps(square[i].v, square[i + 1].v);
    const __m256 b = _mm256_unpackhi_ps(square[i].v, square[i + 1].v);
    const __m256 c = _mm256_unpacklo_ps(square[i + 2].v, square[i + 3].v);
    const __m256 d = _mm256_unpackhi_ps(square[i + 2].v, square[i + 3].v);
    quads[i] = _mm256_shuffle_ps(a, c, 0x44);
    quads[i + 1] = _mm256_shuffle_ps(a, c, 0xee);
    quads[i + 2] = _mm256_shuffle_ps(b, d, 0x44);
    quads[i + 3] = _mm256_shuffle_ps(b, d, 0xee);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    square[i].v = _mm256_permute2f128_ps(quads[i], quads[i + 4], 0x20);
    square[i + 4].v = _mm256_permute2f128_ps(quads[i], quads[i + 4], 0x31);
  }
}

AEVB_INLINE F64 zero_double() { return {_mm256_setzero_pd(), _mm256_setzero_pd()}; }
AEVB_INLINE F64 widen(F32 a) {
  return {_mm256_cvtps_pd(_mm256_castps256_ps128(a.v)), _mm256_cvtps_pd(_mm256_extractf128_ps(a.v, 1))};
}
AEVB_INLINE F64 set_double(double value) { return {_mm256_set1_pd(value), _mm256_set1_pd(value)}; }
AEVB_INLINE F32 narrow(F64 a) {
  return {_mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(a.low)), _mm256_cvtpd_ps(a.high), 1)};
}
AEVB_INLINE F64 operator+(F64 a, F64 b) { return {_mm256_add_pd(a.low, b.low), _mm256_add_pd(a.high, b.high)}; }
AEVB_INLINE F64 operator-(F64 a, F64 b) { return {_mm256_sub_pd(a.low, b.low), _mm256_sub_pd(a.high, b.high)}; }
AEVB_INLINE F64 operator*(F64 a, F64 b) { return {_mm256_mul_pd(a.low, b.low), _mm256_mul_pd(a.high, b.high)}; }
AEVB_INLINE F64 operator/(F64 a, F64 b) { return {_mm256_div_pd(a.low, b.low), _mm256_div_pd(a.high, b.high)}; }
AEVB_INLINE F64 fma(F64 a, F64 b, F64 c) {
  return {_mm256_fmadd_pd(a.low, b.low, c.low), _mm256_fmadd_pd(a.high, b.high, c.high)};
}
AEVB_INLINE F64 fnma(F64 a, F64 b, F64 c) {
  return {_mm256_fnmadd_pd(a.low, b.low, c.low), _mm256_fnmadd_pd(a.high, b.high, c.high)};
}
AEVB_INLINE F64 sqrt(F64 a) { return {_mm256_sqrt_pd(a.low), _mm256_sqrt_pd(a.high)}; }
AEVB_INLINE void store(double* to, F64 a) {
  _mm256_storeu_pd(to, a.low);
  _mm256_storeu_pd(to + 4, a.high);
}

AEVB_AFTER_KERNELS
