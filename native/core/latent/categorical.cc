#include "latent/categorical.h"

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "latent/kind.h"
#include "latent/prior.h"

#define AEVB_KERNEL_FILE "latent/categorical.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/vector_math.h"

// Uses the headers above.
#include "latent/lanes.h"
#include "math/row_lanes.h"

AEVB_BEFORE_KERNELS

namespace {

// Variables with many classes: vectors lie along the row. Each pass goes through the classes part by part, because
// there may be more of them than a buffer holds, and they may lie in two panels. A pass computes again what it needs
// from the pass before.

// Row `row` of the logits plus row `noise_row` of the noise (epsilon.data null: no noise), over the temperature.
struct Scores {
  ConstPanels logits, epsilon;
  std::size_t row, noise_row;
  float per_temperature;
};
AEVB_INLINE F32 load_scores(const Scores& scores, const Part& part, int lanes) {
  F32 v = load_partial(at_part(scores.logits, part, scores.row), lanes);
  if (scores.epsilon.data != nullptr) {
    v = v + load_partial(at_part(scores.epsilon, part, scores.noise_row), lanes);
  }
  return set(scores.per_temperature) * v;
}

// The largest of the first `lanes` lanes; a NaN may be ignored.
AEVB_INLINE float largest(F32 a, int lanes) {
  float values[F32::size];
  store(values, a);
  float top = values[0];
  for (int i = 1; i < lanes; ++i) top = values[i] > top ? values[i] : top;
  return top;
}

// softmax_k = e^(score_k − top)/total. A NaN among the scores makes the total NaN.
struct Softmax {
  float top, total;
};
AEVB_INLINE Softmax softmax_of(const Scores& scores, Part variable) {
  const std::size_t width = scores.logits.width;
  const F32 lowest = float_of(set_int(static_cast<std::int32_t>(0xff800000)));  // −∞
  F32 tops = lowest;
  for (Part part = variable; part.left > 0;) {
    const int lanes = part_lanes(part, width);
    tops = max(tops, select(first_lanes(lanes), load_scores(scores, part, lanes), lowest));
    next_part(&part, lanes, width);
  }
  const float top = largest(tops, F32::size);
  F32 totals = zero();
  for (Part part = variable; part.left > 0;) {
    const int lanes = part_lanes(part, width);
    totals = totals + select(first_lanes(lanes), exp(load_scores(scores, part, lanes) - set(top)), zero());
    next_part(&part, lanes, width);
  }
  return {top, sum(totals)};
}

AEVB_INLINE float log_total(const Softmax& softmax) {
  return static_cast<float>(std::log(static_cast<double>(softmax.total)));
}

AEVB_INLINE Part first_variable(std::size_t K) { return {0, 0, K}; }
AEVB_INLINE void next_variable(Part* variable, std::size_t K, std::size_t width) {
  variable->col += K;
  while (variable->col >= width) {
    variable->col -= width;
    ++variable->panel;
  }
}

AEVB_INLINE void relaxed_draw(Panels z, const Scores& scores, Part variable, std::size_t r) {
  const Softmax softmax = softmax_of(scores, variable);
  const F32 scale = set(1.0f) / set(softmax.total);
  while (variable.left > 0) {
    const int lanes = part_lanes(variable, z.width);
    store_partial(at_part(z, variable, r), scale * exp(load_scores(scores, variable, lanes) - set(softmax.top)), lanes);
    next_part(&variable, lanes, z.width);
  }
}

AEVB_INLINE void hard_draw(Panels z, const Scores& scores, Part variable, std::size_t r) {
  float top = 0.0f;
  float not_a_number = 0.0f;  // NaN if one of the scores is
  float* hot = nullptr;
  while (variable.left > 0) {
    const int lanes = part_lanes(variable, z.width);
    float values[F32::size];
    store(values, load_scores(scores, variable, lanes));
    float* to = at_part(z, variable, r);
    for (int i = 0; i < lanes; ++i) {
      if (values[i] != values[i]) not_a_number = values[i];
      if (hot == nullptr || values[i] > top) {
        hot = to + i;
        top = values[i];
      }
    }
    store_partial(to, zero(), lanes);
    next_part(&variable, lanes, z.width);
  }
  *hot = 1.0f + not_a_number;
}

// dlogits of one draw; overwrites if `first`, else adds.
AEVB_INLINE void draw_backward(Panels dlogits, const Scores& scores, ConstPanels z, ConstPanels dz, bool hard,
                               Part variable, bool first) {
  const std::size_t width = dlogits.width;
  const std::size_t r = scores.noise_row;
  const Softmax softmax = hard ? softmax_of(scores, variable) : Softmax{};
  const F32 scale = set(1.0f) / set(softmax.total);
  F32 products = zero();
  for (Part part = variable; part.left > 0;) {
    const int lanes = part_lanes(part, width);
    const F32 y = hard ? scale * exp(load_scores(scores, part, lanes) - set(softmax.top))
                       : load_partial(at_part(z, part, r), lanes);
    // In lanes that are not columns dz is 0 and y is finite.
    products = products + select(first_lanes(lanes), y * load_partial(at_part(dz, part, r), lanes), zero());
    next_part(&part, lanes, width);
  }
  const F32 mean = set(sum(products));
  while (variable.left > 0) {
    const int lanes = part_lanes(variable, width);
    const F32 y = hard ? scale * exp(load_scores(scores, variable, lanes) - set(softmax.top))
                       : load_partial(at_part(z, variable, r), lanes);
    F32 slope = set(scores.per_temperature) * (y * (load_partial(at_part(dz, variable, r), lanes) - mean));
    float* to = at_part(dlogits, variable, scores.row);
    if (!first) slope = slope + load_partial(to, lanes);
    store_partial(to, slope, lanes);
    next_part(&variable, lanes, width);
  }
}

// Variables with few classes, as most have: each lane is a row of data or of draws, depending on the result
// (math/row_lanes.h). As many variables as fit are processed at a time.
struct Held {
  std::size_t count, columns;
  Column at;
};
AEVB_INLINE Held held(std::size_t first, std::size_t V, std::size_t K, std::size_t width) {
  const std::size_t most = LANE_COLUMNS / K;
  const std::size_t count = V - first < most ? V - first : most;
  return {count, count * K, column_at(first * K, width)};
}

// The logits of rows `data` plus the noise of rows `draws` (epsilon.data null: no noise), over the temperature.
AEVB_INLINE void load_score_lanes(RowLanes* scores, ConstPanels logits, ConstPanels epsilon, const LaneRows& data,
                                  const LaneRows& draws, float per_temperature, const Held& at) {
  load_row_lanes(scores, logits, data, at.at, at.columns);
  if (epsilon.data != nullptr) {
    RowLanes noise;
    load_row_lanes(&noise, epsilon, draws, at.at, at.columns);
    for (std::size_t i = 0; i < at.columns; ++i) scores->column[i] = scores->column[i] + noise.column[i];
  }
  for (std::size_t i = 0; i < at.columns; ++i) scores->column[i] = set(per_temperature) * scores->column[i];
}

AEVB_INLINE F32 top_of(const F32* scores, std::size_t K) {
  F32 top = scores[0];
  for (std::size_t k = 1; k < K; ++k) top = max(scores[k], top);
  return top;
}

// e_k = e^(score_k − top) of one variable; returns their sum. Subtracts the top from the scores; `e` may be `scores`.
AEVB_INLINE F32 exponentials(F32* e, F32* scores, std::size_t K) {
  const F32 top = top_of(scores, K);
  F32 total = zero();
  for (std::size_t k = 0; k < K; ++k) {
    const F32 below = top - scores[k];
    scores[k] = -below;
    e[k] = exp_minus(below);
    total = total + e[k];
  }
  return total;
}
AEVB_INLINE void softmax_in_place(F32* scores, std::size_t K) {
  const F32 scale = set(1.0f) / exponentials(scores, scores, K);
  for (std::size_t k = 0; k < K; ++k) scores[k] = scale * scores[k];
}
AEVB_INLINE void log_softmax_in_place(F32* scores, std::size_t K) {
  const F32 top = top_of(scores, K);
  F32 total = zero();
  for (std::size_t k = 0; k < K; ++k) {
    scores[k] = scores[k] - top;
    total = total + exp_minus(-scores[k]);
  }
  const F32 normalizer = log(total);
  for (std::size_t k = 0; k < K; ++k) scores[k] = scores[k] - normalizer;
}

AEVB_INLINE void hard_draw_in_place(F32* scores, std::size_t K) {
  const F32 top = top_of(scores, K);
  F32 not_a_number = zero();  // NaN if one of the scores is
  for (std::size_t k = 0; k < K; ++k) not_a_number = select(is_nan(scores[k]), scores[k], not_a_number);
  F32 to_come = set(1.0f);
  for (std::size_t k = 0; k < K; ++k) {
    const F32 hot = select(less_equal(top, scores[k]), to_come, zero());
    to_come = to_come - hot;
    scores[k] = hot + not_a_number;
  }
}

void sample_in_lanes(Panels z, ConstPanels logits, ConstPanels epsilon, float per_temperature, bool hard, std::size_t B,
                     std::size_t L, std::size_t V, std::size_t K) {
  for (std::size_t first = 0; first < B * L; first += F32::size) {
    const std::size_t rows = rows_in_lanes(first, B * L);
    const LaneRows draws = lane_rows(first, rows), data = data_of(draws, L);
    for (std::size_t v = 0; v < V;) {
      const Held at = held(v, V, K, z.width);
      RowLanes scores;
      load_score_lanes(&scores, logits, epsilon, data, draws, per_temperature, at);
      for (std::size_t i = 0; i < at.columns; i += K) {
        if (hard) {
          hard_draw_in_place(scores.column + i, K);
        } else {
          softmax_in_place(scores.column + i, K);
        }
      }
      store_row_lanes(z, first, rows, at.at, scores, at.columns);
      v += at.count;
    }
  }
}

void sample_backward_in_lanes(Panels dlogits, ConstPanels logits, ConstPanels epsilon, ConstPanels z, ConstPanels dz,
                              float per_temperature, bool hard, std::size_t B, std::size_t L, std::size_t V,
                              std::size_t K) {
  for (std::size_t first = 0; first < B; first += F32::size) {
    const std::size_t rows = rows_in_lanes(first, B);
    const LaneRows data = lane_rows(first, rows);
    for (std::size_t v = 0; v < V;) {
      const Held at = held(v, V, K, dlogits.width);
      RowLanes slopes = {};
      for (std::size_t l = 0; l < L; ++l) {
        const LaneRows draws = draws_of(data, l, L);
        RowLanes y, gradient;
        load_row_lanes(&gradient, dz, draws, at.at, at.columns);
        if (hard) {
          load_score_lanes(&y, logits, epsilon, data, draws, per_temperature, at);
          for (std::size_t i = 0; i < at.columns; i += K) softmax_in_place(y.column + i, K);
        } else {
          load_row_lanes(&y, z, draws, at.at, at.columns);
        }
        for (std::size_t i = 0; i < at.columns; i += K) {
          F32 mean = zero();
          for (std::size_t k = i; k < i + K; ++k) mean = fma(y.column[k], gradient.column[k], mean);
          for (std::size_t k = i; k < i + K; ++k) {
            slopes.column[k] = slopes.column[k] + set(per_temperature) * (y.column[k] * (gradient.column[k] - mean));
          }
        }
      }
      store_row_lanes(dlogits, first, rows, at.at, slopes, at.columns);
      v += at.count;
    }
  }
}

void log_mass_in_lanes(double* log_q, ConstPanels logits, ConstPanels z, std::size_t B, std::size_t L, std::size_t V,
                       std::size_t K) {
  for (std::size_t first = 0; first < B * L; first += F32::size) {
    const std::size_t rows = rows_in_lanes(first, B * L);
    const LaneRows draws = lane_rows(first, rows), data = data_of(draws, L);
    F64 total = zero_double();
    for (std::size_t v = 0; v < V;) {
      const Held at = held(v, V, K, z.width);
      RowLanes log_mass, mass;
      load_row_lanes(&log_mass, logits, data, at.at, at.columns);
      load_row_lanes(&mass, z, draws, at.at, at.columns);
      for (std::size_t i = 0; i < at.columns; i += K) {
        log_softmax_in_place(log_mass.column + i, K);
        F32 variable_sum = zero();
        for (std::size_t k = i; k < i + K; ++k) variable_sum = fma(mass.column[k], log_mass.column[k], variable_sum);
        total = total + widen(variable_sum);
      }
      v += at.count;
    }
    double each[F32::size];
    store(each, total);
    for (std::size_t r = 0; r < rows; ++r) log_q[first + r] = each[r];
  }
}

void log_mass_backward_z_in_lanes(Panels dz, ConstPanels logits, const float* weight, std::size_t B, std::size_t L,
                                  std::size_t V, std::size_t K) {
  for (std::size_t first = 0; first < B * L; first += F32::size) {
    const std::size_t rows = rows_in_lanes(first, B * L);
    const LaneRows draws = lane_rows(first, rows), data = data_of(draws, L);
    const F32 weights = load_partial(weight + first, static_cast<int>(rows));
    for (std::size_t v = 0; v < V;) {
      const Held at = held(v, V, K, dz.width);
      RowLanes log_mass, sum;
      load_row_lanes(&log_mass, logits, data, at.at, at.columns);
      load_row_lanes(&sum, dz, draws, at.at, at.columns);
      for (std::size_t i = 0; i < at.columns; i += K) {
        log_softmax_in_place(log_mass.column + i, K);
        for (std::size_t k = i; k < i + K; ++k) sum.column[k] = fma(weights, log_mass.column[k], sum.column[k]);
      }
      store_row_lanes(dz, first, rows, at.at, sum, at.columns);
      v += at.count;
    }
  }
}

void log_mass_backward_logits_in_lanes(Panels dlogits, ConstPanels logits, ConstPanels z, const float* weight,
                                       std::size_t B, std::size_t L, std::size_t V, std::size_t K) {
  for (std::size_t first = 0; first < B; first += F32::size) {
    const std::size_t rows = rows_in_lanes(first, B);
    const LaneRows data = lane_rows(first, rows);
    for (std::size_t v = 0; v < V;) {
      const Held at = held(v, V, K, dlogits.width);
      RowLanes sum, y, weighted = {};
      load_row_lanes(&sum, dlogits, data, at.at, at.columns);
      for (std::size_t l = 0; l < L; ++l) {
        const LaneRows draws = draws_of(data, l, L);
        float weights[F32::size];
        for (int r = 0; r < F32::size; ++r) weights[r] = weight[draws.row[r]];
        RowLanes mass;
        load_row_lanes(&mass, z, draws, at.at, at.columns);
        for (std::size_t i = 0; i < at.columns; ++i) {
          weighted.column[i] = fma(load(weights), mass.column[i], weighted.column[i]);
        }
      }
      load_row_lanes(&y, logits, data, at.at, at.columns);
      for (std::size_t i = 0; i < at.columns; i += K) {
        softmax_in_place(y.column + i, K);
        F32 mass = zero();  // Σ_l weight Σ_j z_j
        for (std::size_t k = i; k < i + K; ++k) mass = mass + weighted.column[k];
        for (std::size_t k = i; k < i + K; ++k) {
          sum.column[k] = fnma(mass, y.column[k], sum.column[k] + weighted.column[k]);
        }
      }
      store_row_lanes(dlogits, first, rows, at.at, sum, at.columns);
      v += at.count;
    }
  }
}

// Σ_k e_k score_k over the total, which is Σ π log π + log total.
AEVB_INLINE F32 mean_score(const F32* e, const F32* scores, F32 total, std::size_t K) {
  F32 sum = zero();
  for (std::size_t k = 0; k < K; ++k) sum = fma(e[k], scores[k], sum);
  return sum / total;
}

void kl_in_lanes(double* kl, ConstPanels logits, std::size_t B, std::size_t V, std::size_t K) {
  const F32 log_classes = set(static_cast<float>(std::log(static_cast<double>(K))));
  for (std::size_t first = 0; first < B; first += F32::size) {
    const std::size_t rows = rows_in_lanes(first, B);
    const LaneRows data = lane_rows(first, rows);
    for (std::size_t v = 0; v < V;) {
      const Held at = held(v, V, K, logits.width);
      RowLanes scores, e;
      load_row_lanes(&scores, logits, data, at.at, at.columns);
      for (std::size_t i = 0; i < at.columns; i += K, ++v) {
        const F32 total = exponentials(e.column + i, scores.column + i, K);
        float each[F32::size];
        store(each, mean_score(e.column + i, scores.column + i, total, K) - log(total) + log_classes);
        for (std::size_t r = 0; r < rows; ++r) kl[(first + r) * V + v] = static_cast<double>(each[r]);
      }
    }
  }
}

void kl_backward_in_lanes(Panels dlogits, ConstPanels logits, const float* weight, std::size_t B, std::size_t V,
                          std::size_t K) {
  for (std::size_t first = 0; first < B; first += F32::size) {
    const std::size_t rows = rows_in_lanes(first, B);
    const LaneRows data = lane_rows(first, rows);
    for (std::size_t v = 0; v < V;) {
      const Held at = held(v, V, K, logits.width);
      RowLanes scores, e, sum;
      load_row_lanes(&scores, logits, data, at.at, at.columns);
      load_row_lanes(&sum, dlogits, data, at.at, at.columns);
      for (std::size_t i = 0; i < at.columns; i += K, ++v) {
        const F32 total = exponentials(e.column + i, scores.column + i, K);
        const F32 mean = mean_score(e.column + i, scores.column + i, total, K);
        const F32 scale = set(weight[v]) / total;
        for (std::size_t k = i; k < i + K; ++k) {
          sum.column[k] = fma(scale * e.column[k], scores.column[k] - mean, sum.column[k]);
        }
      }
      store_row_lanes(dlogits, first, rows, at.at, sum, at.columns);
    }
  }
}

}  // namespace

