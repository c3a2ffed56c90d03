// Holds the moves of column ranges to plain loops.

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>

#include "kernels.h"
#include "math/columns.h"
#include "support.h"

namespace aevb {
namespace {

using test::all_zero;
using test::Matrix;
using test::Random;
using test::Shape;
using test::shapes;
using test::Vector;

class ColumnsKernels : public test::Kernels {};
AEVB_ON_EVERY_TARGET(ColumnsKernels);

constexpr std::size_t FIRSTS[] = {0, 1, 5, 12, 16, 48, 50};

// Into and out of matrices whose panels are as wide as those of the range, and of others.
TEST_P(ColumnsKernels, PlaceTouchesItsColumnsAlone) {
  Random random(84);
  for (const Shape& shape : shapes()) {
    for (const std::size_t first : FIRSTS) {
      for (const std::size_t wide_width : {shape.width, std::size_t{16}, std::size_t{7}}) {
        const auto [R, C, width] = shape;
        const std::size_t all = first + C + 3;
        const Vector values = random.floats(R * C, -5.0, 5.0);
        const Vector before = random.floats(R * all, -5.0, 5.0);
        Matrix inp(values, R, C, width), out(before, R, all, wide_width);
        const auto padding = out.padding();
        place_columns(out, first, inp, R, C);
        for (std::size_t r = 0; r < R; ++r) {
          for (std::size_t c = 0; c < all; ++c) {
            const bool inside = c >= first && c < first + C;
            const auto was = static_cast<float>(before[r * all + c]);
            const float value = inside ? static_cast<float>(values[r * C + c - first]) : 0.0f;
            ASSERT_EQ(out.at(r, c), inside ? value : was);
          }
        }
        EXPECT_EQ(out.padding(), padding);
        EXPECT_TRUE(out.guards_intact());
      }
    }
  }
}

TEST_P(ColumnsKernels, TakeIsTheWayBack) {
  Random random(85);
  for (const Shape& shape : shapes()) {
    for (const std::size_t first : FIRSTS) {
      for (const std::size_t wide_width : {shape.width, std::size_t{16}, std::size_t{7}}) {
        const auto [R, C, width] = shape;
        const std::size_t all = first + C + 3;
        const Vector values = random.floats(R * all, -5.0, 5.0);
        const Vector before = random.floats(R * C, -5.0, 5.0);
        Matrix inp(values, R, all, wide_width), out(R, C, width), sums(before, R, C, width);
        const auto padding = sums.padding();
        take_columns(out, inp, first, R, C);
        take_columns_add(sums, inp, first, R, C);
        for (std::size_t r = 0; r < R; ++r) {
          for (std::size_t c = 0; c < C; ++c) {
            const auto value = static_cast<float>(values[r * all + first + c]);
            ASSERT_EQ(out.at(r, c), value);
            ASSERT_EQ(sums.at(r, c), static_cast<float>(before[r * C + c]) + value);
          }
        }
        EXPECT_TRUE(all_zero(out.padding()));
        EXPECT_EQ(sums.padding(), padding);
        EXPECT_TRUE(out.guards_intact() && sums.guards_intact());
      }
    }
  }
}

TEST_P(ColumnsKernels, ARowGoesToAllDrawsOfItsDatum) {
  Random random(86);
  constexpr std::size_t B = 5, L = 3, C = 21, FIRST = 11, ALL = 40;
  const Vector values = random.floats(B * C, -5.0, 5.0);
  Matrix inp(values, B, C, 16), out(Vector(B * L * ALL), B * L, ALL, 16);
  place_columns(out, FIRST, inp, B * L, C, L);
  for (std::size_t r = 0; r < B * L; ++r) {
    for (std::size_t c = 0; c < C; ++c) {
      EXPECT_EQ(out.at(r, FIRST + c), inp.at(r / L, c));
    }
  }
  EXPECT_TRUE(out.guards_intact());
}

// [z1 | z2 | condition] and back is the same bits.
TEST_P(ColumnsKernels, ConcatenationAndItsInverse) {
  Random random(87);
  constexpr std::size_t R = 9;
  for (const std::size_t width : {12, 16, 48, 80}) {
    const std::size_t parts[] = {10, 33, 17};
    Matrix whole(R, 60, width);
    std::size_t first = 0;
    Vector values[3];
    for (std::size_t i = 0; i < 3; ++i) {
      values[i] = random.floats(R * parts[i], -5.0, 5.0);
      Matrix part(values[i], R, parts[i], width);
      place_columns(whole, first, part, R, parts[i]);
      first += parts[i];
    }
    for (std::size_t i = 3; i-- > 0;) {
      first -= parts[i];
      Matrix part(R, parts[i], width);
      take_columns(part, whole, first, R, parts[i]);
      EXPECT_EQ(part.values(), values[i]);
    }
  }
}

}  // namespace
}  // namespace aevb
