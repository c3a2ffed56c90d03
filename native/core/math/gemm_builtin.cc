#include "math/gemm_builtin.h"

#include <bit>
#include <cstddef>
#include <cstdint>

#define AEVB_KERNEL_FILE "math/gemm_builtin.cc"
#include "math/foreach_target.h"
#include "math/simd.h"

AEVB_BEFORE_KERNELS

// A panel is VECTORS registers wide. A tile of rows × panel keeps its sums in registers: 24 of AVX-512's 32, 12 of
// AVX2's 16, 24 of NEON's 32; the others hold one row of the right operand and one element of the left.
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
// The same where the left operand is transposed: rows of a batch, so a power of two.
constexpr std::size_t ROWS_BLOCK = 128;

// Where element (row, k) of the left operand lies, counted from the tile's corner.
enum class Left { plain, transposed };

// Rows of the left operand that share one word of a Zeros table. The fewer, the more terms are left out (of MNIST's
// first layer 29 % remain for two rows, 47 % for eight); but a term costs something beside its multiply-adds, and their
// sums must be enough to hide how long one takes.
#if AEVB_TARGET == AEVB_TARGET_AVX512
constexpr int GROUP = 2;
#elif AEVB_TARGET == AEVB_TARGET_AVX2 || AEVB_TARGET == AEVB_TARGET_NEON
constexpr int GROUP = 4;
#else
constexpr int GROUP = 2;
#endif

// Values of k that one word says all about: a plain left operand's panel, or two runs of rows of a transposed one.
template <Left LEFT>
constexpr std::size_t run_length() {
  return LEFT == Left::plain ? WIDTH : 2 * ZEROS_RUN;
}

// Which k of each run to leave out for the GROUP rows that begin at a tile's row r: those whose bit is clear in
// word[run * run_stride + r / GROUP * group_stride]. Without a table, none.
struct Skip {
  const std::uint64_t* word;
  std::size_t run_stride, group_stride;
};

// sum += a(·, k) b(k, ·)
template <int ROWS, int NV, Left LEFT>
AEVB_INLINE void accumulate_one(F32 (&sum)[ROWS][NV], const float* AEVB_RESTRICT a, const float* AEVB_RESTRICT b,
                                std::size_t k) {
  F32 right[NV];
#pragma GCC unroll 4
  for (int v = 0; v < NV; ++v) right[v] = load(b + k * WIDTH + v * F32::size);
#pragma GCC unroll 32
  for (int r = 0; r < ROWS; ++r) {
    const F32 left = set(LEFT == Left::transposed ? a[k * WIDTH + r] : a[r * WIDTH + k]);
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) sum[r][v] = fma(left, right[v], sum[r][v]);
  }
}

// c[ROWS, NV vectors] (+)= Σ_k a(·, k) b(k, ·) over `count` values of k. b advances by WIDTH for each k. k goes through
// the left operand in runs, each a_stride further than the one before.
template <int ROWS, int NV, Left LEFT, bool SKIP>
AEVB_INLINE void tile(float* AEVB_RESTRICT c, const float* AEVB_RESTRICT a, std::size_t a_stride,
                      const float* AEVB_RESTRICT b, std::size_t count, bool accumulate, Skip skip) {
  constexpr std::size_t RUN = run_length<LEFT>();
  F32 sum[ROWS][NV];
#pragma GCC unroll 32
  for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) sum[r][v] = accumulate ? load(c + r * WIDTH + v * F32::size) : zero();
  }
  while (count > 0) {
    const std::size_t run = count < RUN ? count : RUN;
    if constexpr (SKIP) {
      std::uint64_t left = skip.word[0];
      if (LEFT == Left::transposed && count > ZEROS_RUN) left |= skip.word[1] << ZEROS_RUN;
      skip.word += skip.run_stride;
      for (; left != 0; left &= left - 1) {
        accumulate_one<ROWS, NV, LEFT>(sum, a, b, static_cast<std::size_t>(std::countr_zero(left)));
      }
    } else {
      for (std::size_t k = 0; k < run; ++k) accumulate_one<ROWS, NV, LEFT>(sum, a, b, k);
    }
    a += a_stride;
    b += run * WIDTH;
    count -= run;
  }
#pragma GCC unroll 32
  for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) store(c + r * WIDTH + v * F32::size, sum[r][v]);
  }
}

template <bool SKIP>
AEVB_INLINE Skip from_row(Skip skip, std::size_t row) {
  if constexpr (SKIP) skip.word += row / GROUP * skip.group_stride;
  return skip;
}

