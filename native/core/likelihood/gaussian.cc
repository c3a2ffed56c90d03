#include "likelihood/gaussian.h"

#include <cmath>
#include <cstddef>
#include <cstdint>

#define AEVB_KERNEL_FILE "likelihood/gaussian.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/lanes.h"
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

// One vector of one row. dmean and draw may be mean and raw.
template <bool BACKWARD, bool WHOLE>
AEVB_INLINE F32 datum_vector(float* dmean, float* draw, const float* mean, const float* raw, F32 min, F32 max,
                             const float* x, F32 scale, int lanes) {
  const F32 below_max = max - load_lanes<WHOLE>(raw, lanes);
  const F32 upper_decay = exp_minus(abs(below_max));
  const F32 above_min = max - softplus_of_decay(below_max, upper_decay) - min;
  const F32 lower_decay = exp_minus(abs(above_min));
  const F32 log_square = min + softplus_of_decay(above_min, lower_decay);
  const F32 difference = load_lanes<WHOLE>(mean, lanes) - load_lanes<WHOLE>(x, lanes);
  const F32 slope = difference * exp(-log_square);
  const F32 scaled_square = difference * slope;
  if constexpr (BACKWARD) {
    const F32 chain = sigmoid_of_decay(below_max, upper_decay) * sigmoid_of_decay(above_min, lower_decay);
    store_lanes<WHOLE>(dmean, scale * slope, lanes);
    store_lanes<WHOLE>(draw, scale * set(0.5f) * (set(1.0f) - scaled_square) * chain, lanes);
  }
  return keep_lanes<WHOLE>(set(0.5f) * (set(LOG_2_PI) + log_square + scaled_square), zero(), lanes);
}

template <bool BACKWARD>
static void datum_loss(double* loss, Panels dmean, Panels draw, ConstPanels mean, ConstPanels raw, float min,
                       float max, ConstPanels x, float scale, std::size_t B, std::size_t L, std::size_t D) {
  for (std::size_t r = 0; r < B * L; ++r) loss[r] = 0.0;
  for (std::size_t p = 0; p < panel_count(D, mean.width); ++p) {
    const std::size_t cols = cols_in_panel(D, p, mean.width);
    for (std::size_t r = 0; r < B * L; ++r) {
      float* dmean_row = BACKWARD ? row_of(dmean, p, r) : nullptr;
      float* draw_row = BACKWARD ? row_of(draw, p, r) : nullptr;
      const float* mean_row = row_of(mean, p, r);
      const float* raw_row = row_of(raw, p, r);
      const float* x_row = row_of(x, p, r / L);
      RowSum row = {zero(), 0.0};
      for (std::size_t i = 0, terms = 0; i < cols; i += F32::size) {
        if (++terms > MOST_TERMS) {
          empty_lanes(&row, 1);
          terms = 1;
        }
        float* dmean_vector = BACKWARD ? dmean_row + i : nullptr;
        float* draw_vector = BACKWARD ? draw_row + i : nullptr;
        if (i + F32::size <= cols) {
          row.lanes = row.lanes + datum_vector<BACKWARD, true>(dmean_vector, draw_vector, mean_row + i, raw_row + i,
                                                               set(min), set(max), x_row + i, set(scale), F32::size);
        } else {
          row.lanes = row.lanes + datum_vector<BACKWARD, false>(dmean_vector, draw_vector, mean_row + i, raw_row + i,
                                                                set(min), set(max), x_row + i, set(scale),
                                                                static_cast<int>(cols - i));
        }
      }
      empty_lanes(&row, 1);
      loss[r] += row.total;
      if constexpr (BACKWARD) {
        zero_padding(dmean_row, cols, dmean.width);
        zero_padding(draw_row, cols, draw.width);
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
