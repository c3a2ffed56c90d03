#include "reference/layers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "likelihood/likelihood.h"
#include "reference/likelihood.h"

namespace aevb::reference {

namespace {

// log(1 + eˣ) without overflow; NaN stays NaN.
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

// The standard normal's distribution function; erfc keeps its left tail from cancelling.
double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

double normal_density(double x) { return std::exp(-0.5 * x * x) / std::sqrt(2.0 * std::numbers::pi); }

double gaussian_negative_log_density(double x, double mean, double log_variance) {
  const double residual = x - mean;
  return 0.5 * (std::log(2.0 * std::numbers::pi) + log_variance + residual * residual * std::exp(-log_variance));
}

// ∂/∂mean and ∂/∂log_variance of the above
std::pair<double, double> gaussian_negative_log_density_gradient(double x, double mean, double log_variance) {
  const double inverse_variance = std::exp(-log_variance);
  const double residual = x - mean;
  return {-residual * inverse_variance, 0.5 * (1.0 - residual * residual * inverse_variance)};
}

}  // namespace

// --- activations ---

// The comparisons are such that NaN falls through to an expression of x.
double activate(Activation activation, double x) {
  switch (activation) {
    case Activation::identity:
      return x;
    case Activation::relu:
      return x < 0.0 ? 0.0 : x;
    case Activation::leakyRelu:
      return x < 0.0 ? 0.01 * x : x;
    case Activation::elu:
      return x < 0.0 ? std::expm1(x) : x;
    case Activation::gelu:
      return x * normal_cdf(x);
    case Activation::silu:
      return x * sigmoid(x);
    case Activation::tanh:
      return std::tanh(x);
    case Activation::sigmoid:
      return sigmoid(x);
    case Activation::softplus:
      return softplus(x);
  }
  return std::numeric_limits<double>::quiet_NaN();
}

double activate_derivative(Activation activation, double x) {
  switch (activation) {
    case Activation::identity:
      return 1.0;
    case Activation::relu:
      return x > 0.0 ? 1.0 : 0.0;
    case Activation::leakyRelu:
      return x > 0.0 ? 1.0 : 0.01;
    case Activation::elu:
      return x > 0.0 ? 1.0 : std::exp(x);
    case Activation::gelu:
      return normal_cdf(x) + x * normal_density(x);
    case Activation::silu:
      return sigmoid(x) * (1.0 + x * sigmoid(-x));
    case Activation::tanh:
      return 1.0 - std::tanh(x) * std::tanh(x);
    case Activation::sigmoid:
      return sigmoid(x) * sigmoid(-x);
    case Activation::softplus:
      return sigmoid(x);
  }
  return std::numeric_limits<double>::quiet_NaN();
}

// --- dense layer ---

Vector dense_forward(const Vector& inp, const Vector& weight, const Vector& bias, std::size_t B, std::size_t C,
                     std::size_t OC) {
  Vector out(B * OC);
  for (std::size_t b = 0; b < B; ++b) {
    for (std::size_t o = 0; o < OC; ++o) {
      double sum = bias[o];
      for (std::size_t c = 0; c < C; ++c) sum += inp[b * C + c] * weight[o * C + c];
      out[b * OC + o] = sum;
    }
  }
  return out;
}

DenseGradient dense_backward(const Vector& dout, const Vector& inp, const Vector& weight, std::size_t B, std::size_t C,
                             std::size_t OC) {
  DenseGradient gradient{Vector(B * C), Vector(OC * C), Vector(OC)};
  for (std::size_t b = 0; b < B; ++b) {
    for (std::size_t o = 0; o < OC; ++o) {
      const double d = dout[b * OC + o];
      gradient.dbias[o] += d;
      for (std::size_t c = 0; c < C; ++c) {
        gradient.dinp[b * C + c] += d * weight[o * C + c];
        gradient.dweight[o * C + c] += d * inp[b * C + c];
      }
    }
  }
  return gradient;
}

// --- Gaussian posterior ---

Vector gaussian_sample(const Vector& epsilon, const Vector& mean, const Vector& log_variance, std::size_t B,
                       std::size_t L, std::size_t Z) {
  Vector z(B * L * Z);
  for (std::size_t row = 0; row < B * L; ++row) {
    const std::size_t b = row / L;
    for (std::size_t i = 0; i < Z; ++i) {
      z[row * Z + i] = mean[b * Z + i] + std::exp(0.5 * log_variance[b * Z + i]) * epsilon[row * Z + i];
    }
  }
  return z;
}

Vector gaussian_kl(const Vector& mean, const Vector& log_variance, std::size_t B, std::size_t Z) {
  Vector kl(B);
  for (std::size_t b = 0; b < B; ++b) {
    for (std::size_t i = b * Z; i < (b + 1) * Z; ++i) {
      kl[b] += 0.5 * (std::exp(log_variance[i]) + mean[i] * mean[i] - 1.0 - log_variance[i]);
    }
  }
  return kl;
}

GaussianGradient gaussian_backward(const Vector& dz, const Vector& epsilon, const Vector& mean,
                                   const Vector& log_variance, double kl_scale, std::size_t B, std::size_t L,
                                   std::size_t Z) {
  GaussianGradient gradient{Vector(B * Z), Vector(B * Z)};
  for (std::size_t b = 0; b < B; ++b) {
    for (std::size_t i = 0; i < Z; ++i) {
      const double sigma = std::exp(0.5 * log_variance[b * Z + i]);
      double dmean = kl_scale * mean[b * Z + i];
      double dlog_variance = kl_scale * 0.5 * (sigma * sigma - 1.0);
      for (std::size_t row = b * L; row < (b + 1) * L; ++row) {
        dmean += dz[row * Z + i];
        dlog_variance += dz[row * Z + i] * epsilon[row * Z + i] * 0.5 * sigma;
      }
      gradient.dmean[b * Z + i] = dmean;
      gradient.dlog_variance[b * Z + i] = dlog_variance;
    }
  }
  return gradient;
}

Vector gaussian_log_weight(const Vector& z, const Vector& epsilon, const Vector& log_variance, std::size_t B,
                           std::size_t L, std::size_t Z) {
  Vector log_weight(B * L);
  for (std::size_t row = 0; row < B * L; ++row) {
    const std::size_t b = row / L;
    for (std::size_t i = 0; i < Z; ++i) {
      const double e = epsilon[row * Z + i];
      log_weight[row] += 0.5 * (e * e - z[row * Z + i] * z[row * Z + i] + log_variance[b * Z + i]);
    }
  }
  return log_weight;
}

// --- Bernoulli likelihood ---

Vector bernoulli_forward(const Vector& logits, const Vector& x, std::size_t B, std::size_t L, std::size_t D) {
  Vector loss(B * L);
  for (std::size_t row = 0; row < B * L; ++row) {
    const std::size_t b = row / L;
    for (std::size_t d = 0; d < D; ++d) {
      const double l = logits[row * D + d];
      loss[row] += softplus(l) - l * x[b * D + d];
    }
  }
  return loss;
}

Vector bernoulli_backward(const Vector& logits, const Vector& x, double scale, std::size_t B, std::size_t L,
                          std::size_t D) {
  Vector dlogits(B * L * D);
  for (std::size_t row = 0; row < B * L; ++row) {
    const std::size_t b = row / L;
    for (std::size_t d = 0; d < D; ++d) {
      dlogits[row * D + d] = scale * (sigmoid(logits[row * D + d]) - x[b * D + d]);
    }
  }
  return dlogits;
}

Vector bernoulli_mean(const Vector& logits) {
  Vector mean;
  for (const double l : logits) mean.push_back(sigmoid(l));
  return mean;
}

// --- Gaussian likelihood ---

double soft_bound(double raw, double min, double max) {
  const double below_max = max - softplus(max - raw);
  return std::min(min + (max - min) / softplus(max - min) * softplus(below_max - min), max);  // NaN stays
}

double soft_bound_derivative(double raw, double min, double max) {
  const double below_max = max - softplus(max - raw);
  return (max - min) / softplus(max - min) * sigmoid(below_max - min) * sigmoid(max - raw);
}

Vector gaussian_forward(const Vector& mean, const Vector& log_variance, const Vector& x, std::size_t B, std::size_t L,
                        std::size_t D) {
  Vector loss(B * L);
  for (std::size_t row = 0; row < B * L; ++row) {
    const std::size_t b = row / L;
    for (std::size_t d = 0; d < D; ++d) {
      loss[row] += gaussian_negative_log_density(x[b * D + d], mean[row * D + d], log_variance[d]);
    }
  }
  return loss;
}

GaussianGradient gaussian_likelihood_backward(const Vector& mean, const Vector& log_variance, const Vector& x,
                                              double scale, std::size_t B, std::size_t L, std::size_t D) {
  GaussianGradient gradient{Vector(B * L * D), Vector(D)};
  for (std::size_t row = 0; row < B * L; ++row) {
    const std::size_t b = row / L;
    for (std::size_t d = 0; d < D; ++d) {
      const auto [dmean, dlog_variance] =
          gaussian_negative_log_density_gradient(x[b * D + d], mean[row * D + d], log_variance[d]);
      gradient.dmean[row * D + d] = scale * dmean;
      gradient.dlog_variance[d] += scale * dlog_variance;
    }
  }
  return gradient;
}

Vector gaussian_datum_forward(const Vector& mean, const Vector& raw_log_variance, double min, double max,
                              const Vector& x, std::size_t B, std::size_t L, std::size_t D) {
  Vector loss(B * L);
  for (std::size_t row = 0; row < B * L; ++row) {
    const std::size_t b = row / L;
    for (std::size_t d = 0; d < D; ++d) {
      const double log_variance = soft_bound(raw_log_variance[row * D + d], min, max);
      loss[row] += gaussian_negative_log_density(x[b * D + d], mean[row * D + d], log_variance);
    }
  }
  return loss;
}

GaussianGradient gaussian_datum_backward(const Vector& mean, const Vector& raw_log_variance, double min, double max,
                                         const Vector& x, double scale, std::size_t B, std::size_t L, std::size_t D) {
  GaussianGradient gradient{Vector(B * L * D), Vector(B * L * D)};
  for (std::size_t row = 0; row < B * L; ++row) {
    const std::size_t b = row / L;
    for (std::size_t d = 0; d < D; ++d) {
      const std::size_t i = row * D + d;
      const auto [dmean, dlog_variance] =
          gaussian_negative_log_density_gradient(x[b * D + d], mean[i], soft_bound(raw_log_variance[i], min, max));
      gradient.dmean[i] = scale * dmean;
      gradient.dlog_variance[i] = scale * dlog_variance * soft_bound_derivative(raw_log_variance[i], min, max);
    }
  }
  return gradient;
}

// --- whole models ---

namespace {

struct Layer {
  std::string name;
  std::size_t in;
  std::size_t out;
  Activation activation;
};

struct Layers {
  std::vector<Layer> encoder;
  Layer mean;
  Layer log_variance;
  std::vector<Layer> decoder;
  std::vector<Layer> heads;  // the likelihood's
};

std::vector<Layer> dense_stack(const std::string& name, std::size_t in, const std::vector<LayerSpec>& specs) {
  std::vector<Layer> layers;
  for (const LayerSpec& spec : specs) {
    layers.push_back({name + "." + std::to_string(layers.size()), in, spec.units, spec.activation});
    in = spec.units;
  }
  return layers;
}

Layers model_layers(const ModelSpec& spec) {
  const auto head = [](const std::string& name, std::size_t in, std::size_t out) {
    return Layer{name, in, out, Activation::identity};
  };
  Layers layers;
  layers.encoder = dense_stack("encoder", spec.input, spec.encoder);
  const std::size_t encoded = layers.encoder.empty() ? spec.input : layers.encoder.back().out;
  layers.mean = head("latent.mean", encoded, spec.latents[0].units);
  layers.log_variance = head("latent.logVariance", encoded, spec.latents[0].units);
  layers.decoder = dense_stack("decoder", spec.latents[0].units, spec.decoder);
  const std::size_t decoded = layers.decoder.empty() ? spec.latents[0].units : layers.decoder.back().out;
  for (const char* name : likelihood_head_names(spec.likelihoods[0])) {
    const std::size_t units = likelihood_head_units(spec.likelihoods[0], layers.heads.size(), spec.input);
    layers.heads.push_back(head(std::string("likelihood.") + name, decoded, units));
  }
  return layers;
}

// What a layer's backward pass needs of its forward pass.
struct Trace {
  Vector inp;
  Vector pre;  // before the activation
  Vector out;
};

Trace layer_forward(const Layer& layer, const Parameters& parameters, const Vector& inp, std::size_t B) {
  Trace trace;
  trace.inp = inp;
  trace.pre = dense_forward(inp, parameters.at(layer.name + ".weight"), parameters.at(layer.name + ".bias"), B,
                            layer.in, layer.out);
  for (const double x : trace.pre) trace.out.push_back(activate(layer.activation, x));
  return trace;
}

// Writes the layer's own gradients and returns dinp.
Vector layer_backward(const Layer& layer, const Parameters& parameters, const Trace& trace, const Vector& dout,
                      std::size_t B, Parameters* gradient) {
  Vector dpre = dout;
  for (std::size_t i = 0; i < dpre.size(); ++i) dpre[i] *= activate_derivative(layer.activation, trace.pre[i]);
  DenseGradient dense = dense_backward(dpre, trace.inp, parameters.at(layer.name + ".weight"), B, layer.in, layer.out);
  (*gradient)[layer.name + ".weight"] = std::move(dense.dweight);
  (*gradient)[layer.name + ".bias"] = std::move(dense.dbias);
  return std::move(dense.dinp);
}

std::vector<Trace> stack_forward(const std::vector<Layer>& layers, const Parameters& parameters, const Vector& inp,
                                 std::size_t B) {
  std::vector<Trace> traces;
  for (const Layer& layer : layers) {
    traces.push_back(layer_forward(layer, parameters, traces.empty() ? inp : traces.back().out, B));
  }
  return traces;
}

Vector stack_backward(const std::vector<Layer>& layers, const Parameters& parameters, const std::vector<Trace>& traces,
                      Vector dout, std::size_t B, Parameters* gradient) {
  for (std::size_t i = layers.size(); i-- > 0;) {
    dout = layer_backward(layers[i], parameters, traces[i], dout, B, gradient);
  }
  return dout;
}

const Vector& last(const std::vector<Trace>& traces, const Vector& inp) {
  return traces.empty() ? inp : traces.back().out;
}

void add(Vector* sum, const Vector& term) {
  for (std::size_t i = 0; i < sum->size(); ++i) (*sum)[i] += term[i];
}

double total(const Vector& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum;
}

// The likelihood's own parameters: the shared log-dispersion.
Vector likelihood_parameters(const ModelSpec& spec, const Parameters& parameters) {
  if (shared_log_dispersions(spec.likelihoods[0], spec.input) == 0) return {};
  return parameters.at("likelihood." + log_dispersion_name(spec.likelihoods[0]));
}

std::vector<Vector> outputs(const std::vector<Trace>& heads) {
  std::vector<Vector> values;
  for (const Trace& head : heads) values.push_back(head.out);
  return values;
}

// −log p(x|z) [B L] from the heads' outputs.
Vector likelihood_forward(const ModelSpec& spec, const Parameters& parameters, const std::vector<Trace>& heads,
                          const Vector& x, std::size_t B, std::size_t L) {
  return likelihood_loss(spec.likelihoods[0], outputs(heads), likelihood_parameters(spec, parameters), x, B, L,
                         spec.input);
}

// The gradients of  scale · Σ loss  with respect to the heads' outputs; writes that of a shared log-dispersion
// parameter.
std::vector<Vector> likelihood_backward(const ModelSpec& spec, const Parameters& parameters,
                                        const std::vector<Trace>& heads, const Vector& x, double scale, std::size_t B,
                                        std::size_t L, Parameters* gradient) {
  const Vector raw = likelihood_parameters(spec, parameters);
  LikelihoodGradient d = likelihood_gradient(spec.likelihoods[0], outputs(heads), raw, x, scale, B, L, spec.input);
  if (!raw.empty()) (*gradient)["likelihood." + log_dispersion_name(spec.likelihoods[0])] = std::move(d.d_raw);
  return std::move(d.dheads);
}

std::vector<Trace> heads_forward(const std::vector<Layer>& heads, const Parameters& parameters, const Vector& inp,
                                 std::size_t R) {
  std::vector<Trace> traces;
  for (const Layer& head : heads) traces.push_back(layer_forward(head, parameters, inp, R));
  return traces;
}

}  // namespace

std::vector<TensorShape> initialise_shapes(const ModelSpec& spec) {
  const Layers layers = model_layers(spec);
  std::vector<TensorShape> shapes;
  const auto add_layer = [&shapes](const Layer& layer) {
    shapes.push_back({layer.name + ".weight", {layer.out, layer.in}});
    shapes.push_back({layer.name + ".bias", {layer.out}});
  };
  for (const Layer& layer : layers.encoder) add_layer(layer);
  add_layer(layers.mean);
  add_layer(layers.log_variance);
  for (const Layer& layer : layers.decoder) add_layer(layer);
  for (const Layer& layer : layers.heads) add_layer(layer);
  const std::size_t shared = shared_log_dispersions(spec.likelihoods[0], spec.input);
  if (shared > 0) shapes.push_back({"likelihood." + log_dispersion_name(spec.likelihoods[0]), {shared}});
  return shapes;
}

Terms forward(const ModelSpec& spec, const Parameters& parameters, const Vector& x, const Vector& epsilon,
              std::size_t B) {
  return forward_backward(spec, parameters, x, epsilon, B, nullptr);
}

Terms forward_backward(const ModelSpec& spec, const Parameters& parameters, const Vector& x, const Vector& epsilon,
                       std::size_t B, Parameters* gradient) {
  const std::size_t L = spec.objective.samples;
  const std::size_t Z = spec.latents[0].units;
  const Layers layers = model_layers(spec);

  const std::vector<Trace> encoder = stack_forward(layers.encoder, parameters, x, B);
  const Trace mean = layer_forward(layers.mean, parameters, last(encoder, x), B);
  const Trace log_variance = layer_forward(layers.log_variance, parameters, last(encoder, x), B);
  const Vector z = gaussian_sample(epsilon, mean.out, log_variance.out, B, L, Z);
  const std::vector<Trace> decoder = stack_forward(layers.decoder, parameters, z, B * L);
  const std::vector<Trace> heads = heads_forward(layers.heads, parameters, last(decoder, z), B * L);

  Terms terms;
  terms.reconstruction = total(likelihood_forward(spec, parameters, heads, x, B, L)) / static_cast<double>(B * L);
  terms.kl = total(gaussian_kl(mean.out, log_variance.out, B, Z)) / static_cast<double>(B);
  terms.loss = terms.reconstruction + spec.objective.beta * terms.kl;
  if (gradient == nullptr) return terms;

  gradient->clear();
  const std::vector<Vector> dheads =
      likelihood_backward(spec, parameters, heads, x, 1.0 / static_cast<double>(B * L), B, L, gradient);
  Vector ddecoded(last(decoder, z).size());
  for (std::size_t i = 0; i < heads.size(); ++i) {
    add(&ddecoded, layer_backward(layers.heads[i], parameters, heads[i], dheads[i], B * L, gradient));
  }
  const Vector dz = stack_backward(layers.decoder, parameters, decoder, ddecoded, B * L, gradient);
  const GaussianGradient dposterior =
      gaussian_backward(dz, epsilon, mean.out, log_variance.out, spec.objective.beta / static_cast<double>(B), B, L, Z);
  Vector dencoded = layer_backward(layers.mean, parameters, mean, dposterior.dmean, B, gradient);
  add(&dencoded, layer_backward(layers.log_variance, parameters, log_variance, dposterior.dlog_variance, B, gradient));
  stack_backward(layers.encoder, parameters, encoder, dencoded, B, gradient);
  return terms;
}

Posterior encode(const ModelSpec& spec, const Parameters& parameters, const Vector& x, std::size_t B) {
  const Layers layers = model_layers(spec);
  const std::vector<Trace> encoder = stack_forward(layers.encoder, parameters, x, B);
  return {layer_forward(layers.mean, parameters, last(encoder, x), B).out,
          layer_forward(layers.log_variance, parameters, last(encoder, x), B).out};
}

Vector decode(const ModelSpec& spec, const Parameters& parameters, const Vector& z, std::size_t R) {
  const Layers layers = model_layers(spec);
  const std::vector<Trace> decoder = stack_forward(layers.decoder, parameters, z, R);
  const Trace head = layer_forward(layers.heads[0], parameters, last(decoder, z), R);
  return likelihood_mean(spec.likelihoods[0], {head.out}, R, spec.input);
}

Vector negative_log_likelihood(const ModelSpec& spec, const Parameters& parameters, const Vector& x, const Vector& z,
                               std::size_t B, std::size_t L) {
  const Layers layers = model_layers(spec);
  const std::vector<Trace> decoder = stack_forward(layers.decoder, parameters, z, B * L);
  const std::vector<Trace> heads = heads_forward(layers.heads, parameters, last(decoder, z), B * L);
  return likelihood_forward(spec, parameters, heads, x, B, L);
}

Vector log_likelihood(const ModelSpec& spec, const Parameters& parameters, const Vector& x, const Vector& epsilon,
                      std::size_t B, std::size_t K) {
  const std::size_t Z = spec.latents[0].units;
  const Posterior posterior = encode(spec, parameters, x, B);
  const Vector z = gaussian_sample(epsilon, posterior.mean, posterior.log_variance, B, K, Z);
  const Vector loss = negative_log_likelihood(spec, parameters, x, z, B, K);
  Vector log_weight = gaussian_log_weight(z, epsilon, posterior.log_variance, B, K, Z);
  for (std::size_t i = 0; i < B * K; ++i) log_weight[i] -= loss[i];

  Vector estimate(B);
  for (std::size_t b = 0; b < B; ++b) {
    // The largest weight is taken out of the sum, which then neither overflows nor vanishes.
    double largest = log_weight[b * K];
    for (std::size_t k = 0; k < K; ++k) largest = std::max(largest, log_weight[b * K + k]);
    double sum = 0.0;
    for (std::size_t k = 0; k < K; ++k) sum += std::exp(log_weight[b * K + k] - largest);
    estimate[b] = largest + std::log(sum / static_cast<double>(K));
  }
  return estimate;
}

// --- optimisers ---

void clip_gradient(Parameters* gradient, double clip_value, double clip_norm) {
  double sum_of_squares = 0.0;
  for (auto& [name, values] : *gradient) {
    for (double& value : values) {
      if (clip_value > 0.0) value = std::clamp(value, -clip_value, clip_value);
      sum_of_squares += value * value;
    }
  }
  const double norm = std::sqrt(sum_of_squares);
  if (clip_norm <= 0.0 || norm <= clip_norm) return;
  for (auto& [name, values] : *gradient) {
    for (double& value : values) value *= clip_norm / norm;
  }
}

void optimizer_step(Parameters* parameters, OptimizerState* state, const Parameters& gradient,
                    const OptimizerSpec& spec, double learning_rate) {
  const bool first_step = state->steps == 0;
  const double t = static_cast<double>(++state->steps);
  for (auto& [name, values] : *parameters) {
    Vector& first = state->first[name];
    Vector& second = state->second[name];
    first.resize(values.size());
    second.resize(values.size(), spec.type == OptimizerType::adagrad ? spec.initial_accumulator : 0.0);
    for (std::size_t i = 0; i < values.size(); ++i) {
      double& p = values[i];
      double& m = first[i];
      double& v = second[i];
      double g = gradient.at(name)[i];
      if (spec.type == OptimizerType::adamw) {
        p -= learning_rate * spec.weight_decay * p;
      } else {
        g += spec.weight_decay * p;
      }
      switch (spec.type) {
        case OptimizerType::sgd:
          if (spec.momentum != 0.0) {
            m = first_step ? g : spec.momentum * m + g;
            g = spec.nesterov ? g + spec.momentum * m : m;
          }
          p -= learning_rate * g;
          break;
        case OptimizerType::adagrad:
          v += g * g;
          p -= learning_rate * g / (std::sqrt(v) + spec.epsilon);
          break;
        case OptimizerType::rmsprop:
          v = spec.decay * v + (1.0 - spec.decay) * g * g;
          g /= std::sqrt(v) + spec.epsilon;
          if (spec.momentum != 0.0) {
            m = spec.momentum * m + g;
            g = m;
          }
          p -= learning_rate * g;
          break;
        case OptimizerType::adam:
        case OptimizerType::adamw: {
          m = spec.beta1 * m + (1.0 - spec.beta1) * g;
          v = spec.beta2 * v + (1.0 - spec.beta2) * g * g;
          const double unbiased_m = m / (1.0 - std::pow(spec.beta1, t));
          const double unbiased_v = v / (1.0 - std::pow(spec.beta2, t));
          p -= learning_rate * unbiased_m / (std::sqrt(unbiased_v) + spec.epsilon);
          break;
        }
      }
    }
  }
}

void train_step(Parameters* parameters, OptimizerState* state, Parameters gradient, const TrainSpec& spec,
                double learning_rate) {
  clip_gradient(&gradient, spec.clip_value, spec.clip_norm);
  optimizer_step(parameters, state, gradient, spec.optimizer, learning_rate);
}

// --- random numbers ---

std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57} * counter[2];
    const auto high = [](std::uint64_t product) { return static_cast<std::uint32_t>(product >> 32); };
    const auto low = [](std::uint64_t product) { return static_cast<std::uint32_t>(product); };
    counter = {high(product1) ^ counter[1] ^ key[0], low(product1), high(product0) ^ counter[3] ^ key[1],
               low(product0)};
    key[0] += 0x9E3779B9;  // the golden ratio
    key[1] += 0xBB67AE85;  // √3 − 1
  }
  return counter;
}

Vector normals(std::size_t rows, std::size_t cols, std::uint64_t seed, Purpose purpose, std::uint32_t step,
               std::uint32_t first_row) {
  const std::array<std::uint32_t, 2> key{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
  Vector out(rows * cols);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) {
      const std::array<std::uint32_t, 4> word =
          philox4x32_10({static_cast<std::uint32_t>(c / 4), first_row + static_cast<std::uint32_t>(r), step,
                         static_cast<std::uint32_t>(purpose)},
                        key);
      const std::size_t pair = c % 4 / 2 * 2;  // columns 0 and 1 share words 0 and 1; 2 and 3 share 2 and 3
      const float a = (static_cast<float>(word[pair] >> 1) + 0.5f) * 0x1p-31f;
      const double t = 2.0 * std::numbers::pi * static_cast<double>(word[pair + 1] >> 8) * 0x1p-24;
      const double radius = std::sqrt(-2.0 * std::log(static_cast<double>(a)));
      out[r * cols + c] = radius * (c % 2 == 0 ? std::cos(t) : std::sin(t));
    }
  }
  return out;
}

}  // namespace aevb::reference
