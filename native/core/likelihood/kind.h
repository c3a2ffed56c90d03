// What the registry (likelihood.h) knows of each kind of likelihood: one row, which stands in the kind's own file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>

#include "likelihood/log_dispersion.h"
#include "math/missing.h"
#include "spec/spec.h"
#include "tensor/panels.h"

namespace aevb {

// The decoder's heads for B data with L draws of each: see likelihood.h.
struct LikelihoodHeads {
  const LikelihoodSpec& spec;
  const Panels* heads;
  const float* shared;  // bounded log-dispersions [D]
  std::size_t B, L, D;
  ConstPanels present{};  // [B, D], or [B, variables] of codes: 0 for a cell that is missing; data null: none is
};

// The head of a covariance that is not diagonal, the last one of the decoder.
struct CovarianceHead {
  const char* (*name)(const LikelihoodSpec& spec);
  std::size_t (*units)(const LikelihoodSpec& spec, std::size_t D);
  // Whether D features can have that covariance.
  bool (*fits)(const LikelihoodSpec& spec, std::size_t D);
};

struct LikelihoodKind {
  const char* first_head;
  // The name of the log-dispersion that the likelihood has beside its first head, or null.
  const char* log_dispersion;
  // What spec.covariance asks for, or null if the likelihood has independent features only.
  const CovarianceHead* covariance;
  // By what power of the data's unit the dispersion is measured: a variance 2, a scale 1.
  int dispersion_power;
  // Whether each row's gradient of a shared log-dispersion is kept in panels of its own.
  bool (*keeps_dispersion_gradient)(const LikelihoodSpec& spec);
  Domain (*domain)(const LikelihoodSpec& spec);
  // Whether the sum of a row is given (the number of trials), so that heads matter up to a constant.
  bool given_total;
  // Whether cells may be missing.
  bool (*may_miss)(const LikelihoodSpec& spec);
  // Gives the heads of a missing cell values whose loss and gradient are 0 beside the target `missing_target`; null for
  // kinds whose forward and forward_backward look at `present` themselves.
  void (*neutralize)(const LikelihoodHeads& of_rows);
  float missing_target;
  void (*forward)(double* loss, const LikelihoodHeads& decoded, ConstPanels x);
  void (*forward_backward)(double* loss, const LikelihoodHeads& decoded, ConstPanels x, float scale);
  // dlog_dispersion[C]: the gradient of C shared and bounded log-dispersions, from what forward_backward left in the
  // last of its panels, from the first of these features on (shared_log_dispersion_backward in likelihood.h); null
  // without a dispersion. C is at most one panel.
  void (*dispersion_backward)(float* dlog_dispersion, const LikelihoodSpec& spec, const float* shared, ConstPanels last,
                              float scale, const float* weight, std::size_t R, std::size_t C);
  // The first head becomes the mean; null if it is that already.
  void (*mean)(const LikelihoodHeads& decoded);
  void (*draw)(Panels out, const LikelihoodHeads& decoded, const double* trials, std::uint64_t seed,
               std::uint32_t first_row);
};

extern const LikelihoodKind BERNOULLI_LIKELIHOOD, CONTINUOUS_BERNOULLI_LIKELIHOOD, GAUSSIAN_LIKELIHOOD,
    LAPLACE_LIKELIHOOD, CATEGORICAL_LIKELIHOOD, MULTINOMIAL_LIKELIHOOD, POISSON_LIKELIHOOD;

// In the order of the enum.
inline constexpr const LikelihoodKind* LIKELIHOOD_KINDS[] = {
    &BERNOULLI_LIKELIHOOD,   &CONTINUOUS_BERNOULLI_LIKELIHOOD, &GAUSSIAN_LIKELIHOOD, &LAPLACE_LIKELIHOOD,
    &CATEGORICAL_LIKELIHOOD, &MULTINOMIAL_LIKELIHOOD,          &POISSON_LIKELIHOOD,
};
static_assert(std::size(LIKELIHOOD_KINDS) == std::size(names::all(LikelihoodType{})));

// --- what kinds with a dispersion share ---

inline bool is_per_datum(const LikelihoodSpec& spec) { return spec.dispersion == DispersionType::perDatum; }
inline bool is_learned_and_shared(const LikelihoodSpec& spec) {
  return spec.dispersion == DispersionType::learned || spec.dispersion == DispersionType::perFeature;
}
inline bool never(const LikelihoodSpec&) { return false; }
inline bool always(const LikelihoodSpec&) { return true; }
// The first head of each missing cell becomes `value`.
template <int VALUE>
void neutral_head(const LikelihoodHeads& decoded) {
  fill_missing(decoded.heads[0], 0, decoded.present, static_cast<float>(VALUE), decoded.B, decoded.D, decoded.L);
}

// The log-dispersion of a kind that has one.
inline LogDispersion log_dispersion_of(const LikelihoodHeads& decoded) {
  const bool per_datum = is_per_datum(decoded.spec);
  return {per_datum ? nullptr : decoded.shared, per_datum ? ConstPanels(decoded.heads[1]) : ConstPanels{},
          decoded.spec.log_dispersion_min, decoded.spec.log_dispersion_max};
}

}  // namespace aevb
