#include "math/log_factorial.h"

#include <cmath>
#include <limits>

namespace aevb {

namespace {

constexpr double HALF_LOG_2_PI = 0.91893853320467274178;

// From here on the series below is exact to 1e-17.
constexpr double LARGE = 16.0;

// Stirling's series without its first terms (Abramowitz and Stegun, 6.1.41): 1/(12 n) − 1/(360 n³) + 1/(1260 n⁵) − ...
double stirling(double n) {
  const double v = 1.0 / n;
  const double w = v * v;
  return v * (1.0 / 12.0 +
              w * (-1.0 / 360.0 + w * (1.0 / 1260.0 + w * (-1.0 / 1680.0 +
                                                           w * (1.0 / 1188.0 + w * (-691.0 / 360360.0 + w / 156.0))))));
}

// The product by which n! is smaller than m!; m = n + k is the first such number that is LARGE.
double rising(double n, double* m) {
  double product = 1.0;
  for (*m = n; *m < LARGE;) product *= * m += 1.0;
  return product;
}

}  // namespace

double log_factorial(double n) {
  if (!(n >= 0.0)) return std::numeric_limits<double>::quiet_NaN();
  if (n == 0.0 || n == 1.0) return 0.0;
  if (std::isinf(n)) return n;
  // The factorials of small whole numbers are exact in double.
  if (n < LARGE && n == std::floor(n)) {
    double factorial = 1.0;
    for (double k = 2.0; k <= n; k += 1.0) factorial *= k;
    return std::log(factorial);
  }
  double m = n;
  const double product = rising(n, &m);
  return (m + 0.5) * std::log(m) - m + HALF_LOG_2_PI + stirling(m) - std::log(product);
}

double log_factorial_remainder(double n) {
  if (!(n >= 0.0)) return std::numeric_limits<double>::quiet_NaN();
  if (n == 0.0) return 0.0;
  if (n < LARGE) return log_factorial(n) - n * std::log(n) + n;
  return 0.5 * std::log(n) + HALF_LOG_2_PI + stirling(n);
}

}  // namespace aevb
