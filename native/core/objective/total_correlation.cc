#include "objective/total_correlation.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include "math/panel_ops.h"
#include "tensor/aligned.h"

#define AEVB_KERNEL_FILE "objective/total_correlation.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/vector_math.h"

AEVB_BEFORE_KERNELS

constexpr float INFINITE = INFINITY;

// Everything lies with its units as rows, so that a vector is of one unit and many data (or draws). Rows are padded to
// whole vectors of every target, with values that add nothing to any sum: a spread of e^∞ is a density of 0, and so is
// one that is divided by e^∞.
template <typename Float>
struct Tables {
  Float *mean, *inverse, *log_spread;  // [Z, data]: the location, e^−λ and λ, the log of the scale or deviation
  Float* z;                            // [Z, draws]
  Float* marginal;                     // [Z, draws]: log Σ_j q(z_id|x_j)
  Float* joint;                        // [draws]: log Σ_j q(z_i|x_j)
  std::size_t data, draws;             // B and R, padded
};
template <typename Float>
AEVB_INLINE Tables<Float> tables_at(Float* floats, std::size_t R, std::size_t B, std::size_t Z) {
  Tables<Float> table;
  table.data = cache_lines(B);
  table.draws = cache_lines(R);
  table.mean = floats;
  table.inverse = table.mean + Z * table.data;
  table.log_spread = table.inverse + Z * table.data;
  table.z = table.log_spread + Z * table.data;
  table.marginal = table.z + Z * table.draws;
  table.joint = table.marginal + Z * table.draws;
  return table;
}

// A density of scale e^λ in terms of t = (z − m) e^−λ:  log q = −g(t) − λ. `slope` is g′.
struct GaussianFamily {
  static constexpr float LAMBDA = 0.5f;  // λ is this times the head
  AEVB_INLINE void look_up(F32 t, F32* g, F32* slope) {
    *g = fma(set(0.5f) * t, t, set(0x1.d67f1cp-1f));  // ½ log 2π
    *slope = t;
  }
};
struct LaplaceFamily {
  static constexpr float LAMBDA = 1.0f;
  AEVB_INLINE void look_up(F32 t, F32* g, F32* slope) {
    *g = abs(t) + set(LN2);
    *slope = select(less(zero(), t), set(1.0f), select(less(t, zero()), set(-1.0f), t));  // 0 at 0, and NaN passes
  }
};
struct LogisticFamily {
  static constexpr float LAMBDA = 1.0f;
  AEVB_INLINE void look_up(F32 t, F32* g, F32* slope) {
    const F32 a = abs(t);
    const F32 e = expm1_minus(a);
    *g = fma(set(2.0f), log1p_of_unit(set(1.0f) + e), a);
    const F32 positive = -e / (set(2.0f) + e);  // tanh(a / 2)
    *slope = float_of(bits_of(positive) | (bits_of(t) & set_int(INT32_MIN)));
  }
};

// Beyond, t² would overflow: a density there is 0 in any sum, and 0 · ∞ would make that NaN.
constexpr float FARTHEST = 1e15f;
AEVB_INLINE F32 standardise(F32 z, F32 mean, F32 inverse) {
  return max(set(-FARTHEST), min(set(FARTHEST), (z - mean) * inverse));
}

// The largest lane, or NaN if one is and no larger one follows: the sums notice every NaN.
AEVB_INLINE float largest_lane(F32 a) {
  float lane[F32::size];
  store(lane, a);
  for (int half = F32::size / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lane[i] = lane[i] > lane[i + half] ? lane[i] : lane[i + half];
  }
  return lane[0];
}

