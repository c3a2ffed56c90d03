// Holds the categorical likelihood to its plain twins.

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>

#include "kernels.h"
#include "likelihood/categorical.h"
#include "likelihood_kernels.h"
#include "reference/likelihood.h"
#include "support.h"

namespace aevb {
namespace {

using reference::Classes;
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

class CategoricalKernels : public test::Kernels {};
AEVB_ON_EVERY_TARGET(CategoricalKernels);

test::OneHead kernels(const Classes& classes, std::size_t B, std::size_t L) {
  return {[=](double* loss, ConstPanels l, ConstPanels x) {
            categorical_forward(loss, l, x, classes.data(), classes.size(), B, L);
          },
          [=](double* loss, Panels dl, ConstPanels l, ConstPanels x) {
            categorical_forward_backward(loss, dl, l, x, classes.data(), classes.size(), SCALE, B, L);
          },
          [=](Panels mean, ConstPanels l) { categorical_mean(mean, l, classes.data(), classes.size(), B * L); }};
}

void expect_is_its_twin(const Vector& logits, const Vector& x, const Classes& classes, std::size_t B, std::size_t L,
                        std::size_t width, float padding) {
  const std::size_t D = x.size() / B;
  const Vector mean = reference::categorical_mean(logits, classes, B * L);
  test::Expected expected{reference::categorical_forward(logits, x, classes, B, L),
                          Vector(B * L),
                          reference::categorical_backward(logits, x, classes, SCALE, B, L),
                          {},
                          mean,
                          {}};
  // A logit's distance from its group's largest is rounded, and so is the sum that is 1 at least.
  for (std::size_t row = 0; row < B * L; ++row) {
    std::size_t begin = 0;
    for (const std::size_t count : classes) {
      double largest = logits[row * D + begin];
      for (std::size_t k = 0; k < count; ++k) largest = std::max(largest, logits[row * D + begin + k]);
      double distances = 0.0;
      for (std::size_t k = 0; k < count; ++k) {
        const double distance = largest - logits[row * D + begin + k];
        const double probability = mean[row * D + begin + k];
        distances += probability * distance;
        expected.loss_magnitude[row] += x[row / L * D + begin + k] * distance;
      }
      expected.loss_magnitude[row] += 1.0 + std::log(static_cast<double>(count)) + distances;
      for (std::size_t k = 0; k < count; ++k) {
        const double probability = mean[row * D + begin + k];
        const double error = probability * (1.0 + distances + largest - logits[row * D + begin + k]);
        expected.mean_magnitude.push_back(error);
        expected.dhead_magnitude.push_back(SCALE * (error + x[row / L * D + begin + k]));
      }
      begin += count;
    }
  }
  test::expect_one_head(kernels(classes, B, L), expected, {5.0, 10.0, 10.0}, logits, x, B, L, D, width, padding);
}

// Groups of every size up to `largest` that add up to D.
Classes classes_of(Random& random, std::size_t D, std::size_t largest) {
  Classes classes;
  for (std::size_t left = D; left > 0; left -= classes.back()) {
    classes.push_back(std::min(left, 1 + random.index(largest)));
  }
  return classes;
}

Vector one_hot(Random& random, const Classes& classes, std::size_t B) {
  Vector x;
  for (std::size_t b = 0; b < B; ++b) {
    for (const std::size_t count : classes) {
      const std::size_t one = random.index(count);
      for (std::size_t k = 0; k < count; ++k) x.push_back(k == one ? 1.0 : 0.0);
    }
  }
  return x;
}

TEST_P(CategoricalKernels, IsItsTwin) {
  Random random(51);
  for (const Shape& shape : shapes()) {
    for (const std::size_t L : DRAWS) {
      for (const std::size_t largest : {3, 11, 60, 1000}) {
        for (const float padding : {GARBAGE, WILD}) {
          SCOPED_TRACE(shape.text());
          const auto [B, D, width] = shape;
          const Classes classes = classes_of(random, D, largest);
          expect_is_its_twin(random.floats(B * L * D, -12.0, 12.0), one_hot(random, classes, B), classes, B, L, width,
                             padding);
        }
      }
    }
  }
}

TEST_P(CategoricalKernels, TakesSoftTargets) {
  Random random(52);
  const Classes classes{4, 2, 16, 3};
  for (const std::size_t width : {std::size_t{16}, std::size_t{48}, std::size_t{25}}) {
    Vector x;
    for (const std::size_t count : classes) {
      for (std::size_t k = 0; k < count; ++k) {
        // Halves, quarters, ...: they add up to 1 exactly.
        x.push_back(std::exp2(-static_cast<double>(std::min(k + 1, count - 1))));
      }
    }
    if (x.size() != 25) FAIL();
    expect_is_its_twin(random.floats(25, -5.0, 5.0), x, classes, 1, 1, width, GARBAGE);
  }
}

TEST_P(CategoricalKernels, SurvivesExtremes) {
  const Vector logits = as_floats({1e4, -1e4, 0.0, -1e4, -1e4, -1e4, 1e30, -1e30, 3e38, 3e38, 1e4, 1e4});
  const Classes classes{3, 3, 2, 2, 2};
  for (const std::size_t width : {std::size_t{16}, std::size_t{48}, std::size_t{12}}) {
    expect_is_its_twin(logits, {1, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 1}, classes, 1, 1, width, GARBAGE);
    expect_is_its_twin(logits, {0, 1, 0, 0, 0, 1, 0, 1, 0, 1, 1, 0}, classes, 1, 1, width, GARBAGE);
  }
}

// Thousands of variables, whose sums multiplied would be no double, and of classes.
TEST_P(CategoricalKernels, SumsThousandsOfFeatures) {
  Random random(53);
  for (const std::size_t width : {std::size_t{16}, std::size_t{48}, std::size_t{6000}}) {
    for (const Classes& classes : {Classes(3000, 2), Classes(20, 300), Classes{6000}}) {
      const Vector x = one_hot(random, classes, 1);
      expect_is_its_twin(Vector(6000), x, classes, 1, 1, width, GARBAGE);
      expect_is_its_twin(random.floats(6000, -3.0, 3.0), x, classes, 1, 1, width, GARBAGE);
    }
  }
}

// To the bit, whatever the rows beside it and wherever among them it stands.
TEST_P(CategoricalKernels, ARowIsItselfAnywhere) {
  constexpr std::size_t B = 37, D = 150;
  Random random(54);
  for (const std::size_t width : {std::size_t{16}, std::size_t{48}, D}) {
    for (const std::size_t largest : {5, 70}) {
      const Classes classes = classes_of(random, D, largest);
      const test::OneHead all = kernels(classes, B, 1), one = kernels(classes, 1, 1);
      Matrix logits(random.floats(B * D, -5.0, 5.0), B, D, width, GARBAGE);
      Matrix x(one_hot(random, classes, B), B, D, width, GARBAGE);
      Matrix gradient(B, D, width), mean(B, D, width), own_gradient(B, D, width), own_mean(B, D, width);
      Losses loss(B), own_loss(B);
      all.fused(loss.data(), gradient, logits, x);
      all.mean(mean, logits);
      for (std::size_t b = 0; b < B; ++b) {
        one.fused(own_loss.data() + b, own_gradient.panels().from_row(b), logits.panels().from_row(b),
                  x.panels().from_row(b));
        one.mean(own_mean.panels().from_row(b), logits.panels().from_row(b));
      }
      EXPECT_EQ(own_loss.values(), loss.values());
      EXPECT_EQ(own_gradient.values(), gradient.values());
      EXPECT_EQ(own_mean.values(), mean.values());
    }
  }
}

TEST_P(CategoricalKernels, ShowsWhatIsNotFinite) {
  const Classes classes{2, 7, 1, 30, 13};
  for (const std::size_t width : {std::size_t{16}, std::size_t{48}, std::size_t{53}}) {
    test::expect_shows_what_is_not_finite(kernels(classes, 3, 1), 0.5, 53, width);
  }
}

}  // namespace
}  // namespace aevb
