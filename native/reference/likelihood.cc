#include "reference/likelihood.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

#include "likelihood/poisson.h"

namespace aevb::reference {

namespace {

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

// log((e^l − 1)/l); near 0 its Taylor series, to 1e-17 of the first term.
double continuous_bernoulli_log_normalizer(double l) {
  if (std::abs(l) < 1e-2) return 0.5 * l + l * l / 24.0 - std::pow(l, 4) / 2880.0 + std::pow(l, 6) / 181440.0;
  return std::max(l, 0.0) + std::log(-std::expm1(-std::abs(l)) / std::abs(l));
}

// 1/(1 − e^−l) − 1/l, whose parts cancel near 0: there its Taylor series, to 1e-18.
double continuous_bernoulli_mean(double l) {
  if (std::abs(l) < 1e-2) return 0.5 + l / 12.0 - l * l * l / 720.0 + std::pow(l, 5) / 30240.0;
  return -1.0 / std::expm1(-l) - 1.0 / l;
}

double sign(double x) { return std::isnan(x) ? x : static_cast<double>(x > 0.0) - static_cast<double>(x < 0.0); }

double bounded_log_rate(double r) {
  const double max = static_cast<double>(POISSON_LOG_RATE_MAX);
  return -std::log(std::exp(-r) + std::exp(-max));
}
double log_rate_of(double r) {
  const double max = static_cast<double>(POISSON_LOG_RATE_MAX);
  // e^−r overflows if the bound is far.
  return r < -300.0 ? r : r > 300.0 ? max : bounded_log_rate(r);
}

Vector softmax(const double* logits, std::size_t count) {
  double largest = logits[0];
  for (std::size_t k = 0; k < count; ++k) largest = std::max(largest, logits[k]);
  Vector p(count);
  double sum = 0.0;
  for (std::size_t k = 0; k < count; ++k) sum += p[k] = std::exp(logits[k] - largest);
  for (double& value : p) value /= sum;
  return p;
}

// −log softmax(l)_k for each k, which is exact also if the logits are so large that log Σ e^l is not.
Vector negative_log_softmax(const double* logits, std::size_t count) {
  double largest = logits[0];
  for (std::size_t k = 0; k < count; ++k) largest = std::max(largest, logits[k]);
  double sum = 0.0;
  for (std::size_t k = 0; k < count; ++k) sum += std::exp(logits[k] - largest);
  Vector result;
  for (std::size_t k = 0; k < count; ++k) result.push_back(largest - logits[k] + std::log(sum));
  return result;
}

std::size_t columns(const Classes& classes) {
  std::size_t sum = 0;
  for (const std::size_t count : classes) sum += count;
  return sum;
}

}  // namespace

double log_factorial(double n) {
  double sum = 0.0;
  if (n < 1000.0) {
    for (double k = 2.0; k <= n; k += 1.0) sum += std::log(k);
    return sum;
  }
  return std::lgamma(n + 1.0);
}

Vector continuous_bernoulli_forward(const Vector& logits, const Vector& x, std::size_t B, std::size_t L,
                                    std::size_t D) {
  Vector loss(B * L);
  for (std::size_t i = 0; i < B * L * D; ++i) {
    loss[i / D] += continuous_bernoulli_log_normalizer(logits[i]) - logits[i] * x[i / (L * D) * D + i % D];
  }
  return loss;
}

Vector continuous_bernoulli_backward(const Vector& logits, const Vector& x, double scale, std::size_t B, std::size_t L,
                                     std::size_t D) {
  Vector dlogits(B * L * D);
  for (std::size_t i = 0; i < B * L * D; ++i) {
    dlogits[i] = scale * (continuous_bernoulli_mean(logits[i]) - x[i / (L * D) * D + i % D]);
  }
  return dlogits;
}

Vector continuous_bernoulli_mean(const Vector& logits) {
  Vector mean;
  for (const double l : logits) mean.push_back(continuous_bernoulli_mean(l));
  return mean;
}

Vector laplace_forward(const Vector& mean, const Vector& log_scale, const Vector& x, std::size_t B, std::size_t L,
                       std::size_t D) {
  Vector loss(B * L);
  for (std::size_t i = 0; i < B * L * D; ++i) {
    const double s = log_scale[i % D];
    loss[i / D] += std::log(2.0) + s + std::abs(x[i / (L * D) * D + i % D] - mean[i]) * std::exp(-s);
  }
  return loss;
}

LaplaceGradient laplace_backward(const Vector& mean, const Vector& log_scale, const Vector& x, double scale,
                                 std::size_t B, std::size_t L, std::size_t D) {
  LaplaceGradient gradient;
  for (std::size_t i = 0; i < B * L * D; ++i) {
    const double difference = mean[i] - x[i / (L * D) * D + i % D];
    const double inverse = std::exp(-log_scale[i % D]);
    gradient.dmean.push_back(scale * sign(difference) * inverse);
    gradient.dlog_scale.push_back(scale * (1.0 - std::abs(difference) * inverse));
  }
  return gradient;
}

Vector laplace_datum_forward(const Vector& mean, const Vector& raw_log_scale, double min, double max, const Vector& x,
                             std::size_t B, std::size_t L, std::size_t D) {
  Vector loss(B * L);
  for (std::size_t i = 0; i < B * L * D; ++i) {
    const double s = soft_bound(raw_log_scale[i], min, max);
    loss[i / D] += std::log(2.0) + s + std::abs(x[i / (L * D) * D + i % D] - mean[i]) * std::exp(-s);
  }
  return loss;
}

LaplaceGradient laplace_datum_backward(const Vector& mean, const Vector& raw_log_scale, double min, double max,
                                       const Vector& x, double scale, std::size_t B, std::size_t L, std::size_t D) {
  LaplaceGradient gradient;
  for (std::size_t i = 0; i < B * L * D; ++i) {
    const double difference = mean[i] - x[i / (L * D) * D + i % D];
    const double inverse = std::exp(-soft_bound(raw_log_scale[i], min, max));
    const double chain = soft_bound_derivative(raw_log_scale[i], min, max);
    gradient.dmean.push_back(scale * sign(difference) * inverse);
    gradient.dlog_scale.push_back(scale * (1.0 - std::abs(difference) * inverse) * chain);
  }
  return gradient;
}

Vector categorical_forward(const Vector& logits, const Vector& x, const Classes& classes, std::size_t B,
                           std::size_t L) {
  const std::size_t D = columns(classes);
  Vector loss(B * L);
  for (std::size_t row = 0; row < B * L; ++row) {
    std::size_t begin = 0;
    for (const std::size_t count : classes) {
      const Vector surprise = negative_log_softmax(logits.data() + row * D + begin, count);
      for (std::size_t k = 0; k < count; ++k) loss[row] += x[row / L * D + begin + k] * surprise[k];
      begin += count;
    }
  }
  return loss;
}

Vector categorical_backward(const Vector& logits, const Vector& x, const Classes& classes, double scale, std::size_t B,
                            std::size_t L) {
  const std::size_t D = columns(classes);
  Vector dlogits = categorical_mean(logits, classes, B * L);
  for (std::size_t i = 0; i < B * L * D; ++i) dlogits[i] = scale * (dlogits[i] - x[i / (L * D) * D + i % D]);
  return dlogits;
}

Vector categorical_mean(const Vector& logits, const Classes& classes, std::size_t B) {
  const std::size_t D = columns(classes);
  Vector mean;
  for (std::size_t row = 0; row < B; ++row) {
    std::size_t begin = 0;
    for (const std::size_t count : classes) {
      const Vector p = softmax(logits.data() + row * D + begin, count);
      mean.insert(mean.end(), p.begin(), p.end());
      begin += count;
    }
  }
  return mean;
}

Vector multinomial_forward(const Vector& logits, const Vector& x, std::size_t B, std::size_t L, std::size_t D) {
  Vector loss(B * L);
  for (std::size_t row = 0; row < B * L; ++row) {
    const Vector surprise = negative_log_softmax(logits.data() + row * D, D);
    double trials = 0.0;
    for (std::size_t d = 0; d < D; ++d) {
      const double count = x[row / L * D + d];
      trials += count;
      loss[row] += log_factorial(count);
      if (count != 0.0) loss[row] += count * surprise[d];
    }
    loss[row] -= log_factorial(trials);
  }
  return loss;
}

Vector multinomial_backward(const Vector& logits, const Vector& x, double scale, std::size_t B, std::size_t L,
                            std::size_t D) {
  Vector dlogits;
  for (std::size_t row = 0; row < B * L; ++row) {
    const Vector p = softmax(logits.data() + row * D, D);
    double trials = 0.0;
    for (std::size_t d = 0; d < D; ++d) trials += x[row / L * D + d];
    for (std::size_t d = 0; d < D; ++d) dlogits.push_back(scale * (trials * p[d] - x[row / L * D + d]));
  }
  return dlogits;
}

Vector poisson_forward(const Vector& log_rate, const Vector& x, std::size_t B, std::size_t L, std::size_t D) {
  Vector loss(B * L);
  for (std::size_t i = 0; i < B * L * D; ++i) {
    const double r = log_rate_of(log_rate[i]), count = x[i / (L * D) * D + i % D];
    loss[i / D] += std::exp(r) - count * r + log_factorial(count);
  }
  return loss;
}

Vector poisson_backward(const Vector& log_rate, const Vector& x, double scale, std::size_t B, std::size_t L,
                        std::size_t D) {
  Vector dlog_rate;
  for (std::size_t i = 0; i < B * L * D; ++i) {
    const double chain = sigmoid(static_cast<double>(POISSON_LOG_RATE_MAX) - log_rate[i]);
    dlog_rate.push_back(scale * chain * (std::exp(log_rate_of(log_rate[i])) - x[i / (L * D) * D + i % D]));
  }
  return dlog_rate;
}

Vector poisson_mean(const Vector& log_rate) {
  Vector mean;
  for (const double r : log_rate) mean.push_back(std::exp(log_rate_of(r)));
  return mean;
}

namespace {

// The index of Φ_ij.
std::size_t entry(std::size_t i, std::size_t j) { return i * (i - 1) / 2 + j; }

// x − mean of one row.
Vector distance_of(const Vector& mean, const Vector& x, std::size_t row, std::size_t L, std::size_t D) {
  Vector distance;
  for (std::size_t i = 0; i < D; ++i) distance.push_back(x[row / L * D + i] - mean[row * D + i]);
  return distance;
}

// (I − Φ) distance.
Vector residual_of(const Vector& distance, const double* regression) {
  Vector residual = distance;
  for (std::size_t i = 0; i < distance.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) residual[i] -= regression[entry(i, j)] * distance[j];
  }
  return residual;
}

// The lower triangular K of C = K Kᵀ.
Vector cholesky(Vector C, std::size_t D) {
  for (std::size_t k = 0; k < D; ++k) {
    for (std::size_t l = 0; l <= k; ++l) {
      double value = C[k * D + l];
      for (std::size_t m = 0; m < l; ++m) value -= C[k * D + m] * C[l * D + m];
      C[k * D + l] = l == k ? std::sqrt(value) : value / C[l * D + l];
    }
    for (std::size_t l = k + 1; l < D; ++l) C[k * D + l] = 0.0;
  }
  return C;
}

// C⁻¹ v.
Vector solve(const Vector& K, Vector v) {
  const std::size_t D = v.size();
  for (std::size_t k = 0; k < D; ++k) {
    for (std::size_t m = 0; m < k; ++m) v[k] -= K[k * D + m] * v[m];
    v[k] /= K[k * D + k];
  }
  for (std::size_t k = D; k-- > 0;) {
    for (std::size_t m = k + 1; m < D; ++m) v[k] -= K[m * D + k] * v[m];
    v[k] /= K[k * D + k];
  }
  return v;
}

}  // namespace

