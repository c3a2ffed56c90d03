// The registry of likelihoods: every type and dispersion through the one door, held to the plain form.

#include "likelihood/likelihood.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "comparison.h"
#include "math/panels.h"
#include "reference_likelihood.h"
#include "support.h"

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
    const auto heads = likelihood_heads(spec);
    const Names names(heads.begin(), heads.end());
    const bool laplace = spec.type == LikelihoodType::laplace;
    if (spec.type == LikelihoodType::poisson) {
      EXPECT_EQ(names, Names{"logRate"});
    } else if (!has_dispersion(spec)) {
      EXPECT_EQ(names, Names{"logits"});
    } else if (spec.dispersion == DispersionType::perDatum) {
      EXPECT_EQ(names, (Names{"mean", laplace ? "logScale" : "logVariance"}));
    } else {
      EXPECT_EQ(names, Names{"mean"});
    }
    const bool one = has_dispersion(spec) && spec.dispersion == DispersionType::learned;
    const bool each = has_dispersion(spec) && spec.dispersion == DispersionType::perFeature;
    EXPECT_EQ(shared_log_dispersions(spec, D), one ? 1 : each ? D : 0);
    EXPECT_EQ(std::string(shared_log_dispersion_name(spec)), !(one || each) ? ""
                                                             : laplace      ? "likelihood.logScale"
                                                                            : "likelihood.logVariance");
    EXPECT_EQ(likelihood_panels(spec), laplace && (one || each) ? 2 : heads.size());
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
      const std::size_t count = likelihood_heads(spec).size();
      std::vector<Vector> heads;
      std::deque<Matrix> matrices;
      for (std::size_t i = 0; i < count; ++i) {
        heads.push_back(random.floats(B * L * D, -2.0, 2.0));
        matrices.emplace_back(heads.back(), B * L, D, width);
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
      const Panels mean[2] = {means, panels.back()};
      likelihood_mean(spec, mean, B * L, D);
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
        near(draw.values(), gradient.draw);
      }
      EXPECT_TRUE(draw.guards_intact() && shared.guards_intact() && means.guards_intact());
      for (const Matrix& matrix : matrices) EXPECT_TRUE(matrix.guards_intact());
    }
  }
}

}  // namespace
}  // namespace aevb
