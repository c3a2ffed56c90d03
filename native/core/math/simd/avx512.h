// 16 lanes of AVX-512 (F, DQ, BW, VL). The names are explained in math/simd.h.
#pragma once

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
// GCC 12 warns about its own undefined registers: its bug 105593.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#include <cstdint>

AEVB_BEFORE_KERNELS

constexpr bool FUSED = true;

struct F32 {
  static constexpr int size = 16;
  __m512 v;
};
struct HalfF32 {
  static constexpr int size = 8;
  __m256 v;
};
struct I32 {
  __m512i v;
};
struct Mask {
  __mmask16 v;
};
struct F64 {
  __m512d low, high;
};

AEVB_INLINE Mask first_lanes(int n) { return {static_cast<__mmask16>((1u << n) - 1)}; }

AEVB_INLINE void prefetch(const void* from) { _mm_prefetch(static_cast<const char*>(from), _MM_HINT_T0); }

AEVB_INLINE F32 zero() { return {_mm512_setzero_ps()}; }
AEVB_INLINE F32 set(float value) { return {_mm512_set1_ps(value)}; }
AEVB_INLINE F32 load(const float* from) { return {_mm512_loadu_ps(from)}; }
AEVB_INLINE void store(float* to, F32 a) { _mm512_storeu_ps(to, a.v); }
AEVB_INLINE F32 load_partial(const float* from, int n) { return {_mm512_maskz_loadu_ps(first_lanes(n).v, from)}; }
AEVB_INLINE void store_partial(float* to, F32 a, int n) { _mm512_mask_storeu_ps(to, first_lanes(n).v, a.v); }

AEVB_INLINE HalfF32 zero_half() { return {_mm256_setzero_ps()}; }
AEVB_INLINE HalfF32 set_half(float value) { return {_mm256_set1_ps(value)}; }
AEVB_INLINE HalfF32 load_half(const float* from) { return {_mm256_loadu_ps(from)}; }
AEVB_INLINE void store(float* to, HalfF32 a) { _mm256_storeu_ps(to, a.v); }
AEVB_INLINE HalfF32 fma(HalfF32 a, HalfF32 b, HalfF32 c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }

AEVB_INLINE F32 operator+(F32 a, F32 b) { return {_mm512_add_ps(a.v, b.v)}; }
AEVB_INLINE F32 operator-(F32 a, F32 b) { return {_mm512_sub_ps(a.v, b.v)}; }
AEVB_INLINE F32 operator*(F32 a, F32 b) { return {_mm512_mul_ps(a.v, b.v)}; }
AEVB_INLINE F32 operator/(F32 a, F32 b) { return {_mm512_div_ps(a.v, b.v)}; }
AEVB_INLINE F32 operator-(F32 a) { return {_mm512_xor_ps(a.v, _mm512_set1_ps(-0.0f))}; }
AEVB_INLINE F32 fma(F32 a, F32 b, F32 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
AEVB_INLINE F32 fnma(F32 a, F32 b, F32 c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }
AEVB_INLINE F32 min(F32 a, F32 b) { return {_mm512_min_ps(a.v, b.v)}; }
AEVB_INLINE F32 max(F32 a, F32 b) { return {_mm512_max_ps(a.v, b.v)}; }
AEVB_INLINE F32 abs(F32 a) { return {_mm512_abs_ps(a.v)}; }
AEVB_INLINE F32 sqrt(F32 a) { return {_mm512_sqrt_ps(a.v)}; }

AEVB_INLINE Mask less(F32 a, F32 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
AEVB_INLINE Mask less_equal(F32 a, F32 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ)}; }
AEVB_INLINE Mask greater(F32 a, F32 b) { return less(b, a); }
AEVB_INLINE Mask greater_equal(F32 a, F32 b) { return less_equal(b, a); }
AEVB_INLINE Mask is_nan(F32 a) { return {_mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q)}; }
AEVB_INLINE F32 select(Mask mask, F32 yes, F32 no) { return {_mm512_mask_blend_ps(mask.v, no.v, yes.v)}; }
// Bit i: lane i is not zero, or NaN.
AEVB_INLINE unsigned nonzero_lanes(F32 a) { return _mm512_cmp_ps_mask(a.v, _mm512_setzero_ps(), _CMP_NEQ_UQ); }
AEVB_INLINE bool any(Mask mask) { return mask.v != 0; }

