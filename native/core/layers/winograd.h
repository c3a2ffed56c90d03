// Convolutions 3 × 3 with stride 1 by Winograd's minimal filtering F(2 × 2, 3 × 3): Lavin and Gray, Fast Algorithms for
// Convolutional Neural Networks (2016), equation 8. A piece d of 4 × 4 positions gives 2 × 2 outputs,
//
//   y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A
//
// with 16 multiplications for each pair of channels instead of 36. Summed over input channels, the product in brackets
// is 16 products of matrices: [pieces, input channels] · [input channels, output channels]. docs/models.md states the
// error.
#pragma once

#include <cstddef>

namespace aevb {

// The sizes that the kernels read. Channels are in whole cache lines without padding; the output has an even height and
// width.
struct WinogradPlan {
  std::size_t inputs, outputs;  // channels C and K
  std::size_t rows, cols;       // pieces of an image
  // Floats of a padded image [positions, C]: before the first piece, in a line, in the whole image.
  std::size_t padded_offset, padded_line, padded_floats;
  bool turned;  // whether the kernel is the weight turned by 180 degrees
};

// Pieces that are processed together. The distance between their 16 matrices is not a power of two, so that the same
// element of all matrices does not fall into one set of a cache.
inline constexpr std::size_t WINOGRAD_PIECES = 16;
inline constexpr std::size_t WINOGRAD_PRODUCTS = 16;
constexpr std::size_t winograd_stride(std::size_t channels) { return WINOGRAD_PIECES * channels + 16; }

constexpr std::size_t winograd_pieces(const WinogradPlan& plan) { return plan.rows * plan.cols; }
// Images that are padded at a time.
constexpr std::size_t winograd_images(const WinogradPlan& plan) {
  return winograd_pieces(plan) < WINOGRAD_PIECES ? WINOGRAD_PIECES / winograd_pieces(plan) : 1;
}
constexpr std::size_t winograd_weight_floats(const WinogradPlan& plan) {
  return WINOGRAD_PRODUCTS * plan.inputs * plan.outputs;
}
// Floats of `values` and `sums` of winograd_kernels.h.
constexpr std::size_t winograd_scratch_floats(const WinogradPlan& plan) {
  return WINOGRAD_PRODUCTS * (winograd_stride(plan.inputs) + winograd_stride(plan.outputs));
}

}  // namespace aevb
