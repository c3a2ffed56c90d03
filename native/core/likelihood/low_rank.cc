#include "likelihood/low_rank.h"

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "likelihood/log_dispersion.h"

#define AEVB_KERNEL_FILE "likelihood/low_rank.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/sums.h"
#include "math/vector_math.h"
// These use the headers above.
#include "likelihood/dispersion_kernels.h"
#include "math/row_lanes.h"
// Uses these in turn.
#include "likelihood/covariance_kernels.h"

AEVB_BEFORE_KERNELS

constexpr double LOG_2_PI = 1.8378770664093454836;

// Features that are processed together: their part of W is held at a time.
AEVB_INLINE std::size_t block_features(std::size_t rank) { return LANE_COLUMNS / rank; }

struct LowRankBlock {
  std::size_t first, count;  // features
  F32 distance[LANE_COLUMNS];
  VarianceLanes variance;
  RowLanes factor;
};

template <bool BACKWARD>
AEVB_INLINE void load_block(LowRankBlock* block, ConstPanels mean, const LogDispersion& log_variance,
                            ConstPanels factor, ConstPanels x, const LaneRows& rows, const LaneRows& data,
                            std::size_t first, std::size_t D, std::size_t rank) {
  block->first = first;
  block->count = D - first < block_features(rank) ? D - first : block_features(rank);
  load_distances(block->distance, mean, x, rows, data, first, block->count);
  load_variances<BACKWARD>(&block->variance, log_variance, rows, first, block->count);
  load_row_lanes(&block->factor, factor, rows, column_at(first * rank, factor.width), block->count * rank);
}

AEVB_INLINE F64 precision_of(const LowRankBlock& block, std::size_t i) {
  return widen(exp(-block.variance.log_variance.column[i]));
}

// Row k, column l ≤ k of a lower triangle.
AEVB_INLINE constexpr std::size_t below(std::size_t k, std::size_t l) { return k * (k + 1) / 2 + l; }

struct LowRankRow {
  F64 triangle[MOST_RANK * (MOST_RANK + 1) / 2];  // A, later its Cholesky factor K, A = K Kᵀ
  F64 inverse[MOST_RANK];                         // 1/K_kk
  F64 c[MOST_RANK];                               // Wᵀ Ψ⁻¹ (x − mean), later A⁻¹ times that
};

// Adds feature i to A and to c.
AEVB_INLINE void add_feature(LowRankRow* row, const LowRankBlock& block, std::size_t i, std::size_t rank) {
  const F64 precision = precision_of(block, i), distance = widen(block.distance[i]);
  F64 w[MOST_RANK];
  for (std::size_t k = 0; k < rank; ++k) {
    w[k] = widen(block.factor.column[i * rank + k]);
    const F64 weighted = precision * w[k];
    row->c[k] = fma(weighted, distance, row->c[k]);
    for (std::size_t l = 0; l <= k; ++l) {
      row->triangle[below(k, l)] = fma(weighted, w[l], row->triangle[below(k, l)]);
    }
  }
}

AEVB_INLINE void factorize(LowRankRow* row, std::size_t rank) {
  for (std::size_t k = 0; k < rank; ++k) {
    for (std::size_t l = 0; l < k; ++l) {
      F64 value = row->triangle[below(k, l)];
      for (std::size_t m = 0; m < l; ++m) {
        value = fnma(row->triangle[below(k, m)], row->triangle[below(l, m)], value);
      }
      row->triangle[below(k, l)] = value * row->inverse[l];
    }
    F64 square = row->triangle[below(k, k)];
    for (std::size_t m = 0; m < k; ++m) {
      square = fnma(row->triangle[below(k, m)], row->triangle[below(k, m)], square);
    }
    row->triangle[below(k, k)] = sqrt(square);
    row->inverse[k] = set_double(1.0) / row->triangle[below(k, k)];
  }
}

