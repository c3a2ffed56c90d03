// The generalised Pareto distribution of what lies above a threshold:
//
//   P(X > x) = (1 + k x/σ)^(−1/k),  x ≥ 0, σ > 0;   k → 0: e^(−x/σ)
//
// Its moments of an order below 1/k exist; with k < 0 it ends at −σ/k.
#pragma once

#include <cstddef>

namespace aevb {

struct Pareto {
  double k, sigma;
};

// Observations that a fit needs at least.
inline constexpr std::size_t PARETO_OBSERVATIONS = 5;

// Of `count` ≥ PARETO_OBSERVATIONS values above 0 in ascending order: the estimate of Zhang and Stephens, A New and
// Efficient Estimation Method for the Generalized Pareto Distribution (2009), whose k is then drawn towards 1/2 as by
// ten observations more (Vehtari et al., Pareto Smoothed Importance Sampling (2024), appendix C).
Pareto fit_pareto(const double* ascending, std::size_t count);

// The x for which P(X > x) = e^(−t), t ≥ 0.
double pareto_exceeded(const Pareto& pareto, double t);

}  // namespace aevb
