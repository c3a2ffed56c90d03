// Layers of images beside convolutions: each against its plain twin, forward, and back by central differences of the
// twin, on every instruction set.

#include "reference/image_layers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "comparison.h"
#include "kernels.h"
#include "layer_run.h"
#include "layers/activation_layer.h"
#include "layers/add.h"
#include "layers/batch_norm.h"
#include "layers/dropout.h"
#include "layers/pooling.h"
#include "layers/reshape.h"
#include "layers/row_norm.h"
#include "layers/upsample.h"
#include "support.h"

namespace aevb {
namespace {

using test::LayerRun;
using test::Random;
using test::Vector;

// The layer as a function of x and of its tensors, by name.
using Plain = std::function<Vector(const Vector& x, const std::vector<Vector>& tensors)>;

struct Case {
  std::string name;
  Shape input;
  std::size_t rows;
  std::function<std::unique_ptr<Layer>()> make;
  std::vector<std::string> tensors;
  Plain plain;
};

LayerSpec window_spec(LayerType type, std::size_t dimensions, std::size_t kernel, std::size_t stride,
                      std::size_t before = 0, std::size_t after = 0, std::size_t dilation = 1) {
  LayerSpec spec;
  spec.type = type;
  WindowSpec& w = spec.window;
  w.dimensions = dimensions;
  const bool tall = dimensions > 1, deep = dimensions > 2;
  w.kernel = {deep ? kernel : 1, tall ? kernel : 1, kernel};
  w.stride = {deep ? stride : 1, tall ? stride : 1, stride};
  w.dilation = {deep ? dilation : 1, tall ? dilation : 1, dilation};
  w.padding_before = {deep ? before : 0, tall ? before : 0, before};
  w.padding_after = {deep ? after : 0, tall ? after : 0, after};
  return spec;
}

std::vector<Case> cases() {
  std::vector<Case> all;
  const auto pooling = [&](const std::string& name, Shape input, std::size_t rows, LayerSpec spec) {
    const Shape output = PoolingLayer(input, spec, true).output_shape();
    LayerSpec plain = spec;
    if (spec.global) plain.window.kernel = plain.window.stride = {input.depth, input.height, input.width};
    all.push_back(
        {name,
         input,
         rows,
         [=] { return std::make_unique<PoolingLayer>(input, spec, true); },
         {},
         [=](const Vector& x, const std::vector<Vector>&) { return reference::pool(x, rows, input, output, plain); }});
  };
  for (const LayerType type : {LayerType::maxPool, LayerType::avgPool}) {
    const std::string kind = type == LayerType::maxPool ? "max_" : "avg_";
    pooling(kind + "halves", {16, 1, 6, 8}, 3, window_spec(type, 2, 2, 2));
    pooling(kind + "odd_sizes", {17, 1, 7, 5}, 2, window_spec(type, 2, 2, 2));
    pooling(kind + "overlapping", {3, 1, 7, 6}, 2, window_spec(type, 2, 3, 2, 1, 1));
    pooling(kind + "stride_beyond", {50, 1, 9, 8}, 2, window_spec(type, 2, 2, 3));
    pooling(kind + "signal", {5, 1, 1, 11}, 4, window_spec(type, 1, 3, 3));
    pooling(kind + "volume", {9, 4, 4, 6}, 2, window_spec(type, 3, 2, 2));
    pooling(kind + "one_position", {1, 1, 1, 1}, 1, window_spec(type, 2, 1, 1));
  }
  pooling("max_dilated", {4, 1, 7, 7}, 2, window_spec(LayerType::maxPool, 2, 2, 1, 0, 0, 3));
  LayerSpec global = window_spec(LayerType::avgPool, 2, 1, 1);
  global.global = true;
  pooling("avg_global", {33, 1, 5, 3}, 3, global);

  const auto enlarging = [&](const std::string& name, Shape input, std::size_t rows, Extent factor, Interpolation how) {
    LayerSpec spec;
    spec.type = LayerType::upsample;
    spec.extent = factor;
    spec.interpolation = how;
    all.push_back(
        {name,
         input,
         rows,
         [=] { return std::make_unique<UpsampleLayer>(input, spec, true); },
         {},
         [=](const Vector& x, const std::vector<Vector>&) { return reference::upsample(x, rows, input, spec); }});
  };
  enlarging("nearest", {17, 1, 3, 4}, 2, {1, 2, 3}, Interpolation::nearest);
  enlarging("linear_signal", {3, 1, 1, 5}, 3, {1, 1, 2}, Interpolation::linear);
  enlarging("linear", {49, 1, 3, 4}, 2, {1, 2, 3}, Interpolation::linear);
  enlarging("linear_volume", {2, 2, 3, 2}, 2, {2, 2, 2}, Interpolation::linear);
  enlarging("linear_one_position", {4, 1, 1, 1}, 1, {1, 2, 2}, Interpolation::linear);

  for (const bool relu : {false, true}) {
    for (const Shape& shape :
         {Shape{1, 1, 3, 2}, Shape{16, 1, 4, 5}, Shape{50, 1, 1, 3}, Shape{7}, Shape{3, 2, 2, 2}}) {
      const std::size_t rows = 37;
      all.push_back({"batch_norm_" + std::to_string(shape.channels) + (relu ? "_relu" : ""),
                     shape,
                     rows,
                     [=] {
                       return std::make_unique<BatchNormLayer>(shape, 0.1, 1e-5, NormFusion{relu, {}}, true);
                     },
                     {"weight", "bias"},
                     [=](const Vector& x, const std::vector<Vector>& t) {
                       Vector y = reference::batch_norm(x, rows, shape, t[0], t[1], 1e-5);
                       for (double& value : y) value = relu && value < 0.0 ? 0.0 : value;
                       return y;
                     }});
    }
  }
  const auto pooled_norm = [&](Shape shape, std::size_t rows, std::size_t dimensions, bool relu) {
    const LayerSpec spec = window_spec(LayerType::maxPool, dimensions, 2, 2);
    const PoolingPlan plan = pooling_plan(shape, spec);
    all.push_back(
        {"batch_norm_pool_" + std::to_string(dimensions) + "_" + std::to_string(shape.channels) + (relu ? "_relu" : ""),
         shape,
         rows,
         [=] {
           return std::make_unique<BatchNormLayer>(shape, 0.1, 1e-5, NormFusion{relu, plan}, true);
         },
         {"weight", "bias"},
         [=](const Vector& x, const std::vector<Vector>& t) {
           Vector y = reference::batch_norm(x, rows, shape, t[0], t[1], 1e-5);
           for (double& value : y) value = relu && value < 0.0 ? 0.0 : value;
           return reference::pool(y, rows, shape, plan.output, spec);
         }});
  };
  for (const bool relu : {false, true}) {
    pooled_norm({1, 1, 2, 2}, 37, 2, relu);
    pooled_norm({16, 1, 4, 6}, 9, 2, relu);
    pooled_norm({50, 1, 2, 4}, 35, 2, relu);
    pooled_norm({17, 1, 1, 6}, 33, 1, relu);
    pooled_norm({3, 2, 4, 2}, 34, 3, relu);
    pooled_norm({8, 4, 2, 2}, 3, 3, relu);
  }
  const auto row_norm = [&](const std::string& name, Shape shape, std::size_t rows, std::size_t groups) {
    LayerSpec spec;
    spec.type = groups == 0 ? LayerType::layerNorm : LayerType::groupNorm;
    spec.groups = groups;
    all.push_back({name,
                   shape,
                   rows,
                   [=] { return std::make_unique<RowNormLayer>(shape, spec, true); },
                   {"weight", "bias"},
                   [=](const Vector& x, const std::vector<Vector>& t) {
                     return reference::row_norm(x, rows, shape, std::max<std::size_t>(groups, 1), t[0], t[1], 1e-5);
                   }});
  };
  row_norm("layer_norm", {6, 1, 3, 5}, 3, 0);
  row_norm("layer_norm_of_numbers", {50}, 5, 0);
  row_norm("group_norm", {12, 1, 4, 3}, 3, 3);
  row_norm("instance_norm", {17, 1, 4, 3}, 2, 17);
  row_norm("group_norm_wide", {100, 1, 2, 2}, 2, 5);

  for (const Activation activation : {Activation::relu, Activation::silu, Activation::tanh}) {
    const Shape shape{19, 1, 3, 3};
    all.push_back({"activation_" + std::string(name_of(activation)),
                   shape,
                   4,
                   [=] { return std::make_unique<ActivationLayer>(shape, activation, true); },
                   {},
                   [=](const Vector& x, const std::vector<Vector>&) {
                     Vector y;
                     for (const double value : x) y.push_back(reference::activate(activation, value));
                     return y;
                   }});
  }
  const Shape image{5, 1, 4, 3};
  const Plain same = [](const Vector& x, const std::vector<Vector>&) { return x; };
  all.push_back({"flatten", image, 3, [=] { return std::make_unique<FlattenLayer>(image, false, true); }, {}, same});
  all.push_back({"reshape",
                 Shape{image.elements()},
                 3,
                 [=] { return std::make_unique<ReshapeLayer>(Shape{image.elements()}, image, 0, 2, false, true); },
                 {},
                 same});
  // The other order: the channels of a position side by side.
  const auto turned = [](std::size_t outer, std::size_t inner) {
    return [=](const Vector& x, const std::vector<Vector>&) {
      Vector y(x.size());
      for (std::size_t i = 0; i < x.size(); ++i) {
        const std::size_t row = i / (outer * inner), a = i / inner % outer, b = i % inner;
        y[row * outer * inner + b * outer + a] = x[i];
      }
      return y;
    };
  };
  all.push_back({"flatten_positions_first",
                 image,
                 3,
                 [=] { return std::make_unique<FlattenLayer>(image, true, true); },
                 {},
                 turned(5, 12)});
  all.push_back({"reshape_positions_first",
                 Shape{image.elements()},
                 3,
                 [=] { return std::make_unique<ReshapeLayer>(Shape{image.elements()}, image, 0, 2, true, true); },
                 {},
                 turned(12, 5)});
  return all;
}

double dot(const Vector& a, const Vector& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

class ImageLayers : public test::Kernels {};
AEVB_ON_EVERY_TARGET(ImageLayers);

TEST_P(ImageLayers, AreTheirPlainTwinsForwardAndBack) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    Random random(3);
    const std::unique_ptr<Layer> layer = c.make();
    LayerRun run(*layer, c.input, c.rows, 32, 5);
    Vector x = random.floats(c.rows * c.input.elements(), -2.0, 2.0);
    std::vector<Vector> tensors;
    for (const std::string& name : c.tensors) {
      // A negative weight turns the order of the numbers round.
      tensors.push_back(random.floats(run.elements(name), -1.5, 1.5));
      run.set(name, tensors.back());
    }
    const Vector expected = c.plain(x, tensors);
    const Vector out = run.forward(x);
    EXPECT_TRUE(test::is_near(out, expected, {2e-6, 4e-6}));
    const Vector dout = random.floats(expected.size(), -1.0, 1.0);
    const Vector dinp = run.backward(dout);
    // Small enough that no maximum changes its place in most windows, and no number its sign.
    constexpr double H = 1e-6;
    const auto change = [&](Vector* argument, const Vector& along) {
      const Vector before = *argument;
      const auto at = [&](double step) {
        for (std::size_t i = 0; i < before.size(); ++i) (*argument)[i] = before[i] + step * along[i];
        return dot(dout, c.plain(x, tensors));
      };
      const double difference = (at(H) - at(-H)) / (2.0 * H);
      *argument = before;
      return difference;
    };
    for (int direction = 0; direction < 3; ++direction) {
      const Vector along = random.vector(x.size(), -1.0, 1.0);
      const double size = std::sqrt(dot(dinp, dinp) * dot(along, along));
      EXPECT_TRUE(test::is_near(dot(dinp, along), change(&x, along), 2e-5 * size + 1e-6));
      for (std::size_t i = 0; i < tensors.size(); ++i) {
        const Vector of_tensor = random.vector(tensors[i].size(), -1.0, 1.0);
        const Vector gradient = run.gradient(c.tensors[i]);
        const double length = std::sqrt(dot(gradient, gradient) * dot(of_tensor, of_tensor));
        EXPECT_TRUE(test::is_near(dot(gradient, of_tensor), change(&tensors[i], of_tensor), 2e-5 * length + 1e-6));
      }
    }
    // What another layer has left stays.
    const Vector before = random.floats(x.size(), -1.0, 1.0);
    run.pass().adds[0] = true;
    Vector added = run.backward(dout, before);
    for (std::size_t i = 0; i < added.size(); ++i) added[i] -= dinp[i];
    EXPECT_TRUE(test::is_near(added, before, {0.0, 4e-6}));
  }
}

TEST_P(ImageLayers, HaveTheSameBitsHoweverTasksAreDone) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    std::vector<Vector> outs, dinps;
    for (const std::size_t block : {1u, 32u}) {
      Random random(4);
      const std::unique_ptr<Layer> layer = c.make();
      // Sums over a batch follow the blocks, which are the same for any number of threads.
      if (layer->couples_rows()) continue;
      LayerRun run(*layer, c.input, c.rows, 32, block);
      for (const std::string& name : c.tensors) run.set(name, random.floats(run.elements(name), 0.5, 1.5));
      outs.push_back(run.forward(random.floats(c.rows * c.input.elements(), -2.0, 2.0)));
      dinps.push_back(run.backward(random.floats(outs[0].size(), -1.0, 1.0)));
      EXPECT_EQ(outs.back(), outs[0]);
      EXPECT_EQ(dinps.back(), dinps[0]);
    }
  }
}

