#include "layers/winograd_kernels.h"

#include <cstddef>
#include <cstdint>

#include "layers/correlation.h"

#define AEVB_KERNEL_FILE "layers/winograd_kernels.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
// Included after math/simd_lanes.h, whose vectors it uses.
#include "layers/correlation_tile.h"

AEVB_BEFORE_KERNELS

// No member functions or constexpr functions of headers: see foreach_target.h.
constexpr std::size_t PRODUCTS = 16, PIECES = 16;
AEVB_INLINE std::size_t stride_of(std::size_t channels) { return PIECES * channels + 16; }

struct Piece {
  std::size_t image, row, col;
};
AEVB_INLINE Piece piece_at(const WinogradPlan& plan, std::size_t index) {
  const std::size_t line = index / plan.cols;
  return {line / plan.rows, line % plan.rows, index % plan.cols};
}

// Bᵀ times four numbers.
AEVB_INLINE void transform_values(F32* v, F32 d0, F32 d1, F32 d2, F32 d3) {
  v[0] = d0 - d2;
  v[1] = d1 + d2;
  v[2] = d2 - d1;
  v[3] = d1 - d3;
}

// Aᵀ times four numbers: its two results.
AEVB_INLINE F32 first_output(F32 m0, F32 m1, F32 m2) { return m0 + m1 + m2; }
AEVB_INLINE F32 second_output(F32 m1, F32 m2, F32 m3) { return m1 - m2 - m3; }

// G times three numbers.
AEVB_INLINE void transform_weights(F32* u, F32 g0, F32 g1, F32 g2) {
  const F32 half = set(0.5f), outer = (g0 + g2) * half, inner = g1 * half;
  u[0] = g0;
  u[1] = outer + inner;
  u[2] = outer - inner;
  u[3] = g2;
}

// The index, in the 4 × 4 transform of a turned kernel, of the element that the transform of the kernel has at (row,
// col).
AEVB_INLINE int turned_index(int row, int col) {
  const int y = row == 0 ? 3 : row == 3 ? 0 : row, x = col == 0 ? 3 : col == 3 ? 0 : col;
  return y * 4 + x;
}

void winograd_weights(float* transformed, const float* weight, const WinogradPlan& plan, std::size_t i,
                      std::size_t channels) {
  const std::size_t K = plan.outputs, matrix = plan.inputs * K;
  for (std::size_t weight_offset = i * K; weight_offset < (i + channels) * K; weight_offset += F32::size) {
    F32 rows[4][3];
#pragma GCC unroll 3
    for (int x = 0; x < 3; ++x) {
      F32 column[4];
      transform_weights(column, load(weight + x * matrix + weight_offset),
                        load(weight + (3 + x) * matrix + weight_offset),
                        load(weight + (6 + x) * matrix + weight_offset));
#pragma GCC unroll 4
      for (int y = 0; y < 4; ++y) rows[y][x] = column[y];
    }
    for (int y = 0; y < 4; ++y) {
      F32 u[4];
      transform_weights(u, rows[y][0], rows[y][1], rows[y][2]);
      for (int x = 0; x < 4; ++x) {
        const int product = plan.turned ? turned_index(y, x) : y * 4 + x;
        store(transformed + static_cast<std::size_t>(product) * matrix + weight_offset, u[x]);
      }
    }
  }
}

void winograd_weights_back(float* back, const float* transformed, const WinogradPlan& plan, std::size_t i,
                           std::size_t channels) {
  const std::size_t C = plan.inputs, K = plan.outputs, matrix = C * K;
  for (int product = 0; product < 16; ++product) {
    const float* from = transformed + static_cast<std::size_t>(product) * matrix;
    float* to = back + static_cast<std::size_t>(turned_index(product / 4, product % 4)) * matrix;
    for (std::size_t c = i; c < i + channels; c += F32::size) {
      for (std::size_t k = 0; k < K; k += F32::size) {
        F32 square[F32::size];
        for (int r = 0; r < F32::size; ++r) square[r] = load(from + (c + r) * K + k);
        transpose_square(square);
        for (int r = 0; r < F32::size; ++r) store(to + (k + r) * C + c, square[r]);
      }
    }
  }
}