template <typename Family>
static void finish_tables(float* floats, std::size_t R, std::size_t B, std::size_t Z) {
  const auto table = tables_at(floats, R, B, Z);
  for (std::size_t d = 0; d < Z; ++d) {
    float* log_spread = table.log_spread + d * table.data;
    float* inverse = table.inverse + d * table.data;
    for (std::size_t j = B; j < table.data; ++j) {
      log_spread[j] = INFINITE;
      table.mean[d * table.data + j] = 0.0f;
    }
    for (std::size_t j = 0; j < table.data; j += F32::size) {
      const F32 lambda = set(Family::LAMBDA) * load(log_spread + j);
      store(log_spread + j, lambda);
      store(inverse + j, exp(-lambda));
    }
    for (std::size_t i = R; i < table.draws; ++i) {
      table.z[d * table.draws + i] = 0.0f;
      table.marginal[d * table.draws + i] = INFINITE;
    }
  }
  for (std::size_t i = R; i < table.draws; ++i) table.joint[i] = INFINITE;
}

// One row i of z against all data. scratch: log_q[Z, data], slopes[Z, data] (g′ e^−λ), joint[data], and [Z] each
// tops, sums and slope_sums.
template <typename Family, bool GRADIENT>
static void one_row(double* value, Panels dz, const Tables<float>& table, float scale, double log_of_all,
                    float* scratch, std::size_t row, std::size_t Z) {
  const std::size_t data = table.data;
  const std::size_t units = cache_lines(Z);
  float* AEVB_RESTRICT log_q = scratch;
  float* AEVB_RESTRICT slopes = log_q + Z * data;
  float* AEVB_RESTRICT joint = slopes + Z * data;
  float* AEVB_RESTRICT tops = joint + data;
  float* AEVB_RESTRICT sums = tops + units;
  float* AEVB_RESTRICT slope_sums = sums + units;

  for (std::size_t j = 0; j < data; j += F32::size) store(joint + j, zero());
  for (std::size_t d = 0; d < Z; ++d) {
    const F32 z = set(table.z[d * table.draws + row]);
    float* AEVB_RESTRICT log_q_row = log_q + d * data;
    float* AEVB_RESTRICT slopes_row = slopes + d * data;
    F32 top = set(-INFINITE);
    for (std::size_t j = 0; j < data; j += F32::size) {
      const F32 inverse = load(table.inverse + d * data + j);
      F32 g, slope;
      Family::look_up(standardise(z, load(table.mean + d * data + j), inverse), &g, &slope);
      const F32 log_density = -(g + load(table.log_spread + d * data + j));
      store(log_q_row + j, log_density);
      if constexpr (GRADIENT) store(slopes_row + j, slope * inverse);
      store(joint + j, load(joint + j) + log_density);
      top = max(top, log_density);
    }
    tops[d] = largest_lane(top);
    const F32 shift = set(tops[d]);
    F32 density = zero();
    F32 slope_sum = zero();
    for (std::size_t j = 0; j < data; j += F32::size) {
      const F32 e = exp_minus(shift - load(log_q_row + j));
      density = density + e;
      if constexpr (GRADIENT) slope_sum = fma(e, load(slopes_row + j), slope_sum);
    }
    sums[d] = sum(density);
    if constexpr (GRADIENT) slope_sums[d] = sum(slope_sum);
  }

  F32 top = set(-INFINITE);
  for (std::size_t j = 0; j < data; j += F32::size) top = max(top, load(joint + j));
  const float joint_top = largest_lane(top);
  F32 density = zero();
  for (std::size_t j = 0; j < data; j += F32::size) {
    const F32 e = exp_minus(set(joint_top) - load(joint + j));
    store(joint + j, e);
    density = density + e;
  }
  const float joint_sum = sum(density);

  // The padding of tops and sums may be anything: what comes of it is not read.
  double marginals = 0.0;
  for (std::size_t d = 0; d < Z; d += F32::size) {
    float logs[F32::size];
    store(logs, load(tops + d) + log(load(sums + d)));
    for (std::size_t i = 0; i < F32::size && d + i < Z; ++i) {
      table.marginal[(d + i) * table.draws + row] = logs[i];
      // standardise() hides an infinite z, which 0 · z shows.
      const double z = static_cast<double>(table.z[(d + i) * table.draws + row]);
      marginals += static_cast<double>(logs[i]) - log_of_all + 0.0 * z;
    }
  }
  float logs[F32::size];
  store(logs, set(joint_top) + log(set(joint_sum)));
  table.joint[row] = logs[0];
  value[row] = static_cast<double>(logs[0]) - log_of_all - marginals;

  if constexpr (GRADIENT) {
    for (std::size_t d = 0; d < Z; ++d) {
      F32 joint_slope = zero();
      for (std::size_t j = 0; j < data; j += F32::size) {
        joint_slope = fma(load(joint + j), load(slopes + d * data + j), joint_slope);
      }
      dz.at(row, d) += scale * (slope_sums[d] / sums[d] - sum(joint_slope) / joint_sum);
    }
  }
}

