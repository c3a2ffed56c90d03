#include "reference/objective.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>

#include "math/random.h"

namespace aevb::reference {
namespace {

double log_sum_exp(const Vector& terms) {
  const double top = *std::max_element(terms.begin(), terms.end());
  double sum = 0.0;
  for (const double term : terms) sum += std::exp(term - top);
  return top + std::log(sum);
}

// ∂ log_density by z, mean and log_spread.
struct DensityGradient {
  double dz, dmean, dlog_spread;
};
DensityGradient log_density_gradient(PosteriorType family, double z, double mean, double log_spread) {
  switch (family) {
    case PosteriorType::gaussian: {
      const double variance = std::exp(log_spread);
      const double away = z - mean;
      return {-away / variance, away / variance, 0.5 * (away * away / variance - 1.0)};
    }
    case PosteriorType::laplace: {
      const double scale = std::exp(log_spread);
      const double sign = z > mean ? 1.0 : z < mean ? -1.0 : 0.0;
      return {-sign / scale, sign / scale, std::abs(z - mean) / scale - 1.0};
    }
    default: {
      const double scale = std::exp(log_spread);
      const double t = (z - mean) / scale;
      const double slope = std::tanh(0.5 * t);
      return {-slope / scale, slope / scale, t * slope - 1.0};
    }
  }
}

std::uint32_t cell_word(std::uint64_t seed, Purpose purpose, std::uint32_t step, std::uint32_t row, std::size_t col) {
  return philox4x32_10({static_cast<std::uint32_t>(col / 4), row, step, static_cast<std::uint32_t>(purpose)},
                       {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)})[col % 4];
}

double uniform_of(std::uint32_t word) { return static_cast<double>(word >> 8) * 0x1p-24; }

double kernel(const double* x, const double* y, std::size_t Z) {
  const double constant = 2.0 * static_cast<double>(Z);
  double distance = 0.0;
  for (std::size_t d = 0; d < Z; ++d) distance += (x[d] - y[d]) * (x[d] - y[d]);
  return constant / (constant + distance);
}

// dx += weight · ∂ kernel(x, y) / ∂x
void kernel_backward(double* dx, const double* x, const double* y, double weight, std::size_t Z) {
  const double constant = 2.0 * static_cast<double>(Z);
  const double k = kernel(x, y, Z);
  for (std::size_t d = 0; d < Z; ++d) dx[d] += weight * -2.0 / constant * k * k * (x[d] - y[d]);
}

}  // namespace

Vector importance_bound(const Vector& log_w, std::size_t B, std::size_t L) {
  Vector bound(B);
  for (std::size_t b = 0; b < B; ++b) {
    bound[b] = log_sum_exp(Vector(&log_w[b * L], &log_w[b * L] + L)) - std::log(static_cast<double>(L));
  }
  return bound;
}

Vector importance_weights(const Vector& log_w, std::size_t B, std::size_t L) {
  Vector weight(B * L);
  for (std::size_t b = 0; b < B; ++b) {
    const double total = log_sum_exp(Vector(&log_w[b * L], &log_w[b * L] + L));
    for (std::size_t l = 0; l < L; ++l) weight[b * L + l] = std::exp(log_w[b * L + l] - total);
  }
  return weight;
}

Vector score_function_weights(const Vector& f, Baseline baseline, const double* average, double scale, std::size_t B,
                              std::size_t L) {
  Vector weight(B * L);
  for (std::size_t i = 0; i < B * L; ++i) {
    double value = 0.0;
    if (baseline == Baseline::movingAverage && average != nullptr) {
      value = *average;
    } else if (baseline != Baseline::none) {
      const std::size_t first = baseline == Baseline::leaveOneOut ? i / L * L : 0;
      const std::size_t count = baseline == Baseline::leaveOneOut ? L : B * L;
      for (std::size_t k = first; k < first + count; ++k) {
        if (k != i) value += f[k] / static_cast<double>(count - 1);
      }
    }
    weight[i] = scale * (f[i] - value);
  }
  return weight;
}

double log_density(PosteriorType family, double z, double mean, double log_spread) {
  switch (family) {
    case PosteriorType::gaussian: {
      const double variance = std::exp(log_spread);
      return -0.5 * (std::log(2.0 * std::numbers::pi * variance) + (z - mean) * (z - mean) / variance);
    }
    case PosteriorType::laplace: {
      const double scale = std::exp(log_spread);
      return -std::log(2.0 * scale) - std::abs(z - mean) / scale;
    }
    default: {
      const double scale = std::exp(log_spread);
      const double t = std::abs(z - mean) / scale;  // the density is even
      return -t - std::log(scale) - 2.0 * std::log1p(std::exp(-t));
    }
  }
}

