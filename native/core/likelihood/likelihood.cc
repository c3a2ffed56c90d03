#include "likelihood/likelihood.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>

#include "likelihood/kind.h"

namespace aevb {

namespace {

const LikelihoodKind& row_of(const LikelihoodSpec& spec) {
  return *LIKELIHOOD_KINDS[static_cast<std::size_t>(spec.type)];
}

bool has_dispersion(const LikelihoodSpec& spec) { return row_of(spec).log_dispersion != nullptr; }
bool has_shared_dispersion(const LikelihoodSpec& spec) { return has_dispersion(spec) && is_learned_and_shared(spec); }
bool has_dispersion_head(const LikelihoodSpec& spec) { return has_dispersion(spec) && is_per_datum(spec); }

bool has_covariance(const LikelihoodSpec& spec) {
  return row_of(spec).covariance != nullptr && spec.covariance != CovarianceType::diagonal;
}

}  // namespace

std::vector<const char*> likelihood_head_names(const LikelihoodSpec& spec) {
  std::vector<const char*> names{row_of(spec).first_head};
  if (has_dispersion_head(spec)) names.push_back(row_of(spec).log_dispersion);
  if (has_covariance(spec)) names.push_back(row_of(spec).covariance->name(spec));
  return names;
}

Domain likelihood_domain(const LikelihoodSpec& spec) { return row_of(spec).domain(spec); }

std::size_t likelihood_head_units(const LikelihoodSpec& spec, std::size_t head, std::size_t D) {
  if (!has_covariance(spec) || head + 1 != likelihood_head_names(spec).size()) return D;
  return row_of(spec).covariance->units(spec, D);
}

bool covariance_fits(const LikelihoodSpec& spec, std::size_t D) {
  return !has_covariance(spec) || row_of(spec).covariance->fits(spec, D);
}

std::size_t shared_log_dispersions(const LikelihoodSpec& spec, std::size_t D) {
  if (!has_shared_dispersion(spec)) return 0;
  return spec.dispersion == DispersionType::learned ? 1 : D;
}

std::string log_dispersion_name(const LikelihoodSpec& spec) {
  return has_dispersion(spec) ? row_of(spec).log_dispersion : "";
}

int dispersion_power(const LikelihoodSpec& spec) { return row_of(spec).dispersion_power; }

bool has_given_total(const LikelihoodSpec& spec) { return row_of(spec).given_total; }

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

bool may_miss(const LikelihoodSpec& spec) { return row_of(spec).may_miss(spec); }

float missing_target(const LikelihoodSpec& spec) { return row_of(spec).missing_target; }

void neutralize_missing(const LikelihoodSpec& spec, const Panels* heads, ConstPanels present, std::size_t B,
                        std::size_t L, std::size_t D) {
  if (row_of(spec).neutralize != nullptr) row_of(spec).neutralize({spec, heads, nullptr, B, L, D, present});
}

void likelihood_forward(double* loss, const LikelihoodSpec& spec, const Panels* heads, const float* shared,
                        ConstPanels x, std::size_t B, std::size_t L, std::size_t D, ConstPanels present) {
  row_of(spec).forward(loss, {spec, heads, shared, B, L, D, present}, x);
}

void likelihood_forward_backward(double* loss, const LikelihoodSpec& spec, const Panels* heads, const float* shared,
                                 ConstPanels x, float scale, std::size_t B, std::size_t L, std::size_t D,
                                 ConstPanels present) {
  row_of(spec).forward_backward(loss, {spec, heads, shared, B, L, D, present}, x, scale);
}

void shared_log_dispersion_backward(float* dlog_dispersion, const LikelihoodSpec& spec, const float* raw,
                                    const float* shared, ConstPanels last, float scale, const float* weight,
                                    std::size_t R, std::size_t D) {
  const auto derivative = [&](float value) {
    return soft_bound_derivative(value, spec.log_dispersion_min, spec.log_dispersion_max);
  };
  const bool one = spec.dispersion == DispersionType::learned;
  double total = 0.0;
  float part[64];
  // Goes through some features at a time, all in one panel, so that nothing is allocated.
  for (std::size_t first = 0; first < D;) {
    const std::size_t in_panel = first % last.width;
    const std::size_t cols = std::min({D - first, last.width - in_panel, std::size(part)});
    ConstPanels view = last.from_panel(first / last.width);
    view.data += in_panel;
    row_of(spec).dispersion_backward(part, spec, shared + first, view, scale, weight, R, cols);
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
  if (row_of(spec).mean != nullptr) row_of(spec).mean({spec, heads, nullptr, B, 1, D, {}});
}

void likelihood_draw(Panels out, const LikelihoodSpec& spec, const Panels* heads, const float* shared,
                     const double* trials, std::size_t R, std::size_t D, std::uint64_t seed, std::uint32_t first_row) {
  row_of(spec).draw(out, {spec, heads, shared, R, 1, D, {}}, trials, seed, first_row);
}

}  // namespace aevb
