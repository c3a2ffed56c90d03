// Holds the random numbers to their plain twins, and to what they should look like.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels.h"
#include "math/random.h"
#include "reference/layers.h"
#include "support.h"

namespace aevb {
namespace {

using test::all_finite;
using test::Matrix;
using test::Random;
using test::Shape;
using test::shapes;
using test::Vector;

class RandomKernels : public test::Kernels {};
AEVB_ON_EVERY_TARGET(RandomKernels);

TEST_P(RandomKernels, PhiloxIsItsTwin) {
  Random random(14);
  for (int i = 0; i < 200; ++i) {
    std::uint32_t c[6];
    for (std::uint32_t& word : c) {
      word = static_cast<std::uint32_t>(random.index(std::size_t{1} << 32));
      if (random.index(4) == 0) word = random.index(2) == 0 ? 0 : 0xffffffff;
    }
    const Philox block = philox(c[4] | std::uint64_t{c[5]} << 32, static_cast<Purpose>(c[3]), c[2], c[1], c[0]);
    const auto expected = reference::philox4x32_10({c[0], c[1], c[2], c[3]}, {c[4], c[5]});
    for (std::size_t word = 0; word < 4; ++word) EXPECT_EQ(block.word[word], expected[word]);
  }
}

TEST_P(RandomKernels, PhiloxGivesItsKnownAnswer) {
  const Philox block = philox(0x299f31d0a4093822, Purpose{0x03707344}, 0x13198a2e, 0x85a308d3, 0x243f6a88);
  EXPECT_EQ(block.word[0], 0xd16cfe09u);
  EXPECT_EQ(block.word[1], 0x94fdcceb);
  EXPECT_EQ(block.word[2], 0x5001e420u);
  EXPECT_EQ(block.word[3], 0x24126ea1u);
}

TEST_P(RandomKernels, NormalsAreTheirTwins) {
  for (const Shape& shape : shapes()) {
    SCOPED_TRACE(shape.text());
    const auto [rows, cols, width] = shape;
    Matrix out(rows, cols, width);
    const std::uint64_t seed = 0x123456789abcdef0 + cols;
    fill_normal(out, rows, cols, seed, Purpose::epsilon, 70000, 12345);
    const Vector expected = reference::normals(rows, cols, seed, Purpose::epsilon, 70000, 12345);
    const Vector got = out.values();
    for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-5);
    EXPECT_TRUE(all_finite(out.padding()));
    EXPECT_TRUE(out.guards_intact());
  }
}

// Rows drawn apart, and in another layout, are the same bits.
TEST_P(RandomKernels, NormalsDependOnTheirPlaceAlone) {
  constexpr std::size_t ROWS = 23;
  for (const std::size_t cols : {1, 10, 16, 50}) {
    Matrix whole(ROWS, cols, 48);
    fill_normal(whole, ROWS, cols, 3, Purpose::prior, 0, 100);
    for (const std::size_t width : {std::size_t{16}, std::size_t{48}, cols}) {
      for (const std::size_t first : {0, 1, 6, 22}) {
        for (const std::size_t rows : {std::size_t{1}, std::size_t{5}, std::size_t{8}}) {
          if (first + rows > ROWS) continue;
          Matrix part(rows, cols, width);
          fill_normal(part, rows, cols, 3, Purpose::prior, 0, static_cast<std::uint32_t>(100 + first));
          for (std::size_t r = 0; r < rows; ++r) {
            for (std::size_t c = 0; c < cols; ++c) ASSERT_EQ(part.at(r, c), whole.at(first + r, c));
          }
        }
      }
    }
  }
}

TEST_P(RandomKernels, NormalsDifferBySeedPurposeStepAndRow) {
  const auto draw = [](std::uint64_t seed, Purpose purpose, std::uint32_t step, std::uint32_t row) {
    Matrix out(1, 8, 16);
    fill_normal(out, 1, 8, seed, purpose, step, row);
    return out.values();
  };
  const Vector base = draw(1, Purpose::epsilon, 2, 3);
  EXPECT_EQ(base, draw(1, Purpose::epsilon, 2, 3));
  for (const Vector& other :
       {draw(2, Purpose::epsilon, 2, 3), draw(1 + (std::uint64_t{1} << 32), Purpose::epsilon, 2, 3),
        draw(1, Purpose::evaluate, 2, 3), draw(1, Purpose::epsilon, 3, 3), draw(1, Purpose::epsilon, 2, 4)}) {
    for (std::size_t i = 0; i < 8; ++i) EXPECT_NE(base[i], other[i]);
  }
}

// Each moment within four standard errors of that of N(0, 1).
TEST_P(RandomKernels, NormalsHaveTheMomentsOfANormal) {
  constexpr std::size_t ROWS = 2000, COLS = 250;
  constexpr double N = ROWS * COLS;
  Matrix out(ROWS, COLS, 48);
  fill_normal(out, ROWS, COLS, 42, Purpose::epsilon, 0, 0);
  double sums[5] = {}, neighbours = 0.0, largest = 0.0;
  const Vector values = out.values();
  for (std::size_t i = 0; i < values.size(); ++i) {
    double power = 1.0;
    for (int k = 1; k <= 4; ++k) sums[k] += power *= values[i];
    if (i > 0) neighbours += values[i] * values[i - 1];
    largest = test::larger(largest, std::abs(values[i]));
  }
  EXPECT_NEAR(sums[1] / N, 0.0, 4.0 * std::sqrt(1.0 / N));
  EXPECT_NEAR(sums[2] / N, 1.0, 4.0 * std::sqrt(2.0 / N));
  EXPECT_NEAR(sums[3] / N, 0.0, 4.0 * std::sqrt(15.0 / N));
  EXPECT_NEAR(sums[4] / N, 3.0, 4.0 * std::sqrt(96.0 / N));
  EXPECT_NEAR(neighbours / N, 0.0, 4.0 * std::sqrt(1.0 / N));
  EXPECT_GT(largest, 4.0);
  EXPECT_LT(largest, 6.7);  // √(−2 log 2⁻³²)
}

}  // namespace
}  // namespace aevb
