// Holds the Laplace likelihood to its plain twins.

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>

#include "kernels.h"
#include "likelihood/laplace.h"
#include "likelihood/log_dispersion.h"
#include "likelihood_kernels.h"
#include "reference/likelihood.h"
#include "support.h"
#include "tensor/panels.h"

namespace aevb {
namespace {

using test::all_zero;
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

class LaplaceKernels : public test::Kernels {};
AEVB_ON_EVERY_TARGET(LaplaceKernels);

const double LOG_2 = std::log(2.0);

MeanAndDispersion kernels_of(std::size_t B, std::size_t L, std::size_t D, float min = -10.0f, float max = 10.0f) {
  return {[=](double* loss, ConstPanels mean, const float* log_scale, ConstPanels x) {
            laplace_forward(loss, mean, log_scale, x, B, L, D);
          },
          [=](double* loss, Panels dmean, ConstPanels mean, const float* log_scale, ConstPanels x) {
            laplace_forward_backward(loss, dmean, {}, mean, log_scale, x, SCALE, B, L, D);
          },
          [=](double* loss, ConstPanels mean, ConstPanels raw, ConstPanels x) {
            laplace_datum_forward(loss, mean, raw, min, max, x, B, L, D);
          },
          [=](double* loss, Panels dmean, Panels d_raw, ConstPanels mean, ConstPanels raw, ConstPanels x) {
            laplace_datum_forward_backward(loss, dmean, d_raw, mean, raw, min, max, x, SCALE, B, L, D);
          }};
}

void expect_shared_is_its_twin(const Vector& mean, const Vector& log_scale, const Vector& x, std::size_t B,
                               std::size_t L, std::size_t D, std::size_t width, float padding) {
  const reference::LaplaceGradient gradient = reference::laplace_backward(mean, log_scale, x, SCALE, B, L, D);
  ExpectedOfMean expected{reference::laplace_forward(mean, log_scale, x, B, L, D), Vector(B * L), gradient.dmean,
                          gradient.dmean};
  for (double& value : expected.dmean_magnitude) value = std::abs(value);
  Vector dlog_scale_magnitude, sums(D), sums_magnitude(D);
  for (std::size_t i = 0; i < B * L * D; ++i) {
    const double ratio = std::abs(x[i / (L * D) * D + i % D] - mean[i]) * std::exp(-log_scale[i % D]);
    expected.loss_magnitude[i / D] += LOG_2 + std::abs(log_scale[i % D]) + ratio;
    dlog_scale_magnitude.push_back(SCALE * (1.0 + ratio));
    sums[i % D] += gradient.dlog_scale[i];
    sums_magnitude[i % D] += dlog_scale_magnitude.back();
  }
  const MeanAndDispersion kernels = kernels_of(B, L, D);
  expect_shared_dispersion(kernels, expected, mean, log_scale, x, B, L, D, width, padding);

  // With the scale's gradient beside it, nothing else changes.
  Row shared(log_scale, panel_count(D, width) * width);
  Matrix m(mean, B * L, D, width, padding), xs(x, B, D, width, padding);
  Matrix dmean(B * L, D, width), dlog_scale(B * L, D, width), without(B * L, D, width);
  Losses loss(B * L), loss_without(B * L);
  kernels.fused(loss_without.data(), without, m, shared.data(), xs);
  laplace_forward_backward(loss.data(), dmean, dlog_scale, m, shared.data(), xs, SCALE, B, L, D);
  EXPECT_EQ(loss.values(), loss_without.values());
  EXPECT_EQ(dmean.values(), without.values());
  EXPECT_TRUE(close(dlog_scale.values(), gradient.dlog_scale, dlog_scale_magnitude, 8.0));
  EXPECT_TRUE(all_zero(dmean.padding()) && all_zero(dlog_scale.padding()));
  EXPECT_TRUE(dmean.guards_intact() && dlog_scale.guards_intact() && loss.guard_intact());
  const Vector column_sums = in_stretches(dlog_scale, D, [&](float* out, ConstPanels rows, std::size_t, std::size_t C) {
    log_dispersion_backward(out, rows, B * L, C);
  });
  EXPECT_TRUE(close(column_sums, sums, sums_magnitude, 8.0));
}

TEST_P(LaplaceKernels, SharedScaleIsItsTwin) {
  Random random(41);
  for (const Shape& shape : shapes()) {
    for (const std::size_t L : DRAWS) {
      for (const float padding : {GARBAGE, WILD}) {
        SCOPED_TRACE(shape.text());
        const auto [B, D, width] = shape;
        Vector mean = random.floats(B * L * D, -3.0, 3.0);
        const Vector x = random.floats(B * D, -3.0, 3.0);
        for (std::size_t i = 0; i < mean.size(); ++i) {
          if (random.index(5) == 0) mean[i] = x[i / (L * D) * D + i % D];  // a derivative of 0
        }
        expect_shared_is_its_twin(mean, random.floats(D, -8.0, 8.0), x, B, L, D, width, padding);
      }
    }
  }
}

TEST_P(LaplaceKernels, DatumScaleIsItsTwin) {
  Random random(42);
  for (const Shape& shape : shapes()) {
    for (const std::size_t L : DRAWS) {
      for (const auto& [min, max] : DISPERSION_BOUNDS) {
        SCOPED_TRACE(shape.text());
        const auto [B, D, width] = shape;
        Vector mean = random.floats(B * L * D, -3.0, 3.0);
        const Vector raw = raw_dispersions(&random, B * L * D);
        const Vector x = random.floats(B * D, -3.0, 3.0);
        for (std::size_t i = 0; i < mean.size(); ++i) {
          if (random.index(5) == 0) mean[i] = x[i / (L * D) * D + i % D];  // a derivative of 0
        }
        const reference::LaplaceGradient gradient =
            reference::laplace_datum_backward(mean, raw, min, max, x, SCALE, B, L, D);
        ExpectedOfBoth expected;
        expected.loss = reference::laplace_datum_forward(mean, raw, min, max, x, B, L, D);
        expected.loss_magnitude.resize(B * L);
        expected.dmean = gradient.dmean;
        expected.d_raw = gradient.dlog_scale;
        for (std::size_t i = 0; i < B * L * D; ++i) {
          const double ratio =
              std::abs(x[i / (L * D) * D + i % D] - mean[i]) * std::exp(-reference::soft_bound(raw[i], min, max));
          const double bound = bound_magnitude(raw[i], min, max);
          expected.loss_magnitude[i / D] += LOG_2 + bound + ratio * (1.0 + bound);
          expected.dmean_magnitude.push_back(std::abs(gradient.dmean[i]) * (1.0 + bound));
          expected.d_raw_magnitude.push_back(SCALE * (1.0 + ratio * (1.0 + bound)));
        }
        expect_datum_dispersion(kernels_of(B, L, D, min, max), expected, mean, raw, x, B, L, D, width);
      }
    }
  }
}

TEST_P(LaplaceKernels, SurvivesExtremes) {
  const Vector mean{1e4, -1e4, 0.0, 0.0, 1e15, 1e-30, -2.0}, x{0.0, 1e4, 0.0, 1.0, 1e15, 0.0, 2.0};
  const Vector log_scale{0.0, 10.0, -80.0, 80.0, -10.0, -60.0, -10.0};
  for (const std::size_t width : {std::size_t{16}, std::size_t{48}, mean.size()}) {
    expect_shared_is_its_twin(test::as_floats(mean), log_scale, test::as_floats(x), 1, 1, mean.size(), width, GARBAGE);
  }
}

TEST_P(LaplaceKernels, ShowsWhatIsNotFinite) {
  constexpr std::size_t B = 3, D = 53;
  for (const std::size_t width : {std::size_t{16}, std::size_t{48}, D}) {
    for (const float bad : {NOT_A_NUMBER, INFINITE, -INFINITE}) {
      expect_dispersions_show_what_is_not_finite(kernels_of(B, 1, D), bad, B, D, width);
    }
  }
}

}  // namespace
}  // namespace aevb