// The largest normalised number is that of the largest or smallest input, rounded the same way.
TEST_P(ImageLayers, ANormFusedWithItsPoolHasTheBitsOfBoth) {
  const Shape shape{19, 1, 6, 4};
  const PoolingPlan plan = pooling_plan(shape, window_spec(LayerType::maxPool, 2, 2, 2));
  for (const bool relu : {false, true}) {
    for (const bool training : {false, true}) {
      Random random(8);
      BatchNormLayer fused(shape, 0.1, 1e-5, {relu, plan}, true), alone(shape, 0.1, 1e-5, {relu, {}}, true);
      PoolingLayer pool(shape, window_spec(LayerType::maxPool, 2, 2, 2), true);
      LayerRun fused_run(fused, shape, 40, 32, 7), alone_run(alone, shape, 40, 32, 7), pool_run(pool, shape, 40, 32, 7);
      for (const char* name : {"weight", "bias", "running_mean"}) {
        const Vector values = random.floats(19, -1.0, 1.0);
        fused_run.set(name, values);
        alone_run.set(name, values);
      }
      for (LayerRun* run : {&fused_run, &alone_run}) {
        run->set("running_var", Vector(19, 1.5));
        run->pass().training = training;
      }
      const Vector x = random.floats(40 * shape.elements(), -2.0, 2.0);
      EXPECT_EQ(fused_run.forward(x), pool_run.forward(alone_run.forward(x)));
      const Vector dout = random.floats(40 * plan.output.elements(), -1.0, 1.0);
      EXPECT_TRUE(test::is_near(fused_run.backward(dout), alone_run.backward(pool_run.backward(dout)), {1e-5, 1e-6}));
    }
  }
}

