// Holds the twins of posteriors and priors to mathematics: every gradient to differences, every density to its
// integral, every divergence to sums, integrals and draws.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "comparison.h"
#include "latents.h"
#include "reference/latent.h"
#include "support.h"

namespace aevb::reference {
namespace {

using test::latents;
using test::NamedLatent;
using test::Random;

double dot(const Vector& a, const Vector& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// The central difference errs by h² f'''/6, with h = 1e-5 about 1e-10, and by rounding ε f/h, about 1e-10 too; a few
// dozen terms and third derivatives of some tens stay within 1e-6.
void expect_gradient(const std::function<double()>& f, Vector* values, const Vector& gradient,
                     const std::string& name) {
  constexpr double STEP = 1e-5;
  ASSERT_EQ(gradient.size(), values->size()) << name;
  for (std::size_t i = 0; i < values->size(); ++i) {
    const double before = (*values)[i];
    (*values)[i] = before + STEP;
    const double above = f();
    (*values)[i] = before - STEP;
    const double below = f();
    (*values)[i] = before;
    const double difference = (above - below) / (2.0 * STEP);
    EXPECT_TRUE(test::is_near(gradient[i], difference, {1e-6, 1e-6})) << name << "[" << i << "]";
  }
}

// Sums the rows of [R, P].
Vector sum_rows(const Vector& rows, std::size_t P) {
  Vector sums(P);
  for (std::size_t i = 0; i < rows.size(); ++i) sums[i % P] += rows[i];
  return sums;
}

class Group {
 public:
  Group(const LatentSpec& spec, std::size_t B, std::size_t L, std::uint64_t seed) : random(seed) {
    heads = test::random_heads(&random, spec, B);
    prior = test::random_prior(&random, spec);
    eps = test::random_noise(spec, B * L, seed);
    dz = random.vector(B * L * latent_width(spec), -1.0, 1.0);
    weight = random.vector(B * L, -1.0, 1.0);
    dimension_weight = random.vector(latent_dimensions(spec), 0.2, 1.5);
  }

  Random random;
  Heads heads;
  Vector prior, eps, dz, weight, dimension_weight;
};

TEST(ReferenceLatent, GradientsAreDifferences) {
  constexpr std::size_t B = 2;
  for (const std::size_t cols : {1, 2, 6}) {
    for (const NamedLatent& latent : latents(cols)) {
      for (const std::size_t L : {std::size_t{1}, std::size_t{3}}) {
        SCOPED_TRACE(latent.name + " of " + std::to_string(cols));
        const LatentSpec& spec = latent.spec;
        Group group(spec, B, L, 7 + cols);
        Heads& heads = group.heads;
        LatentState state;
        state.temperature = 0.625f;
        LatentSpec relaxed = spec;  // of which the straight-through gradient is the derivative
        relaxed.straight_through = false;
        Vector z = latent_sample(relaxed, heads, group.eps, state, B, L);

        for (const bool deterministic : {false, true}) {
          state.deterministic = deterministic;
          const Heads gradient = latent_sample_backward(spec, heads, group.eps, group.dz, state, B, L);
          for (std::size_t h = 0; h < heads.size(); ++h) {
            expect_gradient([&] { return dot(latent_sample(relaxed, heads, group.eps, state, B, L), group.dz); },
                            &heads[h], gradient[h], "sample by head " + std::to_string(h));
          }
        }

        const auto log_q = [&] { return dot(latent_log_posterior(spec, heads, z, {}, B, L), group.weight); };
        expect_gradient(log_q, &z, latent_log_posterior_backward_z(spec, heads, z, {}, group.weight, B, L),
                        "log q by z");
        const Heads by_heads = latent_log_posterior_backward_heads(spec, heads, z, {}, group.weight, B, L);
        for (std::size_t h = 0; h < heads.size(); ++h) {
          expect_gradient(log_q, &heads[h], by_heads[h], "log q by head " + std::to_string(h));
        }

        const auto log_p = [&] { return dot(latent_log_prior(spec, group.prior, z, B * L), group.weight); };
        const LogPriorGradient by_prior = latent_log_prior_backward(spec, group.prior, z, group.weight, B * L);
        expect_gradient(log_p, &z, by_prior.dz, "log p by z");
        expect_gradient(log_p, &group.prior, sum_rows(by_prior.dprior, group.prior.size()), "log p by its parameters");

        if (!latent_has_analytic_kl(spec)) continue;
        const auto kl = [&] {
          double total = 0.0;
          const Vector values = latent_kl(spec, heads, group.prior, B);
          for (std::size_t i = 0; i < values.size(); ++i) {
            total += values[i] * group.dimension_weight[i % group.dimension_weight.size()];
          }
          return total;
        };
        const KlGradient of_kl = latent_kl_backward(spec, heads, group.prior, group.dimension_weight, B);
        for (std::size_t h = 0; h < heads.size(); ++h) {
          expect_gradient(kl, &heads[h], of_kl.dheads[h], "KL by head " + std::to_string(h));
        }
        expect_gradient(kl, &group.prior, sum_rows(of_kl.dprior, group.prior.size()), "KL by the prior");
      }
    }
  }
}

// What z was made of gives the same density as z.
TEST(ReferenceLatent, DensityOfNoiseIsThatOfZ) {
  for (const NamedLatent& latent : latents(6)) {
    SCOPED_TRACE(latent.name);
    const Group group(latent.spec, 2, 3, 5);
    const Vector z = latent_sample(latent.spec, group.heads, group.eps, {}, 2, 3);
    const Vector of_noise = latent_log_posterior(latent.spec, group.heads, z, group.eps, 2, 3);
    const Vector of_z = latent_log_posterior(latent.spec, group.heads, z, {}, 2, 3);
    for (std::size_t r = 0; r < 6; ++r) EXPECT_NEAR(of_noise[r], of_z[r], 1e-10);
  }
}

// ∫ f(z) over one or two dimensions by the trapezoidal rule, which for densities that vanish at the edges errs by less
// than any power of the step if they are smooth, and by its square if a Laplace density has its kink.
double integral(const std::function<double(const Vector&)>& f, std::size_t dimensions, double edge, std::size_t steps) {
  const double step = 2.0 * edge / static_cast<double>(steps);
  double total = 0.0;
  for (std::size_t i = 0; i < steps; ++i) {
    for (std::size_t j = 0; j < (dimensions == 2 ? steps : 1); ++j) {
      Vector z{-edge + step * static_cast<double>(i)};
      if (dimensions == 2) z.push_back(-edge + step * static_cast<double>(j));
      total += f(z);
    }
  }
  return total * (dimensions == 2 ? step * step : step);
}

TEST(ReferenceLatent, DensitiesIntegrateToOneAndDivergencesAreIntegrals) {
  for (const std::size_t units : {1, 2}) {
    for (const NamedLatent& latent : latents(units)) {
      const LatentSpec& spec = latent.spec;
      // Of the families without a covariance one dimension tells all, but two of a mixture.
      if (is_discrete(spec) || (units == 2 && !spec.full_covariance && spec.prior.type != PriorType::mixture)) continue;
      SCOPED_TRACE(latent.name);
      const Group group(spec, 1, 1, 3);
      Heads heads = group.heads;
      for (double& spread : heads[1]) spread *= 0.3;
      const auto q = [&](const Vector& z) { return latent_log_posterior(spec, heads, z, {}, 1, 1)[0]; };
      const auto p = [&](const Vector& z) { return latent_log_prior(spec, group.prior, z, 1)[0]; };
      const double edge = units == 1 ? 40.0 : 16.0;
      const std::size_t steps = units == 1 ? 20000 : 200;
      EXPECT_NEAR(integral([&](const Vector& z) { return std::exp(p(z)); }, units, edge, steps), 1.0, 1e-6);
      // What two Laplace densities have left at 16, and the step that is left there.
      if (units == 2 && spec.type == PosteriorType::laplace) continue;
      EXPECT_NEAR(integral([&](const Vector& z) { return std::exp(q(z)); }, units, edge, steps), 1.0, 1e-5);
      if (!latent_has_analytic_kl(spec)) continue;
      double kl = 0.0;
      for (const double value : latent_kl(spec, heads, group.prior, 1)) kl += value;
      const double expected =
          integral([&](const Vector& z) { return std::exp(q(z)) * (q(z) - p(z)); }, units, edge, steps);
      EXPECT_TRUE(test::is_near(kl, expected, {1e-4, 1e-4}));
    }
  }
}

// Over all values that discrete variables can take.
TEST(ReferenceLatent, MassesAddUpToOneAndDivergencesAreSums) {
  for (const NamedLatent& latent : latents(6)) {
    if (!is_discrete(latent.spec)) continue;
    SCOPED_TRACE(latent.name);
    LatentSpec spec = latent.spec;
    if (spec.type == PosteriorType::categorical) {
      spec.units = 2;
      spec.classes = 3;
    }
    const Group group(spec, 1, 1, 3);
    const bool bernoulli = spec.type == PosteriorType::bernoulli;
    const std::size_t classes = bernoulli ? 2 : spec.classes;
    std::size_t values = 1;
    for (std::size_t v = 0; v < spec.units; ++v) values *= classes;
    double mass = 0.0, prior_mass = 0.0, expected = 0.0;
    for (std::size_t value = 0; value < values; ++value) {
      Vector z(latent_width(spec));
      std::size_t rest = value;
      for (std::size_t v = 0; v < spec.units; ++v, rest /= classes) {
        if (bernoulli) {
          z[v] = static_cast<double>(rest % 2);
        } else {
          z[v * classes + rest % classes] = 1.0;
        }
      }
      const double log_q = latent_log_posterior(spec, group.heads, z, {}, 1, 1)[0];
      const double log_p = latent_log_prior(spec, group.prior, z, 1)[0];
      mass += std::exp(log_q);
      prior_mass += std::exp(log_p);
      expected += std::exp(log_q) * (log_q - log_p);
    }
    EXPECT_NEAR(mass, 1.0, 1e-12);
    EXPECT_NEAR(prior_mass, 1.0, 1e-12);
    double kl = 0.0;
    for (const double value : latent_kl(spec, group.heads, group.prior, 1)) kl += value;
    EXPECT_NEAR(kl, expected, 1e-12);
  }
}

// KL(q ‖ p) is the expectation of log q − log p over draws of q, and the posterior's mean that of z: within five
// standard errors, which few of some dozens of comparisons reach by chance.
TEST(ReferenceLatent, DrawsHaveTheDivergenceAndTheMean) {
  constexpr std::size_t DRAWS = 20000;
  for (const NamedLatent& latent : latents(6)) {
    SCOPED_TRACE(latent.name);
    const LatentSpec& spec = latent.spec;
    const Group group(spec, 1, DRAWS, 9);
    LatentState state;
    state.discrete = true;
    const Vector z = latent_sample(spec, group.heads, group.eps, state, 1, DRAWS);
    const auto expect_mean = [&](double expected, const std::function<double(std::size_t)>& of_draw) {
      double sum = 0.0, squares = 0.0;
      for (std::size_t r = 0; r < DRAWS; ++r) {
        const double value = of_draw(r);
        sum += value;
        squares += value * value;
      }
      const double mean = sum / DRAWS;
      const double error = std::sqrt((squares / DRAWS - mean * mean) / DRAWS);
      EXPECT_NEAR(mean, expected, 5.0 * error + 1e-9);
    };
    const std::size_t Z = latent_width(spec);
    const Vector posterior_mean = latent_mean(spec, group.heads, 1);
    for (std::size_t i = 0; i < Z; ++i) expect_mean(posterior_mean[i], [&](std::size_t r) { return z[r * Z + i]; });
    if (!latent_has_analytic_kl(spec)) continue;
    const Vector log_q = latent_log_posterior(spec, group.heads, z, {}, 1, DRAWS);
    const Vector log_p = latent_log_prior(spec, group.prior, z, DRAWS);
    double kl = 0.0;
    for (const double value : latent_kl(spec, group.heads, group.prior, 1)) kl += value;
    expect_mean(kl, [&](std::size_t r) { return log_q[r] - log_p[r]; });
  }
}

TEST(ReferenceLatent, AFullCovarianceIsItsFactorTimesItself) {
  LatentSpec spec;
  spec.units = 3;
  spec.full_covariance = true;
  // L = [[2, 0, 0], [0.5, 1, 0], [-1, 3, 0.5]]
  const Heads heads{{0.0, 0.0, 0.0}, {2.0 * std::log(2.0), 0.0, 2.0 * std::log(0.5)}, {0.5, -1.0, 3.0}};
  const Vector z = latent_sample(spec, heads, {1.0, 10.0, 100.0}, {}, 1, 1);
  EXPECT_NEAR(z[0], 2.0, 1e-12);
  EXPECT_NEAR(z[1], 10.5, 1e-12);
  EXPECT_NEAR(z[2], 79.0, 1e-12);
}

}  // namespace
}  // namespace aevb::reference
