// What the tests of the elementwise kernels share: each runs once for every instruction set of this machine, over
// shapes that are whole panels and shapes that are not, and holds results to the plain twin in reference.h.
//
// Tolerances are counted in roundings: one is 2⁻²⁴ times the magnitude of the sum that the result comes from, that is
// the sum with every term made positive. A float operation makes one (half a unit in the last place), an exponential
// two or three; so a chain of a dozen operations needs a dozen, and a sum in float a few more.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "comparison.h"
#include "math/target.h"
#include "support.h"

namespace aevb::test {

// Kernels may take what is smaller for zero: exponentials end here, and denormals are flushed on the pool's threads.
inline constexpr double SMALLEST = 1e-36;
inline constexpr float NOT_A_NUMBER = std::numeric_limits<float>::quiet_NaN();
inline constexpr float INFINITE = std::numeric_limits<float>::infinity();
// Padding may be anything finite if nothing else is said.
inline constexpr float WILD = -3e38f;

// |got − expected| ≤ roundings · 2⁻²⁴ · magnitude for every element, which comes from the expected ones. As in
// comparison.h NaN is close to nothing.
inline testing::AssertionResult close(const Vector& got, const Vector& expected, const Vector& magnitude,
                                      double roundings) {
  if (got.size() != expected.size() || got.size() != magnitude.size()) {
    return testing::AssertionFailure() << got.size() << " elements instead of " << expected.size() << ", magnitudes of "
                                       << magnitude.size();
  }
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double rounding = 0x1p-24 * magnitude[i];
    if (!is_within(got[i], expected[i], roundings * rounding + SMALLEST)) {
      return testing::AssertionFailure() << "element " << i << " is " << got[i] << " instead of " << expected[i]
                                         << ": off by " << std::abs(got[i] - expected[i]) / rounding
                                         << " roundings, not " << roundings;
    }
  }
  return testing::AssertionSuccess();
}

inline bool all_finite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

inline bool all_zero(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return value == 0.0f; });
}

// A result of one double a row, with a guard behind it.
class Losses {
 public:
  explicit Losses(std::size_t rows) : values_(rows + 1, static_cast<double>(GUARD)) {}
  double* data() { return values_.data(); }
  Vector values() const { return {values_.begin(), values_.end() - 1}; }
  bool guard_intact() const { return values_.back() == static_cast<double>(GUARD); }

 private:
  Vector values_;
};

struct Shape {
  std::size_t rows, cols, width;

  std::string text() const {
    return std::to_string(rows) + " x " + std::to_string(cols) + " in panels of " + std::to_string(width);
  }
};

// Edges of every instruction set's panels, and with a CBLAS's one panel the same widths, aligned to nothing.
inline std::vector<Shape> shapes() {
  std::set<std::size_t> widths;
  for (const Target target : {Target::portable, Target::neon, Target::avx2, Target::avx512}) {
    widths.insert(static_cast<std::size_t>(panel_width(target)));
  }
  std::vector<Shape> shapes;
  for (const std::size_t rows : {1, 4, 13}) {
    std::set<std::size_t> all_cols{1, 2, 3, 5, 7, 8, 31, 97};
    for (const std::size_t width : widths) {
      for (const std::size_t cols : {std::size_t{1}, width - 1, width, width + 1, 2 * width, 3 * width + 5}) {
        shapes.push_back({rows, cols, width});
        all_cols.insert(cols);
      }
    }
    for (const std::size_t cols : all_cols) shapes.push_back({rows, cols, cols});
  }
  return shapes;
}

// Draws of each datum.
inline constexpr std::size_t DRAWS[] = {1, 3};

// A test of kernels: derive from it, name the class in AEVB_ON_EVERY_TARGET and write TEST_P.
class Kernels : public testing::TestWithParam<Target> {
 protected:
  void SetUp() override { set_active_target(GetParam()); }
  void TearDown() override { set_active_target(before_); }

 private:
  const Target before_ = active_target();
};

inline std::vector<Target> every_runnable_target() {
  int count = 0;
  const Target* targets = runnable_targets(&count);
  return {targets, targets + count};
}

}  // namespace aevb::test

#define AEVB_ON_EVERY_TARGET(suite)                                                              \
  INSTANTIATE_TEST_SUITE_P(EveryTarget, suite, testing::ValuesIn(test::every_runnable_target()), \
                           [](const auto& info) { return std::string(target_name(info.param)); })