template <typename Family>
static void rows_of(double* value, Panels dz, const Tables<float>& table, float scale, double log_of_all,
                    float* scratch, std::size_t first, std::size_t count, std::size_t Z) {
  for (std::size_t row = first; row < first + count; ++row) {
    if (dz.data != nullptr) {
      one_row<Family, true>(value, dz, table, scale, log_of_all, scratch, row, Z);
    } else {
      one_row<Family, false>(value, dz, table, scale, log_of_all, scratch, row, Z);
    }
  }
}

// One datum j against all rows of z. scratch: log_q, places (t) and slopes (g′), each [Z, draws], and joint[draws].
template <typename Family>
static void one_datum(Panels dmean, Panels dlog_spread, const Tables<const float>& table, float scale, float* scratch,
                      std::size_t datum, std::size_t Z) {
  const std::size_t draws = table.draws;
  float* AEVB_RESTRICT log_q = scratch;
  float* AEVB_RESTRICT places = log_q + Z * draws;
  float* AEVB_RESTRICT slopes = places + Z * draws;
  float* AEVB_RESTRICT joint = slopes + Z * draws;

  for (std::size_t i = 0; i < draws; i += F32::size) store(joint + i, zero());
  for (std::size_t d = 0; d < Z; ++d) {
    const F32 mean = set(table.mean[d * table.data + datum]);
    const F32 inverse = set(table.inverse[d * table.data + datum]);
    const F32 log_spread = set(table.log_spread[d * table.data + datum]);
    for (std::size_t i = 0; i < draws; i += F32::size) {
      const F32 t = standardise(load(table.z + d * draws + i), mean, inverse);
      F32 g, slope;
      Family::look_up(t, &g, &slope);
      const F32 log_density = -(g + log_spread);
      store(log_q + d * draws + i, log_density);
      store(places + d * draws + i, t);
      store(slopes + d * draws + i, slope);
      store(joint + i, load(joint + i) + log_density);
    }
  }
  // What is rounded differently than in the sum may come out a little above it.
  for (std::size_t i = 0; i < draws; i += F32::size) {
    store(joint + i, exp_minus(max(zero(), load(table.joint + i) - load(joint + i))));
  }
  for (std::size_t d = 0; d < Z; ++d) {
    F32 slope_sum = zero();
    F32 spread_sum = zero();
    for (std::size_t i = 0; i < draws; i += F32::size) {
      const F32 difference = load(table.marginal + d * draws + i) - load(log_q + d * draws + i);
      const F32 weight = load(joint + i) - exp_minus(max(zero(), difference));
      const F32 weighted_slope = weight * load(slopes + d * draws + i);
      slope_sum = slope_sum + weighted_slope;
      spread_sum = spread_sum + fma(weighted_slope, load(places + d * draws + i), -weight);
    }
    dmean.at(datum, d) += scale * (sum(slope_sum) * table.inverse[d * table.data + datum]);
    dlog_spread.at(datum, d) += scale * (Family::LAMBDA * sum(spread_sum));
  }
}

template <typename Family>
static void data_of(Panels dmean, Panels dlog_spread, const Tables<const float>& table, float scale, float* scratch,
                    std::size_t first, std::size_t count, std::size_t Z) {
  for (std::size_t datum = first; datum < first + count; ++datum) {
    one_datum<Family>(dmean, dlog_spread, table, scale, scratch, datum, Z);
  }
}

