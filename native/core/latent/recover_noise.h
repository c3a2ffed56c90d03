// The way back from z to the noise that latent_sample would have made it of.
#pragma once

#include <cstddef>

#include "spec/spec.h"
#include "tensor/panels.h"

namespace aevb {

// eps[R, Z] of z[R, Z] under the posterior in row 0 of `heads`: (z − mean)/σ or, with a full covariance, L⁻¹ (z −
// mean); overwrites these columns. Not of discrete variables, whose z is all that their mass depends on: nothing is
// written.
void recover_noise(Panels eps, const LatentSpec& spec, const ConstPanels* heads, ConstPanels z, std::size_t R);

}  // namespace aevb
