// A fixed block of floats that begins on a cache line and starts as zeros.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>

namespace aevb {

class AlignedFloats {
 public:
  AlignedFloats() = default;
  explicit AlignedFloats(std::size_t size) : size_(size), data_(allocate(size)) {}

  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  // Same size on both sides.
  void copy_from(const AlignedFloats& other) {
    if (size_ > 0) std::memcpy(data_.get(), other.data_.get(), size_ * sizeof(float));
  }

 private:
  static constexpr std::align_val_t alignment{64};
  struct Free {
    void operator()(float* memory) const { ::operator delete[](memory, alignment); }
  };

  static float* allocate(std::size_t size) {
    if (size == 0) return nullptr;
    auto* memory = static_cast<float*>(::operator new[](size * sizeof(float), alignment));
    std::memset(memory, 0, size * sizeof(float));
    return memory;
  }

  std::size_t size_ = 0;
  std::unique_ptr<float[], Free> data_;
};

// Rounds a count of floats up to whole cache lines, so that the next block is aligned too.
constexpr std::size_t cache_lines(std::size_t floats) { return (floats + 15) / 16 * 16; }

}  // namespace aevb
