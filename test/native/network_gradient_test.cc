// Holds the gradient of whole networks of all layers to central differences of the plain objective in double.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "comparison.h"
#include "latent/kind.h"
#include "likelihood/kind.h"
#include "models.h"
#include "objective/objective.h"
#include "random_networks.h"
#include "random_specs.h"
#include "reference/model.h"
#include "reference_batch.h"
#include "runtime/thread_pool.h"
#include "support.h"
#include "train/training_step.h"

namespace aevb {
namespace {

using test::ExampleData;
using test::Random;
using test::Vector;

constexpr std::uint32_t STEP = 5;

// Statistics of the data stand among the parameters, and nothing trains them.
bool is_trained(const std::string& name) { return name.find(".running_") == std::string::npos; }

// A network's gradient in training and what the plain objective says of it.
class Checked {
 public:
  Checked(const ModelSpec& spec, Random* random) : random_(random), model_(spec) {
    // Weights of norms begin as 1 and their biases as 0, which would hide much.
    for (const ParameterInfo& info : model_.table()) {
      if (!is_trained(info.name)) continue;
      std::vector<float> values(info.elements());
      model_.read(info, values.data());
      for (float& value : values) value += static_cast<float>(random->uniform(-0.3, 0.3));
      model_.write(info, values.data());
    }
    model_.refresh_derived();
    // One row more than a task has, now and then.
    constexpr std::size_t ROWS[] = {2, 2, 3, 4, 5};
    const std::size_t rows = random->index(20) == 0 ? 33 : ROWS[random->index(std::size(ROWS))];
    const ExampleData data = test::random_examples(spec, rows, random);
    ThreadPool pool(1);
    SingleProcess process;
    TrainingStep training(model_, process);
    training.configure(TrainSpec{});
    training.prepare(rows);
    // After another step, so that its memory holds that step's numbers.
    for (const std::uint32_t step : {STEP + 1, STEP}) {
      training.pass(data.examples(spec), {nullptr, rows, nullptr, step, 0.0}, pool, nullptr);
      training.sum_gradients(pool);
    }
    terms_ = training.terms();
    gradient_ = test::parameters_of(model_, training.gradients().data());
    parameters_ = test::parameters_of(model_);
    frozen_ = parameters_;
    batch_ = test::batch_of(model_, data, test::noise_of(model_, STEP, rows * spec.objective.samples), STEP);
    moment_ = test::moment_of(model_, rows);
  }

  void expect_the_loss() const {
    const reference::Terms plain = reference::objective(model_.spec(), parameters_, batch_, moment_);
    EXPECT_TRUE(test::is_near(terms_.reconstruction, plain.reconstruction, {2e-5, 2e-5}));
    EXPECT_TRUE(test::is_near(terms_.kl, plain.kl, {2e-5, 2e-5}));
    EXPECT_TRUE(test::is_near(terms_.loss, plain.loss, {2e-5, 2e-5}));
  }

  std::size_t tensors_named(const std::string& part) const {
    return static_cast<std::size_t>(
        std::count_if(model_.table().begin(), model_.table().end(),
                      [&](const ParameterInfo& info) { return info.name.find(part) != std::string::npos; }));
  }

  // The derivative along `direction` of one tensor, by the plain objective.
  double slope(const std::string& name, const Vector& direction, double h) {
    Vector& values = parameters_.at(name);
    const Vector here = values;
    const auto loss_at = [&](double step) {
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = here[i] + step * direction[i];
      return reference::surrogate(model_.spec(), parameters_, frozen_, batch_, moment_);
    };
    const double difference = loss_at(h) - loss_at(-h);
    values = here;
    return difference / (2.0 * h);
  }

  struct Count {
    std::size_t directions = 0, kinks = 0;
  };
  // Each tensor along directions of random signs, whose squared slopes have the tensor's squared norm as their mean.
  void expect_slopes_along_random_signs(Count* count) { expect_slopes(count, false); }
  void expect_every_derivative(Count* count) { expect_slopes(count, true); }

 private:
  struct Slope {
    Vector direction;
    double plain;
  };

  void expect_slopes(Count* count, bool every_parameter) {
    std::map<std::string, std::vector<Slope>> all;
    double squares_of_model = 0.0;
    std::map<std::string, double> norms;
    for (const auto& [name, values] : frozen_) {
      if (!is_trained(name)) continue;
      const std::size_t n = values.size(), directions = every_parameter ? n : std::min<std::size_t>(n, 2);
      double squares = 0.0;
      for (std::size_t k = 0; k < directions; ++k) {
        Vector direction(n, 0.0);
        if (every_parameter || n == 1) direction[k] = 1.0;
        for (double& sign : direction) {
          if (!every_parameter && n > 1) sign = random_->index(2) == 0 ? 1.0 : -1.0;
        }
        const double plain = slope(name, direction, H);
        squares += plain * plain;
        all[name].push_back({direction, plain});
      }
      if (!every_parameter) squares /= static_cast<double>(directions);
      norms[name] = std::sqrt(squares);
      squares_of_model += squares;
    }
    const double of_model = std::sqrt(squares_of_model);
    ASSERT_EQ(gradient_.size(), frozen_.size());
    for (const auto& [name, slopes] : all) {
      const double tolerance = OF_TENSOR * norms[name] + OF_MODEL * of_model + 1e-7;
      for (const Slope& along : slopes) {
        ++count->directions;
        const Vector& gradient = gradient_.at(name);
        double got = 0.0;
        for (std::size_t i = 0; i < gradient.size(); ++i) got += gradient[i] * along.direction[i];
        if (test::is_within(got, along.plain, tolerance)) continue;
        // At a kink the plain objective's own slopes differ between steps.
        if (std::abs(slope(name, along.direction, H / 16.0) - along.plain) > 0.1 * tolerance) {
          ++count->kinks;
          continue;
        }
        ADD_FAILURE() << name << ": " << test::is_near(got, along.plain, tolerance).message();
      }
    }
  }

