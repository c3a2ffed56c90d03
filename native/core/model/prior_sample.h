// Draws of z that belong to no datum.
#pragma once

#include <cstddef>
#include <cstdint>

#include "math/random.h"
#include "model/model.h"
#include "tensor/panels.h"

namespace aevb {

// z[R, Z] ~ p(z), all groups side by side; overwrites these columns. N(m, v), a mixture's component and then a draw
// from it, or every class alike. Row r takes its numbers from (purpose, step, first_row + r) and lanes as latent_noise
// does; the choice among a mixture's components or classes from the lanes beyond 2^19.
void sample_prior(Panels z, const Model& model, std::uint64_t seed, Purpose purpose, std::uint32_t step,
                  std::uint32_t first_row, std::size_t R);

}  // namespace aevb
