#include "infer/importance_weights.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "infer/pareto.h"

namespace aevb {

namespace {

constexpr double LARGEST_TRUSTED_K = 0.7;

// The relative error of a weight: log w is the sum of many single-precision numbers.
constexpr double ROUNDING = 1e-5;

constexpr double UNKNOWN = std::numeric_limits<double>::quiet_NaN();

std::size_t tail_length(std::size_t draws) {
  const auto S = static_cast<double>(draws);
  return static_cast<std::size_t>(std::ceil(std::min(0.2 * S, 3.0 * std::sqrt(S))));
}

// The tail's part of the variance: see the header. By Simpson's rule in t = −log u, where the integrand is smooth.
double tail_variance(const Pareto& pareto, double cutoff, double mean, double draws, double count) {
  constexpr std::size_t INTERVALS = 128;
  const double beyond = std::log(100.0) * LARGEST_TRUSTED_K / std::max(pareto.k, LARGEST_TRUSTED_K);
  const double width = (std::log(count) + beyond) / static_cast<double>(INTERVALS);
  double sum = 0.0;
  for (std::size_t i = 0; i <= INTERVALS; ++i) {
    const double t = width * static_cast<double>(i);
    const double weight = cutoff + pareto_exceeded(pareto, t);
    const double moved = std::log1p((weight - mean) / (draws * mean));
    const double share = i == 0 || i == INTERVALS ? 1.0 : i % 2 == 1 ? 4.0 : 2.0;
    sum += share * std::exp(-t) * moved * moved;
  }
  return count * sum * width / 3.0;
}

}  // namespace

double LogSumExp::log_sum() const { return largest_ + std::log(sum_); }

double most_pareto_k(std::size_t draws) {
  return std::min(LARGEST_TRUSTED_K, 1.0 - 1.0 / std::log10(static_cast<double>(draws)));
}

ImportanceWeights::ImportanceWeights(std::size_t most) : kept_(tail_length(most) + 1) { largest_.reserve(2 * kept_); }

void ImportanceWeights::drop_smaller() {
  std::nth_element(largest_.begin(), largest_.begin() + static_cast<std::ptrdiff_t>(kept_ - 1), largest_.end(),
                   std::greater<>());
  largest_.resize(kept_);
  floor_ = largest_.back();
}

WeightSummary ImportanceWeights::summary() const {
  const auto S = static_cast<double>(draws_);
  if (largest_.empty()) return {-std::numeric_limits<double>::infinity(), UNKNOWN, 0.0, UNKNOWN, false};
  WeightSummary summary{sums_.log_sum() - std::log(S), UNKNOWN, 1.0 / sums_.relative_squares(), UNKNOWN, false};
  if (draws_ == 1) return summary;

  // All that follows is relative to the largest weight.
  const double mean = sums_.sum() / S;
  const auto body_variance = [&](double sum, double squares, double count) {
    return std::max(0.0, squares - 2.0 * mean * sum + count * mean * mean) / (S * S * mean * mean);
  };
  // One draw less, as in a sample variance.
  summary.variance = body_variance(sums_.sum(), sums_.squares(), S) * S / (S - 1.0);
  const std::size_t length = tail_length(draws_);
  if (length < PARETO_OBSERVATIONS) return summary;

  std::vector<double> weights = largest_;
  if (weights.size() > length + 1) {
    std::nth_element(weights.begin(), weights.begin() + static_cast<std::ptrdiff_t>(length), weights.end(),
                     std::greater<>());
    weights.resize(length + 1);
  }
  std::sort(weights.begin(), weights.end());
  for (double& weight : weights) weight = std::exp(weight - sums_.largest());
  // Weights of 0 are not kept: if they reach into the tail, it begins at 0.
  const double cutoff = weights.size() > length ? weights.front() : 0.0;
  // Weights that differ by what single precision has rounded are the same.
  const auto first = std::upper_bound(weights.begin(), weights.end(), cutoff * (1.0 + ROUNDING));
  const auto count = static_cast<std::size_t>(weights.end() - first);
  std::size_t different = 0;
  double rare = 0.0;  // the sum of weights that came less often than a fit needs observations
  for (auto begin = first; begin != weights.end(); ++different) {
    const auto end = std::upper_bound(begin, weights.end(), *begin * (1.0 + ROUNDING));
    if (end - begin < static_cast<std::ptrdiff_t>(PARETO_OBSERVATIONS)) rare = std::accumulate(begin, end, rare);
    begin = end;
  }
  if (count < PARETO_OBSERVATIONS || 2 * different < count) {
    // Weights come again and again, as those of discrete variables do: there is no tail to fit anything to, and the
    // sample variance stands. It is known well unless much of the sum came only a few times.
    const bool matters = rare > 0.1 * sums_.sum();
    summary.pareto_k = std::numeric_limits<double>::infinity() * (matters ? 1.0 : -1.0);
    summary.reliable = !matters;
    return summary;
  }
  double sum = 0.0, squares = 0.0;
  for (auto weight = first; weight != weights.end(); ++weight) {
    sum += *weight;
    squares += *weight * *weight;
    *weight -= cutoff;
  }
  const Pareto pareto = fit_pareto(&*first, count);
  const auto n = static_cast<double>(count);
  summary.pareto_k = pareto.k;
  summary.reliable = pareto.k <= most_pareto_k(draws_);
  summary.variance = body_variance(std::max(0.0, sums_.sum() - sum), std::max(0.0, sums_.squares() - squares), S - n) +
                     tail_variance(pareto, cutoff, mean, S, n);
  return summary;
}

}  // namespace aevb
