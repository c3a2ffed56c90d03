// Matrix products whose factors are rounded to bfloat16, to the nearest, ties to even, and whose sums are floats.
// Operands are float matrices in the built-in product's panels: see gemm.h for the shapes. They are rounded block by
// block into buffers that stay in the first-level cache, so the format is internal to the products.
//
// An element is summed in the same order however the rows of a left operand that is not transposed are cut.
#pragma once

#include <cstddef>

#include "tensor/panels.h"

namespace aevb {

// Whether this build and processor have the instructions (AVX512_BF16). Call the other functions only if they do,
// and only with the panels of Target::avx512.
bool bfloat16_supported();

void bfloat16_multiply(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                       bool accumulate, const float* bias = nullptr);
void bfloat16_multiply_transposed(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                                  bool accumulate);

}  // namespace aevb
