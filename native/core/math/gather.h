// Rows of a data set, copied into panels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "math/panels.h"

namespace aevb {

// out[R, D] = rows index[r] of source[·, D] (row-major); uint8 values become value / 255. index null: the rows 0, 1,
// ...
void gather_rows(Panels out, const float* source, const std::uint32_t* index, std::size_t R, std::size_t D);
void gather_rows(Panels out, const std::uint8_t* source, const std::uint32_t* index, std::size_t R, std::size_t D);

// out[R, D] (row-major) = inp[R, D]: the way back.
void scatter_rows(float* out, ConstPanels inp, std::size_t R, std::size_t D);

}  // namespace aevb
