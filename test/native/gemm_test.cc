// The products against three plain loops in double, for every instruction set and, if there is one, the CBLAS.

#include "math/gemm.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "math/panel_ops.h"
#include "math/target.h"
#include "models.h"
#include "tensor/aligned.h"

namespace aevb {
namespace {

// A matrix in panels with the same values in row-major double. What is beyond its columns is `padding`.
struct Matrix {
  Matrix(std::size_t rows, std::size_t cols, std::mt19937& random, float padding) : rows(rows), cols(cols) {
    const std::size_t width = matrix_width(cols);
    memory = AlignedFloats(panel_count(cols, width) * width * rows);
    for (std::size_t i = 0; i < memory.size(); ++i) memory.data()[i] = padding;
    panels = {memory.data(), rows * width, width};
    plain.resize(rows * cols);
    std::normal_distribution<float> normal;
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < cols; ++c) plain[r * cols + c] = panels.at(r, c) = normal(random);
    }
  }
  std::size_t rows, cols;
  AlignedFloats memory;
  Panels panels;
  std::vector<double> plain;
};

class GemmTest : public testing::TestWithParam<test::Backend> {
 protected:
  // A sum of n products of standard normals, each rounded once: the error is below n · 2⁻²⁴ · Σ |a b|, and Σ |a b| is
  // about 0.64 n; in practice it grows like √n.
  static double tolerance(std::size_t n) { return 4e-7 * (static_cast<double>(n) + 8.0); }

  test::UseBackend use{GetParam()};
  std::mt19937 random{7};
};

const std::vector<std::size_t> SIZES{1, 2, 3, 7, 8, 9, 11, 12, 13, 15, 16, 17, 31, 33, 47, 48, 49, 95, 96, 97, 130};

std::vector<std::tuple<std::size_t, std::size_t, std::size_t>> shapes(std::mt19937& random) {
  std::vector<std::tuple<std::size_t, std::size_t, std::size_t>> all{
      {1, 1, 1}, {128, 784, 200}, {32, 200, 784}, {1, 784, 200}};
  std::uniform_int_distribution<std::size_t> pick(0, SIZES.size() - 1);
  for (int i = 0; i < 120; ++i) all.emplace_back(SIZES[pick(random)], SIZES[pick(random)], SIZES[pick(random)]);
  for (const std::size_t size : SIZES) {
    all.emplace_back(size, 17, 50);
    all.emplace_back(17, size, 50);
    all.emplace_back(17, 50, size);
    // A single row takes many panels at once.
    all.emplace_back(1, size, 97);
    all.emplace_back(1, 50, 5 * size);
  }
  return all;
}

void expect_equal(const Matrix& c, const std::vector<double>& expected, double tolerance, const std::string& what) {
  for (std::size_t r = 0; r < c.rows; ++r) {
    for (std::size_t col = 0; col < c.cols; ++col) {
      ASSERT_NEAR(c.panels.at(r, col), expected[r * c.cols + col], tolerance) << what << " at " << r << ", " << col;
    }
  }
}

TEST(Gemm, IsCalledWhatItIs) {
  EXPECT_STREQ(gemm_name(Gemm::builtin), "builtin");
  EXPECT_STREQ(gemm_name(Gemm::cblas), "cblas");
}

TEST_P(GemmTest, HasPanelsNoWiderThanTheirMatrixNeeds) {
  if (GetParam().gemm == Gemm::cblas) GTEST_SKIP() << "a CBLAS takes whole matrices";
  const auto vector = static_cast<std::size_t>(vector_width(active_target()));
  const auto whole = static_cast<std::size_t>(panel_width(active_target()));
  for (std::size_t cols = 1; cols <= 3 * whole; ++cols) {
    const std::size_t width = matrix_width(cols);
    EXPECT_EQ(width % vector, 0u) << cols;
    if (cols > whole) {
      EXPECT_EQ(width, whole) << cols;
    } else {
      EXPECT_TRUE(width >= cols && width < cols + vector) << cols << ": " << width;
    }
  }
}

