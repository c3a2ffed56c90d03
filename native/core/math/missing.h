// Missing cells: NaN in the data, 0 in a matrix `present` that has 1 for every other cell.
#pragma once

#include <cstddef>
#include <vector>

#include "tensor/panels.h"

namespace aevb {

// present[R, C] = 1, or 0 if x[R, C] is NaN, which becomes 0. Both matrices begin at a panel's edge; their panels may
// have different widths. Leaves the padding of both as it is.
void find_missing(Panels present, Panels x, std::size_t R, std::size_t C);

// x[r L + l, first + c] = value if present[r, c] is 0, for R rows of present and all C columns.
void fill_missing(Panels x, std::size_t first, ConstPanels present, float value, std::size_t R, std::size_t C,
                  std::size_t L = 1);

// The same for one-hot variables: present has a column for each; a variable's columns follow each other, the first at
// column `first`. Its first column becomes `one`, the others `other`.
void fill_missing_classes(Panels x, std::size_t first, ConstPanels present, const std::vector<std::size_t>& classes,
                          float one, float other, std::size_t R, std::size_t L = 1);

}  // namespace aevb