// All `rows` of one panel, NV vectors of it, over one block of k. The rows of a plain left operand are WIDTH apart,
// those of a transposed one are neighbours.
template <int NV, Left LEFT, bool SKIP>
AEVB_INLINE void column_block(float* c, const float* a, std::size_t a_stride, const float* b, std::size_t rows,
                              std::size_t count, bool accumulate, Skip skip) {
  // With a table a tile is one group of it, or at the end a part of one.
  constexpr int MOST = SKIP ? GROUP : SUMS / NV;
  constexpr std::size_t a_row = LEFT == Left::transposed ? 1 : WIDTH;
  std::size_t r = 0;
  for (; r + MOST <= rows; r += MOST) {
    tile<MOST, NV, LEFT, SKIP>(c + r * WIDTH, a + r * a_row, a_stride, b, count, accumulate, from_row<SKIP>(skip, r));
  }
  if constexpr (MOST > 8 && (!SKIP || 8 % GROUP == 0)) {
    for (; r + 8 <= rows; r += 8) {
      tile<8, NV, LEFT, SKIP>(c + r * WIDTH, a + r * a_row, a_stride, b, count, accumulate, from_row<SKIP>(skip, r));
    }
  }
  if constexpr (MOST > 4 && (!SKIP || GROUP % 4 == 0)) {
    for (; r + 4 <= rows; r += 4) {
      tile<4, NV, LEFT, SKIP>(c + r * WIDTH, a + r * a_row, a_stride, b, count, accumulate, from_row<SKIP>(skip, r));
    }
  }
  if constexpr (MOST > 2 && (!SKIP || GROUP % 2 == 0)) {
    for (; r + 2 <= rows; r += 2) {
      tile<2, NV, LEFT, SKIP>(c + r * WIDTH, a + r * a_row, a_stride, b, count, accumulate, from_row<SKIP>(skip, r));
    }
  }
  for (; r + 1 <= rows; r += 1) {
    tile<1, NV, LEFT, SKIP>(c + r * WIDTH, a + r * a_row, a_stride, b, count, accumulate, from_row<SKIP>(skip, r));
  }
}

template <Left LEFT, bool SKIP>
AEVB_INLINE void column_panel(float* c, const float* a, std::size_t a_stride, const float* b, std::size_t rows,
                              std::size_t count, std::size_t cols, bool accumulate, Skip skip) {
  const std::size_t vectors = (cols + F32::size - 1) / F32::size;
  if (vectors >= VECTORS) {
    column_block<VECTORS, LEFT, SKIP>(c, a, a_stride, b, rows, count, accumulate, skip);
  } else if (VECTORS > 3 && vectors == 3) {
    column_block < VECTORS<3 ? VECTORS : 3, LEFT, SKIP>(c, a, a_stride, b, rows, count, accumulate, skip);
  } else if (VECTORS > 2 && vectors == 2) {
    column_block < VECTORS<2 ? VECTORS : 2, LEFT, SKIP>(c, a, a_stride, b, rows, count, accumulate, skip);
  } else {
    column_block<1, LEFT, SKIP>(c, a, a_stride, b, rows, count, accumulate, skip);
  }
}

// A single row has too few sums in one panel to hide how long a multiply-add takes, so it takes up to ROW_PANELS of
// them side by side. Each sum goes over k in the same order as in a tile.
constexpr int ROW_PANELS = SUMS / VECTORS < 6 ? SUMS / VECTORS : 6;

// c[1, PANELS panels, the last of LAST vectors] (+)= Σ_k a(0, k) b(k, ·).
template <int PANELS, int LAST, bool SKIP>
AEVB_INLINE void row_tile(Panels c, ConstPanels a, ConstPanels b, std::size_t count, bool accumulate, Skip skip) {
  constexpr int VALUES = (PANELS - 1) * VECTORS + LAST;
  F32 sum[VALUES];
#pragma GCC unroll 32
  for (int v = 0; v < VALUES; ++v) {
    sum[v] = accumulate ? load(c.data + v / VECTORS * c.stride + v % VECTORS * F32::size) : zero();
  }
  const float* a_run = a.data;
  const float* b_run = b.data;
  for (std::size_t k = 0; k < count; k += WIDTH) {
    const std::size_t run = count - k < WIDTH ? count - k : WIDTH;
    // All of a run: none of its bits is beyond 63, for no panel is so wide.
    std::uint64_t left = SKIP ? *skip.word : (std::uint64_t{1} << run) - 1;
    skip.word += SKIP ? skip.run_stride : 0;
    for (; left != 0; left &= left - 1) {
      const auto i = static_cast<std::size_t>(std::countr_zero(left));
      const F32 factor = set(a_run[i]);
      const float* b_row = b_run + i * WIDTH;
#pragma GCC unroll 32
      for (int v = 0; v < VALUES; ++v) {
        sum[v] = fma(factor, load(b_row + v / VECTORS * b.stride + v % VECTORS * F32::size), sum[v]);
      }
    }
    a_run += a.stride;
    b_run += run * WIDTH;
  }
#pragma GCC unroll 32
  for (int v = 0; v < VALUES; ++v) store(c.data + v / VECTORS * c.stride + v % VECTORS * F32::size, sum[v]);
}

