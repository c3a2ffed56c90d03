// Rows of a data set, copied into panels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/panels.h"

namespace aevb {

// How a byte is read.
enum class Scale {
  unit,     // a fraction: byte / 255
  integer,  // its own value
};

// out[R, D] = rows index[r] of source[·, D] (row-major). index null: the rows 0, 1, ...
void gather_rows(Panels out, const float* source, const std::uint32_t* index, std::size_t R, std::size_t D);
void gather_rows(Panels out, const std::uint8_t* source, const std::uint32_t* index, std::size_t R, std::size_t D,
                 Scale scale = Scale::unit);

// out[R, D] (row-major) = inp[R, D]: the inverse.
void scatter_rows(float* out, ConstPanels inp, std::size_t R, std::size_t D);

}  // namespace aevb
