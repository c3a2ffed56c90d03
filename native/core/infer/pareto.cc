#include "infer/pareto.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace aevb {

namespace {

// The mean of log(1 − b x), which is −k of the profile likelihood at b. A few factors share a logarithm if their
// product is in range.
double mean_log(double b, const double* x, std::size_t count) {
  constexpr std::size_t TOGETHER = 16;
  double sum = 0.0;
  for (std::size_t i = 0; i < count; i += TOGETHER) {
    const std::size_t end = std::min(count, i + TOGETHER);
    double product = 1.0;
    for (std::size_t j = i; j < end; ++j) product *= 1.0 - b * x[j];
    if (product > 1e-200 && product < 1e200) {
      sum += std::log(product);
    } else {
      for (std::size_t j = i; j < end; ++j) sum += std::log1p(-b * x[j]);
    }
  }
  return sum / static_cast<double>(count);
}

}  // namespace

Pareto fit_pareto(const double* ascending, std::size_t count) {
  constexpr double PRIOR_OF_B = 3.0, PRIOR_K = 0.5, PRIOR_OBSERVATIONS = 10.0;
  const auto n = static_cast<double>(count);
  const auto points = 30 + static_cast<std::size_t>(std::sqrt(n));
  const double quartile = ascending[static_cast<std::size_t>(n / 4.0 + 0.5) - 1], largest = ascending[count - 1];
  std::vector<double> b(points), likelihood(points);
  for (std::size_t i = 0; i < points; ++i) {
    const double root = std::sqrt(static_cast<double>(points) / (static_cast<double>(i) + 0.5));
    b[i] = 1.0 / largest + (1.0 - root) / (PRIOR_OF_B * quartile);
    const double k = mean_log(b[i], ascending, count);
    likelihood[i] = n * (std::log(-b[i] / k) - k - 1.0);
  }
  // b is the mean of its posterior on these points. A point at which the likelihood is not a number has none.
  double best = -HUGE_VAL, weights = 0.0, mean = 0.0;
  for (const double value : likelihood) {
    if (value > best) best = value;
  }
  for (std::size_t i = 0; i < points; ++i) {
    const double weight = std::isnan(likelihood[i]) ? 0.0 : std::exp(likelihood[i] - best);
    weights += weight;
    mean += weight * b[i];
  }
  mean /= weights;
  const double k = mean_log(mean, ascending, count);
  return {(n * k + PRIOR_OBSERVATIONS * PRIOR_K) / (n + PRIOR_OBSERVATIONS), -k / mean};
}

double pareto_exceeded(const Pareto& pareto, double t) {
  const double exponent = pareto.k * t;
  // (e^(k t) − 1)/k, whose limit is t.
  return pareto.sigma * (std::abs(exponent) < 1e-12 ? t : std::expm1(exponent) / pareto.k);
}

}  // namespace aevb