TEST_P(ImageLayers, MaxPoolingKeepsNaNWhereverInTheWindowItIs) {
  constexpr double NOT_A_NUMBER = std::numeric_limits<double>::quiet_NaN();
  for (const std::size_t kernel : {2u, 3u}) {
    const Shape shape{5, 1, kernel, kernel};
    const LayerSpec spec = window_spec(LayerType::maxPool, 2, kernel, kernel);
    PoolingLayer pool(shape, spec, true);
    for (std::size_t place = 0; place < kernel * kernel; ++place) {
      Vector x(shape.elements(), 1.0);
      x[2 * kernel * kernel + place] = NOT_A_NUMBER;
      LayerRun pool_run(pool, shape, 1, 1);
      const Vector out = pool_run.forward(x);
      for (std::size_t c = 0; c < 5; ++c) EXPECT_EQ(std::isnan(out[c]), c == 2) << place;
    }
  }
  const Shape shape{5, 1, 2, 2};
  BatchNormLayer norm(shape, 0.1, 1e-5, {true, pooling_plan(shape, window_spec(LayerType::maxPool, 2, 2, 2))}, true);
  for (std::size_t place = 0; place < 4; ++place) {
    Vector x(shape.elements(), 1.0);
    x[2 * 4 + place] = NOT_A_NUMBER;
    LayerRun run(norm, shape, 1, 1);
    run.pass().training = false;
    run.set("running_var", Vector(5, 1.0));
    run.set("weight", {1.0, -1.0, -1.0, 1.0, 1.0});
    const Vector out = run.forward(x);
    for (std::size_t c = 0; c < 5; ++c) EXPECT_EQ(std::isnan(out[c]), c == 2) << place;
  }
}

