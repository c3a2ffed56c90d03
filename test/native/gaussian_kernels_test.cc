// Holds the Gaussian likelihood to its plain twins.

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <numbers>

#include "kernels.h"
#include "likelihood/gaussian.h"
#include "likelihood/log_dispersion.h"
#include "likelihood_kernels.h"
#include "reference/layers.h"
#include "support.h"
#include "tensor/panels.h"

namespace aevb {
namespace {

using test::all_zero;
using test::as_floats;
using test::bound_magnitude;
using test::close;
using test::DISPERSION_BOUNDS;
using test::DRAWS;
using test::ExpectedOfBoth;
using test::ExpectedOfMean;
using test::GARBAGE;
using test::INFINITE;
using test::Losses;
using test::Matrix;
using test::MeanAndDispersion;
using test::NOT_A_NUMBER;
using test::Random;
using test::Row;
using test::SCALE;
using test::Shape;
using test::shapes;
using test::Vector;
using test::WILD;

class GaussianLikelihoodKernels : public test::Kernels {};
AEVB_ON_EVERY_TARGET(GaussianLikelihoodKernels);

const double LOG_2_PI = std::log(2.0 * std::numbers::pi);

// If one lies wide of the other, what is cut off above it is below 1e-7: see soft_bound.
const std::pair<double, double> SOFT_BOUNDS[] = {{-3.0, 2.0},     {-0.5, 0.5},   {4.0, 4.0 + 1e-6}, {-10.0, 10.0},
                                                 {-80.0, -79.99}, {-7.99, 7.99}, {-80.0, 80.0}};

TEST_P(GaussianLikelihoodKernels, SoftBoundIsItsTwin) {
  for (const auto& [min, max] : SOFT_BOUNDS) {
    const double tolerance = max - min > 16.0 ? 2e-7 : 1e-13;
    for (const double raw : {-1e300, -1e4, -60.0, -7.5, -2.0, -0.25, 0.0, 0.5, 1.5, 3.0, 9.5, 79.0, 1e4, 1e300}) {
      EXPECT_NEAR(soft_bound(raw, min, max), reference::soft_bound(raw, min, max), tolerance);
      EXPECT_NEAR(soft_bound_derivative(raw, min, max), reference::soft_bound_derivative(raw, min, max), tolerance);
    }
  }
  EXPECT_TRUE(std::isnan(soft_bound(std::nan(""), -3.0, 2.0)));
}

TEST_P(GaussianLikelihoodKernels, SoftBoundIsNeverBeyondItsBoundsAndNeverFalls) {
  for (const auto& [min, max] : SOFT_BOUNDS) {
    double previous = min;
    for (double raw = min - 40.0; raw <= max + 40.0; raw += 0.01) {
      const double bounded = soft_bound(raw, min, max);
      EXPECT_GE(bounded, previous) << raw;
      EXPECT_LE(bounded, max) << raw;
      previous = bounded;
    }
    EXPECT_NEAR(soft_bound(1e300, min, max), max, 1e-13 * std::abs(max));
    EXPECT_NEAR(soft_bound(-1e300, min, max), min, 1e-13 * std::abs(min));
  }
}

TEST_P(GaussianLikelihoodKernels, SoftBoundHasItsSlope) {
  constexpr double STEP = 1e-5;
  for (const auto& [min, max] : SOFT_BOUNDS) {
    for (double raw = min - 6.0; raw <= max + 6.0; raw += 0.37) {
      const double slope = (soft_bound(raw + STEP, min, max) - soft_bound(raw - STEP, min, max)) / (2.0 * STEP);
      // Of order STEP² from the third derivative, 1e-16 |bound| / STEP from rounding, 1e-7 from the cut.
      EXPECT_NEAR(soft_bound_derivative(raw, min, max), slope, 2e-7) << raw << " in " << min << ", " << max;
    }
  }
}

// The kernel puts out no log-variance, but its loss at x = mean is that and a constant.
TEST_P(GaussianLikelihoodKernels, DatumVarianceIsNeverBeyondItsBounds) {
  constexpr std::size_t D = 97;
  const auto width = static_cast<std::size_t>(panel_width(active_target()));
  for (const auto& [low, high] : SOFT_BOUNDS) {
    const auto min = static_cast<float>(low), max = static_cast<float>(high);
    for (std::size_t d = 0; d < D; ++d) {
      Vector raw(1, -60.0 + 1.5 * static_cast<double>(d));
      Matrix mean(Vector(1, 0.0), 1, 1, width), raw_log_variance(raw, 1, 1, width), x(Vector(1, 0.0), 1, 1, width);
      double loss = 0.0;
      gaussian_datum_forward(&loss, mean, raw_log_variance, min, max, x, 1, 1, 1);
      const double log_variance = 2.0 * loss - LOG_2_PI;
      const double rounding = 0x1p-22 * (LOG_2_PI + std::max(std::abs(low), std::abs(high)));
      EXPECT_GE(log_variance, static_cast<double>(min) - rounding) << raw[0];
      EXPECT_LE(log_variance, static_cast<double>(max) + rounding) << raw[0];
    }
  }
}

MeanAndDispersion kernels_of(std::size_t B, std::size_t L, std::size_t D, float min = -10.0f, float max = 10.0f) {
  return {[=](double* loss, ConstPanels mean, const float* log_variance, ConstPanels x) {
            gaussian_forward(loss, mean, log_variance, x, B, L, D);
          },
          [=](double* loss, Panels dmean, ConstPanels mean, const float* log_variance, ConstPanels x) {
            gaussian_forward_backward(loss, dmean, mean, log_variance, x, SCALE, B, L, D);
          },
          [=](double* loss, ConstPanels mean, ConstPanels raw, ConstPanels x) {
            gaussian_datum_forward(loss, mean, raw, min, max, x, B, L, D);
          },
          [=](double* loss, Panels dmean, Panels d_raw, ConstPanels mean, ConstPanels raw, ConstPanels x) {
            gaussian_datum_forward_backward(loss, dmean, d_raw, mean, raw, min, max, x, SCALE, B, L, D);
          }};
}

void expect_shared_gaussian_is_its_twin(const Vector& mean, const Vector& log_variance, const Vector& x, std::size_t B,
                                        std::size_t L, std::size_t D, std::size_t width, float padding) {
  const reference::GaussianGradient gradient =
      reference::gaussian_likelihood_backward(mean, log_variance, x, SCALE, B, L, D);
  ExpectedOfMean expected{reference::gaussian_forward(mean, log_variance, x, B, L, D), Vector(B * L), gradient.dmean,
                          gradient.dmean};
  for (double& value : expected.dmean_magnitude) value = std::abs(value);
  Vector dlog_variance_magnitude(D);
  for (std::size_t i = 0; i < B * L * D; ++i) {
    const double residual = x[i / (L * D) * D + i % D] - mean[i];
    const double square = residual * residual * std::exp(-log_variance[i % D]);
    expected.loss_magnitude[i / D] += 0.5 * (LOG_2_PI + std::abs(log_variance[i % D]) + square);
    dlog_variance_magnitude[i % D] += 0.5 * SCALE * (1.0 + square);
  }
  const MeanAndDispersion kernels = kernels_of(B, L, D);
  expect_shared_dispersion(kernels, expected, mean, log_variance, x, B, L, D, width, padding);

  Row shared(log_variance, panel_count(D, width) * width);
  Matrix m(mean, B * L, D, width), xs(x, B, D, width);
  Losses loss(B * L);
  kernels.fused(loss.data(), m, m, shared.data(), xs);
  const Vector dlog_variance = in_stretches(m, D, [&](float* out, ConstPanels dmean, std::size_t first, std::size_t C) {
    gaussian_log_variance_backward(out, dmean, shared.data() + first, SCALE, B * L, C);
  });
  EXPECT_TRUE(close(dlog_variance, gradient.dlog_variance, dlog_variance_magnitude, 16.0));
}

TEST_P(GaussianLikelihoodKernels, SharedVarianceIsItsTwin) {
  Random random(9);
  for (const Shape& shape : shapes()) {
    for (const std::size_t L : DRAWS) {
      for (const float padding : {GARBAGE, WILD}) {
        SCOPED_TRACE(shape.text());
        const auto [B, D, width] = shape;
        expect_shared_gaussian_is_its_twin(random.floats(B * L * D, -3.0, 3.0), random.floats(D, -8.0, 8.0),
                                           random.floats(B * D, -3.0, 3.0), B, L, D, width, padding);
      }
    }
  }
}

TEST_P(GaussianLikelihoodKernels, DatumVarianceIsItsTwin) {
  Random random(10);
  for (const Shape& shape : shapes()) {
    for (const std::size_t L : DRAWS) {
      for (const auto& [min, max] : DISPERSION_BOUNDS) {
        SCOPED_TRACE(shape.text());
        const auto [B, D, width] = shape;
        const Vector mean = random.floats(B * L * D, -3.0, 3.0);
        const Vector raw = raw_dispersions(&random, B * L * D);
        const Vector x = random.floats(B * D, -3.0, 3.0);
        const reference::GaussianGradient gradient =
            reference::gaussian_datum_backward(mean, raw, min, max, x, SCALE, B, L, D);
        ExpectedOfBoth expected;
        expected.loss = reference::gaussian_datum_forward(mean, raw, min, max, x, B, L, D);
        expected.loss_magnitude.resize(B * L);
        expected.dmean = gradient.dmean;
        expected.d_raw = gradient.dlog_variance;
        for (std::size_t i = 0; i < B * L * D; ++i) {
          const double residual = x[i / (L * D) * D + i % D] - mean[i];
          const double square = residual * residual * std::exp(-reference::soft_bound(raw[i], min, max));
          const double bound = bound_magnitude(raw[i], min, max);
          expected.loss_magnitude[i / D] += 0.5 * (LOG_2_PI + bound + square * (1.0 + bound));
          expected.dmean_magnitude.push_back(std::abs(gradient.dmean[i]) * (1.0 + bound));
          expected.d_raw_magnitude.push_back(SCALE * 0.5 * (1.0 + square * (1.0 + bound)));
        }
        expect_datum_dispersion(kernels_of(B, L, D, min, max), expected, mean, raw, x, B, L, D, width);
      }
    }
  }
}

TEST_P(GaussianLikelihoodKernels, DatumVarianceIgnoresWildPadding) {
  for (const std::size_t width : {std::size_t{16}, std::size_t{48}}) {
    Matrix m(2, 5, width, WILD), v(2, 5, width, -WILD), x(2, 5, width, -WILD);
    Losses forward(2), fused(2);
    gaussian_datum_forward(forward.data(), m, v, -10.0f, 10.0f, x, 2, 1, 5);
    gaussian_datum_forward_backward(fused.data(), m, v, m, v, -10.0f, 10.0f, x, 1.0f, 2, 1, 5);
    const Vector expected = reference::gaussian_datum_forward(Vector(10), Vector(10), -10.0, 10.0, Vector(10), 2, 1, 5);
    EXPECT_TRUE(close(forward.values(), expected, expected, 4.0));
    EXPECT_TRUE(close(fused.values(), expected, expected, 4.0));
    EXPECT_TRUE(all_zero(m.padding()) && all_zero(v.padding()));
  }
}

TEST_P(GaussianLikelihoodKernels, SurvivesExtremes) {
  // Residuals whose square is still a float, and variances at the ends of what a float's exponential holds.
  const Vector mean = as_floats({1e15, -1e15, 0.0, 100.0, -1e4, 0.5, 0.0});
  const Vector x = as_floats({0.0, 1.0, 0.0, -100.0, 1e4, 0.5, 1e-3});
  const Vector log_variance{0.0, 10.0, -80.0, 80.0, -10.0, -60.0, -10.0};
  for (const std::size_t width : {std::size_t{16}, std::size_t{48}, mean.size()}) {
    expect_shared_gaussian_is_its_twin(mean, log_variance, x, 1, 1, mean.size(), width, GARBAGE);
    for (std::size_t i = 0; i < mean.size(); ++i) {
      expect_shared_gaussian_is_its_twin({mean[i]}, {log_variance[i]}, {x[i]}, 1, 1, 1, width, GARBAGE);
    }
  }
}

TEST_P(GaussianLikelihoodKernels, ShowsWhatIsNotFinite) {
  constexpr std::size_t B = 3, D = 53;
  for (const std::size_t width : {std::size_t{16}, std::size_t{48}, D}) {
    for (const float bad : {NOT_A_NUMBER, INFINITE, -INFINITE, 1e30f}) {  // 1e30 squared is no float
      expect_dispersions_show_what_is_not_finite(kernels_of(B, 1, D), bad, B, D, width);
    }
  }
}

}  // namespace
}  // namespace aevb
