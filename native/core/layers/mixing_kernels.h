// Weighted sums of an image's positions, with the same weights for all channels.
#pragma once

#include <cstddef>

#include "tensor/panels.h"

namespace aevb {

struct MixingTerm {
  std::size_t position;
  float weight;
};

// out[p] = Σ of `terms` terms: weight · x[position]. table[P, terms]; overwrites.
void mix_positions(Panels out, ConstPanels x, const MixingTerm* table, std::size_t terms, std::size_t P, std::size_t C);
// dx[position] += weight · dout[p].
void mix_positions_backward(Panels dx, ConstPanels dout, const MixingTerm* table, std::size_t terms, std::size_t P,
                            std::size_t C);

}  // namespace aevb
