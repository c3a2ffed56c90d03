// What the tests of likelihoods share: of those with one head, and of those with a mean and a dispersion.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <utility>

#include "kernels.h"
#include "support.h"
#include "tensor/panels.h"

namespace aevb::test {

inline constexpr float SCALE = 0.3f;

// A likelihood whose loss is a function of one head and x.
struct OneHead {
  std::function<void(double*, ConstPanels head, ConstPanels x)> forward;
  std::function<void(double*, Panels dhead, ConstPanels head, ConstPanels x)> fused;  // with SCALE
  std::function<void(Panels mean, ConstPanels head)> mean;                            // of as many rows as the head
};

struct Expected {
  Vector loss, loss_magnitude, dhead, dhead_magnitude, mean, mean_magnitude;
};

struct Roundings {
  double loss, dhead, mean;
};

// Holds the three kernels to what is expected: to its twin and to the same bits forward, fused and in place; and their
// writes to where they belong. head: [B L, D], x: [B, D].
inline void expect_one_head(const OneHead& kernels, const Expected& expected, const Roundings& roundings,
                            const Vector& head, const Vector& x, std::size_t B, std::size_t L, std::size_t D,
                            std::size_t width, float padding) {
  Matrix h(head, B * L, D, width, padding), xs(x, B, D, width, padding), dhead(B * L, D, width), mean(B * L, D, width);
  Losses forward(B * L), fused(B * L), in_place(B * L);
  kernels.forward(forward.data(), h, xs);
  EXPECT_TRUE(close(forward.values(), expected.loss, expected.loss_magnitude, roundings.loss));
  EXPECT_TRUE(forward.guard_intact());

  kernels.fused(fused.data(), dhead, h, xs);
  EXPECT_EQ(fused.values(), forward.values());
  EXPECT_TRUE(close(dhead.values(), expected.dhead, expected.dhead_magnitude, roundings.dhead));
  EXPECT_TRUE(all_zero(dhead.padding()));
  EXPECT_TRUE(fused.guard_intact() && dhead.guards_intact());

  kernels.mean(mean, h);
  EXPECT_TRUE(close(mean.values(), expected.mean, expected.mean_magnitude, roundings.mean));
  EXPECT_TRUE(all_finite(mean.padding()));
  EXPECT_TRUE(mean.guards_intact());
  EXPECT_EQ(h.values(), head);
  Matrix other(head, B * L, D, width, padding);
  kernels.mean(other, other);
  EXPECT_EQ(other.values(), mean.values());

  kernels.fused(in_place.data(), h, h, xs);
  EXPECT_EQ(in_place.values(), fused.values());
  EXPECT_EQ(h.values(), dhead.values());
  EXPECT_TRUE(all_zero(h.padding()));
  EXPECT_TRUE(h.guards_intact());
  EXPECT_EQ(xs.values(), x);
}

// A head that is not finite shows in its own row's loss, and NaN also in the gradient and the mean; a NaN in x too.
// x: a good value of each cell.
inline void expect_shows_what_is_not_finite(const OneHead& kernels, double x, std::size_t D, std::size_t width) {
  constexpr std::size_t B = 3;
  for (const float bad : {NOT_A_NUMBER, INFINITE, -INFINITE}) {
    for (std::size_t i = 0; i < D; ++i) {
      Matrix h(B, D, width), xs(Vector(B * D, x), B, D, width), dhead(B, D, width), mean(B, D, width);
      Losses forward(B), fused(B);
      h.panels().at(1, i) = bad;
      kernels.forward(forward.data(), h, xs);
      kernels.fused(fused.data(), dhead, h, xs);
      kernels.mean(mean, h);
      for (const Vector& loss : {forward.values(), fused.values()}) {
        if (std::isnan(bad)) {
          EXPECT_TRUE(std::isnan(loss[1])) << "column " << i;
        }
        EXPECT_TRUE(std::isfinite(loss[0]) && std::isfinite(loss[2]));
      }
      if (!std::isnan(bad)) continue;
      EXPECT_TRUE(std::isnan(dhead.at(1, i)) && std::isnan(mean.at(1, i))) << "column " << i;
      h.panels().at(1, i) = 0.0f;
      xs.panels().at(1, i) = bad;
      kernels.fused(fused.data(), dhead, h, xs);
      EXPECT_TRUE(std::isnan(fused.values()[1]) && std::isnan(dhead.at(1, i))) << "column " << i;
      EXPECT_TRUE(std::isfinite(fused.values()[0]) && std::isfinite(fused.values()[2]));
    }
  }
}

// A likelihood of a mean and a dispersion, which all rows share or the decoder puts out for each datum.
struct MeanAndDispersion {
  std::function<void(double*, ConstPanels mean, const float* shared, ConstPanels x)> forward;
  std::function<void(double*, Panels dmean, ConstPanels mean, const float* shared, ConstPanels x)> fused;  // with SCALE
  std::function<void(double*, ConstPanels mean, ConstPanels raw, ConstPanels x)> datum_forward;
  std::function<void(double*, Panels dmean, Panels d_raw, ConstPanels mean, ConstPanels raw, ConstPanels x)>
      datum_fused;
};

struct ExpectedOfMean {
  Vector loss, loss_magnitude, dmean, dmean_magnitude;
};
struct ExpectedOfBoth : ExpectedOfMean {
  Vector d_raw, d_raw_magnitude;
};

// Holds the two kernels of a shared dispersion to what is expected, forward, fused and in place, and their writes to
// where they belong. mean: [B L, D], x: [B, D], padded with `padding`; shared: [D].
inline void expect_shared_dispersion(const MeanAndDispersion& kernels, const ExpectedOfMean& expected,
                                     const Vector& mean, const Vector& shared, const Vector& x, std::size_t B,
                                     std::size_t L, std::size_t D, std::size_t width, float padding) {
  Row row(shared, panel_count(D, width) * width);
  Matrix m(mean, B * L, D, width, padding), xs(x, B, D, width, padding), dmean(B * L, D, width);
  Losses forward(B * L), fused(B * L), in_place(B * L);
  kernels.forward(forward.data(), m, row.data(), xs);
  EXPECT_TRUE(close(forward.values(), expected.loss, expected.loss_magnitude, 10.0));

  kernels.fused(fused.data(), dmean, m, row.data(), xs);
  EXPECT_EQ(fused.values(), forward.values());
  EXPECT_TRUE(close(dmean.values(), expected.dmean, expected.dmean_magnitude, 8.0));
  EXPECT_TRUE(all_zero(dmean.padding()));
  EXPECT_TRUE(dmean.guards_intact() && forward.guard_intact() && fused.guard_intact());
  EXPECT_EQ(m.values(), mean);

  kernels.fused(in_place.data(), m, m, row.data(), xs);
  EXPECT_EQ(in_place.values(), fused.values());
  EXPECT_EQ(m.values(), dmean.values());
  EXPECT_TRUE(all_zero(m.padding()));
  EXPECT_TRUE(m.guards_intact());
  EXPECT_EQ(xs.values(), x);
}

// The gradient of a shared dispersion, from the rows of a kernel above: in parts within a panel, of a length that
// is no panel's. of(out, rows, first, C): the columns [first, first + C), where `rows` begins.
inline Vector in_stretches(ConstPanels rows, std::size_t D,
                           const std::function<void(float*, ConstPanels, std::size_t, std::size_t)>& of) {
  const std::size_t stretch = std::min<std::size_t>(rows.width, 20);
  Vector all;
  for (std::size_t first = 0; first < D;) {
    const std::size_t C = std::min({D - first, rows.width - first % rows.width, stretch});
    ConstPanels view = rows.from_panel(first / rows.width);
    view.data += first % rows.width;
    Row part(Vector(C, 7.0));
    of(part.data(), view, first, C);
    EXPECT_TRUE(part.guards_intact());
    for (const double value : part.values()) all.push_back(value);
    first += C;
  }
  return all;
}

// The same of a dispersion for each datum. raw: [B L, D].
inline void expect_datum_dispersion(const MeanAndDispersion& kernels, const ExpectedOfBoth& expected,
                                    const Vector& mean, const Vector& raw, const Vector& x, std::size_t B,
                                    std::size_t L, std::size_t D, std::size_t width) {
  Matrix m(mean, B * L, D, width), v(raw, B * L, D, width), xs(x, B, D, width);
  Matrix dmean(B * L, D, width), d_raw(B * L, D, width);
  Losses forward(B * L), fused(B * L), in_place(B * L);
  kernels.datum_forward(forward.data(), m, v, xs);
  EXPECT_TRUE(close(forward.values(), expected.loss, expected.loss_magnitude, 4.0));
  kernels.datum_fused(fused.data(), dmean, d_raw, m, v, xs);
  EXPECT_EQ(fused.values(), forward.values());
  EXPECT_TRUE(close(dmean.values(), expected.dmean, expected.dmean_magnitude, 8.0));
  EXPECT_TRUE(close(d_raw.values(), expected.d_raw, expected.d_raw_magnitude, 8.0));
  EXPECT_TRUE(all_zero(dmean.padding()) && all_zero(d_raw.padding()));
  EXPECT_TRUE(dmean.guards_intact() && d_raw.guards_intact());
  EXPECT_TRUE(forward.guard_intact() && fused.guard_intact());
  EXPECT_EQ(m.values(), mean);
  EXPECT_EQ(v.values(), raw);

  kernels.datum_fused(in_place.data(), m, v, m, v, xs);
  EXPECT_EQ(in_place.values(), fused.values());
  EXPECT_EQ(m.values(), dmean.values());
  EXPECT_EQ(v.values(), d_raw.values());
  EXPECT_TRUE(all_zero(m.padding()) && all_zero(v.padding()));
  EXPECT_TRUE(m.guards_intact() && v.guards_intact());
}

// Bounds of a dispersion that the decoder puts out.
inline constexpr std::pair<float, float> DISPERSION_BOUNDS[] = {{-10.0f, 10.0f}, {-2.0f, 1.5f}};

// What a decoder may put out for it, far beyond the bounds too.
inline Vector raw_dispersions(Random* random, std::size_t count) {
  Vector raw = random->floats(count, -14.0, 14.0);
  for (double& value : raw) {
    if (random->index(10) == 0) value = value < 0.0 ? -1e4 : 1e4;
  }
  return raw;
}

// Magnitude of soft_bound(raw): the sums that the bound is made of are rounded, and an exponential of the bound
// multiplies that. If raw is far below min the first sum is as large as raw, but hardly counts any more in the
// second.
inline double bound_magnitude(double raw, double min, double max) {
  const double below_max = max - std::log1p(std::exp(-std::abs(max - raw))) - std::max(max - raw, 0.0);
  const double counts = 1.0 / (1.0 + std::exp(min - below_max));
  return std::abs(min) + 2.0 + counts * (std::abs(max) + std::abs(max - raw) + std::abs(below_max) + 2.0);
}

// A mean that is not finite, or whose distance's loss is no float, shows in its own row's loss, and NaN in the
// gradient; a dispersion that is NaN shows in both as well. kernels: of B, 1 and D; `bad`: what is no good mean.
inline void expect_dispersions_show_what_is_not_finite(const MeanAndDispersion& kernels, float bad, std::size_t B,
                                                       std::size_t D, std::size_t width) {
  for (std::size_t i = 0; i < D; ++i) {
    Matrix m(B, D, width), v(B, D, width), x(B, D, width), dmean(B, D, width), datum_dmean(B, D, width);
    Matrix draw(B, D, width);
    Row shared(Vector(D), panel_count(D, width) * width);
    Losses losses[4] = {Losses(B), Losses(B), Losses(B), Losses(B)};
    const auto run_shared = [&] {
      kernels.forward(losses[0].data(), m, shared.data(), x);
      kernels.fused(losses[1].data(), dmean, m, shared.data(), x);
    };
    const auto run_datum = [&] {
      kernels.datum_forward(losses[2].data(), m, v, x);
      kernels.datum_fused(losses[3].data(), datum_dmean, draw, m, v, x);
    };
    m.panels().at(1, i) = bad;
    run_shared();
    run_datum();
    for (const Losses& loss : losses) {
      EXPECT_FALSE(std::isfinite(loss.values()[1])) << bad << " in column " << i;
      EXPECT_TRUE(std::isnan(loss.values()[1]) || !std::isnan(bad)) << "column " << i;
      EXPECT_TRUE(std::isfinite(loss.values()[0]) && std::isfinite(loss.values()[2]));
    }
    if (!std::isnan(bad)) continue;
    EXPECT_TRUE(std::isnan(dmean.at(1, i)) && std::isnan(datum_dmean.at(1, i))) << "column " << i;
    m.panels().at(1, i) = 0.0f;
    v.panels().at(1, i) = bad;
    shared.data()[i] = bad;
    run_shared();
    run_datum();
    for (const Losses& loss : losses) EXPECT_TRUE(std::isnan(loss.values()[1])) << "column " << i;
    EXPECT_TRUE(std::isnan(draw.at(1, i))) << "column " << i;
  }
}

}  // namespace aevb::test