AEVB_INLINE I32 set_int(std::int32_t value) { return {_mm512_set1_epi32(value)}; }
AEVB_INLINE I32 iota() { return {_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)}; }
AEVB_INLINE I32 load_int(const std::int32_t* from) { return {_mm512_loadu_si512(from)}; }
AEVB_INLINE void store_int(std::int32_t* to, I32 a) { _mm512_storeu_si512(to, a.v); }
AEVB_INLINE I32 operator+(I32 a, I32 b) { return {_mm512_add_epi32(a.v, b.v)}; }
AEVB_INLINE I32 operator-(I32 a, I32 b) { return {_mm512_sub_epi32(a.v, b.v)}; }
AEVB_INLINE I32 operator&(I32 a, I32 b) { return {_mm512_and_si512(a.v, b.v)}; }
AEVB_INLINE I32 operator|(I32 a, I32 b) { return {_mm512_or_si512(a.v, b.v)}; }
AEVB_INLINE I32 operator^(I32 a, I32 b) { return {_mm512_xor_si512(a.v, b.v)}; }
template <int N>
AEVB_INLINE I32 shift_left(I32 a) {
  return {_mm512_slli_epi32(a.v, N)};
}
// Shifts in zeros from the left.
template <int N>
AEVB_INLINE I32 shift_right(I32 a) {
  return {_mm512_srli_epi32(a.v, N)};
}
// The two halves of the unsigned 64-bit products.
AEVB_INLINE void multiply_wide(I32 a, I32 b, I32* high, I32* low) {
  const __m512i even = _mm512_mul_epu32(a.v, b.v);
  const __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(a.v, 32), _mm512_srli_epi64(b.v, 32));
  *high = {_mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd)};
  *low = {_mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32))};
}

AEVB_INLINE I32 bits_of(F32 a) { return {_mm512_castps_si512(a.v)}; }
AEVB_INLINE F32 float_of(I32 a) { return {_mm512_castsi512_ps(a.v)}; }
AEVB_INLINE I32 to_int(F32 a) { return {_mm512_cvtps_epi32(a.v)}; }
AEVB_INLINE F32 from_int(I32 a) { return {_mm512_cvtepi32_ps(a.v)}; }
AEVB_INLINE F32 load_u8(const std::uint8_t* from) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes))};
}
AEVB_INLINE F32 load_u8_partial(const std::uint8_t* from, int n) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(first_lanes(n).v, from)))};
}

// _mm512_castps512_ps256 does the same, but GCC 12 warns about its own header's undefined register.
AEVB_INLINE __m256 lower_half(F32 a) { return _mm512_maskz_extractf32x8_ps(0xff, a.v, 0); }

AEVB_INLINE float sum(F32 a) {
  const __m256 half = _mm256_add_ps(lower_half(a), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 quarter = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  const __m128 pair = _mm_add_ps(quarter, _mm_movehl_ps(quarter, quarter));
  return _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)));
}

