#include "optimizer/optimizer.h"

#include <algorithm>
#include <cmath>

#include "optimizer/update.h"

namespace aevb {

namespace {

bool needs_first(const OptimizerSpec& spec) {
  switch (spec.type) {
    case OptimizerType::sgd:
    case OptimizerType::rmsprop:
      return spec.momentum > 0.0;
    case OptimizerType::adagrad:
      return false;
    case OptimizerType::adam:
    case OptimizerType::adamw:
      return true;
  }
  return false;
}

bool needs_second(const OptimizerSpec& spec) { return spec.type != OptimizerType::sgd; }

}  // namespace

Optimizer::Moments Optimizer::moments(const OptimizerSpec& spec, std::size_t size) const {
  // The same kind of optimiser goes on where it was, whatever its rate; another kind begins anew.
  const std::size_t first = needs_first(spec) ? size : 0, second = needs_second(spec) ? size : 0;
  return {first, second, goes_on(spec) && first_.size() == first, goes_on(spec) && second_.size() == second};
}

double Optimizer::bytes_to_configure(const OptimizerSpec& spec, std::size_t size) const {
  const Moments wanted = moments(spec, size);
  const double first = wanted.keeps_first ? 0.0 : static_cast<double>(wanted.first);
  const double second = wanted.keeps_second ? 0.0 : static_cast<double>(wanted.second);
  return static_cast<double>(sizeof(float)) * (first + second);
}

void Optimizer::configure(const OptimizerSpec& spec, std::size_t size) {
  const Moments wanted = moments(spec, size);
  if (!wanted.keeps_first) first_ = AlignedFloats(wanted.first);
  if (!wanted.keeps_second) {
    second_ = AlignedFloats(wanted.second);
    if (spec.type == OptimizerType::adagrad) {
      std::fill_n(second_.data(), wanted.second, static_cast<float>(spec.initial_accumulator));
    }
  }
  if (!goes_on(spec)) steps_ = 0;
  spec_ = spec;
}

void Optimizer::begin_step(double rate_factor) {
  ++steps_;
  rate_ = spec_.learning_rate * rate_factor;
  correction1_ = 1.0 - std::pow(spec_.beta1, static_cast<double>(steps_));
  correction2_ = 1.0 - std::pow(spec_.beta2, static_cast<double>(steps_));
  gradient_scale_ = 1.0f;
}

void Optimizer::update(float* parameters, const float* gradients, std::size_t offset, std::size_t n) {
  float* parameter = parameters + offset;
  const float* gradient = gradients + offset;
  float* first = first_.size() > 0 ? first_.data() + offset : nullptr;
  float* second = second_.size() > 0 ? second_.data() + offset : nullptr;
  const auto rate = static_cast<float>(rate_);
  const auto weight_decay = static_cast<float>(spec_.weight_decay);
  const auto momentum = static_cast<float>(spec_.momentum);
  const auto epsilon = static_cast<float>(spec_.epsilon);
  switch (spec_.type) {
    case OptimizerType::sgd:
      sgd_update(parameter, first, gradient, n,
                 {rate, momentum, weight_decay, gradient_scale_, spec_.nesterov, steps_ == 1});
      break;
    case OptimizerType::adagrad:
      adagrad_update(parameter, second, gradient, n, {rate, epsilon, weight_decay, gradient_scale_});
      break;
    case OptimizerType::rmsprop:
      rmsprop_update(parameter, second, first, gradient, n,
                     {rate, static_cast<float>(spec_.decay), epsilon, momentum, weight_decay, gradient_scale_,
                      static_cast<float>(1.0 - spec_.decay)});
      break;
    case OptimizerType::adam:
    case OptimizerType::adamw: {
      const bool decoupled = spec_.type == OptimizerType::adamw;
      AdamStep step{};
      step.beta2 = static_cast<float>(spec_.beta2);
      step.one_minus_beta1 = static_cast<float>(1.0 - spec_.beta1);
      step.one_minus_beta2 = static_cast<float>(1.0 - spec_.beta2);
      step.epsilon = epsilon;
      step.weight_decay = decoupled ? 0.0f : weight_decay;
      step.gradient_scale = gradient_scale_;
      step.step_size = static_cast<float>(rate_ / correction1_);
      step.inverse_sqrt_correction = static_cast<float>(1.0 / std::sqrt(correction2_));
      step.shrink = decoupled ? static_cast<float>(1.0 - rate_ * spec_.weight_decay) : 1.0f;
      adam_update(parameter, first, second, gradient, n, step);
      break;
    }
  }
}

void Optimizer::copy_state_from(const Optimizer& other) {
  first_.copy_from(other.first_);
  second_.copy_from(other.second_);
  steps_ = other.steps_;
}

}  // namespace aevb
