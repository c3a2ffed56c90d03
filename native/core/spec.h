// What a model is and how it is trained, as plain data. The facade has checked types, ranges and meaning; the core
// checks again only what protects memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace aevb {

enum class Activation { identity, relu, leakyRelu, elu, gelu, silu, tanh, sigmoid, softplus };

enum class Initializer { pytorch, glorotUniform, glorotNormal, heUniform, heNormal };

struct DenseSpec {
  std::size_t units = 0;
  Activation activation = Activation::relu;
};

struct LatentSpec {
  std::size_t units = 10;  // a Gaussian posterior with diagonal covariance, prior N(0, I)
};

enum class LikelihoodType { bernoulli, gaussian };

// Where a Gaussian likelihood's variance comes from.
enum class VarianceType {
  fixed,       // a constant
  learned,     // one parameter
  perFeature,  // one parameter per feature
  perDatum,    // the decoder puts out one per datum and feature
};

struct LikelihoodSpec {
  LikelihoodType type = LikelihoodType::bernoulli;
  VarianceType variance = VarianceType::fixed;
  double fixed_variance = 1.0;
  // Learned log-variances stay softly between these: see soft_bound in likelihood/gaussian.h.
  double log_variance_min = -10.0;
  double log_variance_max = 10.0;
};

struct ObjectiveSpec {
  double beta = 1.0;        // weight of the KL divergence
  std::size_t samples = 1;  // L, draws of z for each datum
};

struct ModelSpec {
  std::size_t input = 784;  // D, features
  std::vector<DenseSpec> encoder{{200, Activation::relu}};
  LatentSpec latent;
  std::vector<DenseSpec> decoder{{200, Activation::relu}};
  LikelihoodSpec likelihood;
  ObjectiveSpec objective;
  Initializer initializer = Initializer::pytorch;
  std::uint64_t seed = 0;
};

enum class OptimizerType { sgd, adagrad, rmsprop, adam, adamw };

// Equations and defaults as in PyTorch's torch.optim; weight decay is an L2 term in the gradient, but for adamw, which
// shrinks the parameter itself.
struct OptimizerSpec {
  OptimizerType type = OptimizerType::adam;
  double learning_rate = 0.01;
  double weight_decay = 0.0;
  double momentum = 0.0;             // sgd, rmsprop
  bool nesterov = false;             // sgd
  double beta1 = 0.9;                // adam, adamw
  double beta2 = 0.999;              // adam, adamw
  double decay = 0.99;               // rmsprop: PyTorch's alpha
  double epsilon = 1e-8;             // adagrad, rmsprop, adam, adamw
  double initial_accumulator = 0.0;  // adagrad
};

enum class ScheduleType { constant, step, exponential, cosine };

// The learning rate as a factor of its base, as a function of t, the epochs since fit began (a fraction within an
// epoch): see optimizer/schedule.h.
struct ScheduleSpec {
  ScheduleType type = ScheduleType::constant;
  double warmup = 0.0;   // epochs over which the factor grows linearly from 0
  double every = 1.0;    // step: epochs between two reductions
  double factor = 0.1;   // step: multiplied each time; exponential: multiplied each epoch
  double minimum = 0.0;  // cosine: the factor at the end
  double epochs = 1.0;   // cosine: where the end is
};

struct TrainSpec {
  std::size_t batch_size = 128;
  bool shuffle = true;
  OptimizerSpec optimizer;
  ScheduleSpec schedule;
  double clip_norm = 0.0;   // largest Euclidean norm of the whole gradient; 0: no limit
  double clip_value = 0.0;  // largest magnitude of each element, applied before the norm; 0: no limit
};

}  // namespace aevb
