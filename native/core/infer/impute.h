// Missing cells, filled from p(x_missing|x_observed) by self-normalised importance sampling (Mattei and Frellsen,
// MIWAE: Deep Generative Modelling and Imputation of Incomplete Data Sets (2019), section 3): K draws z ~
// q(z|x_observed) with
//   w_k ∝ p(x_observed|z_k) p(z_k) / q(z_k|x_observed)
// The mean is Σ w_k E[x_missing|z_k]. A draw takes z_k with probability w_k, and x_missing ~ p(x|z_k).
#pragma once

#include <cstddef>
#include <cstdint>

#include "infer/inference.h"

namespace aevb {

struct Imputing {
  std::size_t samples = 1;  // K
  std::size_t draws = 0;    // 0: the mean
  std::uint64_t seed = 0;
};

// out[max(draws, 1)][rows, columns of the data]: the rows with their missing cells filled; others are copied. A missing
// code becomes its most probable class, or a draw's.
void impute(const Inference& inference, float* out, const Examples& examples, const Imputing& imputing);

double impute_bytes(const Model& model, std::size_t rows, const Imputing& imputing, std::size_t threads);

}  // namespace aevb