void winograd_values(float* values, const float* padded, const WinogradPlan& plan, std::size_t first,
                     std::size_t count) {
  const std::size_t C = plan.inputs, line = plan.padded_line, stride = stride_of(C);
  for (std::size_t t = 0; t < count; ++t) {
    const Piece piece = piece_at(plan, first + t);
    const float* from =
        padded + piece.image * plan.padded_floats + plan.padded_offset + 2 * piece.row * line + 2 * piece.col * C;
    float* to = values + t * C;
    for (std::size_t c = 0; c < C; c += F32::size, from += F32::size, to += F32::size) {
      F32 rows[4][4];
#pragma GCC unroll 4
      for (int x = 0; x < 4; ++x) {
        F32 column[4];
        const float* at = from + x * C;
        transform_values(column, load(at), load(at + line), load(at + 2 * line), load(at + 3 * line));
#pragma GCC unroll 4
        for (int y = 0; y < 4; ++y) rows[y][x] = column[y];
      }
#pragma GCC unroll 4
      for (int y = 0; y < 4; ++y) {
        F32 v[4];
        transform_values(v, rows[y][0], rows[y][1], rows[y][2], rows[y][3]);
#pragma GCC unroll 4
        for (int x = 0; x < 4; ++x) store(to + (4 * y + x) * stride, v[x]);
      }
    }
  }
}

// How many of the `left` vectors a tile takes. A single vector at the end would make as many loads as products.
AEVB_INLINE std::size_t vectors_together(std::size_t left) {
  if (left == MOST_VECTORS + 1 && MOST_VECTORS > 2) return left / 2;
  return left < MOST_VECTORS ? left : MOST_VECTORS;
}

template <int NV, std::size_t STEP>
static void multiply_vectors(Tile tile, std::size_t count, std::size_t sums_stride, std::size_t values_stride,
                             std::size_t matrix) {
  for (std::size_t i = 0; i < PRODUCTS; ++i) {
    correlate_rows<TILE_ROWS<NV>, NV, STEP>(tile, count);
    tile.out += sums_stride;
    tile.inp += values_stride;
    tile.matrices += matrix;
  }
}

template <int NV>
static void multiply_steps(const Tile& tile, std::size_t count, std::size_t sums_stride, std::size_t values_stride,
                           std::size_t matrix) {
  switch (tile.inp_step) {
    case 16:
      return multiply_vectors<NV, 16>(tile, count, sums_stride, values_stride, matrix);
    case 32:
      return multiply_vectors<NV, 32>(tile, count, sums_stride, values_stride, matrix);
    case 64:
      return multiply_vectors<NV, 64>(tile, count, sums_stride, values_stride, matrix);
    case 128:
      return multiply_vectors<NV, 128>(tile, count, sums_stride, values_stride, matrix);
    default:
      return multiply_vectors<NV, 0>(tile, count, sums_stride, values_stride, matrix);
  }
}

void winograd_products(float* sums, const float* values, const float* transformed, const WinogradPlan& plan,
                       std::size_t count) {
  const std::size_t C = plan.inputs, K = plan.outputs, matrix = C * K;
  const CorrelationTap tap{0, 0};
  for (std::size_t k = 0; k < K;) {
    const std::size_t vectors = vectors_together((K - k) / F32::size);
    Tile tile{};
    tile.out = sums + k;
    tile.out_step = K;
    tile.inp = values;
    tile.inp_step = C;
    tile.taps = &tap;
    tile.tap_count = 1;
    tile.matrices = transformed + k;
    tile.matrix_pitch = K;
    tile.channels = C;
    tile.last_lanes = F32::size;
    tile.space = F32::size;
    if (vectors == 1) multiply_steps<1>(tile, count, stride_of(K), stride_of(C), matrix);
    if (vectors == 2) multiply_steps<2>(tile, count, stride_of(K), stride_of(C), matrix);
    if constexpr (MOST_VECTORS > 2) {
      if (vectors == 3) multiply_steps<3>(tile, count, stride_of(K), stride_of(C), matrix);
    }
    if constexpr (MOST_VECTORS > 3) {
      if (vectors == 4) multiply_steps<4>(tile, count, stride_of(K), stride_of(C), matrix);
    }
    k += vectors * F32::size;
  }
}

// The first of a piece's 2 × 2 positions in a matrix of the output.
AEVB_INLINE std::size_t output_row(const WinogradPlan& plan, const Piece& piece) {
  return ((piece.image * plan.rows + piece.row) * 2 * plan.cols + piece.col) * 2;
}