TEST_P(ImageLayers, BatchNormFollowsTheBatchInStepsThatAreTaken) {
  const Shape shape{5, 1, 3, 4};
  Random random(5);
  BatchNormLayer layer(shape, 0.3, 1e-5, NormFusion{}, true);
  LayerRun run(layer, shape, 40, 32);
  for (const char* name : {"weight", "running_var"}) run.set(name, Vector(5, 1.0));
  for (const char* name : {"bias", "running_mean"}) run.set(name, Vector(5, 0.0));
  Vector x = random.floats(40 * shape.elements(), -1.0, 3.0);
  run.forward(x);
  EXPECT_EQ(run.tensor("running_mean"), Vector(5, 0.0)) << "before the step is taken";
  run.update();
  reference::ChannelMoments moments;
  reference::batch_norm(x, 40, shape, Vector(5, 1.0), Vector(5, 0.0), 1e-5, &moments);
  Vector mean, variance;
  for (std::size_t c = 0; c < 5; ++c) {
    mean.push_back(0.3 * moments.mean[c]);
    variance.push_back(0.7 + 0.3 * moments.unbiased_variance[c]);
  }
  EXPECT_TRUE(test::is_near(run.tensor("running_mean"), mean, {1e-6, 1e-7}));
  EXPECT_TRUE(test::is_near(run.tensor("running_var"), variance, {1e-6, 0.0}));

  run.pass().training = false;
  const Vector evaluated = run.forward(x);
  EXPECT_TRUE(test::is_near(evaluated,
                            reference::batch_norm_with(x, 40, shape, Vector(5, 1.0), Vector(5, 0.0),
                                                       run.tensor("running_mean"), run.tensor("running_var"), 1e-5),
                            {2e-6, 2e-6}));
  const Vector dout = random.floats(x.size(), -1.0, 1.0);
  Vector expected = dout;
  for (std::size_t i = 0; i < dout.size(); ++i) {
    expected[i] /= std::sqrt(run.tensor("running_var")[i / shape.positions() % 5] + 1e-5);
  }
  EXPECT_TRUE(test::is_near(run.backward(dout), expected, {2e-6, 1e-7}));
}

