// Computes the noise from which latent_sample would compute a given z.
#pragma once

#include <cstddef>

#include "spec/spec.h"
#include "tensor/panels.h"

namespace aevb {

// eps[R, Z] of z[R, Z] under the posterior in row 0 of `heads`: (z − mean)/σ or, with a full covariance, L⁻¹ (z −
// mean); overwrites these columns. Writes nothing for discrete variables: their mass depends only on z.
void recover_noise(Panels eps, const LatentSpec& spec, const ConstPanels* heads, ConstPanels z, std::size_t R);

}  // namespace aevb
