#include "math/gemm_builtin.h"

#include <cstddef>

#define AEVB_KERNEL_FILE "math/gemm_builtin.cc"
#include "math/foreach_target.h"
#include "math/simd.h"

AEVB_BEFORE_KERNELS

// A panel is VECTORS registers wide. A tile of rows × panel keeps its sums in registers: 24 of AVX-512's 32, 12 of AVX2's
// 16, 24 of NEON's 32; the others hold one row of the right operand and one element of the left.
#if AEVB_TARGET == AEVB_TARGET_AVX512
constexpr int VECTORS = 3;
constexpr int SUMS = 24;
#elif AEVB_TARGET == AEVB_TARGET_AVX2
constexpr int VECTORS = 2;
constexpr int SUMS = 12;
#elif AEVB_TARGET == AEVB_TARGET_NEON
constexpr int VECTORS = 3;
constexpr int SUMS = 24;
#else
constexpr int VECTORS = 16 / F32::size;
constexpr int SUMS = 2 * VECTORS;
#endif
constexpr std::size_t WIDTH = VECTORS * F32::size;

// How much of the summed dimension one pass over the tile's rows covers: the right operand's part of it, BLOCK × panel,
// stays in the first-level cache while the rows go by. A multiple of WIDTH.
constexpr std::size_t BLOCK = (96 / WIDTH) * WIDTH;

// Where element (row, k) of the left operand lies, counted from the tile's corner.
enum class Left { plain, transposed };

// c[ROWS, NV vectors] (+)= Σ_k a(·, k) b(k, ·) over `count` values of k. b advances by WIDTH for each k. A plain left
// operand lies in panels of its own: k runs through WIDTH columns, then on to the next panel, a_stride further.
template <int ROWS, int NV, Left LEFT>
AEVB_INLINE void tile(float* AEVB_RESTRICT c, const float* AEVB_RESTRICT a, std::size_t a_stride,
                      const float* AEVB_RESTRICT b, std::size_t count, bool accumulate) {
  F32 sum[ROWS][NV];
#pragma GCC unroll 32
  for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) sum[r][v] = accumulate ? load(c + r * WIDTH + v * F32::size) : zero();
  }
  while (count > 0) {
    const std::size_t run = LEFT == Left::transposed || count < WIDTH ? count : WIDTH;
    for (std::size_t k = 0; k < run; ++k) {
      F32 right[NV];
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) right[v] = load(b + v * F32::size);
#pragma GCC unroll 32
      for (int r = 0; r < ROWS; ++r) {
        const F32 left = set(LEFT == Left::transposed ? a[k * WIDTH + r] : a[r * WIDTH + k]);
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) sum[r][v] = fma(left, right[v], sum[r][v]);
      }
      b += WIDTH;
    }
    a += a_stride;
    count -= run;
  }
#pragma GCC unroll 32
  for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) store(c + r * WIDTH + v * F32::size, sum[r][v]);
  }
}

// All `rows` of one panel, NV vectors of it, over one block of k. The rows of a plain left operand are WIDTH apart, those
// of a transposed one are neighbours.
template <int NV, Left LEFT>
AEVB_INLINE void column_block(float* c, const float* a, std::size_t a_stride, const float* b, std::size_t rows,
                              std::size_t count, bool accumulate) {
  constexpr int MOST = SUMS / NV;
  constexpr std::size_t a_row = LEFT == Left::transposed ? 1 : WIDTH;
  std::size_t r = 0;
  for (; r + MOST <= rows; r += MOST) tile<MOST, NV, LEFT>(c + r * WIDTH, a + r * a_row, a_stride, b, count, accumulate);
  if constexpr (MOST > 8) {
    for (; r + 8 <= rows; r += 8) tile<8, NV, LEFT>(c + r * WIDTH, a + r * a_row, a_stride, b, count, accumulate);
  }
  if constexpr (MOST > 4) {
    for (; r + 4 <= rows; r += 4) tile<4, NV, LEFT>(c + r * WIDTH, a + r * a_row, a_stride, b, count, accumulate);
  }
  if constexpr (MOST > 2) {
    for (; r + 2 <= rows; r += 2) tile<2, NV, LEFT>(c + r * WIDTH, a + r * a_row, a_stride, b, count, accumulate);
  }
  for (; r < rows; ++r) tile<1, NV, LEFT>(c + r * WIDTH, a + r * a_row, a_stride, b, count, accumulate);
}

template <Left LEFT>
void column_panel(float* c, const float* a, std::size_t a_stride, const float* b, std::size_t rows, std::size_t count,
                  std::size_t cols, bool accumulate) {
  const std::size_t vectors = (cols + F32::size - 1) / F32::size;
  if (vectors >= VECTORS) {
    column_block<VECTORS, LEFT>(c, a, a_stride, b, rows, count, accumulate);
  } else if (VECTORS > 3 && vectors == 3) {
    column_block<VECTORS < 3 ? VECTORS : 3, LEFT>(c, a, a_stride, b, rows, count, accumulate);
  } else if (VECTORS > 2 && vectors == 2) {
    column_block<VECTORS < 2 ? VECTORS : 2, LEFT>(c, a, a_stride, b, rows, count, accumulate);
  } else {
    column_block<1, LEFT>(c, a, a_stride, b, rows, count, accumulate);
  }
}

void builtin_multiply(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                      bool accumulate) {
  for (std::size_t n = 0; n < N; n += WIDTH) {
    float* c_panel = c.data + n / WIDTH * c.stride;
    const float* b_panel = b.data + n / WIDTH * b.stride;
    for (std::size_t k = 0; k < K; k += BLOCK) {
      column_panel<Left::plain>(c_panel, a.data + k / WIDTH * a.stride, a.stride, b_panel + k * WIDTH, M,
                                K - k < BLOCK ? K - k : BLOCK, N - n, accumulate || k > 0);
    }
  }
}

void builtin_multiply_transposed(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                                 bool accumulate) {
  for (std::size_t n = 0; n < N; n += WIDTH) {
    for (std::size_t m = 0; m < M; m += BLOCK) {
      const float* b_block = b.data + n / WIDTH * b.stride + m * WIDTH;
      const std::size_t count = M - m < BLOCK ? M - m : BLOCK;
      for (std::size_t k = 0; k < K; k += WIDTH) {
        column_panel<Left::transposed>(c.data + n / WIDTH * c.stride + k * WIDTH,
                                       a.data + k / WIDTH * a.stride + m * WIDTH, 0, b_block,
                                       K - k < WIDTH ? K - k : WIDTH, count, N - n, accumulate || m > 0);
      }
    }
  }
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void builtin_multiply(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                      bool accumulate) {
  AEVB_DISPATCH(builtin_multiply)(c, a, b, M, K, N, accumulate);
}

void builtin_multiply_transposed(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                                 bool accumulate) {
  AEVB_DISPATCH(builtin_multiply_transposed)(c, a, b, M, K, N, accumulate);
}

}  // namespace aevb
#endif
