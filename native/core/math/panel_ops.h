// Whole-matrix movements that the layers share.
#pragma once

#include <cstddef>

#include "math/panels.h"

namespace aevb {

// out[C, R] = inp[R, C]ᵀ; overwrites.
void transpose(Panels out, ConstPanels inp, std::size_t R, std::size_t C);

// sums[C] = Σ over R rows of inp[R, C], row after row; overwrites.
void column_sums(float* sums, ConstPanels inp, std::size_t R, std::size_t C);

}  // namespace aevb