void categorical_latent_sample(Panels z, ConstPanels logits, ConstPanels epsilon, float temperature, bool hard,
                               std::size_t B, std::size_t L, std::size_t V, std::size_t K) {
  zero_padding_of(z, B * L, V * K);
  const float per_temperature = hard ? 1.0f : 1.0f / temperature;
  if (K <= LANE_COLUMNS) {
    sample_in_lanes(z, logits, epsilon, per_temperature, hard, B, L, V, K);
    return;
  }
  for (std::size_t r = 0; r < B * L; ++r) {
    const Scores scores = {logits, epsilon, r / L, r, per_temperature};
    Part variable = first_variable(K);
    for (std::size_t v = 0; v < V; ++v) {
      if (hard) {
        hard_draw(z, scores, variable, r);
      } else {
        relaxed_draw(z, scores, variable, r);
      }
      next_variable(&variable, K, z.width);
    }
  }
}

void categorical_latent_sample_backward(Panels dlogits, ConstPanels logits, ConstPanels epsilon, ConstPanels z,
                                        ConstPanels dz, float temperature, bool hard, std::size_t B, std::size_t L,
                                        std::size_t V, std::size_t K) {
  zero_padding_of(dlogits, B, V * K);
  const float per_temperature = 1.0f / temperature;
  if (K <= LANE_COLUMNS) {
    sample_backward_in_lanes(dlogits, logits, epsilon, z, dz, per_temperature, hard, B, L, V, K);
    return;
  }
  for (std::size_t r = 0; r < B * L; ++r) {
    const Scores scores = {logits, epsilon, r / L, r, per_temperature};
    Part variable = first_variable(K);
    for (std::size_t v = 0; v < V; ++v) {
      draw_backward(dlogits, scores, z, dz, hard, variable, r % L == 0);
      next_variable(&variable, K, dlogits.width);
    }
  }
}

