// Holds the Gaussian posterior to its plain twins.

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>

#include "kernels.h"
#include "latent/gaussian.h"
#include "latent/location_scale.h"
#include "reference/layers.h"
#include "support.h"

namespace aevb {
namespace {

using test::all_finite;
using test::all_zero;
using test::as_floats;
using test::close;
using test::DRAWS;
using test::GARBAGE;
using test::INFINITE;
using test::Losses;
using test::Matrix;
using test::NOT_A_NUMBER;
using test::Random;
using test::Shape;
using test::shapes;
using test::Vector;
using test::WILD;

class PosteriorKernels : public test::Kernels {};
AEVB_ON_EVERY_TARGET(PosteriorKernels);

TEST_P(PosteriorKernels, SampleIsItsTwin) {
  Random random(3);
  for (const Shape& shape : shapes()) {
    for (const std::size_t L : DRAWS) {
      SCOPED_TRACE(shape.text());
      const auto [B, Z, width] = shape;
      const Vector mean = random.floats(B * Z, -3.0, 3.0);
      const Vector log_variance = random.floats(B * Z, -8.0, 4.0);
      const Vector epsilon = random.floats(B * L * Z, -4.0, 4.0);
      Vector magnitude(B * L * Z);
      for (std::size_t i = 0; i < magnitude.size(); ++i) {
        const std::size_t of_datum = i / (L * Z) * Z + i % Z;
        magnitude[i] = std::abs(mean[of_datum]) + std::exp(0.5 * log_variance[of_datum]) * std::abs(epsilon[i]);
      }
      Matrix z(B * L, Z, width), e(epsilon, B * L, Z, width), m(mean, B, Z, width), v(log_variance, B, Z, width);
      location_scale_sample(z, PosteriorType::gaussian, m, v, e, B, L, Z);
      EXPECT_TRUE(close(z.values(), reference::gaussian_sample(epsilon, mean, log_variance, B, L, Z), magnitude, 6.0));
      EXPECT_TRUE(all_finite(z.padding()));
      EXPECT_TRUE(z.guards_intact());
    }
  }
}

TEST_P(PosteriorKernels, DivergenceIsItsTwin) {
  Random random(4);
  for (const Shape& shape : shapes()) {
    for (const float padding : {GARBAGE, WILD}) {
      SCOPED_TRACE(shape.text());
      const auto [B, Z, width] = shape;
      const Vector mean = random.floats(B * Z, -3.0, 3.0);
      const Vector log_variance = random.floats(B * Z, -8.0, 4.0);
      Vector magnitude(B);
      for (std::size_t i = 0; i < B * Z; ++i) {
        magnitude[i / Z] += 0.5 * (std::exp(log_variance[i]) + mean[i] * mean[i] + 1.0 + std::abs(log_variance[i]));
      }
      Matrix m(mean, B, Z, width, padding), v(log_variance, B, Z, width, padding);
      Losses kl(B);
      gaussian_kl(kl.data(), m, v, B, Z);
      EXPECT_TRUE(close(kl.values(), reference::gaussian_kl(mean, log_variance, B, Z), magnitude, 6.0));
      EXPECT_TRUE(kl.guard_intact());
    }
  }
}

TEST_P(PosteriorKernels, DivergenceOfThePriorIsZero) {
  Matrix zeros(3, 20, 16);
  Losses kl(3);
  gaussian_kl(kl.data(), zeros, zeros, 3, 20);
  EXPECT_EQ(kl.values(), Vector(3));
}

TEST_P(PosteriorKernels, BackwardIsItsTwin) {
  Random random(5);
  for (const Shape& shape : shapes()) {
    for (const std::size_t L : DRAWS) {
      SCOPED_TRACE(shape.text());
      const auto [B, Z, width] = shape;
      const double kl_scale = 0.375;
      const Vector mean = random.floats(B * Z, -3.0, 3.0);
      const Vector log_variance = random.floats(B * Z, -8.0, 4.0);
      const Vector epsilon = random.floats(B * L * Z, -4.0, 4.0);
      const Vector dz = random.floats(B * L * Z, -1.0, 1.0);
      Vector mean_magnitude(B * Z), variance_magnitude(B * Z);
      for (std::size_t i = 0; i < B * Z; ++i) {
        const double sigma = std::exp(0.5 * log_variance[i]);
        mean_magnitude[i] = kl_scale * std::abs(mean[i]);
        variance_magnitude[i] = kl_scale * 0.5 * (sigma * sigma + 1.0);
        for (std::size_t l = 0; l < L; ++l) {
          const std::size_t of_draw = (i / Z * L + l) * Z + i % Z;
          mean_magnitude[i] += std::abs(dz[of_draw]);
          variance_magnitude[i] += std::abs(dz[of_draw] * epsilon[of_draw]) * 0.5 * sigma;
        }
      }
      const reference::GaussianGradient expected =
          reference::gaussian_backward(dz, epsilon, mean, log_variance, kl_scale, B, L, Z);
      // With zeros as padding, as a model has it, the gradients are padded with zeros.
      Matrix dmean(B, Z, width), dlog_variance(B, Z, width);
      Matrix d(dz, B * L, Z, width, 0.0f), e(epsilon, B * L, Z, width);
      Matrix m(mean, B, Z, width, 0.0f), v(log_variance, B, Z, width, 0.0f);
      gaussian_backward(dmean, dlog_variance, d, e, m, v, static_cast<float>(kl_scale), B, L, Z);
      EXPECT_TRUE(close(dmean.values(), expected.dmean, mean_magnitude, 6.0));
      EXPECT_TRUE(close(dlog_variance.values(), expected.dlog_variance, variance_magnitude, 10.0));
      EXPECT_TRUE(all_zero(dmean.padding()) && all_zero(dlog_variance.padding()));
      EXPECT_TRUE(dmean.guards_intact() && dlog_variance.guards_intact());
    }
  }
}

TEST_P(PosteriorKernels, SurvivesExtremes) {
  const Vector log_variance = as_floats({80.0, -80.0, -1e4, -200.0, 0.0, 80.0, -80.0, 88.5, 88.5, -87.5});
  const Vector mean = as_floats({1e15, -1e15, 1e-30, 0.0, 1e4, -1e4, 1.0, 0.0, 1.0, 0.0});
  const Vector epsilon{1.0, -2.0, 3.0, 0.0, -1.0, 0.0, 4.0, 1.0, 0.0, 1.0};
  const Vector dz = as_floats({1.0, -1.0, 2.0, -2.0, 0.0, 1e10, 1e-10, 1.0, 1.0, 0.0});
  const std::size_t Z = mean.size();
  Vector magnitude(Z), kl_magnitude(Z), dmean_magnitude(Z), dlog_variance_magnitude(Z);
  for (std::size_t i = 0; i < Z; ++i) {
    const double sigma = std::exp(0.5 * log_variance[i]);
    magnitude[i] = std::abs(mean[i]) + sigma * std::abs(epsilon[i]);
    kl_magnitude[i] = 0.5 * (sigma * sigma + mean[i] * mean[i] + 1.0 + std::abs(log_variance[i]));
    dmean_magnitude[i] = std::abs(dz[i]) + std::abs(mean[i]);
    dlog_variance_magnitude[i] = std::abs(dz[i] * epsilon[i]) * 0.5 * sigma + 0.5 * (sigma * sigma + 1.0);
  }
  const reference::GaussianGradient gradient =
      reference::gaussian_backward(dz, epsilon, mean, log_variance, 1.0, 1, 1, Z);
  for (const std::size_t width : {std::size_t{16}, std::size_t{48}, Z}) {
    Matrix z(1, Z, width), dmean(1, Z, width), dlog_variance(1, Z, width);
    Matrix m(mean, 1, Z, width), v(log_variance, 1, Z, width), e(epsilon, 1, Z, width), d(dz, 1, Z, width);
    location_scale_sample(z, PosteriorType::gaussian, m, v, e, 1, 1, Z);
    EXPECT_TRUE(close(z.values(), reference::gaussian_sample(epsilon, mean, log_variance, 1, 1, Z), magnitude, 6.0));
    gaussian_backward(dmean, dlog_variance, d, e, m, v, 1.0f, 1, 1, Z);
    EXPECT_TRUE(close(dmean.values(), gradient.dmean, dmean_magnitude, 6.0));
    EXPECT_TRUE(close(dlog_variance.values(), gradient.dlog_variance, dlog_variance_magnitude, 10.0));

    // A row each, lest the largest hide the others.
    Matrix m_rows(mean, Z, 1, width), v_rows(log_variance, Z, 1, width);
    Losses kl(Z);
    gaussian_kl(kl.data(), m_rows, v_rows, Z, 1);
    EXPECT_TRUE(close(kl.values(), reference::gaussian_kl(mean, log_variance, Z, 1), kl_magnitude, 6.0));
  }
}

// What overflows or is NaN in one row shows in that row and in no other.
TEST_P(PosteriorKernels, ShowsWhatIsNotFinite) {
  constexpr std::size_t B = 3, Z = 21;
  for (const float bad : {NOT_A_NUMBER, INFINITE, 200.0f}) {  // e²⁰⁰ is more than a float holds
    for (std::size_t i = 0; i < Z; ++i) {
      Matrix m(B, Z, 16), v(B, Z, 16), e(Vector(B * Z, 1.0), B, Z, 16), z(B, Z, 16);
      v.panels().at(1, i) = bad;
      Losses kl(B);
      gaussian_kl(kl.data(), m, v, B, Z);
      EXPECT_FALSE(std::isfinite(kl.values()[1]));
      EXPECT_TRUE(std::isfinite(kl.values()[0]) && std::isfinite(kl.values()[2]));
      location_scale_sample(z, PosteriorType::gaussian, m, v, e, B, 1, Z);
      EXPECT_FALSE(std::isfinite(z.at(1, i)));
      v.panels().at(1, i) = 0.0f;
      m.panels().at(1, i) = bad == 200.0f ? 1e30f : bad;
      gaussian_kl(kl.data(), m, v, B, Z);
      EXPECT_FALSE(std::isfinite(kl.values()[1]) && kl.values()[1] < 1e30);
      location_scale_sample(z, PosteriorType::gaussian, m, v, e, B, 1, Z);
      EXPECT_EQ(std::isfinite(z.at(1, i)), bad == 200.0f);
    }
  }
}

}  // namespace
}  // namespace aevb