TEST_P(ImageLayers, BatchNormKnowsTheVarianceOfNumbersFarFromZero) {
  const Shape shape{3, 1, 4, 4};
  Random random(6);
  BatchNormLayer layer(shape, 1.0, 1e-5, NormFusion{}, true);
  LayerRun run(layer, shape, 64, 32);
  run.set("weight", Vector(3, 1.0));
  Vector x = random.floats(64 * shape.elements(), 10000.0, 10002.0);
  run.forward(x);
  run.update();
  reference::ChannelMoments moments;
  reference::batch_norm(x, 64, shape, Vector(3, 1.0), Vector(3, 0.0), 1e-5, &moments);
  EXPECT_TRUE(test::is_near(run.tensor("running_var"), moments.unbiased_variance, {1e-4, 0.0}));
}

TEST(BatchNormLayer, RefusesASingleValueOfAChannel) {
  BatchNormLayer layer({4}, 0.1, 1e-5, NormFusion{}, true);
  LayerRun run(layer, {4}, 1, 1);
  EXPECT_THROW(run.forward(Vector(4, 1.0)), std::invalid_argument);
}

// Half of the gradients are 1 and half are 1 / 4096: in float the small ones would be lost beside the sum.
TEST_P(ImageLayers, GroupNormSumsTheGradientOfItsTensorsInDouble) {
  const Shape shape{2, 1, 64, 64};
  LayerSpec spec;
  spec.type = LayerType::groupNorm;
  spec.groups = 1;
  RowNormLayer layer(shape, spec, true);
  constexpr std::size_t ROWS = 64;
  LayerRun run(layer, shape, ROWS, 32);
  run.set("weight", Vector(2, 1.0));
  Random random(12);
  run.forward(random.floats(ROWS * shape.elements(), -1.0, 1.0));
  Vector dout(ROWS * shape.elements());
  for (std::size_t i = 0; i < dout.size(); ++i) dout[i] = i < dout.size() / 2 ? 1.0 : 0x1p-12;
  run.backward(dout);
  const double expected = ROWS / 2 * 64 * 64 * (1.0 + 0x1p-12);
  EXPECT_TRUE(test::is_near(run.gradient("bias"), Vector(2, expected), {1e-7, 0.0}));
}

