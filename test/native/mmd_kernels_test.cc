// Holds the maximum mean discrepancy to its plain twin, and the twin to finite differences and to what it estimates.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels.h"
#include "objective/mmd.h"
#include "reference/objective.h"
#include "support.h"

namespace aevb {
namespace {

using test::close;
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

class MmdKernels : public test::Kernels {};
AEVB_ON_EVERY_TARGET(MmdKernels);

// In tasks of `stretch` rows; the gradient is added to ones.
struct Step {
  double value = 0.0;
  Vector of_row, dz;
};
Step step(const Vector& z, const Vector& prior, float scale, std::size_t R, std::size_t Z, std::size_t width,
          std::size_t stretch) {
  Matrix z_in(z, R, Z, width), p(prior, R, Z, width), dz(Vector(R * Z, 1.0), R, Z, width);
  Row tables(Vector(mmd_table_floats(R, Z), NAN)), scratch(Vector(mmd_scratch_floats(R), NAN));
  Losses value(R), value_alone(R);
  mmd_tables(tables.data(), z_in, p, R, Z);
  for (std::size_t first = 0; first < R; first += stretch) {
    const std::size_t count = std::min(stretch, R - first);
    mmd_rows(value_alone.data(), {}, tables.data(), scale, scratch.data(), first, count, R, Z);
    mmd_rows(value.data(), dz, tables.data(), scale, scratch.data(), first, count, R, Z);
  }
  Step result{0.0, value.values(), dz.values()};
  for (const double of_row : result.of_row) result.value += of_row;
  for (std::size_t i = 0; i < R; ++i) {
    EXPECT_TRUE(test::is_same(result.of_row[i], value_alone.values()[i]));
  }
  for (const float padding : dz.padding()) EXPECT_EQ(padding, GARBAGE);
  EXPECT_TRUE(value.guard_intact() && dz.guards_intact() && tables.guards_intact() && scratch.guards_intact());
  return result;
}

// A kernel of a sum of Z squares is off by Z / 2 + 4 roundings at most; the sums over rows are double.
TEST_P(MmdKernels, IsItsTwin) {
  Random random(101);
  for (const Shape& shape : shapes()) {
    for (const std::size_t times : {1, 5}) {
      SCOPED_TRACE(shape.text());
      const std::size_t R = shape.rows * times, Z = shape.cols;
      const Vector z = random.floats(R * Z, -2.0, 3.0), prior = random.floats(R * Z, -2.0, 2.0);
      const float scale = 8.0f;
      const Step got = step(z, prior, scale, R, Z, shape.width, 4);
      const double roundings = 0.5 * static_cast<double>(Z) + 6.0;
      EXPECT_TRUE(close({got.value}, {reference::mmd(z, prior, R, Z)}, {4.0}, roundings));
      Vector expected = reference::mmd_backward(z, prior, scale, R, Z);
      Vector magnitude(R * Z, 1.0);
      for (double& value : expected) value += 1.0;
      // Each of 2 R terms is at most 2/(R (R − 1)) · 2/C · 5.
      for (double& one : magnitude) one += 8.0 * 40.0 / (2.0 * static_cast<double>(Z) * static_cast<double>(R));
      EXPECT_TRUE(close(got.dz, expected, magnitude, roundings));
    }
  }
}

TEST_P(MmdKernels, IsTheSameForEveryCut) {
  Random random(102);
  constexpr std::size_t R = 77, Z = 11;
  const Vector z = random.floats(R * Z, -2.0, 3.0), prior = random.floats(R * Z, -2.0, 2.0);
  const Step whole = step(z, prior, 3.0f, R, Z, 48, R);
  for (const std::size_t stretch : {1, 6, 32}) {
    for (const std::size_t width : {12, 16}) {
      const Step part = step(z, prior, 3.0f, R, Z, width, stretch);
      EXPECT_EQ(part.of_row, whole.of_row);
      EXPECT_EQ(part.dz, whole.dz);
    }
  }
}

TEST_P(MmdKernels, OfOneRowIsZero) {
  const Step got = step({4.0, 5.0}, {0.0, 0.0}, 3.0f, 1, 2, 16, 1);
  EXPECT_EQ(got.value, 0.0);
  EXPECT_EQ(got.dz, Vector(2, 1.0));
}

TEST_P(MmdKernels, ShowsWhatIsNotFinite) {
  constexpr std::size_t R = 21, Z = 5;
  Random random(103);
  const Vector prior = random.floats(R * Z, -2.0, 2.0);
  for (std::size_t i = 0; i < R; ++i) {
    Vector z = random.floats(R * Z, -2.0, 2.0);
    z[i * Z + 2] = static_cast<double>(NOT_A_NUMBER);
    Step got = step(z, prior, 1.0f, R, Z, 16, R);
    for (const double of_row : got.of_row) EXPECT_TRUE(std::isnan(of_row));
    z[i * Z + 2] = static_cast<double>(INFINITE);
    got = step(z, prior, 1.0f, R, Z, 16, R);
    EXPECT_TRUE(std::isnan(got.value));
    z[i * Z + 2] = 1e30;  // its square overflows: a kernel of 0, and no pull
    got = step(z, prior, 1.0f, R, Z, 16, R);
    EXPECT_TRUE(std::isfinite(got.value));
    for (const double dz : got.dz) EXPECT_TRUE(std::isfinite(dz));
  }
}

// --- the twin ---

TEST(MmdTwin, GradientIsTheSlope) {
  Random random(104);
  constexpr std::size_t R = 6, Z = 3;
  constexpr double h = 1e-5;
  Vector z = random.vector(R * Z, -2.0, 3.0);
  const Vector prior = random.vector(R * Z, -2.0, 2.0);
  const Vector dz = reference::mmd_backward(z, prior, 2.0, R, Z);
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double at = z[i];
    z[i] = at + h;
    const double above = reference::mmd(z, prior, R, Z);
    z[i] = at - h;
    const double below = reference::mmd(z, prior, R, Z);
    z[i] = at;
    EXPECT_NEAR(dz[i], 2.0 * (above - below) / (2.0 * h), 1e-9);
  }
}

// Over many batches: 0 if both are the prior, within five standard errors; far above 0 if they are not.
TEST(MmdTwin, IsZeroOnAverageForThePriorItself) {
  constexpr std::size_t R = 12, Z = 4, BATCHES = 2000;
  double sum = 0.0, squares = 0.0, shifted = 0.0;
  for (std::uint32_t batch = 0; batch < BATCHES; ++batch) {
    Vector z = reference::normals(R, Z, 1, Purpose::epsilon, batch, 0);
    const Vector prior = reference::normals(R, Z, 1, Purpose::prior, batch, 0);
    const double one = reference::mmd(z, prior, R, Z);
    sum += one;
    squares += one * one;
    for (double& value : z) value += 1.0;
    shifted += reference::mmd(z, prior, R, Z);
  }
  const double error = std::sqrt(squares) / BATCHES;
  ASSERT_TRUE(std::isfinite(error) && std::isfinite(shifted));
  EXPECT_NEAR(sum / BATCHES, 0.0, 5.0 * error);
  EXPECT_GT(shifted / BATCHES, 50.0 * error);
}

}  // namespace
}  // namespace aevb
