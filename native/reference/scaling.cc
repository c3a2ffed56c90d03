#include "reference/scaling.h"

#include <cmath>
#include <cstddef>

namespace aevb::reference {

Vector standardize(const Vector& x, const Vector& shift, const Vector& factor) {
  Vector out;
  for (std::size_t i = 0; i < x.size(); ++i) {
    out.push_back((x[i] - shift[i % shift.size()]) / factor[i % factor.size()]);
  }
  return out;
}

Vector standardize_log(const Vector& x, const Vector& shift, const Vector& factor) {
  Vector logs;
  for (const double value : x) logs.push_back(std::log1p(value));
  return standardize(logs, shift, factor);
}

Vector unstandardize(const Vector& x, const Vector& shift, const Vector& factor) {
  Vector out;
  for (std::size_t i = 0; i < x.size(); ++i) out.push_back(x[i] * factor[i % factor.size()] + shift[i % shift.size()]);
  return out;
}

Vector bound_spread(const Vector& spread, SpreadBound bound) {
  const auto from = static_cast<double>(bound.from), limit = static_cast<double>(bound.limit);
  Vector out;
  for (const double v : spread) {
    const double beyond = limit - (limit - from) * std::exp(-(std::abs(v) - from) / (limit - from));
    out.push_back(std::abs(v) <= from ? v : std::copysign(beyond, v));
  }
  return out;
}

Vector bound_spread_slope(const Vector& spread, SpreadBound bound) {
  const auto from = static_cast<double>(bound.from), limit = static_cast<double>(bound.limit);
  Vector out;
  for (const double v : spread)
    out.push_back(std::abs(v) <= from ? 1.0 : std::exp(-(std::abs(v) - from) / (limit - from)));
  return out;
}

}  // namespace aevb::reference