TEST_P(ImageLayers, TheFirstOfEqualMaximaGetsTheGradient) {
  for (const std::size_t kernel : {2u, 3u}) {
    for (const bool adds : {false, true}) {
      for (const std::size_t channels : {1u, 5u, 16u, 49u}) {
        const Shape shape{channels, 1, kernel, kernel};
        PoolingLayer pool(shape, window_spec(LayerType::maxPool, 2, kernel, kernel), true);
        LayerRun run(pool, shape, 2, 1);
        run.forward(Vector(2 * shape.elements(), 0.0));
        run.pass().adds[0] = adds;
        const Vector dinp = run.backward(Vector(2 * channels, 1.0), Vector(2 * shape.elements(), 0.0));
        for (std::size_t i = 0; i < dinp.size(); ++i) EXPECT_EQ(dinp[i], i % (kernel * kernel) == 0 ? 1.0 : 0.0);
      }
    }
  }
  // As behind a normalisation: the first of equal ones has the whole gradient but for what the mean takes away.
  const Shape shape{3, 1, 2, 2};
  BatchNormLayer norm(shape, 0.1, 1e-5, {false, pooling_plan(shape, window_spec(LayerType::maxPool, 2, 2, 2))}, true);
  LayerRun run(norm, shape, 1, 1);
  run.pass().training = false;
  run.set("weight", {1.0, -1.0, 2.0});
  run.set("running_var", Vector(3, 1.0));
  run.forward(Vector(12, 0.5));
  const Vector dinp = run.backward(Vector(3, 1.0));
  for (std::size_t i = 0; i < 12; ++i) EXPECT_EQ(dinp[i] != 0.0, i % 4 == 0) << i;
}

