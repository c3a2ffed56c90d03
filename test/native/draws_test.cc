// Draws x ~ p(x|z): their moments, their distribution, and that they depend on their place alone.

#include "likelihood/draws.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "kernels.h"
#include "likelihood/likelihood.h"
#include "math/log_factorial.h"
#include "math/random.h"
#include "reference/likelihood.h"
#include "support.h"

namespace aevb {
namespace {

using test::all_zero;
using test::GARBAGE;
using test::Matrix;
using test::NOT_A_NUMBER;
using test::Random;
using test::Row;
using test::Vector;

constexpr std::uint64_t SEED = 0x123456789abcdef0;
constexpr std::size_t DRAWS = 40000;

LikelihoodSpec spec_of(LikelihoodType type, DispersionType dispersion = DispersionType::fixed) {
  LikelihoodSpec spec;
  spec.type = type;
  spec.dispersion = dispersion;
  return spec;
}

// DRAWS rows with the same parameters each: values()[row D + column].
Vector draw_rows(const LikelihoodSpec& spec, const std::vector<Vector>& heads, const Vector& shared = {}) {
  const std::size_t D = heads[0].size();
  std::deque<Matrix> matrices;
  std::vector<Panels> panels;
  for (const Vector& head : heads) {
    Vector repeated;
    for (std::size_t r = 0; r < DRAWS; ++r) repeated.insert(repeated.end(), head.begin(), head.end());
    panels.push_back(matrices.emplace_back(repeated, DRAWS, head.size(), 16));
  }
  Matrix out(DRAWS, D, 16);
  Row dispersion(shared.empty() ? Vector(D) : shared);
  likelihood_draw(out, spec, panels.data(), dispersion.data(), nullptr, DRAWS, D, SEED, 0);
  EXPECT_TRUE(all_zero(out.padding()));
  EXPECT_TRUE(out.guards_intact());
  return out.values();
}

Vector column(const Vector& rows, std::size_t D, std::size_t d) {
  Vector values;
  for (std::size_t i = d; i < rows.size(); i += D) values.push_back(rows[i]);
  return values;
}

double mean_of(const Vector& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// Within five standard errors. fourth: the moment about the mean, which the error of the variance comes from.
void expect_moments(const Vector& values, double mean, double variance, double fourth) {
  const auto n = static_cast<double>(values.size());
  EXPECT_NEAR(mean_of(values), mean, 5.0 * std::sqrt(variance / n) + 1e-12);
  Vector squares;
  for (const double value : values) squares.push_back((value - mean) * (value - mean));
  EXPECT_NEAR(mean_of(squares), variance, 5.0 * std::sqrt(std::max(0.0, fourth - variance * variance) / n) + 1e-12);
}

// A binomial of n trials with probability p; one trial is Bernoulli's.
double binomial_fourth(double n, double p) {
  const double variance = p * (1.0 - p);
  return n * variance * (1.0 + 3.0 * (n - 2.0) * variance);
}

// Kolmogorov and Smirnov's largest distance; 2.2/√n is exceeded once in 8000 times.
void expect_distribution(Vector values, const std::function<double(double)>& cdf) {
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  double distance = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double p = cdf(values[i]);
    distance = test::larger(distance, std::abs(p - static_cast<double>(i) / n));
    distance = test::larger(distance, std::abs(p - static_cast<double>(i + 1) / n));
  }
  EXPECT_LT(distance, 2.2 / std::sqrt(n));
}

// Pearson's sum of squares over counts that are expected ten times at least; the tails are taken together.
void expect_counts(const Vector& values, const std::function<double(double)>& log_probability, double from, double to) {
  const auto n = static_cast<double>(values.size());
  const auto cells = static_cast<std::size_t>(to - from) + 1;
  Vector seen(cells + 1);
  for (const double value : values) {
    ASSERT_TRUE(std::isfinite(value) && value == std::floor(value) && value >= 0.0) << value;
    seen[value >= from && value <= to ? static_cast<std::size_t>(value - from) : cells] += 1.0;
  }
  double chi = 0.0, degrees = 0.0, rest_expected = n, rest_seen = n;
  for (std::size_t i = 0; i < cells; ++i) {
    const double expected = n * std::exp(log_probability(from + static_cast<double>(i)));
    if (expected < 10.0) continue;
    chi += (seen[i] - expected) * (seen[i] - expected) / expected;
    degrees += 1.0;
    rest_expected -= expected;
    rest_seen -= seen[i];
  }
  if (rest_expected >= 10.0) {
    chi += (rest_seen - rest_expected) * (rest_seen - rest_expected) / rest_expected;
    degrees += 1.0;
  }
  EXPECT_GT(degrees, 0.0);
  EXPECT_LT(chi, degrees + 5.0 * std::sqrt(2.0 * degrees) + 5.0);
}

TEST(Draws, OfBernoulli) {
  const Vector logits{-3.0, 0.0, 1.3, 200.0, -200.0};
  const Vector rows = draw_rows(spec_of(LikelihoodType::bernoulli), {logits});
  for (std::size_t d = 0; d < logits.size(); ++d) {
    const double p = 1.0 / (1.0 + std::exp(-logits[d]));
    const Vector values = column(rows, logits.size(), d);
    for (const double value : values) ASSERT_TRUE(value == 0.0 || value == 1.0);
    expect_moments(values, p, p * (1.0 - p), binomial_fourth(1.0, p));
  }
}

// All means and covariances within five standard errors of what is expected: Var(mean) = C_ii/n, Var of a Gaussian's
// sample covariance = (C_ii C_jj + C_ij²)/n.
void expect_covariance(const Vector& rows, const Vector& mean, const Vector& C) {
  const std::size_t D = mean.size();
  const double n = static_cast<double>(DRAWS);
  for (std::size_t i = 0; i < D; ++i) {
    const Vector of_i = column(rows, D, i);
    EXPECT_NEAR(mean_of(of_i), mean[i], 5.0 * std::sqrt(C[i * D + i] / n)) << i;
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = 0.0;
      for (std::size_t r = 0; r < DRAWS; ++r) sum += (rows[r * D + i] - mean[i]) * (rows[r * D + j] - mean[j]);
      const double spread = C[i * D + i] * C[j * D + j] + C[i * D + j] * C[i * D + j];
      EXPECT_NEAR(sum / n, C[i * D + j], 5.0 * std::sqrt(spread / n)) << i << ", " << j;
    }
  }
}

TEST(Draws, OfAFullCovarianceHaveIt) {
  LikelihoodSpec spec = spec_of(LikelihoodType::gaussian, DispersionType::perDatum);
  spec.covariance = CovarianceType::full;
  spec.log_dispersion_min = -3.0;
  spec.log_dispersion_max = 2.0;
  Random random(7);
  constexpr std::size_t D = 5;
  const Vector mean = random.floats(D, -2.0, 2.0), raw = random.floats(D, -4.0, 3.0);
  const Vector regression = random.floats(D * (D - 1) / 2, -1.0, 1.0);
  Vector log_variance;
  for (const double value : raw) log_variance.push_back(reference::soft_bound(value, -3.0, 2.0));
  const Vector C = reference::full_covariance_matrix(log_variance, regression, 0, D);
  expect_covariance(draw_rows(spec, {mean, raw, regression}), mean, C);
  // The variance that all rows share stands elsewhere.
  spec.dispersion = DispersionType::perFeature;
  expect_covariance(draw_rows(spec, {mean, regression}, test::as_floats(log_variance)), mean, C);
}

TEST(Draws, OfALowRankCovarianceHaveIt) {
  LikelihoodSpec spec = spec_of(LikelihoodType::gaussian, DispersionType::perDatum);
  spec.covariance = CovarianceType::lowRank;
  Random random(8);
  constexpr std::size_t D = 5;
  for (const std::size_t rank : {std::size_t{1}, std::size_t{2}, D}) {
    spec.rank = rank;
    const Vector mean = random.floats(D, -2.0, 2.0), log_variance = random.floats(D, -3.0, 1.0);
    const Vector factor = random.floats(D * rank, -1.0, 1.0);
    Vector bounded;
    for (const double value : log_variance) {
      bounded.push_back(reference::soft_bound(value, spec.log_dispersion_min, spec.log_dispersion_max));
    }
    const Vector C = reference::low_rank_matrix(bounded, factor, 0, D, rank);
    expect_covariance(draw_rows(spec, {mean, log_variance, factor}), mean, C);
  }
}

TEST(Draws, OfContinuousBernoulli) {
  const Vector logits = test::as_floats({-30.0, -2.0, -1e-6, 0.0, 1e-4, 0.5, 9.0, 1e4});
  const Vector rows = draw_rows(spec_of(LikelihoodType::continuousBernoulli), {logits});
  const Vector mean = reference::continuous_bernoulli_mean(logits);
  for (std::size_t d = 0; d < logits.size(); ++d) {
    SCOPED_TRACE(logits[d]);
    const double l = logits[d];
    const Vector values = column(rows, logits.size(), d);
    for (const double value : values) ASSERT_TRUE(value >= 0.0 && value <= 1.0);
    // The variance is A''(l), by differences.
    const double h = 1e-3 * std::max(1.0, std::abs(l));
    const double variance = (reference::continuous_bernoulli_mean(Vector{l + h})[0] -
                             reference::continuous_bernoulli_mean(Vector{l - h})[0]) /
                            (2.0 * h);
    // A float next to 1 is rounded by 3e-8, of a standard deviation of 1e-4.
    // Between the 1.8 times variance² of a uniform and the 9 of an exponential.
    if (l < 1e3) expect_moments(values, mean[d], variance, 9.0 * variance * variance);
    EXPECT_NEAR(mean_of(values), mean[d], 5.0 * std::sqrt(variance / DRAWS) + 1e-7);
    if (l < 1e3) {
      expect_distribution(values, [l](double x) {
        return std::abs(l) < 1e-3 ? x + 0.5 * l * x * (x - 1.0) : std::expm1(l * x) / std::expm1(l);
      });
    }
  }
}

TEST(Draws, OfGaussianAndLaplace) {
  const Vector mean{0.0, -2.5, 100.0}, raw{0.0, -1.5, 1.25};
  for (const bool gaussian : {true, false}) {
    const LikelihoodType type = gaussian ? LikelihoodType::gaussian : LikelihoodType::laplace;
    for (const bool per_datum : {false, true}) {
      LikelihoodSpec spec = spec_of(type, per_datum ? DispersionType::perDatum : DispersionType::learned);
      spec.log_dispersion_min = -3.0;
      spec.log_dispersion_max = 2.0;
      const Vector rows = per_datum ? draw_rows(spec, {mean, raw}) : draw_rows(spec, {mean}, raw);
      for (std::size_t d = 0; d < mean.size(); ++d) {
        const double log_dispersion = per_datum ? reference::soft_bound(raw[d], -3.0, 2.0) : raw[d];
        const double b = std::exp(log_dispersion);
        const Vector values = column(rows, mean.size(), d);
        expect_moments(values, mean[d], gaussian ? b : 2.0 * b * b, gaussian ? 3.0 * b * b : 24.0 * std::pow(b, 4));
        expect_distribution(values, [&](double x) {
          const double t = x - mean[d];
          if (gaussian) return 0.5 * std::erfc(-t / std::sqrt(2.0 * b));
          return t < 0.0 ? 0.5 * std::exp(t / b) : 1.0 - 0.5 * std::exp(-t / b);
        });
      }
    }
  }
}

TEST(Draws, OfCategorical) {
  LikelihoodSpec spec = spec_of(LikelihoodType::categorical);
  spec.classes = {3, 1, 15, 2};
  Random random(91);
  Vector logits = random.floats(21, -2.0, 2.0);
  logits[1] = -1e4;
  logits[20] = 1e30;
  const Vector rows = draw_rows(spec, {logits});
  const Vector p = reference::categorical_mean(logits, spec.classes, 1);
  for (std::size_t d = 0; d < 21; ++d) {
    expect_moments(column(rows, 21, d), p[d], p[d] * (1.0 - p[d]), binomial_fourth(1.0, p[d]));
  }
  for (std::size_t r = 0; r < DRAWS; ++r) {
    std::size_t begin = 0;
    for (const std::size_t count : spec.classes) {
      double ones = 0.0;
      for (std::size_t k = 0; k < count; ++k) {
        const double value = rows[r * 21 + begin + k];
        ASSERT_TRUE(value == 0.0 || value == 1.0);
        ones += value;
      }
      ASSERT_EQ(ones, 1.0);
      begin += count;
    }
  }
  // Variables do not know of each other.
  double both = 0.0;
  for (std::size_t r = 0; r < DRAWS; ++r) both += rows[r * 21] * rows[r * 21 + 4] / DRAWS;
  EXPECT_NEAR(both, p[0] * p[4], 5.0 * std::sqrt(p[0] * p[4] / DRAWS));
}

// By inversion and by rejection, of few trials and of many.
TEST(Draws, OfMultinomial) {
  const Vector logits = test::as_floats({0.3, -1.0, 2.0, -200.0, 0.0, 1.9});
  const Vector p = reference::categorical_mean(logits, {6}, 1);
  for (const std::size_t trials :
       {std::size_t{0}, std::size_t{1}, std::size_t{9}, std::size_t{200}, std::size_t{1000000}}) {
    SCOPED_TRACE(trials);
    LikelihoodSpec spec = spec_of(LikelihoodType::multinomial);
    spec.trials = trials;
    const Vector rows = draw_rows(spec, {logits});
    const auto n = static_cast<double>(trials);
    for (std::size_t d = 0; d < 6; ++d) {
      const Vector values = column(rows, 6, d);
      expect_moments(values, n * p[d], n * p[d] * (1.0 - p[d]), binomial_fourth(n, p[d]));
      const double sigma = std::sqrt(n * p[d] * (1.0 - p[d]));
      if (trials == 0 || trials > 1000 || d == 3) continue;
      expect_counts(
          values,
          [&](double k) {
            if (k > n) return -std::numeric_limits<double>::infinity();
            return log_factorial(n) - log_factorial(k) - log_factorial(n - k) + k * std::log(p[d]) +
                   (n - k) * std::log1p(-p[d]);
          },
          std::max(0.0, std::floor(n * p[d] - 5.0 * sigma)), std::min(n, std::ceil(n * p[d] + 5.0 * sigma)));
    }
    for (std::size_t r = 0; r < DRAWS; ++r) {
      double sum = 0.0;
      for (std::size_t d = 0; d < 6; ++d) sum += rows[r * 6 + d];
      ASSERT_EQ(sum, n);
    }
    double product = 0.0;
    for (std::size_t r = 0; r < DRAWS; ++r) product += (rows[r * 6] - n * p[0]) * (rows[r * 6 + 2] - n * p[2]) / DRAWS;
    EXPECT_NEAR(product, -n * p[0] * p[2], 5.0 * n * std::sqrt(2.0 * p[0] * p[2] / DRAWS) + 1e-12);
  }
}

TEST(Draws, OfMultinomialTakeEachRowsTrials) {
  const std::size_t R = 40, D = 9;
  Random random(92);
  Matrix logits(random.floats(R * D, -2.0, 2.0), R, D, 16);
  Vector trials;
  for (std::size_t r = 0; r < R; ++r) trials.push_back(static_cast<double>(random.index(r < 20 ? 10 : 100000)));
  const Panels head = logits;
  likelihood_draw(logits, spec_of(LikelihoodType::multinomial), &head, nullptr, trials.data(), R, D, SEED, 0);
  for (std::size_t r = 0; r < R; ++r) {
    double sum = 0.0;
    for (std::size_t d = 0; d < D; ++d) sum += logits.at(r, d);
    EXPECT_EQ(sum, trials[r]);
  }
}

// On both sides of where inversion ends, and far beyond what a product of uniforms could do.
TEST(Draws, OfPoisson) {
  const Vector log_rate = test::as_floats({-8.0, -1.0, 1.0, 2.29, 2.31, 3.0, 5.0, 9.0, 16.0});
  const Vector rows = draw_rows(spec_of(LikelihoodType::poisson), {log_rate});
  const Vector rate = reference::poisson_mean(log_rate);
  for (std::size_t d = 0; d < log_rate.size(); ++d) {
    SCOPED_TRACE(log_rate[d]);
    const Vector values = column(rows, log_rate.size(), d);
    expect_moments(values, rate[d], rate[d], rate[d] * (1.0 + 3.0 * rate[d]));
    if (log_rate[d] > 8.0) {
      // The normal approximation is off by 1/√rate of a hundredth.
      expect_distribution(values,
                          [&](double x) { return 0.5 * std::erfc(-(x + 0.5 - rate[d]) / std::sqrt(2.0 * rate[d])); });
      continue;
    }
    const double sigma = std::sqrt(rate[d]);
    expect_counts(
        values, [&](double k) { return k * std::log(rate[d]) - rate[d] - log_factorial(k); },
        std::max(0.0, std::floor(rate[d] - 5.0 * sigma)), std::ceil(rate[d] + 6.0 * sigma) + 1.0);
  }
  const Vector largest = draw_rows(spec_of(LikelihoodType::poisson), {{1e30, -1e30}});
  for (std::size_t r = 0; r < DRAWS; ++r) {
    ASSERT_NEAR(largest[2 * r] / std::exp(40.0), 1.0, 1e-6);
    ASSERT_EQ(largest[2 * r + 1], 0.0);
  }
}

std::vector<LikelihoodSpec> every_likelihood() {
  std::vector<LikelihoodSpec> all;
  for (const LikelihoodType type :
       {LikelihoodType::bernoulli, LikelihoodType::continuousBernoulli, LikelihoodType::gaussian,
        LikelihoodType::laplace, LikelihoodType::categorical, LikelihoodType::multinomial, LikelihoodType::poisson}) {
    all.push_back(spec_of(type));
    if (type == LikelihoodType::gaussian || type == LikelihoodType::laplace) {
      all.push_back(spec_of(type, DispersionType::perDatum));
    }
    all.back().classes = {20, 1, 32};
    all.back().trials = 100;
  }
  for (const CovarianceType covariance : {CovarianceType::full, CovarianceType::lowRank}) {
    for (const DispersionType dispersion : {DispersionType::learned, DispersionType::perDatum}) {
      all.push_back(spec_of(LikelihoodType::gaussian, dispersion));
      all.back().covariance = covariance;
      all.back().rank = covariance == CovarianceType::lowRank ? 4 : 0;
    }
  }
  for (LikelihoodSpec& spec : all) spec.classes = {20, 1, 32};
  return all;
}

// The two uniforms of a cell's first block.
std::array<double, 2> uniforms_of(std::uint32_t row, std::size_t lane) {
  const Philox block = philox(SEED, Purpose::draw, 0, row, static_cast<std::uint32_t>(lane));
  const auto uniform = [&](std::size_t i) {
    const std::uint64_t bits = std::uint64_t{block.word[i]} << 32 | block.word[i + 1];
    return (static_cast<double>(bits >> 12) + 0.5) * 0x1p-52;
  };
  return {uniform(0), uniform(2)};
}

// The smallest k whose probability and those below it add up to u.
double inverse_of_counts(double u, const std::function<double(double)>& probability) {
  double k = 0.0, below = probability(0.0);
  while (below < u) below += probability(k += 1.0);
  return k;
}

// So that the same seed gives the same draws in every version.
TEST(Draws, AreTheInverseOfTheirDistributionAtTheirUniform) {
  constexpr std::size_t R = 40, D = 7;
  constexpr std::uint32_t FIRST = 9;
  Random random(94);
  const Vector head = random.floats(R * D, -2.0, 2.0), raw = random.floats(R * D, -1.0, 1.0);
  const auto draw = [&](const LikelihoodSpec& spec) {
    Matrix a(head, R, D, 16), b(raw, R, D, 16), out(R, D, 16);
    const Panels heads[2] = {a, b};
    likelihood_draw(out, spec, heads, nullptr, nullptr, R, D, SEED, FIRST);
    return out.values();
  };
  const auto expected = [&](const std::function<double(double, double, std::array<double, 2>)>& moment) {
    Vector values;
    for (std::size_t i = 0; i < R * D; ++i) {
      values.push_back(moment(head[i], raw[i], uniforms_of(FIRST + static_cast<std::uint32_t>(i / D), i % D)));
    }
    return values;
  };
  EXPECT_EQ(draw(spec_of(LikelihoodType::bernoulli)),
            expected([](double l, double, const auto& u) { return u[0] < 1.0 / (1.0 + std::exp(-l)) ? 1.0 : 0.0; }));
  EXPECT_TRUE(test::is_near(
      draw(spec_of(LikelihoodType::continuousBernoulli)),
      expected([](double l, double, const auto& u) { return std::log1p(u[0] * std::expm1(l)) / l; }), {0.0, 1e-6}));
  EXPECT_EQ(draw(spec_of(LikelihoodType::poisson)), expected([](double l, double, const auto& u) {
              return inverse_of_counts(u[0],
                                       [&](double k) { return std::exp(k * l - std::exp(l) - log_factorial(k)); });
            }));
  LikelihoodSpec laplace = spec_of(LikelihoodType::laplace, DispersionType::perDatum);
  laplace.log_dispersion_min = -20.0;
  laplace.log_dispersion_max = 20.0;
  EXPECT_TRUE(test::is_near(draw(laplace), expected([](double m, double log_b, const auto& u) {
                              const double of_unit = u[0] < 0.5 ? std::log(2.0 * u[0]) : -std::log(2.0 * (1.0 - u[0]));
                              return m + std::exp(log_b) * of_unit;
                            }),
                            {1e-6, 1e-6}));
  LikelihoodSpec gaussian = laplace;
  gaussian.type = LikelihoodType::gaussian;
  EXPECT_TRUE(test::is_near(draw(gaussian), expected([](double m, double log_variance, const auto& u) {
                              const double radius = std::sqrt(-2.0 * std::log(u[0]));
                              return m +
                                     std::exp(0.5 * log_variance) * radius * std::cos(2.0 * std::numbers::pi * u[1]);
                            }),
                            {1e-6, 1e-6}));
  LikelihoodSpec categorical = spec_of(LikelihoodType::categorical);
  categorical.classes = {4, 3};
  const Vector drawn = draw(categorical), p = reference::categorical_mean(head, categorical.classes, R);
  for (std::size_t r = 0; r < R; ++r) {
    std::size_t begin = 0;
    for (std::size_t variable = 0; variable < 2; ++variable) {
      const double u = uniforms_of(FIRST + static_cast<std::uint32_t>(r), variable)[0];
      const double k = inverse_of_counts(u, [&](double at) { return p[r * D + begin + static_cast<std::size_t>(at)]; });
      EXPECT_EQ(drawn[r * D + begin + static_cast<std::size_t>(k)], 1.0) << r;
      begin += categorical.classes[variable];
    }
  }
}
// The heads of R rows, in panels of any width.
class Heads {
 public:
  Heads(const LikelihoodSpec& spec, const std::vector<Vector>& values, std::size_t R, std::size_t D,
        std::size_t width) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      matrices_.emplace_back(values[i], R, likelihood_head_units(spec, i, D), width);
    }
  }
  std::vector<Panels> from_row(std::size_t row) {
    std::vector<Panels> panels;
    for (Matrix& matrix : matrices_) panels.push_back(matrix.panels().from_row(row));
    return panels;
  }
  Matrix& operator[](std::size_t i) { return matrices_[i]; }

 private:
  std::deque<Matrix> matrices_;
};

