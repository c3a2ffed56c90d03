// Holds the Gaussian likelihoods with a covariance to their plain twins, of which one has another form of its own: a
// low-rank covariance as a whole matrix.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <string>
#include <tuple>
#include <vector>

#include "kernels.h"
#include "likelihood/full_covariance.h"
#include "likelihood/low_rank.h"
#include "likelihood_kernels.h"
#include "reference/likelihood.h"
#include "support.h"
#include "tensor/panels.h"

namespace aevb {
namespace {

using test::all_zero;
using test::bound_magnitude;
using test::close;
using test::Losses;
using test::Matrix;
using test::NOT_A_NUMBER;
using test::Random;
using test::Row;
using test::SCALE;
using test::Vector;
using test::WILD;

class CovarianceKernels : public test::Kernels {};
AEVB_ON_EVERY_TARGET(CovarianceKernels);

const double LOG_2_PI = std::log(2.0 * std::numbers::pi);
constexpr float MIN = -6.0f, MAX = 3.0f;

// rank 0: a full covariance.
struct Problem {
  std::size_t B, L, D, rank;
  bool shared;
  Vector mean, log_variance, own, x;  // log_variance: raw [B L, D], or shared [D]

  Problem(std::size_t b, std::size_t l, std::size_t d, std::size_t r, bool is_shared, Random* random)
      : B(b), L(l), D(d), rank(r), shared(is_shared) {
    mean = random->floats(B * L * D, -3.0, 3.0);
    x = random->floats(B * D, -3.0, 3.0);
    log_variance = shared ? random->floats(D, -6.0, 3.0) : random->floats(B * L * D, -9.0, 6.0);
    own = random->floats(B * L * units(), -1.0, 1.0);
  }

  std::size_t units() const { return rank == 0 ? D * (D - 1) / 2 : D * rank; }
  std::string text() const {
    return std::to_string(B) + " x " + std::to_string(L) + " of " + std::to_string(D) + ", rank " +
           std::to_string(rank) + (shared ? ", shared" : "");
  }

