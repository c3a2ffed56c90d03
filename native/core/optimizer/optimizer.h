// The optimiser of a model: its moments, and one step on any range of the parameter arena.
#pragma once

#include <cstddef>
#include <cstdint>

#include "spec/spec.h"
#include "tensor/aligned.h"

namespace aevb {

class Optimizer {
 public:
  // Moments for an arena of `size` floats. Begins with no step taken.
  void configure(const OptimizerSpec& spec, std::size_t size);
  // What configure would allocate, beside what is there until then.
  double bytes_to_configure(const OptimizerSpec& spec, std::size_t size) const;

  // Once a step, before the updates: `rate_factor` is the schedule's, gradient_scale is what clipping by norm wants.
  void begin_step(double rate_factor);
  void set_gradient_scale(float scale) { gradient_scale_ = scale; }

  // Updates parameters[offset, offset + n) from gradients at the same place. Different ranges may be updated at the
  // same time by different threads.
  void update(float* parameters, const float* gradients, std::size_t offset, std::size_t n);

  // The moments and the step count, to put them back after a step that went wrong.
  void copy_state_from(const Optimizer& other);

 private:
  // Floats of each moment, and whether what is there stays.
  struct Moments {
    std::size_t first, second;
    bool keeps_first, keeps_second;
  };
  Moments moments(const OptimizerSpec& spec, std::size_t size) const;
  bool goes_on(const OptimizerSpec& spec) const { return steps_ > 0 && spec.type == spec_.type; }

  OptimizerSpec spec_;
  AlignedFloats first_;   // velocity, or Adam's m
  AlignedFloats second_;  // sums of squares, or Adam's v
  std::uint64_t steps_ = 0;
  double rate_ = 0.0;
  double correction1_ = 1.0, correction2_ = 1.0;  // Adam's 1 − beta^t, of this step
  float gradient_scale_ = 1.0f;
};

}  // namespace aevb
