#include "reference/latent.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace aevb::reference {

namespace {

const double LOG_2_PI = std::log(2.0 * std::numbers::pi);

bool discrete_variables(const LatentSpec& spec) {
  return spec.type == PosteriorType::categorical || spec.type == PosteriorType::bernoulli;
}
bool full_covariance(const LatentSpec& spec) {
  return spec.type == PosteriorType::gaussian && spec.full_covariance && spec.units > 1;
}

// log σ = factor · spread
double log_scale_factor(PosteriorType type) { return type == PosteriorType::gaussian ? 0.5 : 1.0; }

double log_standard_density(PosteriorType type, double u) {
  switch (type) {
    case PosteriorType::laplace:
      return -std::abs(u) - std::log(2.0);
    case PosteriorType::logistic:
      return -u - 2.0 * std::log(1.0 + std::exp(-u));
    default:
      return -0.5 * u * u - 0.5 * LOG_2_PI;
  }
}
double standard_score(PosteriorType type, double u) {
  switch (type) {
    case PosteriorType::laplace:
      return u > 0.0 ? -1.0 : u < 0.0 ? 1.0 : 0.0;
    case PosteriorType::logistic:
      return -std::tanh(0.5 * u);
    default:
      return -u;
  }
}
// The variance and the entropy of f.
double standard_variance(PosteriorType type) {
  switch (type) {
    case PosteriorType::laplace:
      return 2.0;
    case PosteriorType::logistic:
      return std::numbers::pi * std::numbers::pi / 3.0;
    default:
      return 1.0;
  }
}
double standard_entropy(PosteriorType type) {
  switch (type) {
    case PosteriorType::laplace:
      return 1.0 + std::log(2.0);
    case PosteriorType::logistic:
      return 2.0;
    default:
      return 0.5 * (1.0 + LOG_2_PI);
  }
}

// The lower triangular L of datum b, [U, U].
Vector factor_of(const LatentSpec& spec, const Heads& heads, std::size_t b) {
  const std::size_t U = spec.units;
  Vector factor(U * U);
  for (std::size_t i = 0; i < U; ++i) {
    factor[i * U + i] = std::exp(log_scale_factor(spec.type) * heads[1][b * U + i]);
    if (!full_covariance(spec)) continue;
    for (std::size_t j = 0; j < i; ++j) factor[i * U + j] = heads[2][b * (U * (U - 1) / 2) + i * (i - 1) / 2 + j];
  }
  return factor;
}

// u[U] = L⁻¹ (z − mean) of row r, or what it was made of.
Vector standardized(const LatentSpec& spec, const Heads& heads, const Vector& z, const Vector& eps,
                    const Vector& factor, std::size_t b, std::size_t r) {
  const std::size_t U = spec.units;
  Vector u(U);
  for (std::size_t i = 0; i < U; ++i) {
    if (!eps.empty()) {
      u[i] = eps[r * U + i];
      continue;
    }
    double rest = z[r * U + i] - heads[0][b * U + i];
    for (std::size_t j = 0; j < i && full_covariance(spec); ++j) rest -= factor[i * U + j] * u[j];
    u[i] = rest / factor[i * U + i];
  }
  return u;
}

// L⁻ᵀ ψ[U]
Vector solve_transposed(const LatentSpec& spec, Vector a, const Vector& factor) {
  const std::size_t U = a.size();
  for (std::size_t i = U; i-- > 0;) {
    for (std::size_t k = i + 1; k < U && full_covariance(spec); ++k) a[i] -= factor[k * U + i] * a[k];
    a[i] /= factor[i * U + i];
  }
  return a;
}

Vector softmax(const double* scores, std::size_t K) {
  const double top = *std::max_element(scores, scores + K);
  Vector result(K);
  double total = 0.0;
  for (std::size_t k = 0; k < K; ++k) total += result[k] = std::exp(scores[k] - top);
  for (double& value : result) value /= total;
  return result;
}

double sigmoid(double v) { return 1.0 / (1.0 + std::exp(-v)); }
double softplus(double v) { return std::max(v, 0.0) + std::log1p(std::exp(-std::abs(v))); }

// A Bernoulli variable has one column, whose other class has the score 0.
std::size_t columns_of(const LatentSpec& spec) { return spec.type == PosteriorType::categorical ? spec.classes : 1; }

// The relaxed value of every variable of row r.
Vector relaxed(const LatentSpec& spec, const Heads& heads, const Vector& eps, double temperature, std::size_t b,
               std::size_t r) {
  const std::size_t K = columns_of(spec);
  const std::size_t Z = spec.units * K;
  Vector y(Z);
  for (std::size_t i = 0; i < Z; ++i) {
    y[i] = (heads[0][b * Z + i] + (eps.empty() ? 0.0 : eps[r * Z + i])) / temperature;
  }
  for (std::size_t v = 0; v < spec.units; ++v) {
    if (spec.type == PosteriorType::bernoulli) {
      y[v] = sigmoid(y[v]);
    } else {
      const Vector shares = softmax(&y[v * K], K);
      std::copy(shares.begin(), shares.end(), y.begin() + static_cast<std::ptrdiff_t>(v * K));
    }
  }
  return y;
}

struct Normal {
  Vector mean, log_variance;
};
Normal normal_prior(const LatentSpec& spec, const Vector& prior) {
  const std::size_t U = spec.units;
  Normal normal{Vector(U), Vector(U)};
  if (spec.prior.type != PriorType::normal) return normal;
  for (std::size_t i = 0; i < U; ++i) {
    normal.mean[i] = spec.prior.learned ? prior[i] : spec.prior.mean[i];
    normal.log_variance[i] = spec.prior.learned ? prior[U + i] : std::log(spec.prior.variance[i]);
  }
  return normal;
}

// log π_k N(z; mean_k, …) of every component.
Vector component_log_densities(const LatentSpec& spec, const Vector& prior, const double* z) {
  const std::size_t U = spec.units;
  const std::size_t K = spec.prior.components;
  const Vector shares = softmax(prior.data(), K);
  Vector result(K);
  for (std::size_t k = 0; k < K; ++k) {
    result[k] = std::log(shares[k]);
    for (std::size_t i = 0; i < U; ++i) {
      const double log_variance = prior[K + K * U + k * U + i];
      const double difference = z[i] - prior[K + k * U + i];
      result[k] -= 0.5 * (LOG_2_PI + log_variance + difference * difference * std::exp(-log_variance));
    }
  }
  return result;
}

bool mixture(const LatentSpec& spec) { return spec.prior.type == PriorType::mixture; }

Heads zero_heads(const Heads& heads) {
  Heads result;
  for (const Vector& head : heads) result.emplace_back(head.size());
  return result;
}

struct Noise {
  Vector eps;
  double temperature;
  bool hard;
};
Noise noise_of(const LatentSpec& spec, const Vector& eps, const LatentState& state) {
  if (state.deterministic) return {{}, 1.0, state.discrete};
  return {eps, static_cast<double>(state.temperature), state.discrete || spec.straight_through};
}

}  // namespace

