// Holds posteriors, priors and their noise to their plain twins.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "kernels.h"
#include "latent/latent.h"
#include "latents.h"
#include "math/random.h"
#include "reference/latent.h"
#include "support.h"

namespace aevb {
namespace {

using reference::Heads;
using test::all_finite;
using test::all_zero;
using test::as_floats;
using test::close;
using test::DRAWS;
using test::INFINITE;
using test::largest_magnitude;
using test::latents;
using test::Losses;
using test::Matrix;
using test::NamedLatent;
using test::NOT_A_NUMBER;
using test::Random;
using test::Shape;
using test::shapes;
using test::Vector;
using test::WILD;

class LatentKernels : public test::Kernels {};
AEVB_ON_EVERY_TARGET(LatentKernels);

// One matrix for each head.
class HeadMatrices {
 public:
  HeadMatrices(const LatentSpec& spec, const Heads& values, std::size_t B, std::size_t width, float padding) {
    std::size_t h = 0;
    for (const PosteriorHead& head : posterior_heads(spec)) {
      matrices_.push_back(std::make_unique<Matrix>(values[h], B, head.units, width, padding));
      panels_.push_back(*matrices_.back());
      const_panels_.push_back(*matrices_.back());
      ++h;
    }
  }
  const Panels* panels() const { return panels_.data(); }
  const ConstPanels* const_panels() const { return const_panels_.data(); }
  Matrix& operator[](std::size_t h) { return *matrices_[h]; }
  std::size_t size() const { return matrices_.size(); }

