// The likelihoods beyond those of reference.h in their plainest form: double, row-major, one loop inside another. Only
// tests call it. A function that has the name of a kernel computes what that kernel's header says, with results
// returned instead of overwritten; the equations stand there.
//
// B data, L draws of each, D features. Row b L + l of anything with B L rows is draw l of datum b. A `_backward` is the
// gradient of  scale · Σ loss.
#pragma once

#include <cstddef>
#include <vector>

#include "reference/layers.h"
#include "spec/spec.h"

namespace aevb::reference {

// log n! of a whole number, as a sum of logarithms.
double log_factorial(double n);

Vector continuous_bernoulli_forward(const Vector& logits, const Vector& x, std::size_t B, std::size_t L, std::size_t D);
Vector continuous_bernoulli_backward(const Vector& logits, const Vector& x, double scale, std::size_t B, std::size_t L,
                                     std::size_t D);
Vector continuous_bernoulli_mean(const Vector& logits);

// likelihood/full_covariance.h. log_variance[B L, D] is bounded, and so is the one that the gradient is by.
struct CovarianceGradient {
  Vector dmean, dlog_variance, down;  // down: by the covariance's own head
};
Vector full_covariance_forward(const Vector& mean, const Vector& log_variance, const Vector& regression,
                               const Vector& x, std::size_t B, std::size_t L, std::size_t D);
CovarianceGradient full_covariance_backward(const Vector& mean, const Vector& log_variance, const Vector& regression,
                                            const Vector& x, double scale, std::size_t B, std::size_t L, std::size_t D);
// likelihood/low_rank.h, by the whole of C = W Wᵀ + Ψ and its inverse.
Vector low_rank_forward(const Vector& mean, const Vector& log_variance, const Vector& factor, const Vector& x,
                        std::size_t B, std::size_t L, std::size_t D, std::size_t rank);
CovarianceGradient low_rank_backward(const Vector& mean, const Vector& log_variance, const Vector& factor,
                                     const Vector& x, double scale, std::size_t B, std::size_t L, std::size_t D,
                                     std::size_t rank);
// −log N(x; mean, C) of one x, C [D, D], by elimination.
double gaussian_density_loss(const Vector& mean, const Vector& covariance, const Vector& x);
// The covariance of row `row`, from the heads.
Vector full_covariance_matrix(const Vector& log_variance, const Vector& regression, std::size_t row, std::size_t D);
Vector low_rank_matrix(const Vector& log_variance, const Vector& factor, std::size_t row, std::size_t D,
                       std::size_t rank);

struct LaplaceGradient {
  Vector dmean;       // [B L, D]
  Vector dlog_scale;  // [B L, D], of each row also if the scale is shared
};
// log_scale[D] is shared by all rows.
Vector laplace_forward(const Vector& mean, const Vector& log_scale, const Vector& x, std::size_t B, std::size_t L,
                       std::size_t D);
LaplaceGradient laplace_backward(const Vector& mean, const Vector& log_scale, const Vector& x, double scale,
                                 std::size_t B, std::size_t L, std::size_t D);
// raw_log_scale[B L, D] is the decoder's, bounded by soft_bound.
Vector laplace_datum_forward(const Vector& mean, const Vector& raw_log_scale, double min, double max, const Vector& x,
                             std::size_t B, std::size_t L, std::size_t D);
LaplaceGradient laplace_datum_backward(const Vector& mean, const Vector& raw_log_scale, double min, double max,
                                       const Vector& x, double scale, std::size_t B, std::size_t L, std::size_t D);

using Classes = std::vector<std::size_t>;
Vector categorical_forward(const Vector& logits, const Vector& x, const Classes& classes, std::size_t B, std::size_t L);
Vector categorical_backward(const Vector& logits, const Vector& x, const Classes& classes, double scale, std::size_t B,
                            std::size_t L);
Vector categorical_mean(const Vector& logits, const Classes& classes, std::size_t B);

Vector multinomial_forward(const Vector& logits, const Vector& x, std::size_t B, std::size_t L, std::size_t D);
Vector multinomial_backward(const Vector& logits, const Vector& x, double scale, std::size_t B, std::size_t L,
                            std::size_t D);

Vector poisson_forward(const Vector& log_rate, const Vector& x, std::size_t B, std::size_t L, std::size_t D);
Vector poisson_backward(const Vector& log_rate, const Vector& x, double scale, std::size_t B, std::size_t L,
                        std::size_t D);
Vector poisson_mean(const Vector& log_rate);

// --- the registry (likelihood/likelihood.h) ---

// heads[i] is [B L, units]; raw: the shared log-dispersion's parameters, [1] or [D], or empty.
Vector likelihood_loss(const LikelihoodSpec& spec, const std::vector<Vector>& heads, const Vector& raw, const Vector& x,
                       std::size_t B, std::size_t L, std::size_t D);

struct LikelihoodGradient {
  std::vector<Vector> dheads;
  Vector d_raw;  // of raw
};
LikelihoodGradient likelihood_gradient(const LikelihoodSpec& spec, const std::vector<Vector>& heads, const Vector& raw,
                                       const Vector& x, double scale, std::size_t B, std::size_t L, std::size_t D);

// [R, D]
Vector likelihood_mean(const LikelihoodSpec& spec, const std::vector<Vector>& heads, std::size_t R, std::size_t D);

}  // namespace aevb::reference
