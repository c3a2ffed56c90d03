#include "math/panel_ops.h"

#include <cstddef>

#define AEVB_KERNEL_FILE "math/panel_ops.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#if AEVB_X86
#include <immintrin.h>
#endif

AEVB_BEFORE_KERNELS

#if AEVB_TARGET == AEVB_TARGET_AVX512 || AEVB_TARGET == AEVB_TARGET_AVX2
// 8 × 8 through registers: moving single elements strides through memory and takes ten times as long.
AEVB_INLINE void transpose_8x8(float* AEVB_RESTRICT out, std::size_t out_row, const float* AEVB_RESTRICT inp,
                               std::size_t inp_row) {
  // Each register takes half rows i and i + 4, so that the rest is a transpose within 128-bit lanes.
  __m256 r[8];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m256 low = _mm256_castps128_ps256(_mm_loadu_ps(inp + i * inp_row));
    r[i] = _mm256_insertf128_ps(low, _mm_loadu_ps(inp + (i + 4) * inp_row), 1);
    const __m256 high = _mm256_castps128_ps256(_mm_loadu_ps(inp + i * inp_row + 4));
    r[i + 4] = _mm256_insertf128_ps(high, _mm_loadu_ps(inp + (i + 4) * inp_row + 4), 1);
  }
#pragma GCC unroll 2
  for (int half = 0; half < 8; half += 4) {
    const __m256 a = _mm256_unpacklo_ps(r[half], r[half + 1]);
    const __m256 b = _mm256_unpackhi_ps(r[half], r[half + 1]);
    const __m256 c = _mm256_unpacklo_ps(r[half + 2], r[half + 3]);
    const __m256 d = _mm256_unpackhi_ps(r[half + 2], r[half + 3]);
    _mm256_storeu_ps(out + (half + 0) * out_row, _mm256_shuffle_ps(a, c, 0x44));
    _mm256_storeu_ps(out + (half + 1) * out_row, _mm256_shuffle_ps(a, c, 0xee));
    _mm256_storeu_ps(out + (half + 2) * out_row, _mm256_shuffle_ps(b, d, 0x44));
    _mm256_storeu_ps(out + (half + 3) * out_row, _mm256_shuffle_ps(b, d, 0xee));
  }
}
#else
AEVB_INLINE void transpose_8x8(float* AEVB_RESTRICT out, std::size_t out_row, const float* AEVB_RESTRICT inp,
                               std::size_t inp_row) {
  for (int i = 0; i < 8; ++i) {
    for (int j = 0; j < 8; ++j) out[j * out_row + i] = inp[i * inp_row + j];
  }
}
#endif

void transpose(Panels out, ConstPanels inp, std::size_t R, std::size_t C) {
  constexpr std::size_t SIDE = 8;
  const bool whole_blocks = inp.width % SIDE == 0 && out.width % SIDE == 0;
  for (std::size_t c = 0; c < C; c += SIDE) {
    const std::size_t c_end = c + SIDE < C ? c + SIDE : C;
    for (std::size_t r = 0; r < R; r += SIDE) {
      const std::size_t r_end = r + SIDE < R ? r + SIDE : R;
      if (whole_blocks) {  // each block is in one panel
        float* to = out.data + r / out.width * out.stride + c * out.width + r % out.width;
        const float* from = inp.data + c / inp.width * inp.stride + r * inp.width + c % inp.width;
        if (c_end - c == SIDE && r_end - r == SIDE) {
          transpose_8x8(to, out.width, from, inp.width);
          continue;
        }
        for (std::size_t j = 0; j < c_end - c; ++j) {
          for (std::size_t i = 0; i < r_end - r; ++i) to[j * out.width + i] = from[i * inp.width + j];
        }
      } else {
        for (std::size_t i = r; i < r_end; ++i) {
          for (std::size_t j = c; j < c_end; ++j) out.at(j, i) = inp.at(i, j);
        }
      }
    }
  }
}

void column_sums(float* sums, ConstPanels inp, std::size_t R, std::size_t C) {
  for (std::size_t c = 0; c < C; c += inp.width) {
    const float* panel = inp.data + c / inp.width * inp.stride;
    const std::size_t cols = C - c < inp.width ? C - c : inp.width;
    for (std::size_t i = 0; i < cols; i += F32::size) {
      const int lanes = static_cast<int>(cols - i < F32::size ? cols - i : F32::size);
      F32 sum = zero();
      if (lanes == F32::size) {
        // Four chains of additions, so that their latencies overlap.
        F32 chain[4] = {zero(), zero(), zero(), zero()};
        std::size_t r = 0;
        for (; r + 4 <= R; r += 4) {
#pragma GCC unroll 4
          for (int j = 0; j < 4; ++j) chain[j] = chain[j] + load(panel + (r + j) * inp.width + i);
        }
        for (; r < R; ++r) sum = sum + load(panel + r * inp.width + i);
        store(sums + c + i, sum + ((chain[0] + chain[1]) + (chain[2] + chain[3])));
      } else {
        for (std::size_t r = 0; r < R; ++r) sum = sum + load_partial(panel + r * inp.width + i, lanes);
        store_partial(sums + c + i, sum, lanes);
      }
    }
  }
}

