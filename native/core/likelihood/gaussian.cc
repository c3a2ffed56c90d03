#include "likelihood/gaussian.h"

#include <cmath>
#include <cstddef>
#include <cstdint>

#define AEVB_KERNEL_FILE "likelihood/gaussian.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/vector_math.h"

AEVB_BEFORE_KERNELS

constexpr float LOG_2_PI = 0x1.d67f1cp+0f;

// Rows that share one computation of e^−log σ², and whose sums are kept while the panels go by.
constexpr std::size_t BLOCK_ROWS = 16;

// Terms that a lane sums in float before it is emptied into the row's double.
constexpr std::size_t MOST_TERMS = 128;

struct RowSum {
  F32 lanes;
  double total;
};

AEVB_INLINE void empty_lanes(RowSum* row, std::size_t rows) {
  for (std::size_t r = 0; r < rows; ++r) {
    row[r].total += static_cast<double>(sum(row[r].lanes));
    row[r].lanes = zero();
  }
}

// Columns i to i + lanes of every row of a block. `first` and `datum[r]` are rows of the decoder's output and of x.
template <bool BACKWARD, bool WHOLE>
AEVB_INLINE void shared_column(RowSum* row, Panels dmean, ConstPanels mean, const float* log_variance, ConstPanels x,
                               F32 scale, std::size_t panel, std::size_t first, const std::size_t* datum,
                               std::size_t rows, std::size_t i, int lanes) {
  const F32 log_square = load_lanes<WHOLE>(log_variance + panel * mean.width + i, lanes);
  const F32 precision = exp(-log_square);
  const F32 constant = keep_lanes<WHOLE>(set(0.5f) * (set(LOG_2_PI) + log_square), zero(), lanes);
  for (std::size_t r = 0; r < rows; ++r) {
    const F32 difference = load_lanes<WHOLE>(row_of(mean, panel, first + r) + i, lanes) -
                           load_lanes<WHOLE>(row_of(x, panel, datum[r]) + i, lanes);
    const F32 slope = difference * precision;
    row[r].lanes = row[r].lanes + fma(set(0.5f) * difference, slope, constant);
    if constexpr (BACKWARD) store_lanes<WHOLE>(row_of(dmean, panel, first + r) + i, scale * slope, lanes);
  }
}

// The order in which a row is summed depends on nothing but D and the panels' width.
template <bool BACKWARD>
static void shared_loss(double* loss, Panels dmean, ConstPanels mean, const float* log_variance, ConstPanels x,
                        float scale, std::size_t B, std::size_t L, std::size_t D) {
  for (std::size_t first = 0; first < B * L; first += BLOCK_ROWS) {
    const std::size_t rows = B * L - first < BLOCK_ROWS ? B * L - first : BLOCK_ROWS;
    RowSum row[BLOCK_ROWS];
    std::size_t datum[BLOCK_ROWS];
    for (std::size_t r = 0; r < rows; ++r) {
      row[r] = {zero(), 0.0};
      datum[r] = (first + r) / L;
    }
    std::size_t terms = 0;
    for (std::size_t p = 0; p < panel_count(D, mean.width); ++p) {
      const std::size_t cols = cols_in_panel(D, p, mean.width);
      for (std::size_t i = 0; i < cols; i += F32::size) {
        if (++terms > MOST_TERMS) {
          empty_lanes(row, rows);
          terms = 1;
        }
        if (i + F32::size <= cols) {
          shared_column<BACKWARD, true>(row, dmean, mean, log_variance, x, set(scale), p, first, datum, rows, i,
                                        F32::size);
        } else {
          shared_column<BACKWARD, false>(row, dmean, mean, log_variance, x, set(scale), p, first, datum, rows, i,
                                         static_cast<int>(cols - i));
        }
      }
      if constexpr (BACKWARD) {
        for (std::size_t r = 0; r < rows; ++r) zero_padding(row_of(dmean, p, first + r), cols, dmean.width);
      }
    }
    empty_lanes(row, rows);
    for (std::size_t r = 0; r < rows; ++r) loss[first + r] = row[r].total;
  }
}

