// The rows of the registries: each kind of likelihood and posterior has a complete one, in the order of the enum.

#include <gtest/gtest.h>

#include <cstddef>
#include <iterator>
#include <string>

#include "latent/kind.h"
#include "latent/latent.h"
#include "likelihood/kind.h"
#include "likelihood/likelihood.h"

namespace aevb {
namespace {

struct LikelihoodRow {
  LikelihoodType type;
  const LikelihoodKind& row;
  const char* first_head;
  const char* log_dispersion;  // or null
  int dispersion_power;
  Domain domain;
  bool given_total;
  bool has_mean;  // whether the first head has to be turned into the mean
};

const LikelihoodRow LIKELIHOODS[] = {
    {LikelihoodType::bernoulli, BERNOULLI_LIKELIHOOD, "logits", nullptr, 0, Domain::unit, false, true},
    {LikelihoodType::continuousBernoulli, CONTINUOUS_BERNOULLI_LIKELIHOOD, "logits", nullptr, 0, Domain::unit, false,
     true},
    {LikelihoodType::gaussian, GAUSSIAN_LIKELIHOOD, "mean", "logVariance", 2, Domain::real, false, false},
    {LikelihoodType::laplace, LAPLACE_LIKELIHOOD, "mean", "logScale", 1, Domain::real, false, false},
    {LikelihoodType::categorical, CATEGORICAL_LIKELIHOOD, "logits", nullptr, 0, Domain::oneHot, false, true},
    {LikelihoodType::multinomial, MULTINOMIAL_LIKELIHOOD, "logits", nullptr, 0, Domain::counts, true, true},
    {LikelihoodType::poisson, POISSON_LIKELIHOOD, "logRate", nullptr, 0, Domain::counts, false, true},
};
static_assert(std::size(LIKELIHOODS) == std::size(LIKELIHOOD_KINDS));

TEST(Registry, EveryLikelihoodHasACompleteRow) {
  for (const LikelihoodRow& expected : LIKELIHOODS) {
    SCOPED_TRACE(std::string(name_of(expected.type)));
    const LikelihoodKind& row = expected.row;
    EXPECT_STREQ(row.first_head, expected.first_head);
    EXPECT_STREQ(row.log_dispersion, expected.log_dispersion);
    EXPECT_EQ(row.dispersion_power, expected.dispersion_power);
    EXPECT_NE(row.keeps_dispersion_gradient, nullptr);
    EXPECT_NE(row.domain, nullptr);
    EXPECT_NE(row.forward, nullptr);
    EXPECT_NE(row.forward_backward, nullptr);
    EXPECT_EQ(row.mean != nullptr, expected.has_mean);
    EXPECT_EQ(row.given_total, expected.given_total);
    EXPECT_EQ(row.dispersion_backward != nullptr, expected.log_dispersion != nullptr);
    EXPECT_EQ(row.covariance != nullptr, expected.type == LikelihoodType::gaussian);
    EXPECT_NE(row.draw, nullptr);
  }
}

// The lookup, not the row. Bernoulli and continuous Bernoulli have the same facts: likelihood_test.cc tells them apart.
TEST(Registry, EveryLikelihoodIsLookedUpByItsType) {
  for (const LikelihoodRow& expected : LIKELIHOODS) {
    SCOPED_TRACE(std::string(name_of(expected.type)));
    LikelihoodSpec spec;
    spec.type = expected.type;
    spec.dispersion = DispersionType::fixed;
    ASSERT_EQ(likelihood_head_names(spec).size(), 1u);
    EXPECT_STREQ(likelihood_head_names(spec)[0], expected.first_head);
    EXPECT_EQ(likelihood_domain(spec), expected.domain);
    EXPECT_EQ(dispersion_power(spec), expected.dispersion_power);
    EXPECT_EQ(has_fixed_dispersion(spec), expected.log_dispersion != nullptr);
  }
}

TEST(Registry, CategoricalCodesHaveADomainOfTheirOwn) {
  LikelihoodSpec spec;
  spec.type = LikelihoodType::categorical;
  spec.codes = true;
  EXPECT_EQ(likelihood_domain(spec), Domain::codes);
}

struct PosteriorRow {
  PosteriorType type;
  const PosteriorKind& row;
  std::size_t heads, classes, width;  // for 3 units of 4 classes
  const SpreadBound* bound;
  FillNoise noise;
};

// Laplace and logistic differ in their noise alone, which the lookup does not show: latent_kernels_test.cc does.
const PosteriorRow POSTERIORS[] = {
    {PosteriorType::gaussian, GAUSSIAN_POSTERIOR, 2, 0, 3, &LOG_VARIANCE_BOUND, fill_normal},
    {PosteriorType::laplace, LAPLACE_POSTERIOR, 2, 0, 3, &LOG_SCALE_BOUND, fill_laplace},
    {PosteriorType::logistic, LOGISTIC_POSTERIOR, 2, 0, 3, &LOG_SCALE_BOUND, fill_logistic},
    {PosteriorType::categorical, CATEGORICAL_POSTERIOR, 1, 4, 12, nullptr, fill_gumbel},
    {PosteriorType::bernoulli, BERNOULLI_POSTERIOR, 1, 2, 3, nullptr, fill_logistic},
};
static_assert(std::size(POSTERIORS) == std::size(POSTERIOR_KINDS));

TEST(Registry, EveryPosteriorHasACompleteRowThatIsLookedUpByItsType) {
  for (const PosteriorRow& expected : POSTERIORS) {
    SCOPED_TRACE(std::string(name_of(expected.type)));
    const PosteriorKind& row = expected.row;
    ASSERT_NE(row.classes, nullptr);
    ASSERT_NE(row.heads, nullptr);
    ASSERT_NE(row.width, nullptr);
    ASSERT_NE(row.dimensions, nullptr);
    ASSERT_NE(row.scratch_floats, nullptr);
    EXPECT_EQ(row.noise, expected.noise);
    EXPECT_NE(row.sample, nullptr);
    EXPECT_NE(row.sample_backward, nullptr);
    EXPECT_NE(row.log_posterior, nullptr);
    EXPECT_NE(row.log_posterior_backward_z, nullptr);
    EXPECT_NE(row.log_posterior_backward_heads, nullptr);
    EXPECT_NE(row.kl, nullptr);
    EXPECT_NE(row.kl_backward, nullptr);

    LatentSpec spec;
    spec.type = expected.type;
    spec.units = 3;
    spec.classes = 4;
    EXPECT_EQ(posterior_heads(spec).size(), expected.heads);
    EXPECT_EQ(latent_classes(spec), expected.classes);
    EXPECT_EQ(latent_width(spec), expected.width);
    EXPECT_EQ(latent_dimensions(spec), 3u);
    EXPECT_EQ(posterior_head_bound(spec, 1), expected.bound);
  }
}

}  // namespace
}  // namespace aevb
