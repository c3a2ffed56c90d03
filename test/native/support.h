// What several C++ tests share: numbers to feed them, and matrices in panels that notice writes beyond their edges.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "spec/spec.h"
#include "tensor/aligned.h"
#include "tensor/panels.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace aevb::test {

using Vector = std::vector<double>;

// Each number rounded to a float.
inline Vector as_floats(Vector values) {
  for (double& value : values) value = static_cast<double>(static_cast<float>(value));
  return values;
}

// The same numbers with every standard library: only the engine is taken from it, not its distributions.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  double uniform(double low, double high) {
    return low + (high - low) * static_cast<double>(engine_() >> 11) * 0x1p-53;
  }
  std::size_t index(std::size_t count) { return static_cast<std::size_t>(engine_() % count); }

  Vector vector(std::size_t size, double low, double high) {
    Vector values(size);
    for (double& value : values) value = uniform(low, high);
    return values;
  }
  // The same, and each is exactly a float, so that kernels and reference start from equal numbers.
  Vector floats(std::size_t size, double low, double high) { return as_floats(vector(size, low, high)); }

 private:
  std::mt19937_64 engine_;
};

struct NamedActivation {
  Activation activation;
  const char* name;
};
inline constexpr NamedActivation ACTIVATIONS[] = {
    {Activation::identity, "identity"}, {Activation::relu, "relu"},       {Activation::leakyRelu, "leakyRelu"},
    {Activation::elu, "elu"},           {Activation::gelu, "gelu"},       {Activation::silu, "silu"},
    {Activation::tanh, "tanh"},         {Activation::sigmoid, "sigmoid"}, {Activation::softplus, "softplus"},
};

// What lies where no kernel may write, and what padding holds before a kernel runs.
inline constexpr float GUARD = -123456.0f;
inline constexpr float GARBAGE = 2.5f;

// `size` floats of which some may be guarded: a write there is noticed, and with AddressSanitizer a read as well.
class GuardedFloats {
 public:
  explicit GuardedFloats(std::size_t size) : floats_(size) {}
  ~GuardedFloats() {
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(floats_.data(), floats_.size() * sizeof(float));
#endif
  }
  GuardedFloats(const GuardedFloats&) = delete;
  GuardedFloats& operator=(const GuardedFloats&) = delete;

  float* data() { return floats_.data(); }
  const float* data() const { return floats_.data(); }
  std::size_t size() const { return floats_.size(); }

  void guard(std::size_t from, std::size_t to) {
    std::fill(data() + from, data() + to, GUARD);
#if defined(__SANITIZE_ADDRESS__)
    __asan_poison_memory_region(data() + from, (to - from) * sizeof(float));
#else
    guards_.emplace_back(from, to);
#endif
  }

  bool intact() const {
    for (const auto& [from, to] : guards_) {
      for (std::size_t i = from; i < to; ++i) {
        if (data()[i] != GUARD) return false;
      }
    }
    return true;
  }

 private:
  AlignedFloats floats_;
  std::vector<std::pair<std::size_t, std::size_t>> guards_;
};

// A matrix [rows, cols] in panels with guards between the panels and behind the last one.
class Matrix {
 public:
  // padding: what columns beyond cols begin with.
  Matrix(std::size_t rows, std::size_t cols, std::size_t width, float padding = GARBAGE)
      : rows_(rows),
        cols_(cols),
        width_(width),
        stride_(cache_lines(rows * width + 16)),
        floats_(panel_count(cols, width) * stride_) {
    for (std::size_t p = 0; p < panel_count(cols, width); ++p) {
      floats_.guard(p * stride_ + rows * width, (p + 1) * stride_);
    }
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = cols; c < padded_cols(); ++c) panels().at(r, c) = padding;
    }
  }

  // values: row-major
  Matrix(const Vector& values, std::size_t rows, std::size_t cols, std::size_t width, float padding = GARBAGE)
      : Matrix(rows, cols, width, padding) {
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < cols; ++c) panels().at(r, c) = static_cast<float>(values[r * cols + c]);
    }
  }

  Panels panels() { return {floats_.data(), stride_, width_}; }
  operator Panels() { return panels(); }
  operator ConstPanels() { return panels(); }

  float at(std::size_t row, std::size_t col) const { return ConstPanels{floats_.data(), stride_, width_}.at(row, col); }

  // Row-major, without padding.
  Vector values() const {
    Vector values(rows_ * cols_);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(at(i / cols_, i % cols_));
    return values;
  }

  std::vector<float> padding() const {
    std::vector<float> padding;
    for (std::size_t r = 0; r < rows_; ++r) {
      for (std::size_t c = cols_; c < padded_cols(); ++c) padding.push_back(at(r, c));
    }
    return padding;
  }

  bool guards_intact() const { return floats_.intact(); }

 private:
  std::size_t padded_cols() const { return panel_count(cols_, width_) * width_; }

  std::size_t rows_, cols_, width_, stride_;
  GuardedFloats floats_;
};

// What a kernel that takes plain floats sees: `values`, padded with zeros to `padded` floats, with guards around. They
// begin `offset` floats after a cache line.
class Row {
 public:
  explicit Row(const Vector& values, std::size_t padded = 0, std::size_t offset = 0)
      : size_(std::max(values.size(), padded)), begin_(16 + offset), floats_(begin_ + size_ + 16) {
    floats_.guard(0, begin_);
    floats_.guard(begin_ + size_, floats_.size());
    std::copy(values.begin(), values.end(), data());
  }

  float* data() { return floats_.data() + begin_; }
  Vector values() { return {data(), data() + size_}; }
  bool guards_intact() const { return floats_.intact(); }

 private:
  std::size_t size_, begin_;
  GuardedFloats floats_;
};

}  // namespace aevb::test
