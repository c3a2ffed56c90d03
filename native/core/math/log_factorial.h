// Logarithms of factorials, in double. n may be any number ≥ 0 (log Γ(n + 1)); negative n and NaN give NaN. Both are
// exact to a few roundings of the result.
#pragma once

namespace aevb {

double log_factorial(double n);

// log n! − n log n + n, which is ½ log 2πn + 1/(12 n) − ... if n is large, and 0 for n = 0: the remainder of log n!
// in expressions whose large parts cancel.
double log_factorial_remainder(double n);

}  // namespace aevb
