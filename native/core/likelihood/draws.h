// Draws x ~ p(x|z). Plain loops in double: draws are made for users, not in a training step.
//
// R rows, D features. Row r, feature (or variable) c takes its words from the blocks of Philox with purpose `draw`, row
// first_row + r, lane c and step 0, 1, ..., so that a draw depends only on its row and feature. If a parameter
// is NaN, the draws that depend on it are NaN. Leaves the padding of out zero. Overwrites out, which may be the first
// of the parameters.
#pragma once

#include <cstddef>
#include <cstdint>

#include "likelihood/log_dispersion.h"
#include "tensor/panels.h"

namespace aevb {

// 0 or 1.
void bernoulli_draw(Panels out, ConstPanels logits, std::size_t R, std::size_t D, std::uint64_t seed,
                    std::uint32_t first_row);

// Within [0, 1], by the inverse of the distribution function, log(1 + u (e^l − 1))/l.
void continuous_bernoulli_draw(Panels out, ConstPanels logits, std::size_t R, std::size_t D, std::uint64_t seed,
                               std::uint32_t first_row);

void gaussian_draw(Panels out, ConstPanels mean, const LogDispersion& log_variance, std::size_t R, std::size_t D,
                   std::uint64_t seed, std::uint32_t first_row);
// x = mean + L ε with the L of full_covariance.h, one feature after another: ε of feature c is drawn from lane c.
void full_covariance_draw(Panels out, ConstPanels mean, const LogDispersion& log_variance, ConstPanels regression,
                          std::size_t R, std::size_t D, std::uint64_t seed, std::uint32_t first_row);
// x = mean + W η + Ψ^½ ε with the W and Ψ of low_rank.h: η_k is drawn from lane D + k.
void low_rank_draw(Panels out, ConstPanels mean, const LogDispersion& log_variance, ConstPanels factor, std::size_t R,
                   std::size_t D, std::size_t rank, std::uint64_t seed, std::uint32_t first_row);
void laplace_draw(Panels out, ConstPanels mean, const LogDispersion& log_scale, std::size_t R, std::size_t D,
                  std::uint64_t seed, std::uint32_t first_row);

// One-hot in each variable's group of columns. The lane is the variable's number.
void categorical_draw(Panels out, ConstPanels logits, const std::size_t* classes, std::size_t variables, std::size_t R,
                      std::uint64_t seed, std::uint32_t first_row);

// Counts that add up to trials[r], or to `trials_of_all` if trials is null: one binomial variable after another,
// each with the trials that are left. A binomial variable is drawn by inversion or, if it has a mean of 10 or more,
// by transformed rejection (BTRS of Hörmann, The generation of binomial random variates (1993)).
void multinomial_draw(Panels out, ConstPanels logits, const double* trials, double trials_of_all, std::size_t R,
                      std::size_t D, std::uint64_t seed, std::uint32_t first_row);

// By inversion or, if the rate is 10 or more, by transformed rejection (PTRS of Hörmann, The transformed rejection
// method for generating Poisson random variables (1993)). Counts beyond 2²⁴ are rounded to floats.
void poisson_draw(Panels out, ConstPanels log_rate, std::size_t R, std::size_t D, std::uint64_t seed,
                  std::uint32_t first_row);

}  // namespace aevb
