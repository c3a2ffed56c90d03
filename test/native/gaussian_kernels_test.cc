// Holds the Gaussian likelihood to its plain twins.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <utility>

#include "kernels.h"
#include "likelihood/gaussian.h"
#include "math/panels.h"
#include "reference.h"
#include "support.h"

namespace aevb {
namespace {

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
using test::Row;
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

void expect_shared_gaussian_is_its_twin(const Vector& mean, const Vector& log_variance, const Vector& x, std::size_t B,
                                        std::size_t L, std::size_t D, std::size_t width, float padding) {
  const float scale = 0.3f;
  const Vector expected = reference::gaussian_forward(mean, log_variance, x, B, L, D);
  const reference::GaussianGradient gradient =
      reference::gaussian_likelihood_backward(mean, log_variance, x, scale, B, L, D);
  Vector magnitude(B * L), dlog_variance_magnitude(D), dmean_magnitude;
  for (std::size_t i = 0; i < B * L * D; ++i) {
    const double residual = x[i / (L * D) * D + i % D] - mean[i];
    const double square = residual * residual * std::exp(-log_variance[i % D]);
    magnitude[i / D] += 0.5 * (LOG_2_PI + std::abs(log_variance[i % D]) + square);
    dlog_variance_magnitude[i % D] += 0.5 * scale * (1.0 + square);
    dmean_magnitude.push_back(std::abs(gradient.dmean[i]));
  }

  Row shared(log_variance, panel_count(D, width) * width);
  Matrix m(mean, B * L, D, width, padding), xs(x, B, D, width, padding), dmean(B * L, D, width);
  Losses forward(B * L), fused(B * L), in_place(B * L);
  gaussian_forward(forward.data(), m, shared.data(), xs, B, L, D);
  EXPECT_TRUE(close(forward.values(), expected, magnitude, 10.0));
  EXPECT_TRUE(forward.guard_intact());

  gaussian_forward_backward(fused.data(), dmean, m, shared.data(), xs, scale, B, L, D);
  EXPECT_TRUE(close(fused.values(), expected, magnitude, 10.0));
  EXPECT_TRUE(close(dmean.values(), gradient.dmean, dmean_magnitude, 8.0));
  EXPECT_TRUE(all_zero(dmean.padding()));
  EXPECT_TRUE(fused.guard_intact() && dmean.guards_intact());
  EXPECT_EQ(m.values(), mean);

  gaussian_forward_backward(in_place.data(), m, m, shared.data(), xs, scale, B, L, D);
  EXPECT_EQ(in_place.values(), fused.values());
  EXPECT_EQ(m.values(), dmean.values());
  EXPECT_TRUE(all_zero(m.padding()));
  EXPECT_TRUE(m.guards_intact());
  EXPECT_EQ(xs.values(), x);

  // In stretches within a panel, of a length that is no panel's, from the dmean that the kernel above has made.
  const std::size_t stretch = std::min<std::size_t>(width, 20);
  Vector dlog_variance;
  for (std::size_t first = 0; first < D;) {
    const std::size_t C = std::min({D - first, width - first % width, stretch});
    ConstPanels view = ConstPanels(dmean).from_panel(first / width);
    view.data += first % width;
    Row part(Vector(C, 7.0));
    gaussian_log_variance_backward(part.data(), view, shared.data() + first, scale, B * L, C);
    EXPECT_TRUE(part.guards_intact());
    for (const double value : part.values()) dlog_variance.push_back(value);
    first += C;
  }
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
  constexpr float scale = 0.3f;
  const std::pair<float, float> bounds[] = {{-10.0f, 10.0f}, {-2.0f, 1.5f}};
  for (const Shape& shape : shapes()) {
    for (const std::size_t L : DRAWS) {
      for (const auto& [min, max] : bounds) {
        SCOPED_TRACE(shape.text());
        const auto [B, D, width] = shape;
        const Vector mean = random.floats(B * L * D, -3.0, 3.0);
        Vector raw = random.floats(B * L * D, -14.0, 14.0);
        for (double& value : raw) {
          if (random.index(10) == 0) value = value < 0.0 ? -1e4 : 1e4;
        }
        const Vector x = random.floats(B * D, -3.0, 3.0);
        const Vector expected = reference::gaussian_datum_forward(mean, raw, min, max, x, B, L, D);
        const reference::GaussianGradient gradient =
            reference::gaussian_datum_backward(mean, raw, min, max, x, scale, B, L, D);
        Vector magnitude(B * L), dmean_magnitude, draw_magnitude;
        for (std::size_t i = 0; i < B * L * D; ++i) {
          const double residual = x[i / (L * D) * D + i % D] - mean[i];
          const double square = residual * residual * std::exp(-reference::soft_bound(raw[i], min, max));
          // The sums that the bound is made of are rounded, and exp(−bound) multiplies that. Where raw is far below
          // min the first sum is as large as raw, but hardly counts any more in the second.
          const double below_max = max - std::log1p(std::exp(-std::abs(max - raw[i]))) - std::max(max - raw[i], 0.0);
          const double counts = 1.0 / (1.0 + std::exp(min - below_max));
          const double bound =
              std::abs(min) + 2.0 + counts * (std::abs(max) + std::abs(max - raw[i]) + std::abs(below_max) + 2.0);
          magnitude[i / D] += 0.5 * (LOG_2_PI + bound + square * (1.0 + bound));
          dmean_magnitude.push_back(std::abs(gradient.dmean[i]) * (1.0 + bound));
          draw_magnitude.push_back(scale * 0.5 * (1.0 + square * (1.0 + bound)));
        }

        Matrix m(mean, B * L, D, width), v(raw, B * L, D, width), xs(x, B, D, width);
        Matrix dmean(B * L, D, width), draw(B * L, D, width);
        Losses forward(B * L), fused(B * L), in_place(B * L);
        gaussian_datum_forward(forward.data(), m, v, min, max, xs, B, L, D);
        EXPECT_TRUE(close(forward.values(), expected, magnitude, 4.0));
        gaussian_datum_forward_backward(fused.data(), dmean, draw, m, v, min, max, xs, scale, B, L, D);
        EXPECT_TRUE(close(fused.values(), expected, magnitude, 4.0));
        EXPECT_TRUE(close(dmean.values(), gradient.dmean, dmean_magnitude, 8.0));
        EXPECT_TRUE(close(draw.values(), gradient.dlog_variance, draw_magnitude, 8.0));
        EXPECT_TRUE(all_zero(dmean.padding()) && all_zero(draw.padding()));
        EXPECT_TRUE(dmean.guards_intact() && draw.guards_intact());
        EXPECT_TRUE(forward.guard_intact() && fused.guard_intact());
        EXPECT_EQ(m.values(), mean);
        EXPECT_EQ(v.values(), raw);

        gaussian_datum_forward_backward(in_place.data(), m, v, m, v, min, max, xs, scale, B, L, D);
        EXPECT_EQ(in_place.values(), fused.values());
        EXPECT_EQ(m.values(), dmean.values());
        EXPECT_EQ(v.values(), draw.values());
        EXPECT_TRUE(all_zero(m.padding()) && all_zero(v.padding()));
        EXPECT_TRUE(m.guards_intact() && v.guards_intact());
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
      for (std::size_t i = 0; i < D; ++i) {
        Matrix m(B, D, width), v(B, D, width), x(B, D, width), dmean(B, D, width), draw(B, D, width);
        Row shared(Vector(D), panel_count(D, width) * width);
        m.panels().at(1, i) = bad;
        Losses losses[4] = {Losses(B), Losses(B), Losses(B), Losses(B)};
        gaussian_forward(losses[0].data(), m, shared.data(), x, B, 1, D);
        gaussian_forward_backward(losses[1].data(), dmean, m, shared.data(), x, 1.0f, B, 1, D);
        gaussian_datum_forward(losses[2].data(), m, v, -10.0f, 10.0f, x, B, 1, D);
        gaussian_datum_forward_backward(losses[3].data(), dmean, draw, m, v, -10.0f, 10.0f, x, 1.0f, B, 1, D);
        for (const Losses& loss : losses) {
          EXPECT_FALSE(loss.values()[1] < 1e30) << bad << " in column " << i;
          if (std::isnan(bad)) {
            EXPECT_TRUE(std::isnan(loss.values()[1])) << "column " << i;
          }
          EXPECT_TRUE(std::isfinite(loss.values()[0]) && std::isfinite(loss.values()[2]));
        }
        if (std::isnan(bad)) {
          EXPECT_TRUE(std::isnan(dmean.at(1, i)));
        }

        if (!std::isnan(bad)) continue;
        m.panels().at(1, i) = 0.0f;
        v.panels().at(1, i) = bad;
        gaussian_datum_forward(losses[2].data(), m, v, -10.0f, 10.0f, x, B, 1, D);
        gaussian_datum_forward_backward(losses[3].data(), dmean, draw, m, v, -10.0f, 10.0f, x, 1.0f, B, 1, D);
        EXPECT_TRUE(std::isnan(losses[2].values()[1]) && std::isnan(losses[3].values()[1])) << "column " << i;
        EXPECT_TRUE(std::isnan(draw.at(1, i)));
        shared.data()[i] = bad;
        gaussian_forward(losses[0].data(), m, shared.data(), x, B, 1, D);
        gaussian_forward_backward(losses[1].data(), dmean, m, shared.data(), x, 1.0f, B, 1, D);
        EXPECT_TRUE(std::isnan(losses[0].values()[1]) && std::isnan(losses[1].values()[1])) << "column " << i;
      }
    }
  }
}

}  // namespace
}  // namespace aevb
