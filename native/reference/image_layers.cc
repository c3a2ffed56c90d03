#include "reference/image_layers.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace aevb::reference {

namespace {

std::size_t at(const Shape& shape, std::size_t row, std::size_t c, std::size_t z, std::size_t y, std::size_t x) {
  return (((row * shape.channels + c) * shape.depth + z) * shape.height + y) * shape.width + x;
}

template <typename Visit>
void for_each_position(const Shape& shape, std::size_t rows, Visit visit) {
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < shape.channels; ++c) {
      for (std::size_t z = 0; z < shape.depth; ++z) {
        for (std::size_t y = 0; y < shape.height; ++y) {
          for (std::size_t x = 0; x < shape.width; ++x) visit(r, c, z, y, x);
        }
      }
    }
  }
}

// Linear interpolation along the width of [count, size].
Vector enlarge_width(const Vector& x, std::size_t count, std::size_t size, std::size_t factor, bool linear) {
  Vector out;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t o = 0; o < size * factor; ++o) {
      const double place = std::max(0.0, (static_cast<double>(o) + 0.5) / static_cast<double>(factor) - 0.5);
      const auto first = linear ? static_cast<std::size_t>(place) : o / factor;
      const std::size_t second = std::min(first + 1, size - 1);
      const double part = linear ? place - static_cast<double>(first) : 0.0;
      out.push_back((1.0 - part) * x[i * size + first] + part * x[i * size + second]);
    }
  }
  return out;
}

// Axes [a, b, c] to [a, c, b].
Vector swap_last(const Vector& x, std::size_t a, std::size_t b, std::size_t c) {
  Vector out(x.size());
  for (std::size_t i = 0; i < a; ++i) {
    for (std::size_t j = 0; j < b; ++j) {
      for (std::size_t k = 0; k < c; ++k) out[(i * c + k) * b + j] = x[(i * b + j) * c + k];
    }
  }
  return out;
}

}  // namespace

Vector pool(const Vector& x, std::size_t rows, const Shape& input, const Shape& output, const LayerSpec& spec) {
  const bool maximum = spec.type == LayerType::maxPool;
  const WindowSpec& w = spec.window;
  Vector out;
  for_each_position(output, rows, [&](std::size_t r, std::size_t c, std::size_t z, std::size_t y, std::size_t i) {
    double value = maximum ? -std::numeric_limits<double>::infinity() : 0.0;
    for (std::size_t a = 0; a < w.kernel.depth; ++a) {
      for (std::size_t b = 0; b < w.kernel.height; ++b) {
        for (std::size_t k = 0; k < w.kernel.width; ++k) {
          const std::size_t iz = z * w.stride.depth + a * w.dilation.depth - w.padding_before.depth;
          const std::size_t iy = y * w.stride.height + b * w.dilation.height - w.padding_before.height;
          const std::size_t ix = i * w.stride.width + k * w.dilation.width - w.padding_before.width;
          if (iz >= input.depth || iy >= input.height || ix >= input.width) continue;
          const double element = x[at(input, r, c, iz, iy, ix)];
          value = maximum ? std::max(value, element) : value + element / static_cast<double>(w.kernel.product());
        }
      }
    }
    out.push_back(value);
  });
  return out;
}

Vector upsample(const Vector& x, std::size_t rows, const Shape& input, const LayerSpec& spec) {
  const bool linear = spec.interpolation == Interpolation::linear;
  const Extent& f = spec.extent;
  const std::size_t images = rows * input.channels;
  Vector out = enlarge_width(x, images * input.depth * input.height, input.width, f.width, linear);
  const std::size_t width = input.width * f.width, height = input.height * f.height;
  out = swap_last(out, images * input.depth, input.height, width);
  out = enlarge_width(out, images * input.depth * width, input.height, f.height, linear);
  out = swap_last(out, images * input.depth, width, height);
  out = swap_last(out, images, input.depth, height * width);
  out = enlarge_width(out, images * height * width, input.depth, f.depth, linear);
  return swap_last(out, images, height * width, input.depth * f.depth);
}

Vector batch_norm_with(const Vector& x, std::size_t rows, const Shape& shape, const Vector& weight, const Vector& bias,
                       const Vector& mean, const Vector& variance, double epsilon) {
  Vector out(x.size());
  for (std::size_t i = 0; i < rows * shape.elements(); ++i) {
    const std::size_t c = i / shape.positions() % shape.channels;
    out[i] = (x[i] - mean[c]) / std::sqrt(variance[c] + epsilon) * weight[c] + bias[c];
  }
  return out;
}

Vector batch_norm(const Vector& x, std::size_t rows, const Shape& shape, const Vector& weight, const Vector& bias,
                  double epsilon, ChannelMoments* moments) {
  const auto n = static_cast<double>(rows * shape.positions());
  Vector mean(shape.channels, 0.0), variance(shape.channels, 0.0);
  const auto channel = [&](std::size_t i) { return i / shape.positions() % shape.channels; };
  for (std::size_t i = 0; i < x.size(); ++i) mean[channel(i)] += x[i] / n;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double d = x[i] - mean[channel(i)];
    variance[channel(i)] += d * d / n;
  }
  if (moments != nullptr) {
    *moments = {mean, variance};
    for (double& v : moments->unbiased_variance) v *= n / (n - 1.0);
  }
  return batch_norm_with(x, rows, shape, weight, bias, mean, variance, epsilon);
}

Vector row_norm(const Vector& x, std::size_t rows, const Shape& shape, std::size_t groups, const Vector& weight,
                const Vector& bias, double epsilon) {
  Vector out(x.size());
  const std::size_t size = shape.elements() / groups;
  for (std::size_t first = 0; first < rows * shape.elements(); first += size) {
    double mean = 0.0, variance = 0.0;
    for (std::size_t i = first; i < first + size; ++i) mean += x[i] / static_cast<double>(size);
    for (std::size_t i = first; i < first + size; ++i) {
      variance += (x[i] - mean) * (x[i] - mean) / static_cast<double>(size);
    }
    for (std::size_t i = first; i < first + size; ++i) {
      const std::size_t element = i % shape.elements();
      const std::size_t w = weight.size() == shape.channels ? element / shape.positions() : element;
      out[i] = (x[i] - mean) / std::sqrt(variance + epsilon) * weight[w] + bias[w];
    }
  }
  return out;
}

}  // namespace aevb::reference
