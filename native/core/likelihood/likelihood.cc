#include "likelihood/likelihood.h"

#include <algorithm>
#include <cmath>

#include "likelihood/bernoulli.h"
#include "likelihood/categorical.h"
#include "likelihood/continuous_bernoulli.h"
#include "likelihood/draws.h"
#include "likelihood/full_covariance.h"
#include "likelihood/gaussian.h"
#include "likelihood/laplace.h"
#include "likelihood/low_rank.h"
#include "likelihood/multinomial.h"
#include "likelihood/poisson.h"

namespace aevb {

namespace {

bool has_dispersion(const LikelihoodSpec& spec) {
  return spec.type == LikelihoodType::gaussian || spec.type == LikelihoodType::laplace;
}

bool is_learned_and_shared(const LikelihoodSpec& spec) {
  return has_dispersion(spec) &&
         (spec.dispersion == DispersionType::learned || spec.dispersion == DispersionType::perFeature);
}

bool is_per_datum(const LikelihoodSpec& spec) {
  return has_dispersion(spec) && spec.dispersion == DispersionType::perDatum;
}

bool has_covariance(const LikelihoodSpec& spec) {
  return spec.type == LikelihoodType::gaussian && spec.covariance != CovarianceType::diagonal;
}

// Where the covariance's own head stands.
std::size_t covariance_head(const LikelihoodSpec& spec) { return is_per_datum(spec) ? 2 : 1; }

// Each row's gradient of a shared log-dispersion is kept.
bool keeps_dispersion_gradient(const LikelihoodSpec& spec) {
  return spec.type == LikelihoodType::laplace || has_covariance(spec);
}

LogDispersion log_dispersion_of(const LikelihoodSpec& spec, const Panels* heads, const float* shared) {
  const bool per_datum = is_per_datum(spec);
  return {per_datum ? nullptr : shared, per_datum ? ConstPanels(heads[1]) : ConstPanels{}, spec.log_dispersion_min,
          spec.log_dispersion_max};
}

void covariance_forward(double* loss, const LikelihoodSpec& spec, const Panels* heads, const float* shared,
                        ConstPanels x, std::size_t B, std::size_t L, std::size_t D) {
  const LogDispersion log_variance = log_dispersion_of(spec, heads, shared);
  const Panels own = heads[covariance_head(spec)];
  if (spec.covariance == CovarianceType::full) {
    full_covariance_forward(loss, heads[0], log_variance, own, x, B, L, D);
  } else {
    low_rank_forward(loss, heads[0], log_variance, own, x, B, L, D, spec.rank);
  }
}

void covariance_forward_backward(double* loss, const LikelihoodSpec& spec, const Panels* heads, const float* shared,
                                 ConstPanels x, float scale, std::size_t B, std::size_t L, std::size_t D) {
  const LogDispersion log_variance = log_dispersion_of(spec, heads, shared);
  const Panels own = heads[covariance_head(spec)];
  const Panels dlog_variance = is_per_datum(spec)            ? heads[1]
                               : is_learned_and_shared(spec) ? heads[likelihood_panels(spec) - 1]
                                                             : Panels{};
  if (spec.covariance == CovarianceType::full) {
    full_covariance_forward_backward(loss, {heads[0], dlog_variance, own}, heads[0], log_variance, own, x, scale, B, L,
                                     D);
  } else {
    low_rank_forward_backward(loss, {heads[0], dlog_variance, own}, heads[0], log_variance, own, x, scale, B, L, D,
                              spec.rank);
  }
}

}  // namespace

std::vector<const char*> likelihood_head_names(const LikelihoodSpec& spec) {
  switch (spec.type) {
    case LikelihoodType::bernoulli:
    case LikelihoodType::continuousBernoulli:
    case LikelihoodType::categorical:
    case LikelihoodType::multinomial:
      return {"logits"};
    case LikelihoodType::gaussian: {
      std::vector<const char*> names{"mean"};
      if (is_per_datum(spec)) names.push_back("logVariance");
      if (spec.covariance == CovarianceType::full) names.push_back("regression");
      if (spec.covariance == CovarianceType::lowRank) names.push_back("factor");
      return names;
    }
    case LikelihoodType::laplace:
      if (is_per_datum(spec)) return {"mean", "logScale"};
      return {"mean"};
    case LikelihoodType::poisson:
      return {"logRate"};
  }
  return {};
}

Domain likelihood_domain(const LikelihoodSpec& spec) {
  switch (spec.type) {
    case LikelihoodType::bernoulli:
    case LikelihoodType::continuousBernoulli:
      return Domain::unit;
    case LikelihoodType::gaussian:
    case LikelihoodType::laplace:
      return Domain::real;
    case LikelihoodType::categorical:
      return spec.codes ? Domain::codes : Domain::oneHot;
    case LikelihoodType::multinomial:
    case LikelihoodType::poisson:
      return Domain::counts;
  }
  return Domain::real;
}

std::size_t likelihood_head_units(const LikelihoodSpec& spec, std::size_t head, std::size_t D) {
  if (!has_covariance(spec) || head != covariance_head(spec)) return D;
  return spec.covariance == CovarianceType::full ? full_covariance_entries(D) : D * spec.rank;
}

bool covariance_fits(const LikelihoodSpec& spec, std::size_t D) {
  if (!has_covariance(spec)) return true;
  if (spec.covariance == CovarianceType::full) return D >= 2 && D <= MOST_FULL_COVARIANCE_FEATURES;
  return spec.rank >= 1 && spec.rank <= MOST_RANK && spec.rank <= D;
}

std::size_t shared_log_dispersions(const LikelihoodSpec& spec, std::size_t D) {
  if (!is_learned_and_shared(spec)) return 0;
  return spec.dispersion == DispersionType::learned ? 1 : D;
}

const char* shared_log_dispersion_name(const LikelihoodSpec& spec) {
  if (!is_learned_and_shared(spec)) return "";
  return spec.type == LikelihoodType::laplace ? "likelihood.logScale" : "likelihood.logVariance";
}

bool has_fixed_dispersion(const LikelihoodSpec& spec) {
  return has_dispersion(spec) && spec.dispersion == DispersionType::fixed;
}

std::size_t likelihood_panels(const LikelihoodSpec& spec) {
  const std::size_t heads = 1 + (is_per_datum(spec) ? 1 : 0) + (has_covariance(spec) ? 1 : 0);
  return keeps_dispersion_gradient(spec) && is_learned_and_shared(spec) ? heads + 1 : heads;
}

void fill_shared_log_dispersion(float* shared, const LikelihoodSpec& spec, const float* raw, std::size_t D) {
  if (!has_dispersion(spec)) return;
  const auto bounded = [&](float value) {
    return static_cast<float>(soft_bound(value, spec.log_dispersion_min, spec.log_dispersion_max));
  };
  switch (spec.dispersion) {
    case DispersionType::fixed:
      std::fill_n(shared, D, static_cast<float>(std::log(spec.fixed_dispersion)));
      break;
    case DispersionType::learned:
      std::fill_n(shared, D, bounded(raw[0]));
      break;
    case DispersionType::perFeature:
      std::transform(raw, raw + D, shared, bounded);
      break;
    case DispersionType::perDatum:
      break;
  }
}

void likelihood_forward(double* loss, const LikelihoodSpec& spec, const Panels* heads, const float* shared,
                        ConstPanels x, std::size_t B, std::size_t L, std::size_t D) {
  const auto min = static_cast<float>(spec.log_dispersion_min);
  const auto max = static_cast<float>(spec.log_dispersion_max);
  switch (spec.type) {
    case LikelihoodType::bernoulli:
      bernoulli_forward(loss, heads[0], x, B, L, D);
      break;
    case LikelihoodType::continuousBernoulli:
      continuous_bernoulli_forward(loss, heads[0], x, B, L, D);
      break;
    case LikelihoodType::gaussian:
      if (has_covariance(spec)) {
        covariance_forward(loss, spec, heads, shared, x, B, L, D);
      } else if (is_per_datum(spec)) {
        gaussian_datum_forward(loss, heads[0], heads[1], min, max, x, B, L, D);
      } else {
        gaussian_forward(loss, heads[0], shared, x, B, L, D);
      }
      break;
    case LikelihoodType::laplace:
      if (is_per_datum(spec)) {
        laplace_datum_forward(loss, heads[0], heads[1], min, max, x, B, L, D);
      } else {
        laplace_forward(loss, heads[0], shared, x, B, L, D);
      }
      break;
    case LikelihoodType::categorical:
      categorical_forward(loss, heads[0], x, spec.classes.data(), spec.classes.size(), B, L);
      break;
    case LikelihoodType::multinomial:
      multinomial_forward(loss, heads[0], x, B, L, D);
      break;
    case LikelihoodType::poisson:
      poisson_forward(loss, heads[0], x, B, L, D);
      break;
  }
}

void likelihood_forward_backward(double* loss, const LikelihoodSpec& spec, const Panels* heads, const float* shared,
                                 ConstPanels x, float scale, std::size_t B, std::size_t L, std::size_t D) {
  const auto min = static_cast<float>(spec.log_dispersion_min);
  const auto max = static_cast<float>(spec.log_dispersion_max);
  switch (spec.type) {
    case LikelihoodType::bernoulli:
      bernoulli_forward_backward(loss, heads[0], heads[0], x, scale, B, L, D);
      break;
    case LikelihoodType::continuousBernoulli:
      continuous_bernoulli_forward_backward(loss, heads[0], heads[0], x, scale, B, L, D);
      break;
    case LikelihoodType::gaussian:
      if (has_covariance(spec)) {
        covariance_forward_backward(loss, spec, heads, shared, x, scale, B, L, D);
      } else if (is_per_datum(spec)) {
        gaussian_datum_forward_backward(loss, heads[0], heads[1], heads[0], heads[1], min, max, x, scale, B, L, D);
      } else {
        gaussian_forward_backward(loss, heads[0], heads[0], shared, x, scale, B, L, D);
      }
      break;
    case LikelihoodType::laplace:
      if (is_per_datum(spec)) {
        laplace_datum_forward_backward(loss, heads[0], heads[1], heads[0], heads[1], min, max, x, scale, B, L, D);
      } else {
        const Panels dlog_scale = is_learned_and_shared(spec) ? heads[1] : Panels{};
        laplace_forward_backward(loss, heads[0], dlog_scale, heads[0], shared, x, scale, B, L, D);
      }
      break;
    case LikelihoodType::categorical:
      categorical_forward_backward(loss, heads[0], heads[0], x, spec.classes.data(), spec.classes.size(), scale, B, L);
      break;
    case LikelihoodType::multinomial:
      multinomial_forward_backward(loss, heads[0], heads[0], x, scale, B, L, D);
      break;
    case LikelihoodType::poisson:
      poisson_forward_backward(loss, heads[0], heads[0], x, scale, B, L, D);
      break;
  }
}

namespace {

// gaussian_log_variance_backward where each row counts `weight` times: Σ ½ (f − dmean² σ²/f), f = scale · weight.
void weighted_log_variance_backward(float* dlog_variance, ConstPanels dmean, const float* log_variance, float scale,
                                    const float* weight, std::size_t R, std::size_t C) {
  for (std::size_t c = 0; c < C; ++c) {
    const double variance = std::exp(static_cast<double>(log_variance[c]));
    double sum = 0.0;
    for (std::size_t r = 0; r < R; ++r) {
      const double factor = static_cast<double>(scale) * static_cast<double>(weight[r]);
      const auto d = static_cast<double>(dmean.at(r, c));
      if (factor != 0.0) sum += 0.5 * (factor - d * d * variance / factor);
    }
    dlog_variance[c] = static_cast<float>(sum);
  }
}

}  // namespace

void shared_log_dispersion_backward(float* draw, const LikelihoodSpec& spec, const float* raw, const float* shared,
                                    ConstPanels last, float scale, const float* weight, std::size_t R, std::size_t D) {
  const auto derivative = [&](float value) {
    return soft_bound_derivative(value, spec.log_dispersion_min, spec.log_dispersion_max);
  };
  const bool one = spec.dispersion == DispersionType::learned;
  double total = 0.0;
  float part[64];
  // A stretch of features at a time, each within one panel, so that nothing is allocated.
  for (std::size_t first = 0; first < D;) {
    const std::size_t in_panel = first % last.width;
    const std::size_t cols = std::min({D - first, last.width - in_panel, std::size(part)});
    ConstPanels view = last.from_panel(first / last.width);
    view.data += in_panel;
    if (keeps_dispersion_gradient(spec)) {
      laplace_log_scale_backward(part, view, R, cols);
    } else if (scale == 0.0f) {
      std::fill_n(part, cols, 0.0f);  // the kernel would divide by it
    } else if (weight != nullptr) {
      weighted_log_variance_backward(part, view, shared + first, scale, weight, R, cols);
    } else {
      gaussian_log_variance_backward(part, view, shared + first, scale, R, cols);
    }
    for (std::size_t i = 0; i < cols; ++i) {
      if (one) {
        total += part[i];
      } else {
        draw[first + i] = static_cast<float>(part[i] * derivative(raw[first + i]));
      }
    }
    first += cols;
  }
  if (one) draw[0] = static_cast<float>(total * derivative(raw[0]));
}

void likelihood_mean(const LikelihoodSpec& spec, const Panels* heads, std::size_t B, std::size_t D) {
  switch (spec.type) {
    case LikelihoodType::bernoulli:
      bernoulli_mean(heads[0], heads[0], B, D);
      break;
    case LikelihoodType::continuousBernoulli:
      continuous_bernoulli_mean(heads[0], heads[0], B, D);
      break;
    case LikelihoodType::categorical:
      categorical_mean(heads[0], heads[0], spec.classes.data(), spec.classes.size(), B);
      break;
    case LikelihoodType::multinomial:
      categorical_mean(heads[0], heads[0], &D, 1, B);
      break;
    case LikelihoodType::poisson:
      poisson_mean(heads[0], heads[0], B, D);
      break;
    case LikelihoodType::gaussian:
    case LikelihoodType::laplace:
      break;  // the first head is the mean already
  }
}

void likelihood_draw(Panels out, const LikelihoodSpec& spec, const Panels* heads, const float* shared,
                     const double* trials, std::size_t R, std::size_t D, std::uint64_t seed, std::uint32_t first_row) {
  const LogDispersion log_dispersion = log_dispersion_of(spec, heads, shared);
  switch (spec.type) {
    case LikelihoodType::bernoulli:
      bernoulli_draw(out, heads[0], R, D, seed, first_row);
      break;
    case LikelihoodType::continuousBernoulli:
      continuous_bernoulli_draw(out, heads[0], R, D, seed, first_row);
      break;
    case LikelihoodType::gaussian:
      if (spec.covariance == CovarianceType::full) {
        full_covariance_draw(out, heads[0], log_dispersion, heads[covariance_head(spec)], R, D, seed, first_row);
      } else if (spec.covariance == CovarianceType::lowRank) {
        low_rank_draw(out, heads[0], log_dispersion, heads[covariance_head(spec)], R, D, spec.rank, seed, first_row);
      } else {
        gaussian_draw(out, heads[0], log_dispersion, R, D, seed, first_row);
      }
      break;
    case LikelihoodType::laplace:
      laplace_draw(out, heads[0], log_dispersion, R, D, seed, first_row);
      break;
    case LikelihoodType::categorical:
      categorical_draw(out, heads[0], spec.classes.data(), spec.classes.size(), R, seed, first_row);
      break;
    case LikelihoodType::multinomial:
      multinomial_draw(out, heads[0], trials, static_cast<double>(spec.trials), R, D, seed, first_row);
      break;
    case LikelihoodType::poisson:
      poisson_draw(out, heads[0], R, D, seed, first_row);
      break;
  }
}

}  // namespace aevb
