#include "model/prior_sample.h"

#include <algorithm>
#include <cmath>

#include "latent/latent.h"

namespace aevb {

namespace {

constexpr std::uint32_t GROUP_SHIFT = 20, CHOICE_LANE = 1u << 19;

// The number at `index` of (purpose, step, row), counted like a row's columns.
struct Choices {
  std::uint64_t seed;
  Purpose purpose;
  std::uint32_t step, first_lane;

  double uniform_at(std::uint32_t row, std::size_t index) const {
    const auto lane = first_lane + CHOICE_LANE + static_cast<std::uint32_t>(index / 4);
    return static_cast<double>(uniform(philox(seed, purpose, step, row, lane).word[index % 4]));
  }
};

// The smallest k for which the first k + 1 shares of softmax(logits) come to more than u.
std::size_t choose(const float* logits, std::size_t K, double u) {
  const auto largest = static_cast<double>(*std::max_element(logits, logits + K));
  double total = 0.0;
  for (std::size_t k = 0; k < K; ++k) total += std::exp(static_cast<double>(logits[k]) - largest);
  double sum = 0.0;
  for (std::size_t k = 0; k + 1 < K; ++k) {
    sum += std::exp(static_cast<double>(logits[k]) - largest);
    if (u * total < sum) return k;
  }
  return K - 1;
}

void sample_group(Panels z, const Model& model, const LatentGroup& group, const Choices& choices,
                  std::uint32_t first_row, std::size_t R) {
  const LatentSpec& spec = group.spec;
  const std::size_t U = spec.units;
  const float* learned = model.prior(group);
  // Only a continuous group has noise of its own; its draws stand in z already.
  for (std::size_t r = 0; r < R; ++r) {
    const std::uint32_t row = first_row + static_cast<std::uint32_t>(r);
    if (is_discrete(spec)) {
      const std::size_t K = latent_classes(spec);
      for (std::size_t u = 0; u < U; ++u) {
        const auto k = static_cast<std::size_t>(choices.uniform_at(row, u) * static_cast<double>(K));
        if (group.width == U) {  // one column a variable
          z.at(r, group.z_offset + u) = static_cast<float>(k);
          continue;
        }
        for (std::size_t c = 0; c < K; ++c) z.at(r, group.z_offset + u * K + c) = c == k ? 1.0f : 0.0f;
      }
      continue;
    }
    if (spec.prior.type == PriorType::standard) continue;
    const bool fixed = spec.prior.type == PriorType::normal && !spec.prior.learned;
    // A mixture's parameters are those of a normal prior for each component, behind the components' logits.
    const std::size_t K = spec.prior.type == PriorType::mixture ? spec.prior.components : 0;
    const std::size_t k = K > 0 ? choose(learned, K, choices.uniform_at(row, 0)) : 0;
    const float* mean = learned + K + k * U;
    const float* log_variance = learned + K + (K > 0 ? K : 1) * U + k * U;
    for (std::size_t u = 0; u < U; ++u) {
      const double m = fixed ? spec.prior.mean[u] : static_cast<double>(mean[u]);
      const double s = fixed ? std::sqrt(spec.prior.variance[u]) : std::exp(0.5 * static_cast<double>(log_variance[u]));
      float& value = z.at(r, group.z_offset + u);
      value = static_cast<float>(m + s * static_cast<double>(value));
    }
  }
}

}  // namespace

void sample_prior(Panels z, const Model& model, std::uint64_t seed, Purpose purpose, std::uint32_t step,
                  std::uint32_t first_row, std::size_t R) {
  for (std::size_t i = 0; i < model.latents().size(); ++i) {
    const LatentGroup& group = model.latents()[i];
    const auto first_lane = static_cast<std::uint32_t>(i) << GROUP_SHIFT;
    const bool discrete = is_discrete(group.spec);
    // Whatever the posterior's family, the prior is Gaussian.
    if (!discrete && model.latents().size() == 1) fill_normal(z, R, group.width, seed, purpose, step, first_row, 0);
    for (std::size_t r = 0; !discrete && model.latents().size() > 1 && r < R; ++r) {
      float normal[4];
      for (std::size_t u = 0; u < group.width; u += 4) {
        const std::size_t count = std::min<std::size_t>(4, group.width - u);
        fill_normal({normal, 4, 4}, 1, count, seed, purpose, step, first_row + static_cast<std::uint32_t>(r),
                    first_lane + static_cast<std::uint32_t>(u / 4));
        for (std::size_t c = 0; c < count; ++c) z.at(r, group.z_offset + u + c) = normal[c];
      }
    }
    sample_group(z, model, group, {seed, purpose, step, first_lane}, first_row, R);
  }
}

}  // namespace aevb
