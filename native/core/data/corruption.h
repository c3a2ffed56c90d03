// Noise for a denoising auto-encoder: the encoder sees a corrupted row, the likelihood's target stays clean.
// Vincent et al., Stacked Denoising Autoencoders (2010), section 3.3; with a variational one: Im et al., Denoising
// Criterion for Variational Auto-Encoding Framework (2017).
#pragma once

#include <cstddef>
#include <cstdint>

#include "spec/spec.h"
#include "tensor/panels.h"

namespace aevb {

// out[R, D] = corrupted x[R, D]; overwrites, leaves the padding of out zero; out is not x.
//   none           x
//   gaussian       x + amount · N(0, 1), the numbers of fill_normal
//   masking        0 with probability `amount`, else x
//   saltAndPepper  with probability `amount` 0 or 1, each with probability ½, else x
// Row r takes its numbers from Philox's purpose `corruption` at (step, first_row + r), column c from word c % 4 of
// lane c / 4: a cell is replaced if uniform(word) < amount. Bit 0 of the word, which uniform() ignores, decides
// between 0 and 1.
void corrupt(Panels out, ConstPanels x, const CorruptionSpec& spec, std::uint64_t seed, std::uint32_t step,
             std::uint32_t first_row, std::size_t R, std::size_t D);

}  // namespace aevb
