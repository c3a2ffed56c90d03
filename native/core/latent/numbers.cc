// The rows of the families whose z are shifted and scaled numbers: Gaussian, Laplace, logistic.

#include "latent/full_gaussian.h"
#include "latent/kind.h"
#include "latent/location_scale.h"

namespace aevb {

namespace {

std::size_t no_classes(const LatentSpec&) { return 0; }

std::vector<PosteriorHead> gaussian_heads(const LatentSpec& spec) {
  const std::size_t U = spec.units;
  if (has_full_covariance(spec)) return {{"mean", U}, {"logVariance", U}, {"cholesky", U * (U - 1) / 2}};
  return {{"mean", U}, {"logVariance", U}};
}

std::vector<PosteriorHead> scale_heads(const LatentSpec& spec) {
  return {{"mean", spec.units}, {"logScale", spec.units}};
}

std::size_t dimensions(const LatentSpec& spec) { return has_full_covariance(spec) ? 1 : spec.units; }

std::size_t scratch_floats(const LatentSpec& spec) {
  return has_full_covariance(spec) ? full_gaussian_scratch_floats(spec.units) : 0;
}

void sample(Panels z, const LatentSpec& spec, const ConstPanels* heads, const LatentNoise& noise, std::size_t B,
            std::size_t L) {
  location_scale_sample(z, spec.type, heads[0], heads[1], noise.eps, B, L, spec.units);
  if (has_full_covariance(spec) && noise.eps.data != nullptr) {
    full_gaussian_sample(z, heads[2], noise.eps, B, L, spec.units);
  }
}

void sample_backward(const Panels* dheads, const LatentSpec& spec, const ConstPanels* heads, const LatentNoise& noise,
                     ConstPanels, ConstPanels dz, std::size_t B, std::size_t L) {
  location_scale_sample_backward(dheads[0], dheads[1], spec.type, heads[1], noise.eps, dz, B, L, spec.units);
  if (has_full_covariance(spec)) full_gaussian_sample_backward(dheads[2], noise.eps, dz, B, L, spec.units);
}

void log_posterior(double* log_q, const LatentSpec& spec, const ConstPanels* heads, ConstPanels z, ConstPanels eps,
                   std::size_t B, std::size_t L) {
  location_scale_log_density(log_q, spec.type, heads[0], heads[1], z, eps, B, L, spec.units);
}

void log_posterior_backward_z(Panels dz, const LatentSpec& spec, const ConstPanels* heads, ConstPanels z,
                              ConstPanels eps, const float* weight, float* scratch, std::size_t B, std::size_t L) {
  if (has_full_covariance(spec)) {
    full_gaussian_log_density_backward_z(dz, heads[1], heads[2], eps, weight, scratch, B, L, spec.units);
  } else {
    location_scale_log_density_backward_z(dz, spec.type, heads[0], heads[1], z, eps, weight, B, L, spec.units);
  }
}

void log_posterior_backward_heads(const Panels* dheads, const LatentSpec& spec, const ConstPanels* heads, ConstPanels z,
                                  ConstPanels eps, const float* weight, float* scratch, std::size_t B, std::size_t L) {
  if (has_full_covariance(spec)) {
    full_gaussian_log_density_backward_heads(dheads[0], dheads[1], dheads[2], heads[1], heads[2], eps, weight, scratch,
                                             B, L, spec.units);
  } else {
    location_scale_log_density_backward_heads(dheads[0], dheads[1], spec.type, heads[0], heads[1], z, eps, weight, B, L,
                                              spec.units);
  }
}

void kl(double* kl, const LatentSpec& spec, const ConstPanels* heads, const NormalPrior& prior, std::size_t B) {
  location_scale_kl(kl, spec.type, heads[0], heads[1], prior, dimensions(spec), B, spec.units);
  if (has_full_covariance(spec)) full_gaussian_kl(kl, heads[2], prior, B, spec.units);
}

void kl_backward(const Panels* dheads, Panels dprior, const LatentSpec& spec, const ConstPanels* heads,
                 const NormalPrior& prior, const float* weight, std::size_t B) {
  location_scale_kl_backward(dheads[0], dheads[1], dprior, spec.type, heads[0], heads[1], prior, weight,
                             dimensions(spec), B, spec.units);
  if (has_full_covariance(spec)) {
    full_gaussian_kl_backward(dheads[2], dprior, heads[2], prior, weight[0], B, spec.units);
  }
}

constexpr PosteriorKind numbers(std::vector<PosteriorHead> (*heads)(const LatentSpec&), const SpreadBound* bound,
                                FillNoise noise) {
  return {no_classes,
          heads,
          bound,
          units_of,
          dimensions,
          scratch_floats,
          noise,
          sample,
          sample_backward,
          log_posterior,
          log_posterior_backward_z,
          log_posterior_backward_heads,
          kl,
          kl_backward};
}

}  // namespace

const PosteriorKind GAUSSIAN_POSTERIOR = numbers(gaussian_heads, &LOG_VARIANCE_BOUND, fill_normal);
const PosteriorKind LAPLACE_POSTERIOR = numbers(scale_heads, &LOG_SCALE_BOUND, fill_laplace);
const PosteriorKind LOGISTIC_POSTERIOR = numbers(scale_heads, &LOG_SCALE_BOUND, fill_logistic);

}  // namespace aevb
