// What the registry (latent.h) knows of each family of posteriors: one row, which stands in the family's own file. The
// functions are those of latent.h, with the prior already told apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

#include "latent/latent.h"
#include "latent/prior.h"
#include "math/random.h"
#include "spec/spec.h"
#include "tensor/panels.h"

namespace aevb {

// What a draw of z is made of.
struct LatentNoise {
  ConstPanels eps;  // data null: 0
  float temperature = 1.0f;
  bool hard = false;  // discrete variables are 0 or 1
};

using FillNoise = void (*)(Panels out, std::size_t rows, std::size_t cols, std::uint64_t seed, Purpose purpose,
                           std::uint32_t step, std::uint32_t first_row, std::uint32_t first_lane);

struct PosteriorKind {
  // Classes of a variable whose values are discrete; 0 for numbers.
  std::size_t (*classes)(const LatentSpec& spec);
  std::vector<PosteriorHead> (*heads)(const LatentSpec& spec);
  const SpreadBound* spread_bound;  // of the second head, or null
  std::size_t (*width)(const LatentSpec& spec);
  std::size_t (*dimensions)(const LatentSpec& spec);
  std::size_t (*scratch_floats)(const LatentSpec& spec);
  FillNoise noise;
  void (*sample)(Panels z, const LatentSpec& spec, const ConstPanels* heads, const LatentNoise& noise, std::size_t B,
                 std::size_t L);
  void (*sample_backward)(const Panels* dheads, const LatentSpec& spec, const ConstPanels* heads,
                          const LatentNoise& noise, ConstPanels z, ConstPanels dz, std::size_t B, std::size_t L);
  void (*log_posterior)(double* log_q, const LatentSpec& spec, const ConstPanels* heads, ConstPanels z, ConstPanels eps,
                        std::size_t B, std::size_t L);
  void (*log_posterior_backward_z)(Panels dz, const LatentSpec& spec, const ConstPanels* heads, ConstPanels z,
                                   ConstPanels eps, const float* weight, float* scratch, std::size_t B, std::size_t L);
  void (*log_posterior_backward_heads)(const Panels* dheads, const LatentSpec& spec, const ConstPanels* heads,
                                       ConstPanels z, ConstPanels eps, const float* weight, float* scratch,
                                       std::size_t B, std::size_t L);
  void (*kl)(double* kl, const LatentSpec& spec, const ConstPanels* heads, const NormalPrior& prior, std::size_t B);
  void (*kl_backward)(const Panels* dheads, Panels dprior, const LatentSpec& spec, const ConstPanels* heads,
                      const NormalPrior& prior, const float* weight, std::size_t B);
};

extern const PosteriorKind GAUSSIAN_POSTERIOR, LAPLACE_POSTERIOR, LOGISTIC_POSTERIOR, CATEGORICAL_POSTERIOR,
    BERNOULLI_POSTERIOR;

// In the order of the enum.
inline constexpr const PosteriorKind* POSTERIOR_KINDS[] = {
    &GAUSSIAN_POSTERIOR, &LAPLACE_POSTERIOR, &LOGISTIC_POSTERIOR, &CATEGORICAL_POSTERIOR, &BERNOULLI_POSTERIOR,
};
static_assert(std::size(POSTERIOR_KINDS) == std::size(names::all(PosteriorType{})));

// One unit has no covariance.
inline bool has_full_covariance(const LatentSpec& spec) {
  return spec.type == PosteriorType::gaussian && spec.full_covariance && spec.units > 1;
}
inline std::size_t units_of(const LatentSpec& spec) { return spec.units; }
inline std::size_t no_scratch(const LatentSpec&) { return 0; }

}  // namespace aevb
