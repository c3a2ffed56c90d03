// The twins of math/column_scale.h and of latent/spread_bound.h in their plainest form: double, row-major.
#pragma once

#include "latent/spread_bound.h"
#include "reference/layers.h"

namespace aevb::reference {

// shift and factor: of each of the columns.
Vector standardize(const Vector& x, const Vector& shift, const Vector& factor);
Vector standardize_log(const Vector& x, const Vector& shift, const Vector& factor);
Vector unstandardize(const Vector& x, const Vector& shift, const Vector& factor);

Vector bound_spread(const Vector& spread, SpreadBound bound);
// Its derivative at what has not been bounded.
Vector bound_spread_slope(const Vector& spread, SpreadBound bound);

}  // namespace aevb::reference