// v = K⁻¹ v.
AEVB_INLINE void solve(const LowRankRow& row, F64* v, std::size_t rank) {
  for (std::size_t k = 0; k < rank; ++k) {
    F64 value = v[k];
    for (std::size_t m = 0; m < k; ++m) value = fnma(row.triangle[below(k, m)], v[m], value);
    v[k] = value * row.inverse[k];
  }
}
// v = K⁻ᵀ v.
AEVB_INLINE void solve_transposed(const LowRankRow& row, F64* v, std::size_t rank) {
  for (std::size_t k = rank; k-- > 0;) {
    v[k] = v[k] * row.inverse[k];
    for (std::size_t m = 0; m < k; ++m) v[m] = fnma(row.triangle[below(k, m)], v[k], v[m]);
  }
}

// loss[rows] += log det A. Each diagonal entry of K is at least 1, so many of them share one logarithm.
AEVB_INLINE void add_log_determinant(double* loss, const LowRankRow& row, std::size_t rank, std::size_t rows) {
  constexpr double LARGEST_PRODUCT = 1e150;  // the next factor is below that too, or the sum is infinite
  double product[F32::size];
  for (std::size_t r = 0; r < rows; ++r) product[r] = 1.0;
  for (std::size_t k = 0; k < rank; ++k) {
    double diagonal[F32::size];
    store(diagonal, row.triangle[below(k, k)]);
    for (std::size_t r = 0; r < rows; ++r) {
      if (product[r] > LARGEST_PRODUCT) {
        loss[r] += 2.0 * std::log(product[r]);
        product[r] = 1.0;
      }
      product[r] *= diagonal[r];
    }
  }
  for (std::size_t r = 0; r < rows; ++r) loss[r] += 2.0 * std::log(product[r]);
}

// The residual e_i.
AEVB_INLINE F64 residual_of(const LowRankRow& row, const LowRankBlock& block, std::size_t i, std::size_t rank) {
  F64 e = widen(block.distance[i]);
  for (std::size_t k = 0; k < rank; ++k) e = fnma(widen(block.factor.column[i * rank + k]), row.c[k], e);
  return e;
}

// Writes the gradients of feature i over the values that they are the gradients of, and the mean's over its distance.
AEVB_INLINE void backward_feature(LowRankBlock* block, const LowRankRow& row, F64 residual, F64 slope, F64 precision,
                                  F64 scale, std::size_t i, std::size_t rank) {
  F32* w = block->factor.column + i * rank;
  F64 u[MOST_RANK];
  for (std::size_t k = 0; k < rank; ++k) u[k] = widen(w[k]);
  solve(row, u, rank);
  F64 explained = zero_double();  // (W A⁻¹ Wᵀ)_ii
  for (std::size_t k = 0; k < rank; ++k) explained = fma(u[k], u[k], explained);
  solve_transposed(row, u, rank);
  for (std::size_t k = 0; k < rank; ++k) w[k] = narrow(scale * fnma(slope, row.c[k], precision * u[k]));
  const F64 spread = fnma(slope, residual, fnma(precision, explained, set_double(1.0)));
  const F64 chain = widen(block->variance.chain.column[i]);
  block->variance.log_variance.column[i] = narrow(scale * set_double(0.5) * chain * spread);
  block->distance[i] = narrow(zero_double() - scale * slope);
}

AEVB_INLINE void store_block(const LowRankGradient& gradient, const LowRankBlock& block, std::size_t first_row,
                             std::size_t rows, std::size_t rank) {
  RowLanes dmean;
  for (std::size_t i = 0; i < block.count; ++i) dmean.column[i] = block.distance[i];
  store_row_lanes(gradient.mean, first_row, rows, column_at(block.first, gradient.mean.width), dmean, block.count);
  if (gradient.log_variance.data != nullptr) {
    store_row_lanes(gradient.log_variance, first_row, rows, column_at(block.first, gradient.log_variance.width),
                    block.variance.log_variance, block.count);
  }
  store_row_lanes(gradient.factor, first_row, rows, column_at(block.first * rank, gradient.factor.width), block.factor,
                  block.count * rank);
}

