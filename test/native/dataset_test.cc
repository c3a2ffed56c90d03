// Data sets: domains, and what bytes count as.

#include "data/dataset.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <vector>

#include "support.h"

namespace aevb {
namespace {

using test::Matrix;
using test::Vector;

constexpr float INF = std::numeric_limits<float>::infinity();
constexpr float NOT_A_NUMBER = std::numeric_limits<float>::quiet_NaN();

void expect_bad(const std::optional<BadCell>& bad, std::size_t row, std::size_t column, double value) {
  ASSERT_TRUE(bad.has_value());
  EXPECT_EQ(bad->row, row);
  EXPECT_EQ(bad->column, column);
  if (std::isnan(value)) {
    EXPECT_TRUE(std::isnan(bad->value));
  } else {
    EXPECT_EQ(bad->value, value);
  }
}

// Rows of 37 columns of `good`, with `bad` in one of them.
std::optional<BadCell> check_with(float good, float bad, std::size_t row, std::size_t column, Domain domain) {
  std::vector<float> values(3 * 37, good);
  values[row * 37 + column] = bad;
  return Dataset(values.data(), 3, 37).check(domain);
}

TEST(Dataset, FindsTheFirstCellOutsideItsDomain) {
  for (const std::size_t column : {0, 1, 16, 36}) {
    for (const float bad : {INF, -INF, NOT_A_NUMBER}) {
      for (const Domain domain : {Domain::real, Domain::unit, Domain::counts}) {
        expect_bad(check_with(1.0f, bad, 2, column, domain), 2, column, bad);
      }
    }
    for (const float bad : {-0.001f, 1.001f}) {
      EXPECT_FALSE(check_with(0.5f, bad, 1, column, Domain::real));
      expect_bad(check_with(0.5f, bad, 1, column, Domain::unit), 1, column, bad);
      expect_bad(check_with(2.0f, bad, 1, column, Domain::counts), 1, column, bad);
    }
    for (const float largest : {std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest()}) {
      EXPECT_FALSE(check_with(1.0f, largest, 1, column, Domain::real));
    }
    for (const float bad : {-1.0f, 0.5f, 1e-30f, 4194304.5f, 8388607.5f, -1e30f}) {
      expect_bad(check_with(2.0f, bad, 1, column, Domain::counts), 1, column, bad);
    }
    for (const float good : {0.0f, -0.0f, 1.0f, 8388607.0f, 8388609.0f, 16777215.0f, 16777216.0f, 3e38f}) {
      EXPECT_FALSE(check_with(2.0f, good, 1, column, Domain::counts)) << good;
    }
  }
}

TEST(Dataset, ChecksOneHotGroups) {
  const std::vector<std::size_t> classes{2, 1, 3};
  const auto check = [&](const std::vector<float>& row) {
    std::vector<float> values{0, 1, 1, 1, 0, 0};
    values.insert(values.end(), row.begin(), row.end());
    return Dataset(values.data(), 2, 6).check(Domain::oneHot, classes);
  };
  EXPECT_FALSE(check({1, 0, 1, 0, 0, 1}));
  expect_bad(check({0, 0, 1, 0, 0, 1}), 1, 0, 0.0);      // no 1: the group's first
  expect_bad(check({1, 0, 1, 0, 0, 0}), 1, 3, 0.0);      // the same
  expect_bad(check({1, 0, 0, 0, 0, 1}), 1, 2, 0.0);      // a group of one class
  expect_bad(check({1, 1, 1, 0, 0, 1}), 1, 1, 1.0);      // the second 1
  expect_bad(check({1, 0, 1, 0.5, 0.5, 0}), 1, 3, 0.5);  // no soft targets
  expect_bad(check({1, 0, 1, 0, 1, NOT_A_NUMBER}), 1, 5, NOT_A_NUMBER);
  expect_bad(check({1, 0, 1, 0, 0, 2}), 1, 5, 2.0);
  expect_bad(check({0, 0, 1, 0, 0, 2}), 1, 0, 0.0);  // the first group counts
  const std::uint8_t bytes[] = {1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 255, 0};
  const Dataset data(bytes, 2, 6);
  expect_bad(data.check(Domain::oneHot, classes), 1, 4, 255.0);
  EXPECT_FALSE(data.slice(0, 1).check(Domain::oneHot, classes));
  expect_bad(data.slice(1, 2).check(Domain::oneHot, classes), 0, 4, 255.0);
  EXPECT_THROW(static_cast<void>(data.check(Domain::oneHot, std::vector<std::size_t>{2, 3})), std::invalid_argument);
}

TEST(Dataset, ChecksCodes) {
  const std::vector<std::size_t> classes{2, 1, 300};
  const auto check = [&](const std::vector<float>& row) {
    return Dataset(row.data(), 1, 3).check(Domain::codes, classes);
  };
  EXPECT_FALSE(check({1, 0, 299}));
  expect_bad(check({2, 0, 299}), 0, 0, 2.0);
  expect_bad(check({0, 1, 299}), 0, 1, 1.0);
  expect_bad(check({0, 0, 300}), 0, 2, 300.0);
  expect_bad(check({0, 0, 0.5}), 0, 2, 0.5);
  expect_bad(check({-1, 0, 0}), 0, 0, -1.0);
  expect_bad(check({0, NOT_A_NUMBER, 0}), 0, 1, NOT_A_NUMBER);
  const std::uint8_t bytes[] = {1, 0, 255, 0, 0, 7, 1, 1, 0};
  expect_bad(Dataset(bytes, 3, 3).check(Domain::codes, classes), 2, 1, 1.0);
  EXPECT_THROW(static_cast<void>(Dataset(bytes, 3, 3).check(Domain::codes)), std::invalid_argument);
}

TEST(Dataset, TakesEveryByteForAFractionOrACount) {
  std::vector<std::uint8_t> bytes(256);
  for (std::size_t i = 0; i < 256; ++i) bytes[i] = static_cast<std::uint8_t>(i);
  const Dataset data(bytes.data(), 2, 128);
  for (const Domain domain : {Domain::real, Domain::unit, Domain::counts}) EXPECT_FALSE(data.check(domain));
}

TEST(Dataset, ReadsBytesAsItIsTold) {
  const std::uint8_t bytes[] = {0, 1, 51, 2, 255, 7};
  const Dataset data(bytes, 3, 2);
  const std::uint32_t index[] = {2, 0};
  Matrix gathered(2, 2, 16), copied(2, 2, 16);
  data.gather(gathered, index, 2);
  EXPECT_EQ(gathered.values(), test::as_floats({1.0, 7.0f / 255.0f, 0.0, 1.0f / 255.0f}));
  data.gather(gathered, index, 2, Scale::integer);
  EXPECT_EQ(gathered.values(), (Vector{255, 7, 0, 1}));
  data.copy(copied, 1, 2, byte_scale(Domain::counts));
  EXPECT_EQ(copied.values(), (Vector{51, 2, 255, 7}));
  data.copy(copied, 1, 2, byte_scale(Domain::unit));
  EXPECT_EQ(copied.at(0, 0), 0.2f);
  const float floats[] = {0, 1, 51, 2, 255, 7};
  Dataset(floats, 3, 2).gather(gathered, index, 2, Scale::unit);  // floats are what they are
  EXPECT_EQ(gathered.values(), (Vector{255, 7, 0, 1}));
}

}  // namespace
}  // namespace aevb
