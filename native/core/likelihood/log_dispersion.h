// Where the logarithm of a dispersion (variance, scale) is to be read.
#pragma once

#include "tensor/panels.h"

namespace aevb {

// The one of each feature that all rows share, bounded already, or else the decoder's raw one of each row, which
// whoever reads it bounds by soft_bound (likelihood/gaussian.h).
struct LogDispersion {
  const float* shared;
  ConstPanels raw;  // read where shared is null
  double min, max;
};

}  // namespace aevb
