// What a model tells about data, against the plain reference.

#include "inference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <tuple>

#include "models.h"
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
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(actual[i], expected[i], 2e-5 * std::max(1.0, std::abs(expected[i]))) << i;
    }
  }
  static void expect_close(const std::vector<double>& actual, const Vector& expected) {
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(actual[i], expected[i], 1e-5 * std::max(1.0, std::abs(expected[i]))) << i;
    }
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
  inference.sample(out.data(), nullptr, 70, nullptr, 42, {});
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
    EXPECT_NEAR(terms.loss, expected.loss, 1e-5 * std::abs(expected.loss));
    EXPECT_NEAR(terms.reconstruction, expected.reconstruction, 1e-5 * std::abs(expected.reconstruction));
    EXPECT_NEAR(terms.kl, expected.kl, 1e-5 * expected.kl + 1e-6);
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
  std::vector<double> actual(rows), variance(rows);
  inference.log_likelihood(actual.data(), variance.data(), data.slice(0, rows), samples, 8);
  expect_close(actual, expected);
  for (const double v : variance) {
    EXPECT_GE(v, 0.0);
    EXPECT_LE(v, 1.0);
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
  std::vector<double> score(10), variance(10);
  const Inference inference{model, pool, cancelled};
  EXPECT_THROW(inference.anomaly_score(score.data(), Dataset(x.data(), 10, spec.input)), Cancelled);
  EXPECT_THROW(inference.log_likelihood(score.data(), variance.data(), Dataset(x.data(), 10, spec.input), 100, 0),
               Cancelled);
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
    double estimate = 0.0, variance = 0.0;
    inference.log_likelihood(&estimate, &variance, data, 200, static_cast<std::uint64_t>(seed));
    sum += estimate;
    squares += estimate * estimate;
    told += variance;
  }
  const double seen = squares / REPEATS - (sum / REPEATS) * (sum / REPEATS);
  // A variance from 400 repeats has a relative standard error of √(2/399) = 7 %.
  EXPECT_NEAR(seen / (told / REPEATS), 1.0, 0.35);
}

}  // namespace
}  // namespace aevb
