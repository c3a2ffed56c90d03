// Holds the optimisers' updates to their plain twins.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels.h"
#include "optimizer/update.h"
#include "reference/layers.h"
#include "spec/spec.h"
#include "support.h"

namespace aevb {
namespace {

using test::close;
using test::INFINITE;
using test::NOT_A_NUMBER;
using test::Random;
using test::Row;
using test::Vector;

class UpdateKernels : public test::Kernels {};
AEVB_ON_EVERY_TARGET(UpdateKernels);

constexpr std::size_t SIZES[] = {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 47, 48, 49, 64, 97, 1009};

// What a kernel updates: parameters and two moments, `offset` floats after a cache line.
struct Moments {
  Moments(std::size_t n, std::size_t offset, Random* random)
      : offset(offset),
        parameter(random->floats(n, -2.0, 2.0)),
        first(random->floats(n, -1.0, 1.0)),
        second(random->floats(n, 0.0, 1.0)),
        gradient(random->floats(n, -3.0, 3.0)) {
    // The first step's moments, and padding.
    second[random->index(n)] = 0.0;
    const std::size_t zero = random->index(n);
    parameter[zero] = first[zero] = second[zero] = gradient[zero] = 0.0;
  }

  std::size_t offset;
  Vector parameter, first, second, gradient;
};

struct UpdateCase {
  std::string name;
  OptimizerSpec spec;
  std::uint64_t step;  // the how manyth
  bool with_first, with_second;
};

// beta1, beta2, decay and epsilon are the defaults: no float holds them, which may cost no more than a rounding.
std::vector<UpdateCase> update_cases() {
  const auto make = [](OptimizerType type, double weight_decay, double momentum, bool nesterov) {
    OptimizerSpec spec;
    spec.type = type;
    spec.learning_rate = 0x1p-4;
    spec.weight_decay = weight_decay;
    spec.momentum = momentum;
    spec.nesterov = nesterov;
    return spec;
  };
  std::vector<UpdateCase> cases;
  for (const double decay : {0.0, 0.25}) {
    cases.push_back({"sgd", make(OptimizerType::sgd, decay, 0.0, false), 3, false, false});
    cases.push_back({"sgd's first with momentum", make(OptimizerType::sgd, decay, 0.75, false), 1, true, false});
    cases.push_back({"sgd with momentum", make(OptimizerType::sgd, decay, 0.75, false), 2, true, false});
    cases.push_back({"nesterov's first", make(OptimizerType::sgd, decay, 0.75, true), 1, true, false});
    cases.push_back({"nesterov", make(OptimizerType::sgd, decay, 0.75, true), 2, true, false});
    cases.push_back({"adagrad", make(OptimizerType::adagrad, decay, 0.0, false), 2, false, true});
    cases.push_back({"rmsprop", make(OptimizerType::rmsprop, decay, 0.0, false), 2, false, true});
    cases.push_back({"rmsprop with momentum", make(OptimizerType::rmsprop, decay, 0.75, false), 2, true, true});
    for (const std::uint64_t step : {1, 10, 100000}) {
      cases.push_back({"adam", make(OptimizerType::adam, decay, 0.0, false), step, true, true});
      cases.push_back({"adamw", make(OptimizerType::adamw, decay, 0.0, false), step, true, true});
    }
  }
  return cases;
}

// The kernel, called as optimizer/optimizer.cc calls it.
void update(float* parameter, float* first, float* second, const float* gradient, std::size_t n,
            const UpdateCase& update, float gradient_scale) {
  const OptimizerSpec& spec = update.spec;
  const auto rate = static_cast<float>(spec.learning_rate), momentum = static_cast<float>(spec.momentum);
  const auto decay = static_cast<float>(spec.weight_decay), epsilon = static_cast<float>(spec.epsilon);
  const auto t = static_cast<double>(update.step);
  switch (spec.type) {
    case OptimizerType::sgd:
      sgd_update(parameter, first, gradient, n,
                 {rate, momentum, decay, gradient_scale, spec.nesterov, update.step == 1});
      break;
    case OptimizerType::adagrad:
      adagrad_update(parameter, second, gradient, n, {rate, epsilon, decay, gradient_scale});
      break;
    case OptimizerType::rmsprop:
      rmsprop_update(parameter, second, first, gradient, n,
                     {rate, static_cast<float>(spec.decay), epsilon, momentum, decay, gradient_scale,
                      static_cast<float>(1.0 - spec.decay)});
      break;
    case OptimizerType::adam:
    case OptimizerType::adamw: {
      const bool decoupled = spec.type == OptimizerType::adamw;
      AdamStep step{};
      step.beta2 = static_cast<float>(spec.beta2);
      step.one_minus_beta1 = static_cast<float>(1.0 - spec.beta1);
      step.one_minus_beta2 = static_cast<float>(1.0 - spec.beta2);
      step.epsilon = epsilon;
      step.weight_decay = decoupled ? 0.0f : decay;
      step.gradient_scale = gradient_scale;
      step.step_size = static_cast<float>(spec.learning_rate / (1.0 - std::pow(spec.beta1, t)));
      step.inverse_sqrt_correction = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(spec.beta2, t)));
      step.shrink = decoupled ? static_cast<float>(1.0 - spec.learning_rate * spec.weight_decay) : 1.0f;
      adam_update(parameter, first, second, gradient, n, step);
      break;
    }
  }
}