TEST_P(ImageLayers, ASumHasTheGradientOfBothItsInputs) {
  for (const std::size_t channels : {1u, 6u, 17u, 49u}) {
    const Shape shape{channels, 1, 2, 2};
    AddLayer add(shape);
    LayerRun run(add, shape, 3, 2), other(add, shape, 3, 2);
    Random random(13);
    const Vector a = random.floats(3 * shape.elements(), -1.0, 1.0), b = random.floats(a.size(), -1.0, 1.0);
    other.pass().input[1] = other.pass().input[0];
    other.forward(b);
    run.pass().input[1] = other.pass().input[0];
    Vector sum = run.forward(a);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] -= a[i] + b[i];
    EXPECT_TRUE(test::is_near(sum, Vector(sum.size(), 0.0), {0.0, 2e-7}));
    const Vector dout = random.floats(a.size(), -1.0, 1.0);
    EXPECT_EQ(run.backward(dout), dout);
    EXPECT_EQ(other.input_gradient(), dout);
    // A block around nothing: both inputs are one value.
    run.pass().input[1] = run.pass().input[0];
    run.pass().adds[1] = true;
    Vector twice = dout;
    for (double& value : twice) value *= 2.0;
    EXPECT_EQ(run.backward(dout), twice);
  }
}

TEST(DropoutLayer, DrawsForEachPlaceByItself) {
  const Shape shape{32};
  LayerSpec spec;
  spec.type = LayerType::dropout;
  spec.rate = 0.5;
  std::vector<Vector> masks;
  for (std::uint32_t place = 0; place < DropoutLayer::PLACES; ++place) {
    DropoutLayer layer(shape, spec, place, true);
    LayerRun run(layer, shape, 4, 4);
    masks.push_back(run.forward(Vector(4 * 32, 1.0)));
    for (std::uint32_t other = 0; other < place; ++other) ASSERT_NE(masks[place], masks[other]) << other;
  }
}

TEST_P(ImageLayers, DropoutKeepsWhatItShouldAndItsMaskOnTheWayBack) {
  const Shape shape{10, 1, 20, 20};
  LayerSpec spec;
  spec.type = LayerType::dropout;
  spec.rate = 0.3;
  for (const bool whole : {false, true}) {
    spec.whole_channels = whole;
    DropoutLayer layer(shape, spec, 2, true);
    LayerRun run(layer, shape, 40, 32, 3);
    run.pass().seed = 9;
    run.pass().step = 4;
    const Vector ones(40 * shape.elements(), 1.0);
    const Vector out = run.forward(ones);
    double kept = 0.0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      EXPECT_TRUE(out[i] == 0.0 || std::abs(out[i] - 1.0 / 0.7) < 1e-6);
      kept += out[i] != 0.0 ? 1.0 : 0.0;
      if (whole) {
        EXPECT_EQ(out[i], out[i / shape.positions() * shape.positions()]);
      }
    }
    const double trials = static_cast<double>(whole ? 40 * 10 : out.size());
    EXPECT_NEAR(kept / static_cast<double>(out.size()), 0.7, 4.0 * std::sqrt(0.21 / trials));
    EXPECT_EQ(run.backward(ones), out);
    run.pass().adds[0] = true;
    Vector added = out;
    for (double& value : added) value = static_cast<double>(static_cast<float>(value) + 3.0f);
    EXPECT_EQ(run.backward(ones, Vector(ones.size(), 3.0)), added);
    run.pass().adds[0] = false;
    run.pass().step = 5;
    EXPECT_NE(run.forward(ones), out);
    run.pass().training = false;
    EXPECT_EQ(run.forward(ones), ones);
  }
}

TEST(ImageLayers, SayWhatDoesNotFit) {
  const auto message = [](auto make) -> std::string {
    try {
      make();
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message([] {
              PoolingLayer({3, 1, 1, 4}, window_spec(LayerType::maxPool, 2, 2, 2), true);
            }),
            "a window of 2 x 2 does not fit an input of [3, 1, 4]");
  EXPECT_EQ(message([] {
              PoolingLayer({3, 1, 1, 2}, window_spec(LayerType::maxPool, 1, 2, 1, 1, 1, 3), true);
            }),
            "with its padding, a window of 2 lies beyond the edges of an input of [3, 2]");
  EXPECT_EQ(message([] {
              ReshapeLayer(Shape{7}, {2, 1, 2, 2}, 0, 2, false, true);
            }),
            "[2, 2, 2] has 8 elements, and the input has 7");
}

}  // namespace
}  // namespace aevb
