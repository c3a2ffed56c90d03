#include "math/gemm_builtin.h"

#include <bit>
#include <cstddef>
#include <cstdint>

#define AEVB_KERNEL_FILE "math/gemm_builtin.cc"
#include "math/foreach_target.h"
#include "math/simd.h"

AEVB_BEFORE_KERNELS

// A panel is VECTORS registers wide; a matrix of fewer columns has as many registers as it needs. A tile of rows ×
// panel keeps its sums in registers: 24 of AVX-512's 32, 12 of AVX2's 16, 24 of NEON's 32. The others hold one row
// of the right operand and one element of the left.
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

// How much of the summed dimension one pass over the tile's rows covers. The right operand's part of it, BLOCK ×
// panel, stays in the first-level cache during the pass. A multiple of WIDTH.
constexpr std::size_t BLOCK = (96 / WIDTH) * WIDTH;
// The same if the left operand is transposed: rows of a batch, so a power of two.
constexpr std::size_t ROWS_BLOCK = 128;

// The offset of element (row, k) of the left operand from the tile's corner.
enum class Left { plain, transposed };

// Rows of the left operand that share one word of a Zeros table. With fewer rows, more terms are skipped (29 % of
// MNIST's first layer remain for two rows, 47 % for eight). But a term has a cost beside its multiply-adds, and
// their number must be enough to hide the latency of one.
#if AEVB_TARGET == AEVB_TARGET_AVX512
constexpr int GROUP = 2;
#elif AEVB_TARGET == AEVB_TARGET_AVX2 || AEVB_TARGET == AEVB_TARGET_NEON
constexpr int GROUP = 4;
#else
constexpr int GROUP = 2;
#endif

// Values of k that one word describes: a panel of a plain left operand, or two runs of rows of a transposed one.
template <Left LEFT, int A>
constexpr std::size_t run_length() {
  return LEFT == Left::plain ? A * F32::size : 2 * ZEROS_RUN;
}

// The distance between two rows of a panel. A tile that is less than VECTORS wide is the last one of a wide matrix
// or the only one of a narrow one.
template <int NV>
AEVB_INLINE std::size_t pitch(std::size_t width) {
  return NV == VECTORS ? WIDTH : width;
}

// The initial values of the sums: a matrix in panels `stride` apart, its rows `pitch` apart. With a pitch of 0 all
// rows are the same; if data is null they are zero.
struct Start {
  const float* data;
  std::size_t stride, pitch;
};

// Which k of each run to skip for the GROUP rows that begin at a tile's row r: those whose bit is clear in word[run
// * run_stride + r / GROUP * group_stride]. Without a table, none.
struct Skip {
  const std::uint64_t* word;
  std::size_t run_stride, group_stride;
};

// The vectors of a tile: whole ones or, with AVX-512 and if it has enough lanes for all columns, half of one.
// Multiply-adds of halves take half the time on processors that execute a whole vector as two halves (Zen 4).
struct Whole {
  using Vector = F32;
  AEVB_INLINE F32 zero() { return AEVB_NAMESPACE::zero(); }
  AEVB_INLINE F32 set(float value) { return AEVB_NAMESPACE::set(value); }
  AEVB_INLINE F32 load(const float* from) { return AEVB_NAMESPACE::load(from); }
};
#if AEVB_TARGET == AEVB_TARGET_AVX512
struct Half {
  using Vector = HalfF32;
  AEVB_INLINE HalfF32 zero() { return zero_half(); }
  AEVB_INLINE HalfF32 set(float value) { return set_half(value); }
  AEVB_INLINE HalfF32 load(const float* from) { return load_half(from); }
};
#else
using Half = Whole;
#endif
template <typename Lanes>
constexpr std::size_t SIZE = Lanes::Vector::size;

// sum += a(·, k) b(k, ·); the left operand's panels are A vectors wide.
template <typename Lanes, int ROWS, int NV, Left LEFT, int A>
AEVB_INLINE void accumulate_one(typename Lanes::Vector (&sum)[ROWS][NV], const float* AEVB_RESTRICT a,
                                const float* AEVB_RESTRICT b, std::size_t b_pitch, std::size_t k) {
  constexpr std::size_t A_WIDTH = A * F32::size;
  typename Lanes::Vector right[NV];
#pragma GCC unroll 4
  for (int v = 0; v < NV; ++v) right[v] = Lanes::load(b + k * b_pitch + v * SIZE<Lanes>);
#pragma GCC unroll 32
  for (int r = 0; r < ROWS; ++r) {
    const typename Lanes::Vector left = Lanes::set(LEFT == Left::transposed ? a[k * A_WIDTH + r] : a[r * A_WIDTH + k]);
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) sum[r][v] = fma(left, right[v], sum[r][v]);
  }
}

