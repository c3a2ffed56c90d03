// Several processes that train one model together, each on a part of every batch.
#pragma once

#include <cstddef>

namespace aevb {

class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual std::size_t processes() const = 0;
  // values[count] = the sum over all processes, the same bits in each.
  virtual void sum(float* values, std::size_t count) = 0;
  virtual void sum(double* values, std::size_t count) = 0;
};

// A single process, the only implementation today.
class SingleProcess final : public Communicator {
 public:
  std::size_t processes() const override { return 1; }
  void sum(float*, std::size_t) override {}
  void sum(double*, std::size_t) override {}
};

}  // namespace aevb