Vector latent_noise(const LatentSpec& spec, std::size_t R, std::uint64_t seed, Purpose purpose, std::uint32_t step,
                    std::uint32_t first_row, std::uint32_t group) {
  const std::size_t cols = latent_noise_width(spec);
  const std::array<std::uint32_t, 2> key{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
  Vector out(R * cols);
  for (std::size_t r = 0; r < R; ++r) {
    for (std::size_t c = 0; c < cols; ++c) {
      const std::array<std::uint32_t, 4> word =
          philox4x32_10({static_cast<std::uint32_t>(c / 4) + (group << 20), first_row + static_cast<std::uint32_t>(r),
                         step, static_cast<std::uint32_t>(purpose)},
                        key);
      if (spec.type == PosteriorType::gaussian) {
        const std::size_t pair = c % 4 / 2 * 2;
        const float a = (static_cast<float>(word[pair] >> 1) + 0.5f) * 0x1p-31f;
        const double t = 2.0 * std::numbers::pi * static_cast<double>(word[pair + 1] >> 8) * 0x1p-24;
        const double radius = std::sqrt(-2.0 * std::log(static_cast<double>(a)));
        out[r * cols + c] = radius * (c % 2 == 0 ? std::cos(t) : std::sin(t));
        continue;
      }
      const bool upper = word[c % 4] >> 31 != 0;
      const std::uint32_t magnitude = upper ? ~word[c % 4] : word[c % 4];
      const double s = static_cast<double>((static_cast<float>(magnitude) + 0.5f) * 0x1p-32f);
      double value = 0.0;
      switch (spec.type) {
        case PosteriorType::laplace:
          value = upper ? -std::log(2.0 * s) : std::log(2.0 * s);
          break;
        case PosteriorType::categorical:
          value = -std::log(upper ? -std::log1p(-s) : -std::log(s));
          break;
        default:
          value = std::log(s) - std::log1p(-s);
          if (upper) value = -value;
          break;
      }
      out[r * cols + c] = value;
    }
  }
  return out;
}

Vector latent_sample(const LatentSpec& spec, const Heads& heads, const Vector& eps, const LatentState& state,
                     std::size_t B, std::size_t L) {
  const Noise noise = noise_of(spec, eps, state);
  const std::size_t Z = latent_width(spec);
  Vector z(B * L * Z);
  for (std::size_t r = 0; r < B * L; ++r) {
    const std::size_t b = r / L;
    if (!discrete_variables(spec)) {
      const Vector factor = factor_of(spec, heads, b);
      for (std::size_t i = 0; i < Z; ++i) {
        z[r * Z + i] = heads[0][b * Z + i];
        for (std::size_t j = 0; j <= i && !noise.eps.empty(); ++j)
          z[r * Z + i] += factor[i * Z + j] * noise.eps[r * Z + j];
      }
      continue;
    }
    Vector y = relaxed(spec, heads, noise.eps, noise.temperature, b, r);
    if (noise.hard) {
      const std::size_t K = columns_of(spec);
      for (std::size_t v = 0; v < spec.units; ++v) {
        const auto first = y.begin() + static_cast<std::ptrdiff_t>(v * K);
        if (K == 1 && spec.type == PosteriorType::bernoulli) {
          *first = *first > 0.5 ? 1.0 : 0.0;
        } else {
          const auto last = first + static_cast<std::ptrdiff_t>(K);
          const auto hot = std::max_element(first, last);
          std::fill(first, last, 0.0);
          *hot = 1.0;
        }
      }
    }
    std::copy(y.begin(), y.end(), z.begin() + static_cast<std::ptrdiff_t>(r * Z));
  }
  return z;
}

Vector latent_mean(const LatentSpec& spec, const Heads& heads, std::size_t B) {
  if (!discrete_variables(spec)) return heads[0];
  Vector mean;
  for (std::size_t b = 0; b < B; ++b) {
    const Vector row = relaxed(spec, heads, {}, 1.0, b, b);
    mean.insert(mean.end(), row.begin(), row.end());
  }
  return mean;
}

Vector latent_log_posterior(const LatentSpec& spec, const Heads& heads, const Vector& z, const Vector& eps,
                            std::size_t B, std::size_t L) {
  const std::size_t Z = latent_width(spec);
  const std::size_t K = columns_of(spec);
  Vector log_q(B * L);
  for (std::size_t r = 0; r < B * L; ++r) {
    const std::size_t b = r / L;
    if (spec.type == PosteriorType::bernoulli) {
      for (std::size_t i = 0; i < Z; ++i) {
        const double logit = heads[0][b * Z + i];
        log_q[r] -= z[r * Z + i] * softplus(-logit) + (1.0 - z[r * Z + i]) * softplus(logit);
      }
    } else if (spec.type == PosteriorType::categorical) {
      for (std::size_t v = 0; v < spec.units; ++v) {
        const Vector shares = softmax(&heads[0][b * Z + v * K], K);
        for (std::size_t k = 0; k < K; ++k) log_q[r] += z[r * Z + v * K + k] * std::log(shares[k]);
      }
    } else {
      const Vector factor = factor_of(spec, heads, b);
      const Vector u = standardized(spec, heads, z, eps, factor, b, r);
      for (std::size_t i = 0; i < Z; ++i)
        log_q[r] += log_standard_density(spec.type, u[i]) - std::log(factor[i * Z + i]);
    }
  }
  return log_q;
}

Vector latent_log_prior(const LatentSpec& spec, const Vector& prior, const Vector& z, std::size_t R) {
  const std::size_t U = spec.units;
  Vector log_p(R);
  for (std::size_t r = 0; r < R; ++r) {
    if (discrete_variables(spec)) {
      const double classes = spec.type == PosteriorType::bernoulli ? 2.0 : static_cast<double>(spec.classes);
      log_p[r] = -static_cast<double>(U) * std::log(classes);
    } else if (mixture(spec)) {
      const Vector each = component_log_densities(spec, prior, &z[r * U]);
      const double top = *std::max_element(each.begin(), each.end());
      double total = 0.0;
      for (const double value : each) total += std::exp(value - top);
      log_p[r] = top + std::log(total);
    } else {
      const Normal normal = normal_prior(spec, prior);
      for (std::size_t i = 0; i < U; ++i) {
        const double difference = z[r * U + i] - normal.mean[i];
        log_p[r] -=
            0.5 * (LOG_2_PI + normal.log_variance[i] + difference * difference * std::exp(-normal.log_variance[i]));
      }
    }
  }
  return log_p;
}

Vector latent_kl(const LatentSpec& spec, const Heads& heads, const Vector& prior, std::size_t B) {
  const std::size_t U = spec.units;
  const std::size_t K = columns_of(spec);
  const std::size_t dimensions = latent_dimensions(spec);
  Vector kl(B * dimensions);
  const Normal normal = normal_prior(spec, prior);
  for (std::size_t b = 0; b < B; ++b) {
    const Vector factor = discrete_variables(spec) ? Vector{} : factor_of(spec, heads, b);
    for (std::size_t i = 0; i < U; ++i) {
      double value = 0.0;
      if (spec.type == PosteriorType::bernoulli) {
        const double p = sigmoid(heads[0][b * U + i]);
        value = -p * softplus(-heads[0][b * U + i]) - (1.0 - p) * softplus(heads[0][b * U + i]) + std::log(2.0);
      } else if (spec.type == PosteriorType::categorical) {
        for (const double share : softmax(&heads[0][(b * U + i) * K], K)) value += share * std::log(share);
        value += std::log(static_cast<double>(K));
      } else {
        // −entropy of q, and the expectation of −log p.
        double variance = 0.0;
        for (std::size_t j = 0; j <= i; ++j) variance += factor[i * U + j] * factor[i * U + j];
        const double difference = heads[0][b * U + i] - normal.mean[i];
        const double square = standard_variance(spec.type) * variance + difference * difference;
        value = -standard_entropy(spec.type) - std::log(factor[i * U + i]) +
                0.5 * (LOG_2_PI + normal.log_variance[i] + square * std::exp(-normal.log_variance[i]));
      }
      kl[b * dimensions + (dimensions == 1 ? 0 : i)] += value;
    }
  }
  return kl;
}

Vector latent_log_posterior_backward_z(const LatentSpec& spec, const Heads& heads, const Vector& z, const Vector& eps,
                                       const Vector& weight, std::size_t B, std::size_t L) {
  const std::size_t Z = latent_width(spec);
  const std::size_t K = columns_of(spec);
  Vector dz(B * L * Z);
  for (std::size_t r = 0; r < B * L; ++r) {
    const std::size_t b = r / L;
    Vector slope(Z);
    if (spec.type == PosteriorType::bernoulli) {
      for (std::size_t i = 0; i < Z; ++i) slope[i] = heads[0][b * Z + i];
    } else if (spec.type == PosteriorType::categorical) {
      for (std::size_t v = 0; v < spec.units; ++v) {
        const Vector shares = softmax(&heads[0][b * Z + v * K], K);
        for (std::size_t k = 0; k < K; ++k) slope[v * K + k] = std::log(shares[k]);
      }
    } else {
      const Vector factor = factor_of(spec, heads, b);
      slope = standardized(spec, heads, z, eps, factor, b, r);
      for (double& value : slope) value = standard_score(spec.type, value);
      slope = solve_transposed(spec, slope, factor);
    }
    for (std::size_t i = 0; i < Z; ++i) dz[r * Z + i] = weight[r] * slope[i];
  }
  return dz;
}

Heads latent_log_posterior_backward_heads(const LatentSpec& spec, const Heads& heads, const Vector& z,
                                          const Vector& eps, const Vector& weight, std::size_t B, std::size_t L) {
  const std::size_t Z = latent_width(spec);
  const std::size_t K = columns_of(spec);
  Heads dheads = zero_heads(heads);
  for (std::size_t r = 0; r < B * L; ++r) {
    const std::size_t b = r / L;
    if (spec.type == PosteriorType::bernoulli) {
      for (std::size_t i = 0; i < Z; ++i) {
        dheads[0][b * Z + i] += weight[r] * (z[r * Z + i] - sigmoid(heads[0][b * Z + i]));
      }
    } else if (spec.type == PosteriorType::categorical) {
      for (std::size_t v = 0; v < spec.units; ++v) {
        const Vector shares = softmax(&heads[0][b * Z + v * K], K);
        double mass = 0.0;
        for (std::size_t k = 0; k < K; ++k) mass += z[r * Z + v * K + k];
        for (std::size_t k = 0; k < K; ++k) {
          dheads[0][b * Z + v * K + k] += weight[r] * (z[r * Z + v * K + k] - mass * shares[k]);
        }
      }
    } else {
      // ∂log q/∂L_ij = −a_i u_j with a = L⁻ᵀ ψ, and −1/L_ii beside it on the diagonal.
      const Vector factor = factor_of(spec, heads, b);
      const Vector u = standardized(spec, heads, z, eps, factor, b, r);
      Vector score = u;
      for (double& value : score) value = standard_score(spec.type, value);
      const Vector a = solve_transposed(spec, score, factor);
      for (std::size_t i = 0; i < Z; ++i) {
        const double diagonal = factor[i * Z + i];
        dheads[0][b * Z + i] -= weight[r] * a[i];
        dheads[1][b * Z + i] -= weight[r] * log_scale_factor(spec.type) * (1.0 + a[i] * u[i] * diagonal);
        if (!full_covariance(spec)) continue;
        for (std::size_t j = 0; j < i; ++j) {
          dheads[2][b * (Z * (Z - 1) / 2) + i * (i - 1) / 2 + j] -= weight[r] * a[i] * u[j];
        }
      }
    }
  }
  return dheads;
}

LogPriorGradient latent_log_prior_backward(const LatentSpec& spec, const Vector& prior, const Vector& z,
                                           const Vector& weight, std::size_t R) {
  const std::size_t U = spec.units;
  const std::size_t P = latent_prior_parameters(spec);
  LogPriorGradient gradient{Vector(R * latent_width(spec)), Vector(R * P)};
  if (discrete_variables(spec)) return gradient;
  for (std::size_t r = 0; r < R; ++r) {
    double* dprior = gradient.dprior.data() + r * P;
    if (mixture(spec)) {
      const std::size_t K = spec.prior.components;
      const Vector each = component_log_densities(spec, prior, &z[r * U]);
      const Vector responsibilities = softmax(each.data(), K);
      const Vector shares = softmax(prior.data(), K);
      for (std::size_t k = 0; k < K; ++k) {
        const double scale = weight[r] * responsibilities[k];
        dprior[k] = weight[r] * (responsibilities[k] - shares[k]);
        for (std::size_t i = 0; i < U; ++i) {
          const double difference = z[r * U + i] - prior[K + k * U + i];
          const double slope = difference * std::exp(-prior[K + K * U + k * U + i]);
          gradient.dz[r * U + i] -= scale * slope;
          dprior[K + k * U + i] = scale * slope;
          dprior[K + K * U + k * U + i] = scale * 0.5 * (slope * difference - 1.0);
        }
      }
      continue;
    }
    const Normal normal = normal_prior(spec, prior);
    for (std::size_t i = 0; i < U; ++i) {
      const double difference = z[r * U + i] - normal.mean[i];
      const double slope = difference * std::exp(-normal.log_variance[i]);
      gradient.dz[r * U + i] = -weight[r] * slope;
      if (P == 0) continue;
      dprior[i] = weight[r] * slope;
      dprior[U + i] = weight[r] * 0.5 * (slope * difference - 1.0);
    }
  }
  return gradient;
}

Heads latent_sample_backward(const LatentSpec& spec, const Heads& heads, const Vector& eps, const Vector& dz,
                             const LatentState& state, std::size_t B, std::size_t L) {
  const Noise noise = noise_of(spec, eps, state);
  const std::size_t Z = latent_width(spec);
  const std::size_t K = columns_of(spec);
  Heads dheads = zero_heads(heads);
  for (std::size_t r = 0; r < B * L; ++r) {
    const std::size_t b = r / L;
    if (!discrete_variables(spec)) {
      for (std::size_t i = 0; i < Z; ++i) {
        dheads[0][b * Z + i] += dz[r * Z + i];
        if (noise.eps.empty()) continue;
        const double factor = log_scale_factor(spec.type);
        dheads[1][b * Z + i] += dz[r * Z + i] * noise.eps[r * Z + i] * factor * std::exp(factor * heads[1][b * Z + i]);
        if (!full_covariance(spec)) continue;
        for (std::size_t j = 0; j < i; ++j) {
          dheads[2][b * (Z * (Z - 1) / 2) + i * (i - 1) / 2 + j] += dz[r * Z + i] * noise.eps[r * Z + j];
        }
      }
      continue;
    }
    const Vector y = relaxed(spec, heads, noise.eps, noise.temperature, b, r);
    for (std::size_t v = 0; v < spec.units; ++v) {
      double mean = 0.0;
      for (std::size_t k = 0; k < K; ++k) mean += y[v * K + k] * dz[r * Z + v * K + k];
      for (std::size_t k = 0; k < K; ++k) {
        const double share = y[v * K + k];
        const double slope = dz[r * Z + v * K + k];
        dheads[0][b * Z + v * K + k] +=
            share * (spec.type == PosteriorType::bernoulli ? slope * (1.0 - share) : slope - mean) / noise.temperature;
      }
    }
  }
  return dheads;
}

KlGradient latent_kl_backward(const LatentSpec& spec, const Heads& heads, const Vector& prior, const Vector& weight,
                              std::size_t B) {
  const std::size_t U = spec.units;
  const std::size_t K = columns_of(spec);
  const std::size_t P = latent_prior_parameters(spec);
  KlGradient gradient{zero_heads(heads), Vector(B * P)};
  const Normal normal = normal_prior(spec, prior);
  for (std::size_t b = 0; b < B; ++b) {
    const Vector factor = discrete_variables(spec) ? Vector{} : factor_of(spec, heads, b);
    for (std::size_t i = 0; i < U; ++i) {
      const double scale = weight[weight.size() == 1 ? 0 : i];
      if (spec.type == PosteriorType::bernoulli) {
        const double p = sigmoid(heads[0][b * U + i]);
        gradient.dheads[0][b * U + i] = scale * p * (1.0 - p) * heads[0][b * U + i];
      } else if (spec.type == PosteriorType::categorical) {
        const Vector shares = softmax(&heads[0][(b * U + i) * K], K);
        double mean = 0.0;
        for (const double share : shares) mean += share * std::log(share);
        for (std::size_t k = 0; k < K; ++k) {
          gradient.dheads[0][(b * U + i) * K + k] = scale * shares[k] * (std::log(shares[k]) - mean);
        }
      } else {
        const double precision = std::exp(-normal.log_variance[i]);
        const double difference = heads[0][b * U + i] - normal.mean[i];
        const double variance = standard_variance(spec.type) * factor[i * U + i] * factor[i * U + i];
        double square = variance + difference * difference;
        gradient.dheads[0][b * U + i] = scale * difference * precision;
        gradient.dheads[1][b * U + i] = scale * log_scale_factor(spec.type) * (variance * precision - 1.0);
        for (std::size_t j = 0; j < i; ++j) {
          if (!full_covariance(spec)) break;
          const double entry = factor[i * U + j];
          square += entry * entry;
          gradient.dheads[2][b * (U * (U - 1) / 2) + i * (i - 1) / 2 + j] = scale * entry * precision;
        }
        if (P == 0) continue;
        gradient.dprior[b * P + i] = -scale * difference * precision;
        gradient.dprior[b * P + U + i] = scale * 0.5 * (1.0 - square * precision);
      }
    }
  }
  return gradient;
}

}  // namespace aevb::reference
