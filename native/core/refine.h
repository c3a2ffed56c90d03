// Classical variational inference for each datum: the decoder is held, and the parameters of q(z|x) that the encoder
// gave are improved by gradient ascent on that datum's own ELBO. What is gained is the amortisation gap (Cremer et al.,
// Inference Suboptimality in Variational Autoencoders (2018), section 3).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "inference.h"

namespace aevb {

struct Refinement {
  std::size_t steps = 100;      // of Adam
  double learning_rate = 0.01;  // falls to nothing by a cosine, so that the noise of the last draws does not stay
  std::size_t samples = 8;      // draws of z in a step
  std::uint64_t seed = 0;
};

// Draws that an ELBO before and after is averaged over; the same noise in both.
inline constexpr std::size_t REFINE_EVALUATION_DRAWS = 256;

// heads: as Inference::encode gives them, but refined; mean[rows, Z]. before[rows], after[rows]: the ELBO, nats, −∞
// where it has overflowed; a row that has not gained stays as it was.
void refine(const Inference& inference, const std::vector<float*>& heads, float* mean, double* before, double* after,
            const Examples& examples, const Refinement& refinement);

// What refine allocates on so many threads, in bytes, beside its answer.
double refine_bytes(const Model& model, std::size_t rows, std::size_t samples, std::size_t threads);

}  // namespace aevb