TEST_P(GemmTest, MultipliesLikeThreePlainLoops) {
  for (const auto& [M, K, N] : shapes(random)) {
    for (const bool accumulate : {false, true}) {
      // Padding of the left operand is never read as a factor; that of the right one is zero, as in every weight.
      const Matrix a(M, K, random, 1e30f), b(K, N, random, 0.0f);
      Matrix c(M, N, random, 0.0f);
      std::vector<double> expected = accumulate ? c.plain : std::vector<double>(M * N);
      for (std::size_t m = 0; m < M; ++m) {
        for (std::size_t k = 0; k < K; ++k) {
          for (std::size_t n = 0; n < N; ++n) expected[m * N + n] += a.plain[m * K + k] * b.plain[k * N + n];
        }
      }
      multiply(c.panels, a.panels, b.panels, M, K, N, accumulate);
      expect_equal(c, expected, tolerance(K),
                   "multiply " + std::to_string(M) + " " + std::to_string(K) + " " + std::to_string(N));
    }
  }
}

TEST_P(GemmTest, BeginsEveryRowWithTheBias) {
  for (const auto& [M, K, N] : shapes(random)) {
    const Matrix a(M, K, random, 1e30f), b(K, N, random, 0.0f), bias(1, N, random, 0.0f);
    Matrix c(M, N, random, 0.0f), added(M, N, random, 0.0f);
    std::vector<double> expected(M * N), added_expected = added.plain;
    for (std::size_t m = 0; m < M; ++m) {
      for (std::size_t n = 0; n < N; ++n) {
        double sum = 0.0;
        for (std::size_t k = 0; k < K; ++k) sum += a.plain[m * K + k] * b.plain[k * N + n];
        expected[m * N + n] = bias.plain[n] + sum;
        added_expected[m * N + n] += sum;
      }
    }
    multiply(c.panels, a.panels, b.panels, M, K, N, false, {}, bias.panels.data);
    expect_equal(c, expected, tolerance(K), "with a bias");
    multiply(added.panels, a.panels, b.panels, M, K, N, true, {}, bias.panels.data);
    expect_equal(added, added_expected, tolerance(K), "added, without its bias");
  }
}

TEST_P(GemmTest, MultipliesATransposedLeftOperand) {
  for (const auto& [M, K, N] : shapes(random)) {
    for (const bool accumulate : {false, true}) {
      const Matrix a(M, K, random, 1e30f), b(M, N, random, 0.0f);
      Matrix c(K, N, random, 0.0f);
      std::vector<double> expected = accumulate ? c.plain : std::vector<double>(K * N);
      for (std::size_t m = 0; m < M; ++m) {
        for (std::size_t k = 0; k < K; ++k) {
          for (std::size_t n = 0; n < N; ++n) expected[k * N + n] += a.plain[m * K + k] * b.plain[m * N + n];
        }
      }
      multiply_transposed(c.panels, a.panels, b.panels, M, K, N, accumulate);
      expect_equal(c, expected, tolerance(M), "multiply_transposed");
    }
  }
}

TEST_P(GemmTest, MultipliesByATranspose) {
  for (const auto& [M, K, N] : shapes(random)) {
    for (const bool accumulate : {false, true}) {
      const Matrix a(M, N, random, 1e30f), b(K, N, random, 0.0f);
      Matrix b_transposed(N, K, random, 0.0f), c(M, K, random, 0.0f);
      transpose(b_transposed.panels, b.panels, K, N);
      std::vector<double> expected = accumulate ? c.plain : std::vector<double>(M * K);
      for (std::size_t m = 0; m < M; ++m) {
        for (std::size_t k = 0; k < K; ++k) {
          for (std::size_t n = 0; n < N; ++n) expected[m * K + k] += a.plain[m * N + n] * b.plain[k * N + n];
        }
      }
      multiply_by_transpose(c.panels, a.panels, b.panels, b_transposed.panels, M, K, N, accumulate);
      expect_equal(c, expected, tolerance(N), "multiply_by_transpose");
    }
  }
}

