// Holds the copies between data sets and panels to plain loops.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels.h"
#include "math/gather.h"
#include "support.h"

namespace aevb {
namespace {

using test::all_finite;
using test::Matrix;
using test::Random;
using test::Row;
using test::Shape;
using test::shapes;
using test::Vector;

class GatherKernels : public test::Kernels {};
AEVB_ON_EVERY_TARGET(GatherKernels);

TEST_P(GatherKernels, CopiesTheRowsAskedFor) {
  Random random(15);
  for (const Shape& shape : shapes()) {
    SCOPED_TRACE(shape.text());
    const auto [R, D, width] = shape;
    constexpr std::size_t SOURCE_ROWS = 29;
    std::vector<float> floats(SOURCE_ROWS * D);
    std::vector<std::uint8_t> bytes(SOURCE_ROWS * D);
    for (std::size_t i = 0; i < floats.size(); ++i) {
      floats[i] = static_cast<float>(random.uniform(-5.0, 5.0));
      bytes[i] = static_cast<std::uint8_t>(random.index(256));
    }
    std::vector<std::uint32_t> index(R);
    for (std::uint32_t& row : index) row = static_cast<std::uint32_t>(random.index(SOURCE_ROWS));
    for (const bool in_order : {true, false}) {
      const std::uint32_t* rows = in_order ? nullptr : index.data();
      Matrix from_floats(R, D, width), from_bytes(R, D, width);
      gather_rows(from_floats, floats.data(), rows, R, D);
      gather_rows(from_bytes, bytes.data(), rows, R, D);
      Matrix integers(R, D, width);
      gather_rows(integers, bytes.data(), rows, R, D, Scale::integer);
      EXPECT_TRUE(integers.guards_intact());
      for (std::size_t r = 0; r < R; ++r) {
        for (std::size_t d = 0; d < D; ++d) {
          const std::size_t at = (rows == nullptr ? r : rows[r]) * D + d;
          ASSERT_EQ(from_floats.at(r, d), floats[at]);
          ASSERT_EQ(from_bytes.at(r, d), static_cast<float>(bytes[at]) / 255.0f);
          ASSERT_EQ(integers.at(r, d), static_cast<float>(bytes[at]));
        }
      }
      EXPECT_TRUE(all_finite(from_floats.padding()) && all_finite(from_bytes.padding()));
      EXPECT_TRUE(from_floats.guards_intact() && from_bytes.guards_intact());
    }
  }
}

TEST_P(GatherKernels, BytesSpanZeroToOne) {
  std::uint8_t bytes[256];
  for (std::size_t i = 0; i < 256; ++i) bytes[i] = static_cast<std::uint8_t>(i);
  Matrix out(1, 256, 48);
  gather_rows(out, bytes, nullptr, 1, 256);
  EXPECT_EQ(out.at(0, 0), 0.0f);
  EXPECT_EQ(out.at(0, 255), 1.0f);
  for (std::size_t i = 0; i < 256; ++i) EXPECT_EQ(out.at(0, i), static_cast<float>(i) / 255.0f);
  for (std::size_t i = 1; i < 256; ++i) EXPECT_GT(out.at(0, i), out.at(0, i - 1));
}

TEST_P(GatherKernels, ScatterIsTheWayBack) {
  Random random(16);
  for (const Shape& shape : shapes()) {
    SCOPED_TRACE(shape.text());
    const auto [R, D, width] = shape;
    const Vector values = random.floats(R * D, -5.0, 5.0);
    Matrix inp(values, R, D, width);
    Row out(Vector(R * D, 1.0));
    scatter_rows(out.data(), inp, R, D);
    EXPECT_EQ(out.values(), values);
    EXPECT_TRUE(out.guards_intact());
  }
}

}  // namespace
}  // namespace aevb
