// The comparisons that the other tests rely on refuse what is not a number, not finite, or not compared with anything.

#include "comparison.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels.h"

namespace aevb::test {
namespace {

constexpr double NAN_OF_DOUBLES = std::numeric_limits<double>::quiet_NaN();
constexpr double INFINITY_OF_DOUBLES = std::numeric_limits<double>::infinity();
constexpr Tolerance LOOSE{0.5, 1.0};

TEST(Comparison, HoldsTheDifferenceToTheExpectedNumber) {
  EXPECT_TRUE(is_near(14.0, 10.0, Tolerance{0.4, 0.0}));
  EXPECT_FALSE(is_near(10.0, 14.0, Tolerance{0.2, 0.0}));
  EXPECT_TRUE(is_near(10.0, 14.0, Tolerance{0.25, 0.5}));
  EXPECT_TRUE(is_near({1.0, 100.0}, {1.0, 101.0}, Tolerance{0.01, 0.0}));
  EXPECT_FALSE(is_near({1.5, 101.0}, {1.0, 101.0}, Tolerance{0.01, 0.0}));
  EXPECT_TRUE(is_near_in_all({1.5, 101.0}, {1.0, 101.0}, Tolerance{0.01, 0.0}));
  EXPECT_FALSE(is_near_in_all({2.5, 101.0}, {1.0, 101.0}, Tolerance{0.01, 0.0}));
}

TEST(Comparison, OfNanFails) {
  for (const double other : {0.0, NAN_OF_DOUBLES, INFINITY_OF_DOUBLES}) {
    EXPECT_FALSE(is_near(NAN_OF_DOUBLES, other, LOOSE));
    EXPECT_FALSE(is_near(other, NAN_OF_DOUBLES, LOOSE));
    EXPECT_FALSE(is_near_in_all({NAN_OF_DOUBLES, 1.0}, {other, 1.0}, LOOSE));
    EXPECT_FALSE(is_near_in_all({1.0, other}, {1.0, NAN_OF_DOUBLES}, LOOSE));
    EXPECT_FALSE(close({NAN_OF_DOUBLES}, {other}, {1.0}, 8.0));
    EXPECT_FALSE(close({other}, {NAN_OF_DOUBLES}, {1.0}, 8.0));
  }
  EXPECT_FALSE(is_near_in_all({1.0, 2.0}, {NAN_OF_DOUBLES, 2.0}, LOOSE));
}

TEST(Comparison, OfAnInfinityFailsUnlessItIsExpected) {
  for (const double infinite : {INFINITY_OF_DOUBLES, -INFINITY_OF_DOUBLES}) {
    EXPECT_TRUE(is_near(infinite, infinite, LOOSE));
    EXPECT_TRUE(close({infinite}, {infinite}, {1.0}, 8.0));
    for (const double other : {0.0, -infinite}) {
      EXPECT_FALSE(is_near(infinite, other, LOOSE));
      EXPECT_FALSE(is_near(other, infinite, LOOSE));
      EXPECT_FALSE(close({infinite}, {other}, {1.0}, 8.0));
      EXPECT_FALSE(close({other}, {infinite}, {1.0}, 8.0));
    }
  }
}

TEST(Comparison, WithAToleranceThatIsNotFiniteFails) {
  for (const double bad : {NAN_OF_DOUBLES, INFINITY_OF_DOUBLES}) {
    EXPECT_FALSE(is_near(1.0, 1.5, bad));
    EXPECT_FALSE(close({1.0}, {1.5}, {bad}, 8.0));
    EXPECT_FALSE(close({1.0}, {1.5}, {1.0}, bad));
  }
}

TEST(Comparison, OfMoreOrFewerElementsFails) {
  EXPECT_FALSE(is_near(Vector{}, Vector{1.0}, LOOSE));
  EXPECT_FALSE(is_near(Vector{1.0}, Vector{}, LOOSE));
  EXPECT_FALSE(close({}, {1.0}, {1.0}, 8.0));
  EXPECT_FALSE(close({1.0}, {1.0}, {}, 8.0));
}

TEST(Comparison, TheLargestOfNumbersWithNanIsNan) {
  EXPECT_EQ(largest_magnitude({1.0, -3.0, 2.0}), 3.0);
  EXPECT_TRUE(std::isnan(largest_magnitude({NAN_OF_DOUBLES, 1.0, 2.0})));
  EXPECT_TRUE(std::isnan(largest_magnitude({1.0, NAN_OF_DOUBLES, 2.0})));
  EXPECT_TRUE(std::isnan(largest_magnitude({1.0, 2.0, NAN_OF_DOUBLES})));
}

}  // namespace
}  // namespace aevb::test