template <int PANELS, bool SKIP>
AEVB_INLINE void row_panels(Panels c, ConstPanels a, ConstPanels b, std::size_t count, std::size_t panels,
                            std::size_t last, bool accumulate, Skip skip) {
  if (panels < PANELS) {
    if constexpr (PANELS > 1) row_panels<PANELS - 1, SKIP>(c, a, b, count, panels, last, accumulate, skip);
  } else if (last == VECTORS) {
    row_tile<PANELS, VECTORS, SKIP>(c, a, b, count, accumulate, skip);
  } else if (VECTORS > 3 && last == 3) {
    row_tile < PANELS, VECTORS<3 ? VECTORS : 3, SKIP>(c, a, b, count, accumulate, skip);
  } else if (VECTORS > 2 && last == 2) {
    row_tile < PANELS, VECTORS<2 ? VECTORS : 2, SKIP>(c, a, b, count, accumulate, skip);
  } else {
    row_tile<PANELS, 1, SKIP>(c, a, b, count, accumulate, skip);
  }
}

template <bool SKIP>
AEVB_INLINE void multiply_row(Panels c, ConstPanels a, ConstPanels b, std::size_t K, std::size_t N, bool accumulate,
                              Zeros zeros) {
  const std::size_t panels = (N + WIDTH - 1) / WIDTH;
  const std::size_t vectors = (N + F32::size - 1) / F32::size;
  // Shared out evenly: one panel left over would take as long as many.
  const std::size_t stretches = (panels + ROW_PANELS - 1) / ROW_PANELS;
  for (std::size_t i = 0; i < stretches; ++i) {
    const std::size_t first = i * panels / stretches, end = (i + 1) * panels / stretches;
    const std::size_t last = end < panels ? VECTORS : vectors - (panels - 1) * VECTORS;
    row_panels<ROW_PANELS, SKIP>(c.from_panel(first), a, b.from_panel(first), K, end - first, last, accumulate,
                                 Skip{zeros.rows, zeros.rows_stride, 1});
  }
}

template <bool SKIP>
AEVB_INLINE void multiply_panels(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                                 bool accumulate, Zeros zeros) {
  if (M == 1) return multiply_row<SKIP>(c, a, b, K, N, accumulate, zeros);
  for (std::size_t n = 0; n < N; n += WIDTH) {
    float* c_panel = c.data + n / WIDTH * c.stride;
    const float* b_panel = b.data + n / WIDTH * b.stride;
    for (std::size_t k = 0; k < K; k += BLOCK) {
      const Skip skip{SKIP ? zeros.rows + k / WIDTH * zeros.rows_stride : nullptr, zeros.rows_stride, 1};
      column_panel<Left::plain, SKIP>(c_panel, a.data + k / WIDTH * a.stride, a.stride, b_panel + k * WIDTH, M,
                                      K - k < BLOCK ? K - k : BLOCK, N - n, accumulate || k > 0, skip);
    }
  }
}

void builtin_multiply(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                      bool accumulate, Zeros zeros) {
  if (zeros.rows != nullptr) {
    multiply_panels<true>(c, a, b, M, K, N, accumulate, zeros);
  } else {
    multiply_panels<false>(c, a, b, M, K, N, accumulate, zeros);
  }
}

