#include "latent/recover_noise.h"

#include <cmath>

namespace aevb {

void recover_noise(Panels eps, const LatentSpec& spec, const ConstPanels* heads, ConstPanels z, std::size_t R) {
  if (spec.type == PosteriorType::categorical || spec.type == PosteriorType::bernoulli) return;
  const bool gaussian = spec.type == PosteriorType::gaussian;
  for (std::size_t r = 0; r < R; ++r) {
    std::size_t below = 0;
    for (std::size_t u = 0; u < spec.units; ++u) {
      const auto spread = static_cast<double>(heads[1].at(0, u));
      double rest = static_cast<double>(z.at(r, u)) - static_cast<double>(heads[0].at(0, u));
      for (std::size_t j = 0; gaussian && spec.full_covariance && j < u; ++j, ++below) {
        rest -= static_cast<double>(heads[2].at(0, below)) * static_cast<double>(eps.at(r, j));
      }
      eps.at(r, u) = static_cast<float>(rest / std::exp(gaussian ? 0.5 * spread : spread));
    }
  }
}

}  // namespace aevb
