#include "reference/convolution.h"

namespace aevb::reference {

namespace {

std::size_t at(const Shape& shape, std::size_t row, std::size_t c, std::size_t z, std::size_t y, std::size_t x) {
  return (((row * shape.channels + c) * shape.depth + z) * shape.height + y) * shape.width + x;
}

// Calls visit(output channel, input channel, element of the kernel, position in `small`, position in `large`) for every
// term of a convolution from `large` to `small` positions, both as {0, depth, height, width}.
template <typename Visit>
void for_each_term(const Shape& large, const Shape& small, const LayerSpec& spec, Visit visit) {
  const WindowSpec& w = spec.window;
  for (std::size_t z = 0; z < small.depth; ++z) {
    for (std::size_t y = 0; y < small.height; ++y) {
      for (std::size_t x = 0; x < small.width; ++x) {
        std::size_t element = 0;
        for (std::size_t a = 0; a < w.kernel.depth; ++a) {
          for (std::size_t b = 0; b < w.kernel.height; ++b) {
            for (std::size_t c = 0; c < w.kernel.width; ++c, ++element) {
              // Wraps below 0 to what is beyond every edge.
              const std::size_t lz = z * w.stride.depth + a * w.dilation.depth - w.padding_before.depth;
              const std::size_t ly = y * w.stride.height + b * w.dilation.height - w.padding_before.height;
              const std::size_t lx = x * w.stride.width + c * w.dilation.width - w.padding_before.width;
              if (lz < large.depth && ly < large.height && lx < large.width) {
                visit(element, Shape{0, z, y, x}, Shape{0, lz, ly, lx});
              }
            }
          }
        }
      }
    }
  }
}

Vector biased(const Vector& bias, std::size_t rows, const Shape& output) {
  Vector out(rows * output.elements(), 0.0);
  for (std::size_t i = 0; i < out.size() && !bias.empty(); ++i) {
    out[i] = bias[i / output.positions() % output.channels];
  }
  return out;
}

}  // namespace

Vector repeat_positions(const Vector& x, std::size_t rows, const Shape& shape, const Extent& factor) {
  const Shape large{shape.channels, shape.depth * factor.depth, shape.height * factor.height,
                    shape.width * factor.width};
  Vector out(rows * large.elements());
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < large.channels; ++c) {
      for (std::size_t z = 0; z < large.depth; ++z) {
        for (std::size_t y = 0; y < large.height; ++y) {
          for (std::size_t i = 0; i < large.width; ++i) {
            out[at(large, r, c, z, y, i)] = x[at(shape, r, c, z / factor.depth, y / factor.height, i / factor.width)];
          }
        }
      }
    }
  }
  return out;
}

Vector convolve(const Vector& x, const Vector& weight, const Vector& bias, std::size_t rows, const Shape& input,
                const Shape& output, const LayerSpec& spec) {
  Vector out = biased(bias, rows, output);
  const std::size_t I = input.channels / spec.groups, O = output.channels / spec.groups;
  const std::size_t T = spec.window.kernel.product();
  for_each_term(input, output, spec, [&](std::size_t element, const Shape& to, const Shape& from) {
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t o = 0; o < output.channels; ++o) {
        for (std::size_t i = 0; i < I; ++i) {
          out[at(output, r, o, to.depth, to.height, to.width)] +=
              weight[(o * I + i) * T + element] * x[at(input, r, o / O * I + i, from.depth, from.height, from.width)];
        }
      }
    }
  });
  return out;
}

Vector convolve_transposed(const Vector& x, const Vector& weight, const Vector& bias, std::size_t rows,
                           const Shape& input, const Shape& output, const LayerSpec& spec) {
  Vector out = biased(bias, rows, output);
  const std::size_t I = input.channels / spec.groups, O = output.channels / spec.groups;
  const std::size_t T = spec.window.kernel.product();
  for_each_term(output, input, spec, [&](std::size_t element, const Shape& from, const Shape& to) {
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t i = 0; i < input.channels; ++i) {
        for (std::size_t o = 0; o < O; ++o) {
          out[at(output, r, i / I * O + o, to.depth, to.height, to.width)] +=
              weight[(i * O + o) * T + element] * x[at(input, r, i, from.depth, from.height, from.width)];
        }
      }
    }
  });
  return out;
}

}  // namespace aevb::reference
