// Holds the total correlation to its plain twin, the twin to finite differences, and the estimate to an integral.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <vector>

#include "kernels.h"
#include "objective/total_correlation.h"
#include "reference/objective.h"
#include "support.h"

namespace aevb {
namespace {

using test::close;
using test::DRAWS;
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

class TotalCorrelationKernels : public test::Kernels {};
AEVB_ON_EVERY_TARGET(TotalCorrelationKernels);

constexpr PosteriorType FAMILIES[] = {PosteriorType::gaussian, PosteriorType::laplace, PosteriorType::logistic};
constexpr std::size_t DATA_ROWS = 1000;

// What a training step computes, in tasks of `stretch` rows. Gradients are added to ones.
struct Step {
  Vector value, dz, dmean, dlog_spread;
};
Step step(PosteriorType family, const Vector& z, const Vector& mean, const Vector& log_spread, float scale,
          std::size_t R, std::size_t B, std::size_t Z, std::size_t width, std::size_t stretch) {
  Matrix z_in(z, R, Z, width), m(mean, B, Z, width), s(log_spread, B, Z, width);
  Matrix dz(Vector(R * Z, 1.0), R, Z, width), dm(Vector(B * Z, 1.0), B, Z, width), ds(Vector(B * Z, 1.0), B, Z, width);
  Row tables(Vector(total_correlation_table_floats(R, B, Z), NAN));
  Row scratch(Vector(total_correlation_scratch_floats(R, B, Z), NAN));
  Losses value(R), value_alone(R);
  total_correlation_tables(tables.data(), family, z_in, m, s, R, B, Z);
  for (std::size_t first = 0; first < R; first += stretch) {
    const std::size_t count = std::min(stretch, R - first);
    total_correlation_rows(value_alone.data(), {}, tables.data(), family, scale, DATA_ROWS, scratch.data(), first,
                           count, R, B, Z);
    total_correlation_rows(value.data(), dz, tables.data(), family, scale, DATA_ROWS, scratch.data(), first, count, R,
                           B, Z);
  }
  for (std::size_t first = 0; first < B; first += stretch) {
    total_correlation_heads(dm, ds, tables.data(), family, scale, scratch.data(), first, std::min(stretch, B - first),
                            R, B, Z);
  }
  for (std::size_t i = 0; i < R; ++i) {
    EXPECT_TRUE(test::is_same(value.values()[i], value_alone.values()[i]));
  }
  for (Matrix* matrix : {&dz, &dm, &ds}) {
    for (const float padding : matrix->padding()) EXPECT_EQ(padding, GARBAGE);
    EXPECT_TRUE(matrix->guards_intact());
  }
  EXPECT_TRUE(value.guard_intact() && tables.guards_intact() && scratch.guards_intact());
  return {value.values(), dz.values(), dm.values(), ds.values()};
}

// Sums with every term positive, and each weight e^(a − b) with the error that its exponents bring: one rounding for
// each magnitude that a and b are sums of.
struct Magnitude {
  Vector value, dz, dmean, dlog_spread;
};
Magnitude magnitudes(PosteriorType family, const Vector& z, const Vector& mean, const Vector& log_spread, double scale,
                     std::size_t R, std::size_t B, std::size_t Z) {
  Magnitude of{Vector(R), Vector(R * Z, 1.0), Vector(B * Z, 1.0), Vector(B * Z, 1.0)};
  for (std::size_t i = 0; i < R; ++i) {
    Vector joint(B), joint_terms(B), terms(B * Z), densities(B * Z), slopes(B * Z), places(B * Z);
    for (std::size_t k = 0; k < B * Z; ++k) {
      const std::size_t d = k % Z;
      const double lambda = (family == PosteriorType::gaussian ? 0.5 : 1.0) * log_spread[k];
      const double t = (z[i * Z + d] - mean[k]) * std::exp(-lambda);
      const double slope = family == PosteriorType::gaussian ? t : 1.0;
      const double log_q = reference::log_density(family, z[i * Z + d], mean[k], log_spread[k]);
      places[k] = std::abs(t);
      slopes[k] = std::abs(slope) * std::exp(-lambda);
      densities[k] = log_q;
      terms[k] = std::abs(log_q) + 2.0 * std::abs(lambda) + 4.0 * std::abs(slope * t) + 2.0;
      joint[k / Z] += log_q;
      joint_terms[k / Z] += terms[k];
    }
    const auto log_sum = [](const Vector& of_all, std::size_t begin, std::size_t stride, std::size_t count) {
      double sum = 0.0;
      const double top = of_all[begin];
      for (std::size_t k = 0; k < count; ++k) sum += std::exp(of_all[begin + k * stride] - top);
      return top + std::log(sum);
    };
    const double of_joint = log_sum(joint, 0, 1, B);
    double joint_error = std::abs(of_joint) + 1.0;
    for (std::size_t j = 0; j < B; ++j) joint_error += std::exp(joint[j] - of_joint) * joint_terms[j];
    of.value[i] = joint_error;
    for (std::size_t d = 0; d < Z; ++d) {
      const double marginal = log_sum(densities, d, Z, B);
      double error = std::abs(marginal) + 1.0;
      for (std::size_t j = 0; j < B; ++j) error += std::exp(densities[j * Z + d] - marginal) * terms[j * Z + d];
      of.value[i] += error;
      for (std::size_t j = 0; j < B; ++j) {
        const std::size_t k = j * Z + d;
        const double weight = scale * (std::exp(joint[j] - of_joint) * (joint_error + joint_terms[j]) +
                                       std::exp(densities[k] - marginal) * (error + terms[k]));
        of.dz[i * Z + d] += weight * slopes[k];
        of.dmean[k] += weight * slopes[k];
        of.dlog_spread[k] += weight * (places[k] * std::max(1.0, places[k]) + 1.0);
      }
    }
  }
  return of;
}

struct Inputs {
  Vector z, mean, log_spread;
};
// z within a few deviations of the means, and of one another's.
Inputs inputs(Random& random, std::size_t R, std::size_t B, std::size_t Z) {
  return {random.floats(R * Z, -2.5, 2.5), random.floats(B * Z, -1.5, 1.5), random.floats(B * Z, -2.0, 1.0)};
}

Vector plus_one(Vector values) {
  for (double& value : values) value += 1.0;
  return values;
}

TEST_P(TotalCorrelationKernels, IsItsTwin) {
  Random random(92);
  for (const Shape& shape : shapes()) {
    for (const std::size_t L : DRAWS) {
      for (const PosteriorType family : FAMILIES) {
        SCOPED_TRACE(shape.text());
        const auto [B, Z, width] = shape;
        const std::size_t R = B * L;
        const Inputs in = inputs(random, R, B, Z);
        const float scale = 0.375f;
        const Step got = step(family, in.z, in.mean, in.log_spread, scale, R, B, Z, width, 32);
        const auto expected =
            reference::total_correlation(family, in.z, in.mean, in.log_spread, scale, DATA_ROWS, R, B, Z);
        const Magnitude magnitude = magnitudes(family, in.z, in.mean, in.log_spread, scale, R, B, Z);
        EXPECT_TRUE(close(got.value, expected.value, magnitude.value, 4.0));
        EXPECT_TRUE(close(got.dz, plus_one(expected.dz), magnitude.dz, 4.0));
        EXPECT_TRUE(close(got.dmean, plus_one(expected.dmean), magnitude.dmean, 4.0));
        EXPECT_TRUE(close(got.dlog_spread, plus_one(expected.dlog_spread), magnitude.dlog_spread, 4.0));
      }
    }
  }
}

// Full vectors of data, as in a batch.
TEST_P(TotalCorrelationKernels, IsItsTwinForABatch) {
  Random random(93);
  constexpr std::size_t B = 128, Z = 10;
  for (const PosteriorType family : FAMILIES) {
    const Inputs in = inputs(random, B, B, Z);
    const float scale = 1.0f / B;
    const Step got = step(family, in.z, in.mean, in.log_spread, scale, B, B, Z, 48, 32);
    const auto expected = reference::total_correlation(family, in.z, in.mean, in.log_spread, scale, DATA_ROWS, B, B, Z);
    const Magnitude magnitude = magnitudes(family, in.z, in.mean, in.log_spread, scale, B, B, Z);
    EXPECT_TRUE(close(got.value, expected.value, magnitude.value, 4.0));
    EXPECT_TRUE(close(got.dz, plus_one(expected.dz), magnitude.dz, 4.0));
    EXPECT_TRUE(close(got.dmean, plus_one(expected.dmean), magnitude.dmean, 4.0));
    EXPECT_TRUE(close(got.dlog_spread, plus_one(expected.dlog_spread), magnitude.dlog_spread, 4.0));
  }
}

TEST_P(TotalCorrelationKernels, IsTheSameForEveryCut) {
  Random random(94);
  constexpr std::size_t B = 45, L = 2, R = B * L, Z = 7;
  for (const PosteriorType family : FAMILIES) {
    const Inputs in = inputs(random, R, B, Z);
    const Step whole = step(family, in.z, in.mean, in.log_spread, 0.01f, R, B, Z, 16, R);
    for (const std::size_t stretch : {1, 4, 32}) {
      for (const std::size_t width : {12, 16, 48}) {
        const Step part = step(family, in.z, in.mean, in.log_spread, 0.01f, R, B, Z, width, stretch);
        EXPECT_EQ(part.value, whole.value);
        EXPECT_EQ(part.dz, whole.dz);
        EXPECT_EQ(part.dmean, whole.dmean);
        EXPECT_EQ(part.dlog_spread, whole.dlog_spread);
      }
    }
  }
}

// If all posteriors are one, q(z) factorises and what is left is the constant that the header names.
TEST_P(TotalCorrelationKernels, OfOnePosteriorIsTheConstant) {
  constexpr std::size_t B = 20, Z = 6;
  Random random(95);
  const Vector z = random.floats(B * Z, -2.0, 2.0);
  for (const PosteriorType family : FAMILIES) {
    const Step got = step(family, z, Vector(B * Z, 0.5), Vector(B * Z, -0.25), 1.0f, B, B, Z, 16, B);
    for (const double value : got.value) EXPECT_NEAR(value, (Z - 1.0) * std::log(static_cast<double>(DATA_ROWS)), 1e-4);
    for (const double dz : got.dz) EXPECT_NEAR(dz, 1.0, 1e-4);
  }
}

// Narrow posteriors far apart: weights are 0 or 1, squares of distances are beyond a float, and nothing is NaN.
TEST_P(TotalCorrelationKernels, StaysFiniteFarOut) {
  constexpr std::size_t B = 19, Z = 3;
  Random random(96);
  for (const PosteriorType family : FAMILIES) {
    const Vector mean = random.floats(B * Z, -1e6, 1e6);
    const double log_spread = family == PosteriorType::gaussian ? -80.0 : -40.0;
    const Step got = step(family, mean, mean, Vector(B * Z, log_spread), 1.0f, B, B, Z, 16, B);
    for (const double value : got.value) EXPECT_TRUE(std::isfinite(value));
    for (const Vector* gradient : {&got.dz, &got.dmean, &got.dlog_spread}) {
      for (const double value : *gradient) EXPECT_TRUE(std::isfinite(value));
    }
  }
}

TEST_P(TotalCorrelationKernels, ShowsWhatIsNotFinite) {
  constexpr std::size_t B = 21, Z = 3;
  Random random(97);
  for (const PosteriorType family : FAMILIES) {
    for (const float bad : {NOT_A_NUMBER, INFINITE}) {
      for (std::size_t i = 0; i < B; ++i) {
        Inputs in = inputs(random, B, B, Z);
        in.z[i * Z + 1] = static_cast<double>(bad);
        const Step of_z = step(family, in.z, in.mean, in.log_spread, 1.0f, B, B, Z, 16, B);
        for (std::size_t r = 0; r < B; ++r) EXPECT_EQ(std::isnan(of_z.value[r]), r == i);
        if (std::isnan(bad)) {
          EXPECT_TRUE(std::isnan(of_z.dz[i * Z + 1]));
        }
        in.z[i * Z + 1] = 0.0;
        in.mean[i * Z + 1] = static_cast<double>(NOT_A_NUMBER);
        EXPECT_TRUE(std::isnan(step(family, in.z, in.mean, in.log_spread, 1.0f, B, B, Z, 16, B).value[0]));
        in.mean[i * Z + 1] = 0.0;
        in.log_spread[i * Z + 1] = static_cast<double>(NOT_A_NUMBER);
        EXPECT_TRUE(std::isnan(step(family, in.z, in.mean, in.log_spread, 1.0f, B, B, Z, 16, B).value[0]));
      }
    }
  }
}

// With all N data in the batch, the mean of the values less log N is the plain Monte Carlo estimate of
// KL(q(z) ‖ q(z_1) q(z_2)), which a sum over a grid gives too.
TEST_P(TotalCorrelationKernels, EstimatesTheDivergence) {
  constexpr std::size_t B = 5, Z = 2, R = 20000;
  const Vector mean{-2.0, -1.5, -1.0, -1.0, 0.0, 0.5, 1.0, 0.5, 2.0, 1.5};
  const Vector deviation{0.5, 0.7, 0.6, 0.5, 0.8, 0.6, 0.5, 0.5, 0.7, 0.6};
  Vector log_variance(B * Z);
  for (std::size_t i = 0; i < B * Z; ++i) log_variance[i] = 2.0 * std::log(deviation[i]);
  const auto density = [&](std::size_t j, std::size_t d, double z) {
    return std::exp(reference::log_density(PosteriorType::gaussian, z, mean[j * Z + d], log_variance[j * Z + d]));
  };
  double divergence = 0.0;
  constexpr double STEP = 0.05;
  for (double x = -6.0; x < 6.0; x += STEP) {
    for (double y = -6.0; y < 6.0; y += STEP) {
      double joint = 0.0, of_x = 0.0, of_y = 0.0;
      for (std::size_t j = 0; j < B; ++j) {
        joint += density(j, 0, x) * density(j, 1, y) / B;
        of_x += density(j, 0, x) / B;
        of_y += density(j, 1, y) / B;
      }
      divergence += STEP * STEP * joint * std::log(joint / (of_x * of_y));
    }
  }
  const Vector normal = reference::normals(R, Z, 5, Purpose::epsilon, 0, 0);
  Vector z(R * Z);
  for (std::size_t i = 0; i < R * Z; ++i) {
    const std::size_t head = i / Z % B * Z + i % Z;
    z[i] = mean[head] + deviation[head] * normal[i];
  }
  Matrix z_in(z, R, Z, 16), m(mean, B, Z, 16), v(log_variance, B, Z, 16);
  std::vector<float> tables(total_correlation_table_floats(R, B, Z));
  std::vector<float> scratch(total_correlation_scratch_floats(R, B, Z));
  Vector value(R);
  total_correlation_tables(tables.data(), PosteriorType::gaussian, z_in, m, v, R, B, Z);
  total_correlation_rows(value.data(), {}, tables.data(), PosteriorType::gaussian, 1.0f, B, scratch.data(), 0, R, R, B,
                         Z);
  double sum = 0.0, squares = 0.0;
  for (const double one : value) {
    sum += one;
    squares += one * one;
  }
  const double average = sum / R;
  const double error = std::sqrt((squares / R - average * average) / R);
  EXPECT_GT(divergence, 0.2);
  EXPECT_NEAR(average - std::log(static_cast<double>(B)), divergence, 5.0 * error);
}

TEST_P(TotalCorrelationKernels, RefusesOtherPosteriors) {
  Matrix heads(1, 1, 16);
  Row tables(Vector(total_correlation_table_floats(1, 1, 1)));
  for (const PosteriorType family : {PosteriorType::categorical, PosteriorType::bernoulli}) {
    EXPECT_THROW(total_correlation_tables(tables.data(), family, heads, heads, heads, 1, 1, 1), std::invalid_argument);
  }
}

// --- the twin ---

TEST(TotalCorrelationTwin, DensitiesIntegrateToOne) {
  for (const PosteriorType family : FAMILIES) {
    for (const double log_spread : {-1.0, 0.0, 1.0}) {
      double sum = 0.0;
      constexpr double STEP = 1e-3;
      for (double z = -120.0; z < 120.0; z += STEP) {
        sum += STEP * std::exp(reference::log_density(family, z, 0.3, log_spread));
      }
      EXPECT_NEAR(sum, 1.0, 1e-6);
    }
  }
}

TEST(TotalCorrelationTwin, GradientIsTheSlope) {
  Random random(98);
  constexpr std::size_t B = 4, R = 6, Z = 3;
  constexpr double h = 1e-6;
  for (const PosteriorType family : FAMILIES) {
    Inputs in = inputs(random, R, B, Z);
    const auto total = [&] {
      double sum = 0.0;
      for (const double value :
           reference::total_correlation(family, in.z, in.mean, in.log_spread, 1.0, DATA_ROWS, R, B, Z).value) {
        sum += value;
      }
      return sum;
    };
    const auto gradient = reference::total_correlation(family, in.z, in.mean, in.log_spread, 1.0, DATA_ROWS, R, B, Z);
    const auto check = [&](Vector& values, const Vector& expected) {
      for (std::size_t i = 0; i < values.size(); ++i) {
        const double at = values[i];
        values[i] = at + h;
        const double above = total();
        values[i] = at - h;
        const double below = total();
        values[i] = at;
        EXPECT_NEAR(expected[i], (above - below) / (2.0 * h), 1e-7);
      }
    };
    check(in.z, gradient.dz);
    check(in.mean, gradient.dmean);
    check(in.log_spread, gradient.dlog_spread);
  }
}

}  // namespace
}  // namespace aevb