// c[ROWS, NV vectors] = start + Σ_k a(·, k) b(k, ·) over `count` values of k. k goes through the left operand in
// runs, each a_stride after the one before. Only the pitch is read of the right operand's and the result's panels.
template <typename Lanes, int ROWS, int NV, Left LEFT, int A, bool SKIP>
AEVB_INLINE void tile(float* c, std::size_t c_pitch, const float* AEVB_RESTRICT a, std::size_t a_stride,
                      const float* AEVB_RESTRICT b, std::size_t b_pitch, std::size_t count, Start start, Skip skip) {
  constexpr std::size_t RUN = run_length<LEFT, A>();
  typename Lanes::Vector sum[ROWS][NV];
#pragma GCC unroll 32
  for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) {
      sum[r][v] = start.data == nullptr ? Lanes::zero() : Lanes::load(start.data + r * start.pitch + v * SIZE<Lanes>);
    }
  }
  while (count > 0) {
    const std::size_t run = count < RUN ? count : RUN;
    if constexpr (SKIP) {
      std::uint64_t left = skip.word[0];
      if (LEFT == Left::transposed && count > ZEROS_RUN) left |= skip.word[1] << ZEROS_RUN;
      skip.word += skip.run_stride;
      for (; left != 0; left &= left - 1) {
        accumulate_one<Lanes, ROWS, NV, LEFT, A>(sum, a, b, b_pitch, static_cast<std::size_t>(std::countr_zero(left)));
      }
    } else {
      for (std::size_t k = 0; k < run; ++k) accumulate_one<Lanes, ROWS, NV, LEFT, A>(sum, a, b, b_pitch, k);
    }
    a += a_stride;
    b += run * b_pitch;
    count -= run;
  }
#pragma GCC unroll 32
  for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) store(c + r * c_pitch + v * SIZE<Lanes>, sum[r][v]);
  }
}

AEVB_INLINE Start from_row(Start start, std::size_t row) {
  if (start.data != nullptr) start.data += row * start.pitch;
  return start;
}

AEVB_INLINE Start from_panel(Start start, std::size_t panel) {
  if (start.data != nullptr) start.data += panel * start.stride;
  return start;
}

template <bool SKIP>
AEVB_INLINE Skip from_row(Skip skip, std::size_t row) {
  if constexpr (SKIP) skip.word += row / GROUP * skip.group_stride;
  return skip;
}

// One panel of the result and of the right operand, and the terms of the left one that are summed.
struct Block {
  float* c;
  std::size_t c_pitch;
  const float* a;
  std::size_t a_stride;
  const float* b;
  std::size_t b_pitch;
  std::size_t rows, count;
  Start start;
  Skip skip;
};

// As many tiles of ROWS as there are rows left. The rows of a plain left operand are a panel's width apart; those of
// a transposed one are adjacent.
template <typename Lanes, int ROWS, int NV, Left LEFT, int A, bool SKIP>
AEVB_INLINE std::size_t tiles(const Block& block, std::size_t r) {
  constexpr std::size_t A_ROW = LEFT == Left::transposed ? 1 : A * F32::size;
  const std::size_t c_pitch = pitch<NV>(block.c_pitch), b_pitch = pitch<NV>(block.b_pitch);
  for (; r + ROWS <= block.rows; r += ROWS) {
    tile<Lanes, ROWS, NV, LEFT, A, SKIP>(block.c + r * c_pitch, c_pitch, block.a + r * A_ROW, block.a_stride, block.b,
                                         b_pitch, block.count, from_row(block.start, r), from_row<SKIP>(block.skip, r));
  }
  return r;
}

// All rows, NV vectors of the panel.
template <typename Lanes, int NV, Left LEFT, int A, bool SKIP>
AEVB_INLINE void column_block(const Block& block) {
  // With a table a tile is one group of it, or at the end a part of one.
  constexpr int MOST = SKIP ? GROUP : SUMS / NV;
  std::size_t r = tiles<Lanes, MOST, NV, LEFT, A, SKIP>(block, 0);
  if constexpr (MOST > 8 && (!SKIP || 8 % GROUP == 0)) r = tiles<Lanes, 8, NV, LEFT, A, SKIP>(block, r);
  if constexpr (MOST > 4 && (!SKIP || GROUP % 4 == 0)) r = tiles<Lanes, 4, NV, LEFT, A, SKIP>(block, r);
  if constexpr (MOST > 2 && (!SKIP || GROUP % 2 == 0)) r = tiles<Lanes, 2, NV, LEFT, A, SKIP>(block, r);
  if constexpr (MOST > 1) tiles<Lanes, 1, NV, LEFT, A, SKIP>(block, r);
}