TotalCorrelation total_correlation(PosteriorType family, const Vector& z, const Vector& mean, const Vector& log_spread,
                                   double scale, std::size_t data_rows, std::size_t R, std::size_t B, std::size_t Z) {
  const double log_of_all = std::log(static_cast<double>(data_rows) * static_cast<double>(B));
  TotalCorrelation result{Vector(R), Vector(R * Z), Vector(B * Z), Vector(B * Z)};
  for (std::size_t i = 0; i < R; ++i) {
    Vector joint(B), marginal(Z);
    for (std::size_t d = 0; d < Z; ++d) {
      Vector terms(B);
      for (std::size_t j = 0; j < B; ++j) {
        terms[j] = log_density(family, z[i * Z + d], mean[j * Z + d], log_spread[j * Z + d]);
        joint[j] += terms[j];
      }
      marginal[d] = log_sum_exp(terms);
    }
    const double of_joint = log_sum_exp(joint);
    result.value[i] = of_joint - log_of_all;
    for (std::size_t d = 0; d < Z; ++d) result.value[i] -= marginal[d] - log_of_all;
    for (std::size_t j = 0; j < B; ++j) {
      for (std::size_t d = 0; d < Z; ++d) {
        const std::size_t head = j * Z + d;
        const double of_unit = log_density(family, z[i * Z + d], mean[head], log_spread[head]);
        const double weight = scale * (std::exp(joint[j] - of_joint) - std::exp(of_unit - marginal[d]));
        const DensityGradient gradient = log_density_gradient(family, z[i * Z + d], mean[head], log_spread[head]);
        result.dz[i * Z + d] += weight * gradient.dz;
        result.dmean[head] += weight * gradient.dmean;
        result.dlog_spread[head] += weight * gradient.dlog_spread;
      }
    }
  }
  return result;
}

double mmd(const Vector& z, const Vector& prior, std::size_t R, std::size_t Z) {
  if (R < 2) return 0.0;
  const double rows = static_cast<double>(R);
  double within = 0.0, across = 0.0;
  for (std::size_t i = 0; i < R; ++i) {
    for (std::size_t j = 0; j < R; ++j) {
      if (i != j) within += kernel(&z[i * Z], &z[j * Z], Z) + kernel(&prior[i * Z], &prior[j * Z], Z);
      across += kernel(&z[i * Z], &prior[j * Z], Z);
    }
  }
  return within / (rows * (rows - 1.0)) - 2.0 * across / (rows * rows);
}

Vector mmd_backward(const Vector& z, const Vector& prior, double scale, std::size_t R, std::size_t Z) {
  Vector dz(R * Z);
  if (R < 2) return dz;
  const double rows = static_cast<double>(R);
  for (std::size_t i = 0; i < R; ++i) {
    for (std::size_t j = 0; j < R; ++j) {
      if (i != j) kernel_backward(&dz[i * Z], &z[i * Z], &z[j * Z], 2.0 * scale / (rows * (rows - 1.0)), Z);
      kernel_backward(&dz[i * Z], &z[i * Z], &prior[j * Z], -2.0 * scale / (rows * rows), Z);
    }
  }
  return dz;
}

Vector corrupt(const Vector& x, const CorruptionSpec& spec, std::uint64_t seed, std::uint32_t step,
               std::uint32_t first_row, std::size_t R, std::size_t D) {
  Vector out = x;
  const Vector noise = normals(R, D, seed, Purpose::corruption, step, first_row);
  const double amount = static_cast<double>(static_cast<float>(spec.amount));
  for (std::size_t i = 0; i < R * D; ++i) {
    const std::uint32_t word =
        cell_word(seed, Purpose::corruption, step, first_row + static_cast<std::uint32_t>(i / D), i % D);
    const bool replaced = uniform_of(word) < amount;
    if (spec.type == CorruptionType::gaussian) out[i] += amount * noise[i];
    if (spec.type == CorruptionType::masking && replaced) out[i] = 0.0;
    if (spec.type == CorruptionType::saltAndPepper && replaced) out[i] = word % 2 == 1 ? 1.0 : 0.0;
  }
  return out;
}

Vector binarize(const Vector& x, Binarize how, std::uint64_t seed, std::uint32_t step,
                const std::vector<std::uint32_t>& rows, std::size_t D) {
  Vector out = x;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (how == Binarize::threshold) out[i] = x[i] > 0.5 ? 1.0 : 0.0;
    if (how == Binarize::stochastic) {
      out[i] = uniform_of(cell_word(seed, Purpose::binarize, step, rows[i / D], i % D)) < x[i] ? 1.0 : 0.0;
    }
  }
  return out;
}

Vector one_hot(const Vector& codes, const std::vector<std::size_t>& classes, std::size_t R) {
  const std::size_t columns = std::accumulate(classes.begin(), classes.end(), std::size_t{0});
  Vector out(R * columns);
  for (std::size_t r = 0; r < R; ++r) {
    std::size_t column = r * columns;
    for (std::size_t v = 0; v < classes.size(); ++v) {
      out[column + static_cast<std::size_t>(codes[r * classes.size() + v])] = 1.0;
      column += classes[v];
    }
  }
  return out;
}

}  // namespace aevb::reference
