// The shape of a tail, and what it says of an estimate, against ArviZ and against distributions that are known.

#include "infer/pareto.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "infer/importance_weights.h"
#include "pareto_expected.h"
#include "support.h"

namespace aevb {
namespace {

// u_i of make_pareto.py.
double place(std::size_t i) {
  const double value = (static_cast<double>(i) + 0.5) * (std::sqrt(5.0) - 1.0) / 2.0;
  return value - std::floor(value);
}

TEST(Pareto, IsFittedAsArviZFitsIt) {
  for (const auto& [k, sigma, count, fitted_k, fitted_sigma] : test::PARETO_FITTED) {
    std::vector<double> values;
    for (std::size_t i = 0; i < count; ++i) values.push_back(pareto_exceeded({k, sigma}, -std::log1p(-place(i))));
    std::sort(values.begin(), values.end());
    const Pareto fitted = fit_pareto(values.data(), count);
    // Sums of up to 2,000 logarithms in double, in another order: 1e-13 of each, of which k is the mean. The weights of
    // the candidates for b take n times that.
    EXPECT_NEAR(fitted.k, fitted_k, 1e-9) << k << " " << count;
    EXPECT_NEAR(fitted.sigma / fitted_sigma, 1.0, 1e-9) << k << " " << count;
  }
}

TEST(Pareto, IsFoundAgainFromItsOwnDraws) {
  test::Random random(4);
  for (const double k : {-0.4, 0.0, 0.5, 1.5}) {
    std::vector<double> values;
    for (int i = 0; i < 20000; ++i) values.push_back(pareto_exceeded({k, 2.0}, -std::log1p(-random.uniform(0.0, 1.0))));
    std::sort(values.begin(), values.end());
    const Pareto fitted = fit_pareto(values.data(), values.size());
    // The maximum likelihood estimate's standard errors (Smith 1985): (1 + k)/√n of k, √(2 (1 + k)/n) σ of σ. Five of
    // them, and what ten observations of 1/2 draw k by.
    const double n = static_cast<double>(values.size());
    EXPECT_NEAR(fitted.k, k, 5.0 * (1.0 + std::abs(k)) / std::sqrt(n) + 10.0 * std::abs(0.5 - k) / n) << k;
    EXPECT_NEAR(fitted.sigma, 2.0, 10.0 * std::sqrt(2.0 * (1.0 + std::abs(k)) / n)) << k;
  }
}

TEST(Pareto, ExceedsWithTheProbabilityThatItSays) {
  for (const double k : {-0.5, 0.0, 1e-14, 0.3, 2.0}) {
    for (const double t : {0.0, 0.1, 1.0, 8.0}) {
      const double x = pareto_exceeded({k, 3.0}, t);
      const double exceeded = std::abs(k) < 1e-10 ? std::exp(-x / 3.0) : std::pow(1.0 + k * x / 3.0, -1.0 / k);
      EXPECT_NEAR(exceeded / std::exp(-t), 1.0, 1e-12) << k << " " << t;
    }
  }
}

WeightSummary summary_of(const std::vector<double>& log_weights, std::size_t most = 0) {
  ImportanceWeights weights(std::max(most, log_weights.size()));
  for (const double value : log_weights) weights.add(value);
  return weights.summary();
}

TEST(ImportanceWeights, HaveTheTailThatArviZFinds) {
  for (const auto& [spread, count, pareto_k] : test::TAIL_SHAPES) {
    std::vector<double> values;
    for (std::size_t i = 0; i < count; ++i) {
      const double u = place(i);
      values.push_back(spread * (std::log(u) - std::log1p(-u)) - 300.0);
    }
    const WeightSummary summary = summary_of(values);
    EXPECT_NEAR(summary.pareto_k, pareto_k, 1e-8) << spread << " " << count;
    EXPECT_EQ(summary.reliable, summary.pareto_k <= most_pareto_k(count));
    // Space for more draws than there are changes nothing.
    EXPECT_EQ(summary_of(values, 100 * count).pareto_k, summary.pareto_k);
    EXPECT_EQ(summary_of(values, 100 * count).variance, summary.variance);
    // Kish's effective sample size, and log of the mean, in their plainest form.
    double sum = 0.0, squares = 0.0;
    for (const double value : values) {
      sum += std::exp(value + 300.0);
      squares += std::exp(2.0 * (value + 300.0));
    }
    EXPECT_NEAR(summary.effective, sum * sum / squares, 1e-9 * summary.effective);
    EXPECT_NEAR(summary.log_mean, std::log(sum / static_cast<double>(count)) - 300.0, 1e-9);
  }
}

TEST(ImportanceWeights, AreTrustedUpToAShapeThatGrowsWithTheirNumber) {
  EXPECT_NEAR(most_pareto_k(100), 0.5, 1e-12);
  EXPECT_NEAR(most_pareto_k(1000), 2.0 / 3.0, 1e-12);
  EXPECT_EQ(most_pareto_k(5000), 0.7);
}

double normal(test::Random& random) {
  return std::sqrt(-2.0 * std::log(1.0 - random.uniform(0.0, 1.0))) *
         std::cos(6.283185307179586 * random.uniform(0, 1));
}

// Log-normal weights, whose logarithm's mean over draws has a known value: σ²/2.
TEST(ImportanceWeights, HaveAStandardErrorThatCoversWhatTheEstimateIsOffBy) {
  test::Random random(8);
  for (const double sigma : {0.3, 1.0, 1.5}) {
    constexpr int REPEATS = 400;
    constexpr std::size_t DRAWS = 2500;
    double told = 0.0, sum = 0.0, squares = 0.0;
    int covered = 0;
    for (int i = 0; i < REPEATS; ++i) {
      std::vector<double> values(DRAWS);
      for (double& value : values) value = sigma * normal(random);
      const WeightSummary summary = summary_of(values);
      const double off = summary.log_mean - 0.5 * sigma * sigma;
      told += summary.variance;
      sum += off;
      squares += off * off;
      if (std::abs(off) < 2.0 * std::sqrt(summary.variance)) ++covered;
    }
    const double spread = squares / REPEATS - (sum / REPEATS) * (sum / REPEATS);
    // A spread of 400 is known to √(2/400) = 7 % of its square. The tail's part is of a fitted shape, which a
    // log-normal's tail stays below: the error that is told may be larger, by no more than half.
    EXPECT_GT(told / REPEATS / spread, 0.8) << sigma;
    EXPECT_LT(told / REPEATS / spread, 2.2) << sigma;
    // 95 % of a normal distribution; three standard errors of a share of 400 are 3 %.
    EXPECT_GT(covered, 0.91 * REPEATS) << sigma;
  }
}

TEST(ImportanceWeights, ThatAreAlikeHaveNoTail) {
  const WeightSummary summary = summary_of(std::vector<double>(500, -42.0));
  EXPECT_EQ(summary.pareto_k, -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(summary.reliable);
  EXPECT_NEAR(summary.log_mean, -42.0, 1e-12);
  EXPECT_NEAR(summary.effective, 500.0, 1e-9);
  EXPECT_LT(summary.variance, 1e-15);
}

// As discrete variables give them: a state that is seen a few times, and another all the other times.
TEST(ImportanceWeights, AboveManyThatAreAlikeMatterIfTheyHoldMuch) {
  std::vector<double> values(1000, 0.0);
  for (const std::size_t i : {100, 500, 900}) values[i] = 0.5;
  EXPECT_TRUE(summary_of(values).reliable);
  for (const std::size_t i : {100, 500, 900}) values[i] = 6.0;
  EXPECT_FALSE(summary_of(values).reliable);
  EXPECT_EQ(summary_of(values).pareto_k, std::numeric_limits<double>::infinity());
}

TEST(ImportanceWeights, TellNothingOfOneDrawOrOfNone) {
  EXPECT_TRUE(std::isnan(summary_of({-3.0}).variance));
  EXPECT_EQ(summary_of({-3.0}).log_mean, -3.0);
  const double none = -std::numeric_limits<double>::infinity();
  const WeightSummary nothing = summary_of(std::vector<double>(100, none));
  EXPECT_EQ(nothing.log_mean, none);
  EXPECT_TRUE(std::isnan(nothing.variance));
  EXPECT_FALSE(nothing.reliable);
  // Twenty are too few for a tail, and have a variance: the delta method's.
  std::vector<double> few;
  for (int i = 0; i < 20; ++i) few.push_back(i % 2 == 0 ? 0.0 : std::log(3.0));
  EXPECT_TRUE(std::isnan(summary_of(few).pareto_k));
  EXPECT_FALSE(summary_of(few).reliable);
  // Weights 1 and 3: their sample variance is 20/19, their mean 2.
  EXPECT_NEAR(summary_of(few).variance, 20.0 / 19.0 / (20.0 * 4.0), 1e-12);
}

}  // namespace
}  // namespace aevb
