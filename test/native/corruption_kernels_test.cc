// Holds corruption and binarisation to their plain twins, and to the probabilities that they are of.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "data/binarize.h"
#include "data/corruption.h"
#include "kernels.h"
#include "reference/objective.h"
#include "support.h"

namespace aevb {
namespace {

using test::all_zero;
using test::Matrix;
using test::NOT_A_NUMBER;
using test::Random;
using test::Shape;
using test::shapes;
using test::Vector;

class CorruptionKernels : public test::Kernels {};
AEVB_ON_EVERY_TARGET(CorruptionKernels);
class BinarizeKernels : public test::Kernels {};
AEVB_ON_EVERY_TARGET(BinarizeKernels);

constexpr CorruptionType TYPES[] = {CorruptionType::none, CorruptionType::gaussian, CorruptionType::masking,
                                    CorruptionType::saltAndPepper};
constexpr std::uint64_t SEED = 0x123456789abcdef0;

TEST_P(CorruptionKernels, IsItsTwin) {
  Random random(89);
  for (const Shape& shape : shapes()) {
    for (const CorruptionType type : TYPES) {
      SCOPED_TRACE(shape.text());
      const auto [R, D, width] = shape;
      const CorruptionSpec spec{type, 0.375};
      const Vector x = random.floats(R * D, 0.1, 0.9);
      Matrix inp(x, R, D, width), out(R, D, width);
      corrupt(out, inp, spec, SEED, 70000, 12345, R, D);
      const Vector expected = reference::corrupt(x, spec, SEED, 70000, 12345, R, D);
      const Vector got = out.values();
      for (std::size_t i = 0; i < got.size(); ++i) {
        // The normal numbers are those of fill_normal, which are as close to their twin.
        if (type == CorruptionType::gaussian) {
          ASSERT_NEAR(got[i], expected[i], 1e-5);
        } else {
          ASSERT_EQ(got[i], expected[i]);
        }
      }
      EXPECT_TRUE(all_zero(out.padding()));
      EXPECT_TRUE(out.guards_intact());
      EXPECT_EQ(inp.values(), x);
    }
  }
}

TEST_P(CorruptionKernels, DependsOnItsPlaceAlone) {
  Random random(90);
  constexpr std::size_t R = 13, D = 77;
  const Vector x = random.floats(R * D, 0.0, 1.0);
  for (const CorruptionType type : TYPES) {
    Matrix inp(x, R, D, 48), whole(R, D, 48);
    corrupt(whole, inp, {type, 0.5}, 3, 4, 100, R, D);
    for (const std::size_t width : {12, 16, 80}) {
      for (const std::size_t first : {0, 1, 12}) {
        const std::size_t rows = R - first;
        Matrix part_inp(Vector(x.begin() + first * D, x.end()), rows, D, width), part(rows, D, width);
        corrupt(part, part_inp, {type, 0.5}, 3, 4, static_cast<std::uint32_t>(100 + first), rows, D);
        for (std::size_t r = 0; r < rows; ++r) {
          for (std::size_t c = 0; c < D; ++c) ASSERT_EQ(part.at(r, c), whole.at(first + r, c));
        }
      }
    }
  }
}

// Frequencies and moments within five standard errors.
TEST_P(CorruptionKernels, HasItsProbability) {
  constexpr std::size_t R = 200, D = 250;
  constexpr double N = R * D;
  for (const double amount : {0.0, 0.1, 0.5, 1.0}) {
    Matrix x(Vector(R * D, 0.5), R, D, 48), out(R, D, 48);
    const double error = 5.0 * std::sqrt(amount * (1.0 - amount) / N);
    corrupt(out, x, {CorruptionType::masking, amount}, 42, 0, 0, R, D);
    const Vector masked = out.values();
    EXPECT_NEAR(static_cast<double>(std::count(masked.begin(), masked.end(), 0.0)) / N, amount, error);
    corrupt(out, x, {CorruptionType::saltAndPepper, amount}, 42, 1, 0, R, D);
    const Vector mixed = out.values();
    const auto zeros = static_cast<double>(std::count(mixed.begin(), mixed.end(), 0.0));
    const auto ones = static_cast<double>(std::count(mixed.begin(), mixed.end(), 1.0));
    EXPECT_NEAR((zeros + ones) / N, amount, error);
    EXPECT_NEAR((zeros - ones) / N, 0.0, 5.0 * std::sqrt(amount / N));
    corrupt(out, x, {CorruptionType::gaussian, amount}, 42, 2, 0, R, D);
    double sum = 0.0, squares = 0.0;
    for (const double value : out.values()) {
      sum += value - 0.5;
      squares += (value - 0.5) * (value - 0.5);
    }
    EXPECT_NEAR(sum / N, 0.0, 5.0 * amount / std::sqrt(N));
    EXPECT_NEAR(squares / N, amount * amount, 5.0 * amount * amount * std::sqrt(2.0 / N));
  }
}

TEST_P(CorruptionKernels, DiffersByStep) {
  Matrix x(Vector(64, 0.5), 1, 64, 16), one(1, 64, 16), other(1, 64, 16);
  for (const CorruptionType type : {CorruptionType::gaussian, CorruptionType::masking, CorruptionType::saltAndPepper}) {
    corrupt(one, x, {type, 0.5}, 7, 1, 0, 1, 64);
    corrupt(other, x, {type, 0.5}, 7, 2, 0, 1, 64);
    EXPECT_NE(one.values(), other.values());
  }
}

TEST_P(BinarizeKernels, IsItsTwin) {
  Random random(91);
  for (const Shape& shape : shapes()) {
    for (const Binarize how : {Binarize::none, Binarize::threshold, Binarize::stochastic}) {
      for (const bool in_order : {true, false}) {
        SCOPED_TRACE(shape.text());
        const auto [R, D, width] = shape;
        Vector x = random.floats(R * D, 0.0, 1.0);
        for (double& value : x) {
          const std::size_t edge = random.index(8);
          if (edge < 3) value = 0.5 * static_cast<double>(edge);
        }
        std::vector<std::uint32_t> rows(R);
        for (std::size_t r = 0; r < R; ++r) {
          rows[r] = static_cast<std::uint32_t>(in_order ? 60 + r : random.index(100000));
        }
        Matrix inp(x, R, D, width), out(R, D, width);
        binarize(out, inp, how, SEED, 9, in_order ? nullptr : rows.data(), 60, R, D);
        EXPECT_EQ(out.values(), reference::binarize(x, how, SEED, 9, rows, D));
        EXPECT_TRUE(all_zero(out.padding()));
        binarize(inp, inp, how, SEED, 9, in_order ? nullptr : rows.data(), 60, R, D);
        EXPECT_EQ(inp.values(), out.values());
        EXPECT_TRUE(inp.guards_intact() && out.guards_intact());
      }
    }
  }
}

TEST_P(BinarizeKernels, IsOneWithProbabilityX) {
  constexpr std::size_t R = 400, D = 130;
  for (const double x : {0.0, 0.05, 0.5, 0.9, 1.0}) {
    Matrix inp(Vector(R * D, x), R, D, 48), out(R, D, 48);
    binarize(out, inp, Binarize::stochastic, 5, 1, nullptr, 0, R, D);
    double ones = 0.0;
    for (const double value : out.values()) ones += value;
    EXPECT_NEAR(ones / (R * D), x, 5.0 * std::sqrt(x * (1.0 - x) / (R * D)));
  }
}

// Another epoch is another draw; NaN is not hidden by a comparison.
TEST_P(BinarizeKernels, DiffersByEpochAndShowsNaN) {
  Matrix x(Vector(100, 0.5), 1, 100, 48), one(1, 100, 48), other(1, 100, 48);
  binarize(one, x, Binarize::stochastic, 5, 1, nullptr, 0, 1, 100);
  binarize(other, x, Binarize::stochastic, 5, 2, nullptr, 0, 1, 100);
  EXPECT_NE(one.values(), other.values());
  x.panels().at(0, 70) = NOT_A_NUMBER;
  for (const Binarize how : {Binarize::none, Binarize::threshold, Binarize::stochastic}) {
    binarize(one, x, how, 5, 1, nullptr, 0, 1, 100);
    for (std::size_t c = 0; c < 100; ++c) EXPECT_EQ(std::isnan(one.at(0, c)), c == 70);
  }
}

}  // namespace
}  // namespace aevb
