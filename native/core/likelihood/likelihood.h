// The registry of likelihoods: which heads the decoder ends in, and the loss of whole rows. To add a
// likelihood, add a file pair to this folder that defines its row, and list the row in LIKELIHOOD_KINDS (kind.h).
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
// "logScale"; "logRate"). The head of a covariance comes last: "regression", "factor".
std::vector<const char*> likelihood_head_names(const LikelihoodSpec& spec);
// The number of outputs of a head: D, except for the head of a covariance.
std::size_t likelihood_head_units(const LikelihoodSpec& spec, std::size_t head, std::size_t D);

// Whether D features can have the covariance of `spec`: see the limits in full_covariance.h and low_rank.h. A full
// covariance of a single feature is diagonal, and must be specified as diagonal.
bool covariance_fits(const LikelihoodSpec& spec, std::size_t D);

// The values that cells of the data may have.
Domain likelihood_domain(const LikelihoodSpec& spec);

// How many log-dispersions (log-variances, log-scales) are separate parameters: 0, 1 or D.
std::size_t shared_log_dispersions(const LikelihoodSpec& spec, std::size_t D);
// Their name: "logVariance" or "logScale". Empty without a dispersion.
std::string log_dispersion_name(const LikelihoodSpec& spec);

// The power of the data's unit in which the dispersion is measured: 2 for a variance, 1 for a scale, 0 without one.
int dispersion_power(const LikelihoodSpec& spec);

// Whether the sum of a row is given, as a multinomial's trials are.
bool has_given_total(const LikelihoodSpec& spec);

// Whether the dispersion is a constant: spec.fixed_dispersion, in the data's units.
bool has_fixed_dispersion(const LikelihoodSpec& spec);

// How many panels likelihood_forward_backward takes: one for each head, and one more [B L, D] if each row's gradient of
// a learned and shared dispersion is kept: the scale of a Laplace likelihood, or the variance of a Gaussian with a
// covariance or with missing cells.
std::size_t likelihood_panels(const LikelihoodSpec& spec);
inline constexpr std::size_t MOST_LIKELIHOOD_PANELS = 3;

// Whether cells of such data may be missing. They may not be with a covariance, in counts with a given total, or in
// one-hot columns.
bool may_miss(const LikelihoodSpec& spec);
// The value of the target in a missing cell.
float missing_target(const LikelihoodSpec& spec);
// For data with missing cells, before likelihood_forward and likelihood_forward_backward: heads of missing cells get
// values whose loss and gradient are 0, if the likelihood has such values. present[B, D], or [B, variables] for codes.
void neutralize_missing(const LikelihoodSpec& spec, const Panels* heads, ConstPanels present, std::size_t B,
                        std::size_t L, std::size_t D);

// shared[D]: the log-dispersion of each feature, from the raw parameters or from the constant. Writes nothing if the
// likelihood does not use it.
void fill_shared_log_dispersion(float* shared, const LikelihoodSpec& spec, const float* raw, std::size_t D);

// loss[B L] = −log p(x|z) of the cells that are present, nats; overwrites. present: as above; data null: all cells are
// present.
void likelihood_forward(double* loss, const LikelihoodSpec& spec, const Panels* heads, const float* shared,
                        ConstPanels x, std::size_t B, std::size_t L, std::size_t D, ConstPanels present = {});

// The same, and each head becomes scale times the gradient with respect to it. heads[likelihood_panels(spec)]: a
// panel after the heads' own is written only.
void likelihood_forward_backward(double* loss, const LikelihoodSpec& spec, const Panels* heads, const float* shared,
                                 ConstPanels x, float scale, std::size_t B, std::size_t L, std::size_t D,
                                 ConstPanels present = {});

// The gradient of the raw shared log-dispersions, from the last panel that likelihood_forward_backward has
// written, over R rows: the gradient of the mean, or the gradient of the log-dispersion if it is kept; overwrites.
// weight[R]: the factor by which each row of that panel has been multiplied since, or null.
void shared_log_dispersion_backward(float* dlog_dispersion, const LikelihoodSpec& spec, const float* raw,
                                    const float* shared, ConstPanels last, float scale, const float* weight,
                                    std::size_t R, std::size_t D);

// heads[0][B, D] becomes the mean of p(x|z); for a multinomial, the mean of one trial.
void likelihood_mean(const LikelihoodSpec& spec, const Panels* heads, std::size_t B, std::size_t D);

// out[R, D] ~ p(x|z), which may be heads[0]. trials[R]: the trials of a multinomial; null: spec.trials for each row.
// Row r is the row first_row + r of all draws with this seed, however they are divided into calls: see
// likelihood/draws.h.
void likelihood_draw(Panels out, const LikelihoodSpec& spec, const Panels* heads, const float* shared,
                     const double* trials, std::size_t R, std::size_t D, std::uint64_t seed, std::uint32_t first_row);

}  // namespace aevb