double gaussian_density_loss(const Vector& mean, const Vector& covariance, const Vector& x) {
  const std::size_t D = mean.size();
  const Vector K = cholesky(covariance, D), distance = distance_of(mean, x, 0, 1, D), solved = solve(K, distance);
  double loss = 0.5 * static_cast<double>(D) * std::log(2.0 * std::numbers::pi);
  for (std::size_t i = 0; i < D; ++i) loss += std::log(K[i * D + i]) + 0.5 * distance[i] * solved[i];
  return loss;
}

Vector full_covariance_matrix(const Vector& log_variance, const Vector& regression, std::size_t row, std::size_t D) {
  const double* phi = regression.data() + row * (D * (D - 1) / 2);
  // L = (I − Φ)⁻¹ S, row after row.
  Vector factor(D * D), C(D * D);
  for (std::size_t i = 0; i < D; ++i) {
    factor[i * D + i] = std::exp(0.5 * log_variance[row * D + i]);
    for (std::size_t j = 0; j < i; ++j) {
      for (std::size_t k = 0; k <= j; ++k) factor[i * D + k] += phi[entry(i, j)] * factor[j * D + k];
    }
  }
  for (std::size_t i = 0; i < D * D; ++i) {
    for (std::size_t k = 0; k < D; ++k) C[i] += factor[i / D * D + k] * factor[i % D * D + k];
  }
  return C;
}

