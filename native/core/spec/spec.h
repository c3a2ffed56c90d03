// What a model is and how it is trained, as plain data. The facade has checked types, ranges and meaning; the core
// checks again only what protects memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "spec/names.h"

namespace aevb {

// A number for each spatial dimension: depth, height, width. A dimension that the data lack has size 1.
struct Extent {
  std::size_t depth = 1, height = 1, width = 1;

  std::size_t product() const { return depth * height * width; }
  friend bool operator==(const Extent&, const Extent&) = default;
};

// Where a window is laid over an image: convolutions and pooling.
struct WindowSpec {
  Extent kernel;
  Extent stride;
  Extent dilation;
  Extent padding_before{0, 0, 0}, padding_after{0, 0, 0};
  std::size_t dimensions = 2;  // spatial ones: 1 has a width, 2 a height too, 3 a depth too
};

// One layer. What a type has no use for holds its default.
struct LayerSpec {
  std::size_t units = 0;                     // dense: outputs; embedding: columns of a code
  Activation activation = Activation::relu;  // dense, activation
  LayerType type = LayerType::dense;
  std::string name{};              // of its tensors behind that of the stack; empty: its place in the stack
  std::size_t channels = 0;        // conv, convTranspose: outputs; reshape
  WindowSpec window{};             // conv, convTranspose, maxPool, avgPool
  Extent output_padding{0, 0, 0};  // convTranspose
  std::size_t groups = 1;          // conv, convTranspose, groupNorm
  bool bias = true;                // conv, convTranspose
  bool global = false;             // avgPool: over all positions
  double momentum = 0.1;           // batchNorm: how much a batch changes the running statistics
  double epsilon = 1e-5;           // norms: added to the variance
  Extent extent{};                 // upsample: the factor; reshape: the positions
  Interpolation interpolation = Interpolation::nearest;  // upsample
  double rate = 0.0;                                     // dropout: the probability of a zero
  bool whole_channels = false;                           // dropout: all positions of a channel together
  std::size_t codes = 0;                                 // embedding: how many
  std::vector<LayerSpec> layers{};                       // residual: what is added to the block's input
};

struct PriorSpec {
  PriorType type = PriorType::standard;
  bool learned = false;          // normal
  std::vector<double> mean;      // normal: one per dimension; where it begins, if learned
  std::vector<double> variance;  // normal: the same
  std::size_t components = 0;    // mixture
};

// The temperature of relaxed categorical and Bernoulli variables; falls from `start` to `end` within `epochs` of the
// model's life.
struct TemperatureSpec {
  TemperatureDecay decay = TemperatureDecay::constant;
  double start = 0.5, end = 0.5, epochs = 1.0;
};

// One group of latent variables; a model has one or several side by side.
struct LatentSpec {
  PosteriorType type = PosteriorType::gaussian;
  std::size_t units = 10;        // dimensions; categorical and Bernoulli: variables
  bool full_covariance = false;  // gaussian
  std::size_t classes = 0;       // categorical: of each variable
  TemperatureSpec temperature;
  bool straight_through = false;  // categorical, bernoulli: discrete forward, relaxed backward
  PriorSpec prior;
};

// p(x|z) of some columns of a row of x; a model has one part or several side by side.
struct LikelihoodSpec {
  std::size_t columns = 0;  // of these columns, one-hot ones counted each; 0: all, if it is the only part
  LikelihoodType type = LikelihoodType::bernoulli;
  DispersionType dispersion = DispersionType::fixed;
  double fixed_dispersion = 1.0;
  // Learned log-dispersions stay softly between these: see soft_bound in likelihood/log_dispersion.h.
  double log_dispersion_min = -10.0;
  double log_dispersion_max = 10.0;
  Binarize binarize = Binarize::none;  // bernoulli
  std::vector<std::size_t> classes;    // categorical: of each variable, which add up to the features
  bool codes = false;                  // categorical: a row of data holds a class number for each variable
  std::size_t variables = 0;           // of codes, if `classes` is not known yet
  bool missing = false;                // a cell of the data may be missing: NaN
  std::size_t trials = 1;              // multinomial: of a draw that belongs to no datum
  CovarianceType covariance = CovarianceType::diagonal;  // gaussian
  std::size_t rank = 0;                                  // lowRank
};

struct ObjectiveSpec {
  double beta = 1.0;        // weight of the KL divergence
  std::size_t samples = 1;  // L, draws of z for each datum
  BoundType bound = BoundType::elbo;
  KlType kl = KlType::analytic;
  Estimator estimator = Estimator::reparameterized;
  Baseline baseline = Baseline::none;                   // scoreFunction
  double baseline_decay = 0.99;                         // movingAverage
  double reconstruction_weight = 1.0, kl_weight = 1.0;  // 0 leaves a term out
  bool deterministic = false;  // z is the posterior's mean and there is no KL term: a plain auto-encoder
  // beta times a factor that grows from 0 to 1 within `warmup_epochs` of the model's life.
  WarmupType warmup = WarmupType::none;
  double warmup_epochs = 1.0;
  double warmup_cycles = 1.0;  // cyclical: how often within warmup_epochs
  double warmup_rise = 0.5;    // cyclical: the part of a cycle in which the factor grows
  FreeBits free_bits = FreeBits::none;
  double free_nats = 0.0;  // of each dimension or group, in the batch's mean
  // Not beta KL but capacity_weight |KL - C|, where C grows linearly from 0 to capacity within capacity_epochs.
  double capacity_weight = 0.0;  // 0: not used
  double capacity = 0.0, capacity_epochs = 1.0;
  double total_correlation = 0.0;  // weight of the total correlation, added to the loss
  double mmd = 0.0;                // weight of the maximum mean discrepancy, added to the loss
};

// What the encoder sees in training is a corrupted row; the likelihood's target stays clean.
struct CorruptionSpec {
  CorruptionType type = CorruptionType::none;
  double amount = 0.0;  // gaussian: standard deviation; masking, saltAndPepper: probability
};

// What encoder and decoder are told beside x and z.
struct ConditionSpec {
  std::size_t width = 0;  // columns; 0: the model is not conditional
  bool classes = false;   // the data hold a class number below `width`
};

// The shape of a row of data that is an image.
struct ImageSpec {
  std::size_t channels = 0;
  Extent extent{};
  std::size_t dimensions = 0;    // spatial ones; 0: rows are numbers without a shape
  bool positions_first = false;  // a row holds the channels of the first position, then those of the second, ...
};

struct ModelSpec {
  std::size_t input = 784;  // D, features: the columns of the likelihood's heads
  ImageSpec image;
  std::vector<LayerSpec> encoder{{200, Activation::relu}};
  std::vector<LatentSpec> latents{LatentSpec{}};  // at least one
  std::vector<LayerSpec> decoder{{200, Activation::relu}};
  std::vector<LikelihoodSpec> likelihoods{LikelihoodSpec{}};  // at least one; their columns add up to `input`
  // What a head of D outputs of a single part consists of, if not a dense layer: it ends in the image's shape.
  std::vector<LayerSpec> likelihood_head;
  ObjectiveSpec objective;
  CorruptionSpec corruption;
  ConditionSpec condition;
  ScaleType scale = ScaleType::none;
  Initializer initializer = Initializer::pytorch;
  std::uint64_t seed = 0;
};

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
  double clip_norm = 0.0;                    // largest Euclidean norm of the whole gradient; 0: no limit
  double clip_value = 0.0;                   // largest magnitude of each element, applied before the norm; 0: no limit
  Precision precision = Precision::float32;  // of the products; see bfloat16_available in math/gemm.h
};

}  // namespace aevb