AEVB_INLINE float largest(F32 a) {
  const __m256 half = _mm256_max_ps(lower_half(a), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 quarter = _mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  const __m128 pair = _mm_max_ps(quarter, _mm_movehl_ps(quarter, quarter));
  return _mm_cvtss_f32(_mm_max_ss(pair, _mm_movehdup_ps(pair)));
}

AEVB_INLINE __m512 low_pairs(__m512 a, __m512 b) {
  return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
}
AEVB_INLINE __m512 high_pairs(__m512 a, __m512 b) {
  return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
}
AEVB_INLINE void transpose_square(F32* square) {
  // Transposes 4 × 4 squares within the quarters of each vector, then the quarters themselves.
  __m512 quads[16];
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    const __m512 a = _mm512_unpacklo_ps(square[i].v, square[i + 1].v);
    const __m512 b = _mm512_unpackhi_ps(square[i].v, square[i + 1].v);
    const __m512 c = _mm512_unpacklo_ps(square[i + 2].v, square[i + 3].v);
    const __m512 d = _mm512_unpackhi_ps(square[i + 2].v, square[i + 3].v);
    quads[i] = low_pairs(a, c);
    quads[i + 1] = high_pairs(a, c);
    quads[i + 2] = low_pairs(b, d);
    quads[i + 3] = high_pairs(b, d);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m512 a = _mm512_shuffle_f32x4(quads[i], quads[i + 4], 0x88);
    const __m512 b = _mm512_shuffle_f32x4(quads[i], quads[i + 4], 0xdd);
    const __m512 c = _mm512_shuffle_f32x4(quads[i + 8], quads[i + 12], 0x88);
    const __m512 d = _mm512_shuffle_f32x4(quads[i + 8], quads[i + 12], 0xdd);
    square[i].v = _mm512_shuffle_f32x4(a, c, 0x88);
    square[i + 4].v = _mm512_shuffle_f32x4(b, d, 0x88);
    square[i + 8].v = _mm512_shuffle_f32x4(a, c, 0xdd);
    square[i + 12].v = _mm512_shuffle_f32x4(b, d, 0xdd);
  }
}

AEVB_INLINE F64 zero_double() { return {_mm512_setzero_pd(), _mm512_setzero_pd()}; }
AEVB_INLINE F64 widen(F32 a) {
  return {_mm512_cvtps_pd(lower_half(a)), _mm512_cvtps_pd(_mm512_extractf32x8_ps(a.v, 1))};
}
AEVB_INLINE F64 set_double(double value) { return {_mm512_set1_pd(value), _mm512_set1_pd(value)}; }
AEVB_INLINE F32 narrow(F64 a) {
  return {_mm512_insertf32x8(_mm512_zextps256_ps512(_mm512_cvtpd_ps(a.low)), _mm512_cvtpd_ps(a.high), 1)};
}
AEVB_INLINE F64 operator+(F64 a, F64 b) { return {_mm512_add_pd(a.low, b.low), _mm512_add_pd(a.high, b.high)}; }
AEVB_INLINE F64 operator-(F64 a, F64 b) { return {_mm512_sub_pd(a.low, b.low), _mm512_sub_pd(a.high, b.high)}; }
AEVB_INLINE F64 operator*(F64 a, F64 b) { return {_mm512_mul_pd(a.low, b.low), _mm512_mul_pd(a.high, b.high)}; }
AEVB_INLINE F64 operator/(F64 a, F64 b) { return {_mm512_div_pd(a.low, b.low), _mm512_div_pd(a.high, b.high)}; }
AEVB_INLINE F64 fma(F64 a, F64 b, F64 c) {
  return {_mm512_fmadd_pd(a.low, b.low, c.low), _mm512_fmadd_pd(a.high, b.high, c.high)};
}
AEVB_INLINE F64 fnma(F64 a, F64 b, F64 c) {
  return {_mm512_fnmadd_pd(a.low, b.low, c.low), _mm512_fnmadd_pd(a.high, b.high, c.high)};
}
AEVB_INLINE F64 sqrt(F64 a) { return {_mm512_sqrt_pd(a.low), _mm512_sqrt_pd(a.high)}; }
AEVB_INLINE void store(double* to, F64 a) {
  _mm512_storeu_pd(to, a.low);
  _mm512_storeu_pd(to + 8, a.high);
}

AEVB_AFTER_KERNELS
