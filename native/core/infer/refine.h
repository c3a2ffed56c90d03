// Classical variational inference for each datum: the decoder is held, and the parameters of q(z|x) that the encoder
// gave are improved by ascent on that datum's own ELBO, of continuous variables along the gradient, of discrete ones
// coordinate by coordinate (refine_discrete.h). What is gained is the amortisation gap (Cremer et al., Inference
// Suboptimality in Variational Autoencoders (2018), section 3).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "infer/inference.h"

namespace aevb {

struct Refinement {
  std::size_t steps = 100;      // of Adam and of coordinate ascent; if all states are known, sweeps at most
  double learning_rate = 0.01;  // falls to nothing by a cosine, so that the noise of the last draws does not stay
  std::size_t samples = 8;      // draws of z in a step
  std::uint64_t seed = 0;
  Preparation preparation;  // of the rows
  // So many of the steps, the last ones, climb the importance-weighted bound of `samples` draws instead, with the
  // doubly reparameterised gradient: for a posterior that covers p(z|x), as a proposal should. None with discrete
  // variables.
  std::size_t weighted_steps = 0;
  // The most states of z over which the best posterior is found by enumeration (refine_discrete.h).
  std::size_t most_states = 4096;
};

// Draws that an ELBO before and after is averaged over; the same noise in both. Discrete variables need more of them,
// as a draw of theirs that changes changes by much.
inline constexpr std::size_t REFINE_EVALUATION_DRAWS = 256, REFINE_DISCRETE_EVALUATION_DRAWS = 2048;

// heads: as Inference::encode gives them, but refined; mean[rows, Z], or null. before[rows], after[rows]: the ELBO,
// nats, −∞ if it has overflowed; without noise of draws if all states are known; after weighted steps the bound
// that these climb. A row that has not gained stays as it was.
void refine(const Inference& inference, const std::vector<float*>& heads, float* mean, double* before, double* after,
            const Examples& examples, const Refinement& refinement);

// What refine allocates on so many threads, in bytes, beside its answer.
double refine_bytes(const Model& model, std::size_t rows, std::size_t samples, std::size_t threads);

}  // namespace aevb
