// One vector of floats, F32, and one of 32-bit integers, I32, of the instruction set that the including kernel file is
// being compiled for. Included once for each target (foreach_target.h), hence no include guard here.
//
// Every target gives the same names:
//   F32, I32, Mask, F64   F32::size lanes of float, 32-bit integer, truth, double
//   FUSED                 whether fma and fnma round once
//   prefetch
//   zero set load store load_partial store_partial
//   + - * / fma (a b + c) fnma (c - a b) min max abs sqrt sum largest
//   less less_equal greater greater_equal is_nan first_lanes select any
//   set_int iota load_int store_int + - & | ^ shift_left shift_right multiply_wide
//   bits_of float_of (same bits) to_int from_int (same value) load_u8 load_u8_partial
//   zero_double set_double widen narrow + - * / fma fnma sqrt store (F64)
//   transpose_square
// and AVX-512 alone, half an F32:
//   HalfF32 zero_half set_half load_half store fma
//
// load_partial and store_partial touch only the first n lanes (0 ≤ n ≤ size), in which first_lanes(n) is true; the
// lanes not loaded are 0. `min` and `max` return their second argument if either is NaN, so that max(zero(), x)
// keeps a NaN in x. to_int rounds to the nearest, ties to even. `sum` always adds the lanes in the same order;
// `largest` is unspecified if a lane is NaN. Integers wrap. `transpose_square` takes F32::size vectors, lane j of
// vector i to lane i of vector j.
#undef AEVB_NAMESPACE
#undef AEVB_BEFORE_KERNELS
#undef AEVB_AFTER_KERNELS

#if AEVB_TARGET == AEVB_TARGET_AVX512
#define AEVB_NAMESPACE avx512
#elif AEVB_TARGET == AEVB_TARGET_AVX2
#define AEVB_NAMESPACE avx2
#elif AEVB_TARGET == AEVB_TARGET_NEON
#define AEVB_NAMESPACE neon
#else
#define AEVB_NAMESPACE portable
#endif

// Code between the two macros may use the target's instructions, whatever the compiler's flags are; MSVC allows that
// everywhere. No standard header may be included between them.
#undef AEVB_PRAGMA
#define AEVB_PRAGMA(...) _Pragma(#__VA_ARGS__)
#if AEVB_TARGET == AEVB_TARGET_AVX512 && defined(__clang__)
#define AEVB_BEFORE_KERNELS                                                                                \
  AEVB_PRAGMA(clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))), \
                                   apply_to = function))                                                   \
  namespace aevb::avx512 {
#define AEVB_AFTER_KERNELS \
  }                        \
  AEVB_PRAGMA(clang attribute pop)
#elif AEVB_TARGET == AEVB_TARGET_AVX2 && defined(__clang__)
#define AEVB_BEFORE_KERNELS                                                                   \
  AEVB_PRAGMA(clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)) \
  namespace aevb::avx2 {
#define AEVB_AFTER_KERNELS \
  }                        \
  AEVB_PRAGMA(clang attribute pop)
#elif AEVB_TARGET == AEVB_TARGET_AVX512 && defined(__GNUC__)
#define AEVB_BEFORE_KERNELS                                                                      \
  AEVB_PRAGMA(GCC push_options)                                                                  \
  AEVB_PRAGMA(GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,prefer-vector-width=512")) \
  namespace aevb::avx512 {
#define AEVB_AFTER_KERNELS \
  }                        \
  AEVB_PRAGMA(GCC pop_options)
#elif AEVB_TARGET == AEVB_TARGET_AVX2 && defined(__GNUC__)
#define AEVB_BEFORE_KERNELS           \
  AEVB_PRAGMA(GCC push_options)       \
  AEVB_PRAGMA(GCC target("avx2,fma")) \
  namespace aevb::avx2 {
#define AEVB_AFTER_KERNELS \
  }                        \
  AEVB_PRAGMA(GCC pop_options)
#else
#define AEVB_BEFORE_KERNELS namespace aevb::AEVB_NAMESPACE {
#define AEVB_AFTER_KERNELS }
#endif

#undef AEVB_INLINE
#undef AEVB_RESTRICT
#if defined(_MSC_VER) && !defined(__clang__)
#define AEVB_INLINE [[maybe_unused]] static __forceinline
#define AEVB_RESTRICT __restrict
#else
#define AEVB_INLINE [[maybe_unused]] static inline __attribute__((always_inline))
#define AEVB_RESTRICT __restrict__
#endif

#if AEVB_TARGET == AEVB_TARGET_AVX512
#include "math/simd/avx512.h"
#elif AEVB_TARGET == AEVB_TARGET_AVX2
#include "math/simd/avx2.h"
#elif AEVB_TARGET == AEVB_TARGET_NEON
#include "math/simd/neon.h"
#else
#include "math/simd/portable.h"
#endif
