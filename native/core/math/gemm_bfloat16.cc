#include "math/gemm_bfloat16.h"

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__) && (defined(__clang__) || defined(__GNUC__))
#define AEVB_HAVE_BFLOAT16 1
#else
#define AEVB_HAVE_BFLOAT16 0
#endif

#if AEVB_HAVE_BFLOAT16
#if !defined(__clang__)
#pragma GCC diagnostic push
// GCC 12 warns about its own undefined registers: its bug 105593.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>
#if !defined(__clang__)
#pragma GCC diagnostic pop
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma,prefer-vector-width=512")
#else
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma"))), \
                             apply_to = function)
#endif

namespace aevb {

namespace {

#define AEVB_ALWAYS_INLINE [[maybe_unused]] inline __attribute__((always_inline))

// Floats in a vector, and words: a word holds two factors that are multiplied and summed together.
constexpr std::size_t SIZE = 16;
// As in gemm_builtin.cc: vectors of a panel, and sums of a tile.
constexpr std::size_t VECTORS = 3, WIDTH = VECTORS * SIZE, SUMS = 24;
// How many terms and how many rows of the left operand (of both operands if the left one is transposed) are rounded
// at a time. Together with the result's tile they fill most of a first-level cache of 32 KB.
constexpr std::size_t BLOCK = 128, ROWS_BLOCK = 64, BATCH_BLOCK = 128;

using Word = std::uint32_t;

// The lanes below `count` if `count` may be negative or larger than a vector.
AEVB_ALWAYS_INLINE __mmask16 lanes(std::size_t count) {
  return count >= SIZE ? static_cast<__mmask16>(0xffff) : static_cast<__mmask16>((1u << count) - 1);
}

// (even[i], odd[i]) as word i.
AEVB_ALWAYS_INLINE __m512i interleave(__m512 even, __m512 odd) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21,
                                         5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(odd, even));
}

// Each row of words holds two adjacent rows of a panel: words[k / 2][NV vectors] = (x[k], x[k + 1]) for k below
// count, and zero above.
template <std::size_t NV>
AEVB_ALWAYS_INLINE void round_row_pairs(Word* words, const float* x, std::size_t pitch, std::size_t count) {
  for (std::size_t k = 0; k < count; k += 2, x += 2 * pitch, words += NV * SIZE) {
    for (std::size_t v = 0; v < NV; ++v) {
      const __m512 odd = k + 1 < count ? _mm512_loadu_ps(x + pitch + v * SIZE) : _mm512_setzero_ps();
      _mm512_store_si512(words + v * SIZE, interleave(_mm512_loadu_ps(x + v * SIZE), odd));
    }
  }
}

// The same for the columns that are not padding; padding of a left operand may hold anything.
AEVB_ALWAYS_INLINE void round_left_row_pairs(Word* words, const float* x, std::size_t pitch, std::size_t cols,
                                             std::size_t count) {
  for (std::size_t k = 0; k < count; k += 2, x += 2 * pitch, words += WIDTH) {
    for (std::size_t i = 0; i < cols; i += SIZE) {
      const __mmask16 used = lanes(cols - i);
      const __m512 odd = k + 1 < count ? _mm512_maskz_loadu_ps(used, x + pitch + i) : _mm512_setzero_ps();
      _mm512_store_si512(words + i, interleave(_mm512_maskz_loadu_ps(used, x + i), odd));
    }
  }
}

// Each word holds two adjacent columns: words[r][k / 2] = (x(r, k), x(r, k + 1)) for `rows` rows and k from `first`
// on. A row of words is BLOCK / 2 long. Words beyond `count` are zero.
AEVB_ALWAYS_INLINE void round_rows(Word* words, ConstPanels x, std::size_t first, std::size_t rows, std::size_t count) {
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t k = 0; k < count; k += 2 * SIZE) {
      // A vector never crosses the edge of a panel, because a panel is whole vectors.
      const std::size_t low = first + k, high = low + SIZE;
      const float* even = x.data + low / x.width * x.stride + r * x.width + low % x.width;
      const float* odd = x.data + high / x.width * x.stride + r * x.width + high % x.width;
      const __m512 a = _mm512_maskz_loadu_ps(lanes(count - k), even);
      const __m512 b = count - k > SIZE ? _mm512_maskz_loadu_ps(lanes(count - k - SIZE), odd) : _mm512_setzero_ps();
      _mm512_store_si512(words + r * (BLOCK / 2) + k / 2, (__m512i)_mm512_cvtne2ps_pbh(b, a));
    }
  }
}

// The values that the tiles of a block share. The left operand's word of row r and pair p is at left[r * left_row +
// p * left_pair].
struct Block {
  float* c;
  std::size_t c_pitch;
  const Word *left, *right;
  std::size_t left_row, left_pair, rows, pairs;
  const float* start;  // the initial values of the sums, its rows start_pitch apart; null: zero
  std::size_t start_pitch;
};

