// Counter-based random numbers: Philox4x32-10 (Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3 (2011)).
//
// The key is the seed; the counter is (lane, row, step, purpose). Any number can be drawn without those before it,
// so results do not depend on the order in which threads draw.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/panels.h"

namespace aevb {

enum class Purpose : std::uint32_t {
  initialize = 1,    // step: the tensor's index in the parameter table; row 0; lane: element / 4
  shuffle = 2,       // step: epoch; row 0; lane: word / 4
  epsilon = 3,       // training draws. step: training step; row: b L + l within the batch; lane: unit / 4
  evaluate = 4,      // step 0; row: datum · L + l
  prior = 5,         // sample(): step 0; row: the sample's index
  importance = 6,    // logLikelihood(): step: datum; row: the draw's index. impute(): row: datum · K + k
  draw = 7,          // x ~ p(x|z). row: row of z; lane: feature or variable; step: block of that cell's words
  corruption = 8,    // step: training step; row: in the batch; lane: column / 4
  binarize = 9,      // step: epoch, or 0 if the draw is fixed; row: of the data set; lane: column / 4
  discrepancy = 10,  // draws of the prior for MMD. step: training step; row: the draw's index; lane: unit / 4
  refine = 11,       // draws in refine(). step: of the ascent; row: datum · L + l; lane: unit / 4
  posterior = 12,    // draws of z in encode() and reconstruct(). step 0; row: of the data; lane: unit / 4
  defensive = 13,    // logLikelihood(): draws of the prior. step: datum; row: the draw's index; lane: unit / 4.
                     // impute(): which z a draw takes. step: datum; row: the draw's index; lane 0
  dropout = 14,      // step: training step; row: in the batch; lane: 2^24 · place of the layer + element / 4
};

struct Philox {
  std::uint32_t word[4];
};

// One block. Counter word 0 is `lane`, 1 `row`, 2 `step`, 3 `purpose`; key word 0 is the seed's low half.
Philox philox(std::uint64_t seed, Purpose purpose, std::uint32_t step, std::uint32_t row, std::uint32_t lane);

// The float in [0, 1) of a word: (word >> 8) · 2⁻²⁴.
inline float uniform(std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }

// out[rows, cols] ~ N(0, 1); overwrites. Row r, columns 4 i to 4 i + 3 come from the block with row first_row + r and
// lane first_lane + i, by Box and Muller's transform of its words (w0, w1) and (w2, w3):
//   a = (float(w0 >> 1) + ½) · 2⁻³¹,  t = 2π · (w1 >> 8) · 2⁻²⁴,  √(−2 ln a) · (cos t, sin t)
void fill_normal(Panels out, std::size_t rows, std::size_t cols, std::uint64_t seed, Purpose purpose,
                 std::uint32_t step, std::uint32_t first_row, std::uint32_t first_lane = 0);

// The same blocks, and one word w for each column. The uniform number u = (w + ½) · 2⁻³² is computed as its distance
// to the nearer end, which a float represents with enough precision however small it is:
//   m = w, or ~w if its first bit is set;   s = (float(m) + ½) · 2⁻³² = min(u, 1 − u) in (0, ½]

// Standard Laplace, density ½ e^−|x|:  ± log 2s, positive if u > ½.
void fill_laplace(Panels out, std::size_t rows, std::size_t cols, std::uint64_t seed, Purpose purpose,
                  std::uint32_t step, std::uint32_t first_row, std::uint32_t first_lane = 0);

// Standard logistic, density e^−x/(1 + e^−x)²:  log u − log(1 − u).
void fill_logistic(Panels out, std::size_t rows, std::size_t cols, std::uint64_t seed, Purpose purpose,
                   std::uint32_t step, std::uint32_t first_row, std::uint32_t first_lane = 0);

// Standard Gumbel, distribution function exp(−e^−x):  −log(−log u).
void fill_gumbel(Panels out, std::size_t rows, std::size_t cols, std::uint64_t seed, Purpose purpose,
                 std::uint32_t step, std::uint32_t first_row, std::uint32_t first_lane = 0);

}  // namespace aevb