template <Left LEFT, int A, bool SKIP>
AEVB_INLINE void column_panel(const Block& block, std::size_t cols) {
  const std::size_t vectors = (cols + F32::size - 1) / F32::size;
  if (vectors >= VECTORS) {
    column_block<Whole, VECTORS, LEFT, A, SKIP>(block);
  } else if (VECTORS > 3 && vectors == 3) {
    column_block < Whole, VECTORS<3 ? VECTORS : 3, LEFT, A, SKIP>(block);
  } else if (VECTORS > 2 && vectors == 2) {
    column_block < Whole, VECTORS<2 ? VECTORS : 2, LEFT, A, SKIP>(block);
  } else if (cols > SIZE<Half>) {
    column_block<Whole, 1, LEFT, A, SKIP>(block);
  } else {
    column_block<Half, 1, LEFT, A, SKIP>(block);
  }
}

// A single row has too few sums in one panel to hide the latency of a multiply-add, so it works on up to ROW_PANELS
// panels at once. Each sum goes over k in the same order as in a tile.
constexpr int ROW_PANELS = SUMS / VECTORS < 6 ? SUMS / VECTORS : 6;

// c[1, PANELS panels, the last of LAST vectors] (+)= Σ_k a(0, k) b(k, ·).
template <int PANELS, int LAST, bool SKIP>
AEVB_INLINE void row_tile(Panels c, ConstPanels a, ConstPanels b, std::size_t count, Start start, Skip skip) {
  constexpr int VALUES = (PANELS - 1) * VECTORS + LAST;
  F32 sum[VALUES];
#pragma GCC unroll 32
  for (int v = 0; v < VALUES; ++v) {
    sum[v] = start.data == nullptr ? zero() : load(start.data + v / VECTORS * start.stride + v % VECTORS * F32::size);
  }
  // Only a matrix of one panel may be narrow.
  constexpr int NV = PANELS > 1 ? VECTORS : LAST;
  const std::size_t b_pitch = pitch<NV>(b.width);
  const float* a_run = a.data;
  const float* b_run = b.data;
  for (std::size_t k = 0; k < count; k += a.width) {
    const std::size_t run = count - k < a.width ? count - k : a.width;
    // All bits of a run: none is beyond 63, because no panel is that wide.
    std::uint64_t left = SKIP ? *skip.word : (std::uint64_t{1} << run) - 1;
    skip.word += SKIP ? skip.run_stride : 0;
    for (; left != 0; left &= left - 1) {
      const auto i = static_cast<std::size_t>(std::countr_zero(left));
      const F32 factor = set(a_run[i]);
      const float* b_row = b_run + i * b_pitch;
#pragma GCC unroll 32
      for (int v = 0; v < VALUES; ++v) {
        sum[v] = fma(factor, load(b_row + v / VECTORS * b.stride + v % VECTORS * F32::size), sum[v]);
      }
    }
    a_run += a.stride;
    b_run += run * b_pitch;
  }
#pragma GCC unroll 32
  for (int v = 0; v < VALUES; ++v) store(c.data + v / VECTORS * c.stride + v % VECTORS * F32::size, sum[v]);
}

template <int PANELS, bool SKIP>
AEVB_INLINE void row_panels(Panels c, ConstPanels a, ConstPanels b, std::size_t count, std::size_t panels,
                            std::size_t last, Start start, Skip skip) {
  if (panels < PANELS) {
    if constexpr (PANELS > 1) row_panels<PANELS - 1, SKIP>(c, a, b, count, panels, last, start, skip);
  } else if (last == VECTORS) {
    row_tile<PANELS, VECTORS, SKIP>(c, a, b, count, start, skip);
  } else if (VECTORS > 3 && last == 3) {
    row_tile < PANELS, VECTORS<3 ? VECTORS : 3, SKIP>(c, a, b, count, start, skip);
  } else if (VECTORS > 2 && last == 2) {
    row_tile < PANELS, VECTORS<2 ? VECTORS : 2, SKIP>(c, a, b, count, start, skip);
  } else {
    row_tile<PANELS, 1, SKIP>(c, a, b, count, start, skip);
  }
}

