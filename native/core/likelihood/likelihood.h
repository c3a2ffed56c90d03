// The registry of likelihoods: which heads the decoder ends in, and the loss of whole rows. A new likelihood is a
// file pair beside this one, with its row, and that row among LIKELIHOOD_KINDS (kind.h).
//
// B data, L draws of each, D features. heads[i] is the raw output [B L, likelihood_head_units] of the i-th head.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "spec/spec.h"
#include "tensor/panels.h"

namespace aevb {

// The names of the decoder's heads, dense layers without activation ("logits"; "mean", "logVariance"; "mean",
// "logScale"; "logRate"). A covariance's own stands behind those: "regression", "factor".
std::vector<const char*> likelihood_head_names(const LikelihoodSpec& spec);
// Outputs of the i-th: D, but for a covariance's own.
std::size_t likelihood_head_units(const LikelihoodSpec& spec, std::size_t head, std::size_t D);

// Whether so many features can have that covariance: see the limits in full_covariance.h and low_rank.h. A full one of
// a single feature is a diagonal one, and is to be said so.
bool covariance_fits(const LikelihoodSpec& spec, std::size_t D);

// What the cells of the data may be.
Domain likelihood_domain(const LikelihoodSpec& spec);

// How many log-dispersions (log-variances, log-scales) are parameters of their own: 0, 1 or D.
std::size_t shared_log_dispersions(const LikelihoodSpec& spec, std::size_t D);
// What they are called: "logVariance", "logScale". Empty without a dispersion.
std::string log_dispersion_name(const LikelihoodSpec& spec);

// By what power of the data's unit the dispersion is measured: a variance 2, a scale 1; 0 without one.
int dispersion_power(const LikelihoodSpec& spec);

// Whether the sum of a row is given, as a multinomial's trials are.
bool has_given_total(const LikelihoodSpec& spec);

// Whether the dispersion is a constant, which spec.fixed_dispersion says in the data's units.
bool has_fixed_dispersion(const LikelihoodSpec& spec);

// How many panels likelihood_forward_backward takes: the heads', and one more [B L, D] for a Laplace likelihood whose
// scale, or a Gaussian with a covariance whose variance is learned and shared, where each row's gradient of it is kept.
std::size_t likelihood_panels(const LikelihoodSpec& spec);
inline constexpr std::size_t MOST_LIKELIHOOD_PANELS = 3;

// Whether cells of such data may be missing. Not those of a covariance, of counts with a given total and of one-hot
// columns.
bool may_miss(const LikelihoodSpec& spec);
// What a missing cell of the target holds.
float missing_target(const LikelihoodSpec& spec);
// For data with missing cells, before likelihood_forward and likelihood_forward_backward: heads of missing cells get
// values whose loss and gradient are 0, if the likelihood has such. present[B, D], or [B, variables] of codes.
void neutralize_missing(const LikelihoodSpec& spec, const Panels* heads, ConstPanels present, std::size_t B,
                        std::size_t L, std::size_t D);

// shared[D]: the log-dispersion of each feature, from the `count` raw parameters or from the constant. Nothing is
// written if the likelihood has no use for it.
void fill_shared_log_dispersion(float* shared, const LikelihoodSpec& spec, const float* raw, std::size_t D);

// loss[B L] = −log p(x|z) of the cells that are present, nats; overwrites. present: as above; data null: all are.
void likelihood_forward(double* loss, const LikelihoodSpec& spec, const Panels* heads, const float* shared,
                        ConstPanels x, std::size_t B, std::size_t L, std::size_t D, ConstPanels present = {});

// The same, and each head becomes scale times the gradient with respect to it. heads[likelihood_panels(spec)]: one
// behind the heads' is written only.
void likelihood_forward_backward(double* loss, const LikelihoodSpec& spec, const Panels* heads, const float* shared,
                                 ConstPanels x, float scale, std::size_t B, std::size_t L, std::size_t D,
                                 ConstPanels present = {});

// The gradient of the raw shared log-dispersions, from what likelihood_forward_backward has left in the last of its
// panels over R rows: the mean's gradient, or that of the log-scale; overwrites. weight[R]: what each row of that
// has been multiplied with since, or null.
void shared_log_dispersion_backward(float* dlog_dispersion, const LikelihoodSpec& spec, const float* raw,
                                    const float* shared, ConstPanels last, float scale, const float* weight,
                                    std::size_t R, std::size_t D);

// heads[0][B, D] becomes the mean of p(x|z): of a multinomial, that of one trial.
void likelihood_mean(const LikelihoodSpec& spec, const Panels* heads, std::size_t B, std::size_t D);

// out[R, D] ~ p(x|z), which may be heads[0]. trials[R]: a multinomial's; null: spec.trials for each row. Row r is the
// row first_row + r of all draws with this seed, however they are cut: see likelihood/draws.h.
void likelihood_draw(Panels out, const LikelihoodSpec& spec, const Panels* heads, const float* shared,
                     const double* trials, std::size_t R, std::size_t D, std::uint64_t seed, std::uint32_t first_row);

}  // namespace aevb
