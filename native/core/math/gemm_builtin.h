// The built-in matrix product. Operands are in panels of panel_width(active_target()) columns: see gemm.h for the shapes.
#pragma once

#include <cstddef>

#include "math/panels.h"

namespace aevb {

void builtin_multiply(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                      bool accumulate);
void builtin_multiply_transposed(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                                 bool accumulate);

}  // namespace aevb
