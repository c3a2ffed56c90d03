// Holds the Gaussian likelihood to its plain twins.

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <numbers>

#include "kernels.h"
#include "likelihood/gaussian.h"
#include "likelihood_kernels.h"
#include "math/panels.h"
#include "reference.h"
#include "support.h"

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

TEST_P(GaussianLikelihoodKernels, SoftBoundIsItsTwin) {
  for (double raw = -60.0; raw <= 60.0; raw += 0.5) {
    EXPECT_NEAR(soft_bound(raw, -3.0, 2.0), reference::soft_bound(raw, -3.0, 2.0), 1e-13);
    EXPECT_NEAR(soft_bound_derivative(raw, -3.0, 2.0), reference::soft_bound_derivative(raw, -3.0, 2.0), 1e-13);
  }
  for (const double raw : {-1e4, 1e4, -1e300, 1e300}) {
    EXPECT_NEAR(soft_bound(raw, -3.0, 2.0), reference::soft_bound(raw, -3.0, 2.0), 1e-13);
    EXPECT_NEAR(soft_bound_derivative(raw, -3.0, 2.0), reference::soft_bound_derivative(raw, -3.0, 2.0), 1e-13);
  }
  EXPECT_TRUE(std::isnan(soft_bound(std::nan(""), -3.0, 2.0)));
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
          [=](double* loss, Panels dmean, Panels draw, ConstPanels mean, ConstPanels raw, ConstPanels x) {
            gaussian_datum_forward_backward(loss, dmean, draw, mean, raw, min, max, x, SCALE, B, L, D);
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
        expected.draw = gradient.dlog_variance;
        for (std::size_t i = 0; i < B * L * D; ++i) {
          const double residual = x[i / (L * D) * D + i % D] - mean[i];
          const double square = residual * residual * std::exp(-reference::soft_bound(raw[i], min, max));
          const double bound = bound_magnitude(raw[i], min, max);
          expected.loss_magnitude[i / D] += 0.5 * (LOG_2_PI + bound + square * (1.0 + bound));
          expected.dmean_magnitude.push_back(std::abs(gradient.dmean[i]) * (1.0 + bound));
          expected.draw_magnitude.push_back(SCALE * 0.5 * (1.0 + square * (1.0 + bound)));
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
