// Holds the Laplace likelihood to its plain twins.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "kernels.h"
#include "likelihood/laplace.h"
#include "likelihood_kernels.h"
#include "math/panels.h"
#include "reference_likelihood.h"
#include "support.h"

namespace aevb {
namespace {

using test::all_zero;
using test::close;
using test::DRAWS;
using test::GARBAGE;
using test::INFINITE;
using test::Losses;
using test::Matrix;
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

void expect_shared_is_its_twin(const Vector& mean, const Vector& log_scale, const Vector& x, std::size_t B,
                               std::size_t L, std::size_t D, std::size_t width, float padding) {
  const Vector expected = reference::laplace_forward(mean, log_scale, x, B, L, D);
  const reference::LaplaceGradient gradient = reference::laplace_backward(mean, log_scale, x, SCALE, B, L, D);
  Vector magnitude(B * L), dmean_magnitude, dlog_scale_magnitude, sums(D), sums_magnitude(D);
  for (std::size_t i = 0; i < B * L * D; ++i) {
    const double ratio = std::abs(x[i / (L * D) * D + i % D] - mean[i]) * std::exp(-log_scale[i % D]);
    magnitude[i / D] += LOG_2 + std::abs(log_scale[i % D]) + ratio;
    dmean_magnitude.push_back(std::abs(gradient.dmean[i]));
    dlog_scale_magnitude.push_back(SCALE * (1.0 + ratio));
    sums[i % D] += gradient.dlog_scale[i];
    sums_magnitude[i % D] += dlog_scale_magnitude.back();
  }

  Row shared(log_scale, panel_count(D, width) * width);
  Matrix m(mean, B * L, D, width, padding), xs(x, B, D, width, padding);
  Matrix dmean(B * L, D, width), dlog_scale(B * L, D, width), only_dmean(B * L, D, width);
  Losses forward(B * L), fused(B * L), in_place(B * L), without(B * L);
  laplace_forward(forward.data(), m, shared.data(), xs, B, L, D);
  EXPECT_TRUE(close(forward.values(), expected, magnitude, 10.0));

  laplace_forward_backward(fused.data(), dmean, dlog_scale, m, shared.data(), xs, SCALE, B, L, D);
  EXPECT_EQ(fused.values(), forward.values());
  EXPECT_TRUE(close(dmean.values(), gradient.dmean, dmean_magnitude, 8.0));
  EXPECT_TRUE(close(dlog_scale.values(), gradient.dlog_scale, dlog_scale_magnitude, 8.0));
  EXPECT_TRUE(all_zero(dmean.padding()) && all_zero(dlog_scale.padding()));
  EXPECT_TRUE(dmean.guards_intact() && dlog_scale.guards_intact());
  EXPECT_TRUE(forward.guard_intact() && fused.guard_intact());
  EXPECT_EQ(m.values(), mean);

  laplace_forward_backward(without.data(), only_dmean, {}, m, shared.data(), xs, SCALE, B, L, D);
  EXPECT_EQ(without.values(), forward.values());
  EXPECT_EQ(only_dmean.values(), dmean.values());

  laplace_forward_backward(in_place.data(), m, {}, m, shared.data(), xs, SCALE, B, L, D);
  EXPECT_EQ(in_place.values(), forward.values());
  EXPECT_EQ(m.values(), dmean.values());
  EXPECT_TRUE(all_zero(m.padding()));
  EXPECT_TRUE(m.guards_intact());
  EXPECT_EQ(xs.values(), x);

  // In stretches within a panel, of a length that is no panel's.
  const std::size_t stretch = std::min<std::size_t>(width, 20);
  Vector column_sums;
  for (std::size_t first = 0; first < D;) {
    const std::size_t C = std::min({D - first, width - first % width, stretch});
    ConstPanels view = ConstPanels(dlog_scale).from_panel(first / width);
    view.data += first % width;
    Row part(Vector(C, 7.0));
    laplace_log_scale_backward(part.data(), view, B * L, C);
    EXPECT_TRUE(part.guards_intact());
    for (const double value : part.values()) column_sums.push_back(value);
    first += C;
  }
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
          if (random.index(5) == 0) mean[i] = x[i / (L * D) * D + i % D];  // where the derivative is 0
        }
        expect_shared_is_its_twin(mean, random.floats(D, -8.0, 8.0), x, B, L, D, width, padding);
      }
    }
  }
}