 private:
  std::vector<std::unique_ptr<Matrix>> matrices_;
  std::vector<Panels> panels_;
  std::vector<ConstPanels> const_panels_;
};

// Everything that the kernels of one group read, and the twin of z.
struct Case {
  Case(const LatentSpec& of, std::size_t B, std::size_t L, std::uint64_t seed, const LatentState& state)
      : spec(of), random(seed) {
    const std::size_t R = B * L;
    heads = test::random_heads(&random, spec, B);
    prior = test::random_prior(&random, spec);
    eps = test::random_noise(spec, R, seed);
    dz = random.floats(R * latent_width(spec), -1.0, 1.0);
    weight = random.floats(R, -1.0, 1.0);
    dimension_weight = random.floats(latent_dimensions(spec), 0.2, 1.5);
    z = as_floats(reference::latent_sample(spec, heads, eps, state, B, L));
  }
  LatentSpec spec;
  Random random;
  Heads heads;
  Vector prior, eps, dz, weight, dimension_weight, z;
};

std::vector<float> to_floats(const Vector& values) { return {values.begin(), values.end()}; }

// How many roundings: elements are sums of terms none of which is much larger than the largest element, or than 1, and
// a dozen operations make each term. If densities stand in an exponent, that is in a mixture's responsibilities,
// their own roundings, a few times their magnitude, are added.
testing::AssertionResult near(const Vector& got, const Vector& expected, double terms = 1.0, double exponent = 0.0) {
  const double largest = test::larger(1.0, test::largest_magnitude(expected));
  return close(got, expected, Vector(expected.size(), largest), 16.0 * terms + 4.0 * exponent);
}

Vector sum_of(const Vector& a, const Vector& b) {
  Vector sum = a;
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += b[i];
  return sum;
}

LatentState training_state() {
  LatentState state;
  state.temperature = 0.625f;
  return state;
}

void check_sample(const LatentSpec& spec, std::size_t B, std::size_t L, std::size_t width, float padding) {
  for (const bool deterministic : {false, true}) {
    for (const bool discrete : {false, true}) {
      LatentState state = training_state();
      state.deterministic = deterministic;
      state.discrete = discrete;
      Case c(spec, B, L, 11, state);
      const std::size_t Z = latent_width(spec);
      HeadMatrices heads(spec, c.heads, B, width, padding);
      Matrix z(B * L, Z, width), eps(c.eps, B * L, Z, width, padding), dz(c.dz, B * L, Z, width, padding);
      latent_sample(z, spec, heads.const_panels(), eps, state, B, L);
      EXPECT_TRUE(near(z.values(), c.z));
      EXPECT_TRUE(all_finite(z.padding()) && z.guards_intact());

      HeadMatrices dheads(spec, test::random_heads(&c.random, spec, B), B, width, test::GARBAGE);
      Matrix exact_z(c.z, B * L, Z, width, padding);
      latent_sample_backward(dheads.panels(), spec, heads.const_panels(), eps, exact_z, dz, state, B, L);
      const Heads expected = reference::latent_sample_backward(spec, c.heads, c.eps, c.dz, state, B, L);
      for (std::size_t h = 0; h < dheads.size(); ++h) {
        EXPECT_TRUE(near(dheads[h].values(), expected[h], static_cast<double>(L))) << "head " << h;
        EXPECT_TRUE(all_zero(dheads[h].padding()) && dheads[h].guards_intact());
      }
    }
  }
  Case c(spec, B, L, 12, training_state());
  HeadMatrices heads(spec, c.heads, B, width, padding);
  Matrix mean(B, latent_width(spec), width);
  latent_mean(mean, spec, heads.const_panels(), B);
  EXPECT_TRUE(near(mean.values(), reference::latent_mean(spec, c.heads, B)));
}

void check_densities(const LatentSpec& spec, std::size_t B, std::size_t L, std::size_t width, float padding) {
  Case c(spec, B, L, 13, training_state());
  const std::size_t R = B * L;
  const std::size_t Z = latent_width(spec);
  const std::size_t P = latent_prior_parameters(spec);
  const double terms = static_cast<double>(L + Z);
  HeadMatrices heads(spec, c.heads, B, width, padding);
  const std::vector<float> prior = to_floats(c.prior);
  const std::vector<float> weight = to_floats(c.weight);
  std::vector<float> scratch(latent_scratch_floats(spec));
  Matrix z(c.z, R, Z, width, padding), eps(c.eps, R, Z, width, padding);

  Losses log_q(R), log_p(R);
  latent_log_posterior(log_q.data(), spec, heads.const_panels(), z, eps, B, L);
  EXPECT_TRUE(near(log_q.values(), reference::latent_log_posterior(spec, c.heads, c.z, c.eps, B, L)));
  latent_log_prior(log_p.data(), spec, prior.data(), z, R);
  EXPECT_TRUE(near(log_p.values(), reference::latent_log_prior(spec, c.prior, c.z, R)));
  EXPECT_TRUE(log_q.guard_intact() && log_p.guard_intact());

  const bool any_z = !(spec.full_covariance && spec.units > 1);
  for (const bool with_noise : {true, false}) {
    if (!with_noise && !any_z) continue;
    const Vector& noise = with_noise ? c.eps : Vector{};
    const ConstPanels noise_panels = with_noise ? ConstPanels(eps) : ConstPanels{};
    Matrix dz(c.dz, R, Z, width, 0.0f);
    latent_log_posterior_backward_z(dz, spec, heads.const_panels(), z, noise_panels, weight.data(), scratch.data(), B,
                                    L);
    EXPECT_TRUE(
        near(dz.values(),
             sum_of(c.dz, reference::latent_log_posterior_backward_z(spec, c.heads, c.z, noise, c.weight, B, L)),
             any_z ? 1.0 : terms));
    EXPECT_TRUE(all_zero(dz.padding()) && dz.guards_intact());

    const Heads before = test::random_heads(&c.random, spec, B);
    HeadMatrices dheads(spec, before, B, width, 0.0f);
    latent_log_posterior_backward_heads(dheads.panels(), spec, heads.const_panels(), z, noise_panels, weight.data(),
                                        scratch.data(), B, L);
    const Heads expected = reference::latent_log_posterior_backward_heads(spec, c.heads, c.z, noise, c.weight, B, L);
    for (std::size_t h = 0; h < dheads.size(); ++h) {
      EXPECT_TRUE(near(dheads[h].values(), sum_of(before[h], expected[h]), any_z ? 1.0 + L : terms)) << "head " << h;
      EXPECT_TRUE(all_zero(dheads[h].padding()) && dheads[h].guards_intact());
    }
    if (!any_z || is_discrete(spec)) continue;
    latent_log_posterior(log_q.data(), spec, heads.const_panels(), z, noise_panels, B, L);
    EXPECT_TRUE(near(log_q.values(), reference::latent_log_posterior(spec, c.heads, c.z, noise, B, L)));
  }

  Matrix dz(c.dz, R, Z, width, 0.0f), dprior(R, P, width);
  latent_log_prior_backward(dz, dprior, spec, prior.data(), z, weight.data(), R);
  const reference::LogPriorGradient expected = reference::latent_log_prior_backward(spec, c.prior, c.z, c.weight, R);
  const bool mixture = spec.prior.type == PriorType::mixture;
  const double exponent = mixture ? largest_magnitude(reference::latent_log_prior(spec, c.prior, c.z, R)) + Z : 0.0;
  EXPECT_TRUE(near(dz.values(), sum_of(c.dz, expected.dz), 1.0, exponent));
  EXPECT_TRUE(near(dprior.values(), expected.dprior, 1.0, exponent));
  EXPECT_TRUE(all_zero(dz.padding()) && all_zero(dprior.padding()));
  EXPECT_TRUE(dz.guards_intact() && dprior.guards_intact());
}

void check_kl(const LatentSpec& spec, std::size_t B, std::size_t width, float padding) {
  if (!latent_has_analytic_kl(spec)) return;
  Case c(spec, B, 1, 14, training_state());
  const std::size_t dimensions = latent_dimensions(spec);
  HeadMatrices heads(spec, c.heads, B, width, padding);
  const std::vector<float> prior = to_floats(c.prior);
  const std::vector<float> weight = to_floats(c.dimension_weight);
  Losses kl(B * dimensions);
  latent_kl(kl.data(), spec, heads.const_panels(), prior.data(), B);
  EXPECT_TRUE(near(kl.values(), reference::latent_kl(spec, c.heads, c.prior, B)));
  EXPECT_TRUE(kl.guard_intact());

  const Heads before = test::random_heads(&c.random, spec, B);
  HeadMatrices dheads(spec, before, B, width, 0.0f);
  Matrix dprior(B, latent_prior_parameters(spec), width);
  latent_kl_backward(dheads.panels(), dprior, spec, heads.const_panels(), prior.data(), weight.data(), B);
  const reference::KlGradient expected = reference::latent_kl_backward(spec, c.heads, c.prior, c.dimension_weight, B);
  for (std::size_t h = 0; h < dheads.size(); ++h) {
    EXPECT_TRUE(near(dheads[h].values(), sum_of(before[h], expected.dheads[h]))) << "head " << h;
    EXPECT_TRUE(all_zero(dheads[h].padding()) && dheads[h].guards_intact());
  }
  EXPECT_TRUE(near(dprior.values(), expected.dprior));
  EXPECT_TRUE(all_zero(dprior.padding()) && dprior.guards_intact());
}

void for_every_latent(const std::function<void(const LatentSpec&, std::size_t, std::size_t, std::size_t)>& check) {
  for (const Shape& shape : shapes()) {
    for (const NamedLatent& latent : latents(shape.cols)) {
      SCOPED_TRACE(shape.text() + ": " + latent.name);
      for (const std::size_t L : DRAWS) check(latent.spec, shape.rows, L, shape.width);
      if (testing::Test::HasFailure()) return;
    }
  }
}

TEST_P(LatentKernels, SamplesAreTheirTwins) {
  for_every_latent([](const LatentSpec& spec, std::size_t B, std::size_t L, std::size_t width) {
    check_sample(spec, B, L, width, L == 1 ? WILD : 0.5f);
  });
}

TEST_P(LatentKernels, DensitiesAreTheirTwins) {
  for_every_latent([](const LatentSpec& spec, std::size_t B, std::size_t L, std::size_t width) {
    check_densities(spec, B, L, width, L == 1 ? WILD : 0.5f);
  });
}

TEST_P(LatentKernels, DivergencesAreTheirTwins) {
  for_every_latent([](const LatentSpec& spec, std::size_t B, std::size_t L, std::size_t width) {
    if (L == 1) check_kl(spec, B, width, B == 1 ? WILD : 0.5f);
  });
}

// More rows than stand side by side in any instruction set's lanes, of variables that lie across panels and of as many
// classes as are worked on like that, and more.
TEST_P(LatentKernels, CategoricalOfManyRowsIsItsTwin) {
  LatentSpec spec;
  spec.type = PosteriorType::categorical;
  for (const bool straight_through : {false, true}) {
    spec.straight_through = straight_through;
    for (const auto& [units, classes] : {std::pair{20, 10}, {50, 3}, {3, 64}, {2, 65}}) {
      spec.units = static_cast<std::size_t>(units);
      spec.classes = static_cast<std::size_t>(classes);
      SCOPED_TRACE(classes);
      for (const std::size_t width : {std::size_t{16}, std::size_t{48}, latent_width(spec)}) {
        check_sample(spec, 37, 2, width, WILD);
        check_densities(spec, 37, 2, width, WILD);
        check_kl(spec, 37, width, WILD);
      }
    }
  }
}

TEST_P(LatentKernels, NoiseIsItsTwin) {
  for (const Shape& shape : shapes()) {
    SCOPED_TRACE(shape.text());
    for (const NamedLatent& latent : latents(shape.cols)) {
      if (latent.spec.prior.type != PriorType::standard || latent.spec.straight_through) continue;
      Matrix eps(shape.rows, shape.cols, shape.width);
      latent_noise(eps, latent.spec, shape.rows, 77, Purpose::epsilon, 9, 5, 3);
      const Vector expected = reference::latent_noise(latent.spec, shape.rows, 77, Purpose::epsilon, 9, 5, 3);
      const Vector got = eps.values();
      // Absolute: a logarithm near 1 is small. It grows to 22, whose rounding is 1.3e-6.
      for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-5) << latent.name;
      EXPECT_TRUE(all_finite(eps.padding()) && eps.guards_intact());
    }
  }
}

TEST_P(LatentKernels, NoiseOfTheFirstGroupIsThatOfAPlainGaussian) {
  LatentSpec spec;
  spec.units = 21;
  Matrix eps(5, 21, 16), expected(5, 21, 16), other(5, 21, 16);
  latent_noise(eps, spec, 5, 4, Purpose::epsilon, 2, 7, 0);
  fill_normal(expected, 5, 21, 4, Purpose::epsilon, 2, 7);
  EXPECT_EQ(eps.values(), expected.values());
  latent_noise(other, spec, 5, 4, Purpose::epsilon, 2, 7, 1);
  const Vector a = eps.values(), b = other.values();
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NE(a[i], b[i]);
}

// Mean and variance within five standard errors, and Kolmogorov's distance within what one draw in a million exceeds:
// √N D has the tail 2 e^(−2 t²), so t = 2.7.
TEST_P(LatentKernels, NoiseHasItsDistribution) {
  constexpr std::size_t ROWS = 2000, COLS = 100, N = ROWS * COLS;
  struct Kind {
    PosteriorType type;
    double mean, variance, kurtosis;
    double (*distribution)(double);
  };
  const Kind kinds[] = {
      {PosteriorType::gaussian, 0.0, 1.0, 3.0,
       [](double x) { return 0.5 * std::erfc(-x * std::numbers::sqrt2 / 2.0); }},
      {PosteriorType::laplace, 0.0, 2.0, 6.0,
       [](double x) { return x < 0.0 ? 0.5 * std::exp(x) : 1.0 - 0.5 * std::exp(-x); }},
      {PosteriorType::logistic, 0.0, std::numbers::pi * std::numbers::pi / 3.0, 4.2,
       [](double x) { return 1.0 / (1.0 + std::exp(-x)); }},
      {PosteriorType::bernoulli, 0.0, std::numbers::pi * std::numbers::pi / 3.0, 4.2,
       [](double x) { return 1.0 / (1.0 + std::exp(-x)); }},
      {PosteriorType::categorical, std::numbers::egamma, std::numbers::pi * std::numbers::pi / 6.0, 5.4,
       [](double x) { return std::exp(-std::exp(-x)); }},
  };
  for (const Kind& kind : kinds) {
    LatentSpec spec;
    spec.type = kind.type;
    spec.units = kind.type == PosteriorType::categorical ? COLS / 5 : COLS;
    spec.classes = 5;
    Matrix eps(ROWS, COLS, 48);
    latent_noise(eps, spec, ROWS, 42, Purpose::epsilon, 3, 0, 2);
    Vector values = eps.values();
    double sum = 0.0, squares = 0.0;
    for (const double value : values) {
      sum += value - kind.mean;
      squares += (value - kind.mean) * (value - kind.mean);
    }
    EXPECT_NEAR(sum / N, 0.0, 5.0 * std::sqrt(kind.variance / N));
    EXPECT_NEAR(squares / N, kind.variance, 5.0 * kind.variance * std::sqrt((kind.kurtosis - 1.0) / N));
    std::sort(values.begin(), values.end());
    double distance = 0.0;
    for (std::size_t i = 0; i < N; ++i) {
      const double expected = kind.distribution(values[i]);
      distance = test::larger(distance, expected - static_cast<double>(i) / N);
      distance = test::larger(distance, static_cast<double>(i + 1) / N - expected);
    }
    EXPECT_LT(distance * std::sqrt(static_cast<double>(N)), 2.7);
  }
}

// Rows worked on apart, and those in between, give the same bits.
TEST_P(LatentKernels, RowsDoNotDependOnTheirNeighbours) {
  constexpr std::size_t B = 37, L = 2, FIRST = 5, SOME = 20;
  for (const NamedLatent& latent : latents(21)) {
    SCOPED_TRACE(latent.name);
    const LatentSpec& spec = latent.spec;
    const LatentState state = training_state();
    Case c(spec, B, L, 21, state);
    const std::size_t Z = latent_width(spec);
    const std::size_t P = latent_prior_parameters(spec);
    const std::size_t dimensions = latent_dimensions(spec);
    const std::vector<float> prior = to_floats(c.prior);
    const std::vector<float> weight = to_floats(c.weight);
    const std::vector<float> dimension_weight = to_floats(c.dimension_weight);
    std::vector<float> scratch(latent_scratch_floats(spec));
    struct Results {
      Vector numbers;
      void add(const Vector& values, std::size_t first, std::size_t rows, std::size_t cols) {
        numbers.insert(numbers.end(), values.begin() + static_cast<std::ptrdiff_t>(first * cols),
                       values.begin() + static_cast<std::ptrdiff_t>((first + rows) * cols));
      }
    };
    // All of `rows` data from `begin` on; what concerns FIRST to FIRST + SOME is kept.
    const auto results = [&](std::size_t begin, std::size_t rows) {
      const std::size_t R = rows * L;
      const std::size_t keep = FIRST - begin;
      HeadMatrices heads(spec, c.heads, B, 16, 0.5f);
      HeadMatrices dheads(spec, c.heads, B, 16, 0.0f);
      std::vector<ConstPanels> from;
      std::vector<Panels> to;
      for (std::size_t h = 0; h < heads.size(); ++h) {
        from.push_back(heads[h].panels().from_row(begin));
        to.push_back(dheads[h].panels().from_row(begin));
      }
      Matrix z(R, Z, 16), eps(R, Z, 16), dz(R, Z, 16, 0.0f), dprior(R, P, 16), dprior_kl(rows, P, 16);
      latent_noise(eps, spec, R, 8, Purpose::epsilon, 1, static_cast<std::uint32_t>(begin * L), 0);
      latent_sample(z, spec, from.data(), eps, state, rows, L);
      Losses log_q(R), log_p(R), kl(rows * dimensions);
      latent_log_posterior(log_q.data(), spec, from.data(), z, eps, rows, L);
      latent_log_prior(log_p.data(), spec, prior.data(), z, R);
      const float* weights = weight.data() + begin * L;
      latent_log_posterior_backward_z(dz, spec, from.data(), z, eps, weights, scratch.data(), rows, L);
      latent_log_prior_backward(dz, dprior, spec, prior.data(), z, weights, R);
      latent_sample_backward(to.data(), spec, from.data(), eps, z, dz, state, rows, L);
      latent_log_posterior_backward_heads(to.data(), spec, from.data(), z, eps, weights, scratch.data(), rows, L);
      Results all;
      if (latent_has_analytic_kl(spec)) {
        latent_kl(kl.data(), spec, from.data(), prior.data(), rows);
        latent_kl_backward(to.data(), dprior_kl, spec, from.data(), prior.data(), dimension_weight.data(), rows);
        all.add(kl.values(), keep, SOME, dimensions);
        all.add(dprior_kl.values(), keep, SOME, P);
      }
      for (Matrix* matrix : {&z, &eps, &dz}) all.add(matrix->values(), keep * L, SOME * L, Z);
      all.add(dprior.values(), keep * L, SOME * L, P);
      all.add(log_q.values(), keep * L, SOME * L, 1);
      all.add(log_p.values(), keep * L, SOME * L, 1);
      for (std::size_t h = 0; h < dheads.size(); ++h) {
        all.add(dheads[h].values(), FIRST, SOME, posterior_heads(spec)[h].units);
      }
      return all.numbers;
    };
    const Vector whole = results(0, B);
    EXPECT_EQ(whole, results(FIRST, SOME));
    EXPECT_EQ(whole, results(FIRST - 2, SOME + 7));
  }
}

TEST_P(LatentKernels, WeighsAGaussiansDraws) {
  constexpr std::size_t B = 5, L = 2, Z = 21;
  LatentSpec spec;
  spec.units = Z;
  Case c(spec, B, L, 31, {});
  HeadMatrices heads(spec, c.heads, B, 16, 0.5f);
  Matrix eps(c.eps, B * L, Z, 16), z(B * L, Z, 16);
  latent_sample(z, spec, heads.const_panels(), eps, {}, B, L);
  Losses log_q(B * L), log_p(B * L);
  latent_log_posterior(log_q.data(), spec, heads.const_panels(), z, eps, B, L);
  latent_log_prior(log_p.data(), spec, nullptr, z, B * L);
  const Vector log_weight = reference::gaussian_log_weight(z.values(), eps.values(), c.heads[1], B, L, Z);
  for (std::size_t r = 0; r < B * L; ++r) {
    EXPECT_NEAR(log_p.values()[r] - log_q.values()[r], log_weight[r], 1e-4);
  }
}

TEST(LatentRegistry, OneUnitHasNoCovariance) {
  LatentSpec spec;
  spec.units = 1;
  spec.full_covariance = true;
  EXPECT_EQ(posterior_heads(spec).size(), 2u);
}

// A draw of discrete variables is exact: each class comes up as often as its probability says, within five standard
// errors.
TEST_P(LatentKernels, DiscreteDrawsHaveTheirProbabilities) {
  constexpr std::size_t DRAWN = 20000;
  for (const PosteriorType type : {PosteriorType::categorical, PosteriorType::bernoulli}) {
    LatentSpec spec;
    spec.type = type;
    spec.units = 3;
    spec.classes = 4;
    Case c(spec, 1, 1, 41, {});
    const std::size_t Z = latent_width(spec);
    HeadMatrices heads(spec, c.heads, 1, 16, 0.5f);
    Matrix eps(DRAWN, Z, 16), z(DRAWN, Z, 16);
    latent_noise(eps, spec, DRAWN, 6, Purpose::prior, 0, 0, 0);
    LatentState state;
    state.discrete = true;
    latent_sample(z, spec, heads.const_panels(), eps, state, 1, DRAWN);
    const Vector expected = reference::latent_mean(spec, c.heads, 1);
    const Vector values = z.values();
    for (std::size_t i = 0; i < Z; ++i) {
      double count = 0.0;
      for (std::size_t r = 0; r < DRAWN; ++r) count += values[r * Z + i];
      const double error = std::sqrt(expected[i] * (1.0 - expected[i]) / DRAWN);
      EXPECT_NEAR(count / DRAWN, expected[i], 5.0 * error);
    }
  }
}

// Spreads and logits far out, low temperatures: finite if a float holds the result, and equal to the twin.
TEST_P(LatentKernels, SurvivesExtremes) {
  constexpr std::size_t Z = 6;
  for (const PosteriorType type : {PosteriorType::gaussian, PosteriorType::laplace, PosteriorType::logistic}) {
    LatentSpec spec;
    spec.type = type;
    spec.units = Z;
    const Heads values{as_floats({1e15, -1e4, 0.0, 1.0, -1.0, 3.0}), as_floats({40.0, -40.0, 40.0, -40.0, 0.0, -20.0})};
    const Vector noise = as_floats({1.0, -2.0, 20.0, 1e-20, 0.0, -20.0});
    HeadMatrices heads(spec, values, 1, 16, WILD);
    Matrix eps(noise, 1, Z, 16), z(1, Z, 16), dz(1, Z, 16, 0.0f);
    latent_sample(z, spec, heads.const_panels(), eps, {}, 1, 1);
    const Vector expected = reference::latent_sample(spec, values, noise, {}, 1, 1);
    Vector magnitude(Z);
    for (std::size_t i = 0; i < Z; ++i) magnitude[i] = std::abs(values[0][i]) + std::abs(expected[i] - values[0][i]);
    EXPECT_TRUE(close(z.values(), expected, magnitude, 8.0));
    Losses kl(Z), log_q(1);
    latent_kl(kl.data(), spec, heads.const_panels(), nullptr, 1);
    const Vector expected_kl = reference::latent_kl(spec, values, {}, 1);
    Vector kl_magnitude(Z);
    for (std::size_t i = 0; i < Z; ++i) kl_magnitude[i] = std::abs(expected_kl[i]) + 50.0;
    EXPECT_TRUE(close(kl.values(), expected_kl, kl_magnitude, 8.0));
    latent_log_posterior(log_q.data(), spec, heads.const_panels(), z, eps, 1, 1);
    EXPECT_TRUE(close(log_q.values(), reference::latent_log_posterior(spec, values, {}, noise, 1, 1), {600.0}, 8.0));
    const float weight = 1.0f;
    latent_log_posterior_backward_z(dz, spec, heads.const_panels(), z, eps, &weight, nullptr, 1, 1);
    EXPECT_TRUE(all_finite({dz.at(0, 0), dz.at(0, 1), dz.at(0, 2), dz.at(0, 3), dz.at(0, 4), dz.at(0, 5)}));
  }
  for (const bool straight_through : {false, true}) {
    for (const PosteriorType type : {PosteriorType::categorical, PosteriorType::bernoulli}) {
      LatentSpec spec;
      spec.type = type;
      spec.units = type == PosteriorType::categorical ? 2 : 6;
      spec.classes = 3;
      spec.straight_through = straight_through;
      const Heads values{as_floats({1e4, -1e4, 0.0, -80.0, 80.0, 79.0})};
      const Vector noise = as_floats({-2.0, 20.0, 1.0, 0.5, -3.0, -1.0});
      LatentState state;
      state.temperature = 0.01f;
      HeadMatrices heads(spec, values, 1, 16, WILD), dheads(spec, values, 1, 16, 0.0f);
      Matrix eps(noise, 1, Z, 16), z(1, Z, 16), dz({1.0, -1.0, 2.0, 3.0, 0.5, -2.0}, 1, Z, 16, 0.0f);
      latent_sample(z, spec, heads.const_panels(), eps, state, 1, 1);
      EXPECT_TRUE(close(z.values(), reference::latent_sample(spec, values, noise, state, 1, 1), Vector(Z, 1.0), 8.0));
      latent_sample_backward(dheads.panels(), spec, heads.const_panels(), eps, z, dz, state, 1, 1);
      const Vector gradient = reference::latent_sample_backward(spec, values, noise, dz.values(), state, 1, 1)[0];
      EXPECT_TRUE(close(dheads[0].values(), gradient, Vector(Z, 300.0), 16.0));
      Losses kl(spec.units), log_q(1);
      latent_kl(kl.data(), spec, heads.const_panels(), nullptr, 1);
      for (const double value : kl.values()) {
        EXPECT_GE(value, 0.0);
        EXPECT_LE(value, 1.2);
      }
      latent_log_posterior(log_q.data(), spec, heads.const_panels(), z, eps, 1, 1);
      EXPECT_TRUE(std::isfinite(log_q.values()[0]));
    }
  }
}

// What is NaN in one row shows in that row and in no other.
TEST_P(LatentKernels, ShowsWhatIsNotANumber) {
  constexpr std::size_t B = 3;
  for (const NamedLatent& latent : latents(21)) {
    SCOPED_TRACE(latent.name);
    const LatentSpec& spec = latent.spec;
    const std::size_t Z = latent_width(spec);
    const std::vector<PosteriorHead> shapes_of = posterior_heads(spec);
    for (const bool discrete : {false, true}) {
      LatentState state = training_state();
      state.discrete = discrete;
      Case c(spec, B, 1, 51, state);
      const std::vector<float> prior = to_floats(c.prior);
      for (std::size_t h = 0; h < shapes_of.size(); ++h) {
        for (const std::size_t i : {std::size_t{0}, shapes_of[h].units - 1}) {
          HeadMatrices heads(spec, c.heads, B, 16, 0.5f);
          heads[h].panels().at(1, i) = NOT_A_NUMBER;
          Matrix eps(c.eps, B, Z, 16), z(B, Z, 16);
          latent_sample(z, spec, heads.const_panels(), eps, state, B, 1);
          Losses log_p(B), kl(B * latent_dimensions(spec));
          const auto seen = [&](const Vector& values) {
            std::vector<bool> rows(B);
            for (std::size_t k = 0; k < values.size(); ++k) {
              if (std::isnan(values[k])) rows[k / (values.size() / B)] = true;
            }
            return rows;
          };
          EXPECT_EQ(seen(z.values()), (std::vector<bool>{false, true, false}));
          if (!is_discrete(spec)) {
            latent_log_prior(log_p.data(), spec, prior.data(), z, B);
            EXPECT_EQ(seen(log_p.values()), (std::vector<bool>{false, true, false}));
          }
          if (!latent_has_analytic_kl(spec)) continue;
          latent_kl(kl.data(), spec, heads.const_panels(), prior.data(), B);
          EXPECT_EQ(seen(kl.values()), (std::vector<bool>{false, true, false}));
        }
      }
    }
  }
}

TEST_P(LatentKernels, DivergenceFromItselfIsZero) {
  LatentSpec spec;
  spec.units = 20;
  HeadMatrices zeros(spec, {Vector(60), Vector(60)}, 3, 16, 0.0f);
  Losses kl(60);
  latent_kl(kl.data(), spec, zeros.const_panels(), nullptr, 3);
  EXPECT_EQ(kl.values(), Vector(60));
}

TEST(LatentRegistry, InitialisesPriors) {
  LatentSpec spec;
  spec.units = 3;
  EXPECT_EQ(latent_prior_parameters(spec), 0u);
  spec.prior.type = PriorType::normal;
  spec.prior.mean = {1.0, 2.0, 3.0};
  spec.prior.variance = {1.0, std::exp(1.0), std::exp(-2.0)};
  EXPECT_EQ(latent_prior_parameters(spec), 0u);
  spec.prior.learned = true;
  ASSERT_EQ(latent_prior_parameters(spec), 6u);
  std::vector<float> prior(6);
  latent_prior_initialize(prior.data(), spec, 1, 8);
  EXPECT_EQ(prior, (std::vector<float>{1.0f, 2.0f, 3.0f, 0.0f, 1.0f, -2.0f}));

  spec.prior.type = PriorType::mixture;
  spec.prior.components = 4;
  ASSERT_EQ(latent_prior_parameters(spec), 28u);
  std::size_t floats = 0;
  for (const PriorTensor& tensor : latent_prior_tensors(spec)) {
    std::size_t size = 1;
    for (const std::size_t extent : tensor.shape) size *= extent;
    floats += size;
  }
  EXPECT_EQ(floats, 28u);
  prior.assign(28, 5.0f);
  latent_prior_initialize(prior.data(), spec, 1, 8);
  const Vector means = reference::normals(1, 12, 1, Purpose::initialize, 9, 0);
  for (std::size_t i = 0; i < 28; ++i) {
    EXPECT_NEAR(prior[i], i >= 4 && i < 16 ? means[i - 4] : 0.0, 1e-5);
  }
  spec.type = PosteriorType::bernoulli;
  EXPECT_EQ(latent_prior_parameters(spec), 0u);
}

}  // namespace
}  // namespace aevb
