// Binarises data between 0 and 1 for a Bernoulli likelihood.
#pragma once

#include <cstddef>
#include <cstdint>

#include "spec/spec.h"
#include "tensor/panels.h"

namespace aevb {

// out[R, D] of x[R, D]; overwrites, leaves the padding of out zero; out may be x. NaN stays NaN.
//   none        x
//   threshold   1 if x > ½, else 0
//   stochastic  1 with probability x, else 0 (Salakhutdinov and Murray, On the Quantitative Analysis of Deep Belief
//               Networks (2008); Burda et al. (2016) draw afresh in each epoch)
// A draw depends only on its cell: row r is the data set's row index[r] (null: first_row + r), and column c is 1 if
// uniform(word) < x. The word is word c % 4 of Philox's purpose `binarize` at (step, that row, lane c / 4). So x = 1
// always gives 1 and x = 0 always gives 0, and the same epoch gives the same bits in any order of the rows. step:
// the epoch, or 0 if the draw is fixed.
void binarize(Panels out, ConstPanels x, Binarize how, std::uint64_t seed, std::uint32_t step,
              const std::uint32_t* index, std::uint32_t first_row, std::size_t R, std::size_t D);

}  // namespace aevb