void categorical_latent_log_mass(double* log_q, ConstPanels logits, ConstPanels z, std::size_t B, std::size_t L,
                                 std::size_t V, std::size_t K) {
  if (K <= LANE_COLUMNS) {
    log_mass_in_lanes(log_q, logits, z, B, L, V, K);
    return;
  }
  for (std::size_t r = 0; r < B * L; ++r) log_q[r] = 0.0;
  for (std::size_t b = 0; b < B; ++b) {
    const Scores scores = {logits, {}, b, 0, 1.0f};
    Part variable = first_variable(K);
    for (std::size_t v = 0; v < V; ++v) {
      const Softmax softmax = softmax_of(scores, variable);
      const F32 shift = set(softmax.top);
      const F32 normalizer = set(log_total(softmax));
      for (std::size_t r = b * L; r < (b + 1) * L; ++r) {
        for (Part part = variable; part.left > 0;) {
          const int lanes = part_lanes(part, z.width);
          const F32 log_mass = load_scores(scores, part, lanes) - shift - normalizer;
          log_q[r] += column_sum<false>(load_partial(at_part(z, part, r), lanes) * log_mass, lanes);
          next_part(&part, lanes, z.width);
        }
      }
      next_variable(&variable, K, z.width);
    }
  }
}

void categorical_latent_log_mass_backward_z(Panels dz, ConstPanels logits, const float* weight, std::size_t B,
                                            std::size_t L, std::size_t V, std::size_t K) {
  if (K <= LANE_COLUMNS) {
    log_mass_backward_z_in_lanes(dz, logits, weight, B, L, V, K);
    return;
  }
  for (std::size_t b = 0; b < B; ++b) {
    const Scores scores = {logits, {}, b, 0, 1.0f};
    Part variable = first_variable(K);
    for (std::size_t v = 0; v < V; ++v) {
      const Softmax softmax = softmax_of(scores, variable);
      const F32 shift = set(softmax.top);
      const F32 normalizer = set(log_total(softmax));
      for (Part part = variable; part.left > 0;) {
        const int lanes = part_lanes(part, dz.width);
        const F32 log_mass = load_scores(scores, part, lanes) - shift - normalizer;
        for (std::size_t r = b * L; r < (b + 1) * L; ++r) {
          float* to = at_part(dz, part, r);
          store_partial(to, fma(set(weight[r]), log_mass, load_partial(to, lanes)), lanes);
        }
        next_part(&part, lanes, dz.width);
      }
      next_variable(&variable, K, dz.width);
    }
  }
}

