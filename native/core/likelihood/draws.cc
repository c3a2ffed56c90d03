#include "likelihood/draws.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "likelihood/log_dispersion.h"
#include "likelihood/poisson.h"
#include "math/log_factorial.h"
#include "math/random.h"

namespace aevb {

namespace {

constexpr double NOT_A_NUMBER = std::numeric_limits<double>::quiet_NaN();

// The random words of one cell, used two at a time.
class Cell {
 public:
  Cell(std::uint64_t seed, std::uint32_t row, std::size_t lane)
      : seed_(seed), row_(row), lane_(static_cast<std::uint32_t>(lane)) {}

  // Within (0, 1), without the ends: (k + ½) · 2⁻⁵² with the 52 highest bits of two words.
  double uniform() {
    if (next_ == 4) {
      block_ = philox(seed_, Purpose::draw, step_++, row_, lane_);
      next_ = 0;
    }
    const std::uint64_t bits = std::uint64_t{block_.word[next_]} << 32 | block_.word[next_ + 1];
    next_ += 2;
    return (static_cast<double>(bits >> 12) + 0.5) * 0x1p-52;
  }

 private:
  std::uint64_t seed_;
  std::uint32_t row_, lane_;
  std::uint32_t step_ = 0;
  Philox block_{};
  std::size_t next_ = 4;
};

double sigmoid(double l) { return 1.0 / (1.0 + std::exp(-l)); }

void zero_padding(Panels out, std::size_t row, std::size_t D) {
  for (std::size_t c = D; c < panel_count(D, out.width) * out.width; ++c) out.at(row, c) = 0.0f;
}

// out[r, d] = draw(cell, parameter, r, d).
template <typename Draw>
void draw_each(Panels out, ConstPanels parameter, std::size_t R, std::size_t D, std::uint64_t seed,
               std::uint32_t first_row, Draw draw) {
  for (std::size_t r = 0; r < R; ++r) {
    for (std::size_t d = 0; d < D; ++d) {
      Cell cell(seed, first_row + static_cast<std::uint32_t>(r), d);
      out.at(r, d) = static_cast<float>(draw(cell, static_cast<double>(parameter.at(r, d)), r, d));
    }
    zero_padding(out, r, D);
  }
}

double continuous_bernoulli(double l, double u) {
  // The draw for −l is 1 minus the draw for l at 1 − u, and e^l cannot overflow if l is negative.
  const double a = -std::abs(l);
  const double v = l > 0.0 ? 1.0 - u : u;
  const double x = a > -1e-5 ? v * (1.0 + 0.5 * a * (1.0 - v)) : std::log1p(v * std::expm1(a)) / a;
  return std::clamp(l > 0.0 ? 1.0 - x : x, 0.0, 1.0);
}

double normal(Cell& cell) {
  const double radius = std::sqrt(-2.0 * std::log(cell.uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * cell.uniform());
}

double laplace(Cell& cell) {
  const double u = cell.uniform() - 0.5;
  const double magnitude = -std::log1p(-2.0 * std::abs(u));
  return u < 0.0 ? -magnitude : magnitude;
}

double log_dispersion_at(const LogDispersion& log_dispersion, std::size_t row, std::size_t d) {
  if (log_dispersion.shared != nullptr) return log_dispersion.shared[d];
  return soft_bound(log_dispersion.raw.at(row, d), log_dispersion.min, log_dispersion.max);
}

// k log(k/mean) + mean − k for k ≥ 0 and mean > 0: without cancellation if the two are close (Loader, Fast and
// Accurate Computation of Binomial Probabilities (2000)).
double deviance(double k, double mean) {
  if (k == 0.0) return mean;
  const double v = (k - mean) / (k + mean);
  if (std::abs(v) > 0.1) return k * std::log(k / mean) + mean - k;
  // log(k/mean) = 2 artanh v.
  double sum = (k - mean) * v;
  double term = 2.0 * k * v;
  for (int j = 1; j < 1000; ++j) {
    term *= v * v;
    const double next = sum + term / (2.0 * j + 1.0);
    if (next == sum) break;
    sum = next;
  }
  return sum;
}

// Log-probabilities without differences of large log-factorials, which would lose digits.
double log_poisson(double k, double mean) {
  const double stirling = k == 0.0 ? 0.0 : log_factorial_remainder(k);
  return -deviance(k, mean) - stirling;
}

double log_binomial(double k, double n, double p, double q) {
  return log_factorial_remainder(n) - log_factorial_remainder(k) - log_factorial_remainder(n - k) - deviance(k, n * p) -
         deviance(n - k, n * q);
}

// Counts with this mean or a larger one are drawn by rejection.
constexpr double REJECT_FROM = 10.0;

double poisson(Cell& cell, double mean) {
  if (std::isnan(mean)) return mean;
  if (mean < REJECT_FROM) {
    double u = cell.uniform();
    double probability = std::exp(-mean);
    double k = 0.0;
    // Rounding may leave a rest of u: the loop ends if subtraction no longer changes u.
    while (u > probability && u - probability < u) {
      u -= probability;
      k += 1.0;
      probability *= mean / k;
    }
    return k;
  }
  const double b = 0.931 + 2.53 * std::sqrt(mean);
  const double a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
  const double v_r = 0.9277 - 3.6224 / (b - 2.0);
  for (;;) {
    const double u = cell.uniform() - 0.5;
    const double v = cell.uniform();
    const double us = 0.5 - std::abs(u);
    const double k = std::floor((2.0 * a / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= v_r) return k;
    if (k < 0.0 || (us < 0.013 && v > us)) continue;
    if (std::log(v * inverse_alpha / (a / (us * us) + b)) <= log_poisson(k, mean)) return k;
  }
}

// n trials with probability p ≤ ½; q = 1 − p.
double binomial_of_less(Cell& cell, double n, double p, double q) {
  const double mean = n * p;
  if (mean < REJECT_FROM) {
    double u = cell.uniform();
    double probability = std::exp(n * std::log1p(-p));
    const double ratio = p / q;
    double k = 0.0;
    while (u > probability && u - probability < u && k < n) {
      u -= probability;
      k += 1.0;
      probability *= ratio * (n - k + 1.0) / k;
    }
    return k;
  }
  const double spread = std::sqrt(mean * q);
  const double b = 1.15 + 2.53 * spread;
  const double a = -0.0873 + 0.0248 * b + 0.01 * p;
  const double c = mean + 0.5;
  const double alpha = (2.83 + 5.1 / b) * spread;
  const double v_r = 0.92 - 4.2 / b;
  const double mode = std::floor((n + 1.0) * p);
  const double log_mode = log_binomial(mode, n, p, q);
  for (;;) {
    const double u = cell.uniform() - 0.5;
    const double v = cell.uniform();
    const double us = 0.5 - std::abs(u);
    const double k = std::floor((2.0 * a / us + b) * u + c);
    if (us >= 0.07 && v <= v_r) return k;
    if (k < 0.0 || k > n) continue;
    if (std::log(v * alpha / (a / (us * us) + b)) <= log_binomial(k, n, p, q) - log_mode) return k;
  }
}

double binomial(Cell& cell, double n, double p) {
  if (n == 0.0 || !(p > 0.0)) return 0.0;
  if (p >= 1.0) return n;
  return p <= 0.5 ? binomial_of_less(cell, n, p, 1.0 - p) : n - binomial_of_less(cell, n, 1.0 - p, p);
}

// Σ e^(l − largest) over columns [begin, end), which is at least 1, or NaN.
double exponentials(ConstPanels logits, std::size_t row, std::size_t begin, std::size_t end, double* largest) {
  *largest = -std::numeric_limits<double>::infinity();
  for (std::size_t c = begin; c < end; ++c) *largest = std::max(*largest, static_cast<double>(logits.at(row, c)));
  double sum = 0.0;
  for (std::size_t c = begin; c < end; ++c) sum += std::exp(logits.at(row, c) - *largest);
  return sum;
}

void fill(Panels out, std::size_t row, std::size_t begin, std::size_t end, double value) {
  for (std::size_t c = begin; c < end; ++c) out.at(row, c) = static_cast<float>(value);
}

}  // namespace

void bernoulli_draw(Panels out, ConstPanels logits, std::size_t R, std::size_t D, std::uint64_t seed,
                    std::uint32_t first_row) {
  draw_each(out, logits, R, D, seed, first_row, [](Cell& cell, double l, std::size_t, std::size_t) {
    if (std::isnan(l)) return l;
    return cell.uniform() < sigmoid(l) ? 1.0 : 0.0;
  });
}

void continuous_bernoulli_draw(Panels out, ConstPanels logits, std::size_t R, std::size_t D, std::uint64_t seed,
                               std::uint32_t first_row) {
  draw_each(out, logits, R, D, seed, first_row, [](Cell& cell, double l, std::size_t, std::size_t) {
    return std::isnan(l) ? l : continuous_bernoulli(l, cell.uniform());
  });
}

void gaussian_draw(Panels out, ConstPanels mean, const LogDispersion& log_variance, std::size_t R, std::size_t D,
                   std::uint64_t seed, std::uint32_t first_row) {
  draw_each(out, mean, R, D, seed, first_row, [&](Cell& cell, double m, std::size_t r, std::size_t d) {
    return m + std::exp(0.5 * log_dispersion_at(log_variance, r, d)) * normal(cell);
  });
}

void full_covariance_draw(Panels out, ConstPanels mean, const LogDispersion& log_variance, ConstPanels regression,
                          std::size_t R, std::size_t D, std::uint64_t seed, std::uint32_t first_row) {
  std::vector<double> distance(D);  // x − mean
  for (std::size_t r = 0; r < R; ++r) {
    std::size_t entry = 0;
    for (std::size_t i = 0; i < D; ++i) {
      Cell cell(seed, first_row + static_cast<std::uint32_t>(r), i);
      distance[i] = std::exp(0.5 * log_dispersion_at(log_variance, r, i)) * normal(cell);
      for (std::size_t j = 0; j < i; ++j, ++entry) {
        distance[i] += static_cast<double>(regression.at(r, entry)) * distance[j];
      }
      out.at(r, i) = static_cast<float>(static_cast<double>(mean.at(r, i)) + distance[i]);
    }
    zero_padding(out, r, D);
  }
}

void low_rank_draw(Panels out, ConstPanels mean, const LogDispersion& log_variance, ConstPanels factor, std::size_t R,
                   std::size_t D, std::size_t rank, std::uint64_t seed, std::uint32_t first_row) {
  std::vector<double> common(rank);
  for (std::size_t r = 0; r < R; ++r) {
    const std::uint32_t row = first_row + static_cast<std::uint32_t>(r);
    for (std::size_t k = 0; k < rank; ++k) {
      Cell cell(seed, row, D + k);
      common[k] = normal(cell);
    }
    for (std::size_t i = 0; i < D; ++i) {
      Cell cell(seed, row, i);
      double distance = std::exp(0.5 * log_dispersion_at(log_variance, r, i)) * normal(cell);
      for (std::size_t k = 0; k < rank; ++k) {
        distance += static_cast<double>(factor.at(r, i * rank + k)) * common[k];
      }
      out.at(r, i) = static_cast<float>(static_cast<double>(mean.at(r, i)) + distance);
    }
    zero_padding(out, r, D);
  }
}

void laplace_draw(Panels out, ConstPanels mean, const LogDispersion& log_scale, std::size_t R, std::size_t D,
                  std::uint64_t seed, std::uint32_t first_row) {
  draw_each(out, mean, R, D, seed, first_row, [&](Cell& cell, double m, std::size_t r, std::size_t d) {
    return m + std::exp(log_dispersion_at(log_scale, r, d)) * laplace(cell);
  });
}

void categorical_draw(Panels out, ConstPanels logits, const std::size_t* classes, std::size_t variables, std::size_t R,
                      std::uint64_t seed, std::uint32_t first_row) {
  for (std::size_t r = 0; r < R; ++r) {
    std::size_t begin = 0;
    for (std::size_t variable = 0; variable < variables; ++variable) {
      const std::size_t end = begin + classes[variable];
      double largest = 0.0;
      const double sum = exponentials(logits, r, begin, end, &largest);
      if (std::isnan(sum)) {
        fill(out, r, begin, end, NOT_A_NUMBER);
      } else {
        Cell cell(seed, first_row + static_cast<std::uint32_t>(r), variable);
        const double target = cell.uniform() * sum;
        // If rounding leaves the sum below the target, the last class with a weight above 0 is drawn.
        std::size_t drawn = begin;
        double below = 0.0;
        for (std::size_t c = begin; c < end && below <= target; ++c) {
          const double weight = std::exp(logits.at(r, c) - largest);
          if (weight > 0.0) drawn = c;
          below += weight;
        }
        fill(out, r, begin, end, 0.0);
        out.at(r, drawn) = 1.0f;
      }
      begin = end;
    }
    zero_padding(out, r, begin);
  }
}

void multinomial_draw(Panels out, ConstPanels logits, const double* trials, double trials_of_all, std::size_t R,
                      std::size_t D, std::uint64_t seed, std::uint32_t first_row) {
  for (std::size_t r = 0; r < R; ++r) {
    double left = std::floor(trials == nullptr ? trials_of_all : trials[r]);
    double largest = 0.0;
    double weights_left = exponentials(logits, r, 0, D, &largest);
    if (std::isnan(weights_left) || !(left >= 0.0 && std::isfinite(left))) {
      fill(out, r, 0, D, NOT_A_NUMBER);
    } else {
      // The last feature with a weight above 0 takes all trials left, because rounding may have changed weights_left.
      std::size_t last = 0;
      for (std::size_t d = 0; d < D; ++d) {
        if (std::exp(logits.at(r, d) - largest) > 0.0) last = d;
      }
      for (std::size_t d = 0; d < D; ++d) {
        const double weight = std::exp(logits.at(r, d) - largest);
        Cell cell(seed, first_row + static_cast<std::uint32_t>(r), d);
        double count = 0.0;
        if (d == last) {
          count = left;
        } else if (d < last && left > 0.0) {
          count = binomial(cell, left, weight / weights_left);
        }
        left -= count;
        weights_left -= weight;
        out.at(r, d) = static_cast<float>(count);
      }
    }
    zero_padding(out, r, D);
  }
}

void poisson_draw(Panels out, ConstPanels log_rate, std::size_t R, std::size_t D, std::uint64_t seed,
                  std::uint32_t first_row) {
  draw_each(out, log_rate, R, D, seed, first_row, [](Cell& cell, double r, std::size_t, std::size_t) {
    return poisson(cell, 1.0 / (std::exp(-r) + std::exp(-static_cast<double>(POISSON_LOG_RATE_MAX))));
  });
}

}  // namespace aevb
