// Operations on whole matrices that the layers share.
#pragma once

#include <cstddef>

#include "tensor/panels.h"

namespace aevb {

// out[C, R] = inp[R, C]ᵀ; overwrites.
void transpose(Panels out, ConstPanels inp, std::size_t R, std::size_t C);

// sums[C] = Σ over R rows of inp[R, C], row after row; overwrites.
void column_sums(float* sums, ConstPanels inp, std::size_t R, std::size_t C);

// sums[C] += Σ over R rows of inp[R, C], in double over the rows.
void add_column_sums(float* sums, ConstPanels inp, std::size_t R, std::size_t C);

// rows[R, C] += values[C].
void add_to_rows(Panels rows, const float* values, std::size_t R, std::size_t C);

// rows[R, C] *= scale · factor[R], a factor for each row; in place, the padding too.
void scale_rows(Panels rows, const float* factor, float scale, std::size_t R, std::size_t C);

// rows[R, C] = 0, and the padding too.
void clear(Panels rows, std::size_t R, std::size_t C);

}  // namespace aevb
