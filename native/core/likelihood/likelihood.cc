#include "likelihood/likelihood.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>

#include "likelihood/full_covariance.h"
#include "likelihood/gaussian.h"
#include "likelihood/kind.h"
#include "likelihood/laplace.h"
#include "likelihood/low_rank.h"

namespace aevb {

namespace {

// In the order of the enum.
constexpr const LikelihoodKind* KINDS[] = {
    &BERNOULLI_LIKELIHOOD,   &CONTINUOUS_BERNOULLI_LIKELIHOOD, &GAUSSIAN_LIKELIHOOD, &LAPLACE_LIKELIHOOD,
    &CATEGORICAL_LIKELIHOOD, &MULTINOMIAL_LIKELIHOOD,          &POISSON_LIKELIHOOD,
};
static_assert(std::size(KINDS) == std::size(names::of(LikelihoodType{})));

const LikelihoodKind& row_of(const LikelihoodSpec& spec) { return *KINDS[static_cast<std::size_t>(spec.type)]; }

bool has_dispersion(const LikelihoodSpec& spec) { return row_of(spec).log_dispersion != nullptr; }
bool has_shared_dispersion(const LikelihoodSpec& spec) { return has_dispersion(spec) && is_learned_and_shared(spec); }
bool has_dispersion_head(const LikelihoodSpec& spec) { return has_dispersion(spec) && is_per_datum(spec); }

bool has_covariance(const LikelihoodSpec& spec) {
  return spec.type == LikelihoodType::gaussian && spec.covariance != CovarianceType::diagonal;
}

}  // namespace

std::vector<const char*> likelihood_head_names(const LikelihoodSpec& spec) {
  std::vector<const char*> names{row_of(spec).first_head};
  if (has_dispersion_head(spec)) names.push_back(row_of(spec).log_dispersion);
  if (has_covariance(spec)) names.push_back(spec.covariance == CovarianceType::full ? "regression" : "factor");
  return names;
}

Domain likelihood_domain(const LikelihoodSpec& spec) { return row_of(spec).domain(spec); }

std::size_t likelihood_head_units(const LikelihoodSpec& spec, std::size_t head, std::size_t D) {
  if (!has_covariance(spec) || head + 1 != likelihood_head_names(spec).size()) return D;
  return spec.covariance == CovarianceType::full ? full_covariance_entries(D) : D * spec.rank;
}

bool covariance_fits(const LikelihoodSpec& spec, std::size_t D) {
  if (!has_covariance(spec)) return true;
  if (spec.covariance == CovarianceType::full) return D >= 2 && D <= MOST_FULL_COVARIANCE_FEATURES;
  return spec.rank >= 1 && spec.rank <= MOST_RANK && spec.rank <= D;
}

std::size_t shared_log_dispersions(const LikelihoodSpec& spec, std::size_t D) {
  if (!has_shared_dispersion(spec)) return 0;
  return spec.dispersion == DispersionType::learned ? 1 : D;
}

std::string shared_log_dispersion_name(const LikelihoodSpec& spec) {
  if (!has_shared_dispersion(spec)) return {};
  return std::string("likelihood.").append(row_of(spec).log_dispersion);
}

int dispersion_power(const LikelihoodSpec& spec) { return row_of(spec).dispersion_power; }

bool has_fixed_dispersion(const LikelihoodSpec& spec) {
  return has_dispersion(spec) && spec.dispersion == DispersionType::fixed;
}

std::size_t likelihood_panels(const LikelihoodSpec& spec) {
  const std::size_t heads = 1 + (has_dispersion_head(spec) ? 1 : 0) + (has_covariance(spec) ? 1 : 0);
  return row_of(spec).keeps_dispersion_gradient(spec) && has_shared_dispersion(spec) ? heads + 1 : heads;
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
  row_of(spec).forward(loss, {spec, heads, shared, B, L, D}, x);
}

void likelihood_forward_backward(double* loss, const LikelihoodSpec& spec, const Panels* heads, const float* shared,
                                 ConstPanels x, float scale, std::size_t B, std::size_t L, std::size_t D) {
  row_of(spec).forward_backward(loss, {spec, heads, shared, B, L, D}, x, scale);
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

void shared_log_dispersion_backward(float* dlog_dispersion, const LikelihoodSpec& spec, const float* raw,
                                    const float* shared, ConstPanels last, float scale, const float* weight,
                                    std::size_t R, std::size_t D) {
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
    if (row_of(spec).keeps_dispersion_gradient(spec)) {
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
        dlog_dispersion[first + i] = static_cast<float>(part[i] * derivative(raw[first + i]));
      }
    }
    first += cols;
  }
  if (one) dlog_dispersion[0] = static_cast<float>(total * derivative(raw[0]));
}

void likelihood_mean(const LikelihoodSpec& spec, const Panels* heads, std::size_t B, std::size_t D) {
  if (row_of(spec).mean != nullptr) row_of(spec).mean({spec, heads, nullptr, B, 1, D});
}

void likelihood_draw(Panels out, const LikelihoodSpec& spec, const Panels* heads, const float* shared,
                     const double* trials, std::size_t R, std::size_t D, std::uint64_t seed, std::uint32_t first_row) {
  row_of(spec).draw(out, {spec, heads, shared, R, 1, D}, trials, seed, first_row);
}

}  // namespace aevb
