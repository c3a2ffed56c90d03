// Holds the continuous Bernoulli likelihood to its plain twins.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "kernels.h"
#include "likelihood/continuous_bernoulli.h"
#include "likelihood_kernels.h"
#include "reference/likelihood.h"
#include "support.h"

namespace aevb {
namespace {

using test::as_floats;
using test::DRAWS;
using test::GARBAGE;
using test::Random;
using test::SCALE;
using test::Shape;
using test::shapes;
using test::Vector;
using test::WILD;

class ContinuousBernoulliKernels : public test::Kernels {};
AEVB_ON_EVERY_TARGET(ContinuousBernoulliKernels);

test::OneHead kernels(std::size_t B, std::size_t L, std::size_t D) {
  return {[=](double* loss, ConstPanels l, ConstPanels x) { continuous_bernoulli_forward(loss, l, x, B, L, D); },
          [=](double* loss, Panels dl, ConstPanels l, ConstPanels x) {
            continuous_bernoulli_forward_backward(loss, dl, l, x, SCALE, B, L, D);
          },
          [=](Panels mean, ConstPanels l) { continuous_bernoulli_mean(mean, l, B * L, D); }};
}

void expect_is_its_twin(const Vector& logits, const Vector& x, std::size_t B, std::size_t L, std::size_t D,
                        std::size_t width, float padding) {
  test::Expected expected{reference::continuous_bernoulli_forward(logits, x, B, L, D),
                          Vector(B * L),
                          reference::continuous_bernoulli_backward(logits, x, SCALE, B, L, D),
                          {},
                          reference::continuous_bernoulli_mean(logits),
                          reference::continuous_bernoulli_mean(logits)};
  for (std::size_t i = 0; i < B * L * D; ++i) {
    const double l = logits[i], target = x[i / (L * D) * D + i % D];
    // Near 0 the terms l (½ − x) and l²/24; beyond, log(a/(1 − e^−a)), whose argument is rounded.
    expected.loss_magnitude[i / D] += std::abs(l) < 2.0
                                          ? std::abs(l * (0.5 - target)) + l * l / 24.0
                                          : std::max(l, 0.0) + std::abs(l * target) + std::log(std::abs(l)) + 1.0;
    expected.dhead_magnitude.push_back(SCALE * (expected.mean[i] + target));
  }
  test::expect_one_head(kernels(B, L, D), expected, {5.0, 10.0, 10.0}, logits, x, B, L, D, width, padding);
}

TEST_P(ContinuousBernoulliKernels, IsItsTwin) {
  Random random(31);
  for (const Shape& shape : shapes()) {
    for (const std::size_t L : DRAWS) {
      for (const float padding : {GARBAGE, WILD}) {
        SCOPED_TRACE(shape.text());
        const auto [B, D, width] = shape;
        Vector x = random.floats(B * D, 0.0, 1.0);
        for (double& value : x) value = random.index(3) == 0 ? std::round(value) : value;
        expect_is_its_twin(random.floats(B * L * D, -12.0, 12.0), x, B, L, D, width, padding);
      }
    }
  }
}

// Each by itself: its loss may not drown in that of its neighbours.
TEST_P(ContinuousBernoulliKernels, IsExactNearZeroAndFarOut) {
  for (const double sign : {1.0, -1.0}) {
    for (double l = 1e-30; l < 2e30; l *= 1.37) {
      const double logit = sign * static_cast<double>(static_cast<float>(l));
      for (const double x : {0.0, 0.25, 1.0}) {
        SCOPED_TRACE(logit);
        expect_is_its_twin({logit}, {x}, 1, 1, 1, 1, GARBAGE);
      }
    }
    for (double l = 0.0; l < 8.0; l += 0.013) {
      expect_is_its_twin(as_floats({sign * l}), {0.5}, 1, 1, 1, 1, GARBAGE);
    }
  }
}

TEST_P(ContinuousBernoulliKernels, SurvivesExtremes) {
  const Vector logits = as_floats({100.0, -100.0, 1e4, -1e4, 1e4, -1e4, 0.0, 88.0, -88.0, 1e30, -1e30, 2.0, -2.0});
  const Vector x{1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.5, 0.25, 0.75, 1.0, 0.0, 1.0, 1.0};
  for (const std::size_t width : {std::size_t{16}, std::size_t{48}, x.size()}) {
    expect_is_its_twin(logits, x, 1, 1, x.size(), width, GARBAGE);
  }
}

TEST_P(ContinuousBernoulliKernels, SumsThousandsOfFeatures) {
  constexpr std::size_t D = 5000;
  for (const std::size_t width : {std::size_t{16}, std::size_t{48}, D}) {
    expect_is_its_twin(Vector(D, 3.0), Vector(D, 0.5), 1, 1, D, width, GARBAGE);
  }
}

TEST_P(ContinuousBernoulliKernels, ShowsWhatIsNotFinite) {
  constexpr std::size_t D = 53;
  for (const std::size_t width : {std::size_t{16}, std::size_t{48}, D}) {
    test::expect_shows_what_is_not_finite(kernels(3, 1, D), 0.5, D, width);
  }
}

}  // namespace
}  // namespace aevb
