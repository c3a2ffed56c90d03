// Copies ranges of columns between matrices: the concatenation [z1 | z2 | condition] and its inverse. A range begins
// at any column. The two matrices may have panels of different widths but must not overlap in memory.
#pragma once

#include <cstddef>

#include "tensor/panels.h"

namespace aevb {

// out[R, first + c] = inp[r / repeat, c] for c < C; overwrites these columns and touches no other, padding included.
// inp has R / repeat rows: with `repeat` L, row b of inp goes to the rows b L + l of all draws of datum b.
void place_columns(Panels out, std::size_t first, ConstPanels inp, std::size_t R, std::size_t C,
                   std::size_t repeat = 1);

// out[R, C] = inp[R, first + c]; overwrites, and leaves the padding of out zero.
void take_columns(Panels out, ConstPanels inp, std::size_t first, std::size_t R, std::size_t C);

// The same, added to what out holds; the padding of out stays as it is.
void take_columns_add(Panels out, ConstPanels inp, std::size_t first, std::size_t R, std::size_t C);

}  // namespace aevb