Vector full_covariance_forward(const Vector& mean, const Vector& log_variance, const Vector& regression,
                               const Vector& x, std::size_t B, std::size_t L, std::size_t D) {
  Vector loss(B * L);
  for (std::size_t row = 0; row < B * L; ++row) {
    const Vector e = residual_of(distance_of(mean, x, row, L, D), regression.data() + row * (D * (D - 1) / 2));
    for (std::size_t i = 0; i < D; ++i) {
      const double v = log_variance[row * D + i];
      loss[row] += 0.5 * (std::log(2.0 * std::numbers::pi) + v + e[i] * e[i] * std::exp(-v));
    }
  }
  return loss;
}

CovarianceGradient full_covariance_backward(const Vector& mean, const Vector& log_variance, const Vector& regression,
                                            const Vector& x, double scale, std::size_t B, std::size_t L,
                                            std::size_t D) {
  const std::size_t entries = D * (D - 1) / 2;
  CovarianceGradient gradient{Vector(B * L * D), Vector(B * L * D), Vector(B * L * entries)};
  for (std::size_t row = 0; row < B * L; ++row) {
    const double* phi = regression.data() + row * entries;
    const Vector distance = distance_of(mean, x, row, L, D), e = residual_of(distance, phi);
    for (std::size_t i = 0; i < D; ++i) {
      const double slope = scale * e[i] * std::exp(-log_variance[row * D + i]);
      gradient.dlog_variance[row * D + i] = 0.5 * (scale - e[i] * slope);
      gradient.dmean[row * D + i] -= slope;
      for (std::size_t j = 0; j < i; ++j) {
        gradient.dmean[row * D + j] += phi[entry(i, j)] * slope;
        gradient.down[row * entries + entry(i, j)] = -slope * distance[j];
      }
    }
  }
  return gradient;
}

