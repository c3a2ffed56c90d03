// Class numbers as columns of zeros and ones.

#include "data/one_hot.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include "kernels.h"
#include "reference/objective.h"
#include "support.h"

namespace aevb {
namespace {

using test::GARBAGE;
using test::Matrix;
using test::NOT_A_NUMBER;
using test::Random;
using test::Vector;

TEST(OneHot, IsItsTwin) {
  Random random(88);
  constexpr std::size_t R = 11;
  for (const std::vector<std::size_t>& classes :
       {std::vector<std::size_t>{2}, std::vector<std::size_t>{10}, std::vector<std::size_t>{3, 1, 40, 7},
        std::vector<std::size_t>{100, 2}}) {
    const std::size_t V = classes.size();
    const std::size_t columns = std::accumulate(classes.begin(), classes.end(), std::size_t{0});
    Vector values(R * V);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(random.index(classes[i % V]));
    const Vector expected = reference::one_hot(values, classes, R);
    for (const std::size_t first : {0, 5, 48}) {
      for (const std::size_t repeat : {1, 3}) {
        for (const std::size_t width : {7, 16, 48}) {
          const std::size_t all = first + columns + 2;
          Matrix codes(values, R, V, 2);
          Matrix out(Vector(R * repeat * all, 9.0), R * repeat, all, width);
          one_hot(out, first, codes, classes, R * repeat, repeat);
          for (std::size_t r = 0; r < R * repeat; ++r) {
            for (std::size_t c = 0; c < all; ++c) {
              const bool inside = c >= first && c < first + columns;
              ASSERT_EQ(out.at(r, c), inside ? expected[r / repeat * columns + c - first] : 9.0);
            }
          }
          for (const float padding : out.padding()) EXPECT_EQ(padding, GARBAGE);
          EXPECT_TRUE(out.guards_intact());
        }
      }
    }
  }
}

TEST(OneHot, WhatIsNoClassShows) {
  for (const float bad : {-1.0f, 3.0f, 1.5f, 1e30f, -INFINITY, INFINITY, NOT_A_NUMBER}) {
    Matrix codes({1.0, 0.0, 0.0, 1.0}, 2, 2, 16), out(2, 5, 16);
    codes.panels().at(1, 0) = bad;
    one_hot(out, 0, codes, {3, 2}, 2);
    EXPECT_EQ(out.at(0, 1), 1.0f);
    for (std::size_t c = 0; c < 3; ++c) EXPECT_TRUE(std::isnan(out.at(1, c)));
    EXPECT_EQ(out.at(1, 3), 0.0f);
    EXPECT_EQ(out.at(1, 4), 1.0f);
  }
}

}  // namespace
}  // namespace aevb
