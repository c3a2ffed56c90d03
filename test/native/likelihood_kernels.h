// What the tests of likelihoods with one head share.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <functional>

#include "kernels.h"
#include "math/panels.h"
#include "support.h"

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

}  // namespace aevb::test
