// What a model tells about data, against the plain reference.

#include "infer/inference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "comparison.h"
#include "estimates.h"
#include "infer/refine.h"
#include "models.h"
#include "runtime/cancelled.h"
#include "support.h"

namespace aevb {
namespace {

using test::Vector;

const std::atomic<bool> NEVER{false};

class Infers : public testing::TestWithParam<std::tuple<test::NamedSpec, test::Backend>> {
 protected:
  Infers()
      : use(std::get<1>(GetParam())),
        spec(std::get<0>(GetParam()).spec),
        model(spec),
        x(test::Random(5).floats(ROWS * spec.input, 0.0, 1.0)),
        data(test::to_floats(x).data(), ROWS, spec.input),
        parameters(test::parameters_of(model)) {}

  static constexpr std::size_t ROWS = 131;  // two whole tasks and a rest

  static void expect_close(const float* actual, const Vector& expected) {
    ASSERT_TRUE(test::is_near(Vector(actual, actual + expected.size()), expected, {2e-5, 2e-5}));
  }
  static void expect_close(const std::vector<double>& actual, const Vector& expected) {
    ASSERT_TRUE(test::is_near(actual, expected, {1e-5, 1e-5}));
  }

  test::UseBackend use;
  ModelSpec spec;
  Model model;
  Vector x;
  Dataset data;
  reference::Parameters parameters;
  ThreadPool pool{3};
  Inference inference{model, pool, NEVER};
};

TEST_P(Infers, EncodesDecodesAndReconstructs) {
  const std::size_t Z = spec.latents[0].units, D = spec.input;
  const reference::Posterior posterior = reference::encode(spec, parameters, x, ROWS);
  std::vector<float> head(ROWS * Z), mean(ROWS * Z), log_variance(ROWS * Z), out(ROWS * D);
  inference.encode({head.data(), log_variance.data()}, mean.data(), data);
  EXPECT_EQ(head, mean);
  expect_close(mean.data(), posterior.mean);
  expect_close(log_variance.data(), posterior.log_variance);
  inference.reconstruct(out.data(), data, {});
  expect_close(out.data(), reference::decode(spec, parameters, posterior.mean, ROWS));
  const Vector z = test::Random(9).floats(ROWS * Z, -2.0, 2.0);
  inference.decode(out.data(), Dataset(test::to_floats(z).data(), ROWS, Z), nullptr, {});
  expect_close(out.data(), reference::decode(spec, parameters, z, ROWS));
}

TEST_P(Infers, EncodesOneRowAsItDoesMany) {
  if (std::get<1>(GetParam()).gemm == Gemm::cblas) GTEST_SKIP() << "a CBLAS may sum a single row in another order";
  const std::size_t Z = spec.latents[0].units;
  std::vector<float> mean(ROWS * Z), log_variance(ROWS * Z), mean_of_one(Z), log_variance_of_one(Z);
  inference.encode({mean.data(), log_variance.data()}, nullptr, data);
  const std::vector<float> floats = test::to_floats(x);
  RowEncoder encoder(model);
  for (const std::size_t row : {std::size_t{0}, std::size_t{70}, ROWS - 1}) {
    encoder.encode({mean_of_one.data(), log_variance_of_one.data()}, nullptr,
                   Dataset::borrow(floats.data() + row * spec.input, 1, spec.input));
    for (std::size_t i = 0; i < Z; ++i) {
      ASSERT_EQ(mean_of_one[i], mean[row * Z + i]);
      ASSERT_EQ(log_variance_of_one[i], log_variance[row * Z + i]);
    }
  }
}

TEST_P(Infers, SamplesFromThePrior) {
  std::vector<float> out(70 * spec.input);
  inference.sample(out.data(), nullptr, 70, nullptr, {.seed = 42});
  const Vector z = reference::normals(70, spec.latents[0].units, 42, Purpose::prior, 0, 0);
  expect_close(out.data(), reference::decode(spec, parameters, z, 70));
}

TEST_P(Infers, EvaluatesTheBound) {
  for (const std::size_t samples : {1u, 4u}) {
    ModelSpec asked = spec;
    asked.objective.samples = samples;
    const Vector epsilon = reference::normals(ROWS * samples, spec.latents[0].units, 6, Purpose::evaluate, 0, 0);
    const reference::Terms expected = reference::forward(asked, parameters, x, epsilon, ROWS);
    const Terms terms = inference.evaluate(data, samples, 6);
    EXPECT_EQ(terms.examples, ROWS);
    EXPECT_TRUE(test::is_near(terms.loss, expected.loss, {1e-5, 0.0}));
    EXPECT_TRUE(test::is_near(terms.reconstruction, expected.reconstruction, {1e-5, 0.0}));
    EXPECT_TRUE(test::is_near(terms.kl, expected.kl, {1e-5, 1e-6}));
  }
}

TEST_P(Infers, ScoresAnomaliesByTheBoundAtTheMean) {
  const reference::Posterior posterior = reference::encode(spec, parameters, x, ROWS);
  Vector expected = reference::negative_log_likelihood(spec, parameters, x, posterior.mean, ROWS, 1);
  const Vector kl = reference::gaussian_kl(posterior.mean, posterior.log_variance, ROWS, spec.latents[0].units);
  for (std::size_t i = 0; i < ROWS; ++i) expected[i] += kl[i];
  std::vector<double> score(ROWS);
  inference.anomaly_score(score.data(), data);
  expect_close(score, expected);
}

TEST_P(Infers, EstimatesTheLikelihood) {
  const std::size_t rows = 3, samples = 150, Z = spec.latents[0].units;  // one whole pass of draws and a rest
  Vector epsilon;
  for (std::uint32_t row = 0; row < rows; ++row) {
    const Vector draws = reference::normals(samples, Z, 8, Purpose::importance, row, 0);
    epsilon.insert(epsilon.end(), draws.begin(), draws.end());
  }
  const Vector few(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(rows * spec.input));
  const Vector expected = reference::log_likelihood(spec, parameters, few, epsilon, rows, samples);
  const test::Estimates estimates(inference, data.slice(0, rows), samples, 8);
  expect_close(estimates.log_likelihood, expected);
  for (const double v : estimates.variance) {
    EXPECT_GE(v, 0.0);
    EXPECT_TRUE(std::isfinite(v));
  }
}

INSTANTIATE_TEST_SUITE_P(All, Infers,
                         testing::Combine(testing::ValuesIn(test::model_specs()), testing::ValuesIn(test::backends())),
                         [](const auto& info) {
                           return std::get<0>(info.param).name + "_" + test::backend_name(std::get<1>(info.param));
                         });

TEST(Inference, StopsWhenCancelled) {
  const ModelSpec spec = test::model_specs()[0].spec;
  const Model model(spec);
  ThreadPool pool(2);
  const std::atomic<bool> cancelled{true};
  const std::vector<float> x(10 * spec.input);
  std::vector<double> score(10);
  const Inference inference{model, pool, cancelled};
  EXPECT_THROW(inference.anomaly_score(score.data(), Dataset(x.data(), 10, spec.input)), Cancelled);
  EXPECT_THROW(test::Estimates(inference, Dataset(x.data(), 10, spec.input), 100, 0), Cancelled);
}

// The spread of many estimates is what each of them says its error is.
TEST(Inference, TellsTheVarianceOfItsEstimate) {
  const ModelSpec spec = test::model_specs()[0].spec;
  const Model model(spec);
  ThreadPool pool(2);
  const Inference inference{model, pool, NEVER};
  const std::vector<float> x = test::to_floats(test::Random(1).floats(spec.input, 0.0, 1.0));
  const Dataset data(x.data(), 1, spec.input);
  constexpr int REPEATS = 400;
  double sum = 0.0, squares = 0.0, told = 0.0;
  for (int seed = 0; seed < REPEATS; ++seed) {
    const test::Estimates estimates(inference, data, 1000, static_cast<std::uint64_t>(seed));
    sum += estimates.log_likelihood[0];
    squares += estimates.log_likelihood[0] * estimates.log_likelihood[0];
    told += estimates.variance[0];
  }
  const double seen = squares / REPEATS - (sum / REPEATS) * (sum / REPEATS);
  // A variance from 400 repeats has a relative standard error of √(2/399) = 7 %. What is told counts the tail that a
  // fit sees beyond the draws, and may be larger.
  EXPECT_LT(seen / (told / REPEATS), 1.35);
  EXPECT_GT(seen / (told / REPEATS), 0.5);
}

// What has overflowed single precision has density zero; nothing is NaN.
class Overflows : public testing::Test {
 protected:
  static constexpr double INFINITE = std::numeric_limits<double>::infinity();
  static constexpr std::size_t ROWS = 3, D = 7, SAMPLES = 150;  // one whole pass of draws and a rest

