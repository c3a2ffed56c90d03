// Holds the plain likelihoods to mathematics: gradients to differences, probabilities to sums and integrals.

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <functional>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "comparison.h"
#include "likelihood/likelihood.h"
#include "reference/likelihood.h"
#include "support.h"

namespace aevb::reference {
namespace {

using test::Random;

struct Case {
  std::string name;
  LikelihoodSpec spec;
};

LikelihoodSpec spec_of(LikelihoodType type, DispersionType dispersion = DispersionType::fixed) {
  LikelihoodSpec spec;
  spec.type = type;
  spec.dispersion = dispersion;
  spec.fixed_dispersion = 0.4;
  spec.log_dispersion_min = -3.0;
  spec.log_dispersion_max = 2.0;
  if (type == LikelihoodType::categorical) spec.classes = {2, 3, 1};
  return spec;
}

LikelihoodSpec with_covariance(CovarianceType covariance, DispersionType dispersion) {
  LikelihoodSpec spec = spec_of(LikelihoodType::gaussian, dispersion);
  spec.covariance = covariance;
  spec.rank = covariance == CovarianceType::lowRank ? 2 : 0;
  return spec;
}

std::vector<Case> cases() {
  return {{"Bernoulli", spec_of(LikelihoodType::bernoulli)},
          {"ContinuousBernoulli", spec_of(LikelihoodType::continuousBernoulli)},
          {"GaussianFixed", spec_of(LikelihoodType::gaussian)},
          {"GaussianLearned", spec_of(LikelihoodType::gaussian, DispersionType::learned)},
          {"GaussianPerFeature", spec_of(LikelihoodType::gaussian, DispersionType::perFeature)},
          {"GaussianPerDatum", spec_of(LikelihoodType::gaussian, DispersionType::perDatum)},
          {"FullFixed", with_covariance(CovarianceType::full, DispersionType::fixed)},
          {"FullLearned", with_covariance(CovarianceType::full, DispersionType::learned)},
          {"FullPerFeature", with_covariance(CovarianceType::full, DispersionType::perFeature)},
          {"FullPerDatum", with_covariance(CovarianceType::full, DispersionType::perDatum)},
          {"LowRankFixed", with_covariance(CovarianceType::lowRank, DispersionType::fixed)},
          {"LowRankLearned", with_covariance(CovarianceType::lowRank, DispersionType::learned)},
          {"LowRankPerFeature", with_covariance(CovarianceType::lowRank, DispersionType::perFeature)},
          {"LowRankPerDatum", with_covariance(CovarianceType::lowRank, DispersionType::perDatum)},
          {"LaplaceFixed", spec_of(LikelihoodType::laplace)},
          {"LaplaceLearned", spec_of(LikelihoodType::laplace, DispersionType::learned)},
          {"LaplacePerFeature", spec_of(LikelihoodType::laplace, DispersionType::perFeature)},
          {"LaplacePerDatum", spec_of(LikelihoodType::laplace, DispersionType::perDatum)},
          {"Categorical", spec_of(LikelihoodType::categorical)},
          {"Multinomial", spec_of(LikelihoodType::multinomial)},
          {"Poisson", spec_of(LikelihoodType::poisson)}};
}

constexpr std::size_t D = 6;

Vector data_of(LikelihoodType type, std::size_t B, Random& random) {
  Vector x;
  for (std::size_t b = 0; b < B; ++b) {
    if (type == LikelihoodType::categorical) {
      const Vector row = b == 0 ? Vector{0, 1, 1, 0, 0, 1} : Vector{0.25, 0.75, 0.5, 0.125, 0.375, 1};
      x.insert(x.end(), row.begin(), row.end());
      continue;
    }
    for (std::size_t d = 0; d < D; ++d) {
      const bool counts = type == LikelihoodType::multinomial || type == LikelihoodType::poisson;
      x.push_back(counts ? static_cast<double>(random.index(6)) : random.uniform(0.0, 1.0));
    }
  }
  return x;
}

// Differences over a step of 1e-5 are off by 1e-10 f''' and by 1e-16 f / 1e-5, for f of a few dozen.
void expect_gradient(const std::function<double()>& f, Vector* values, const Vector& gradient) {
  ASSERT_EQ(values->size(), gradient.size());
  for (std::size_t i = 0; i < values->size(); ++i) {
    const double before = (*values)[i];
    (*values)[i] = before + 1e-5;
    const double above = f();
    (*values)[i] = before - 1e-5;
    const double below = f();
    (*values)[i] = before;
    EXPECT_TRUE(test::is_near(gradient[i], (above - below) / 2e-5, {1e-7, 1e-8})) << "element " << i;
  }
}

TEST(ReferenceLikelihood, GradientsAreDifferencesOfTheLoss) {
  constexpr std::size_t B = 2, L = 3;
  Random random(71);
  for (const auto& [name, spec] : cases()) {
    SCOPED_TRACE(name);
    const bool per_datum = spec.dispersion == DispersionType::perDatum;
    std::vector<Vector> heads{random.vector(B * L * D, -2.5, 2.5)};
    if (per_datum) heads.push_back(random.vector(B * L * D, -4.0, 3.0));
    if (spec.covariance != CovarianceType::diagonal) {
      heads.push_back(random.vector(B * L * likelihood_head_units(spec, heads.size(), D), -0.8, 0.8));
    }
    Vector raw;
    if (spec.dispersion == DispersionType::learned) raw = {0.3};
    if (spec.dispersion == DispersionType::perFeature) raw = random.vector(D, -4.0, 3.0);
    const Vector x = data_of(spec.type, B, random);
    const auto f = [&, &spec = spec] {
      double sum = 0.0;
      for (const double loss : likelihood_loss(spec, heads, raw, x, B, L, D)) sum += 0.3 * loss;
      return sum;
    };
    const LikelihoodGradient gradient = likelihood_gradient(spec, heads, raw, x, 0.3, B, L, D);
    ASSERT_EQ(gradient.dheads.size(), heads.size());
    for (std::size_t i = 0; i < heads.size(); ++i) expect_gradient(f, &heads[i], gradient.dheads[i]);
    expect_gradient(f, &raw, gradient.d_raw);
  }
}

TEST(ReferenceLikelihood, GradientsOfTheContinuousBernoulliHoldNearZero) {
  for (const double l : {-20.0, -1.0, -0.011, -0.009, -1e-4, 0.0, 1e-4, 0.009, 0.011, 1.0, 20.0}) {
    Vector logits{l};
    const auto f = [&] { return continuous_bernoulli_forward(logits, {0.3}, 1, 1, 1)[0]; };
    expect_gradient(f, &logits, continuous_bernoulli_backward(logits, {0.3}, 1.0, 1, 1, 1));
  }
}

TEST(ReferenceLikelihood, PoissonsGradientHoldsAtTheBound) {
  for (const double r : {-30.0, 0.0, 5.0, 39.0, 40.0, 41.0, 60.0}) {
    Vector log_rate{r};
    // Rates of 1e17 leave no digits for a difference: that of their logarithm instead.
    const auto f = [&] { return std::log(poisson_mean(log_rate)[0]); };
    const double slope = poisson_backward(log_rate, {0.0}, 1.0, 1, 1, 1)[0] / poisson_mean(log_rate)[0];
    expect_gradient(f, &log_rate, {slope});
  }
}

double integral(const std::function<double(double)>& f, double from, double to) {
  constexpr int INTERVALS = 200000;  // Simpson's rule
  const double step = (to - from) / INTERVALS;
  double sum = f(from) + f(to);
  for (int i = 1; i < INTERVALS; ++i) sum += (i % 2 == 1 ? 4.0 : 2.0) * f(from + i * step);
  return sum * step / 3.0;
}

TEST(ReferenceLikelihood, ContinuousBernoulliIntegratesToOneAndHasItsMean) {
  for (const double l : {-30.0, -3.0, -0.02, -1e-3, 0.0, 1e-6, 0.02, 0.7, 12.0}) {
    const auto p = [&](double x) { return std::exp(-continuous_bernoulli_forward({l}, {x}, 1, 1, 1)[0]); };
    EXPECT_NEAR(integral(p, 0.0, 1.0), 1.0, 1e-10) << l;
    EXPECT_NEAR(integral([&](double x) { return x * p(x); }, 0.0, 1.0), continuous_bernoulli_mean(Vector{l})[0], 1e-10)
        << l;
  }
  EXPECT_NEAR(continuous_bernoulli_mean(Vector{1e4})[0], 1.0 - 1e-4, 1e-12);
  EXPECT_NEAR(continuous_bernoulli_mean(Vector{-1e4})[0], 1e-4, 1e-12);
}

TEST(ReferenceLikelihood, LaplaceIntegratesToOne) {
  for (const double s : {-2.0, 0.0, 1.5}) {
    const double b = std::exp(s);
    const auto shared = [&](double x) { return std::exp(-laplace_forward({0.8}, {s}, {x}, 1, 1, 1)[0]); };
    EXPECT_NEAR(integral(shared, 0.8, 0.8 + 40.0 * b), 0.5, 1e-10);  // a side of the kink each
    EXPECT_NEAR(integral(shared, 0.8 - 40.0 * b, 0.8), 0.5, 1e-10);
    const double bounded = std::exp(soft_bound(s, -3.0, 2.0));
    const auto datum = [&](double x) {
      return std::exp(-laplace_datum_forward({0.8}, {s}, -3.0, 2.0, {x}, 1, 1, 1)[0]);
    };
    EXPECT_NEAR(integral(datum, 0.8, 0.8 + 40.0 * bounded), 0.5, 1e-10);
  }
}

// Of the whole matrix, by elimination: neither the determinant nor the inverse that the two forms make do without.
TEST(ReferenceLikelihood, CovariancesAreThoseOfTheWholeMatrix) {
  Random random(5);
  for (const std::size_t features : {1, 2, 5, 9}) {
    const Vector mean = random.vector(features, -2.0, 2.0), x = random.vector(features, -2.0, 2.0);
    const Vector log_variance = random.vector(features, -3.0, 2.0);
    const Vector regression = random.vector(features * (features - 1) / 2, -1.0, 1.0);
    const Vector C = full_covariance_matrix(log_variance, regression, 0, features);
    const double whole = gaussian_density_loss(mean, C, x);
    EXPECT_NEAR(full_covariance_forward(mean, log_variance, regression, x, 1, 1, features)[0], whole,
                1e-12 * (1.0 + std::abs(whole)));
    // The dispersion is a feature's variance given those before it: det C is their product.
    double product = 0.0;
    for (const double value : log_variance) product += 0.5 * (value + std::log(2.0 * std::numbers::pi));
    EXPECT_NEAR(gaussian_density_loss(mean, C, mean), product, 1e-12 * (1.0 + std::abs(product)));
    for (std::size_t rank = 1; rank <= features; rank += 2) {
      const Vector factor = random.vector(features * rank, -1.0, 1.0);
      const Vector W = low_rank_matrix(log_variance, factor, 0, features, rank);
      // Sylvester: det C = det Ψ det(I + Wᵀ Ψ⁻¹ W), here of one column.
      if (rank > 1) continue;
      double inner = 1.0, log_determinant = 0.0;
      for (std::size_t i = 0; i < features; ++i) {
        inner += factor[i] * factor[i] * std::exp(-log_variance[i]);
        log_determinant += 0.5 * (log_variance[i] + std::log(2.0 * std::numbers::pi));
      }
      EXPECT_NEAR(gaussian_density_loss(mean, W, mean), log_determinant + 0.5 * std::log(inner), 1e-12);
    }
  }
}

TEST(ReferenceLikelihood, DensitiesWithACovarianceIntegrateToOneAndHaveIt) {
  const Vector mean{0.7, -0.4}, log_variance{-0.6, 0.5};
  LikelihoodSpec full = with_covariance(CovarianceType::full, DispersionType::perDatum);
  LikelihoodSpec low_rank = with_covariance(CovarianceType::lowRank, DispersionType::perDatum);
  low_rank.rank = 1;
  const auto bounded = [&](double value) {
    return soft_bound(value, full.log_dispersion_min, full.log_dispersion_max);
  };
  const Vector inside{bounded(log_variance[0]), bounded(log_variance[1])};
  const Vector regression{-1.3}, factor{0.9, -1.1};
  const std::pair<LikelihoodSpec, Vector> all[] = {{full, regression}, {low_rank, factor}};
  for (const auto& [spec, own] : all) {
    const Vector C = spec.covariance == CovarianceType::full ? full_covariance_matrix(inside, own, 0, 2)
                                                             : low_rank_matrix(inside, own, 0, 2, 1);
    EXPECT_LT(C[1], -0.5);  // that it is a covariance counts
    double total = 0.0, moments[4] = {};
    // The trapezoidal rule, which for a Gaussian is exact to double's last digits from a few points a deviation on.
    constexpr double STEP = 0.1, REACH = 16.0;
    for (double a = -REACH; a <= REACH; a += STEP) {
      for (double b = -REACH; b <= REACH; b += STEP) {
        const Vector x{mean[0] + a, mean[1] + b};
        const double p = STEP * STEP * std::exp(-likelihood_loss(spec, {mean, log_variance, own}, {}, x, 1, 1, 2)[0]);
        total += p;
        const double distance[2] = {a, b};
        for (int i = 0; i < 4; ++i) moments[i] += p * distance[i / 2] * distance[i % 2];
      }
    }
    EXPECT_NEAR(total, 1.0, 1e-10);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(moments[i], C[i], 1e-10);
  }
}

TEST(ReferenceLikelihood, CategoricalSumsToOne) {
  const Vector logits{1.0, -0.3, 40.0, 0.2, 39.0};
  double sum = 0.0;
  for (std::size_t i = 0; i < 2; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      Vector x(5);
      x[i] = x[2 + j] = 1.0;
      sum += std::exp(-categorical_forward(logits, x, {2, 3}, 1, 1)[0]);
    }
  }
  EXPECT_NEAR(sum, 1.0, 1e-14);
  EXPECT_EQ(categorical_forward({1e4, -1e4}, {0.0, 1.0}, {2}, 1, 1)[0], 2e4);
}

TEST(ReferenceLikelihood, MultinomialSumsToOne) {
  const Vector logits{1.0, -0.3, 2.0};
  double sum = 0.0;
  constexpr int TRIALS = 7;
  Vector mean(3);
  for (int i = 0; i <= TRIALS; ++i) {
    for (int j = 0; i + j <= TRIALS; ++j) {
      const Vector x{static_cast<double>(i), static_cast<double>(j), static_cast<double>(TRIALS - i - j)};
      const double p = std::exp(-multinomial_forward(logits, x, 1, 1, 3)[0]);
      sum += p;
      for (std::size_t d = 0; d < 3; ++d) mean[d] += p * x[d] / TRIALS;
    }
  }
  EXPECT_NEAR(sum, 1.0, 1e-13);
  const Vector expected = categorical_mean(logits, {3}, 1);
  for (std::size_t d = 0; d < 3; ++d) EXPECT_NEAR(mean[d], expected[d], 1e-13);
  EXPECT_EQ(multinomial_forward(logits, Vector(3), 1, 1, 3)[0], 0.0);
}

TEST(ReferenceLikelihood, PoissonSumsToOneAndHasItsMean) {
  for (const double r : {-3.0, 0.0, 1.7, 4.0}) {
    double sum = 0.0, mean = 0.0;
    for (int k = 0; k < 400; ++k) {
      const double p = std::exp(-poisson_forward({r}, {static_cast<double>(k)}, 1, 1, 1)[0]);
      sum += p;
      mean += p * k;
    }
    EXPECT_NEAR(sum, 1.0, 1e-12) << r;
    EXPECT_NEAR(mean, poisson_mean({r})[0], 1e-10) << r;
    EXPECT_NEAR(poisson_mean({r})[0], std::exp(r), 1e-14 * std::exp(r));
  }
  for (const double r : {1e3, 1e30}) EXPECT_NEAR(poisson_mean({r})[0], std::exp(40.0), 1e-12 * std::exp(40.0));
}

TEST(ReferenceLikelihood, NaNStaysNaN) {
  const double nan = std::nan("");
  EXPECT_TRUE(std::isnan(continuous_bernoulli_forward({nan}, {0.5}, 1, 1, 1)[0]));
  EXPECT_TRUE(std::isnan(laplace_forward({nan}, {0.0}, {0.5}, 1, 1, 1)[0]));
  EXPECT_TRUE(std::isnan(laplace_datum_forward({0.0}, {nan}, -1.0, 1.0, {0.5}, 1, 1, 1)[0]));
  EXPECT_TRUE(std::isnan(categorical_forward({0.0, nan}, {1.0, 0.0}, {2}, 1, 1)[0]));
  EXPECT_TRUE(std::isnan(multinomial_forward({0.0, nan}, {1.0, 1.0}, 1, 1, 2)[0]));
  EXPECT_TRUE(std::isnan(poisson_forward({nan}, {1.0}, 1, 1, 1)[0]));
}

}  // namespace
}  // namespace aevb::reference
