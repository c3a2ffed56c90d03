// Convolutions: every kernel against its plain twin, on every instruction set, over shapes at the edges.

#include "layers/convolution.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "comparison.h"
#include "kernels.h"
#include "layer_run.h"
#include "reference/convolution.h"
#include "support.h"

namespace aevb {
namespace {

using test::LayerRun;
using test::Random;
using test::Vector;

struct Case {
  std::string name;
  Shape input;
  LayerSpec spec;
  Extent enlarge;
  std::size_t rows;
};

// Plain loops over a case: forward, and what follows for the gradients because all of it is linear.
Vector plain(const Case& c, const Shape& output, const Vector& x, const Vector& weight, const Vector& bias) {
  // An embedding is a transposed convolution of single positions: weight [codes, units].
  if (c.spec.type == LayerType::convTranspose || c.spec.type == LayerType::embedding) {
    return reference::convolve_transposed(x, weight, bias, c.rows, c.input, output, c.spec);
  }
  const Shape large{c.input.channels, c.input.depth * c.enlarge.depth, c.input.height * c.enlarge.height,
                    c.input.width * c.enlarge.width};
  return reference::convolve(reference::repeat_positions(x, c.rows, c.input, c.enlarge), weight, bias, c.rows, large,
                             output, c.spec);
}

double dot(const Vector& a, const Vector& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

Vector magnitudes(Vector values) {
  for (double& value : values) value = std::abs(value);
  return values;
}

Case conv(std::string name, Shape input, std::size_t channels, std::size_t dimensions, std::size_t kernel,
          std::size_t rows) {
  Case c{std::move(name), input, {}, {}, rows};
  c.spec.type = LayerType::conv;
  c.spec.channels = channels;
  c.spec.window.dimensions = dimensions;
  c.spec.window.kernel = {dimensions > 2 ? kernel : 1, dimensions > 1 ? kernel : 1, kernel};
  return c;
}

Extent everywhere(std::size_t dimensions, std::size_t value, std::size_t rest) {
  return {dimensions > 2 ? value : rest, dimensions > 1 ? value : rest, value};
}

Case padded(Case c, std::size_t before, std::size_t after) {
  c.spec.window.padding_before = everywhere(c.spec.window.dimensions, before, 0);
  c.spec.window.padding_after = everywhere(c.spec.window.dimensions, after, 0);
  return c;
}
Case strided(Case c, std::size_t stride) {
  c.spec.window.stride = everywhere(c.spec.window.dimensions, stride, 1);
  return c;
}
Case dilated(Case c, std::size_t dilation) {
  c.spec.window.dilation = everywhere(c.spec.window.dimensions, dilation, 1);
  return c;
}
Case grouped(Case c, std::size_t groups) {
  c.spec.groups = groups;
  return c;
}
Case transposed(Case c, std::size_t output_padding = 0) {
  c.spec.type = LayerType::convTranspose;
  c.spec.output_padding = everywhere(c.spec.window.dimensions, output_padding, 0);
  return c;
}
Case enlarged(Case c, std::size_t factor) {
  c.enlarge = everywhere(c.spec.window.dimensions, factor, 1);
  return c;
}
Case without_bias(Case c) {
  c.spec.bias = false;
  return c;
}

std::vector<Case> cases() {
  std::vector<Case> all{
      conv("one_position", {3, 1, 1, 1}, 5, 2, 1, 1),
      padded(conv("one_position_padded", {3, 1, 1, 1}, 5, 2, 3, 2), 1, 1),
      padded(conv("one_channel", {1, 1, 9, 7}, 16, 2, 3, 2), 1, 1),
      padded(conv("to_one_channel", {16, 1, 6, 5}, 1, 2, 3, 3), 1, 1),
      conv("valid", {4, 1, 8, 9}, 6, 2, 3, 2),
      padded(conv("even_kernel", {5, 1, 7, 6}, 17, 2, 4, 2), 1, 2),
      padded(conv("padding_beyond_the_kernel", {2, 1, 3, 3}, 3, 2, 2, 2), 3, 2),
      strided(padded(conv("stride_two", {16, 1, 9, 8}, 33, 2, 3, 2), 1, 1), 2),
      strided(conv("stride_beyond_the_kernel", {3, 1, 11, 10}, 4, 2, 2, 3), 3),
      dilated(padded(conv("dilation", {4, 1, 9, 9}, 8, 2, 3, 2), 2, 2), 2),
      grouped(padded(conv("groups", {6, 1, 5, 6}, 4, 2, 3, 3), 1, 1), 2),
      grouped(padded(conv("depthwise", {20, 1, 6, 6}, 20, 2, 3, 2), 1, 1), 20),
      grouped(padded(conv("depthwise_multiplied", {5, 1, 6, 4}, 10, 2, 3, 2), 1, 1), 5),
      without_bias(padded(conv("without_bias", {17, 1, 4, 4}, 49, 2, 3, 9), 1, 1)),
      padded(conv("many_channels", {64, 1, 4, 4}, 128, 2, 3, 5), 1, 1),
      // Winograd's algorithm: whole cache lines of channels, an even height and width of the output.
      padded(conv("winograd_one_piece", {16, 1, 2, 2}, 16, 2, 3, 40), 1, 1),
      padded(conv("winograd_large", {16, 1, 12, 18}, 32, 2, 3, 2), 1, 1),
      padded(conv("winograd_panels", {48, 1, 6, 4}, 112, 2, 3, 7), 1, 1),
      without_bias(padded(conv("winograd_padding_of_two", {32, 1, 4, 2}, 48, 2, 3, 3), 2, 2)),
      padded(conv("winograd_padding_beyond", {16, 1, 2, 2}, 16, 2, 3, 3), 4, 4),
      padded(conv("winograd_uneven_padding", {16, 1, 4, 4}, 16, 2, 3, 3), 0, 2),
      conv("winograd_valid", {32, 1, 8, 6}, 16, 2, 3, 3),
      transposed(padded(conv("winograd_transposed", {16, 1, 4, 6}, 48, 2, 3, 5), 1, 1)),
      transposed(conv("winograd_transposed_valid", {32, 1, 2, 4}, 16, 2, 3, 3)),
      padded(conv("odd_height_of_whole_channels", {16, 1, 5, 4}, 16, 2, 3, 3), 1, 1),
      padded(conv("odd_channels", {50, 1, 3, 5}, 97, 2, 3, 2), 1, 1),
      padded(conv("signal", {3, 1, 1, 31}, 7, 1, 5, 4), 2, 2),
      strided(padded(conv("signal_strided", {1, 1, 1, 64}, 16, 1, 7, 3), 3, 3), 2),
      padded(conv("volume", {2, 5, 4, 6}, 9, 3, 3, 2), 1, 1),
      strided(conv("volume_strided", {4, 6, 5, 7}, 8, 3, 2, 2), 2),
      enlarged(padded(conv("enlarged", {8, 1, 4, 3}, 5, 2, 3, 2), 1, 1), 2),
      enlarged(padded(conv("enlarged_to_one", {16, 1, 5, 5}, 1, 2, 3, 2), 1, 1), 2),
      enlarged(padded(conv("enlarged_to_one_from_two", {17, 1, 2, 2}, 1, 2, 3, 11), 1, 1), 2),
      padded(conv("few_positions_to_two", {8, 1, 2, 3}, 2, 2, 3, 11), 1, 1),
      padded(conv("few_positions", {5, 1, 2, 3}, 33, 2, 3, 11), 1, 1),
      padded(conv("two_channels_of_few_positions", {2, 1, 3, 2}, 17, 2, 3, 11), 1, 1),
      enlarged(padded(conv("enlarged_by_three", {3, 1, 3, 4}, 20, 2, 5, 2), 2, 2), 3),
      enlarged(conv("enlarged_valid", {2, 1, 3, 3}, 3, 2, 2, 2), 2),
      enlarged(padded(conv("enlarged_signal", {4, 1, 1, 9}, 6, 1, 3, 2), 1, 1), 4),
      enlarged(padded(conv("enlarged_volume", {3, 2, 3, 2}, 4, 3, 3, 2), 1, 1), 2),
      grouped(enlarged(padded(conv("enlarged_groups", {4, 1, 3, 3}, 6, 2, 3, 2), 1, 1), 2), 2),
      transposed(conv("transposed", {4, 1, 3, 4}, 6, 2, 3, 2)),
      transposed(strided(padded(conv("transposed_strided", {17, 1, 4, 3}, 8, 2, 4, 2), 1, 1), 2)),
      transposed(strided(padded(conv("transposed_output_padding", {8, 1, 4, 4}, 5, 2, 3, 2), 1, 1), 2), 1),
      transposed(strided(conv("transposed_stride_beyond", {2, 1, 3, 3}, 3, 2, 2, 2), 3)),
      grouped(transposed(strided(conv("transposed_groups", {6, 1, 3, 3}, 4, 2, 2, 2), 2)), 2),
      transposed(dilated(conv("transposed_dilated", {3, 1, 4, 4}, 4, 2, 3, 2), 2)),
      transposed(strided(conv("transposed_signal", {5, 1, 1, 8}, 3, 1, 4, 3), 2)),
      transposed(strided(conv("transposed_volume", {3, 2, 3, 2}, 4, 3, 2, 2), 2)),
  };
  for (const std::size_t dimensions : {1u, 2u}) {
    Case embedding{"embedding", {7, 1, dimensions, 5}, {}, {}, 3};
    embedding.spec.type = LayerType::embedding;
    embedding.spec.codes = 7;
    embedding.spec.units = embedding.spec.channels = 6;
    embedding.spec.bias = false;
    embedding.spec.window.dimensions = dimensions;
    all.push_back(embedding);
  }
  Case batch = padded(conv("several_tasks", {5, 1, 4, 6}, 12, 2, 3, 70), 1, 1);
  all.push_back(batch);
  return all;
}

class Convolution : public test::Kernels {};
AEVB_ON_EVERY_TARGET(Convolution);

TEST_P(Convolution, IsItsPlainTwinForwardAndBack) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    Random random(7);
    ConvolutionLayer layer(c.input, c.spec, c.enlarge, true);
    const Shape output = layer.output_shape();
    LayerRun run(layer, c.input, c.rows, 32, 5);
    const Vector x = random.floats(c.rows * c.input.elements(), -1.0, 1.0);
    const Vector weight = random.floats(run.elements("weight"), -1.0, 1.0);
    const Vector bias = c.spec.bias ? random.floats(c.spec.channels, -1.0, 1.0) : Vector{};
    run.set("weight", weight);
    if (c.spec.bias) run.set("bias", bias);
    const Vector expected = plain(c, output, x, weight, bias);
    const Vector size = plain(c, output, magnitudes(x), magnitudes(weight), magnitudes(bias));
    EXPECT_TRUE(test::close(run.forward(x), expected, size, 30.0));

    const Vector dout = random.floats(expected.size(), -1.0, 1.0);
    const Vector before = random.floats(x.size(), -1.0, 1.0);
    const Vector dinp = run.backward(dout);
    const Vector dweight = run.gradient("weight");
    // Along a direction the loss Σ dout · out is linear in each argument, so that its change is its derivative.
    for (int direction = 0; direction < 3; ++direction) {
      const Vector along = random.vector(x.size(), -1.0, 1.0);
      const double change = dot(dout, plain(c, output, along, weight, {}));
      const double scale = dot(magnitudes(dout), plain(c, output, magnitudes(along), magnitudes(weight), {}));
      EXPECT_TRUE(test::is_near(dot(dinp, along), change, 30.0 * 0x1p-24 * scale));
      const Vector along_weight = random.vector(weight.size(), -1.0, 1.0);
      const double weight_change = dot(dout, plain(c, output, x, along_weight, {}));
      const double weight_scale = dot(magnitudes(dout), plain(c, output, magnitudes(x), magnitudes(along_weight), {}));
      EXPECT_TRUE(test::is_near(dot(dweight, along_weight), weight_change, 30.0 * 0x1p-24 * weight_scale));
    }
    if (c.spec.bias) {
      Vector sums(c.spec.channels, 0.0), sizes(c.spec.channels, 0.0);
      for (std::size_t i = 0; i < dout.size(); ++i) {
        sums[i / output.positions() % output.channels] += dout[i];
        sizes[i / output.positions() % output.channels] += std::abs(dout[i]);
      }
      EXPECT_TRUE(test::close(run.gradient("bias"), sums, sizes, 30.0));
    }
    // What another layer has left stays.
    run.pass().adds[0] = true;
    Vector added = run.backward(dout, before);
    for (std::size_t i = 0; i < added.size(); ++i) added[i] -= dinp[i];
    EXPECT_TRUE(test::is_near(added, before, {0.0, 1e-5 + 0x1p-20 * test::largest_magnitude(dinp)}));
    EXPECT_EQ(run.gradient("weight"), dweight);
    EXPECT_EQ(run.floats_not_covered_once(), 0u);
  }
}

// docs/models.md states these errors.
TEST_P(Convolution, WinogradsErrorIsNoLargerThanThatOfTheDirectSum) {
  const auto error_of = [](const Case& c) {
    Random random(11);
    ConvolutionLayer layer(c.input, c.spec, c.enlarge, true);
    LayerRun run(layer, c.input, c.rows, 32);
    const Vector x = random.floats(c.rows * c.input.elements(), -1.0, 1.0);
    const Vector weight = random.floats(run.elements("weight"), -1.0, 1.0);
    run.set("weight", weight);
    const Vector expected = plain(c, layer.output_shape(), x, weight, {}), out = run.forward(x);
    double squares = 0.0, size = 0.0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      squares += (out[i] - expected[i]) * (out[i] - expected[i]);
      size += expected[i] * expected[i];
    }
    return std::sqrt(squares / size);
  };
  const double fast = error_of(without_bias(padded(conv("winograd", {64, 1, 16, 16}, 64, 2, 3, 2), 1, 1)));
  const double direct = error_of(without_bias(padded(conv("direct", {64, 1, 17, 16}, 64, 2, 3, 2), 1, 1)));
  RecordProperty("winograd", std::to_string(fast * 1e7) + "e-7");
  RecordProperty("direct", std::to_string(direct * 1e7) + "e-7");
  EXPECT_TRUE(test::is_near(fast, 0.0, 4e-7));
  EXPECT_TRUE(test::is_near(direct, 0.0, 6e-7));
}

