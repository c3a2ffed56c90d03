// The registry of likelihoods: every type and dispersion through its functions, compared with the plain form.

#include "likelihood/likelihood.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "comparison.h"
#include "reference/likelihood.h"
#include "support.h"
#include "tensor/panels.h"

namespace aevb {
namespace {

using test::GARBAGE;
using test::Matrix;
using test::Random;
using test::Row;
using test::Vector;

constexpr std::size_t D = 61;

std::vector<LikelihoodSpec> every_likelihood() {
  std::vector<LikelihoodSpec> all;
  for (const LikelihoodType type :
       {LikelihoodType::bernoulli, LikelihoodType::continuousBernoulli, LikelihoodType::gaussian,
        LikelihoodType::laplace, LikelihoodType::categorical, LikelihoodType::multinomial, LikelihoodType::poisson}) {
    for (const DispersionType dispersion :
         {DispersionType::fixed, DispersionType::learned, DispersionType::perFeature, DispersionType::perDatum}) {
      LikelihoodSpec spec;
      spec.type = type;
      spec.dispersion = dispersion;
      spec.fixed_dispersion = 0.4;
      spec.log_dispersion_min = -3.0;
      spec.log_dispersion_max = 2.0;
      if (type == LikelihoodType::categorical) spec.classes = {2, 30, 1, 9, 19};
      all.push_back(spec);
      if (type != LikelihoodType::gaussian) continue;
      spec.covariance = CovarianceType::full;
      all.push_back(spec);
      spec.covariance = CovarianceType::lowRank;
      spec.rank = 5;
      all.push_back(spec);
    }
  }
  return all;
}

bool has_dispersion(const LikelihoodSpec& spec) {
  return spec.type == LikelihoodType::gaussian || spec.type == LikelihoodType::laplace;
}

Vector data_of(const LikelihoodSpec& spec, std::size_t B, Random& random) {
  Vector x(B * D);
  if (spec.type == LikelihoodType::categorical) {
    for (std::size_t b = 0; b < B; ++b) {
      std::size_t begin = b * D;
      for (const std::size_t count : spec.classes) {
        x[begin + random.index(count)] = 1.0;
        begin += count;
      }
    }
    return x;
  }
  const bool counts = spec.type == LikelihoodType::multinomial || spec.type == LikelihoodType::poisson;
  for (double& value : x) value = counts ? static_cast<double>(random.index(6)) : random.uniform(0.0, 1.0);
  return test::as_floats(x);
}

TEST(Likelihood, NamesItsHeadsAndParameters) {
  using Names = std::vector<std::string>;
  for (const LikelihoodSpec& spec : every_likelihood()) {
    const auto heads = likelihood_head_names(spec);
    const Names names(heads.begin(), heads.end());
    const bool laplace = spec.type == LikelihoodType::laplace;
    if (spec.type == LikelihoodType::poisson) {
      EXPECT_EQ(names, Names{"logRate"});
    } else if (!has_dispersion(spec)) {
      EXPECT_EQ(names, Names{"logits"});
    } else {
      Names expected{"mean"};
      if (spec.dispersion == DispersionType::perDatum) expected.push_back(laplace ? "logScale" : "logVariance");
      if (spec.covariance == CovarianceType::full) expected.push_back("regression");
      if (spec.covariance == CovarianceType::lowRank) expected.push_back("factor");
      EXPECT_EQ(names, expected);
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
      const std::size_t units = names[i] == "regression" ? D * (D - 1) / 2 : names[i] == "factor" ? 5 * D : D;
      EXPECT_EQ(likelihood_head_units(spec, i, D), units);
    }
    const bool one = has_dispersion(spec) && spec.dispersion == DispersionType::learned;
    const bool each = has_dispersion(spec) && spec.dispersion == DispersionType::perFeature;
    EXPECT_EQ(shared_log_dispersions(spec, D), one ? 1 : each ? D : 0);
    EXPECT_EQ(log_dispersion_name(spec), !has_dispersion(spec) ? "" : laplace ? "logScale" : "logVariance");
    const bool kept = laplace || spec.covariance != CovarianceType::diagonal;
    EXPECT_EQ(likelihood_panels(spec), heads.size() + (kept && (one || each) ? 1 : 0));
    EXPECT_LE(likelihood_panels(spec), MOST_LIKELIHOOD_PANELS);
  }
}

TEST(Likelihood, IsItsPlainForm) {
  constexpr std::size_t B = 5, L = 2;
  constexpr float SCALE = 0.25f;
  Random random(81);
  for (const LikelihoodSpec& spec : every_likelihood()) {
    for (const std::size_t width : {std::size_t{16}, std::size_t{48}, std::size_t{64}}) {
      SCOPED_TRACE("type " + std::to_string(static_cast<int>(spec.type)) + ", dispersion " +
                   std::to_string(static_cast<int>(spec.dispersion)));
      const std::size_t count = likelihood_head_names(spec).size();
      std::vector<Vector> heads;
      std::deque<Matrix> matrices;
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t units = likelihood_head_units(spec, i, D);
        const double most = units == D ? 2.0 : 0.3;
        heads.push_back(random.floats(B * L * units, -most, most));
        matrices.emplace_back(heads.back(), B * L, units, width);
      }
      while (matrices.size() < likelihood_panels(spec)) matrices.emplace_back(B * L, D, width);
      std::vector<Panels> panels;
      for (Matrix& matrix : matrices) panels.push_back(matrix);
      const Vector raw = random.floats(shared_log_dispersions(spec, D), -4.0, 3.0);
      Row parameters(raw), shared(Vector(D), panel_count(D, width) * width);
      const Vector x = data_of(spec, B, random);
      Matrix xs(x, B, D, width);
      fill_shared_log_dispersion(shared.data(), spec, parameters.data(), D);

      // The kernels have tests of their own: here it counts that the right one is called, with the right arguments.
      const auto near = [](const Vector& got, const Vector& expected) {
        EXPECT_TRUE(test::is_near(got, expected, {1e-4, 1e-4}));
      };
      Vector loss(B * L), fused(B * L);
      likelihood_forward(loss.data(), spec, panels.data(), shared.data(), xs, B, L, D);
      near(loss, reference::likelihood_loss(spec, heads, raw, x, B, L, D));

      Matrix means(heads[0], B * L, D, width);
      std::vector<Panels> in_place = panels;
      in_place[0] = means;
      likelihood_mean(spec, in_place.data(), B * L, D);
      near(means.values(), reference::likelihood_mean(spec, heads, B * L, D));

      likelihood_forward_backward(fused.data(), spec, panels.data(), shared.data(), xs, SCALE, B, L, D);
      EXPECT_EQ(fused, loss);
      const reference::LikelihoodGradient gradient =
          reference::likelihood_gradient(spec, heads, raw, x, SCALE, B, L, D);
      for (std::size_t i = 0; i < count; ++i) near(matrices[i].values(), gradient.dheads[i]);
      Row draw(Vector(raw.size(), 7.0));
      if (!raw.empty()) {
        shared_log_dispersion_backward(draw.data(), spec, parameters.data(), shared.data(), panels.back(), SCALE,
                                       nullptr, B * L, D);
        near(draw.values(), gradient.d_raw);
      }
      EXPECT_TRUE(draw.guards_intact() && shared.guards_intact() && means.guards_intact());
      for (const Matrix& matrix : matrices) EXPECT_TRUE(matrix.guards_intact());
    }
  }
}

TEST(Likelihood, KnowsWhichCovarianceFeaturesCanHave) {
  LikelihoodSpec spec;
  spec.type = LikelihoodType::gaussian;
  EXPECT_TRUE(covariance_fits(spec, 1));
  EXPECT_TRUE(covariance_fits(spec, 1'000'000));
  spec.covariance = CovarianceType::full;
  EXPECT_FALSE(covariance_fits(spec, 1));
  EXPECT_TRUE(covariance_fits(spec, 2));
  EXPECT_TRUE(covariance_fits(spec, 512));
  EXPECT_FALSE(covariance_fits(spec, 513));
  spec.covariance = CovarianceType::lowRank;
  EXPECT_FALSE(covariance_fits(spec, 4));
  spec.rank = 4;
  EXPECT_FALSE(covariance_fits(spec, 3));
  EXPECT_TRUE(covariance_fits(spec, 4));
  EXPECT_TRUE(covariance_fits(spec, 1'000'000));
  spec.rank = 24;
  EXPECT_TRUE(covariance_fits(spec, 100));
  spec.rank = 25;
  EXPECT_FALSE(covariance_fits(spec, 100));
}

}  // namespace
}  // namespace aevb