void winograd_output(Panels out, const float* sums, const float* bias, const WinogradPlan& plan, std::size_t first,
                     std::size_t count, bool accumulate) {
  const std::size_t K = plan.outputs, stride = stride_of(K), line = 2 * plan.cols * out.width;
  for (std::size_t t = 0; t < count; ++t) {
    const std::size_t row = output_row(plan, piece_at(plan, first + t));
    const float* from = sums + t * K;
    for (std::size_t k = 0; k < K; k += F32::size) {
      F32 rows[2][4];
#pragma GCC unroll 4
      for (int x = 0; x < 4; ++x) {
        const float* at = from + x * stride + k;
        const F32 m1 = load(at + 4 * stride), m2 = load(at + 8 * stride);
        rows[0][x] = first_output(load(at), m1, m2);
        rows[1][x] = second_output(m1, m2, load(at + 12 * stride));
      }
      float* to = out.data + k / out.width * out.stride + row * out.width + k % out.width;
#pragma GCC unroll 2
      for (int y = 0; y < 2; ++y, to += line) {
        F32 left = first_output(rows[y][0], rows[y][1], rows[y][2]);
        F32 right = second_output(rows[y][1], rows[y][2], rows[y][3]);
        if (accumulate) {
          left = left + load(to);
          right = right + load(to + out.width);
        } else if (bias != nullptr) {
          left = left + load(bias + k);
          right = right + load(bias + k);
        }
        store(to, left);
        store(to + out.width, right);
      }
    }
  }
}

// A times two numbers.
AEVB_INLINE void spread_output(F32* m, F32 left, F32 right) {
  m[0] = left;
  m[1] = left + right;
  m[2] = left - right;
  m[3] = zero() - right;
}

void winograd_output_gradient(float* sums, ConstPanels dout, const WinogradPlan& plan, std::size_t first,
                              std::size_t count) {
  const std::size_t K = plan.outputs, stride = stride_of(K), line = 2 * plan.cols * dout.width;
  for (std::size_t t = 0; t < count; ++t) {
    const std::size_t row = output_row(plan, piece_at(plan, first + t));
    for (std::size_t k = 0; k < K; k += F32::size) {
      const float* from = dout.data + k / dout.width * dout.stride + row * dout.width + k % dout.width;
      F32 columns[2][4];
      spread_output(columns[0], load(from), load(from + line));
      spread_output(columns[1], load(from + dout.width), load(from + line + dout.width));
      float* to = sums + t * K + k;
#pragma GCC unroll 4
      for (int y = 0; y < 4; ++y) {
        F32 m[4];
        spread_output(m, columns[0][y], columns[1][y]);
#pragma GCC unroll 4
        for (int x = 0; x < 4; ++x) store(to + (4 * y + x) * stride, m[x]);
      }
    }
  }
}

// ROWS input channels by NV vectors of output channels of one matrix.
template <int ROWS, int NV>
AEVB_INLINE void outer_tile(float* to, std::size_t to_step, const float* AEVB_RESTRICT a, std::size_t a_step,
                            const float* AEVB_RESTRICT b, std::size_t b_step, std::size_t count) {
  F32 sum[ROWS][NV];
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) sum[r][v] = load(to + r * to_step + v * F32::size);
  }
  for (std::size_t t = 0; t < count; ++t, a += a_step, b += b_step) {
    F32 right[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) right[v] = load(b + v * F32::size);
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; ++r) {
      const F32 left = set(a[r]);
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) sum[r][v] = fma(left, right[v], sum[r][v]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) store(to + r * to_step + v * F32::size, sum[r][v]);
  }
}

template <int NV>
static void outer_vectors(float* dtransformed, const float* values, const float* sums, const WinogradPlan& plan,
                          std::size_t count) {
  const std::size_t C = plan.inputs, K = plan.outputs;
  for (std::size_t i = 0; i < PRODUCTS; ++i) {
    // Channels fill whole cache lines, so their number is a multiple of a tile's rows.
    for (std::size_t c = 0; c < C; c += TILE_ROWS<NV>) {
      outer_tile<TILE_ROWS<NV>, NV>(dtransformed + (i * C + c) * K, K, values + i * stride_of(C) + c, C,
                                    sums + i * stride_of(K), K, count);
    }
  }
}

