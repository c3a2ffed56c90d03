// The kernels of correlation.h, for images of one task.
#pragma once

#include <cstddef>

#include "layers/correlation.h"
#include "tensor/panels.h"

namespace aevb {

// Copies the image's positions into the middle of a padded image. The positions around them do not change.
void pad_image(float* padded, ConstPanels inp, const CorrelationPlan& plan);

// out[images · positions, output channels] = bias + Σ padded · M; overwrites, or adds without the bias if `accumulate`.
// Leaves zeros in the padding of the last panel. bias null: 0.
void correlate_images(Panels out, const float* padded, const float* matrices, const float* bias,
                      const CorrelationPlan& plan, bool accumulate, std::size_t images);

// dmatrices += Σ paddedᵀ · dout over all positions of some images.
void correlate_gradient(float* dmatrices, const float* padded, ConstPanels dout, std::size_t images,
                        const CorrelationPlan& plan);

}  // namespace aevb
