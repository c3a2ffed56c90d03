// The product that convolutions, transposed convolutions, and convolutions of an enlarged image share. Each position of
// the output is a sum over taps; a tap is the input at a nearby position times a matrix:
//
//   out[o(p)] = bias + Σ_t inp[i(p) + offset_t] · M_t        (zero beyond the input's edges)
//
// Along an axis the positions are divided into phases, each with its own taps: o(p) = out_begin + p · out_step and
// i(p) = p · in_step. A plain convolution has one phase. The gradient with respect to its input has as many phases as
// the stride. A convolution after a nearest-neighbour enlargement by f has f phases: several taps then read the same
// position of the small image, and their matrices are added up beforehand (at most 4/9 of the terms for 3 × 3 after
// 2 × 2, with the same result up to rounding).
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "layers/winograd.h"
#include "spec/spec.h"
#include "tensor/panels.h"
#include "tensor/shape.h"

namespace aevb {

// A tap along one axis.
struct AxisTap {
  std::ptrdiff_t offset = 0;  // input positions, from i(p)
  std::size_t key = 0;        // which of the axis's matrices
};

struct AxisPhase {
  std::size_t out_begin = 0, out_step = 1, count = 0, in_step = 1;
  std::vector<AxisTap> taps;
};

struct Axis {
  std::size_t input = 1, output = 1;  // positions
  std::size_t keys = 1;
  std::vector<AxisPhase> phases;
  // For each key: the elements of the kernel whose weights are added up.
  std::vector<std::vector<std::size_t>> members;
};

// A window along an axis, at every `stride` positions: kernel elements `dilation` apart, the first at −before.
struct AxisWindow {
  std::size_t kernel = 1, stride = 1, dilation = 1, before = 0, after = 0;

  // The number of output positions for n input positions, or 0 if the window does not fit.
  std::size_t output(std::size_t n) const;
};

// The window over n positions.
Axis correlate_axis(std::size_t n, const AxisWindow& window);
// The axis for the backward pass of correlate_axis(n, window): from its output to its n input positions.
Axis spread_axis(std::size_t n, const AxisWindow& window);
// The window (stride 1) over n positions that are each repeated `factor` times; and the axis for its backward pass.
Axis enlarge_axis(std::size_t n, std::size_t factor, const AxisWindow& window);
Axis reduce_axis(std::size_t n, std::size_t factor, const AxisWindow& window);

// The same in all dimensions, in floats of a padded image, as the kernels read it. No member functions: kernels call
// nothing that the linker could take from code for another instruction set.
struct CorrelationTap {
  std::ptrdiff_t offset;
  std::size_t matrix;
};
struct CorrelationPhase {
  Extent count, out_begin, out_step;
  std::size_t step_depth, step_height, step_width;  // floats from one position of the input to the next
  const CorrelationTap* taps;
  std::size_t tap_count;
};
struct CorrelationPlan {
  Shape input, output;
  Extent padded;                            // an image with zeros around it, [positions, padded_pitch]
  std::size_t padded_pitch, padded_floats;  // one position with its padding; the whole image
  std::size_t padded_offset;                // floats before the image's first position
  std::size_t matrix_pitch, matrix_floats;  // one row with its padding; one matrix
  std::size_t matrix_count;
  const CorrelationPhase* phases;
  std::size_t phase_count;
  bool across_images;  // lines are so short that a tile takes one position of several images
};

class Correlation {
 public:
  Correlation() = default;
  Correlation(std::size_t input_channels, std::size_t output_channels, const Axis& depth, const Axis& height,
              const Axis& width);
  // Not copyable: the plan has pointers into this object.
  Correlation(const Correlation&) = delete;
  Correlation& operator=(const Correlation&) = delete;
  Correlation(Correlation&&) = default;
  Correlation& operator=(Correlation&&) = default;

  const Shape& input() const { return plan_.input; }
  const Shape& output() const { return plan_.output; }
  // The number of matrices M, each [input channels, output channels], row after row, each row padded to whole cache
  // lines; and the kernel elements that a matrix is the sum of, numbered with the width fastest.
  std::size_t matrices() const { return members_.size(); }
  const std::vector<std::size_t>& members(std::size_t matrix) const { return members_[matrix]; }
  std::size_t matrix_pitch() const { return plan_.matrix_pitch; }
  // Floats of the matrices that `forward` reads and `backward_matrices` adds to.
  std::size_t matrices_floats() const {
    return winograd_ ? winograd_weight_floats(*winograd_) : matrices() * plan_.matrix_floats;
  }

  // Whether Winograd's algorithm can replace the sum over taps: 3 × 3 adjacent taps, an even height and width of the
  // output, and channels in whole cache lines.
  bool suits_winograd() const { return suitable_.has_value(); }
  // From now on the matrices are those of winograd_weights.
  void use_winograd() { winograd_ = suitable_; }
  const std::optional<WinogradPlan>& winograd() const { return winograd_; }

  // Floats of the memory for images with zeros around them. It must be zero at first, and be used for nothing else.
  std::size_t scratch_floats() const;
  // Multiplications and additions for an image.
  double operations() const;

  // out[count images] = bias + Σ inp · M, or out += Σ inp · M with `accumulate`. inp and out begin at the first image's
  // first position. bias[output channels], padded with zeros to whole cache lines, or null.
  void forward(Panels out, ConstPanels inp, const float* matrices, const float* bias, float* scratch, std::size_t count,
               bool accumulate) const;
  // dmatrices += Σ over positions of inpᵀ · dout.
  void backward_matrices(float* dmatrices, ConstPanels inp, ConstPanels dout, float* scratch, std::size_t count) const;

 private:
  void find_winograd(const Axis& depth, const Axis& height, const Axis& width);
  template <typename Visit>
  void for_each_pieces(ConstPanels inp, float* scratch, std::size_t count, Visit visit) const;

  CorrelationPlan plan_{};
  std::optional<WinogradPlan> suitable_, winograd_;
  std::size_t images_ = 1;  // images that a gradient is summed over before it is added to memory
  std::vector<CorrelationPhase> phases_;
  std::vector<CorrelationTap> taps_;
  std::vector<std::vector<std::size_t>> members_;
};

}  // namespace aevb