void winograd_gradient(float* dtransformed, const float* values, const float* sums, const WinogradPlan& plan,
                       std::size_t count) {
  for (std::size_t k = 0; k < plan.outputs;) {
    const std::size_t vectors = vectors_together((plan.outputs - k) / F32::size);
    if (vectors == 1) outer_vectors<1>(dtransformed + k, values, sums + k, plan, count);
    if (vectors == 2) outer_vectors<2>(dtransformed + k, values, sums + k, plan, count);
    if constexpr (MOST_VECTORS > 2) {
      if (vectors == 3) outer_vectors<3>(dtransformed + k, values, sums + k, plan, count);
    }
    if constexpr (MOST_VECTORS > 3) {
      if (vectors == 4) outer_vectors<4>(dtransformed + k, values, sums + k, plan, count);
    }
    k += vectors * F32::size;
  }
}

// Gᵀ times four numbers.
AEVB_INLINE void gather_weights(F32* g, F32 u0, F32 u1, F32 u2, F32 u3) {
  const F32 half = set(0.5f), outer = (u1 + u2) * half;
  g[0] = u0 + outer;
  g[1] = (u1 - u2) * half;
  g[2] = outer + u3;
}

void winograd_weights_gradient(float* dweight, const float* dtransformed, std::size_t tasks, std::size_t task_floats,
                               const WinogradPlan& plan, std::size_t i, std::size_t channels) {
  const std::size_t K = plan.outputs, matrix = plan.inputs * K;
  for (std::size_t weight_offset = i * K; weight_offset < (i + channels) * K; weight_offset += F32::size) {
    F32 rows[4][3];
    for (int y = 0; y < 4; ++y) {
      F32 u[4];
      for (int x = 0; x < 4; ++x) {
        const int product = plan.turned ? turned_index(y, x) : y * 4 + x;
        const float* from = dtransformed + static_cast<std::size_t>(product) * matrix + weight_offset;
        u[x] = load(from);
        for (std::size_t task = 1; task < tasks; ++task) u[x] = u[x] + load(from + task * task_floats);
      }
      gather_weights(rows[y], u[0], u[1], u[2], u[3]);
    }
#pragma GCC unroll 3
    for (int x = 0; x < 3; ++x) {
      F32 g[3];
      gather_weights(g, rows[0][x], rows[1][x], rows[2][x], rows[3][x]);
#pragma GCC unroll 3
      for (int y = 0; y < 3; ++y) store(dweight + static_cast<std::size_t>(3 * y + x) * matrix + weight_offset, g[y]);
    }
  }
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void winograd_weights(float* transformed, const float* weight, const WinogradPlan& plan, std::size_t i,
                      std::size_t channels) {
  AEVB_DISPATCH(winograd_weights)(transformed, weight, plan, i, channels);
}

void winograd_weights_back(float* back, const float* transformed, const WinogradPlan& plan, std::size_t i,
                           std::size_t channels) {
  AEVB_DISPATCH(winograd_weights_back)(back, transformed, plan, i, channels);
}

void winograd_values(float* values, const float* padded, const WinogradPlan& plan, std::size_t first,
                     std::size_t count) {
  AEVB_DISPATCH(winograd_values)(values, padded, plan, first, count);
}

void winograd_products(float* sums, const float* values, const float* transformed, const WinogradPlan& plan,
                       std::size_t count) {
  AEVB_DISPATCH(winograd_products)(sums, values, transformed, plan, count);
}

void winograd_output(Panels out, const float* sums, const float* bias, const WinogradPlan& plan, std::size_t first,
                     std::size_t count, bool accumulate) {
  AEVB_DISPATCH(winograd_output)(out, sums, bias, plan, first, count, accumulate);
}

void winograd_output_gradient(float* sums, ConstPanels dout, const WinogradPlan& plan, std::size_t first,
                              std::size_t count) {
  AEVB_DISPATCH(winograd_output_gradient)(sums, dout, plan, first, count);
}

void winograd_gradient(float* dtransformed, const float* values, const float* sums, const WinogradPlan& plan,
                       std::size_t count) {
  AEVB_DISPATCH(winograd_gradient)(dtransformed, values, sums, plan, count);
}

void winograd_weights_gradient(float* dweight, const float* dtransformed, std::size_t tasks, std::size_t task_floats,
                               const WinogradPlan& plan, std::size_t i, std::size_t channels) {
  AEVB_DISPATCH(winograd_weights_gradient)(dweight, dtransformed, tasks, task_floats, plan, i, channels);
}

}  // namespace aevb
#endif
