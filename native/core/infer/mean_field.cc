#include "infer/mean_field.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace aevb {

namespace {

// Starting points beyond the two that are always tried.
constexpr std::size_t MOST_PEAKS = 8;

// A sweep that gains less, nats, is the last one.
constexpr double LEAST_GAIN = 1e-9;

double entropy(double p) { return p > 0.0 ? -p * std::log(p) : 0.0; }

}  // namespace

void normalize_exponentials(double* values, std::size_t count) {
  const double largest = *std::max_element(values, values + count);
  double sum = 0.0;
  for (std::size_t k = 0; k < count; ++k) sum += values[k] = std::exp(values[k] - largest);
  for (std::size_t k = 0; k < count; ++k) values[k] /= sum;
}

MeanField::MeanField(std::vector<std::size_t> classes) : classes_(std::move(classes)) {
  std::size_t states = 1;
  first_.push_back(0);
  for (const std::size_t K : classes_) {
    states *= K;
    outer_.emplace_back(states);
    first_.push_back(first_.back() + K);
  }
  scores_.resize(states);
  weights_.reserve(states);
  next_weights_.reserve(states);
}

double MeanField::divergence(const Factors& q) const {
  double sum = 0.0;
  for (const double p : q) sum -= entropy(p);
  for (const std::size_t K : classes_) sum += std::log(static_cast<double>(K));
  return sum;
}

double MeanField::bound(const Factors& q) const {
  std::vector<double> mean = scores_;
  for (std::size_t v = classes_.size(); v-- > 0;) {
    const std::size_t K = classes_[v], rest = mean.size() / K;
    for (std::size_t s = 0; s < rest; ++s) {
      double sum = 0.0;
      // A state of no probability may have a score of −∞.
      for (std::size_t k = 0; k < K; ++k) {
        if (q[first_[v] + k] > 0.0) sum += q[first_[v] + k] * mean[s * K + k];
      }
      mean[s] = sum;
    }
    mean.resize(rest);
  }
  return mean[0] - divergence(q);
}

double MeanField::ascend(Factors& q, std::size_t sweeps) {
  const std::size_t V = classes_.size();
  double last = -std::numeric_limits<double>::infinity();
  for (std::size_t sweep = 0; sweep < sweeps; ++sweep) {
    outer_[V - 1] = scores_;
    for (std::size_t v = V - 1; v > 0; --v) {
      const std::size_t K = classes_[v];
      for (std::size_t s = 0; s < outer_[v - 1].size(); ++s) {
        double sum = 0.0;
        for (std::size_t k = 0; k < K; ++k) sum += q[first_[v] + k] * outer_[v][s * K + k];
        outer_[v - 1][s] = sum;
      }
    }
    weights_.assign(1, 1.0);
    double expected = 0.0;
    for (std::size_t v = 0; v < V; ++v) {
      const std::size_t K = classes_[v];
      double* of_variable = q.data() + first_[v];
      std::vector<double> given(K, 0.0);
      for (std::size_t s = 0; s < weights_.size(); ++s) {
        for (std::size_t k = 0; k < K; ++k) given[k] += weights_[s] * outer_[v][s * K + k];
      }
      std::copy(given.begin(), given.end(), of_variable);
      normalize_exponentials(of_variable, K);
      expected = 0.0;
      for (std::size_t k = 0; k < K; ++k) expected += of_variable[k] * given[k];
      next_weights_.clear();
      for (const double weight : weights_) {
        for (std::size_t k = 0; k < K; ++k) next_weights_.push_back(weight * of_variable[k]);
      }
      std::swap(weights_, next_weights_);
    }
    const double reached = expected - divergence(q);
    if (!(reached > last + LEAST_GAIN)) return reached;
    last = reached;
  }
  return last;
}

MeanField::Factors MeanField::marginals() const {
  std::vector<double> posterior = scores_;
  normalize_exponentials(posterior.data(), posterior.size());
  Factors q(first_.back(), 0.0);
  for (std::size_t s = 0; s < posterior.size(); ++s) {
    std::size_t rest = s;
    for (std::size_t v = classes_.size(); v-- > 0;) {
      q[first_[v] + rest % classes_[v]] += posterior[s];
      rest /= classes_[v];
    }
  }
  return q;
}

std::vector<std::size_t> MeanField::peaks() const {
  std::vector<std::size_t> found;
  for (std::size_t s = 0; s < scores_.size(); ++s) {
    bool peak = true;
    std::size_t stride = 1;
    for (std::size_t v = classes_.size(); peak && v-- > 0; stride *= classes_[v]) {
      const std::size_t K = classes_[v], base = s - s / stride % K * stride;
      for (std::size_t k = 0; k < K; ++k) peak = peak && scores_[base + k * stride] <= scores_[s];
    }
    if (peak) found.push_back(s);
  }
  const std::size_t wanted = std::min(found.size(), MOST_PEAKS);
  std::partial_sort(
      found.begin(), found.begin() + static_cast<std::ptrdiff_t>(wanted), found.end(),
      [&](std::size_t a, std::size_t b) { return scores_[a] != scores_[b] ? scores_[a] > scores_[b] : a < b; });
  found.resize(wanted);
  return found;
}

MeanField::Factors MeanField::at_state(std::size_t state) const {
  Factors q(first_.back(), 0.0);
  for (std::size_t v = classes_.size(); v-- > 0;) {
    q[first_[v] + state % classes_[v]] = 1.0;
    state /= classes_[v];
  }
  return q;
}

double MeanField::best(Factors& q, std::size_t sweeps) {
  // Differences of what has no density do not matter, but an infinite one would make NaN of a mean.
  for (double& score : scores_) score = std::max(score, -1e30);
  std::vector<Factors> starts{q, marginals()};
  for (const std::size_t state : peaks()) starts.push_back(at_state(state));
  double highest = -std::numeric_limits<double>::infinity();
  for (Factors& start : starts) {
    const double reached = ascend(start, sweeps);
    if (reached > highest) {
      highest = reached;
      q = std::move(start);
    }
  }
  return highest;
}

}  // namespace aevb
