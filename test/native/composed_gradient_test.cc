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
#include "latent/latent.h"
#include "model/prior_sample.h"
#include "models.h"
#include "objective/objective.h"
#include "random_specs.h"
#include "reference/model.h"
#include "reference/objective.h"
#include "runtime/thread_pool.h"
#include "support.h"

namespace aevb {
namespace {

using test::ExampleData;
using test::Random;
using test::Vector;

// What the step of a model is given, as the reference takes it.
reference::Batch batch_of(const Model& model, const ExampleData& data, const Vector& epsilon, std::uint32_t step) {
  const ModelSpec& spec = model.spec();
  const std::size_t rows = data.rows, D = spec.input;
  reference::Batch batch;
  batch.rows = rows;
  batch.data_rows = rows;
  batch.target = spec.likelihood.codes ? reference::one_hot(data.x, spec.likelihood.classes, rows) : data.x;
  if (spec.likelihood.binarize != Binarize::none) {
    std::vector<std::uint32_t> index(rows);
    for (std::size_t r = 0; r < rows; ++r) index[r] = static_cast<std::uint32_t>(r);
    const auto epoch = static_cast<std::uint32_t>(model.epochs_trained);
    batch.target = reference::binarize(batch.target, spec.likelihood.binarize, spec.seed, epoch, index, D);
  }
  batch.input = spec.corruption.type == CorruptionType::none
                    ? batch.target
                    : test::as_floats(reference::corrupt(batch.target, spec.corruption, spec.seed, step, 0, rows, D));
  if (spec.condition.width > 0) {
    batch.condition =
        spec.condition.classes ? reference::one_hot(data.condition, {spec.condition.width}, rows) : data.condition;
  }
  batch.epsilon = epsilon;
  if (spec.objective.mmd > 0.0) {
    const std::size_t R = rows * spec.objective.samples;
    test::Matrix draws(R, model.layout().latent_width, model.layout().latent_width);
    sample_prior(draws, model, spec.seed, Purpose::discrepancy, step, 0, R);
    batch.prior_draws = draws.values();
  }
  return batch;
}

reference::Moment moment_of(const Model& model, std::size_t rows) {
  Step step(model.spec());
  step.begin(model.spec(), rows, static_cast<double>(model.epochs_trained));
  reference::Moment moment;
  moment.beta = step.beta;
  moment.reconstruction = step.reconstruction;
  moment.capacity = step.capacity;
  for (const float temperature : step.temperature) moment.temperature.push_back(static_cast<double>(temperature));
  return moment;
}

Vector noise_of(const Model& model, std::uint32_t step, std::size_t R) {
  Vector epsilon(R * model.layout().noise_width);
  for (std::size_t i = 0; i < model.latents().size(); ++i) {
    const LatentGroup& group = model.latents()[i];
    test::Matrix noise(R, group.noise_width, group.noise_width);
    latent_noise(noise, group.spec, R, model.spec().seed, Purpose::epsilon, step, 0, static_cast<std::uint32_t>(i));
    for (std::size_t r = 0; r < R; ++r) {
      for (std::size_t c = 0; c < group.noise_width; ++c) {
        epsilon[r * model.layout().noise_width + group.noise_offset + c] = static_cast<double>(noise.at(r, c));
      }
    }
  }
  return epsilon;
}

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
