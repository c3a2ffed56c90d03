// What the weights of a row's importance samples say: of log p̂(x) = log (1/S) Σ_s w_s, how far it may be off, and
// whether that can be told.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace aevb {

// log Σ w, and Σ w² relative to its square, of draws whose log w come one after another. Those that are not finite have
// overflowed, and w is 0: see infinite_unless_finite.
class LogSumExp {
 public:
  void add(double value) {
    if (!std::isfinite(value)) return;
    if (value > largest_) {
      // Weights so far were relative to another largest; from −∞ there are none.
      const double shrink = std::exp(largest_ - value);
      sum_ *= shrink;
      squares_ *= shrink * shrink;
      largest_ = value;
    }
    const double weight = std::exp(value - largest_);
    sum_ += weight;
    squares_ += weight * weight;
  }
  double largest() const { return largest_; }
  // Relative to the largest weight, and to its square.
  double sum() const { return sum_; }
  double squares() const { return squares_; }
  double log_sum() const;                                               // −∞ of nothing
  double relative_squares() const { return squares_ / (sum_ * sum_); }  // NaN of nothing

 private:
  double largest_ = -std::numeric_limits<double>::infinity();
  double sum_ = 0.0, squares_ = 0.0;
};

// The importance weights of one row's draws.
struct WeightSummary {
  double log_mean;   // log p̂(x), nats; −∞ if no weight is above 0
  double variance;   // of log_mean; NaN of one draw, and if no weight is above 0
  double effective;  // (Σ w)² / Σ w², the effective sample size (Kish); 0 if no weight is above 0
  // k̂; NaN if the draws are too few to tell. If the largest weights are the same again and again, −∞, or ∞ if much of
  // their sum comes from some that are rare.
  double pareto_k;
  bool reliable;  // whether k̂ is at most most_pareto_k
};

// The largest k̂ at which an estimate from so many draws can be trusted: min(0.7, 1 − 1/log10 S), Vehtari et al., Pareto
// Smoothed Importance Sampling (2024), section 3.2.4.
double most_pareto_k(std::size_t draws);

// Keeps sums, and of the weights themselves the few largest.
//
// The M = ⌈min(S/5, 3 √S)⌉ largest weights are taken as draws from a generalised Pareto distribution above the next one
// (Vehtari et al. 2024, equation 8), whose shape is k̂. The variance is what a draw moves log p̂ by, squared, summed
// over the weights below, and over the tail by the distribution fitted to it in place of the weights that happened to
// be drawn:
//
//   Σ_body (w − w̄)²/(S w̄)²  +  M ∫_{1/(c M)}^1 log²(1 + (X(u) − w̄)/(S w̄)) du,   P(X > X(u)) = u
//
// The first is the delta method's; the second agrees with it for small X, and stays finite for any k. What is rarer
// than once in c = 100 repetitions is left out or, with k above 0.7, what is farther beyond the largest weight than
// that.
class ImportanceWeights {
 public:
  // most: draws that will be added at most.
  explicit ImportanceWeights(std::size_t most);

  void add(double log_weight) {
    ++draws_;
    sums_.add(log_weight);
    // Most draws are none of the largest.
    if (!(log_weight > floor_) || !std::isfinite(log_weight)) return;
    largest_.push_back(log_weight);
    if (largest_.size() == 2 * kept_) drop_smaller();
  }
  std::size_t draws() const { return draws_; }
  WeightSummary summary() const;

 private:
  void drop_smaller();

  std::size_t draws_ = 0, kept_;
  LogSumExp sums_;
  // Logarithms of the `kept` largest weights, and of some of the others, all above the floor.
  std::vector<double> largest_;
  double floor_ = -std::numeric_limits<double>::infinity();
};

}  // namespace aevb