void categorical_latent_log_mass_backward_logits(Panels dlogits, ConstPanels logits, ConstPanels z, const float* weight,
                                                 std::size_t B, std::size_t L, std::size_t V, std::size_t K) {
  if (K <= LANE_COLUMNS) {
    log_mass_backward_logits_in_lanes(dlogits, logits, z, weight, B, L, V, K);
    return;
  }
  for (std::size_t b = 0; b < B; ++b) {
    const Scores scores = {logits, {}, b, 0, 1.0f};
    Part variable = first_variable(K);
    for (std::size_t v = 0; v < V; ++v) {
      const Softmax softmax = softmax_of(scores, variable);
      const F32 scale = set(1.0f) / set(softmax.total);
      F32 masses = zero();  // Σ_l weight Σ_j z_j
      for (Part part = variable; part.left > 0;) {
        const int lanes = part_lanes(part, z.width);
        F32 weighted = zero();
        for (std::size_t r = b * L; r < (b + 1) * L; ++r) {
          weighted = fma(set(weight[r]), load_partial(at_part(z, part, r), lanes), weighted);
        }
        float* to = at_part(dlogits, part, b);
        store_partial(to, load_partial(to, lanes) + weighted, lanes);
        masses = masses + weighted;
        next_part(&part, lanes, z.width);
      }
      const F32 mass = scale * set(sum(masses));
      for (Part part = variable; part.left > 0;) {
        const int lanes = part_lanes(part, z.width);
        float* to = at_part(dlogits, part, b);
        const F32 e = exp(load_scores(scores, part, lanes) - set(softmax.top));
        store_partial(to, fnma(mass, e, load_partial(to, lanes)), lanes);
        next_part(&part, lanes, z.width);
      }
      next_variable(&variable, K, z.width);
    }
  }
}

