// Holds the reference to mathematics: every gradient to differences of the function itself, every density to its
// integral, every bound to what it bounds.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <string>
#include <vector>

#include "comparison.h"
#include "reference/layers.h"
#include "support.h"

namespace aevb::reference {
namespace {

using test::ACTIVATIONS;
using test::Random;

double dot(const Vector& a, const Vector& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// --- gradients ---

// The central difference of f over a change of `value`.
double difference(const std::function<double()>& f, double* value, double step) {
  const double before = *value;
  *value = before + step;
  const double above = f();
  *value = before - step;
  const double below = f();
  *value = before;
  return (above - below) / (2.0 * step);
}

// Holds `gradient` to the differences of f at every element of `values`, which f reads; returns how many it left out.
//
// Differences over the steps h and h/2 agree to about h² f''' ≈ 1e-10 if f is smooth; rounding adds ε f / h ≈ 1e-10.
// If a relu's or leakyRelu's kink lies within the step there is no derivative to compare with, and the two differ by
// a part of the change of slope: such an element is left out. That depends on f alone, so a wrong gradient cannot hide.
std::size_t expect_gradient(const std::function<double()>& f, Vector* values, const Vector& gradient,
                            const std::string& name) {
  constexpr double STEP = 2e-5;
  EXPECT_EQ(gradient.size(), values->size()) << name;
  std::size_t left_out = 0;
  for (std::size_t i = 0; i < std::min(values->size(), gradient.size()); ++i) {
    const double wide = difference(f, &(*values)[i], STEP);
    const double narrow = difference(f, &(*values)[i], STEP / 2.0);
    const double tolerance = 1e-6 * std::abs(narrow) + 1e-8;
    if (std::abs(wide - narrow) > 0.5 * tolerance) {
      ++left_out;
      continue;
    }
    EXPECT_TRUE(test::is_near(gradient[i], narrow, tolerance)) << name << "[" << i << "]";
  }
  return left_out;
}

void expect_gradient_everywhere(const std::function<double()>& f, Vector* values, const Vector& gradient,
                                const std::string& name) {
  EXPECT_EQ(expect_gradient(f, values, gradient, name), 0u) << name << " left elements out";
}

TEST(ReferenceGradient, OfEveryActivationIsItsDerivative) {
  for (const auto& [activation, name] : ACTIVATIONS) {
    for (double x = -6.05; x < 6.0; x += 0.1) {  // never 0, the kink of relu and leakyRelu
      Vector point{x};
      const auto f = [&, activation = activation] { return activate(activation, point[0]); };
      expect_gradient_everywhere(f, &point, {activate_derivative(activation, x)}, name);
    }
  }
}

TEST(ReferenceGradient, AtAKinkIsTheLeftSides) {
  EXPECT_EQ(activate_derivative(Activation::relu, 0.0), 0.0);
  EXPECT_EQ(activate_derivative(Activation::leakyRelu, 0.0), 0.01);
  EXPECT_EQ(activate_derivative(Activation::elu, 0.0), 1.0);
}

TEST(ReferenceGradient, OfADenseLayer) {
  constexpr std::size_t B = 4, C = 5, OC = 3;
  Random random(1);
  Vector inp = random.vector(B * C, -1.0, 1.0);
  Vector weight = random.vector(OC * C, -1.0, 1.0);
  Vector bias = random.vector(OC, -1.0, 1.0);
  const Vector dout = random.vector(B * OC, -1.0, 1.0);
  const auto f = [&] { return dot(dense_forward(inp, weight, bias, B, C, OC), dout); };
  const DenseGradient gradient = dense_backward(dout, inp, weight, B, C, OC);
  expect_gradient_everywhere(f, &inp, gradient.dinp, "inp");
  expect_gradient_everywhere(f, &weight, gradient.dweight, "weight");
  expect_gradient_everywhere(f, &bias, gradient.dbias, "bias");
}

TEST(ReferenceGradient, OfThePosteriorsSampleAndDivergence) {
  constexpr std::size_t B = 3, Z = 4;
  for (const std::size_t L : {std::size_t{1}, std::size_t{3}}) {
    for (const double kl_scale : {0.0, 0.7}) {
      Random random(2);
      Vector mean = random.vector(B * Z, -2.0, 2.0);
      Vector log_variance = random.vector(B * Z, -2.0, 2.0);
      const Vector epsilon = random.vector(B * L * Z, -2.0, 2.0);
      const Vector dz = random.vector(B * L * Z, -1.0, 1.0);
      const auto f = [&] {
        double loss = dot(gaussian_sample(epsilon, mean, log_variance, B, L, Z), dz);
        for (const double kl : gaussian_kl(mean, log_variance, B, Z)) loss += kl_scale * kl;
        return loss;
      };
      const GaussianGradient gradient = gaussian_backward(dz, epsilon, mean, log_variance, kl_scale, B, L, Z);
      expect_gradient_everywhere(f, &mean, gradient.dmean, "mean");
      expect_gradient_everywhere(f, &log_variance, gradient.dlog_variance, "log-variance");
    }
  }
}

TEST(ReferenceGradient, OfTheBernoulliLikelihood) {
  constexpr std::size_t B = 2, L = 3, D = 4;
  Random random(3);
  Vector logits = random.vector(B * L * D, -5.0, 5.0);
  Vector x = random.vector(B * D, 0.0, 1.0);
  x[0] = 0.0;
  x[1] = 1.0;
  const auto f = [&] { return 0.3 * dot(bernoulli_forward(logits, x, B, L, D), Vector(B * L, 1.0)); };
  expect_gradient_everywhere(f, &logits, bernoulli_backward(logits, x, 0.3, B, L, D), "logits");
}

TEST(ReferenceGradient, OfTheGaussianLikelihoodWithASharedVariance) {
  constexpr std::size_t B = 2, L = 3, D = 4;
  Random random(4);
  Vector mean = random.vector(B * L * D, -2.0, 2.0);
  Vector log_variance = random.vector(D, -2.0, 2.0);
  const Vector x = random.vector(B * D, -2.0, 2.0);
  const auto f = [&] { return 0.3 * dot(gaussian_forward(mean, log_variance, x, B, L, D), Vector(B * L, 1.0)); };
  const GaussianGradient gradient = gaussian_likelihood_backward(mean, log_variance, x, 0.3, B, L, D);
  expect_gradient_everywhere(f, &mean, gradient.dmean, "mean");
  expect_gradient_everywhere(f, &log_variance, gradient.dlog_variance, "log-variance");
}

TEST(ReferenceGradient, OfTheGaussianLikelihoodWithAVarianceOfEachDatum) {
  constexpr std::size_t B = 2, L = 3, D = 4;
  constexpr double MIN = -2.0, MAX = 1.5;
  Random random(5);
  Vector mean = random.vector(B * L * D, -2.0, 2.0);
  Vector raw = random.vector(B * L * D, -4.0, 4.0);
  const Vector x = random.vector(B * D, -2.0, 2.0);
  const auto f = [&] { return 0.3 * dot(gaussian_datum_forward(mean, raw, MIN, MAX, x, B, L, D), Vector(B * L, 1.0)); };
  const GaussianGradient gradient = gaussian_datum_backward(mean, raw, MIN, MAX, x, 0.3, B, L, D);
  expect_gradient_everywhere(f, &mean, gradient.dmean, "mean");
  expect_gradient_everywhere(f, &raw, gradient.dlog_variance, "raw log-variance");
}

TEST(ReferenceGradient, OfTheSoftBound) {
  for (double raw = -15.0; raw <= 15.0; raw += 0.25) {
    Vector point{raw};
    const auto f = [&] { return soft_bound(point[0], -3.0, 2.0); };
    expect_gradient_everywhere(f, &point, {soft_bound_derivative(raw, -3.0, 2.0)}, "raw");
  }
}

// --- gradients of whole models ---

struct ModelCase {
  std::string name;
  ModelSpec spec;
};

std::vector<std::pair<std::string, LikelihoodSpec>> every_likelihood() {
  const auto gaussian = [](DispersionType variance) {
    LikelihoodSpec spec;
    spec.type = LikelihoodType::gaussian;
    spec.dispersion = variance;
    spec.fixed_dispersion = 0.4;
    spec.log_dispersion_min = -3.0;
    spec.log_dispersion_max = 2.0;
    return spec;
  };
  return {{"Bernoulli", {}},
          {"FixedVariance", gaussian(DispersionType::fixed)},
          {"LearnedVariance", gaussian(DispersionType::learned)},
          {"VariancePerFeature", gaussian(DispersionType::perFeature)},
          {"VariancePerDatum", gaussian(DispersionType::perDatum)}};
}

// Every likelihood with every depth, number of draws and beta; and every activation by itself.
std::vector<ModelCase> model_cases() {
  struct Depth {
    std::string name;
    std::vector<LayerSpec> encoder, decoder;
  };
  const std::vector<Depth> depths{
      {"Linear", {}, {}},
      {"OneHidden", {{4, Activation::gelu}}, {{3, Activation::leakyRelu}}},
      {"ThreeHidden",
       {{4, Activation::relu}, {3, Activation::softplus}, {5, Activation::tanh}},
       {{3, Activation::silu}, {5, Activation::elu}, {4, Activation::sigmoid}}},
  };
  std::vector<ModelCase> cases;
  for (const auto& [likelihood_name, likelihood] : every_likelihood()) {
    for (const Depth& depth : depths) {
      for (const std::size_t samples : {1, 3}) {
        for (const int beta : {0, 1, 4}) {
          ModelCase model;
          model.name =
              likelihood_name + depth.name + "Samples" + std::to_string(samples) + "Beta" + std::to_string(beta);
          model.spec.input = 5;
          model.spec.latents[0].units = 2;
          model.spec.encoder = depth.encoder;
          model.spec.decoder = depth.decoder;
          model.spec.likelihoods[0] = likelihood;
          model.spec.objective = {static_cast<double>(beta), samples};
          cases.push_back(model);
        }
      }
    }
  }
  for (const auto& [activation, name] : ACTIVATIONS) {
    ModelCase model;
    model.name = std::string("Activation_") + name;
    model.spec.input = 6;
    model.spec.latents[0].units = 3;
    model.spec.encoder = {{7, activation}};
    model.spec.decoder = {{5, activation}};
    cases.push_back(model);
  }
  return cases;
}

Parameters random_parameters(const ModelSpec& spec, Random* random) {
  Parameters parameters;
  for (const TensorShape& tensor : initialise_shapes(spec)) {
    std::size_t size = 1;
    for (const std::size_t n : tensor.shape) size *= n;
    parameters[tensor.name] = random->vector(size, -0.9, 0.9);
  }
  return parameters;
}

class ReferenceModelGradient : public testing::TestWithParam<ModelCase> {};

TEST_P(ReferenceModelGradient, IsTheDifferenceOfTheLoss) {
  const ModelSpec& spec = GetParam().spec;
  constexpr std::size_t B = 3;
  Random random(6);
  Parameters parameters = random_parameters(spec, &random);
  const Vector x = random.vector(B * spec.input, 0.0, 1.0);
  const Vector epsilon = random.vector(B * spec.objective.samples * spec.latents[0].units, -2.0, 2.0);

  Parameters gradient;
  const Terms terms = forward_backward(spec, parameters, x, epsilon, B, &gradient);
  EXPECT_EQ(terms.loss, forward(spec, parameters, x, epsilon, B).loss);
  EXPECT_TRUE(std::isfinite(terms.loss));
  EXPECT_DOUBLE_EQ(terms.loss, terms.reconstruction + spec.objective.beta * terms.kl);
  ASSERT_EQ(gradient.size(), parameters.size());

  const auto loss = [&] { return forward(spec, parameters, x, epsilon, B).loss; };
  std::size_t elements = 0, left_out = 0;
  for (auto& [name, values] : parameters) {
    ASSERT_EQ(gradient.count(name), 1u) << name;
    left_out += expect_gradient(loss, &values, gradient.at(name), name);
    elements += values.size();
  }
  EXPECT_LE(left_out, elements / 50) << "of " << elements;
}

INSTANTIATE_TEST_SUITE_P(All, ReferenceModelGradient, testing::ValuesIn(model_cases()),
                         [](const auto& info) { return info.param.name; });

TEST(ReferenceModel, NamesItsParametersAsPyTorchDoes) {
  ModelSpec spec;
  spec.input = 6;
  spec.encoder = {{5, Activation::relu}, {4, Activation::relu}};
  spec.latents[0].units = 2;
  spec.decoder = {{3, Activation::relu}};
  const auto table = [&spec] {
    std::string text;
    for (const TensorShape& tensor : initialise_shapes(spec)) {
      text += tensor.name;
      for (const std::size_t n : tensor.shape) text += " " + std::to_string(n);
      text += "\n";
    }
    return text;
  };
  const std::string body =
      "encoder.0.weight 5 6\nencoder.0.bias 5\nencoder.1.weight 4 5\nencoder.1.bias 4\n"
      "latent.mean.weight 2 4\nlatent.mean.bias 2\nlatent.logVariance.weight 2 4\nlatent.logVariance.bias 2\n"
      "decoder.0.weight 3 2\ndecoder.0.bias 3\n";
  const std::string mean = "likelihood.mean.weight 6 3\nlikelihood.mean.bias 6\n";
  EXPECT_EQ(table(), body + "likelihood.logits.weight 6 3\nlikelihood.logits.bias 6\n");
  spec.likelihoods[0].type = LikelihoodType::gaussian;
  EXPECT_EQ(table(), body + mean);
  spec.likelihoods[0].dispersion = DispersionType::learned;
  EXPECT_EQ(table(), body + mean + "likelihood.logVariance 1\n");
  spec.likelihoods[0].dispersion = DispersionType::perFeature;
  EXPECT_EQ(table(), body + mean + "likelihood.logVariance 6\n");
  spec.likelihoods[0].dispersion = DispersionType::perDatum;
  EXPECT_EQ(table(), body + mean + "likelihood.logVariance.weight 6 3\nlikelihood.logVariance.bias 6\n");
}

TEST(ReferenceModel, AveragesOverItsRowsAndDraws) {
  for (const auto& [name, likelihood] : every_likelihood()) {
    ModelSpec spec;
    spec.input = 4;
    spec.latents[0].units = 2;
    spec.encoder = {{3, Activation::tanh}};
    spec.decoder = {{3, Activation::silu}};
    spec.likelihoods[0] = likelihood;
    Random random(7);
    const Parameters parameters = random_parameters(spec, &random);
    const Vector x = random.vector(2 * spec.input, 0.0, 1.0);
    const Vector epsilon = random.vector(2 * 2 * spec.latents[0].units, -2.0, 2.0);
    spec.objective.samples = 2;
    const Terms together = forward(spec, parameters, x, epsilon, 2);

    // Each row and draw by itself: rows of epsilon are ordered b L + l.
    spec.objective.samples = 1;
    double reconstruction = 0.0, kl = 0.0;
    for (std::size_t row = 0; row < 4; ++row) {
      const std::size_t b = row / 2;
      const Vector one_x(x.begin() + b * 4, x.begin() + (b + 1) * 4);
      const Vector one_epsilon(epsilon.begin() + row * 2, epsilon.begin() + (row + 1) * 2);
      const Terms terms = forward(spec, parameters, one_x, one_epsilon, 1);
      reconstruction += terms.reconstruction / 4.0;
      kl += terms.kl / 4.0;
    }
    EXPECT_NEAR(together.reconstruction, reconstruction, 1e-12) << name;
    EXPECT_NEAR(together.kl, kl, 1e-12) << name;
  }
}

// --- densities, divergences and bounds ---

// The trapezoid rule, whose error vanishes faster than any power of the step for functions that fade at both ends.
double integral(const std::function<double(double)>& f, double from, double to) {
  constexpr int INTERVALS = 20000;
  const double step = (to - from) / INTERVALS;
  double sum = 0.5 * (f(from) + f(to));
  for (int i = 1; i < INTERVALS; ++i) sum += f(from + i * step);
  return sum * step;
}

TEST(ReferenceMathematics, DivergenceIsItsIntegral) {
  const auto log_normal = [](double z, double mean, double log_variance) {
    return -0.5 * (std::log(2.0 * std::numbers::pi) + log_variance + (z - mean) * (z - mean) * std::exp(-log_variance));
  };
  for (const double mean : {-1.5, 0.0, 0.3, 4.0}) {
    for (const double log_variance : {-3.0, 0.0, 1.0}) {
      const double sigma = std::exp(0.5 * log_variance);
      const auto integrand = [&](double z) {
        const double log_q = log_normal(z, mean, log_variance);
        return std::exp(log_q) * (log_q - log_normal(z, 0.0, 0.0));
      };
      const double expected = integral(integrand, mean - 12.0 * sigma, mean + 12.0 * sigma);
      EXPECT_NEAR(gaussian_kl({mean}, {log_variance}, 1, 1)[0], expected, 1e-10);
    }
  }
}

TEST(ReferenceMathematics, LogWeightIsTheDifferenceOfTwoLogDensities) {
  const Vector mean{0.5, -1.0}, log_variance{0.3, -2.0}, epsilon{0.7, -1.9};
  const Vector z = gaussian_sample(epsilon, mean, log_variance, 1, 1, 2);
  double expected = 0.0;
  for (std::size_t i = 0; i < 2; ++i) {
    const double sigma = std::exp(0.5 * log_variance[i]);
    const double standard = (z[i] - mean[i]) / sigma;
    // The constants of both densities cancel.
    expected += -0.5 * z[i] * z[i] - (-std::log(sigma) - 0.5 * standard * standard);
  }
  EXPECT_NEAR(gaussian_log_weight(z, epsilon, log_variance, 1, 1, 2)[0], expected, 1e-12);
}

TEST(ReferenceMathematics, BernoulliProbabilitiesSumToOne) {
  const Vector logits{-3.0, 0.2, 40.0, -0.7};
  double sum = 0.0;
  for (int bits = 0; bits < 16; ++bits) {
    const Vector x{bits & 1 ? 1.0 : 0.0, bits & 2 ? 1.0 : 0.0, bits & 4 ? 1.0 : 0.0, bits & 8 ? 1.0 : 0.0};
    sum += std::exp(-bernoulli_forward(logits, x, 1, 1, 4)[0]);
  }
  EXPECT_NEAR(sum, 1.0, 1e-14);
}

TEST(ReferenceMathematics, BernoulliIsExactForLogitsThatSaturate) {
  EXPECT_EQ(bernoulli_forward({1e4, -1e4}, {1.0, 0.0}, 1, 1, 2)[0], 0.0);
  EXPECT_EQ(bernoulli_forward({1e4, -1e4}, {0.0, 1.0}, 1, 1, 2)[0], 2e4);
  EXPECT_EQ(bernoulli_mean({1e4, -1e4}), (Vector{1.0, 0.0}));
}

TEST(ReferenceMathematics, GaussianDensitiesIntegrateToOne) {
  constexpr double MEAN = 0.8;
  for (const double log_variance : {-4.0, 0.0, 2.5}) {
    const double sigma = std::exp(0.5 * log_variance);
    const auto shared = [&](double x) { return std::exp(-gaussian_forward({MEAN}, {log_variance}, {x}, 1, 1, 1)[0]); };
    EXPECT_NEAR(integral(shared, MEAN - 12.0 * sigma, MEAN + 12.0 * sigma), 1.0, 1e-10);
    const auto datum = [&](double x) {
      return std::exp(-gaussian_datum_forward({MEAN}, {log_variance}, -5.0, 5.0, {x}, 1, 1, 1)[0]);
    };
    EXPECT_NEAR(integral(datum, MEAN - 12.0 * sigma, MEAN + 12.0 * sigma), 1.0, 1e-10);
  }
}

TEST(ReferenceMathematics, SoftBoundStaysBetweenItsBoundsAndRises) {
  const std::pair<double, double> bounds[] = {{-10.0, 10.0}, {-3.0, 2.0}, {-0.5, 0.5}, {1.0, 1.001}, {-80.0, 80.0}};
  for (const auto& [min, max] : bounds) {
    double previous = soft_bound(min - 30.0, min, max);
    for (double raw = min - 30.0; raw <= max + 30.0; raw += 0.125) {
      const double bounded = soft_bound(raw, min, max);
      EXPECT_GE(bounded, min);
      EXPECT_LE(bounded, max);
      EXPECT_GE(bounded, previous);
      EXPECT_GE(soft_bound_derivative(raw, min, max), 0.0);
      EXPECT_LE(soft_bound_derivative(raw, min, max), 1.0);
      previous = bounded;
    }
    EXPECT_NEAR(soft_bound(-1e4, min, max), min, 1e-12);
    EXPECT_NEAR(soft_bound(1e4, min, max), max, 1e-12 * std::max(1.0, std::abs(max)));
  }
}

TEST(ReferenceMathematics, SoftBoundHardlyChangesWhatLiesInside) {
  for (double raw = -4.0; raw <= 4.0; raw += 0.5) {
    EXPECT_NEAR(soft_bound(raw, -10.0, 10.0), raw, 2.0 * std::exp(-6.0));
    EXPECT_NEAR(soft_bound_derivative(raw, -10.0, 10.0), 1.0, 2.0 * std::exp(-6.0));
  }
}

TEST(ReferenceMathematics, NaNStaysNaN) {
  const double nan = std::nan("");
  for (const auto& [activation, name] : ACTIVATIONS) EXPECT_TRUE(std::isnan(activate(activation, nan))) << name;
  EXPECT_TRUE(std::isnan(bernoulli_forward({nan}, {0.5}, 1, 1, 1)[0]));
  EXPECT_TRUE(std::isnan(gaussian_forward({nan}, {0.0}, {0.5}, 1, 1, 1)[0]));
  EXPECT_TRUE(std::isnan(gaussian_datum_forward({0.0}, {nan}, -1.0, 1.0, {0.5}, 1, 1, 1)[0]));
  EXPECT_TRUE(std::isnan(gaussian_kl({nan}, {0.0}, 1, 1)[0]));
}

// --- bounds of log p(x) for a model whose log p(x) is known ---

// Inverse and log-determinant of a small symmetric positive definite matrix, by Gauss and Jordan.
struct Inverse {
  std::vector<Vector> matrix;
  double log_determinant = 0.0;
};
Inverse invert(std::vector<Vector> a) {
  const std::size_t n = a.size();
  Inverse inverse{std::vector<Vector>(n, Vector(n)), 0.0};
  for (std::size_t i = 0; i < n; ++i) inverse.matrix[i][i] = 1.0;
  for (std::size_t pivot = 0; pivot < n; ++pivot) {
    const double scale = a[pivot][pivot];
    inverse.log_determinant += std::log(scale);
    for (std::size_t j = 0; j < n; ++j) {
      a[pivot][j] /= scale;
      inverse.matrix[pivot][j] /= scale;
    }
    for (std::size_t i = 0; i < n; ++i) {
      if (i == pivot) continue;
      const double factor = a[i][pivot];
      for (std::size_t j = 0; j < n; ++j) {
        a[i][j] -= factor * a[pivot][j];
        inverse.matrix[i][j] -= factor * inverse.matrix[pivot][j];
      }
    }
  }
  return inverse;
}

double quadratic_form(const std::vector<Vector>& matrix, const Vector& v) {
  double sum = 0.0;
  for (std::size_t i = 0; i < v.size(); ++i) sum += v[i] * dot(matrix[i], v);
  return sum;
}

// z ~ N(0, I), x|z ~ N(W z + c, s² I), hence x ~ N(c, W Wᵀ + s² I) and z|x ~ N(A Wᵀ (x − c)/s², A) with
// A = (I + Wᵀ W/s²)⁻¹ (Bishop, Pattern Recognition and Machine Learning (2006), section 12.2). The encoder is linear
// too: it gives the exact mean, and of the variance the diagonal of A times `widening`.
class LinearGaussian {
 public:
  static constexpr double VARIANCE = 0.3;

  LinearGaussian(std::size_t D, std::size_t Z, double widening) : D_(D), Z_(Z) {
    spec.input = D;
    spec.latents[0].units = Z;
    spec.encoder = {};
    spec.decoder = {{3, Activation::identity}};
    spec.likelihoods[0].type = LikelihoodType::gaussian;
    spec.likelihoods[0].fixed_dispersion = VARIANCE;
    Random random(8);
    parameters = random_parameters(spec, &random);
    x = random.vector(D, -1.0, 2.0);

    c_ = decode(spec, parameters, Vector(Z), 1);
    for (std::size_t i = 0; i < Z; ++i) {
      Vector unit(Z);
      unit[i] = 1.0;
      Vector column = decode(spec, parameters, unit, 1);
      for (std::size_t d = 0; d < D; ++d) column[d] -= c_[d];
      columns_.push_back(column);
    }

    std::vector<Vector> precision(Z, Vector(Z));
    for (std::size_t i = 0; i < Z; ++i) {
      for (std::size_t j = 0; j < Z; ++j) {
        precision[i][j] = (i == j ? 1.0 : 0.0) + dot(columns_[i], columns_[j]) / VARIANCE;
      }
    }
    posterior_precision_ = precision;
    const Inverse covariance = invert(precision);
    posterior_log_determinant_ = -covariance.log_determinant;
    Vector& weight = parameters["latent.mean.weight"];
    Vector& bias = parameters["latent.mean.bias"];
    for (std::size_t i = 0; i < Z; ++i) {
      Vector row(D);
      for (std::size_t j = 0; j < Z; ++j) {
        for (std::size_t d = 0; d < D; ++d) row[d] += covariance.matrix[i][j] * columns_[j][d] / VARIANCE;
      }
      std::copy(row.begin(), row.end(), weight.begin() + static_cast<std::ptrdiff_t>(i * D));
      bias[i] = -dot(row, c_);
      parameters["latent.logVariance.bias"][i] = std::log(covariance.matrix[i][i] * widening);
    }
    std::fill(parameters["latent.logVariance.weight"].begin(), parameters["latent.logVariance.weight"].end(), 0.0);
  }

  double log_p() const {
    std::vector<Vector> covariance(D_, Vector(D_));
    Vector residual(D_);
    for (std::size_t i = 0; i < D_; ++i) {
      residual[i] = x[i] - c_[i];
      for (std::size_t j = 0; j < D_; ++j) {
        covariance[i][j] = i == j ? VARIANCE : 0.0;
        for (const Vector& column : columns_) covariance[i][j] += column[i] * column[j];
      }
    }
    const Inverse inverse = invert(covariance);
    return -0.5 * (static_cast<double>(D_) * std::log(2.0 * std::numbers::pi) + inverse.log_determinant +
                   quadratic_form(inverse.matrix, residual));
  }

  // KL(q(z|x) ‖ p(z|x)), the gap between the ELBO and log p(x); the means are the same.
  double posterior_gap() const {
    double gap = posterior_log_determinant_ - static_cast<double>(Z_);
    for (std::size_t i = 0; i < Z_; ++i) {
      const double log_variance = parameters.at("latent.logVariance.bias")[i];
      gap += posterior_precision_[i][i] * std::exp(log_variance) - log_variance;
    }
    return 0.5 * gap;
  }

  // The loss is quadratic in each epsilon, so that its mean over all epsilon of ±1 is its expectation.
  double elbo() const {
    ModelSpec exact = spec;
    exact.objective.samples = std::size_t{1} << Z_;
    Vector epsilon;
    for (std::size_t draw = 0; draw < exact.objective.samples; ++draw) {
      for (std::size_t i = 0; i < Z_; ++i) epsilon.push_back(draw >> i & 1 ? 1.0 : -1.0);
    }
    return -forward(exact, parameters, x, epsilon, 1).loss;
  }

  // The mean over `repetitions` of the bound with K draws.
  double importance_weighted_bound(std::size_t K, std::size_t repetitions) const {
    Vector rows;
    for (std::size_t i = 0; i < repetitions; ++i) rows.insert(rows.end(), x.begin(), x.end());
    const Vector epsilon = normals(repetitions * K, Z_, 9, Purpose::importance, static_cast<std::uint32_t>(K), 0);
    const Vector bounds = log_likelihood(spec, parameters, rows, epsilon, repetitions, K);
    double sum = 0.0;
    for (const double bound : bounds) sum += bound;
    return sum / static_cast<double>(repetitions);
  }

  ModelSpec spec;
  Parameters parameters;
  Vector x;

 private:
  std::size_t D_, Z_;
  Vector c_;
  std::vector<Vector> columns_;  // of W
  std::vector<Vector> posterior_precision_;
  double posterior_log_determinant_ = 0.0;
};

TEST(ReferenceBounds, AreAllLogPWhereThePosteriorIsExact) {
  const LinearGaussian model(4, 1, 1.0);
  EXPECT_NEAR(model.elbo(), model.log_p(), 1e-12);
  EXPECT_NEAR(model.importance_weighted_bound(1, 5), model.log_p(), 1e-12);
  EXPECT_NEAR(model.importance_weighted_bound(7, 5), model.log_p(), 1e-12);
}

TEST(ReferenceBounds, ElboLacksTheDivergenceFromTheTruePosterior) {
  const LinearGaussian model(5, 2, 1.7);
  EXPECT_GT(model.posterior_gap(), 0.05);
  EXPECT_NEAR(model.elbo(), model.log_p() - model.posterior_gap(), 1e-12);
}

// The widths of the gaps are several times the standard errors of the means.
TEST(ReferenceBounds, RiseFromTheElboToLogPWithTheNumberOfDraws) {
  const LinearGaussian model(5, 2, 2.5);
  const double one = model.importance_weighted_bound(1, 20000);
  const double five = model.importance_weighted_bound(5, 10000);
  const double fifty = model.importance_weighted_bound(50, 2000);
  EXPECT_NEAR(one, model.elbo(), 0.03);
  EXPECT_LT(model.elbo() + 0.1, five);
  EXPECT_LT(five + 0.03, fifty);
  EXPECT_LT(fifty, model.log_p());
  EXPECT_NEAR(model.importance_weighted_bound(100000, 1), model.log_p(), 0.01);
}

TEST(ReferenceBounds, SurviveDensitiesThatUnderflow) {
  LinearGaussian model(5, 2, 1.0);
  for (double& value : model.x) value = 1000.0;
  const double log_p = model.log_p();
  ASSERT_LT(log_p, -1e5);
  // The posterior's mean is exact, so the estimate is near even here.
  EXPECT_NEAR(model.importance_weighted_bound(2000, 1), log_p, 0.2);
}

// --- optimisers ---

struct OptimizerCase {
  const char* name;
  OptimizerSpec spec;
  Vector expected;
};

// What torch.optim 2.15 gives in float64 after three steps from (0.5, −1.5) with the gradients below.
TEST(ReferenceOptimizer, StepsAsPyTorchDoes) {
  const auto make = [](OptimizerType type, double weight_decay, double momentum = 0.0, bool nesterov = false) {
    OptimizerSpec spec;
    spec.type = type;
    spec.weight_decay = weight_decay;
    spec.momentum = momentum;
    spec.nesterov = nesterov;
    spec.beta1 = 0.8;
    spec.beta2 = 0.95;
    spec.decay = 0.9;
    spec.epsilon = 1e-3;
    spec.initial_accumulator = 0.05;
    return spec;
  };
  const OptimizerCase cases[] = {
      {"sgd", make(OptimizerType::sgd, 0.0), {0.4, -1.395}},
      {"sgd with decay", make(OptimizerType::sgd, 0.2), {0.371384, -1.31036}},
      {"sgd with momentum", make(OptimizerType::sgd, 0.2, 0.9), {0.313424, -1.07996}},
      {"nesterov", make(OptimizerType::sgd, 0.2, 0.9, true), {0.206946656, -0.94427564}},
      {"adagrad", make(OptimizerType::adagrad, 0.2), {0.3475677043705463, -1.3296794112484371}},
      {"rmsprop", make(OptimizerType::rmsprop, 0.2), {0.01796044286688514, -0.9652562357890287}},
      {"rmsprop with momentum", make(OptimizerType::rmsprop, 0.2, 0.5), {-0.1540628197363968, -0.6498963334166197}},
      {"adam", make(OptimizerType::adam, 0.2), {0.2878367549972928, -1.2217215945076594}},
      {"adamw", make(OptimizerType::adamw, 0.2), {0.29951797040821054, -1.1595666538406697}},
  };
  for (const OptimizerCase& optimizer : cases) {
    Parameters parameters{{"p", {0.5, -1.5}}};
    OptimizerState state;
    for (const Vector& gradient : {Vector{0.3, -0.7}, Vector{-0.2, -0.4}, Vector{0.9, 0.05}}) {
      optimizer_step(&parameters, &state, {{"p", gradient}}, optimizer.spec, 0.1);
    }
    EXPECT_EQ(state.steps, 3u);
    EXPECT_NEAR(parameters.at("p")[0], optimizer.expected[0], 1e-14) << optimizer.name;
    EXPECT_NEAR(parameters.at("p")[1], optimizer.expected[1], 1e-14) << optimizer.name;
  }
}

TEST(ReferenceOptimizer, FirstStepOfAdamIsTheLearningRate) {
  Parameters parameters{{"p", {1.0, 1.0}}};
  OptimizerState state;
  optimizer_step(&parameters, &state, {{"p", {1e-3, -50.0}}}, OptimizerSpec{}, 0.01);
  EXPECT_NEAR(parameters.at("p")[0], 0.99, 1e-7);
  EXPECT_NEAR(parameters.at("p")[1], 1.01, 1e-7);
}

TEST(ReferenceOptimizer, ClipsEachValueAndThenTheNormOfAll) {
  const Parameters gradient{{"a", {3.0, -9.0}}, {"b", {4.0}}};
  Parameters clipped = gradient;
  clip_gradient(&clipped, 0.0, 0.0);
  EXPECT_EQ(clipped, gradient);
  clip_gradient(&clipped, 4.0, 0.0);
  EXPECT_EQ(clipped, (Parameters{{"a", {3.0, -4.0}}, {"b", {4.0}}}));
  clip_gradient(&clipped, 0.0, 100.0);  // shorter already
  EXPECT_EQ(clipped, (Parameters{{"a", {3.0, -4.0}}, {"b", {4.0}}}));

  clipped = gradient;
  clip_gradient(&clipped, 4.0, 2.0);
  const double scale = 2.0 / std::sqrt(41.0);
  EXPECT_NEAR(clipped.at("a")[0], 3.0 * scale, 1e-15);
  EXPECT_NEAR(clipped.at("a")[1], -4.0 * scale, 1e-15);
  EXPECT_NEAR(clipped.at("b")[0], 4.0 * scale, 1e-15);
}

TEST(ReferenceOptimizer, TrainStepClipsFirst) {
  TrainSpec spec;
  spec.optimizer.type = OptimizerType::sgd;
  spec.clip_value = 4.0;
  spec.clip_norm = 2.5;
  Parameters parameters{{"p", {0.0, 0.0}}};
  OptimizerState state;
  train_step(&parameters, &state, {{"p", {3.0, 1000.0}}}, spec, 1.0);
  EXPECT_NEAR(parameters.at("p")[0], -1.5, 1e-15);
  EXPECT_NEAR(parameters.at("p")[1], -2.0, 1e-15);
}

// --- random numbers ---

// The known answers that Random123 publishes (kat_vectors).
TEST(ReferenceRandom, PhiloxGivesItsKnownAnswers) {
  using Block = std::array<std::uint32_t, 4>;
  EXPECT_EQ(philox4x32_10({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32_10({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(ReferenceRandom, NormalsAreThoseOfTheFirstBlock) {
  // Seed and counter such that the block is the first known answer, but for the purpose.
  const auto word = philox4x32_10({0, 0, 0, 3}, {0, 0});
  const Vector normal = normals(1, 4, 0, Purpose::epsilon, 0, 0);
  for (std::size_t pair = 0; pair < 2; ++pair) {
    const double a = ((word[2 * pair] >> 1) + 0.5) * 0x1p-31;
    const double t = 2.0 * std::numbers::pi * (word[2 * pair + 1] >> 8) * 0x1p-24;
    EXPECT_NEAR(normal[2 * pair], std::sqrt(-2.0 * std::log(a)) * std::cos(t), 1e-6);
    EXPECT_NEAR(normal[2 * pair + 1], std::sqrt(-2.0 * std::log(a)) * std::sin(t), 1e-6);
  }
}

TEST(ReferenceRandom, NormalsDependOnTheirPlaceAlone) {
  const Vector whole = normals(7, 6, 5, Purpose::prior, 3, 10);
  const Vector part = normals(2, 3, 5, Purpose::prior, 3, 14);
  for (std::size_t r = 0; r < 2; ++r) {
    for (std::size_t c = 0; c < 3; ++c) EXPECT_EQ(part[r * 3 + c], whole[(r + 4) * 6 + c]);
  }
  EXPECT_NE(normals(1, 1, 5, Purpose::prior, 3, 10), normals(1, 1, 6, Purpose::prior, 3, 10));
  EXPECT_NE(normals(1, 1, 5, Purpose::prior, 3, 10),
            normals(1, 1, 5 + (std::uint64_t{1} << 32), Purpose::prior, 3, 10));
  EXPECT_NE(normals(1, 1, 5, Purpose::prior, 3, 10), normals(1, 1, 5, Purpose::epsilon, 3, 10));
  EXPECT_NE(normals(1, 1, 5, Purpose::prior, 3, 10), normals(1, 1, 5, Purpose::prior, 4, 10));
}

}  // namespace
}  // namespace aevb::reference