Vector low_rank_matrix(const Vector& log_variance, const Vector& factor, std::size_t row, std::size_t D,
                       std::size_t rank) {
  const double* w = factor.data() + row * D * rank;
  Vector C(D * D);
  for (std::size_t i = 0; i < D * D; ++i) {
    for (std::size_t k = 0; k < rank; ++k) C[i] += w[i / D * rank + k] * w[i % D * rank + k];
    if (i / D == i % D) C[i] += std::exp(log_variance[row * D + i / D]);
  }
  return C;
}

Vector low_rank_forward(const Vector& mean, const Vector& log_variance, const Vector& factor, const Vector& x,
                        std::size_t B, std::size_t L, std::size_t D, std::size_t rank) {
  Vector loss;
  for (std::size_t row = 0; row < B * L; ++row) {
    const auto part = [&](const Vector& all, std::size_t r) {
      return Vector(all.begin() + static_cast<std::ptrdiff_t>(r * D),
                    all.begin() + static_cast<std::ptrdiff_t>(r * D + D));
    };
    const Vector C = low_rank_matrix(log_variance, factor, row, D, rank);
    loss.push_back(gaussian_density_loss(part(mean, row), C, part(x, row / L)));
  }
  return loss;
}

CovarianceGradient low_rank_backward(const Vector& mean, const Vector& log_variance, const Vector& factor,
                                     const Vector& x, double scale, std::size_t B, std::size_t L, std::size_t D,
                                     std::size_t rank) {
  CovarianceGradient gradient{Vector(B * L * D), Vector(B * L * D), Vector(B * L * D * rank)};
  for (std::size_t row = 0; row < B * L; ++row) {
    const Vector K = cholesky(low_rank_matrix(log_variance, factor, row, D, rank), D);
    const Vector a = solve(K, distance_of(mean, x, row, L, D));
    for (std::size_t i = 0; i < D; ++i) {
      Vector unit(D);
      unit[i] = 1.0;
      const Vector inverse = solve(K, unit);  // row i of C⁻¹
      gradient.dmean[row * D + i] = -scale * a[i];
      gradient.dlog_variance[row * D + i] =
          0.5 * scale * (inverse[i] - a[i] * a[i]) * std::exp(log_variance[row * D + i]);
      // ∂/∂C = ½ (C⁻¹ − a aᵀ), and W counts twice in C.
      for (std::size_t j = 0; j < D; ++j) {
        for (std::size_t k = 0; k < rank; ++k) {
          gradient.down[(row * D + i) * rank + k] +=
              scale * (inverse[j] - a[i] * a[j]) * factor[(row * D + j) * rank + k];
        }
      }
    }
  }
  return gradient;
}