TEST(Draws, DependOnTheirPlaceAlone) {
  constexpr std::size_t R = 23, D = 53;
  Random random(93);
  for (const LikelihoodSpec& spec : every_likelihood()) {
    SCOPED_TRACE(std::to_string(static_cast<int>(spec.type)) + ", " +
                 std::to_string(static_cast<int>(spec.covariance)));
    std::vector<Vector> values;
    for (std::size_t i = 0; i < likelihood_head_names(spec).size(); ++i) {
      const std::size_t units = likelihood_head_units(spec, i, D);
      const double most = units == D ? 2.0 : 0.3;
      values.push_back(random.floats(R * units, -most, most));
    }
    Row shared(random.floats(D, -1.0, 1.0));
    const auto draw = [&](std::size_t width, std::size_t cut, std::uint64_t seed, std::uint32_t begin) {
      Heads heads(spec, values, R, D, width);
      Matrix out(R, D, width);
      for (std::size_t from = 0; from < R; from += cut) {
        const std::size_t rows = std::min(cut, R - from);
        likelihood_draw(out.panels().from_row(from), spec, heads.from_row(from).data(), shared.data(), nullptr, rows, D,
                        seed, begin + static_cast<std::uint32_t>(from));
      }
      EXPECT_TRUE(out.guards_intact());
      return out.values();
    };
    const Vector whole = draw(16, R, SEED, 5);
    for (const std::size_t cut : {1, 4, 22}) EXPECT_EQ(draw(16, cut, SEED, 5), whole);
    for (const std::size_t width : {std::size_t{48}, D}) EXPECT_EQ(draw(width, 3, SEED, 5), whole);
    EXPECT_NE(draw(16, R, SEED + 1, 5), whole);
    EXPECT_NE(draw(16, R, SEED, 6), whole);

    Heads in_place(spec, values, R, D, 16);
    likelihood_draw(in_place[0], spec, in_place.from_row(0).data(), shared.data(), nullptr, R, D, SEED, 5);
    EXPECT_EQ(in_place[0].values(), whole);
  }
}

TEST(Draws, FromWhatIsNotFiniteComeToAnEnd) {
  constexpr std::size_t R = 2, D = 53;
  for (const LikelihoodSpec& spec : every_likelihood()) {
    SCOPED_TRACE(static_cast<int>(spec.type));
    for (const float bad : {NOT_A_NUMBER, test::INFINITE, -test::INFINITE}) {
      std::vector<Vector> zeros;
      for (std::size_t i = 0; i < likelihood_head_names(spec).size(); ++i) {
        zeros.emplace_back(R * likelihood_head_units(spec, i, D));
      }
      Heads heads(spec, zeros, R, D, 16);
      Matrix out(R, D, 16);
      Row shared{Vector(D)};
      heads[0].panels().at(0, 7) = bad;
      likelihood_draw(out, spec, heads.from_row(0).data(), shared.data(), nullptr, R, D, SEED, 0);
      if (std::isnan(bad)) {
        EXPECT_TRUE(std::isnan(out.at(0, 7)));
      }
      for (std::size_t d = 0; d < D; ++d) EXPECT_TRUE(std::isfinite(out.at(1, d)));
    }
  }
}

}  // namespace
}  // namespace aevb