void gaussian_forward(double* loss, ConstPanels mean, const float* log_variance, ConstPanels x, std::size_t B,
                      std::size_t L, std::size_t D) {
  shared_loss<false>(loss, {}, mean, log_variance, x, 1.0f, B, L, D);
}

void gaussian_forward_backward(double* loss, Panels dmean, ConstPanels mean, const float* log_variance, ConstPanels x,
                               float scale, std::size_t B, std::size_t L, std::size_t D) {
  shared_loss<true>(loss, dmean, mean, log_variance, x, scale, B, L, D);
}

// Σ_r scale/2 (1 − (x − mean)²/σ²) = ½ (scale R − σ²/scale Σ_r dmean²).
template <bool WHOLE>
AEVB_INLINE void log_variance_column(float* dlog_variance, ConstPanels dmean, const float* log_variance, float scale,
                                     std::size_t R, int lanes) {
  F64 squares = zero_double();
  for (std::size_t r = 0; r < R; ++r) {
    const F64 slope = widen(load_lanes<WHOLE>(dmean.data + r * dmean.width, lanes));
    squares = fma(slope, slope, squares);
  }
  double square[F32::size];
  float variance[F32::size];
  store(square, squares);
  store(variance, exp(load_lanes<WHOLE>(log_variance, lanes)));
  for (int i = 0; i < lanes; ++i) {
    const double ratio = static_cast<double>(variance[i]) / static_cast<double>(scale) * square[i];
    dlog_variance[i] = static_cast<float>(0.5 * (static_cast<double>(scale) * static_cast<double>(R) - ratio));
  }
}

void gaussian_log_variance_backward(float* dlog_variance, ConstPanels dmean, const float* log_variance, float scale,
                                    std::size_t R, std::size_t C) {
  std::size_t i = 0;
  for (; i + F32::size <= C; i += F32::size) {
    log_variance_column<true>(dlog_variance + i, {dmean.data + i, dmean.stride, dmean.width}, log_variance + i, scale,
                              R, F32::size);
  }
  if (i < C) {
    log_variance_column<false>(dlog_variance + i, {dmean.data + i, dmean.stride, dmean.width}, log_variance + i, scale,
                               R, static_cast<int>(C - i));
  }
}

// Vectors that are worked on together. From a raw log-variance to e^−log σ² each operation waits for the one before,
// through three exponentials and two logarithms; taken step by step, many vectors wait at once.
constexpr std::size_t CHUNK = 12;

struct DatumChunk {
  F32 log_square[CHUNK];  // log σ²
  F32 chain[CHUNK];       // its derivative by the raw log-variance
};

// soft_bound() and soft_bound_derivative(), below, of `rows` × `cols`, each row in whole vectors. Lanes that are no
// columns hold anything finite.
template <bool BACKWARD>
AEVB_INLINE void bound_chunk(DatumChunk* chunk, ConstPanels raw, F32 min, F32 max, std::size_t rows, std::size_t cols) {
  F32 below_max[CHUNK], above_min[CHUNK], decays[CHUNK];
  std::size_t count = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t i = 0; i < cols; i += F32::size) {
      const float* from = raw.data + r * raw.width + i;
      const F32 v = cols - i < F32::size ? load_partial(from, static_cast<int>(cols - i)) : load(from);
      below_max[count++] = max - v;
    }
  }
  for (std::size_t k = 0; k < count; ++k) decays[k] = exp_minus(abs(below_max[k]));
  for (std::size_t k = 0; k < count; ++k) {
    above_min[k] = max - softplus_of_decay(below_max[k], decays[k]) - min;
    if constexpr (BACKWARD) chunk->chain[k] = sigmoid_of_decay(below_max[k], decays[k]);
  }
  for (std::size_t k = 0; k < count; ++k) decays[k] = exp_minus(abs(above_min[k]));
  for (std::size_t k = 0; k < count; ++k) {
    chunk->log_square[k] = min + softplus_of_decay(above_min[k], decays[k]);
    if constexpr (BACKWARD) chunk->chain[k] = chunk->chain[k] * sigmoid_of_decay(above_min[k], decays[k]);
  }
}

