// The maximum mean discrepancy between the aggregate posterior and the prior, from one batch of draws of each: Gretton
// et al., A Kernel Two-Sample Test (2012), lemma 6; as a regulariser, Zhao et al., InfoVAE (2017), section 3.3.
//
//   MMD² = 1/(R (R−1)) Σ_{i≠j} k(z_i, z_j) + 1/(R (R−1)) Σ_{i≠j} k(p_i, p_j) − 2/R² Σ_ij k(z_i, p_j)
//
// with the inverse multiquadratic kernel k(x, y) = C / (C + ‖x − y‖²), C = 2 Z, of Tolstikhin et al., Wasserstein
// Auto-Encoders (2018), section 4. 2 Z is what ‖x − y‖² is on average for two draws of N(0, I), so that the kernel has
// the width of the prior in any number of units, and its tails still pull a z that lies far away, where a Gaussian
// kernel's gradient is 0.
//
// This is the unbiased estimate (a U-statistic): 0 on average if both distributions are the same, hence now and then
// a little below 0. R draws z[R, Z] and as many draws p[R, Z] of the prior. For R = 1 there is no such estimate: value
// and gradient are 0.
//
// mmd_tables runs once; mmd_rows then for ranges of rows, each of which writes rows of its own, so that every cut of
// the rows gives the same bits.
#pragma once

#include <cstddef>

#include "tensor/panels.h"

namespace aevb {

// Floats of the tables that all tasks share, and of the scratch that each thread has for its own.
std::size_t mmd_table_floats(std::size_t R, std::size_t Z);
std::size_t mmd_scratch_floats(std::size_t R);

// Fills the tables from z[R, Z] and prior[R, Z].
void mmd_tables(float* tables, ConstPanels z, ConstPanels prior, std::size_t R, std::size_t Z);

// For the rows [first, first + count): value[R], of which the sum over all R rows is MMD²; overwrites. dz[R, Z] +=
// scale · ∂ MMD² / ∂z; dz.data null leaves that out. Touches no other row of value or dz, and no padding.
void mmd_rows(double* value, Panels dz, const float* tables, float scale, float* scratch, std::size_t first,
              std::size_t count, std::size_t R, std::size_t Z);

}  // namespace aevb
