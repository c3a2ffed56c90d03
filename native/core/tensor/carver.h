// Hands out the pieces of one block of memory, and allocates vectors beside it. Without a block it only counts, so
// the same code computes the size of the block and hands out its pieces.
#pragma once

#include <cstddef>
#include <vector>

#include "tensor/aligned.h"
#include "tensor/panels.h"

namespace aevb {

class Carver {
 public:
  // Counts.
  Carver() = default;
  // Hands out.
  explicit Carver(float* block) : block_(block) {}

  bool counts() const { return block_ == nullptr; }

  // A matrix in panels of `width` columns.
  Panels panels(std::size_t rows, std::size_t cols, std::size_t width) {
    const std::size_t padded = panel_count(cols, width) * width;
    // If the product overflows, no such memory exists; the count says so.
    counted_ += static_cast<double>(padded) * static_cast<double>(rows) - static_cast<double>(padded * rows);
    return {floats(padded * rows), rows * width, width};
  }
  float* floats(std::size_t count) {
    float* data = counts() ? nullptr : block_ + used_;
    used_ += cache_lines(count);
    counted_ += static_cast<double>(cache_lines(count));
    return data;
  }
  // Beside the block.
  template <typename T>
  void elements(std::vector<T>& values, std::size_t count) {
    beside_ += static_cast<double>(sizeof(T)) * static_cast<double>(count);
    if (!counts()) values.resize(count);
  }
  void beside(double bytes) { beside_ += bytes; }

  std::size_t used() const { return used_; }
  double bytes() const { return static_cast<double>(sizeof(float)) * counted_ + beside_; }

 private:
  float* block_ = nullptr;
  std::size_t used_ = 0;
  double counted_ = 0.0;  // used_, but without an upper limit
  double beside_ = 0.0;   // bytes allocated beside the block
};

}  // namespace aevb
