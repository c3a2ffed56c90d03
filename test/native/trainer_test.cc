// Training steps against the plain reference, and what training promises besides: the same bits for any number of
// threads, and a model that is never left half-way.

#include "train/trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <tuple>

#include "bench/gradient.h"
#include "comparison.h"
#include "infer/inference.h"
#include "math/gemm.h"
#include "models.h"
#include "optimizer/schedule.h"
#include "support.h"

namespace aevb {
namespace {

using test::Vector;

const std::atomic<bool> NEVER{false};

Vector some_rows(const ModelSpec& spec, std::size_t rows) {
  return test::Random(spec.input).floats(rows * spec.input, 0.0, 1.0);
}

Dataset dataset(const ModelSpec& spec, const Vector& values) {
  return Dataset(test::to_floats(values).data(), values.size() / spec.input, spec.input);
}

// Differences beside the largest magnitude of each tensor: what float sums of a few hundred terms leave.
void expect_close(const reference::Parameters& actual, const reference::Parameters& expected, double tolerance) {
  EXPECT_EQ(actual.size(), expected.size());
  for (const auto& [name, values] : expected) {
    EXPECT_TRUE(test::is_near_in_all(actual.at(name), values, {tolerance, 1e-9})) << name;
  }
}

using Case = std::tuple<test::NamedSpec, test::Backend>;

class WholeModel : public testing::TestWithParam<Case> {
 protected:
  test::UseBackend use{std::get<1>(GetParam())};
  const ModelSpec& spec = std::get<0>(GetParam()).spec;
};

TEST_P(WholeModel, HasTheGradientOfTheReference) {
  for (const std::size_t rows : {1u, 7u, 33u, 100u}) {
    Model model(spec);
    ThreadPool pool(2);
    const Vector x = some_rows(spec, rows);
    const Vector epsilon = test::Random(3).floats(rows * spec.objective.samples * spec.latents[0].units, -2.0, 2.0);
    const auto [terms, arena] = loss_and_gradient(model, dataset(spec, x), pool, test::to_floats(epsilon).data(), 0);
    reference::Parameters expected;
    const reference::Terms plain =
        reference::forward_backward(spec, test::parameters_of(model), x, epsilon, rows, &expected);
    EXPECT_TRUE(test::is_near(terms.loss, plain.loss, {1e-5, 0.0}));
    EXPECT_TRUE(test::is_near(terms.reconstruction, plain.reconstruction, {1e-5, 0.0}));
    EXPECT_TRUE(test::is_near(terms.kl, plain.kl, {1e-5, 1e-6}));
    expect_close(test::parameters_of(model, arena.data()), expected, 2e-5);
  }
}

TEST_P(WholeModel, HasTensorsThatBeginWithACacheLine) {
  const Model model(spec);
  for (const ParameterInfo& tensor : model.table())
    EXPECT_EQ(tensor.arena_offset, cache_lines(tensor.arena_offset)) << tensor.name;
}

// The distance of two gradients, beside the length of the first.
double relative_distance(const AlignedFloats& a, const AlignedFloats& b) {
  double distance = 0.0, length = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    distance += std::pow(static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i]), 2);
    length += std::pow(static_cast<double>(a.data()[i]), 2);
  }
  return std::sqrt(distance / length);
}

TEST_P(WholeModel, HasNearlyTheSameGradientInBfloat16) {
  if (!bfloat16_available()) GTEST_SKIP() << "this backend has no bfloat16";
  const std::size_t rows = 100;
  Model model(spec);
  TrainSpec train;
  train.precision = Precision::bfloat16;
  ThreadPool pool(1);
  const Dataset data = dataset(spec, some_rows(spec, rows));
  const LossAndGradient exact = loss_and_gradient(model, data, pool, nullptr, 0);
  const LossAndGradient rounded = loss_and_gradient(model, data, pool, nullptr, 0, train);
  const double distance = relative_distance(exact.gradient, rounded.gradient);
  // Each factor is off by at most 2⁻⁹ of itself, on the way through all layers and back.
  EXPECT_LT(distance, 0x1p-6);
  EXPECT_GT(distance, 0x1p-20) << "nothing was rounded";
}

