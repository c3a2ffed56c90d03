// Holds the activations to their plain twins.

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <string>

#include "kernels.h"
#include "layers/activation.h"
#include "reference/layers.h"
#include "spec/spec.h"
#include "support.h"
#include "tensor/panels.h"

namespace aevb {
namespace {

using test::ACTIVATIONS;
using test::all_finite;
using test::all_zero;
using test::close;
using test::INFINITE;
using test::Matrix;
using test::NOT_A_NUMBER;
using test::Random;
using test::Row;
using test::Shape;
using test::shapes;
using test::Vector;

class ActivationKernels : public test::Kernels {};
AEVB_ON_EVERY_TARGET(ActivationKernels);

// The magnitude of an activation's value. If e^(−x²/2) is taken, the square has been rounded before.
double forward_magnitude(Activation activation, double x) {
  const double y = std::abs(reference::activate(activation, x));
  switch (activation) {
    case Activation::identity:
    case Activation::relu:
      return 0.0;  // exact
    case Activation::gelu:
      return y * (1.0 + x * x);
    case Activation::leakyRelu:
    case Activation::elu:
    case Activation::silu:
    case Activation::tanh:
    case Activation::sigmoid:
    case Activation::softplus:
      return y;
  }
  return y;
}

// The derivative as the kernel sees it, from the input or from the output.
double derivative(Activation activation, double value) {
  switch (activation) {
    case Activation::identity:
      return 1.0;
    case Activation::relu:
      return value > 0.0 ? 1.0 : 0.0;
    case Activation::leakyRelu:
      return value > 0.0 ? 1.0 : 0.01;
    case Activation::elu:
      return value > 0.0 ? 1.0 : value + 1.0;
    case Activation::tanh:
      return 1.0 - value * value;
    case Activation::sigmoid:
      return value * (1.0 - value);
    case Activation::softplus:
      return -std::expm1(-value);
    case Activation::gelu:
    case Activation::silu:
      return reference::activate_derivative(activation, value);
  }
  return std::nan("");
}

double derivative_magnitude(Activation activation, double value) {
  switch (activation) {
    case Activation::identity:
    case Activation::relu:
      return 0.0;  // exact
    case Activation::elu:
      return value > 0.0 ? 0.0 : 1.0 - value;  // y + 1
    case Activation::tanh:
      return 1.0 + value * value;
    case Activation::sigmoid:
      return value + value * value;
    case Activation::leakyRelu:
    case Activation::softplus:
      return std::abs(derivative(activation, value));
    case Activation::gelu: {
      const double tail = 0.5 * std::erfc(std::abs(value) / std::numbers::sqrt2);
      const double density = std::exp(-0.5 * value * value) / std::sqrt(2.0 * std::numbers::pi);
      return (value > 0.0 ? 1.0 : 0.0) + (tail + std::abs(value) * density) * (1.0 + value * value);
    }
    case Activation::silu:  // s (1 + x (1 − s))
      return (1.0 + std::abs(value)) * reference::activate(Activation::sigmoid, value);
  }
  return 1.0;
}

constexpr double ACTIVATION_ROUNDINGS = 8.0;

TEST(ActivationTwins, DerivativeFromTheOutputIsThatFromTheInput) {
  for (const auto& [activation, name] : ACTIVATIONS) {
    if (activation_reads_input(activation)) continue;
    for (double x = -8.05; x < 8.0; x += 0.1) {
      EXPECT_NEAR(derivative(activation, reference::activate(activation, x)),
                  reference::activate_derivative(activation, x), 1e-13);
    }
  }
}

TEST(ActivationTwins, OnlyGeluAndSiluReadTheirInput) {
  for (const auto& [activation, name] : ACTIVATIONS) {
    EXPECT_EQ(activation_reads_input(activation), activation == Activation::gelu || activation == Activation::silu);
  }
}

TEST_P(ActivationKernels, ForwardIsItsTwin) {
  Random random(1);
  for (const Shape& shape : shapes()) {
    SCOPED_TRACE(shape.text());
    const auto [B, C, width] = shape;
    const Vector inp = random.floats(B * C, -7.0, 7.0);
    for (const auto& [activation, name] : ACTIVATIONS) {
      SCOPED_TRACE(name);
      Vector expected, magnitude;
      for (const double x : inp) {
        expected.push_back(reference::activate(activation, x));
        magnitude.push_back(forward_magnitude(activation, x));
      }
      Matrix in(inp, B, C, width), out(B, C, width), pre(B, C, width);
      activation_forward(out, pre, in, B, C, activation);
      EXPECT_TRUE(close(out.values(), expected, magnitude, ACTIVATION_ROUNDINGS));
      EXPECT_EQ(pre.values(), inp);
      EXPECT_EQ(in.values(), inp);
      EXPECT_TRUE(all_finite(out.padding()) && all_finite(pre.padding()));
      EXPECT_TRUE(out.guards_intact() && pre.guards_intact());

      Matrix without_pre(B, C, width);
      activation_forward(without_pre, {}, in, B, C, activation);
      EXPECT_EQ(without_pre.values(), out.values());
      Matrix pre_in_place(B, C, width);
      activation_forward(in, pre_in_place, in, B, C, activation);
      EXPECT_EQ(in.values(), out.values());
      EXPECT_EQ(pre_in_place.values(), inp);
      EXPECT_TRUE(in.guards_intact());
    }
  }
}

TEST_P(ActivationKernels, ForwardSurvivesExtremes) {
  const float extremes[] = {0.0f,   -0.0f, 1e-30f, -1e-30f, 1e-4f,    -1e-4f,    17.0f,
                            -17.0f, 88.0f, -88.0f, 90.0f,   -90.0f,   104.0f,    -104.0f,
                            1e4f,   -1e4f, 3e38f,  -3e38f,  INFINITE, -INFINITE, NOT_A_NUMBER};
  const Vector inp(std::begin(extremes), std::end(extremes));
  for (const std::size_t width : {std::size_t{16}, std::size_t{48}, inp.size()}) {
    for (const auto& [activation, name] : ACTIVATIONS) {
      SCOPED_TRACE(name);
      Matrix in(inp, 1, inp.size(), width), out(1, inp.size(), width);
      activation_forward(out, {}, in, 1, inp.size(), activation);
      Vector got = out.values(), expected, magnitude;
      for (std::size_t i = 0; i < inp.size(); ++i) {
        expected.push_back(reference::activate(activation, inp[i]));
        magnitude.push_back(std::isfinite(inp[i]) ? forward_magnitude(activation, inp[i]) : 1.0);
        // The limit of x Φ(x) and x sigmoid(x) at −∞ is 0, the product as it stands is NaN: either will do.
        const bool product = activation == Activation::gelu || activation == Activation::silu;
        const bool either = product && inp[i] == -std::numeric_limits<double>::infinity();
        if (either || std::isnan(inp[i])) {
          EXPECT_TRUE(std::isnan(got[i]) || (either && got[i] == 0.0)) << got[i];
          got[i] = expected[i] = 0.0;
        }
      }
      EXPECT_TRUE(close(got, expected, magnitude, ACTIVATION_ROUNDINGS));
    }
  }
}

TEST_P(ActivationKernels, BackwardIsItsTwin) {
  Random random(2);
  for (const Shape& shape : shapes()) {
    SCOPED_TRACE(shape.text());
    const auto [B, C, width] = shape;
    for (const auto& [activation, name] : ACTIVATIONS) {
      SCOPED_TRACE(name);
      Vector value = random.floats(B * C, -7.0, 7.0);
      if (!activation_reads_input(activation)) {
        for (double& v : value) v = static_cast<float>(reference::activate(activation, v));
      }
      Vector dout = random.floats(B * C, -2.0, 2.0);
      dout[random.index(B * C)] = 0.0;
      Vector expected, magnitude;
      for (std::size_t i = 0; i < B * C; ++i) {
        expected.push_back(dout[i] * derivative(activation, value[i]));
        magnitude.push_back(std::abs(dout[i]) * derivative_magnitude(activation, value[i]));
      }
      Matrix d(dout, B, C, width, 0.0f), v(value, B, C, width), dinp(B, C, width);
      activation_backward(dinp, d, v, B, C, activation);
      EXPECT_TRUE(close(dinp.values(), expected, magnitude, ACTIVATION_ROUNDINGS));
      EXPECT_TRUE(all_zero(dinp.padding()));
      EXPECT_EQ(d.values(), dout);
      EXPECT_EQ(v.values(), value);
      EXPECT_TRUE(dinp.guards_intact());

      activation_backward(d, d, v, B, C, activation);
      EXPECT_EQ(d.values(), dinp.values());
      EXPECT_TRUE(all_zero(d.padding()));
      EXPECT_TRUE(d.guards_intact());
    }
  }
}

TEST_P(ActivationKernels, BackwardSurvivesExtremes) {
  for (const auto& [activation, name] : ACTIVATIONS) {
    SCOPED_TRACE(name);
    Vector value{0.0,   -0.0,   1e-30, -1e-30, 17.0, -17.0, 88.0, -88.0,
                 104.0, -104.0, 1e4,   -1e4,   1e30, -1e30, 3e38, -3e38};
    for (double& v : value) {
      v = static_cast<float>(activation_reads_input(activation) ? v : reference::activate(activation, v));
    }
    const std::size_t C = value.size();
    Vector expected, magnitude;
    for (const double v : value) {
      expected.push_back(derivative(activation, v));
      magnitude.push_back(derivative_magnitude(activation, v));
    }
    Matrix v(value, 1, C, C), ones(Vector(C, 1.0), 1, C, C), zeros(1, C, C), nans(Vector(C, NOT_A_NUMBER), 1, C, C);
    Matrix dinp(1, C, C);
    activation_backward(dinp, ones, v, 1, C, activation);
    EXPECT_TRUE(close(dinp.values(), expected, magnitude, ACTIVATION_ROUNDINGS));
    activation_backward(dinp, zeros, v, 1, C, activation);
    for (const double d : dinp.values()) EXPECT_EQ(d, 0.0);
    if (activation == Activation::relu) continue;  // may select zero
    activation_backward(dinp, nans, v, 1, C, activation);
    for (const double d : dinp.values()) EXPECT_TRUE(std::isnan(d));
  }
}

}  // namespace
}  // namespace aevb