template <bool SKIP>
AEVB_INLINE void multiply_panels_transposed(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K,
                                            std::size_t N, bool accumulate, Zeros zeros) {
  constexpr std::size_t GROUPS = (WIDTH + GROUP - 1) / GROUP;
  for (std::size_t n = 0; n < N; n += WIDTH) {
    for (std::size_t m = 0; m < M; m += ROWS_BLOCK) {
      const float* b_block = b.data + n / WIDTH * b.stride + m * WIDTH;
      const std::size_t count = M - m < ROWS_BLOCK ? M - m : ROWS_BLOCK;
      for (std::size_t k = 0; k < K; k += WIDTH) {
        const Skip skip{SKIP ? zeros.columns + k / WIDTH * GROUPS * zeros.columns_stride + m / ZEROS_RUN : nullptr, 2,
                        zeros.columns_stride};
        column_panel<Left::transposed, SKIP>(c.data + n / WIDTH * c.stride + k * WIDTH,
                                             a.data + k / WIDTH * a.stride + m * WIDTH, 2 * ZEROS_RUN * WIDTH, b_block,
                                             K - k < WIDTH ? K - k : WIDTH, count, N - n, accumulate || m > 0, skip);
      }
    }
  }
}

void builtin_multiply_transposed(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                                 bool accumulate, Zeros zeros) {
  if (zeros.columns != nullptr) {
    multiply_panels_transposed<true>(c, a, b, M, K, N, accumulate, zeros);
  } else {
    multiply_panels_transposed<false>(c, a, b, M, K, N, accumulate, zeros);
  }
}

// One panel of the data: a word a group of rows, and a bit for this run in the words of each group of columns.
AEVB_INLINE void find_zeros_in_panel(std::uint64_t* rows, std::uint64_t* columns, std::size_t columns_stride,
                                     const float* panel, std::size_t count, std::size_t cols) {
  constexpr int GROUPS = (WIDTH + GROUP - 1) / GROUP;
  constexpr std::uint64_t GROUP_BITS = (std::uint64_t{1} << GROUP) - 1;
  const std::uint64_t valid = (std::uint64_t{1} << cols) - 1;
  std::uint64_t of_columns[GROUPS] = {};
  for (std::size_t r = 0; r < count; ++r) {
    std::uint64_t bits = 0;
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v) {
      const std::uint64_t lanes = nonzero_lanes(load(panel + r * WIDTH + v * F32::size));
      bits |= lanes << (v * F32::size);
    }
    bits &= valid;
    rows[r / GROUP] = r % GROUP == 0 ? bits : rows[r / GROUP] | bits;
    if (columns == nullptr) continue;
    for (int g = 0; g < GROUPS; ++g) {
      of_columns[g] |= static_cast<std::uint64_t>(((bits >> (g * GROUP)) & GROUP_BITS) != 0) << (r % ZEROS_RUN);
    }
    if (r % ZEROS_RUN == ZEROS_RUN - 1 || r + 1 == count) {
      for (int g = 0; g < GROUPS; ++g) {
        columns[g * columns_stride + r / ZEROS_RUN] = of_columns[g];
        of_columns[g] = 0;
      }
    }
  }
}

void builtin_find_zeros(std::uint64_t* rows, std::size_t rows_stride, std::uint64_t* columns,
                        std::size_t columns_stride, ConstPanels x, std::size_t R, std::size_t C) {
  constexpr std::size_t GROUPS = (WIDTH + GROUP - 1) / GROUP;
  for (std::size_t c = 0; c < C; c += WIDTH) {
    const std::size_t panel = c / WIDTH;
    find_zeros_in_panel(rows + panel * rows_stride,
                        columns == nullptr ? nullptr : columns + panel * GROUPS * columns_stride, columns_stride,
                        x.data + panel * x.stride, R, C - c < WIDTH ? C - c : WIDTH);
  }
}

std::size_t builtin_column_groups(std::size_t C) { return (C + WIDTH - 1) / WIDTH * ((WIDTH + GROUP - 1) / GROUP); }

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void builtin_multiply(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                      bool accumulate, Zeros zeros) {
  AEVB_DISPATCH(builtin_multiply)(c, a, b, M, K, N, accumulate, zeros);
}

void builtin_multiply_transposed(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                                 bool accumulate, Zeros zeros) {
  AEVB_DISPATCH(builtin_multiply_transposed)(c, a, b, M, K, N, accumulate, zeros);
}

void builtin_find_zeros(std::uint64_t* rows, std::size_t rows_stride, std::uint64_t* columns,
                        std::size_t columns_stride, ConstPanels x, std::size_t R, std::size_t C) {
  AEVB_DISPATCH(builtin_find_zeros)(rows, rows_stride, columns, columns_stride, x, R, C);
}

std::size_t builtin_column_groups(std::size_t C) { return AEVB_DISPATCH(builtin_column_groups)(C); }

}  // namespace aevb
#endif
