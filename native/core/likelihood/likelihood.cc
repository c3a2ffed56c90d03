#include "likelihood/likelihood.h"

#include <algorithm>
#include <cmath>

#include "likelihood/bernoulli.h"
#include "likelihood/gaussian.h"

namespace aevb {

std::vector<const char*> likelihood_heads(const LikelihoodSpec& spec) {
  switch (spec.type) {
    case LikelihoodType::bernoulli:
      return {"logits"};
    case LikelihoodType::gaussian:
      if (spec.dispersion == DispersionType::perDatum) return {"mean", "logVariance"};
      return {"mean"};
  }
  return {};
}

std::size_t shared_log_dispersions(const LikelihoodSpec& spec, std::size_t D) {
  if (spec.type != LikelihoodType::gaussian) return 0;
  switch (spec.dispersion) {
    case DispersionType::learned:
      return 1;
    case DispersionType::perFeature:
      return D;
    case DispersionType::fixed:
    case DispersionType::perDatum:
      return 0;
  }
  return 0;
}

void fill_shared_log_dispersion(float* shared, const LikelihoodSpec& spec, const float* raw, std::size_t D) {
  if (spec.type != LikelihoodType::gaussian) return;
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
  switch (spec.type) {
    case LikelihoodType::bernoulli:
      bernoulli_forward(loss, heads[0], x, B, L, D);
      break;
    case LikelihoodType::gaussian:
      if (spec.dispersion == DispersionType::perDatum) {
        gaussian_datum_forward(loss, heads[0], heads[1], static_cast<float>(spec.log_dispersion_min),
                               static_cast<float>(spec.log_dispersion_max), x, B, L, D);
      } else {
        gaussian_forward(loss, heads[0], shared, x, B, L, D);
      }
      break;
  }
}

void likelihood_forward_backward(double* loss, const LikelihoodSpec& spec, const Panels* heads, const float* shared,
                                 ConstPanels x, float scale, std::size_t B, std::size_t L, std::size_t D) {
  switch (spec.type) {
    case LikelihoodType::bernoulli:
      bernoulli_forward_backward(loss, heads[0], heads[0], x, scale, B, L, D);
      break;
    case LikelihoodType::gaussian:
      if (spec.dispersion == DispersionType::perDatum) {
        gaussian_datum_forward_backward(loss, heads[0], heads[1], heads[0], heads[1],
                                        static_cast<float>(spec.log_dispersion_min),
                                        static_cast<float>(spec.log_dispersion_max), x, scale, B, L, D);
      } else {
        gaussian_forward_backward(loss, heads[0], heads[0], shared, x, scale, B, L, D);
      }
      break;
  }
}

void shared_log_dispersion_backward(float* draw, const LikelihoodSpec& spec, const float* raw, const float* shared,
                                    ConstPanels dmean, float scale, std::size_t R, std::size_t D) {
  const auto derivative = [&](float value) {
    return soft_bound_derivative(value, spec.log_dispersion_min, spec.log_dispersion_max);
  };
  const bool one = spec.dispersion == DispersionType::learned;
  double total = 0.0;
  float part[64];
  // A stretch of features at a time, each within one panel, so that nothing is allocated.
  for (std::size_t first = 0; first < D;) {
    const std::size_t in_panel = first % dmean.width;
    const std::size_t cols = std::min({D - first, dmean.width - in_panel, std::size(part)});
    ConstPanels view = dmean.from_panel(first / dmean.width);
    view.data += in_panel;
    gaussian_log_variance_backward(part, view, shared + first, scale, R, cols);
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
  // A Gaussian's first head is its mean already.
  if (spec.type == LikelihoodType::bernoulli) bernoulli_mean(heads[0], heads[0], B, D);
}

}  // namespace aevb
