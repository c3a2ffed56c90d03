#include "latent/categorical.h"

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "latent/prior.h"

#define AEVB_KERNEL_FILE "latent/categorical.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/vector_math.h"

// After those above.
#include "latent/lanes.h"

AEVB_BEFORE_KERNELS

namespace {

// A variable's classes are gone through several times, a part of them at a time: there may be more of them than any
// buffer holds, and they may lie in two panels. What a pass needs of the one before is worked out again.

// Row `row` of the logits, and of the noise that is added to it (data null: none), over the temperature.
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

// The largest of the first lanes; one that is NaN may go unseen.
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

// The same of a variable that is one vector, as most are: what the passes share stays in registers. In the other lanes
// `e` is 0 and `score` anything.
struct OneVector {
  F32 score, e, total;  // score − top, e^(score − top), and its sum in every lane
};
AEVB_INLINE OneVector one_vector(const Scores& scores, const Part& variable, int lanes) {
  const F32 all = load_scores(scores, variable, lanes);
  const F32 score = all - set(largest(all, lanes));
  const F32 e = select(first_lanes(lanes), exp(score), zero());
  return {score, e, set(sum(e))};
}
AEVB_INLINE bool is_one_vector(const Part& variable, std::size_t width) {
  return static_cast<std::size_t>(part_lanes(variable, width)) == variable.left;
}

AEVB_INLINE void relaxed_draw(Panels z, const Scores& scores, Part variable, std::size_t r) {
  if (is_one_vector(variable, z.width)) {
    const int lanes = static_cast<int>(variable.left);
    const OneVector one = one_vector(scores, variable, lanes);
    store_partial(at_part(z, variable, r), one.e / one.total, lanes);
    return;
  }
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
  float not_a_number = 0.0f;  // NaN where one of the scores is
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

// dlogits of one draw; `first` overwrites and the others add.
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
    // In lanes that are no columns dz is 0; y is finite there.
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

}  // namespace

void categorical_latent_sample(Panels z, ConstPanels logits, ConstPanels epsilon, float temperature, bool hard,
                               std::size_t B, std::size_t L, std::size_t V, std::size_t K) {
  for (std::size_t r = 0; r < B * L; ++r) {
    const Scores scores = {logits, epsilon, r / L, r, hard ? 1.0f : 1.0f / temperature};
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
  zero_padding_of(z, B * L, V * K);
}

void categorical_latent_sample_backward(Panels dlogits, ConstPanels logits, ConstPanels epsilon, ConstPanels z,
                                        ConstPanels dz, float temperature, bool hard, std::size_t B, std::size_t L,
                                        std::size_t V, std::size_t K) {
  for (std::size_t r = 0; r < B * L; ++r) {
    const Scores scores = {logits, epsilon, r / L, r, 1.0f / temperature};
    Part variable = first_variable(K);
    for (std::size_t v = 0; v < V; ++v) {
      draw_backward(dlogits, scores, z, dz, hard, variable, r % L == 0);
      next_variable(&variable, K, dlogits.width);
    }
  }
  zero_padding_of(dlogits, B, V * K);
}

void categorical_latent_log_mass(double* log_q, ConstPanels logits, ConstPanels z, std::size_t B, std::size_t L,
                                 std::size_t V, std::size_t K) {
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

// Σ_k e^(score_k − top) (score_k − top): over the total it is Σ π log π plus the total's logarithm.
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
  const float log_classes = static_cast<float>(std::log(static_cast<double>(K)));
  for (std::size_t b = 0; b < B; ++b) {
    const Scores scores = {logits, {}, b, 0, 1.0f};
    Part variable = first_variable(K);
    // As many variables as there are lanes share one logarithm.
    for (std::size_t first = 0; first < V; first += F32::size) {
      const std::size_t count = V - first < F32::size ? V - first : F32::size;
      float means[F32::size] = {}, totals[F32::size] = {};
      for (std::size_t v = 0; v < count; ++v) {
        if (is_one_vector(variable, logits.width)) {
          const OneVector one = one_vector(scores, variable, static_cast<int>(K));
          means[v] = sum(select(first_lanes(static_cast<int>(K)), one.e * one.score, zero()));
          totals[v] = sum(one.e);
        } else {
          const Softmax softmax = softmax_of(scores, variable);
          means[v] = static_cast<float>(sum_of_scores(scores, softmax, variable));
          totals[v] = softmax.total;
        }
        next_variable(&variable, K, logits.width);
      }
      const F32 total = load(totals);
      float each[F32::size];
      store(each, load(means) / total - log(total) + set(log_classes));
      for (std::size_t v = 0; v < count; ++v) kl[b * V + first + v] = static_cast<double>(each[v]);
    }
  }
}

void categorical_latent_kl_backward(Panels dlogits, ConstPanels logits, const float* weight, std::size_t B,
                                    std::size_t V, std::size_t K) {
  for (std::size_t b = 0; b < B; ++b) {
    const Scores scores = {logits, {}, b, 0, 1.0f};
    Part variable = first_variable(K);
    for (std::size_t v = 0; v < V; ++v) {
      // Both logarithms have the same normaliser, which falls out of their difference.
      if (is_one_vector(variable, logits.width)) {
        const int lanes = static_cast<int>(K);
        const OneVector one = one_vector(scores, variable, lanes);
        const F32 mean = set(sum(select(first_lanes(lanes), one.e * one.score, zero()))) / one.total;
        float* to = at_part(dlogits, variable, b);
        store_partial(to, fma(set(weight[v]) / one.total * one.e, one.score - mean, load_partial(to, lanes)), lanes);
      } else {
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

}  // namespace aevb
#endif