// One vector of one row. dmean may be mean.
template <bool BACKWARD, bool WHOLE>
AEVB_INLINE F32 datum_vector(float* dmean, float* draw, const float* mean, const float* x, F32 log_square,
                             const F32* chain, F32 scale, int lanes) {
  const F32 difference = load_lanes<WHOLE>(mean, lanes) - load_lanes<WHOLE>(x, lanes);
  const F32 slope = difference * exp(-log_square);
  const F32 scaled_square = difference * slope;
  if constexpr (BACKWARD) {
    store_lanes<WHOLE>(dmean, scale * slope, lanes);
    store_lanes<WHOLE>(draw, scale * set(0.5f) * fnma(scaled_square, *chain, *chain), lanes);
  }
  return keep_lanes<WHOLE>(set(0.5f) * (set(LOG_2_PI) + log_square + scaled_square), zero(), lanes);
}

// `rows` × `cols` within one panel, in at most CHUNK vectors; adds each row's loss. All panels begin at the first row
// and column, but x, whose rows are datum[r].
template <bool BACKWARD>
AEVB_INLINE void datum_chunk(RowSum* sums, Panels dmean, Panels draw, ConstPanels mean, ConstPanels raw, F32 min,
                             F32 max, ConstPanels x, const std::size_t* datum, F32 scale, std::size_t rows,
                             std::size_t cols) {
  DatumChunk chunk;
  bound_chunk<BACKWARD>(&chunk, raw, min, max, rows, cols);
  std::size_t k = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    float* dmean_row = BACKWARD ? dmean.data + r * dmean.width : nullptr;
    float* draw_row = BACKWARD ? draw.data + r * draw.width : nullptr;
    const float* mean_row = mean.data + r * mean.width;
    const float* x_row = x.data + datum[r] * x.width;
    F32 sum = sums[r].lanes;
    std::size_t i = 0;
    for (; i + F32::size <= cols; i += F32::size, ++k) {
      sum = sum + datum_vector<BACKWARD, true>(BACKWARD ? dmean_row + i : nullptr, BACKWARD ? draw_row + i : nullptr,
                                               mean_row + i, x_row + i, chunk.log_square[k], &chunk.chain[k], scale,
                                               F32::size);
    }
    if (i < cols) {
      sum = sum + datum_vector<BACKWARD, false>(BACKWARD ? dmean_row + i : nullptr, BACKWARD ? draw_row + i : nullptr,
                                                mean_row + i, x_row + i, chunk.log_square[k], &chunk.chain[k], scale,
                                                static_cast<int>(cols - i));
      ++k;
    }
    sums[r].lanes = sum;
  }
}

AEVB_INLINE Panels corner(Panels matrix, std::size_t panel, std::size_t row, std::size_t col) {
  return {row_of(matrix, panel, row) + col, matrix.stride, matrix.width};
}
AEVB_INLINE ConstPanels corner(ConstPanels matrix, std::size_t panel, std::size_t row, std::size_t col) {
  return {row_of(matrix, panel, row) + col, matrix.stride, matrix.width};
}

