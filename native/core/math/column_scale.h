// Shifts and scales columns, each by its own shift and factor: shift[C] and factor[C], row-major.
#pragma once

#include <cstddef>

#include "tensor/panels.h"

namespace aevb {

// out[R, C] = (x − shift) / factor; overwrites, and may be x itself. Leaves the padding of out as it is.
void standardize(Panels out, ConstPanels x, const float* shift, const float* factor, std::size_t R, std::size_t C);

// out[R, C] = (log(1 + x) − shift) / factor, for x of at least 0; as above.
void standardize_log(Panels out, ConstPanels x, const float* shift, const float* factor, std::size_t R, std::size_t C);

// out[R, C] = x · factor + shift: the inverse. As above.
void unstandardize(Panels out, ConstPanels x, const float* shift, const float* factor, std::size_t R, std::size_t C);

}  // namespace aevb