  // The second of three rows is beyond what a square may be made of.
  static Dataset with_absurd_row() {
    std::vector<float> x(ROWS * D, 0.5f);
    std::fill_n(x.begin() + D, D, 1e20f);
    return Dataset(x.data(), ROWS, D);
  }

  static ModelSpec spec_of(const ObjectiveSpec& objective) {
    ModelSpec spec;
    spec.input = D;
    spec.encoder = {{9, Activation::relu}};
    spec.latents[0].units = 2;
    spec.decoder = {{8, Activation::relu}};
    spec.likelihoods[0].type = LikelihoodType::gaussian;
    spec.objective = objective;
    return spec;
  }

  // Of a variance that overflows, and a decoder that does not look: the divergence of every row is infinite, its
  // reconstruction is not.
  static Model with_infinite_divergence(const ObjectiveSpec& objective) {
    Model model(spec_of(objective));
    for (const ParameterInfo& info : model.table()) {
      const bool mean = info.name == "latent.mean.bias";
      model.write(info, std::vector<float>(info.elements(), mean ? 1e30f : 0.0f).data());
    }
    return model;
  }

  ThreadPool pool{2};
};

ObjectiveSpec objective_of(BoundType bound, KlType kl, double beta) {
  ObjectiveSpec objective;
  objective.bound = bound;
  objective.kl = kl;
  objective.beta = beta;
  objective.samples = 4;
  return objective;
}

TEST_F(Overflows, MakesALossInfinite) {
  const Dataset data = with_absurd_row();
  for (const ObjectiveSpec& objective :
       {objective_of(BoundType::elbo, KlType::analytic, 1.0), objective_of(BoundType::elbo, KlType::analytic, 0.0),
        objective_of(BoundType::elbo, KlType::monteCarlo, 1.0), objective_of(BoundType::iwae, KlType::analytic, 1.0),
        objective_of(BoundType::iwae, KlType::analytic, 0.0)}) {
    const Model model(spec_of(objective));
    const Inference inference{model, pool, NEVER};
    for (const std::size_t samples : {std::size_t{1}, SAMPLES}) {
      const Terms terms = inference.evaluate(data, samples, 1);
      EXPECT_EQ(terms.loss, INFINITE);
      EXPECT_EQ(terms.reconstruction, INFINITE);
      EXPECT_EQ(terms.kl, INFINITE);
      EXPECT_TRUE(std::isfinite(inference.evaluate(data.slice(2, 3), samples, 1).loss));
    }
  }
}

TEST_F(Overflows, LeavesOutATermWithoutWeight) {
  const std::vector<float> x(D, 0.5f);
  const Dataset data(x.data(), 1, D);
  for (const BoundType bound : {BoundType::elbo, BoundType::iwae}) {
    const Model weighted = with_infinite_divergence(objective_of(bound, KlType::analytic, 1.0));
    const Model without = with_infinite_divergence(objective_of(bound, KlType::analytic, 0.0));
    const Terms infinite = Inference{weighted, pool, NEVER}.evaluate(data, 4, 1);
    EXPECT_EQ(infinite.loss, INFINITE);
    EXPECT_EQ(infinite.kl, INFINITE);
    const Terms terms = Inference{without, pool, NEVER}.evaluate(data, 4, 1);
    EXPECT_TRUE(std::isfinite(terms.reconstruction));
    EXPECT_TRUE(test::is_near(terms.loss, terms.reconstruction, {1e-12, 0.0}));
    EXPECT_EQ(terms.kl, INFINITE);
  }
}

TEST_F(Overflows, MakesARowInfinitelyAbnormalAndUnlikely) {
  const Model model(spec_of({}));
  const Inference inference{model, pool, NEVER};
  const Dataset data = with_absurd_row();
  std::vector<double> score(ROWS);
  inference.anomaly_score(score.data(), data);
  EXPECT_EQ(score[1], INFINITE);
  for (const Proposal proposal : {Proposal::posterior, Proposal::defensive, Proposal::refined}) {
    const test::Estimates estimates(inference, data, {SAMPLES, 2 * SAMPLES, proposal, 1});
    EXPECT_EQ(estimates.log_likelihood[1], -INFINITE);
    EXPECT_TRUE(std::isnan(estimates.variance[1]));
    EXPECT_EQ(estimates.reliable[1], 0);
    for (const std::size_t row : {0, 2}) {
      EXPECT_TRUE(std::isfinite(score[row]) && std::isfinite(estimates.log_likelihood[row]));
      EXPECT_GE(estimates.variance[row], 0.0);
    }
  }
}

TEST_F(Overflows, LeavesNothingToRefine) {
  const Model model(spec_of({}));
  const Inference inference{model, pool, NEVER};
  const Dataset data = with_absurd_row();
  std::vector<float> mean(ROWS * 2), log_variance(ROWS * 2), heads[2];
  for (std::vector<float>& head : heads) head.resize(ROWS * 2);
  std::vector<double> before(ROWS), after(ROWS);
  inference.encode({mean.data(), log_variance.data()}, nullptr, data);
  refine(inference, {heads[0].data(), heads[1].data()}, std::vector<float>(ROWS * 2).data(), before.data(),
         after.data(), data, {});
  EXPECT_EQ(before[1], -INFINITE);
  EXPECT_EQ(after[1], -INFINITE);
  for (const std::size_t i : {2, 3}) {
    EXPECT_EQ(heads[0][i], mean[i]);
    EXPECT_EQ(heads[1][i], log_variance[i]);
  }
  for (const std::size_t row : {0, 2}) {
    EXPECT_TRUE(std::isfinite(before[row]) && std::isfinite(after[row]));
    EXPECT_GE(after[row], before[row]);
  }
}

// Some of a row's draws may still have a density.
TEST_F(Overflows, LeavesADrawOut) {
  ModelSpec spec = spec_of({});
  spec.latents[0].units = 1;
  Model model(spec);
  for (const ParameterInfo& info : model.table()) {
    // The mean of the first feature is 3e19 max(z, 0), whose square overflows if z is above 0.6.
    std::vector<float> values(info.elements());
    if (info.name == "decoder.0.weight" || info.name == "likelihood.mean.weight") values[0] = 5.5e9f;
    model.write(info, values.data());
  }
  const std::vector<float> x(D, 0.5f);
  const test::Estimates estimates(Inference{model, pool, NEVER}, Dataset(x.data(), 1, D), SAMPLES, 1);
  EXPECT_TRUE(std::isfinite(estimates.log_likelihood[0]));
}

}  // namespace
}  // namespace aevb