template <bool BACKWARD>
static void datum_loss(double* loss, Panels dmean, Panels draw, ConstPanels mean, ConstPanels raw, float min, float max,
                       ConstPanels x, float scale, std::size_t B, std::size_t L, std::size_t D) {
  constexpr std::size_t RUN = CHUNK * F32::size;
  for (std::size_t r = 0; r < B * L; ++r) loss[r] = 0.0;
  for (std::size_t p = 0; p < panel_count(D, mean.width); ++p) {
    const std::size_t cols = cols_in_panel(D, p, mean.width);
    const std::size_t row_vectors = (cols + F32::size - 1) / F32::size;
    const std::size_t block = row_vectors < CHUNK ? CHUNK / row_vectors : 1;
    for (std::size_t first = 0; first < B * L; first += block) {
      const std::size_t rows = B * L - first < block ? B * L - first : block;
      RowSum sums[CHUNK];
      std::size_t datum[CHUNK];
      for (std::size_t r = 0; r < rows; ++r) {
        sums[r] = {zero(), 0.0};
        datum[r] = (first + r) / L;
      }
      for (std::size_t begin = 0; begin < cols; begin += RUN) {
        if (begin % (MOST_TERMS / CHUNK * RUN) == 0) empty_lanes(sums, rows);
        datum_chunk<BACKWARD>(sums, BACKWARD ? corner(dmean, p, first, begin) : Panels{},
                              BACKWARD ? corner(draw, p, first, begin) : Panels{}, corner(mean, p, first, begin),
                              corner(raw, p, first, begin), set(min), set(max), corner(x, p, 0, begin), datum,
                              set(scale), rows, cols - begin < RUN ? cols - begin : RUN);
      }
      empty_lanes(sums, rows);
      for (std::size_t r = 0; r < rows; ++r) {
        loss[first + r] += sums[r].total;
        if constexpr (BACKWARD) {
          zero_padding(row_of(dmean, p, first + r), cols, dmean.width);
          zero_padding(row_of(draw, p, first + r), cols, draw.width);
        }
      }
    }
  }
}

void gaussian_datum_forward(double* loss, ConstPanels mean, ConstPanels raw_log_variance, float min, float max,
                            ConstPanels x, std::size_t B, std::size_t L, std::size_t D) {
  datum_loss<false>(loss, {}, {}, mean, raw_log_variance, min, max, x, 1.0f, B, L, D);
}

void gaussian_datum_forward_backward(double* loss, Panels dmean, Panels draw_log_variance, ConstPanels mean,
                                     ConstPanels raw_log_variance, float min, float max, ConstPanels x, float scale,
                                     std::size_t B, std::size_t L, std::size_t D) {
  datum_loss<true>(loss, dmean, draw_log_variance, mean, raw_log_variance, min, max, x, scale, B, L, D);
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

namespace {

double softplus(double v) { return (v > 0.0 ? v : 0.0) + std::log1p(std::exp(-std::abs(v))); }
double sigmoid(double v) { return 1.0 / (1.0 + std::exp(-v)); }

}  // namespace

double soft_bound(double raw, double min, double max) { return min + softplus(max - softplus(max - raw) - min); }

double soft_bound_derivative(double raw, double min, double max) {
  return sigmoid(max - raw) * sigmoid(max - softplus(max - raw) - min);
}

void gaussian_forward(double* loss, ConstPanels mean, const float* log_variance, ConstPanels x, std::size_t B,
                      std::size_t L, std::size_t D) {
  AEVB_DISPATCH(gaussian_forward)(loss, mean, log_variance, x, B, L, D);
}

void gaussian_forward_backward(double* loss, Panels dmean, ConstPanels mean, const float* log_variance, ConstPanels x,
                               float scale, std::size_t B, std::size_t L, std::size_t D) {
  AEVB_DISPATCH(gaussian_forward_backward)(loss, dmean, mean, log_variance, x, scale, B, L, D);
}

void gaussian_log_variance_backward(float* dlog_variance, ConstPanels dmean, const float* log_variance, float scale,
                                    std::size_t R, std::size_t C) {
  AEVB_DISPATCH(gaussian_log_variance_backward)(dlog_variance, dmean, log_variance, scale, R, C);
}

void gaussian_datum_forward(double* loss, ConstPanels mean, ConstPanels raw_log_variance, float min, float max,
                            ConstPanels x, std::size_t B, std::size_t L, std::size_t D) {
  AEVB_DISPATCH(gaussian_datum_forward)(loss, mean, raw_log_variance, min, max, x, B, L, D);
}

void gaussian_datum_forward_backward(double* loss, Panels dmean, Panels draw_log_variance, ConstPanels mean,
                                     ConstPanels raw_log_variance, float min, float max, ConstPanels x, float scale,
                                     std::size_t B, std::size_t L, std::size_t D) {
  AEVB_DISPATCH(gaussian_datum_forward_backward)
  (loss, dmean, draw_log_variance, mean, raw_log_variance, min, max, x, scale, B, L, D);
}

}  // namespace aevb
#endif