TEST_P(Convolution, HasTheSameBitsHoweverRowsAreCut) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    std::vector<Vector> outs, dinps;
    for (const std::size_t block : {1u, 3u, 32u}) {
      Random random(8);
      ConvolutionLayer layer(c.input, c.spec, c.enlarge, true);
      LayerRun run(layer, c.input, c.rows, 32, block);
      run.set("weight", random.floats(run.elements("weight"), -1.0, 1.0));
      outs.push_back(run.forward(random.floats(c.rows * c.input.elements(), -1.0, 1.0)));
      dinps.push_back(run.backward(random.floats(outs[0].size(), -1.0, 1.0)));
      EXPECT_EQ(outs.back(), outs[0]);
      EXPECT_EQ(dinps.back(), dinps[0]);
    }
  }
}

TEST_P(Convolution, DerivesFromItsTilesWhatItDerivesAtOnce) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    Random random(9);
    ConvolutionLayer layer(c.input, c.spec, c.enlarge, true);
    LayerRun run(layer, c.input, 1, 1);
    run.set("weight", random.floats(run.elements("weight"), -1.0, 1.0));
    const std::vector<float> at_once(run.derived().data(), run.derived().data() + run.derived().size());
    run.update();
    const std::vector<float> by_tiles(run.derived().data(), run.derived().data() + run.derived().size());
    EXPECT_EQ(by_tiles, at_once);
  }
}

TEST(ConvolutionLayer, SaysWhatDoesNotFit) {
  const auto message = [](const Case& c) -> std::string {
    try {
      ConvolutionLayer layer(c.input, c.spec, c.enlarge, true);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message(conv("", {3, 1, 2, 4}, 5, 2, 3, 1)), "a kernel of 3 x 3 does not fit an input of [3, 2, 4]");
  EXPECT_EQ(message(dilated(conv("", {3, 1, 1, 4}, 5, 1, 3, 1), 2)),
            "a kernel of 3 with dilation 2 does not fit an input of [3, 4]");
  EXPECT_EQ(message(grouped(conv("", {3, 1, 4, 4}, 5, 2, 3, 1), 2)),
            "groups (2) must divide the channels of input and output (3 and 5)");
}

}  // namespace
}  // namespace aevb