  // Double leaves about 1e-16 · loss / H, or 1e-9, and the curve H² of its third derivative.
  static constexpr double H = 2e-6;
  // Of the tensor's norm: sums of some hundred products in float, through some ten layers. Of the model's: a gradient
  // that cancels, as that of a bias before a norm, which is 0, is as exact as what it cancels of. A norm divides that
  // by its input's deviation, which may be a hundredth.
  static constexpr double OF_TENSOR = 3e-4, OF_MODEL = 1e-4;

  Random* random_;
  Model model_;
  Terms terms_;
  reference::Parameters gradient_, parameters_, frozen_;
  reference::Batch batch_;
  reference::Moment moment_;
};

class NetworkGradient : public testing::TestWithParam<test::Backend> {
 protected:
  test::UseBackend use{GetParam()};
};

TEST_P(NetworkGradient, OfRandomNetworksIsTheDerivativeOfThePlainObjective) {
  std::map<std::string, std::size_t> layers;
  std::map<LikelihoodType, std::size_t> likelihoods;
  std::map<PosteriorType, std::size_t> posteriors;
  std::size_t seventeen = 0, projections = 0, covariances = 0, weighted = 0, coupled = 0, scored = 0;
  Checked::Count count;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    const ModelSpec spec = test::RandomNetwork(&random).draw();
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + test::network_text(spec));
    for (const auto* stack : {&spec.encoder, &spec.decoder, &spec.likelihood_head}) {
      test::count_layers(*stack, &layers);
      for (const LayerSpec& layer : *stack) seventeen += layer.channels == 17 ? 1 : 0;
    }
    likelihoods[spec.likelihoods[0].type] += 1;
    if (spec.likelihoods[0].covariance != CovarianceType::diagonal) ++covariances;
    for (const LatentSpec& latent : spec.latents) posteriors[latent.type] += 1;
    if (is_importance_weighted(spec.objective)) ++weighted;
    if (couples_rows(spec.objective)) ++coupled;
    if (spec.objective.estimator == Estimator::scoreFunction) ++scored;
    Checked checked(spec, &random);
    checked.expect_the_loss();
    checked.expect_slopes_along_random_signs(&count);
    projections += checked.tensors_named(".projection.weight");
    if (HasFailure()) return;
  }
  EXPECT_LT(count.kinks, count.directions / 500) << "of " << count.directions << " directions";
  for (const char* name :
       {"dense", "conv", "convTranspose", "activation", "batchNorm", "layerNorm", "groupNorm", "maxPool", "avgPool",
        "avgPool/global", "upsample/nearest", "upsample/linear", "upsample/folded", "dropout", "dropout/channels",
        "embedding", "flatten", "reshape", "residual"}) {
    EXPECT_GE(layers[name], 10u) << name;
  }
  for (const auto& [type, networks] : likelihoods) EXPECT_GE(networks, 10u) << name_of(type);
  for (const auto& [type, networks] : posteriors) EXPECT_GE(networks, 10u) << name_of(type);
  EXPECT_EQ(likelihoods.size(), std::size(LIKELIHOOD_KINDS));
  EXPECT_EQ(posteriors.size(), std::size(POSTERIOR_KINDS));
  EXPECT_GE(covariances, 5u);
  EXPECT_GE(weighted, 10u);
  EXPECT_GE(coupled, 10u);
  EXPECT_GE(scored, 5u);
  EXPECT_GE(seventeen, 10u);
  EXPECT_GE(projections, 10u);
}

TEST_P(NetworkGradient, OfEveryParameterOfSomeNetworksIsTheDerivativeOfThePlainObjective) {
  Checked::Count count;
  for (std::uint64_t seed = 1001; seed <= 1006; ++seed) {
    Random random(seed);
    const ModelSpec spec = test::RandomNetwork(&random).draw();
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + test::network_text(spec));
    Checked(spec, &random).expect_every_derivative(&count);
  }
  EXPECT_GE(count.directions, 1000u);
  EXPECT_LT(count.kinks, count.directions / 100);
}

INSTANTIATE_TEST_SUITE_P(All, NetworkGradient, testing::ValuesIn(test::backends()),
                         [](const auto& info) { return test::backend_name(info.param); });

}  // namespace
}  // namespace aevb