// To bfloat16, to the nearest, ties to even.
double rounded(double value) {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  return static_cast<double>(std::bit_cast<float>((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000));
}

TEST_P(GemmTest, RoundsTheFactorsWhereBfloat16IsAskedFor) {
  if (!bfloat16_available()) GTEST_SKIP() << "this backend has no bfloat16";
  auto all = shapes(random);
  for (const std::size_t size : {112, 127, 128, 129, 144, 256, 300}) {
    all.emplace_back(3, size, 20);
    all.emplace_back(size, 17, 50);
    all.emplace_back(33, 50, size);
  }
  for (const auto& [M, K, N] : all) {
    for (const bool accumulate : {false, true}) {
      const Matrix a(M, K, random, 1e30f), b(K, N, random, 0.0f), bias(1, N, random, 0.0f);
      Matrix c(M, N, random, 0.0f);
      std::vector<double> expected(M * N);
      for (std::size_t m = 0; m < M; ++m) {
        for (std::size_t n = 0; n < N; ++n) {
          double sum = accumulate ? c.plain[m * N + n] : bias.plain[n];
          for (std::size_t k = 0; k < K; ++k) sum += rounded(a.plain[m * K + k]) * rounded(b.plain[k * N + n]);
          expected[m * N + n] = sum;
        }
      }
      multiply(c.panels, a.panels, b.panels, M, K, N, accumulate, {}, bias.panels.data, Precision::bfloat16);
      expect_equal(c, expected, tolerance(K), "multiply");

      const Matrix x(M, K, random, 1e30f), dy(M, N, random, 0.0f);
      Matrix dweight(K, N, random, 0.0f);
      std::vector<double> sums = accumulate ? dweight.plain : std::vector<double>(K * N);
      for (std::size_t m = 0; m < M; ++m) {
        for (std::size_t k = 0; k < K; ++k) {
          for (std::size_t n = 0; n < N; ++n)
            sums[k * N + n] += rounded(x.plain[m * K + k]) * rounded(dy.plain[m * N + n]);
        }
      }
      multiply_transposed(dweight.panels, x.panels, dy.panels, M, K, N, accumulate, {}, Precision::bfloat16);
      expect_equal(dweight, sums, tolerance(M), "multiply_transposed");
    }
  }
}

TEST_P(GemmTest, GivesTheSameBitsForRowsAloneAndTogether) {
  if (GetParam().gemm == Gemm::cblas) GTEST_SKIP() << "a CBLAS does not promise it; callers do not rely on it there";
  const std::size_t M = 67, K = 203;
  for (const std::size_t N : {40, 96, 149, 310, 500}) {
    const Matrix a(M, K, random, 0.0f), b(K, N, random, 0.0f);
    Matrix whole(M, N, random, 0.0f), parts(M, N, random, 0.0f);
    for (const Precision precision : {Precision::float32, Precision::bfloat16}) {
      multiply(whole.panels, a.panels, b.panels, M, K, N, false, {}, nullptr, precision);
      for (std::size_t first = 0, count = 1; first < M; first += count, count = count % 13 + 1) {
        const std::size_t rows = std::min(count, M - first);
        multiply(parts.panels.from_row(first), a.panels.from_row(first), b.panels, rows, K, N, false, {}, nullptr,
                 precision);
      }
      for (std::size_t r = 0; r < M; ++r) {
        for (std::size_t c = 0; c < N; ++c) ASSERT_EQ(whole.panels.at(r, c), parts.panels.at(r, c)) << N;
      }
    }
  }
}

// A matrix in which whole ranges, and single cells, are zero.
void sprinkle_zeros(Matrix& x, std::mt19937& random, double density) {
  std::bernoulli_distribution keep(density), keep_run(0.5);
  std::vector<bool> run(x.cols);
  for (std::size_t r = 0; r < x.rows; ++r) {
    if (r % 9 == 0) {
      for (std::size_t c = 0; c < x.cols; ++c) run[c] = keep_run(random);
    }
    for (std::size_t c = 0; c < x.cols; ++c) {
      if ((density < 1.0 && !run[c]) || !keep(random)) x.plain[r * x.cols + c] = x.panels.at(r, c) = 0.0f;
    }
  }
}

TEST_P(GemmTest, LeavesOutZerosWithoutChangingABit) {
  const auto whole_panel = static_cast<std::size_t>(panel_width(active_target()));
  for (const double density : {0.0, 0.1, 0.6, 1.0}) {
    for (const auto& [M, K, N] : shapes(random)) {
      Matrix x(M, K, random, 0.0f);
      sprinkle_zeros(x, random, density);
      ZerosTable table(M, K, true);
      // Narrower matrices have none, and no CBLAS has.
      const bool has_table = GetParam().gemm == Gemm::builtin && x.panels.width == whole_panel;
      const Matrix b(K, N, random, 0.0f);
      Matrix dense(M, N, random, 0.0f), sparse(M, N, random, 0.0f);
      for (std::size_t first = 0; first < M; first += ZEROS_RUN) {
        const std::size_t rows = std::min(ZEROS_RUN, M - first);
        const Zeros zeros = table.find(x.panels, first, rows);
        if (density == 0.0) {
          EXPECT_EQ(zeros.rows != nullptr, has_table) << M << " " << K;
        }
        if (density == 1.0) {
          EXPECT_EQ(zeros.rows, nullptr) << "nothing is zero: " << M << " " << K;
        }
        multiply(dense.panels.from_row(first), x.panels.from_row(first), b.panels, rows, K, N, false);
        multiply(sparse.panels.from_row(first), x.panels.from_row(first), b.panels, rows, K, N, false, zeros);
      }
      for (std::size_t r = 0; r < M; ++r) {
        for (std::size_t c = 0; c < N; ++c) ASSERT_EQ(dense.panels.at(r, c), sparse.panels.at(r, c)) << M << " " << K;
      }
      const Matrix dy(M, N, random, 0.0f);
      Matrix dense_weight(K, N, random, 0.0f), sparse_weight(K, N, random, 0.0f);
      const Zeros zeros = table.of_columns(M);
      if (density == 0.0) {
        EXPECT_EQ(zeros.columns != nullptr, has_table) << M << " " << K;
      }
      if (density == 1.0) {
        EXPECT_EQ(zeros.columns, nullptr) << "nothing is zero: " << M << " " << K;
      }
      // Panel of rows by panel of rows, as training cuts it.
      const std::size_t width = x.panels.width;
      for (std::size_t first = 0; first < K; first += width) {
        multiply_transposed(dense_weight.panels.from_row(first), ConstPanels(x.panels).from_panel(first / width),
                            dy.panels, M, std::min(width, K - first), N, false);
        multiply_transposed(sparse_weight.panels.from_row(first), ConstPanels(x.panels).from_panel(first / width),
                            dy.panels, M, std::min(width, K - first), N, false, zeros.from_panel(first / width, width));
      }
      for (std::size_t r = 0; r < K; ++r) {
        for (std::size_t c = 0; c < N; ++c) ASSERT_EQ(dense_weight.panels.at(r, c), sparse_weight.panels.at(r, c));
      }
    }
  }
}

TEST_P(GemmTest, LetsNotANumberThrough) {
  const std::size_t M = 9, K = 50, N = 20;
  Matrix a(M, K, random, 0.0f), b(K, N, random, 0.0f), c(M, N, random, 0.0f);
  a.panels.at(3, 41) = NAN;
  multiply(c.panels, a.panels, b.panels, M, K, N, false);
  for (std::size_t n = 0; n < N; ++n) {
    EXPECT_TRUE(std::isnan(c.panels.at(3, n)));
    EXPECT_FALSE(std::isnan(c.panels.at(4, n)));
  }
}

TEST_P(GemmTest, TransposesAndSumsColumns) {
  for (const auto& [R, C, unused] : shapes(random)) {
    const Matrix inp(R, C, random, 0.0f);
    Matrix out(C, R, random, 0.0f);
    transpose(out.panels, inp.panels, R, C);
    for (std::size_t r = 0; r < R; ++r) {
      for (std::size_t c = 0; c < C; ++c) ASSERT_EQ(out.panels.at(c, r), inp.panels.at(r, c));
    }
    std::vector<float> sums(C + 1, 42.0f);
    column_sums(sums.data(), inp.panels, R, C);
    for (std::size_t c = 0; c < C; ++c) {
      double expected = 0.0;
      for (std::size_t r = 0; r < R; ++r) expected += inp.plain[r * C + c];
      ASSERT_NEAR(sums[c], expected, tolerance(R));
    }
    ASSERT_EQ(sums[C], 42.0f) << "wrote beyond the last column";
  }
}

INSTANTIATE_TEST_SUITE_P(EveryBackend, GemmTest, testing::ValuesIn(test::backends()),
                         [](const auto& info) { return test::backend_name(info.param); });

}  // namespace
}  // namespace aevb