namespace {

// Σ_k e^(score_k − top) (score_k − top). Divided by the total, it is Σ π log π + log total.
AEVB_INLINE double sum_of_scores(const Scores& scores, const Softmax& softmax, Part variable) {
  const std::size_t width = scores.logits.width;
  double total = 0.0;
  while (variable.left > 0) {
    const int lanes = part_lanes(variable, width);
    const F32 score = load_scores(scores, variable, lanes) - set(softmax.top);
    total += column_sum<false>(exp(score) * score, lanes);
    next_part(&variable, lanes, width);
  }
  return total;
}

}  // namespace

void categorical_latent_kl(double* kl, ConstPanels logits, std::size_t B, std::size_t V, std::size_t K) {
  if (K <= LANE_COLUMNS) {
    kl_in_lanes(kl, logits, B, V, K);
    return;
  }
  const double log_classes = std::log(static_cast<double>(K));
  for (std::size_t b = 0; b < B; ++b) {
    const Scores scores = {logits, {}, b, 0, 1.0f};
    Part variable = first_variable(K);
    for (std::size_t v = 0; v < V; ++v) {
      const Softmax softmax = softmax_of(scores, variable);
      const double total = static_cast<double>(softmax.total);
      kl[b * V + v] = sum_of_scores(scores, softmax, variable) / total - std::log(total) + log_classes;
      next_variable(&variable, K, logits.width);
    }
  }
}