template <bool SKIP>
AEVB_INLINE void multiply_row(Panels c, ConstPanels a, ConstPanels b, std::size_t K, std::size_t N, Start start,
                              Zeros zeros) {
  const std::size_t panels = (N + WIDTH - 1) / WIDTH;
  const std::size_t vectors = (N + F32::size - 1) / F32::size;
  // Panels in equal chunks: one panel left over would take as long as a full chunk.
  const std::size_t parts = (panels + ROW_PANELS - 1) / ROW_PANELS;
  for (std::size_t i = 0; i < parts; ++i) {
    const std::size_t first = i * panels / parts, end = (i + 1) * panels / parts;
    const std::size_t last = end < panels ? VECTORS : vectors - (panels - 1) * VECTORS;
    row_panels<ROW_PANELS, SKIP>(c.from_panel(first), a, b.from_panel(first), K, end - first, last,
                                 from_panel(start, first), Skip{zeros.rows, zeros.rows_stride, 1});
  }
}

// Products whose left operand has panels of A vectors.
struct Multiply {
  template <int A, bool SKIP>
  AEVB_INLINE void run(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N, Start start,
                       Zeros zeros) {
    if (M == 1) return multiply_row<SKIP>(c, a, b, K, N, start, zeros);
    for (std::size_t n = 0; n < N; n += WIDTH) {
      float* c_panel = c.data + n / WIDTH * c.stride;
      const float* b_panel = b.data + n / WIDTH * b.stride;
      for (std::size_t k = 0; k < K; k += BLOCK) {
        const Skip skip{SKIP ? zeros.rows + k / WIDTH * zeros.rows_stride : nullptr, zeros.rows_stride, 1};
        const Block block{c_panel,
                          c.width,
                          a.data + k / (A * F32::size) * a.stride,
                          a.stride,
                          b_panel + k * b.width,
                          b.width,
                          M,
                          K - k < BLOCK ? K - k : BLOCK,
                          k > 0 ? Start{c_panel, 0, c.width} : from_panel(start, n / WIDTH),
                          skip};
        column_panel<Left::plain, A, SKIP>(block, N - n);
      }
    }
  }
};

struct MultiplyTransposed {
  template <int A, bool SKIP>
  AEVB_INLINE void run(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N, Start start,
                       Zeros zeros) {
    constexpr std::size_t GROUPS = (WIDTH + GROUP - 1) / GROUP;
    constexpr std::size_t A_WIDTH = A * F32::size;
    for (std::size_t n = 0; n < N; n += WIDTH) {
      for (std::size_t m = 0; m < M; m += ROWS_BLOCK) {
        const float* b_block = b.data + n / WIDTH * b.stride + m * b.width;
        const std::size_t count = M - m < ROWS_BLOCK ? M - m : ROWS_BLOCK;
        for (std::size_t k = 0; k < K; k += A_WIDTH) {
          const Skip skip{SKIP ? zeros.columns + k / WIDTH * GROUPS * zeros.columns_stride + m / ZEROS_RUN : nullptr, 2,
                          zeros.columns_stride};
          float* c_tile = c.data + n / WIDTH * c.stride + k * c.width;
          const Block block{c_tile,
                            c.width,
                            a.data + k / A_WIDTH * a.stride + m * A_WIDTH,
                            2 * ZEROS_RUN * A_WIDTH,
                            b_block,
                            b.width,
                            K - k < A_WIDTH ? K - k : A_WIDTH,
                            count,
                            m > 0 ? Start{c_tile, 0, c.width} : from_row(from_panel(start, n / WIDTH), k),
                            skip};
          column_panel<Left::transposed, A, SKIP>(block, N - n);
        }
      }
    }
  }
};

template <typename Product>
AEVB_INLINE void for_width(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                           Start start, Zeros zeros) {
  if (zeros.rows != nullptr || zeros.columns != nullptr) {  // a table exists only for whole panels
    Product::template run<VECTORS, true>(c, a, b, M, K, N, start, zeros);
  } else if (a.width == WIDTH) {
    Product::template run<VECTORS, false>(c, a, b, M, K, N, start, zeros);
  } else if (VECTORS > 3 && a.width == 3 * F32::size) {
    Product::template run < VECTORS<3 ? VECTORS : 3, false>(c, a, b, M, K, N, start, zeros);
  } else if (VECTORS > 2 && a.width == 2 * F32::size) {
    Product::template run < VECTORS<2 ? VECTORS : 2, false>(c, a, b, M, K, N, start, zeros);
  } else {
    Product::template run<1, false>(c, a, b, M, K, N, start, zeros);
  }
}