// The magnitudes of one element's sums. g: the gradient after scaling and decay, gm its magnitude.
struct UpdateMagnitude {
  double first, second, parameter;
};
UpdateMagnitude update_magnitude(const UpdateCase& update, double p, double m, double v, double g, double gm,
                                 double new_second) {
  const OptimizerSpec& spec = update.spec;
  const double rate = spec.learning_rate, t = static_cast<double>(update.step);
  // Of x / (√second + ε): the error of the numerator, and half that of what stands below the root.
  const auto quotient = [&](double numerator, double magnitude, double second, double second_magnitude, double root) {
    if (second == 0.0) return 0.0;
    return (magnitude + std::abs(numerator) * second_magnitude / second) / (root + spec.epsilon);
  };
  switch (spec.type) {
    case OptimizerType::sgd: {
      const double velocity = spec.momentum == 0.0 ? 0.0 : update.step == 1 ? gm : spec.momentum * std::abs(m) + gm;
      const double step = spec.momentum == 0.0 ? gm : spec.nesterov ? gm + spec.momentum * velocity : velocity;
      return {velocity, 0.0, std::abs(p) + rate * step};
    }
    case OptimizerType::adagrad: {
      const double second = v + gm * gm;
      return {0.0, second, std::abs(p) + rate * quotient(g, gm, new_second, second, std::sqrt(new_second))};
    }
    case OptimizerType::rmsprop: {
      const double second = spec.decay * v + (1.0 - spec.decay) * gm * gm;
      const double step = spec.momentum * std::abs(m) + quotient(g, gm, new_second, second, std::sqrt(new_second));
      return {step, second, std::abs(p) + rate * step};
    }
    case OptimizerType::adam:
    case OptimizerType::adamw: {
      const double first = spec.beta1 * std::abs(m) + (1.0 - spec.beta1) * gm;
      const double second = spec.beta2 * v + (1.0 - spec.beta2) * gm * gm;
      const double root = std::sqrt(new_second / (1.0 - std::pow(spec.beta2, t)));
      const double step = quotient(first, first, new_second, second, root) / (1.0 - std::pow(spec.beta1, t));
      return {first, second, std::abs(p) + rate * step};
    }
  }
  return {};
}

TEST_P(UpdateKernels, AreTheirTwins) {
  Random random(11);
  for (const UpdateCase& test_case : update_cases()) {
    for (const std::size_t n : SIZES) {
      for (const float scale : {1.0f, 0.3f}) {
        const OptimizerSpec& spec = test_case.spec;
        SCOPED_TRACE(test_case.name + ", step " + std::to_string(test_case.step) + ", " + std::to_string(n));
        const Moments before(n, random.index(4), &random);
        reference::Parameters parameters{{"p", before.parameter}}, scaled{{"p", before.gradient}};
        for (double& g : scaled["p"]) g *= static_cast<double>(scale);
        reference::OptimizerState state{test_case.step - 1, {{"p", before.first}}, {{"p", before.second}}};
        reference::optimizer_step(&parameters, &state, scaled, spec, spec.learning_rate);
        Vector first, second, parameter;
        for (std::size_t i = 0; i < n; ++i) {
          const double decay = spec.type == OptimizerType::adamw ? 0.0 : spec.weight_decay;
          const double g = scaled["p"][i] + decay * before.parameter[i];
          const double gm = std::abs(scaled["p"][i]) + decay * std::abs(before.parameter[i]);
          const UpdateMagnitude magnitude = update_magnitude(test_case, before.parameter[i], before.first[i],
                                                             before.second[i], g, gm, state.second["p"][i]);
          first.push_back(magnitude.first);
          second.push_back(magnitude.second);
          parameter.push_back(magnitude.parameter);
        }

        Row p(before.parameter, 0, before.offset), m(before.first, 0, before.offset),
            v(before.second, 0, before.offset);
        Row g(before.gradient, 0, before.offset);
        update(p.data(), test_case.with_first ? m.data() : nullptr, test_case.with_second ? v.data() : nullptr,
               g.data(), n, test_case, scale);
        EXPECT_TRUE(close(p.values(), parameters["p"], parameter, 6.0));
        if (test_case.with_first) {
          EXPECT_TRUE(close(m.values(), state.first["p"], first, 6.0));
        }
        if (test_case.with_second) {
          EXPECT_TRUE(close(v.values(), state.second["p"], second, 6.0));
        }
        EXPECT_EQ(g.values(), before.gradient);
        EXPECT_TRUE(p.guards_intact() && m.guards_intact() && v.guards_intact() && g.guards_intact());
      }
    }
  }
}