TEST_P(WholeModel, TakesTheStepsOfTheReference) {
  TrainSpec train;
  train.batch_size = 20;
  train.shuffle = false;
  train.optimizer.learning_rate = 0.003;
  // The gradient of a Laplace likelihood's mean is a sum of one number with either sign: if as many are positive as
  // negative only rounding is left of it, which Adam would make a whole step of.
  if (spec.likelihoods[0].type == LikelihoodType::laplace) train.optimizer.type = OptimizerType::sgd;
  Model model(spec);
  reference::Parameters expected = test::parameters_of(model);
  reference::OptimizerState state;
  const std::size_t rows = 50, L = spec.objective.samples;  // batches of 20, 20 and 10
  const Vector x = some_rows(spec, rows);
  Trainer trainer(model);
  trainer.begin_fit(train);
  ThreadPool pool(2);
  std::uint32_t step = 0;
  for (int epoch = 0; epoch < 2; ++epoch) {
    const Terms terms = trainer.epoch(dataset(spec, x), pool, NEVER, {});
    double loss = 0.0;
    for (std::size_t first = 0; first < rows; first += 20, ++step) {
      const std::size_t count = std::min<std::size_t>(20, rows - first);
      const Vector batch(x.begin() + static_cast<std::ptrdiff_t>(first * spec.input),
                         x.begin() + static_cast<std::ptrdiff_t>((first + count) * spec.input));
      const Vector epsilon = reference::normals(count * L, spec.latents[0].units, spec.seed, Purpose::epsilon, step, 0);
      reference::Parameters gradient;
      loss += reference::forward_backward(spec, expected, batch, epsilon, count, &gradient).loss *
              static_cast<double>(count);
      reference::train_step(&expected, &state, gradient, train, train.optimizer.learning_rate);
    }
    EXPECT_TRUE(test::is_near(terms.loss, loss / static_cast<double>(rows), {1e-4, 0.0}));
    EXPECT_EQ(terms.examples, rows);
  }
  expect_close(test::parameters_of(model), expected, 2e-3);
}

TEST_P(WholeModel, GivesTheSameBitsForAnyNumberOfThreads) {
  const std::size_t rows = 300;
  const Vector x = some_rows(spec, rows);
  std::vector<float> first;
  double first_loss = 0.0;
  for (const std::size_t threads : {1u, 2u, 3u, 7u}) {
    Model model(spec);
    Trainer trainer(model);
    TrainSpec train;
    train.clip_norm = 1.0;
    trainer.begin_fit(train);
    ThreadPool pool(threads);
    double loss = 0.0;
    for (int epoch = 0; epoch < 2; ++epoch) loss = trainer.epoch(dataset(spec, x), pool, NEVER, {}).loss;
    const std::vector<float> parameters(model.parameters().data(),
                                        model.parameters().data() + model.parameters().size());
    if (threads == 1) {
      first = parameters;
      first_loss = loss;
    }
    EXPECT_EQ(std::memcmp(parameters.data(), first.data(), first.size() * sizeof(float)), 0) << threads << " threads";
    EXPECT_EQ(loss, first_loss);
  }
}

TEST_P(WholeModel, KeepsThePaddingOfItsParametersZero) {
  Model model(spec);
  Trainer trainer(model);
  TrainSpec train;
  train.optimizer.weight_decay = 0.1;
  trainer.begin_fit(train);
  ThreadPool pool(1);
  trainer.epoch(dataset(spec, some_rows(spec, 64)), pool, NEVER, {});
  // With nothing but its tensors written anew the arena is what it was.
  const std::size_t size = model.parameters().size();
  const std::vector<float> trained(model.parameters().data(), model.parameters().data() + size);
  std::size_t elements = 0;
  std::fill(model.parameters().data(), model.parameters().data() + size, 0.0f);
  for (const ParameterInfo& info : model.table()) {
    std::vector<float> values(info.elements());
    read_tensor(values.data(), trained.data(), info);
    model.write(info, values.data());
    elements += values.size();
  }
  ASSERT_LT(elements, size) << "no padding, so nothing to see";
  for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(model.parameters().data()[i], trained[i]) << i;
}

