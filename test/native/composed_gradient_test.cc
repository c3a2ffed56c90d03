// Holds the gradient of whole models to central differences of the plain objective in double: every likelihood,
// posterior, prior, estimator and objective alone, and two hundred models that combine them at random.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "bench/gradient.h"
#include "comparison.h"
#include "models.h"
#include "random_specs.h"
#include "reference/model.h"
#include "reference_batch.h"
#include "runtime/thread_pool.h"
#include "support.h"

namespace aevb {
namespace {

using test::batch_of;
using test::ExampleData;
using test::moment_of;
using test::noise_of;
using test::Random;
using test::Vector;

void check_gradient(const ModelSpec& spec, Random* random) {
  constexpr std::uint32_t STEP = 3;
  Model model(spec);
  model.epochs_trained = 1;  // within a warm-up
  const std::size_t rows = 2 + random->index(5);
  const ExampleData data = test::random_examples(spec, rows, random);
  ThreadPool pool(2);
  const auto [terms, arena] = loss_and_gradient(model, data.examples(spec), pool, nullptr, STEP);
  reference::Parameters parameters = test::parameters_of(model);
  const reference::Parameters frozen = parameters;
  const reference::Parameters gradient = test::parameters_of(model, arena.data());

  const Vector epsilon = noise_of(model, STEP, rows * spec.objective.samples);
  const reference::Batch batch = batch_of(model, data, epsilon, STEP);
  const reference::Moment moment = moment_of(model, rows);
  const reference::Terms plain = reference::objective(spec, parameters, batch, moment);
  EXPECT_TRUE(test::is_near(terms.reconstruction, plain.reconstruction, {2e-5, 2e-5}));
  EXPECT_TRUE(test::is_near(terms.kl, plain.kl, {2e-5, 2e-5}));
  EXPECT_TRUE(test::is_near(terms.loss, plain.loss, {2e-5, 2e-5}));

  constexpr double H = 1e-5;
  reference::Parameters expected;
  double largest = 0.0;
  for (auto& [name, values] : parameters) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double value = values[i];
      values[i] = value + H;
      const double above = reference::surrogate(spec, parameters, frozen, batch, moment);
      values[i] = value - H;
      const double below = reference::surrogate(spec, parameters, frozen, batch, moment);
      values[i] = value;
      expected[name].push_back((above - below) / (2.0 * H));
    }
    largest = test::larger(largest, test::largest_magnitude(expected[name]));
  }
  ASSERT_EQ(gradient.size(), expected.size());
  for (const auto& [name, values] : expected) {
    ASSERT_TRUE(test::is_near(gradient.at(name), values, {2e-4, 3e-5 * largest + 1e-6})) << name;
  }
}

TEST(ComposedGradient, OfEveryPartAloneIsTheDerivativeOfThePlainObjective) {
  for (const test::NamedSpec& named : test::single_part_specs()) {
    SCOPED_TRACE(named.name);
    Random random(5);
    check_gradient(named.spec, &random);
    if (HasFatalFailure()) return;
  }
}

TEST(ComposedGradient, OfPartsCombinedAtRandomIsTheDerivativeOfThePlainObjective) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Random random(seed);
    const ModelSpec spec = test::random_spec(&random);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + test::description(spec));
    check_gradient(spec, &random);
    if (HasFatalFailure()) return;
  }
}

TEST(ComposedGradient, IsTheSameBitsWithAnyNumberOfThreads) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    const ModelSpec spec = test::random_spec(&random);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + test::description(spec));
    Model model(spec);
    const ExampleData data = test::random_examples(spec, 70, &random);
    std::vector<Vector> of_threads;
    for (const std::size_t threads : {1, 3}) {
      ThreadPool pool(threads);
      const auto [terms, arena] = loss_and_gradient(model, data.examples(spec), pool, nullptr, 0);
      of_threads.emplace_back(arena.data(), arena.data() + arena.size());
    }
    EXPECT_EQ(of_threads[0], of_threads[1]);
  }
}

}  // namespace
}  // namespace aevb