TEST_P(UpdateKernels, LeavePaddingZero) {
  for (const UpdateCase& test_case : update_cases()) {
    Row p(Vector(37)), m(Vector(37)), v(Vector(37)), g(Vector(37));
    for (int step = 0; step < 3; ++step) update(p.data(), m.data(), v.data(), g.data(), 37, test_case, 0.5f);
    EXPECT_EQ(p.values(), Vector(37)) << test_case.name;
    EXPECT_EQ(m.values(), Vector(37)) << test_case.name;
    EXPECT_EQ(v.values(), Vector(37)) << test_case.name;
  }
}

TEST_P(UpdateKernels, ShowWhatIsNotFinite) {
  constexpr std::size_t N = 37;
  for (const UpdateCase& test_case : update_cases()) {
    for (const float bad : {NOT_A_NUMBER, INFINITE}) {
      for (std::size_t i = 0; i < N; ++i) {
        Row p(Vector(N, 1.0)), m{Vector(N)}, v{Vector(N)}, g(Vector(N, 1.0));
        g.data()[i] = bad;
        update(p.data(), m.data(), v.data(), g.data(), N, test_case, 1.0f);
        for (std::size_t j = 0; j < N; ++j) {
          EXPECT_EQ(std::isfinite(p.data()[j]), i != j) << test_case.name << ", gradient " << bad;
        }
      }
    }
  }
}

TEST_P(UpdateKernels, ClipByValueLimitsEachElement) {
  Random random(12);
  for (const std::size_t n : SIZES) {
    Vector values = random.floats(n, -3.0, 3.0);
    values[random.index(n)] = INFINITE;
    values[random.index(n)] = -INFINITE;
    values[random.index(n)] = 1.25;
    Vector expected = values;
    for (double& value : expected) value = std::clamp(value, -1.25, 1.25);
    Row gradient(values, 0, random.index(4));
    clip_by_value(gradient.data(), n, 1.25f);
    EXPECT_EQ(gradient.values(), expected);
    EXPECT_TRUE(gradient.guards_intact());

    const std::size_t bad = random.index(n);
    gradient.data()[bad] = NOT_A_NUMBER;
    clip_by_value(gradient.data(), n, 0.5f);
    EXPECT_TRUE(std::isnan(gradient.data()[bad]));
  }
}

TEST_P(UpdateKernels, SumOfSquaresIsDoubleAndAlwaysTheSame) {
  Random random(13);
  for (const std::size_t n : SIZES) {
    Vector values = random.floats(n, -3.0, 3.0);
    values[random.index(n)] = static_cast<double>(3e30f);  // its square is no float
    double expected = 0.0;
    for (const double value : values) expected += value * value;
    Row aligned(values), shifted(values, 0, 3);
    const double sum = sum_of_squares(aligned.data(), n);
    EXPECT_NEAR(sum / expected, 1.0, 1e-13);
    EXPECT_EQ(sum, sum_of_squares(shifted.data(), n));
    EXPECT_TRUE(aligned.guards_intact());

    values = random.floats(n, -3.0, 3.0);
    expected = 0.0;
    for (const double value : values) expected += value * value;
    Row small(values, 0, 1);
    EXPECT_NEAR(sum_of_squares(small.data(), n) / expected, 1.0, 1e-13);
    for (const float bad : {NOT_A_NUMBER, INFINITE}) {
      small.data()[random.index(n)] = bad;
      EXPECT_FALSE(std::isfinite(sum_of_squares(small.data(), n)));
    }
  }
  EXPECT_EQ(sum_of_squares(nullptr, 0), 0.0);
}

}  // namespace
}  // namespace aevb
