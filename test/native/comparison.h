// How the C++ tests compare numbers with a tolerance. It comes from the expected number, never from the one under test,
// which could widen it by being wrong. NaN is near nothing, an infinity near itself alone, and a tolerance that is not
// finite admits nothing.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "support.h"

namespace aevb::test {

// |got − expected| ≤ tolerance
inline bool is_within(double got, double expected, double tolerance) {
  if (std::isinf(expected)) return got == expected;
  return std::isfinite(tolerance) && std::abs(got - expected) <= tolerance;
}

struct Tolerance {
  double relative = 0.0, absolute = 0.0;

  double around(double expected) const { return relative * std::abs(expected) + absolute; }
};

inline testing::AssertionResult is_near(double got, double expected, double tolerance) {
  if (is_within(got, expected, tolerance)) return testing::AssertionSuccess();
  return testing::AssertionFailure() << got << " instead of " << expected << ": off by " << got - expected << ", not "
                                     << tolerance;
}
inline testing::AssertionResult is_near(double got, double expected, const Tolerance& tolerance) {
  return is_near(got, expected, tolerance.around(expected));
}

// Element by element, each with its own tolerance.
inline testing::AssertionResult are_near(const Vector& got, const Vector& expected, const Vector& tolerance) {
  if (got.size() != expected.size()) {
    return testing::AssertionFailure() << got.size() << " elements instead of " << expected.size();
  }
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!is_within(got[i], expected[i], tolerance[i])) {
      return is_near(got[i], expected[i], tolerance[i]) << ", in element " << i;
    }
  }
  return testing::AssertionSuccess();
}
inline testing::AssertionResult is_near(const Vector& got, const Vector& expected, const Tolerance& tolerance) {
  Vector of_element;
  for (const double value : expected) of_element.push_back(tolerance.around(value));
  return are_near(got, expected, of_element);
}

// NaN if one is: std::max would drop it.
inline double larger(double a, double b) { return a >= b || std::isnan(a) ? a : b; }
inline double largest_magnitude(const Vector& values) {
  double largest = 0.0;
  for (const double value : values) largest = larger(largest, std::abs(value));
  return largest;
}

// The tolerance of every element comes from the largest expected one.
inline testing::AssertionResult is_near_in_all(const Vector& got, const Vector& expected, const Tolerance& tolerance) {
  return are_near(got, expected, Vector(expected.size(), tolerance.around(largest_magnitude(expected))));
}

// The same number, or NaN both.
inline bool is_same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

}  // namespace aevb::test