void builtin_multiply(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                      bool accumulate, Zeros zeros, const float* bias) {
  const Start start = accumulate ? Start{c.data, c.stride, c.width} : Start{bias, WIDTH, 0};
  for_width<Multiply>(c, a, b, M, K, N, start, zeros);
}

void builtin_multiply_transposed(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                                 bool accumulate, Zeros zeros) {
  const Start start = accumulate ? Start{c.data, c.stride, c.width} : Start{};
  for_width<MultiplyTransposed>(c, a, b, M, K, N, start, zeros);
}

// One panel of the data: a word for each group of rows, and a bit for this run in the words of each group of
// columns.
AEVB_INLINE TermCounts find_zeros_in_panel(std::uint64_t* rows, std::uint64_t* columns, std::size_t columns_stride,
                                           const float* panel, std::size_t count, std::size_t cols) {
  constexpr int GROUPS = (WIDTH + GROUP - 1) / GROUP;
  constexpr std::uint64_t GROUP_BITS = (std::uint64_t{1} << GROUP) - 1;
  const std::uint64_t valid = (std::uint64_t{1} << cols) - 1;
  std::uint64_t of_columns[GROUPS] = {};
  TermCounts terms;
  for (std::size_t r = 0; r < count; ++r) {
    std::uint64_t bits = 0;
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v) {
      const std::uint64_t lanes = nonzero_lanes(load(panel + r * WIDTH + v * F32::size));
      bits |= lanes << (v * F32::size);
    }
    bits &= valid;
    rows[r / GROUP] = r % GROUP == 0 ? bits : rows[r / GROUP] | bits;
    if (r % GROUP == GROUP - 1 || r + 1 == count)
      terms.of_rows += static_cast<std::size_t>(std::popcount(rows[r / GROUP]));
    if (columns == nullptr) continue;
    for (int g = 0; g < GROUPS; ++g) {
      of_columns[g] |= static_cast<std::uint64_t>(((bits >> (g * GROUP)) & GROUP_BITS) != 0) << (r % ZEROS_RUN);
    }
    if (r % ZEROS_RUN == ZEROS_RUN - 1 || r + 1 == count) {
      for (int g = 0; g < GROUPS; ++g) {
        columns[g * columns_stride + r / ZEROS_RUN] = of_columns[g];
        terms.of_columns += static_cast<std::size_t>(std::popcount(of_columns[g]));
        of_columns[g] = 0;
      }
    }
  }
  return terms;
}

TermCounts builtin_find_zeros(std::uint64_t* rows, std::size_t rows_stride, std::uint64_t* columns,
                              std::size_t columns_stride, ConstPanels x, std::size_t R, std::size_t C) {
  constexpr std::size_t GROUPS = (WIDTH + GROUP - 1) / GROUP;
  TermCounts terms;
  for (std::size_t c = 0; c < C; c += WIDTH) {
    const std::size_t panel = c / WIDTH;
    const TermCounts of_panel = find_zeros_in_panel(
        rows + panel * rows_stride, columns == nullptr ? nullptr : columns + panel * GROUPS * columns_stride,
        columns_stride, x.data + panel * x.stride, R, C - c < WIDTH ? C - c : WIDTH);
    terms.of_rows += of_panel.of_rows;
    terms.of_columns += of_panel.of_columns;
  }
  terms.all_of_rows = (R + GROUP - 1) / GROUP * C;
  terms.all_of_columns = (C + GROUP - 1) / GROUP * R;
  return terms;
}

std::size_t builtin_column_groups(std::size_t C) { return (C + WIDTH - 1) / WIDTH * ((WIDTH + GROUP - 1) / GROUP); }

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void builtin_multiply(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                      bool accumulate, Zeros zeros, const float* bias) {
  AEVB_DISPATCH(builtin_multiply)(c, a, b, M, K, N, accumulate, zeros, bias);
}

void builtin_multiply_transposed(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                                 bool accumulate, Zeros zeros) {
  AEVB_DISPATCH(builtin_multiply_transposed)(c, a, b, M, K, N, accumulate, zeros);
}

TermCounts builtin_find_zeros(std::uint64_t* rows, std::size_t rows_stride, std::uint64_t* columns,
                              std::size_t columns_stride, ConstPanels x, std::size_t R, std::size_t C) {
  return AEVB_DISPATCH(builtin_find_zeros)(rows, rows_stride, columns, columns_stride, x, R, C);
}

std::size_t builtin_column_groups(std::size_t C) { return AEVB_DISPATCH(builtin_column_groups)(C); }

}  // namespace aevb
#endif
