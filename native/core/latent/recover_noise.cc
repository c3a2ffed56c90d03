#include "latent/recover_noise.h"

#include <cmath>

#include "latent/kind.h"
#include "latent/latent.h"

namespace aevb {

void recover_noise(Panels eps, const LatentSpec& spec, const ConstPanels* heads, ConstPanels z, std::size_t R) {
  if (is_discrete(spec)) return;
  const bool covariance = has_full_covariance(spec);
  const double per_log_scale = posterior_head_bound(spec, 1)->per_log_scale;
  for (std::size_t r = 0; r < R; ++r) {
    std::size_t below = 0;
    for (std::size_t u = 0; u < spec.units; ++u) {
      const auto spread = static_cast<double>(heads[1].at(0, u));
      double rest = static_cast<double>(z.at(r, u)) - static_cast<double>(heads[0].at(0, u));
      for (std::size_t j = 0; covariance && j < u; ++j, ++below) {
        rest -= static_cast<double>(heads[2].at(0, below)) * static_cast<double>(eps.at(r, j));
      }
      eps.at(r, u) = static_cast<float>(rest / std::exp(spread / per_log_scale));
    }
  }
}

}  // namespace aevb