INSTANTIATE_TEST_SUITE_P(All, WholeModel,
                         testing::Combine(testing::ValuesIn(test::model_specs()), testing::ValuesIn(test::backends())),
                         [](const auto& info) {
                           return std::get<0>(info.param).name + "_" + test::backend_name(std::get<1>(info.param));
                         });

// --- optimisers, clipping and schedules, in training ---

struct NamedTrain {
  std::string name;
  TrainSpec train;
};

std::vector<NamedTrain> train_specs() {
  std::vector<NamedTrain> all;
  const auto add = [&](const std::string& name, OptimizerType type, auto change) {
    TrainSpec train;
    train.shuffle = false;
    train.batch_size = 16;
    train.optimizer.type = type;
    train.optimizer.learning_rate = 0.01;
    change(train);
    all.push_back({name, train});
  };
  add("sgd", OptimizerType::sgd, [](TrainSpec&) {});
  add("momentum", OptimizerType::sgd, [](TrainSpec& t) { t.optimizer.momentum = 0.9; });
  add("nesterov", OptimizerType::sgd, [](TrainSpec& t) {
    t.optimizer.momentum = 0.9;
    t.optimizer.nesterov = true;
    t.optimizer.weight_decay = 0.05;
  });
  add("adagrad", OptimizerType::adagrad, [](TrainSpec& t) {
    t.optimizer.epsilon = 1e-10;
    t.optimizer.initial_accumulator = 0.1;
    t.optimizer.weight_decay = 0.05;
  });
  add("rmsprop", OptimizerType::rmsprop, [](TrainSpec& t) { t.optimizer.learning_rate = 0.001; });
  add("rmsprop_momentum", OptimizerType::rmsprop, [](TrainSpec& t) {
    t.optimizer.learning_rate = 0.001;
    t.optimizer.momentum = 0.5;
    t.optimizer.weight_decay = 0.05;
  });
  add("adam", OptimizerType::adam, [](TrainSpec& t) { t.optimizer.weight_decay = 0.05; });
  add("adamw", OptimizerType::adamw, [](TrainSpec& t) { t.optimizer.weight_decay = 0.5; });
  add("clip_norm", OptimizerType::sgd, [](TrainSpec& t) { t.clip_norm = 0.7; });
  add("clip_value", OptimizerType::sgd, [](TrainSpec& t) { t.clip_value = 0.02; });
  add("clip_both", OptimizerType::adam, [](TrainSpec& t) {
    t.clip_value = 0.05;
    t.clip_norm = 0.3;
  });
  add("cosine", OptimizerType::sgd, [](TrainSpec& t) {
    t.schedule.type = ScheduleType::cosine;
    t.schedule.epochs = 4.0;
    t.schedule.warmup = 1.5;
  });
  return all;
}

class TrainedBy : public testing::TestWithParam<NamedTrain> {};

TEST_P(TrainedBy, FollowsTheReference) {
  const TrainSpec& train = GetParam().train;
  ModelSpec spec;
  spec.input = 30;
  spec.encoder = {{11, Activation::tanh}};
  spec.decoder = {{12, Activation::tanh}};
  spec.latents[0].units = 3;
  spec.likelihoods[0].type = LikelihoodType::gaussian;
  spec.likelihoods[0].dispersion = DispersionType::perFeature;
  Model model(spec);
  reference::Parameters expected = test::parameters_of(model);
  reference::OptimizerState state;
  const std::size_t rows = 32;
  const Vector x = some_rows(spec, rows);
  Trainer trainer(model);
  trainer.begin_fit(train);
  ThreadPool pool(2);
  std::uint32_t step = 0;
  for (int epoch = 0; epoch < 4; ++epoch) {
    trainer.epoch(dataset(spec, x), pool, NEVER, {});
    for (std::size_t batch = 0; batch < 2; ++batch, ++step) {
      const auto begin = x.begin() + static_cast<std::ptrdiff_t>(batch * 16 * spec.input);
      const Vector part(begin, begin + static_cast<std::ptrdiff_t>(16 * spec.input));
      const Vector epsilon = reference::normals(16, spec.latents[0].units, spec.seed, Purpose::epsilon, step, 0);
      reference::Parameters gradient;
      reference::forward_backward(spec, expected, part, epsilon, 16, &gradient);
      const double rate = train.optimizer.learning_rate *
                          schedule_factor(train.schedule, epoch + 0.5 * static_cast<double>(batch), 0.5);
      reference::train_step(&expected, &state, gradient, train, rate);
    }
  }
  expect_close(test::parameters_of(model), expected, 1e-3);
}

