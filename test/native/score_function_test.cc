// The weights of the score-function gradient: their plain twin, and that no baseline changes what they are on average.

#include "objective/score_function.h"

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

constexpr Baseline BASELINES[] = {Baseline::none, Baseline::movingAverage, Baseline::leaveOneOut};

std::vector<float> weights(const Vector& f, Baseline baseline, const BaselineState& state, double scale, std::size_t B,
                           std::size_t L) {
  std::vector<float> weight(B * L);
  score_function_weights(weight.data(), f.data(), baseline, state, scale, B, L);
  return weight;
}

TEST(ScoreFunction, IsItsTwin) {
  Random random(83);
  for (const std::size_t B : {1, 6}) {
    for (const std::size_t L : {1, 2, 5}) {
      for (const Baseline baseline : BASELINES) {
        for (const BaselineState& state : {BaselineState{}, BaselineState{437.5, true}}) {
          const Vector f = random.vector(B * L, 300.0, 600.0);
          const double scale = 1.0 / static_cast<double>(B * L);
          const std::vector<float> got = weights(f, baseline, state, scale, B, L);
          const Vector expected =
              reference::score_function_weights(f, baseline, state.begun ? &state.value : nullptr, scale, B, L);
          for (std::size_t i = 0; i < B * L; ++i) {
            EXPECT_TRUE(test::is_near(got[i], expected[i], {0x1p-24, 1e-12}));
          }
        }
      }
    }
  }
}

TEST(ScoreFunction, ASingleDrawHasNoOthers) {
  EXPECT_EQ(weights({8.0, 4.0}, Baseline::leaveOneOut, {}, 0.5, 2, 1), (std::vector<float>{4.0f, 2.0f}));
  EXPECT_EQ(weights({8.0}, Baseline::movingAverage, {}, 0.5, 1, 1), (std::vector<float>{4.0f}));
}

// Two data, two draws each of a Bernoulli variable with probability p_b. The gradient of 1/B Σ_b E f_b by p_b is
// (f_b(1) − f_b(0)) / B, and the sum over all 16 outcomes gives the estimate's exact expectation.
TEST(ScoreFunction, IsUnbiasedWithEveryBaseline) {
  constexpr std::size_t B = 2, L = 2;
  const double p[B] = {0.3, 0.8};
  const double f_of[B][2] = {{10.0, 13.0}, {7.0, 2.0}};
  for (const Baseline baseline : BASELINES) {
    for (const BaselineState& state : {BaselineState{}, BaselineState{5.5, true}}) {
      double gradient[B] = {};
      for (unsigned outcome = 0; outcome < 16; ++outcome) {
        double probability = 1.0;
        Vector f(B * L), score(B * L);
        for (std::size_t i = 0; i < B * L; ++i) {
          const bool one = (outcome >> i & 1) == 1;
          probability *= one ? p[i / L] : 1.0 - p[i / L];
          score[i] = one ? 1.0 / p[i / L] : -1.0 / (1.0 - p[i / L]);
          f[i] = f_of[i / L][one ? 1 : 0];
        }
        const std::vector<float> weight = weights(f, baseline, state, 1.0 / (B * L), B, L);
        for (std::size_t i = 0; i < B * L; ++i) {
          gradient[i / L] += probability * static_cast<double>(weight[i]) * score[i];
        }
      }
      for (std::size_t b = 0; b < B; ++b) EXPECT_NEAR(gradient[b], (f_of[b][1] - f_of[b][0]) / B, 1e-5);
    }
  }
}

TEST(ScoreFunction, TheAverageMovesAfterEachStep) {
  BaselineState state;
  const double first[] = {2.0, 4.0}, second[] = {10.0, 20.0};
  score_function_update(state, first, 0.75, 2, 1);
  EXPECT_TRUE(state.begun);
  EXPECT_EQ(state.value, 3.0);
  score_function_update(state, second, 0.75, 1, 2);
  EXPECT_EQ(state.value, 0.75 * 3.0 + 0.25 * 15.0);
  score_function_update(state, first, 0.5, 1, 1);
  EXPECT_EQ(state.value, 0.5 * 6.0 + 0.5 * 2.0);
  EXPECT_EQ(weights({7.0}, Baseline::movingAverage, state, 2.0, 1, 1), (std::vector<float>{6.0f}));
}

TEST(ScoreFunction, ABatchThatIsNotFiniteDoesNotMoveTheAverage) {
  BaselineState state{3.0, true};
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    const double f[] = {1.0, bad};
    score_function_update(state, f, 0.5, 2, 1);
    EXPECT_EQ(state.value, 3.0);
    const std::vector<float> weight = weights({1.0, bad}, Baseline::leaveOneOut, state, 1.0, 1, 2);
    EXPECT_FALSE(std::isfinite(weight[0]) || std::isfinite(weight[1]));
  }
  score_function_update(state, nullptr, 0.5, 0, 1);
  EXPECT_EQ(state.value, 3.0);
}

}  // namespace
}  // namespace aevb