  // [B L, D]
  Vector bounded() const {
    Vector all;
    for (std::size_t i = 0; i < B * L * D; ++i) {
      all.push_back(shared ? log_variance[i % D] : reference::soft_bound(log_variance[i], MIN, MAX));
    }
    return all;
  }
  // |x − mean| at most.
  double distance(std::size_t r, std::size_t i) const { return std::abs(x[r / L * D + i]) + std::abs(mean[r * D + i]); }
  // What the logarithm of a variance is known to, in roundings of 1, and its exponential in roundings of itself.
  double uncertainty(std::size_t i) const {
    return 4.0 + (shared ? std::abs(log_variance[i % D]) : bound_magnitude(log_variance[i], MIN, MAX));
  }
};

struct Expectation {
  Vector loss, dmean, dlog_variance, down;
  Vector loss_magnitude, dmean_magnitude, dlog_variance_magnitude, down_magnitude;
  double roundings = 0.0;
};

// How much e, each entry of C⁻¹ and what is made of them is off by, to first order, if the variances are known so
// well and x − mean is a float.
void add_full_magnitudes(Expectation* expected, const Problem& problem, const Vector& v, std::size_t r) {
  const std::size_t D = problem.D, units = problem.units();
  const double* phi = problem.own.data() + r * units;
  for (std::size_t i = 0; i < D; ++i) {
    double e = problem.distance(r, i);
    for (std::size_t j = 0; j < i; ++j) e += std::abs(phi[i * (i - 1) / 2 + j]) * problem.distance(r, j);
    const double known = problem.uncertainty(r * D + i), slope = known * std::exp(-v[r * D + i]) * e;
    expected->loss_magnitude[r] += 0.5 * (LOG_2_PI + known + e * slope);
    expected->dlog_variance_magnitude[r * D + i] = 0.5 * SCALE * (known + e * slope);
    expected->dmean_magnitude[r * D + i] += SCALE * slope;
    for (std::size_t j = 0; j < i; ++j) {
      const std::size_t at = i * (i - 1) / 2 + j;
      expected->dmean_magnitude[r * D + j] += SCALE * std::abs(phi[at]) * slope;
      expected->down_magnitude[r * units + at] = SCALE * slope * problem.distance(r, j);
    }
  }
}

// By Gauss and Jordan, without pivots: C is positive definite.
Vector inverse_of(Vector C, std::size_t D) {
  for (std::size_t k = 0; k < D; ++k) {
    const double pivot = 1.0 / C[k * D + k];
    for (std::size_t j = 0; j < D; ++j) C[k * D + j] *= j == k ? 0.0 : pivot;
    C[k * D + k] = pivot;
    for (std::size_t i = 0; i < D; ++i) {
      if (i == k) continue;
      const double factor = C[i * D + k];
      C[i * D + k] = 0.0;
      for (std::size_t j = 0; j < D; ++j) C[i * D + j] -= factor * C[k * D + j];
    }
  }
  return C;
}

void add_low_rank_magnitudes(Expectation* expected, const Problem& problem, const Vector& v, std::size_t r) {
  const std::size_t D = problem.D, rank = problem.rank;
  const double* w = problem.own.data() + r * D * rank;
  const Vector inverse = inverse_of(reference::low_rank_matrix(v, problem.own, r, D, rank), D);
  Vector a(D), variance(D), off(D);   // |C⁻¹ (x − mean)|, Ψ, and what Ψ a and x − mean are off by
  Vector product(D * rank), c(rank);  // C⁻¹ W, Wᵀ a
  for (std::size_t i = 0; i < D; ++i) {
    variance[i] = std::exp(v[r * D + i]);
    a[i] = std::abs(expected->dmean[r * D + i]) / SCALE;
    off[i] = variance[i] * problem.uncertainty(r * D + i) * a[i] + problem.distance(r, i);
    for (std::size_t k = 0; k < rank; ++k) {
      for (std::size_t j = 0; j < D; ++j) product[i * rank + k] += inverse[i * D + j] * w[j * rank + k];
      c[k] -= expected->dmean[r * D + i] / SCALE * w[i * rank + k];
    }
  }
  Vector dc(rank);
  for (std::size_t i = 0; i < D; ++i) {
    for (std::size_t k = 0; k < rank; ++k) dc[k] += std::abs(product[i * rank + k]) * off[i];
  }
  for (std::size_t i = 0; i < D; ++i) {
    const double known = problem.uncertainty(r * D + i);
    expected->loss_magnitude[r] +=
        0.5 * (LOG_2_PI + known * (2.0 + a[i] * a[i] * variance[i])) + a[i] * problem.distance(r, i);
    double da = a[i], squares = 0.0;
    for (std::size_t j = 0; j < D; ++j) {
      da += std::abs(inverse[i * D + j]) * off[j];
      squares += inverse[i * D + j] * inverse[i * D + j] * variance[j] * problem.uncertainty(r * D + j);
    }
    expected->dmean_magnitude[r * D + i] = SCALE * da;
    expected->dlog_variance_magnitude[r * D + i] =
        0.5 * SCALE * (known * (1.0 + variance[i] * a[i] * a[i]) + variance[i] * (squares + 2.0 * a[i] * da));
    for (std::size_t k = 0; k < rank; ++k) {
      double dproduct = std::abs(product[i * rank + k]);
      for (std::size_t j = 0; j < D; ++j) {
        dproduct += std::abs(inverse[i * D + j] * product[j * rank + k]) * variance[j] * problem.uncertainty(r * D + j);
      }
      expected->down_magnitude[(r * D + i) * rank + k] = SCALE * (dproduct + da * std::abs(c[k]) + a[i] * dc[k]);
    }
  }
}

Expectation expected_of(const Problem& problem) {
  const auto [B, L, D, rank] = std::tuple(problem.B, problem.L, problem.D, problem.rank);
  const std::size_t R = B * L;
  const Vector v = problem.bounded();
  const reference::CovarianceGradient d =
      rank == 0 ? reference::full_covariance_backward(problem.mean, v, problem.own, problem.x, SCALE, B, L, D)
                : reference::low_rank_backward(problem.mean, v, problem.own, problem.x, SCALE, B, L, D, rank);
  Expectation expected;
  expected.loss = rank == 0 ? reference::full_covariance_forward(problem.mean, v, problem.own, problem.x, B, L, D)
                            : reference::low_rank_forward(problem.mean, v, problem.own, problem.x, B, L, D, rank);
  expected.dmean = d.dmean;
  expected.down = d.down;
  for (std::size_t i = 0; i < R * D; ++i) {
    const double chain = problem.shared ? 1.0 : reference::soft_bound_derivative(problem.log_variance[i], MIN, MAX);
    expected.dlog_variance.push_back(chain * d.dlog_variance[i]);
  }
  expected.loss_magnitude.assign(R, 0.0);
  expected.dmean_magnitude.assign(R * D, 0.0);
  expected.dlog_variance_magnitude.assign(R * D, 0.0);
  expected.down_magnitude.assign(R * problem.units(), 0.0);
  for (std::size_t r = 0; r < R; ++r) {
    if (rank == 0) {
      add_full_magnitudes(&expected, problem, v, r);
    } else {
      add_low_rank_magnitudes(&expected, problem, v, r);
    }
  }
  // Of a full covariance: sums of up to D terms in float, and what each term is rounded before. A low rank is double.
  expected.roundings = rank == 0 ? static_cast<double>(D) + 8.0 : 4.0;
  return expected;
}

void expect_is_its_twin(const Problem& problem, const Expectation& expected, std::size_t width, float padding) {
  const auto [B, L, D, rank] = std::tuple(problem.B, problem.L, problem.D, problem.rank);
  const std::size_t R = B * L, units = problem.units();
  Matrix mean(problem.mean, R, D, width, padding), x(problem.x, B, D, width, padding);
  Matrix raw(problem.shared ? Vector(R * D) : problem.log_variance, R, D, width, padding);
  Row shared(problem.shared ? problem.log_variance : Vector(D));
  // Of one feature a full covariance has no entries.
  const std::size_t columns = std::max<std::size_t>(units, 1);
  Matrix own(units == 0 ? Vector(R) : problem.own, R, columns, width, padding), down(R, columns, width);
  Matrix dmean(R, D, width), dlog_variance(R, D, width);
  const LogDispersion log_variance{problem.shared ? shared.data() : nullptr, raw, MIN, MAX};
  const auto forward = [&](double* loss) {
    if (rank == 0) {
      full_covariance_forward(loss, mean, log_variance, own, x, B, L, D);
    } else {
      low_rank_forward(loss, mean, log_variance, own, x, B, L, D, rank);
    }
  };
  const auto fused = [&](double* loss, Panels of_mean, Panels of_variance, Panels of_own) {
    if (rank == 0) {
      full_covariance_forward_backward(loss, {of_mean, of_variance, of_own}, mean, log_variance, own, x, SCALE, B, L,
                                       D);
    } else {
      low_rank_forward_backward(loss, {of_mean, of_variance, of_own}, mean, log_variance, own, x, SCALE, B, L, D, rank);
    }
  };
  Losses alone(R), together(R), unwanted(R), in_place(R);
  forward(alone.data());
  EXPECT_TRUE(close(alone.values(), expected.loss, expected.loss_magnitude, expected.roundings));
  fused(together.data(), dmean, dlog_variance, down);
  EXPECT_EQ(together.values(), alone.values());
  EXPECT_TRUE(close(dmean.values(), expected.dmean, expected.dmean_magnitude, expected.roundings));
  EXPECT_TRUE(
      close(dlog_variance.values(), expected.dlog_variance, expected.dlog_variance_magnitude, expected.roundings));
  if (units > 0) {
    EXPECT_TRUE(close(down.values(), expected.down, expected.down_magnitude, expected.roundings));
    EXPECT_TRUE(all_zero(down.padding()));
  }
  EXPECT_TRUE(all_zero(dmean.padding()) && all_zero(dlog_variance.padding()));
  EXPECT_TRUE(alone.guard_intact() && together.guard_intact());
  EXPECT_TRUE(dmean.guards_intact() && dlog_variance.guards_intact() && down.guards_intact());
  EXPECT_EQ(mean.values(), problem.mean);
  EXPECT_EQ(x.values(), problem.x);

  // A gradient that is not wanted is not written, and the others may stand over what they are of.
  Matrix other(R, D, width), more(R, columns, width);
  fused(unwanted.data(), other, {}, more);
  EXPECT_EQ(other.values(), dmean.values());
  if (units > 0) {
    EXPECT_EQ(more.values(), down.values());
  }
  fused(in_place.data(), mean, problem.shared ? dlog_variance : raw, own);
  EXPECT_EQ(in_place.values(), together.values());
  EXPECT_EQ(mean.values(), dmean.values());
  if (!problem.shared) {
    EXPECT_EQ(raw.values(), dlog_variance.values());
  }
  if (units > 0) {
    EXPECT_EQ(own.values(), down.values());
  }
  EXPECT_TRUE(mean.guards_intact() && raw.guards_intact() && own.guards_intact());
}

void expect_shapes_are_their_twins(const std::vector<std::size_t>& features, std::size_t rank_step) {
  Random random(21);
  for (const std::size_t D : features) {
    std::vector<std::size_t> ranks{0};
    if (rank_step > 0) {
      ranks.clear();
      for (std::size_t rank = 1; rank <= std::min(D, MOST_RANK); rank += rank_step) ranks.push_back(rank);
      if (D <= MOST_RANK && ranks.back() != D) ranks.push_back(D);
    }
    for (const std::size_t rank : ranks) {
      for (const std::size_t B : {1, 5, 19}) {
        for (const std::size_t L : test::DRAWS) {
          for (const bool shared : {false, true}) {
            const Problem problem(B, L, D, rank, shared, &random);
            SCOPED_TRACE(problem.text());
            const Expectation expected = expected_of(problem);
            for (const std::size_t width : {std::size_t{16}, std::size_t{24}, std::size_t{48}, D}) {
              expect_is_its_twin(problem, expected, width, test::GARBAGE);
            }
          }
        }
      }
    }
  }
}

TEST_P(CovarianceKernels, FullIsItsTwin) { expect_shapes_are_their_twins({1, 2, 3, 4, 7, 8, 12, 16, 17, 33, 65}, 0); }

TEST_P(CovarianceKernels, LowRankIsItsTwin) { expect_shapes_are_their_twins({1, 2, 3, 5, 8, 17, 24, 47}, 5); }

TEST_P(CovarianceKernels, HoldTheirLimits) {
  Random random(22);
  const Problem full(3, 1, MOST_FULL_COVARIANCE_FEATURES, 0, false, &random);
  expect_is_its_twin(full, expected_of(full), 48, test::GARBAGE);
  const Problem low_rank(3, 1, 67, MOST_RANK, false, &random);
  expect_is_its_twin(low_rank, expected_of(low_rank), 48, test::GARBAGE);
}

TEST_P(CovarianceKernels, IgnoreWildPadding) {
  Random random(23);
  for (const std::size_t rank : {0, 2}) {
    const Problem problem(2, 1, 5, rank, false, &random);
    const Expectation expected = expected_of(problem);
    for (const std::size_t width : {16, 48}) expect_is_its_twin(problem, expected, width, WILD);
  }
}

// If W explains nearly all of x − mean, Woodbury's identity is a difference of numbers a million times larger.
TEST_P(CovarianceKernels, LowRankKeepsItsDigitsWhereWExplainsAll) {
  constexpr std::size_t D = 12, rank = 3;
  Random random(24);
  Problem problem(17, 1, D, rank, true, &random);
  for (double& value : problem.log_variance) value = -6.0;
  for (double& value : problem.own) value = static_cast<double>(static_cast<float>(value * 50.0));
  problem.mean.assign(problem.mean.size(), 0.0);
  for (std::size_t r = 0; r < problem.B; ++r) {
    for (std::size_t i = 0; i < D; ++i) {
      double sum = 0.01 * random.uniform(-1.0, 1.0);
      for (std::size_t k = 0; k < rank; ++k) sum += problem.own[(r * D + i) * rank + k];
      problem.x[r * D + i] = static_cast<double>(static_cast<float>(sum));
    }
  }
  expect_is_its_twin(problem, expected_of(problem), 48, test::GARBAGE);
}

// What is not a number shows in its own row's loss, in none of the others, and so does what is infinite, if not as NaN.
TEST_P(CovarianceKernels, ShowWhatIsNotFinite) {
  constexpr std::size_t B = 19, D = 7;
  for (const std::size_t rank : {std::size_t{0}, std::size_t{3}}) {
    Random random(25);
    const Problem problem(B, 1, D, rank, false, &random);
    const std::size_t units = problem.units();
    for (const float bad : {NOT_A_NUMBER, test::INFINITE, -test::INFINITE}) {
      for (int which = 0; which < 4; ++which) {
        const std::size_t columns = which == 3 ? units : D;
        for (std::size_t i = 0; i < columns; ++i) {
          Matrix mean(problem.mean, B, D, 16), raw(problem.log_variance, B, D, 16), x(problem.x, B, D, 16);
          Matrix own(problem.own, B, units, 16);
          Matrix* matrices[] = {&mean, &x, &raw, &own};
          matrices[which]->panels().at(17, i) = bad;
          const LogDispersion log_variance{nullptr, raw, MIN, MAX};
          Losses forward(B), fused(B);
          if (rank == 0) {
            full_covariance_forward(forward.data(), mean, log_variance, own, x, B, 1, D);
            full_covariance_forward_backward(fused.data(), {mean, raw, own}, mean, log_variance, own, x, SCALE, B, 1,
                                             D);
          } else {
            low_rank_forward(forward.data(), mean, log_variance, own, x, B, 1, D, rank);
            low_rank_forward_backward(fused.data(), {mean, raw, own}, mean, log_variance, own, x, SCALE, B, 1, D, rank);
          }
          for (const Vector& loss : {forward.values(), fused.values()}) {
            for (std::size_t r = 0; r < B; ++r) {
              // A bounded log-variance is finite whatever it is made of, but NaN.
              const bool finite = r != 17 || (which == 2 && !std::isnan(bad));
              EXPECT_EQ(std::isfinite(loss[r]), finite) << "row " << r << ", " << which << ", column " << i;
            }
            if (std::isnan(bad)) {
              EXPECT_TRUE(std::isnan(loss[17]));
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace aevb
