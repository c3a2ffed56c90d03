// Holds the Bernoulli likelihood to its plain twins.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "kernels.h"
#include "likelihood/bernoulli.h"
#include "reference/layers.h"
#include "support.h"

namespace aevb {
namespace {

using test::all_finite;
using test::all_zero;
using test::as_floats;
using test::close;
using test::DRAWS;
using test::GARBAGE;
using test::INFINITE;
using test::Losses;
using test::Matrix;
using test::NOT_A_NUMBER;
using test::Random;
using test::Shape;
using test::shapes;
using test::Vector;
using test::WILD;

class BernoulliKernels : public test::Kernels {};
AEVB_ON_EVERY_TARGET(BernoulliKernels);

// Including 1 for the rounding of 1 + exp(−|l|) ahead of its logarithm.
Vector bernoulli_magnitude(const Vector& logits, const Vector& x, std::size_t B, std::size_t L, std::size_t D) {
  Vector magnitude(B * L);
  for (std::size_t i = 0; i < B * L * D; ++i) {
    const double l = logits[i];
    magnitude[i / D] +=
        std::max(l, 0.0) + std::abs(l * x[i / (L * D) * D + i % D]) + std::log1p(std::exp(-std::abs(l))) + 1.0;
  }
  return magnitude;
}

void expect_bernoulli_is_its_twin(const Vector& logits, const Vector& x, std::size_t B, std::size_t L, std::size_t D,
                                  std::size_t width, float padding) {
  const float scale = 0.3f;
  const Vector expected = reference::bernoulli_forward(logits, x, B, L, D);
  const Vector magnitude = bernoulli_magnitude(logits, x, B, L, D);
  const Vector gradient = reference::bernoulli_backward(logits, x, scale, B, L, D);
  Vector gradient_magnitude(B * L * D);
  for (std::size_t i = 0; i < B * L * D; ++i) {
    gradient_magnitude[i] = scale * (1.0 / (1.0 + std::exp(-logits[i])) + x[i / (L * D) * D + i % D]);
  }
  Matrix l(logits, B * L, D, width, padding), xs(x, B, D, width, padding), dlogits(B * L, D, width);
  Losses forward(B * L), fused(B * L), in_place(B * L);
  bernoulli_forward(forward.data(), l, xs, B, L, D);
  EXPECT_TRUE(close(forward.values(), expected, magnitude, 4.0));
  EXPECT_TRUE(forward.guard_intact());

  bernoulli_forward_backward(fused.data(), dlogits, l, xs, scale, B, L, D);
  EXPECT_TRUE(close(fused.values(), expected, magnitude, 4.0));
  EXPECT_TRUE(close(dlogits.values(), gradient, gradient_magnitude, 8.0));
  EXPECT_TRUE(all_zero(dlogits.padding()));
  EXPECT_TRUE(fused.guard_intact() && dlogits.guards_intact());
  EXPECT_EQ(l.values(), logits);

  bernoulli_forward_backward(in_place.data(), l, l, xs, scale, B, L, D);
  EXPECT_EQ(in_place.values(), fused.values());
  EXPECT_EQ(l.values(), dlogits.values());
  EXPECT_TRUE(all_zero(l.padding()));
  EXPECT_TRUE(l.guards_intact());
  EXPECT_EQ(xs.values(), x);
}

TEST_P(BernoulliKernels, IsItsTwin) {
  Random random(7);
  for (const Shape& shape : shapes()) {
    for (const std::size_t L : DRAWS) {
      for (const float padding : {GARBAGE, WILD}) {
        SCOPED_TRACE(shape.text());
        const auto [B, D, width] = shape;
        Vector x = random.floats(B * D, 0.0, 1.0);
        for (double& value : x) value = random.index(3) == 0 ? std::round(value) : value;
        expect_bernoulli_is_its_twin(random.floats(B * L * D, -12.0, 12.0), x, B, L, D, width, padding);
      }
    }
  }
}

TEST_P(BernoulliKernels, MeanIsItsTwin) {
  Random random(8);
  for (const Shape& shape : shapes()) {
    SCOPED_TRACE(shape.text());
    const auto [B, D, width] = shape;
    const Vector logits = random.floats(B * D, -30.0, 30.0);
    Matrix l(logits, B, D, width), mean(B, D, width);
    bernoulli_mean(mean, l, B, D);
    const Vector expected = reference::bernoulli_mean(logits);
    EXPECT_TRUE(close(mean.values(), expected, expected, 8.0));
    EXPECT_TRUE(all_finite(mean.padding()));
    EXPECT_TRUE(mean.guards_intact());
    bernoulli_mean(l, l, B, D);
    EXPECT_EQ(l.values(), mean.values());
    EXPECT_TRUE(l.guards_intact());
  }
}

TEST_P(BernoulliKernels, SurvivesExtremes) {
  const Vector logits =
      as_floats({100.0, -100.0, 100.0, -100.0, 1e4, -1e4, 1e4, -1e4, 0.0, 88.0, -88.0, 1e30, -1e30, 90.0, -90.0});
  const Vector x{1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.5, 0.25, 0.75, 1.0, 0.0, 1.0, 1.0};
  const std::size_t D = x.size();
  for (const std::size_t width : {std::size_t{16}, std::size_t{48}, D}) {
    expect_bernoulli_is_its_twin(logits, x, 1, 1, D, width, GARBAGE);
    // Each by itself too: its loss may not drown in that of its neighbours.
    for (std::size_t i = 0; i < D; ++i) expect_bernoulli_is_its_twin({logits[i]}, {x[i]}, 1, 1, 1, width, GARBAGE);
    Matrix l(logits, 1, D, width), mean(1, D, width);
    bernoulli_mean(mean, l, 1, D);
    const Vector expected = reference::bernoulli_mean(logits);
    EXPECT_TRUE(close(mean.values(), expected, expected, 8.0));
  }
}

// A kernel that multiplies 1 + exp(−|l|) before it takes the logarithm must do so in time: 2¹²⁸ is no float.
TEST_P(BernoulliKernels, SumsThousandsOfFeatures) {
  constexpr std::size_t D = 5000;
  for (const std::size_t width : {std::size_t{16}, std::size_t{48}, D}) {
    expect_bernoulli_is_its_twin(Vector(D), Vector(D, 0.5), 1, 1, D, width, GARBAGE);
  }
}

TEST_P(BernoulliKernels, ShowsWhatIsNotFinite) {
  constexpr std::size_t B = 3, D = 53;
  for (const std::size_t width : {std::size_t{16}, std::size_t{48}, D}) {
    for (const float bad : {NOT_A_NUMBER, INFINITE, -INFINITE}) {
      for (std::size_t i = 0; i < D; ++i) {
        Matrix l(B, D, width), x(Vector(B * D, 0.5), B, D, width), dlogits(B, D, width);
        l.panels().at(1, i) = bad;
        Losses forward(B), fused(B);
        bernoulli_forward(forward.data(), l, x, B, 1, D);
        bernoulli_forward_backward(fused.data(), dlogits, l, x, 1.0f, B, 1, D);
        for (const Vector& loss : {forward.values(), fused.values()}) {
          EXPECT_FALSE(std::isfinite(loss[1])) << bad << " in column " << i;
          if (std::isnan(bad)) {
            EXPECT_TRUE(std::isnan(loss[1])) << "column " << i;
          }
          EXPECT_TRUE(std::isfinite(loss[0]) && std::isfinite(loss[2]));
        }
        if (std::isnan(bad)) {
          EXPECT_TRUE(std::isnan(dlogits.at(1, i)));
        }
        Matrix mean(B, D, width);
        bernoulli_mean(mean, l, B, D);
        EXPECT_EQ(std::isnan(mean.at(1, i)), std::isnan(bad));
      }
    }
  }
}

}  // namespace
}  // namespace aevb