// The order in which a row is summed depends only on D and the rank.
template <bool BACKWARD>
static void low_rank(double* loss, const LowRankGradient& gradient, ConstPanels mean, const LogDispersion& log_variance,
                     ConstPanels factor, ConstPanels x, float scale, std::size_t B, std::size_t L, std::size_t D,
                     std::size_t rank) {
  LowRankBlock block;
  LowRankRow row;
  for (std::size_t first = 0; first < B * L; first += F32::size) {
    const std::size_t row_count = rows_in_lanes(first, B * L);
    const LaneRows rows = lane_rows(first, row_count), data = data_of(rows, L);
    for (std::size_t k = 0; k < rank; ++k) {
      for (std::size_t l = 0; l < k; ++l) row.triangle[below(k, l)] = zero_double();
      row.triangle[below(k, k)] = set_double(1.0);
      row.c[k] = zero_double();
    }
    F64 losses = set_double(static_cast<double>(D) * LOG_2_PI);
    for (std::size_t begin = 0; begin < D; begin += block_features(rank)) {
      load_block<false>(&block, mean, log_variance, factor, x, rows, data, begin, D, rank);
      for (std::size_t i = 0; i < block.count; ++i) {
        losses = losses + widen(block.variance.log_variance.column[i]);
        add_feature(&row, block, i, rank);
      }
    }
    factorize(&row, rank);
    solve(row, row.c, rank);
    solve_transposed(row, row.c, rank);
    for (std::size_t k = 0; k < rank; ++k) losses = fma(row.c[k], row.c[k], losses);
    for (std::size_t begin = 0; begin < D; begin += block_features(rank)) {
      load_block<BACKWARD>(&block, mean, log_variance, factor, x, rows, data, begin, D, rank);
      for (std::size_t i = 0; i < block.count; ++i) {
        const F64 precision = precision_of(block, i);
        const F64 residual = residual_of(row, block, i, rank), slope = precision * residual;
        losses = fma(slope, residual, losses);
        if constexpr (BACKWARD) {
          backward_feature(&block, row, residual, slope, precision, widen(set(scale)), i, rank);
        }
      }
      if constexpr (BACKWARD) store_block(gradient, block, first, row_count, rank);
    }
    double each[F32::size];
    store(each, losses);
    add_log_determinant(each, row, rank, row_count);
    for (std::size_t r = 0; r < row_count; ++r) loss[first + r] = 0.5 * each[r];
  }
  if constexpr (BACKWARD) {
    zero_behind(gradient.mean, B * L, D);
    if (gradient.log_variance.data != nullptr) zero_behind(gradient.log_variance, B * L, D);
    zero_behind(gradient.factor, B * L, D * rank);
  }
}

void low_rank_forward(double* loss, ConstPanels mean, const LogDispersion& log_variance, ConstPanels factor,
                      ConstPanels x, std::size_t B, std::size_t L, std::size_t D, std::size_t rank) {
  low_rank<false>(loss, {}, mean, log_variance, factor, x, 1.0f, B, L, D, rank);
}

void low_rank_forward_backward(double* loss, const LowRankGradient& gradient, ConstPanels mean,
                               const LogDispersion& log_variance, ConstPanels factor, ConstPanels x, float scale,
                               std::size_t B, std::size_t L, std::size_t D, std::size_t rank) {
  low_rank<true>(loss, gradient, mean, log_variance, factor, x, scale, B, L, D, rank);
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void low_rank_forward(double* loss, ConstPanels mean, const LogDispersion& log_variance, ConstPanels factor,
                      ConstPanels x, std::size_t B, std::size_t L, std::size_t D, std::size_t rank) {
  AEVB_DISPATCH(low_rank_forward)(loss, mean, log_variance, factor, x, B, L, D, rank);
}

void low_rank_forward_backward(double* loss, const LowRankGradient& gradient, ConstPanels mean,
                               const LogDispersion& log_variance, ConstPanels factor, ConstPanels x, float scale,
                               std::size_t B, std::size_t L, std::size_t D, std::size_t rank) {
  AEVB_DISPATCH(low_rank_forward_backward)
  (loss, gradient, mean, log_variance, factor, x, scale, B, L, D, rank);
}

}  // namespace aevb
#endif