INSTANTIATE_TEST_SUITE_P(All, TrainedBy, testing::ValuesIn(train_specs()),
                         [](const auto& info) { return info.param.name; });

TEST(Schedule, FollowsItsEquations) {
  ScheduleSpec constant;
  EXPECT_EQ(schedule_factor(constant, 3.7, 0.1), 1.0);
  ScheduleSpec warm = constant;
  warm.warmup = 2.0;
  EXPECT_NEAR(schedule_factor(warm, 0.0, 0.1), 0.05, 1e-12);
  EXPECT_NEAR(schedule_factor(warm, 0.9, 0.1), 0.5, 1e-12);
  EXPECT_EQ(schedule_factor(warm, 5.0, 0.1), 1.0) << "warm-up never goes beyond 1";
  ScheduleSpec step{ScheduleType::step, 0.0, 2.0, 0.5, 0.0, 1.0};
  EXPECT_EQ(schedule_factor(step, 1.99, 0.01), 1.0);
  EXPECT_EQ(schedule_factor(step, 2.0, 0.01), 0.5);
  EXPECT_EQ(schedule_factor(step, 4.5, 0.01), 0.25);
  ScheduleSpec exponential{ScheduleType::exponential, 0.0, 1.0, 0.5, 0.0, 1.0};
  EXPECT_NEAR(schedule_factor(exponential, 0.5, 0.1), std::sqrt(0.5), 1e-12);
  ScheduleSpec cosine{ScheduleType::cosine, 0.0, 1.0, 1.0, 0.1, 10.0};
  EXPECT_EQ(schedule_factor(cosine, 0.0, 0.1), 1.0);
  EXPECT_NEAR(schedule_factor(cosine, 5.0, 0.1), 0.55, 1e-12);
  EXPECT_NEAR(schedule_factor(cosine, 10.0, 0.1), 0.1, 1e-12);
  EXPECT_NEAR(schedule_factor(cosine, 25.0, 0.1), 0.1, 1e-12) << "and stays there";
}

// --- what is left of the model when an epoch ends early ---

std::vector<float> copy_of(const Model& model) {
  return {model.parameters().data(), model.parameters().data() + model.parameters().size()};
}

class EndsEarly : public testing::Test {
 protected:
  EndsEarly() : spec(test::model_specs()[0].spec), x(some_rows(spec, 200)) { train.batch_size = 20; }
  ModelSpec spec;
  TrainSpec train;
  Vector x;
  ThreadPool pool{2};
};

TEST_F(EndsEarly, DivergenceRestoresTheEpochsBeginning) {
  Model model(spec);
  Trainer trainer(model);
  trainer.begin_fit(train);
  trainer.epoch(dataset(spec, x), pool, NEVER, {});
  const std::vector<float> before = copy_of(model);
  TrainSpec wild = train;
  wild.optimizer.learning_rate = 1e30;
  trainer.begin_fit(wild);
  try {
    trainer.epoch(dataset(spec, x), pool, NEVER, {});
    FAIL() << "did not diverge";
  } catch (const Diverged& diverged) {
    EXPECT_EQ(diverged.epoch, 2u);
    EXPECT_GE(diverged.step, 2u);
    EXPECT_LE(diverged.step, 10u);
  }
  EXPECT_EQ(copy_of(model), before);
  EXPECT_EQ(model.steps_trained, 10u);
  EXPECT_EQ(model.epochs_trained, 1u);
  // And it goes on as if nothing had been.
  Model other(spec);
  Trainer straight(other);
  straight.begin_fit(train);
  straight.epoch(dataset(spec, x), pool, NEVER, {});
  trainer.begin_fit(train);
  EXPECT_EQ(trainer.epoch(dataset(spec, x), pool, NEVER, {}).loss,
            straight.epoch(dataset(spec, x), pool, NEVER, {}).loss);
  EXPECT_EQ(copy_of(model), copy_of(other));
}

