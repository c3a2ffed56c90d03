// Holds the Poisson and the multinomial likelihood to their plain twins.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "kernels.h"
#include "likelihood/categorical.h"
#include "likelihood/multinomial.h"
#include "likelihood/poisson.h"
#include "likelihood_kernels.h"
#include "math/log_factorial.h"
#include "reference/likelihood.h"
#include "support.h"

namespace aevb {
namespace {

using test::as_floats;
using test::DRAWS;
using test::GARBAGE;
using test::Losses;
using test::Matrix;
using test::Random;
using test::SCALE;
using test::Shape;
using test::shapes;
using test::Vector;
using test::WILD;

class CountKernels : public test::Kernels {};
AEVB_ON_EVERY_TARGET(CountKernels);

TEST(LogFactorial, IsTheSumOfLogarithms) {
  EXPECT_EQ(log_factorial(0.0), 0.0);
  EXPECT_EQ(log_factorial(1.0), 0.0);
  // If long double is double, its 5000 roundings count.
  const double more = sizeof(long double) > sizeof(double) ? 0.0 : 1e-13;
  long double sum = 0.0L;
  for (int n = 2; n <= 5000; ++n) {
    sum += std::log(static_cast<long double>(n));
    const auto exact = static_cast<double>(sum);
    EXPECT_TRUE(test::is_near(log_factorial(n), exact, {1e-15 + more, 0.0})) << n;
    const auto rest = static_cast<double>(sum - n * std::log(static_cast<long double>(n)) + n);
    // Below 16 it is a difference of numbers as large as n log n, as is this one in long double.
    const double rounding = (n < 16 ? 4e-16 * (n * std::log(n) + n) : 6e-16 * rest) + 1e-18 * exact;
    EXPECT_TRUE(test::is_near(log_factorial_remainder(n), rest, rounding + more * exact)) << n;
  }
  for (double n = 1e4; n < 1e300; n *= 7.3) {
    EXPECT_TRUE(test::is_near(log_factorial(std::floor(n)), std::lgamma(std::floor(n) + 1.0), {1e-15, 0.0})) << n;
  }
  for (const double n : {0.25, 0.5, 1.5, 3.25, 15.9, 16.5, 100.25}) {
    EXPECT_NEAR(log_factorial(n), std::lgamma(n + 1.0), 1e-13);
  }
  EXPECT_TRUE(std::isnan(log_factorial(-1.0)) && std::isnan(log_factorial(std::nan(""))));
  EXPECT_EQ(log_factorial_remainder(0.0), 0.0);
  EXPECT_TRUE(std::isinf(log_factorial(std::numeric_limits<double>::infinity())));
}

test::OneHead poisson(std::size_t B, std::size_t L, std::size_t D) {
  return {[=](double* loss, ConstPanels r, ConstPanels x) { poisson_forward(loss, r, x, B, L, D); },
          [=](double* loss, Panels dr, ConstPanels r, ConstPanels x) {
            poisson_forward_backward(loss, dr, r, x, SCALE, B, L, D);
          },
          [=](Panels mean, ConstPanels r) { poisson_mean(mean, r, B * L, D); }};
}

test::OneHead multinomial(std::size_t B, std::size_t L, std::size_t D) {
  return {[=](double* loss, ConstPanels l, ConstPanels x) { multinomial_forward(loss, l, x, B, L, D); },
          [=](double* loss, Panels dl, ConstPanels l, ConstPanels x) {
            multinomial_forward_backward(loss, dl, l, x, SCALE, B, L, D);
          },
          [=](Panels mean, ConstPanels l) { categorical_mean(mean, l, &D, 1, B * L); }};
}

// By how much a term x (e^δ − 1 − δ) + log x! − x log x + x is rounded: δ is the difference of two rounded numbers, and
// what is behind the product is small. `more` is what log-rates beyond themselves are rounded by.
double count_magnitude(double x, double log_rate, double more) {
  const double rate = std::exp(log_rate);
  if (x == 0.0) return rate * (1.0 + more);
  const double delta = log_rate - std::log(x);
  const double rounding = std::abs(log_rate) + std::log(x) + std::abs(delta) + more;
  return x * (std::abs(std::expm1(delta)) * (1.0 + rounding) + std::abs(delta)) + 2.0 + std::log(x);
}

void expect_poisson_is_its_twin(const Vector& log_rate, const Vector& x, std::size_t B, std::size_t L, std::size_t D,
                                std::size_t width, float padding) {
  const Vector mean = reference::poisson_mean(log_rate);
  test::Expected expected{reference::poisson_forward(log_rate, x, B, L, D),
                          Vector(B * L),
                          reference::poisson_backward(log_rate, x, SCALE, B, L, D),
                          {},
                          mean,
                          {}};
  for (std::size_t i = 0; i < B * L * D; ++i) {
    const double r = log_rate[i], count = x[i / (L * D) * D + i % D];
    const double bounded = std::min(r, 40.0) - std::log1p(std::exp(-std::abs(40.0 - r)));
    // Near the bound the log-rate is rounded; below, it is r itself.
    const double rounding = r > 20.0 ? 40.0 : 0.0;
    // The twin takes the difference of numbers as large as x log x, of 2⁻⁵³ each.
    const double twin = 0x1p-27 * (mean[i] + count * std::abs(bounded) + reference::log_factorial(count));
    expected.loss_magnitude[i / D] += count_magnitude(count, bounded, rounding) + twin;
    expected.mean_magnitude.push_back(mean[i] * (1.0 + rounding));
    expected.dhead_magnitude.push_back(SCALE / (1.0 + std::exp(r - 40.0)) * (mean[i] * (1.0 + rounding) + count) *
                                       (1.0 + rounding));
  }
  test::expect_one_head(poisson(B, L, D), expected, {6.0, 10.0, 6.0}, log_rate, x, B, L, D, width, padding);
}

TEST_P(CountKernels, PoissonIsItsTwin) {
  Random random(61);
  for (const Shape& shape : shapes()) {
    for (const std::size_t L : DRAWS) {
      for (const float padding : {GARBAGE, WILD}) {
        SCOPED_TRACE(shape.text());
        const auto [B, D, width] = shape;
        const bool sparse = random.index(2) == 0;
        Vector x(B * D);
        for (double& value : x) value = sparse && random.index(8) > 0 ? 0.0 : std::floor(random.uniform(0.0, 30.0));
        expect_poisson_is_its_twin(random.floats(B * L * D, -6.0, 5.0), x, B, L, D, width, padding);
      }
    }
  }
}

// Every small count, and large ones at likely rates, where the terms would cancel: one by one.
TEST_P(CountKernels, PoissonIsExactForEveryCount) {
  for (double x = 0.0; x < 200.0; x += 1.0) {
    for (const double r : {-20.0, -1.0, 0.0, 0.5, 3.0, 12.0}) {
      SCOPED_TRACE(x);
      expect_poisson_is_its_twin({r}, {x}, 1, 1, 1, 1, GARBAGE);
    }
  }
  for (double x = 100.0; x < 1e15; x = std::floor(x * 3.7)) {
    const double count = static_cast<double>(static_cast<float>(x));
    for (const double sigmas : {-3.0, -0.5, 0.0, 1.0, 6.0}) {
      SCOPED_TRACE(count);
      const double r = std::log(count) + std::log1p(std::max(-0.5, sigmas / std::sqrt(count)));
      expect_poisson_is_its_twin(as_floats({r}), {count}, 1, 1, 1, 1, GARBAGE);
    }
  }
}

TEST_P(CountKernels, PoissonSurvivesExtremes) {
  const Vector log_rate = as_floats({100.0, -100.0, 39.0, 40.0, 41.0, 1e4, -1e4, 1e30, -1e30, -1e4, 1e4, 0.0});
  const Vector x{0.0, 0.0, 3.0, 4.0, 1e6, 5.0, 2.0, 0.0, 1.0, 0.0, 16777216.0, 0.0};
  for (const std::size_t width : {std::size_t{16}, std::size_t{48}, x.size()}) {
    expect_poisson_is_its_twin(log_rate, x, 1, 1, x.size(), width, GARBAGE);
  }
}

TEST_P(CountKernels, PoissonSumsThousandsOfFeatures) {
  constexpr std::size_t D = 5000;
  for (const std::size_t width : {std::size_t{16}, std::size_t{48}, D}) {
    expect_poisson_is_its_twin(Vector(D, 1.0), Vector(D, 3.0), 1, 1, D, width, GARBAGE);
  }
}

void expect_multinomial_is_its_twin(const Vector& logits, const Vector& x, std::size_t B, std::size_t L, std::size_t D,
                                    std::size_t width, float padding) {
  const Vector mean = reference::categorical_mean(logits, {D}, B * L);
  test::Expected expected{reference::multinomial_forward(logits, x, B, L, D),
                          Vector(B * L),
                          reference::multinomial_backward(logits, x, SCALE, B, L, D),
                          {},
                          mean,
                          {}};
  for (std::size_t row = 0; row < B * L; ++row) {
    double trials = 0.0, sum = 0.0, largest = logits[row * D];
    for (std::size_t d = 0; d < D; ++d) {
      trials += x[row / L * D + d];
      largest = std::max(largest, logits[row * D + d]);
    }
    double distances = 0.0;
    for (std::size_t d = 0; d < D; ++d) {
      sum += std::exp(logits[row * D + d] - largest);
      distances += mean[row * D + d] * (largest - logits[row * D + d]);
    }
    const double normalizer = largest + std::log(sum);
    double twin = 0.0;
    for (std::size_t d = 0; d < D; ++d) {
      const double count = x[row / L * D + d], log_p = logits[row * D + d] - normalizer;
      // Of log λ = l − (log Σ e^l − log n): its difference, and the sum of exponentials.
      const double rounding = 2.0 * (1.0 + distances) +
                              (trials > 0.0 ? std::abs(logits[row * D + d] - normalizer + std::log(trials)) : 0.0);
      if (trials > 0.0) {
        expected.loss_magnitude[row] += count_magnitude(count, log_p + std::log(trials), rounding);
      }
      twin += count * (std::abs(normalizer) + std::abs(logits[row * D + d])) + reference::log_factorial(count);
      const double error = mean[row * D + d] * (1.0 + rounding);
      expected.dhead_magnitude.push_back(SCALE * (trials * error + count));
      expected.mean_magnitude.push_back(mean[row * D + d] * (1.0 + distances + largest - logits[row * D + d]));
    }
    expected.loss_magnitude[row] += 1.0 + 0x1p-27 * (twin + reference::log_factorial(trials));
  }
  test::expect_one_head(multinomial(B, L, D), expected, {6.0, 10.0, 10.0}, logits, x, B, L, D, width, padding);
}

TEST_P(CountKernels, MultinomialIsItsTwin) {
  Random random(62);
  for (const Shape& shape : shapes()) {
    for (const std::size_t L : DRAWS) {
      for (const float padding : {GARBAGE, WILD}) {
        SCOPED_TRACE(shape.text());
        const auto [B, D, width] = shape;
        Vector x(B * D);
        for (double& value : x) value = random.index(2) == 0 ? 0.0 : std::floor(random.uniform(0.0, 9.0));
        if (random.index(4) == 0) std::fill(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(D), 0.0);  // no trials
        expect_multinomial_is_its_twin(random.floats(B * L * D, -6.0, 6.0), x, B, L, D, width, padding);
      }
    }
  }
}

TEST_P(CountKernels, MultinomialIsExactForManyTrials) {
  Random random(63);
  constexpr std::size_t D = 37;
  for (const double most : {1e3, 1e6, 1e9}) {
    const Vector x = [&] {
      Vector counts;
      for (std::size_t d = 0; d < D; ++d) counts.push_back(std::floor(random.uniform(0.0, most)));
      return as_floats(counts);
    }();
    // Probabilities that are likely, so that the terms would cancel.
    Vector logits;
    for (const double count : x) {
      logits.push_back(std::log(count + 1.0) + random.uniform(-1.0, 1.0) / std::sqrt(count + 1.0));
    }
    expect_multinomial_is_its_twin(as_floats(logits), x, 1, 1, D, 16, GARBAGE);
  }
}

TEST_P(CountKernels, MultinomialSurvivesExtremes) {
  const Vector logits = as_floats({1e4, -1e4, 0.0, 9999.0, 1e4});
  for (const std::size_t width : {std::size_t{16}, std::size_t{48}, std::size_t{5}}) {
    expect_multinomial_is_its_twin(logits, {3.0, 0.0, 0.0, 1.0, 2.0}, 1, 1, 5, width, GARBAGE);
    expect_multinomial_is_its_twin(logits, {0.0, 2.0, 7.0, 0.0, 0.0}, 1, 1, 5, width, GARBAGE);
    expect_multinomial_is_its_twin(logits, Vector(5), 1, 1, 5, width, GARBAGE);
  }
}

TEST_P(CountKernels, ShowWhatIsNotFinite) {
  constexpr std::size_t D = 53;
  for (const std::size_t width : {std::size_t{16}, std::size_t{48}, D}) {
    for (const double x : {0.0, 2.0}) test::expect_shows_what_is_not_finite(poisson(3, 1, D), x, D, width);
    test::expect_shows_what_is_not_finite(multinomial(3, 1, D), 2.0, D, width);
  }
}

// What the domain refuses does no harm.
TEST_P(CountKernels, ThatAreNoneGiveNumbers) {
  const Vector x = as_floats({-1.0, 0.5, 1.5, -1e30, 1e30, 3e38, 1e-40, 2.0, 1.0});
  for (const std::size_t L : DRAWS) {
    Matrix h(L, x.size(), 16, WILD), xs(x, 1, x.size(), 16, WILD), dhead(L, x.size(), 16);
    Losses loss(L);
    poisson_forward_backward(loss.data(), dhead, h, xs, SCALE, 1, L, x.size());
    multinomial_forward_backward(loss.data(), dhead, h, xs, SCALE, 1, L, x.size());
    EXPECT_TRUE(test::all_zero(dhead.padding()));
    EXPECT_TRUE(dhead.guards_intact() && loss.guard_intact());
  }
}

}  // namespace
}  // namespace aevb
