// The importance-weighted bound and its weights, against their plain twins and against what they should be.

#include "objective/importance.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "comparison.h"
#include "reference/objective.h"
#include "support.h"

namespace aevb {
namespace {

using test::Random;
using test::Vector;

constexpr double INFINITY_OF_DOUBLES = std::numeric_limits<double>::infinity();

struct Result {
  Vector bound;
  std::vector<float> weight;
};

Result of(const Vector& log_w, std::size_t B, std::size_t L) {
  Result result{Vector(B), std::vector<float>(B * L)};
  importance_bound(result.bound.data(), log_w.data(), B, L);
  importance_weights(result.weight.data(), log_w.data(), B, L);
  return result;
}

// Doubles; a weight is rounded once to a float.
TEST(Importance, IsItsTwin) {
  Random random(81);
  for (const std::size_t B : {1, 5}) {
    for (const std::size_t L : {1, 2, 7, 64}) {
      for (const double center : {0.0, -1e4, 3e5}) {
        const Vector log_w = random.vector(B * L, center - 20.0, center + 20.0);
        const Result got = of(log_w, B, L);
        const Vector bound = reference::importance_bound(log_w, B, L);
        const Vector weight = reference::importance_weights(log_w, B, L);
        for (std::size_t b = 0; b < B; ++b) EXPECT_NEAR(got.bound[b], bound[b], 1e-14 * (20.0 + std::abs(center)));
        for (std::size_t i = 0; i < B * L; ++i) {
          EXPECT_TRUE(test::is_near(got.weight[i], weight[i], {0x1p-24 + 1e-10, 1e-40}));
        }
      }
    }
  }
}

TEST(Importance, OneDrawIsThePlainBound) {
  const Result got = of({-3.25, 4.5}, 2, 1);
  EXPECT_EQ(got.bound, (Vector{-3.25, 4.5}));
  EXPECT_EQ(got.weight, (std::vector<float>{1.0f, 1.0f}));
}

TEST(Importance, EqualDrawsShareTheWeight) {
  const Result got = of(Vector(8, -700.0), 2, 4);
  EXPECT_EQ(got.bound, Vector(2, -700.0));
  EXPECT_EQ(got.weight, std::vector<float>(8, 0.25f));
}

// The twin's weights are the derivative of its bound.
TEST(Importance, WeightsAreTheGradientOfTheBound) {
  Random random(82);
  constexpr std::size_t B = 3, L = 5;
  constexpr double h = 1e-5;
  const Vector log_w = random.vector(B * L, -4.0, 4.0);
  const Vector weight = reference::importance_weights(log_w, B, L);
  for (std::size_t i = 0; i < B * L; ++i) {
    Vector above = log_w, below = log_w;
    above[i] += h;
    below[i] -= h;
    const double slope =
        (reference::importance_bound(above, B, L)[i / L] - reference::importance_bound(below, B, L)[i / L]) / (2.0 * h);
    EXPECT_NEAR(weight[i], slope, 1e-9);
  }
}

TEST(Importance, ADrawWithoutProbabilityIsLeftOut) {
  const Result got = of({-INFINITY_OF_DOUBLES, 2.0}, 1, 2);
  EXPECT_NEAR(got.bound[0], 2.0 - std::log(2.0), 1e-15);
  EXPECT_EQ(got.weight, (std::vector<float>{0.0f, 1.0f}));
}

// In any place of the row, and in that row alone.
TEST(Importance, ShowsWhatIsNotFinite) {
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), INFINITY_OF_DOUBLES}) {
    for (std::size_t i = 0; i < 4; ++i) {
      Vector log_w(12, -1.0);
      log_w[4 + i] = bad;
      const Result got = of(log_w, 3, 4);
      EXPECT_TRUE(std::isnan(got.bound[1]));
      for (std::size_t l = 4; l < 8; ++l) EXPECT_TRUE(std::isnan(got.weight[l]) || bad == INFINITY_OF_DOUBLES);
      EXPECT_TRUE(std::isnan(got.weight[4 + i]));
      EXPECT_EQ(got.bound[0], -1.0);
      EXPECT_EQ(got.bound[2], -1.0);
    }
  }
  const Result nothing = of(Vector(3, -INFINITY_OF_DOUBLES), 1, 3);
  EXPECT_EQ(nothing.bound[0], -INFINITY_OF_DOUBLES);
  EXPECT_TRUE(std::isnan(nothing.weight[0]));
}

}  // namespace
}  // namespace aevb