// How many rows may be summed in float before the sum continues in double.
constexpr std::size_t SHORT_SUM = 32;

void add_column_sums(float* sums, ConstPanels inp, std::size_t R, std::size_t C) {
  for (std::size_t c = 0; c < C; c += inp.width) {
    const float* panel = inp.data + c / inp.width * inp.stride;
    const std::size_t cols = C - c < inp.width ? C - c : inp.width;
    for (std::size_t i = 0; i < cols; i += F32::size) {
      const int lanes = static_cast<int>(cols - i < F32::size ? cols - i : F32::size);
      F64 total = zero_double();
      for (std::size_t first = 0; first < R; first += SHORT_SUM) {
        const std::size_t end = R - first < SHORT_SUM ? R : first + SHORT_SUM;
        F32 sum = zero();
        for (std::size_t r = first; r < end; ++r) sum = sum + load_partial(panel + r * inp.width + i, lanes);
        total = total + widen(sum);
      }
      store_partial(sums + c + i, load_partial(sums + c + i, lanes) + narrow(total), lanes);
    }
  }
}

void add_to_rows(Panels rows, const float* values, std::size_t R, std::size_t C) {
  for (std::size_t c = 0; c < C; c += rows.width) {
    const std::size_t cols = C - c < rows.width ? C - c : rows.width;
    for (std::size_t i = 0; i < cols; i += F32::size) {
      const int lanes = static_cast<int>(cols - i < F32::size ? cols - i : F32::size);
      const F32 value = load_partial(values + c + i, lanes);
      float* row = rows.data + c / rows.width * rows.stride + i;
      for (std::size_t r = 0; r < R; ++r, row += rows.width) {
        store_partial(row, load_partial(row, lanes) + value, lanes);
      }
    }
  }
}

// `factor` null: the rows become zero, whatever they held.
static void scale_or_clear(Panels rows, const float* factor, float scale, std::size_t R, std::size_t C) {
  for (std::size_t c = 0; c < C; c += rows.width) {
    float* row = rows.data + c / rows.width * rows.stride;
    for (std::size_t r = 0; r < R; ++r, row += rows.width) {
      const F32 by = set(factor == nullptr ? 0.0f : scale * factor[r]);
      std::size_t i = 0;
      for (; i + F32::size <= rows.width; i += F32::size) {
        store(row + i, factor == nullptr ? zero() : by * load(row + i));
      }
      if (i < rows.width) {
        const int lanes = static_cast<int>(rows.width - i);
        store_partial(row + i, factor == nullptr ? zero() : by * load_partial(row + i, lanes), lanes);
      }
    }
  }
}

void scale_rows(Panels rows, const float* factor, float scale, std::size_t R, std::size_t C) {
  scale_or_clear(rows, factor, scale, R, C);
}

void clear(Panels rows, std::size_t R, std::size_t C) { scale_or_clear(rows, nullptr, 0.0f, R, C); }

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void transpose(Panels out, ConstPanels inp, std::size_t R, std::size_t C) { AEVB_DISPATCH(transpose)(out, inp, R, C); }

void column_sums(float* sums, ConstPanels inp, std::size_t R, std::size_t C) {
  AEVB_DISPATCH(column_sums)(sums, inp, R, C);
}

void add_column_sums(float* sums, ConstPanels inp, std::size_t R, std::size_t C) {
  AEVB_DISPATCH(add_column_sums)(sums, inp, R, C);
}

void add_to_rows(Panels rows, const float* values, std::size_t R, std::size_t C) {
  AEVB_DISPATCH(add_to_rows)(rows, values, R, C);
}

void scale_rows(Panels rows, const float* factor, float scale, std::size_t R, std::size_t C) {
  AEVB_DISPATCH(scale_rows)(rows, factor, scale, R, C);
}

void clear(Panels rows, std::size_t R, std::size_t C) { AEVB_DISPATCH(clear)(rows, R, C); }

}  // namespace aevb
#endif