void categorical_latent_kl_backward(Panels dlogits, ConstPanels logits, const float* weight, std::size_t B,
                                    std::size_t V, std::size_t K) {
  if (K <= LANE_COLUMNS) {
    kl_backward_in_lanes(dlogits, logits, weight, B, V, K);
    return;
  }
  for (std::size_t b = 0; b < B; ++b) {
    const Scores scores = {logits, {}, b, 0, 1.0f};
    Part variable = first_variable(K);
    for (std::size_t v = 0; v < V; ++v) {
      // Both logarithms have the same normaliser, which cancels in their difference.
      const Softmax softmax = softmax_of(scores, variable);
      const F32 scale = set(weight[v]) / set(softmax.total);
      const double total = sum_of_scores(scores, softmax, variable);
      const F32 mean = set(static_cast<float>(total / static_cast<double>(softmax.total)));
      for (Part part = variable; part.left > 0;) {
        const int lanes = part_lanes(part, logits.width);
        const F32 score = load_scores(scores, part, lanes) - set(softmax.top);
        float* to = at_part(dlogits, part, b);
        store_partial(to, fma(scale * exp(score), score - mean, load_partial(to, lanes)), lanes);
        next_part(&part, lanes, logits.width);
      }
      next_variable(&variable, K, logits.width);
    }
  }
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void categorical_latent_sample(Panels z, ConstPanels logits, ConstPanels epsilon, float temperature, bool hard,
                               std::size_t B, std::size_t L, std::size_t V, std::size_t K) {
  AEVB_DISPATCH(categorical_latent_sample)(z, logits, epsilon, temperature, hard, B, L, V, K);
}

void categorical_latent_sample_backward(Panels dlogits, ConstPanels logits, ConstPanels epsilon, ConstPanels z,
                                        ConstPanels dz, float temperature, bool hard, std::size_t B, std::size_t L,
                                        std::size_t V, std::size_t K) {
  AEVB_DISPATCH(categorical_latent_sample_backward)
  (dlogits, logits, epsilon, z, dz, temperature, hard, B, L, V, K);
}

void categorical_latent_log_mass(double* log_q, ConstPanels logits, ConstPanels z, std::size_t B, std::size_t L,
                                 std::size_t V, std::size_t K) {
  AEVB_DISPATCH(categorical_latent_log_mass)(log_q, logits, z, B, L, V, K);
}

void categorical_latent_log_mass_backward_z(Panels dz, ConstPanels logits, const float* weight, std::size_t B,
                                            std::size_t L, std::size_t V, std::size_t K) {
  AEVB_DISPATCH(categorical_latent_log_mass_backward_z)(dz, logits, weight, B, L, V, K);
}

void categorical_latent_log_mass_backward_logits(Panels dlogits, ConstPanels logits, ConstPanels z, const float* weight,
                                                 std::size_t B, std::size_t L, std::size_t V, std::size_t K) {
  AEVB_DISPATCH(categorical_latent_log_mass_backward_logits)(dlogits, logits, z, weight, B, L, V, K);
}

void categorical_latent_kl(double* kl, ConstPanels logits, std::size_t B, std::size_t V, std::size_t K) {
  AEVB_DISPATCH(categorical_latent_kl)(kl, logits, B, V, K);
}

void categorical_latent_kl_backward(Panels dlogits, ConstPanels logits, const float* weight, std::size_t B,
                                    std::size_t V, std::size_t K) {
  AEVB_DISPATCH(categorical_latent_kl_backward)(dlogits, logits, weight, B, V, K);
}

const PosteriorKind CATEGORICAL_POSTERIOR{
    .classes = [](const LatentSpec& spec) { return spec.classes; },
    .heads =
        [](const LatentSpec& spec) {
          return std::vector<PosteriorHead>{{"logits", spec.units * spec.classes}};
        },
    .spread_bound = nullptr,
    .width = [](const LatentSpec& spec) { return spec.units * spec.classes; },
    .dimensions = units_of,
    .scratch_floats = no_scratch,
    .noise = fill_gumbel,
    .sample =
        [](Panels z, const LatentSpec& spec, const ConstPanels* heads, const LatentNoise& noise, std::size_t B,
           std::size_t L) {
          categorical_latent_sample(z, heads[0], noise.eps, noise.temperature, noise.hard, B, L, spec.units,
                                    spec.classes);
        },
    .sample_backward =
        [](const Panels* dheads, const LatentSpec& spec, const ConstPanels* heads, const LatentNoise& noise,
           ConstPanels z, ConstPanels dz, std::size_t B, std::size_t L) {
          categorical_latent_sample_backward(dheads[0], heads[0], noise.eps, z, dz, noise.temperature, noise.hard, B, L,
                                             spec.units, spec.classes);
        },
    .log_posterior =
        [](double* log_q, const LatentSpec& spec, const ConstPanels* heads, ConstPanels z, ConstPanels, std::size_t B,
           std::size_t L) { categorical_latent_log_mass(log_q, heads[0], z, B, L, spec.units, spec.classes); },
    .log_posterior_backward_z =
        [](Panels dz, const LatentSpec& spec, const ConstPanels* heads, ConstPanels, ConstPanels, const float* weight,
           float*, std::size_t B, std::size_t L) {
          categorical_latent_log_mass_backward_z(dz, heads[0], weight, B, L, spec.units, spec.classes);
        },
    .log_posterior_backward_heads =
        [](const Panels* dheads, const LatentSpec& spec, const ConstPanels* heads, ConstPanels z, ConstPanels,
           const float* weight, float*, std::size_t B, std::size_t L) {
          categorical_latent_log_mass_backward_logits(dheads[0], heads[0], z, weight, B, L, spec.units, spec.classes);
        },
    .kl = [](double* kl, const LatentSpec& spec, const ConstPanels* heads, const NormalPrior&,
             std::size_t B) { categorical_latent_kl(kl, heads[0], B, spec.units, spec.classes); },
    .kl_backward =
        [](const Panels* dheads, Panels, const LatentSpec& spec, const ConstPanels* heads, const NormalPrior&,
           const float* weight,
           std::size_t B) { categorical_latent_kl_backward(dheads[0], heads[0], weight, B, spec.units, spec.classes); },
};

}  // namespace aevb
#endif
