// The same operations as the core's kernels in their plainest form: double, row-major, one loop inside another. Only
// tests call it. A function that has the name of a kernel computes what that kernel's header says, with results
// returned instead of overwritten; the equations stand there.
//
// B data, L draws of each, D features, Z latent units. Row b L + l of anything with B L rows is draw l of datum b.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "math/random.h"
#include "spec/spec.h"

namespace aevb::reference {

using Vector = std::vector<double>;

// --- activations (layers/activation.h) ---

double activate(Activation activation, double x);

// d activate / dx at the input x. At a kink it is the derivative of the left side, as in PyTorch.
double activate_derivative(Activation activation, double x);

// --- dense layer, as torch.nn.Linear ---

// out[B, OC] = inp[B, C] weight[OC, C]ᵀ + bias[OC]
Vector dense_forward(const Vector& inp, const Vector& weight, const Vector& bias, std::size_t B, std::size_t C,
                     std::size_t OC);

struct DenseGradient {
  Vector dinp;     // [B, C]
  Vector dweight;  // [OC, C]
  Vector dbias;    // [OC]
};
DenseGradient dense_backward(const Vector& dout, const Vector& inp, const Vector& weight, std::size_t B, std::size_t C,
                             std::size_t OC);

// --- Gaussian posterior (latent/gaussian.h) ---

Vector gaussian_sample(const Vector& epsilon, const Vector& mean, const Vector& log_variance, std::size_t B,
                       std::size_t L, std::size_t Z);
Vector gaussian_kl(const Vector& mean, const Vector& log_variance, std::size_t B, std::size_t Z);

struct GaussianGradient {
  Vector dmean;
  Vector dlog_variance;
};
GaussianGradient gaussian_backward(const Vector& dz, const Vector& epsilon, const Vector& mean,
                                   const Vector& log_variance, double kl_scale, std::size_t B, std::size_t L,
                                   std::size_t Z);
Vector gaussian_log_weight(const Vector& z, const Vector& epsilon, const Vector& log_variance, std::size_t B,
                           std::size_t L, std::size_t Z);

// --- Bernoulli likelihood (likelihood/bernoulli.h) ---

Vector bernoulli_forward(const Vector& logits, const Vector& x, std::size_t B, std::size_t L, std::size_t D);
// dlogits[B L, D] of  scale · Σ loss
Vector bernoulli_backward(const Vector& logits, const Vector& x, double scale, std::size_t B, std::size_t L,
                          std::size_t D);
Vector bernoulli_mean(const Vector& logits);

// --- Gaussian likelihood (likelihood/gaussian.h) ---

double soft_bound(double raw, double min, double max);
double soft_bound_derivative(double raw, double min, double max);

// log_variance[D] is shared by all rows.
Vector gaussian_forward(const Vector& mean, const Vector& log_variance, const Vector& x, std::size_t B, std::size_t L,
                        std::size_t D);
// dmean[B L, D] and dlog_variance[D] of  scale · Σ loss
GaussianGradient gaussian_likelihood_backward(const Vector& mean, const Vector& log_variance, const Vector& x,
                                              double scale, std::size_t B, std::size_t L, std::size_t D);

// raw_log_variance[B L, D] is the decoder's, bounded by soft_bound.
Vector gaussian_datum_forward(const Vector& mean, const Vector& raw_log_variance, double min, double max,
                              const Vector& x, std::size_t B, std::size_t L, std::size_t D);
// dmean and d_raw_log_variance, both [B L, D], of  scale · Σ loss
GaussianGradient gaussian_datum_backward(const Vector& mean, const Vector& raw_log_variance, double min, double max,
                                         const Vector& x, double scale, std::size_t B, std::size_t L, std::size_t D);

// --- whole models ---

struct TensorShape {
  std::string name;
  std::vector<std::size_t> shape;
};

// The parameters of a model in the order of its table, with PyTorch's names and layout: a weight is [out, in].
std::vector<TensorShape> initialise_shapes(const ModelSpec& spec);

using Parameters = std::map<std::string, Vector>;

// Nats per example.
struct Terms {
  double loss = 0.0;  // reconstruction + beta · kl
  double reconstruction = 0.0;
  double kl = 0.0;
};

// x[B, D], epsilon[B L, Z] with the specification's L.
Terms forward(const ModelSpec& spec, const Parameters& parameters, const Vector& x, const Vector& epsilon,
              std::size_t B);

// The same; `gradient` receives the derivative of the loss, with the names of `parameters`.
Terms forward_backward(const ModelSpec& spec, const Parameters& parameters, const Vector& x, const Vector& epsilon,
                       std::size_t B, Parameters* gradient);

struct Posterior {
  Vector mean;          // [B, Z]
  Vector log_variance;  // [B, Z]
};
Posterior encode(const ModelSpec& spec, const Parameters& parameters, const Vector& x, std::size_t B);

// The mean [R, D] of p(x|z) for z[R, Z].
Vector decode(const ModelSpec& spec, const Parameters& parameters, const Vector& z, std::size_t R);

// −log p(x|z) [B L] for z[B L, Z].
Vector negative_log_likelihood(const ModelSpec& spec, const Parameters& parameters, const Vector& x, const Vector& z,
                               std::size_t B, std::size_t L);

// log p(x) [B], estimated with K draws z from q(z|x) that epsilon[B K, Z] gives:
//   log 1/K Σ_k exp(log p(x|z_k) + log p(z_k) − log q(z_k|x))
// Burda et al., Importance Weighted Autoencoders (2016), equation 8. Its expectation is a lower bound of log p(x) that
// rises with K.
Vector log_likelihood(const ModelSpec& spec, const Parameters& parameters, const Vector& x, const Vector& epsilon,
                      std::size_t B, std::size_t K);

// --- optimisers, as torch.optim ---

struct OptimizerState {
  std::uint64_t steps = 0;  // taken so far
  Parameters first;         // adam's m; the velocity of sgd and rmsprop
  Parameters second;        // the (decayed) sum of squares of adam, rmsprop and adagrad
};

// Limits each element to [−clip_value, clip_value], then the Euclidean norm of the whole to clip_norm; 0 is no limit.
void clip_gradient(Parameters* gradient, double clip_value, double clip_norm);

// One step with a gradient that is clipped already. `learning_rate` is the scheduled one; the specification's is not
// read.
void optimizer_step(Parameters* parameters, OptimizerState* state, const Parameters& gradient,
                    const OptimizerSpec& spec, double learning_rate);

// One step as a training step takes it: clips, then updates.
void train_step(Parameters* parameters, OptimizerState* state, Parameters gradient, const TrainSpec& spec,
                double learning_rate);

// --- random numbers (math/random.h) ---

std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

// What fill_normal writes. `a` is a float as random.h defines it; what follows is double.
Vector normals(std::size_t rows, std::size_t cols, std::uint64_t seed, Purpose purpose, std::uint32_t step,
               std::uint32_t first_row);

}  // namespace aevb::reference