template <std::size_t ROWS, std::size_t NV>
AEVB_ALWAYS_INLINE std::size_t tiles(const Block& block, std::size_t r) {
  for (; r + ROWS <= block.rows; r += ROWS) {
    __m512 sum[ROWS][NV];
    const float* start = block.start == nullptr ? nullptr : block.start + r * block.start_pitch;
#pragma GCC unroll 32
    for (std::size_t i = 0; i < ROWS; ++i) {
#pragma GCC unroll 4
      for (std::size_t v = 0; v < NV; ++v) {
        sum[i][v] = start == nullptr ? _mm512_setzero_ps() : _mm512_loadu_ps(start + i * block.start_pitch + v * SIZE);
      }
    }
    const Word *left = block.left + r * block.left_row, *right = block.right;
    for (std::size_t p = 0; p < block.pairs; ++p, left += block.left_pair, right += NV * SIZE) {
      __m512i factor[NV];
#pragma GCC unroll 4
      for (std::size_t v = 0; v < NV; ++v) factor[v] = _mm512_load_si512(right + v * SIZE);
#pragma GCC unroll 32
      for (std::size_t i = 0; i < ROWS; ++i) {
        const __m512i both = _mm512_set1_epi32(static_cast<int>(left[i * block.left_row]));
#pragma GCC unroll 4
        for (std::size_t v = 0; v < NV; ++v) {
          sum[i][v] = _mm512_dpbf16_ps(sum[i][v], (__m512bh)factor[v], (__m512bh)both);
        }
      }
    }
#pragma GCC unroll 32
    for (std::size_t i = 0; i < ROWS; ++i) {
#pragma GCC unroll 4
      for (std::size_t v = 0; v < NV; ++v) {
        _mm512_storeu_ps(block.c + (r + i) * block.c_pitch + v * SIZE, sum[i][v]);
      }
    }
  }
  return r;
}

template <std::size_t NV>
AEVB_ALWAYS_INLINE void column_block(const Block& block) {
  constexpr std::size_t MOST = SUMS / NV;
  std::size_t r = tiles<MOST, NV>(block, 0);
  if constexpr (MOST > 8) r = tiles<8, NV>(block, r);
  r = tiles<4, NV>(block, r);
  r = tiles<2, NV>(block, r);
  tiles<1, NV>(block, r);
}

// One panel of the result: rounds the right operand's rows, then multiplies all tiles.
template <std::size_t NV>
void right_panel(Block block, Word* words, const float* b, std::size_t b_pitch, std::size_t count) {
  round_row_pairs<NV>(words, b, b_pitch, count);
  column_block<NV>(block);
}

AEVB_ALWAYS_INLINE void right_panel(const Block& block, Word* words, const float* b, std::size_t b_pitch,
                                    std::size_t count, std::size_t cols) {
  if (cols > 2 * SIZE) return right_panel<3>(block, words, b, b_pitch, count);
  if (cols > SIZE) return right_panel<2>(block, words, b, b_pitch, count);
  right_panel<1>(block, words, b, b_pitch, count);
}

}  // namespace

bool bfloat16_supported() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bf16");
}

void bfloat16_multiply(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                       bool accumulate, const float* bias) {
  alignas(64) Word left[ROWS_BLOCK * BLOCK / 2], right[BLOCK / 2 * WIDTH];
  // Equal blocks of whole vectors: each block reads and writes the result once more.
  const std::size_t blocks = (K + BLOCK - 1) / BLOCK;
  const std::size_t step = ((K + blocks - 1) / blocks + SIZE - 1) / SIZE * SIZE;
  for (std::size_t m = 0; m < M; m += ROWS_BLOCK) {
    const std::size_t rows = M - m < ROWS_BLOCK ? M - m : ROWS_BLOCK;
    for (std::size_t k = 0; k < K; k += step) {
      const std::size_t count = K - k < step ? K - k : step;
      round_rows(left, a.from_row(m), k, rows, count);
      for (std::size_t n = 0; n < N; n += WIDTH) {
        float* c_rows = c.data + n / WIDTH * c.stride + m * c.width;
        const bool continues = accumulate || k > 0;
        const float* start = continues ? c_rows : bias == nullptr ? nullptr : bias + n;
        const Block block{
            c_rows, c.width, left, right, BLOCK / 2, 1, rows, (count + 1) / 2, start, continues ? c.width : 0};
        right_panel(block, right, b.data + n / WIDTH * b.stride + k * b.width, b.width, count, N - n);
      }
    }
  }
}

void bfloat16_multiply_transposed(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                                  bool accumulate) {
  alignas(64) Word left[BATCH_BLOCK / 2 * WIDTH], right[BATCH_BLOCK / 2 * WIDTH];
  for (std::size_t k = 0; k < K; k += a.width) {
    const std::size_t rows = K - k < a.width ? K - k : a.width;
    for (std::size_t m = 0; m < M; m += BATCH_BLOCK) {
      const std::size_t count = M - m < BATCH_BLOCK ? M - m : BATCH_BLOCK;
      round_left_row_pairs(left, a.data + k / a.width * a.stride + m * a.width, a.width, rows, count);
      for (std::size_t n = 0; n < N; n += WIDTH) {
        float* c_rows = c.data + n / WIDTH * c.stride + k * c.width;
        const float* start = accumulate || m > 0 ? c_rows : nullptr;
        const Block block{c_rows, c.width, left, right, 1, WIDTH, rows, (count + 1) / 2, start, c.width};
        right_panel(block, right, b.data + n / WIDTH * b.stride + m * b.width, b.width, count, N - n);
      }
    }
  }
}

}  // namespace aevb

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#else

namespace aevb {

bool bfloat16_supported() { return false; }
void bfloat16_multiply(Panels, ConstPanels, ConstPanels, std::size_t, std::size_t, std::size_t, bool, const float*) {}
void bfloat16_multiply_transposed(Panels, ConstPanels, ConstPanels, std::size_t, std::size_t, std::size_t, bool) {}

}  // namespace aevb
#endif