TEST_F(EndsEarly, DivergenceInTheLastStepIsSeen) {
  Model model(spec);
  Trainer trainer(model);
  train.batch_size = 200;
  train.optimizer.type = OptimizerType::sgd;
  train.optimizer.learning_rate = 1e39;  // infinite as a float
  trainer.begin_fit(train);
  const std::vector<float> before = copy_of(model);
  EXPECT_THROW(trainer.epoch(dataset(spec, x), pool, NEVER, {}), Diverged);
  EXPECT_EQ(copy_of(model), before);
}

// A step may leave parameters that are finite and useless: it shows in the first loss of the next epoch.
TEST_F(EndsEarly, DivergenceInAnEpochsFirstStepGoesBackBeforeTheStepThatDidIt) {
  spec.likelihoods[0].type = LikelihoodType::gaussian;
  Model model(spec);
  Trainer trainer(model);
  train.batch_size = 200;  // one step an epoch
  trainer.begin_fit(train);
  for (int epoch = 0; epoch < 3; ++epoch) trainer.epoch(dataset(spec, x), pool, NEVER, {});
  const std::vector<float> good = copy_of(model);
  const double good_loss = Inference{model, pool, NEVER}.evaluate(dataset(spec, x), 1, 0).loss;
  TrainSpec wild = train;
  wild.optimizer.type = OptimizerType::sgd;
  wild.optimizer.learning_rate = 1e10;
  trainer.begin_fit(wild);
  trainer.epoch(dataset(spec, x), pool, NEVER, {});
  try {
    trainer.epoch(dataset(spec, x), pool, NEVER, {});
    FAIL() << "did not diverge";
  } catch (const Diverged& diverged) {
    EXPECT_EQ(diverged.epoch, 5u);
    EXPECT_EQ(diverged.step, 1u);
  }
  EXPECT_EQ(copy_of(model), good);
  EXPECT_EQ(model.epochs_trained, 3u);
  EXPECT_EQ((Inference{model, pool, NEVER}.evaluate(dataset(spec, x), 1, 0).loss), good_loss);
  trainer.begin_fit(train);
  EXPECT_TRUE(std::isfinite(trainer.epoch(dataset(spec, x), pool, NEVER, {}).loss));
}

TEST_F(EndsEarly, CancellingKeepsTheLastCompletedStep) {
  Model model(spec), other(spec);
  std::atomic<bool> cancelled{false};
  std::vector<float> after_step;
  EpochEvents events;
  events.batch_end = [&](std::size_t batch, const Terms&) {
    if (batch == 3) {
      after_step = copy_of(model);
      cancelled = true;
    }
  };
  Trainer trainer(model);
  trainer.begin_fit(train);
  EXPECT_THROW(trainer.epoch(dataset(spec, x), pool, cancelled, events), Cancelled);
  EXPECT_EQ(copy_of(model), after_step);
  EXPECT_EQ(model.steps_trained, 4u);
  EXPECT_NE(copy_of(model), copy_of(other));
}

TEST_F(EndsEarly, TwoFitsAreOneLongFit) {
  Model twice(spec), once(spec);
  Trainer trainer(twice), straight(once);
  trainer.begin_fit(train);
  trainer.epoch(dataset(spec, x), pool, NEVER, {});
  trainer.begin_fit(train);
  trainer.epoch(dataset(spec, x), pool, NEVER, {});
  straight.begin_fit(train);
  straight.epoch(dataset(spec, x), pool, NEVER, {});
  straight.epoch(dataset(spec, x), pool, NEVER, {});
  EXPECT_EQ(copy_of(twice), copy_of(once));
}

TEST_F(EndsEarly, AGradientChangesNothing) {
  Model model(spec), other(spec);
  Trainer trainer(model), straight(other);
  trainer.begin_fit(train);
  straight.begin_fit(train);
  loss_and_gradient(model, dataset(spec, x), pool, nullptr, 5);
  EXPECT_EQ(copy_of(model), copy_of(other));
  trainer.epoch(dataset(spec, x), pool, NEVER, {});
  straight.epoch(dataset(spec, x), pool, NEVER, {});
  EXPECT_EQ(copy_of(model), copy_of(other));
}

}  // namespace
}  // namespace aevb
