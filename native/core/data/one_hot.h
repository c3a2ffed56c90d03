// Class numbers as columns of zeros and ones.
#pragma once

#include <cstddef>
#include <vector>

#include "tensor/panels.h"

namespace aevb {

// V = classes.size() variables; variable v has classes[v] columns. The variables' columns follow each other, the
// first at column `first` of out. For each row r and variable v, the column of the class codes[r / repeat, v]
// becomes 1 and the variable's other columns 0. No other column of out is touched, padding included. codes has R /
// repeat rows of V whole numbers below classes[v], as floats, in panels of any width.
//
// A code outside the classes makes its variable's columns NaN in that row: callers check such data beforehand.
void one_hot(Panels out, std::size_t first, ConstPanels codes, const std::vector<std::size_t>& classes, std::size_t R,
             std::size_t repeat = 1);

}  // namespace aevb