namespace {

// [D]: bounded, or the constant.
Vector shared_log_dispersion(const LikelihoodSpec& spec, const Vector& raw, std::size_t D) {
  if (spec.dispersion == DispersionType::fixed) return Vector(D, std::log(spec.fixed_dispersion));
  Vector shared;
  for (std::size_t d = 0; d < D; ++d) {
    shared.push_back(soft_bound(raw[d % raw.size()], spec.log_dispersion_min, spec.log_dispersion_max));
  }
  return shared;
}

// [R, D]: of each row, whether shared or not.
Vector log_variance_of_rows(const LikelihoodSpec& spec, const std::vector<Vector>& heads, const Vector& raw,
                            std::size_t R, std::size_t D) {
  Vector all;
  if (spec.dispersion == DispersionType::perDatum) {
    for (const double value : heads[1]) {
      all.push_back(soft_bound(value, spec.log_dispersion_min, spec.log_dispersion_max));
    }
    return all;
  }
  const Vector shared = shared_log_dispersion(spec, raw, D);
  for (std::size_t r = 0; r < R; ++r) all.insert(all.end(), shared.begin(), shared.end());
  return all;
}

Vector covariance_loss(const LikelihoodSpec& spec, const std::vector<Vector>& heads, const Vector& raw, const Vector& x,
                       std::size_t B, std::size_t L, std::size_t D) {
  const Vector log_variance = log_variance_of_rows(spec, heads, raw, B * L, D);
  if (spec.covariance == CovarianceType::full) {
    return full_covariance_forward(heads[0], log_variance, heads.back(), x, B, L, D);
  }
  return low_rank_forward(heads[0], log_variance, heads.back(), x, B, L, D, spec.rank);
}

// Writes the gradients by the heads and, of a shared one, by the bounded log-variance.
void covariance_gradient(const LikelihoodSpec& spec, const std::vector<Vector>& heads, const Vector& raw,
                         const Vector& x, double scale, std::size_t B, std::size_t L, std::size_t D,
                         std::vector<Vector>* dheads, Vector* dshared) {
  const Vector log_variance = log_variance_of_rows(spec, heads, raw, B * L, D);
  CovarianceGradient d = spec.covariance == CovarianceType::full
                             ? full_covariance_backward(heads[0], log_variance, heads.back(), x, scale, B, L, D)
                             : low_rank_backward(heads[0], log_variance, heads.back(), x, scale, B, L, D, spec.rank);
  *dheads = {d.dmean};
  for (std::size_t i = 0; i < B * L * D; ++i) (*dshared)[i % D] += d.dlog_variance[i];
  if (spec.dispersion == DispersionType::perDatum) {
    for (std::size_t i = 0; i < B * L * D; ++i) {
      d.dlog_variance[i] *= soft_bound_derivative(heads[1][i], spec.log_dispersion_min, spec.log_dispersion_max);
    }
    dheads->push_back(d.dlog_variance);
  }
  dheads->push_back(d.down);
}

}  // namespace

Vector likelihood_loss(const LikelihoodSpec& spec, const std::vector<Vector>& heads, const Vector& raw, const Vector& x,
                       std::size_t B, std::size_t L, std::size_t D) {
  const double min = spec.log_dispersion_min, max = spec.log_dispersion_max;
  const bool per_datum = spec.dispersion == DispersionType::perDatum;
  switch (spec.type) {
    case LikelihoodType::bernoulli:
      return bernoulli_forward(heads[0], x, B, L, D);
    case LikelihoodType::continuousBernoulli:
      return continuous_bernoulli_forward(heads[0], x, B, L, D);
    case LikelihoodType::gaussian:
      if (spec.covariance != CovarianceType::diagonal) return covariance_loss(spec, heads, raw, x, B, L, D);
      if (per_datum) return gaussian_datum_forward(heads[0], heads[1], min, max, x, B, L, D);
      return gaussian_forward(heads[0], shared_log_dispersion(spec, raw, D), x, B, L, D);
    case LikelihoodType::laplace:
      if (per_datum) return laplace_datum_forward(heads[0], heads[1], min, max, x, B, L, D);
      return laplace_forward(heads[0], shared_log_dispersion(spec, raw, D), x, B, L, D);
    case LikelihoodType::categorical:
      return categorical_forward(heads[0], x, spec.classes, B, L);
    case LikelihoodType::multinomial:
      return multinomial_forward(heads[0], x, B, L, D);
    case LikelihoodType::poisson:
      return poisson_forward(heads[0], x, B, L, D);
  }
  return {};
}