void total_correlation_finish(float* tables, PosteriorType family, std::size_t R, std::size_t B, std::size_t Z) {
  if (family == PosteriorType::gaussian) {
    finish_tables<GaussianFamily>(tables, R, B, Z);
  } else {  // λ is the head itself in the others
    finish_tables<LaplaceFamily>(tables, R, B, Z);
  }
}

void total_correlation_rows(double* value, Panels dz, float* tables, PosteriorType family, float scale,
                            double log_of_all, float* scratch, std::size_t first, std::size_t count, std::size_t R,
                            std::size_t B, std::size_t Z) {
  const auto table = tables_at(tables, R, B, Z);
  if (family == PosteriorType::gaussian) {
    rows_of<GaussianFamily>(value, dz, table, scale, log_of_all, scratch, first, count, Z);
  } else if (family == PosteriorType::laplace) {
    rows_of<LaplaceFamily>(value, dz, table, scale, log_of_all, scratch, first, count, Z);
  } else {
    rows_of<LogisticFamily>(value, dz, table, scale, log_of_all, scratch, first, count, Z);
  }
}

void total_correlation_heads(Panels dmean, Panels dlog_spread, const float* tables, PosteriorType family, float scale,
                             float* scratch, std::size_t first, std::size_t count, std::size_t R, std::size_t B,
                             std::size_t Z) {
  const auto table = tables_at(tables, R, B, Z);
  if (family == PosteriorType::gaussian) {
    data_of<GaussianFamily>(dmean, dlog_spread, table, scale, scratch, first, count, Z);
  } else if (family == PosteriorType::laplace) {
    data_of<LaplaceFamily>(dmean, dlog_spread, table, scale, scratch, first, count, Z);
  } else {
    data_of<LogisticFamily>(dmean, dlog_spread, table, scale, scratch, first, count, Z);
  }
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

std::size_t total_correlation_table_floats(std::size_t R, std::size_t B, std::size_t Z) {
  return 3 * Z * cache_lines(B) + (2 * Z + 1) * cache_lines(R);
}

std::size_t total_correlation_scratch_floats(std::size_t R, std::size_t B, std::size_t Z) {
  const std::size_t rows = (2 * Z + 1) * cache_lines(B) + 3 * cache_lines(Z);
  const std::size_t heads = (3 * Z + 1) * cache_lines(R);
  return rows > heads ? rows : heads;
}

void total_correlation_tables(float* tables, PosteriorType family, ConstPanels z, ConstPanels mean,
                              ConstPanels log_spread, std::size_t R, std::size_t B, std::size_t Z) {
  if (family != PosteriorType::gaussian && family != PosteriorType::laplace && family != PosteriorType::logistic) {
    throw std::invalid_argument("total correlation of a posterior that has no location and spread");
  }
  const auto table = portable::tables_at(tables, R, B, Z);
  transpose({table.mean, 0, table.data}, mean, B, Z);
  transpose({table.log_spread, 0, table.data}, log_spread, B, Z);
  transpose({table.z, 0, table.draws}, z, R, Z);
  AEVB_DISPATCH(total_correlation_finish)(tables, family, R, B, Z);
}

void total_correlation_rows(double* value, Panels dz, float* tables, PosteriorType family, float scale,
                            std::size_t data_rows, float* scratch, std::size_t first, std::size_t count, std::size_t R,
                            std::size_t B, std::size_t Z) {
  const double log_of_all = std::log(static_cast<double>(data_rows)) + std::log(static_cast<double>(B));
  AEVB_DISPATCH(total_correlation_rows)
  (value, dz, tables, family, scale, log_of_all, scratch, first, count, R, B, Z);
}

void total_correlation_heads(Panels dmean, Panels dlog_spread, const float* tables, PosteriorType family, float scale,
                             float* scratch, std::size_t first, std::size_t count, std::size_t R, std::size_t B,
                             std::size_t Z) {
  AEVB_DISPATCH(total_correlation_heads)
  (dmean, dlog_spread, tables, family, scale, scratch, first, count, R, B, Z);
}

}  // namespace aevb
#endif