TEST_P(LaplaceKernels, DatumScaleIsItsTwin) {
  Random random(42);
  const std::pair<float, float> bounds[] = {{-10.0f, 10.0f}, {-2.0f, 1.5f}};
  for (const Shape& shape : shapes()) {
    for (const std::size_t L : DRAWS) {
      for (const auto& [min, max] : bounds) {
        SCOPED_TRACE(shape.text());
        const auto [B, D, width] = shape;
        Vector mean = random.floats(B * L * D, -3.0, 3.0);
        Vector raw = random.floats(B * L * D, -14.0, 14.0);
        const Vector x = random.floats(B * D, -3.0, 3.0);
        for (std::size_t i = 0; i < raw.size(); ++i) {
          if (random.index(10) == 0) raw[i] = raw[i] < 0.0 ? -1e4 : 1e4;
          if (random.index(5) == 0) mean[i] = x[i / (L * D) * D + i % D];
        }
        const Vector expected = reference::laplace_datum_forward(mean, raw, min, max, x, B, L, D);
        const reference::LaplaceGradient gradient =
            reference::laplace_datum_backward(mean, raw, min, max, x, SCALE, B, L, D);
        Vector magnitude(B * L), dmean_magnitude, draw_magnitude;
        for (std::size_t i = 0; i < B * L * D; ++i) {
          const double ratio =
              std::abs(x[i / (L * D) * D + i % D] - mean[i]) * std::exp(-reference::soft_bound(raw[i], min, max));
          // As in gaussian_kernels_test.cc: the sums that the bound is made of are rounded.
          const double below_max = max - std::log1p(std::exp(-std::abs(max - raw[i]))) - std::max(max - raw[i], 0.0);
          const double counts = 1.0 / (1.0 + std::exp(min - below_max));
          const double bound =
              std::abs(min) + 2.0 + counts * (std::abs(max) + std::abs(max - raw[i]) + std::abs(below_max) + 2.0);
          magnitude[i / D] += LOG_2 + bound + ratio * (1.0 + bound);
          dmean_magnitude.push_back(std::abs(gradient.dmean[i]) * (1.0 + bound));
          draw_magnitude.push_back(SCALE * (1.0 + ratio * (1.0 + bound)));
        }

        Matrix m(mean, B * L, D, width), s(raw, B * L, D, width), xs(x, B, D, width);
        Matrix dmean(B * L, D, width), draw(B * L, D, width);
        Losses forward(B * L), fused(B * L), in_place(B * L);
        laplace_datum_forward(forward.data(), m, s, min, max, xs, B, L, D);
        EXPECT_TRUE(close(forward.values(), expected, magnitude, 4.0));
        laplace_datum_forward_backward(fused.data(), dmean, draw, m, s, min, max, xs, SCALE, B, L, D);
        EXPECT_EQ(fused.values(), forward.values());
        EXPECT_TRUE(close(dmean.values(), gradient.dmean, dmean_magnitude, 8.0));
        EXPECT_TRUE(close(draw.values(), gradient.dlog_scale, draw_magnitude, 8.0));
        EXPECT_TRUE(all_zero(dmean.padding()) && all_zero(draw.padding()));
        EXPECT_TRUE(dmean.guards_intact() && draw.guards_intact());
        EXPECT_TRUE(forward.guard_intact() && fused.guard_intact());

        laplace_datum_forward_backward(in_place.data(), m, s, m, s, min, max, xs, SCALE, B, L, D);
        EXPECT_EQ(in_place.values(), fused.values());
        EXPECT_EQ(m.values(), dmean.values());
        EXPECT_EQ(s.values(), draw.values());
        EXPECT_TRUE(all_zero(m.padding()) && all_zero(s.padding()));
        EXPECT_TRUE(m.guards_intact() && s.guards_intact());
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
      for (std::size_t i = 0; i < D; ++i) {
        Matrix m(B, D, width), s(B, D, width), x(B, D, width), dmean(B, D, width), draw(B, D, width);
        Row shared(Vector(D), panel_count(D, width) * width);
        m.panels().at(1, i) = bad;
        Losses losses[4] = {Losses(B), Losses(B), Losses(B), Losses(B)};
        laplace_forward(losses[0].data(), m, shared.data(), x, B, 1, D);
        laplace_forward_backward(losses[1].data(), dmean, draw, m, shared.data(), x, 1.0f, B, 1, D);
        EXPECT_EQ(std::isnan(dmean.at(1, i)), std::isnan(bad));
        laplace_datum_forward(losses[2].data(), m, s, -10.0f, 10.0f, x, B, 1, D);
        laplace_datum_forward_backward(losses[3].data(), dmean, draw, m, s, -10.0f, 10.0f, x, 1.0f, B, 1, D);
        EXPECT_EQ(std::isnan(dmean.at(1, i)), std::isnan(bad));
        for (const Losses& loss : losses) {
          EXPECT_FALSE(std::isfinite(loss.values()[1])) << bad << " in column " << i;
          EXPECT_EQ(std::isnan(loss.values()[1]), std::isnan(bad));
          EXPECT_TRUE(std::isfinite(loss.values()[0]) && std::isfinite(loss.values()[2]));
        }

        if (!std::isnan(bad)) continue;
        m.panels().at(1, i) = 0.0f;
        s.panels().at(1, i) = bad;
        laplace_datum_forward_backward(losses[3].data(), dmean, draw, m, s, -10.0f, 10.0f, x, 1.0f, B, 1, D);
        EXPECT_TRUE(std::isnan(losses[3].values()[1]) && std::isnan(draw.at(1, i))) << "column " << i;
        shared.data()[i] = bad;
        laplace_forward(losses[0].data(), m, shared.data(), x, B, 1, D);
        EXPECT_TRUE(std::isnan(losses[0].values()[1])) << "column " << i;
      }
    }
  }
}

}  // namespace
}  // namespace aevb