LikelihoodGradient likelihood_gradient(const LikelihoodSpec& spec, const std::vector<Vector>& heads, const Vector& raw,
                                       const Vector& x, double scale, std::size_t B, std::size_t L, std::size_t D) {
  const double min = spec.log_dispersion_min, max = spec.log_dispersion_max;
  const bool per_datum = spec.dispersion == DispersionType::perDatum;
  LikelihoodGradient gradient;
  Vector dshared(D);  // by the bounded log-dispersions
  switch (spec.type) {
    case LikelihoodType::bernoulli:
      gradient.dheads = {bernoulli_backward(heads[0], x, scale, B, L, D)};
      break;
    case LikelihoodType::continuousBernoulli:
      gradient.dheads = {continuous_bernoulli_backward(heads[0], x, scale, B, L, D)};
      break;
    case LikelihoodType::gaussian:
      if (spec.covariance != CovarianceType::diagonal) {
        covariance_gradient(spec, heads, raw, x, scale, B, L, D, &gradient.dheads, &dshared);
      } else if (per_datum) {
        const GaussianGradient d = gaussian_datum_backward(heads[0], heads[1], min, max, x, scale, B, L, D);
        gradient.dheads = {d.dmean, d.dlog_variance};
      } else {
        const GaussianGradient d =
            gaussian_likelihood_backward(heads[0], shared_log_dispersion(spec, raw, D), x, scale, B, L, D);
        gradient.dheads = {d.dmean};
        dshared = d.dlog_variance;
      }
      break;
    case LikelihoodType::laplace:
      if (per_datum) {
        const LaplaceGradient d = laplace_datum_backward(heads[0], heads[1], min, max, x, scale, B, L, D);
        gradient.dheads = {d.dmean, d.dlog_scale};
      } else {
        const LaplaceGradient d = laplace_backward(heads[0], shared_log_dispersion(spec, raw, D), x, scale, B, L, D);
        gradient.dheads = {d.dmean};
        for (std::size_t i = 0; i < B * L * D; ++i) dshared[i % D] += d.dlog_scale[i];
      }
      break;
    case LikelihoodType::categorical:
      gradient.dheads = {categorical_backward(heads[0], x, spec.classes, scale, B, L)};
      break;
    case LikelihoodType::multinomial:
      gradient.dheads = {multinomial_backward(heads[0], x, scale, B, L, D)};
      break;
    case LikelihoodType::poisson:
      gradient.dheads = {poisson_backward(heads[0], x, scale, B, L, D)};
      break;
  }
  if (!raw.empty()) {
    gradient.d_raw.assign(raw.size(), 0.0);
    for (std::size_t d = 0; d < D; ++d) {
      gradient.d_raw[d % raw.size()] += dshared[d] * soft_bound_derivative(raw[d % raw.size()], min, max);
    }
  }
  return gradient;
}

Vector likelihood_mean(const LikelihoodSpec& spec, const std::vector<Vector>& heads, std::size_t R, std::size_t D) {
  switch (spec.type) {
    case LikelihoodType::bernoulli:
      return bernoulli_mean(heads[0]);
    case LikelihoodType::continuousBernoulli:
      return continuous_bernoulli_mean(heads[0]);
    case LikelihoodType::categorical:
      return categorical_mean(heads[0], spec.classes, R);
    case LikelihoodType::multinomial:
      return categorical_mean(heads[0], {D}, R);
    case LikelihoodType::poisson:
      return poisson_mean(heads[0]);
    case LikelihoodType::gaussian:
    case LikelihoodType::laplace:
      break;
  }
  return heads[0];
}

}  // namespace aevb::reference
