// The registry of likelihoods: which heads the decoder ends in, and the loss of whole rows. A new likelihood is a file
// pair beside this one and a case in each function here.
//
// B data, L draws of each, D features. heads[i] is the raw output [B L, D] of the i-th head.
#pragma once

#include <cstddef>
#include <vector>

#include "math/panels.h"
#include "spec.h"

namespace aevb {

// The names of the decoder's heads, dense layers of D units without activation ("logits"; "mean", "logVariance").
std::vector<const char*> likelihood_heads(const LikelihoodSpec& spec);

// How many log-variances are parameters of their own: 0, 1 or D.
std::size_t shared_log_dispersions(const LikelihoodSpec& spec, std::size_t D);

// shared[D]: the log-variance of each feature, from the `count` raw parameters or from the constant. Nothing is written
// where the likelihood has no use for it.
void fill_shared_log_dispersion(float* shared, const LikelihoodSpec& spec, const float* raw, std::size_t D);

// loss[B L] = −log p(x|z), nats; overwrites.
void likelihood_forward(double* loss, const LikelihoodSpec& spec, const Panels* heads, const float* shared,
                        ConstPanels x, std::size_t B, std::size_t L, std::size_t D);

// The same, and each head becomes scale times the gradient with respect to it.
void likelihood_forward_backward(double* loss, const LikelihoodSpec& spec, const Panels* heads, const float* shared,
                                 ConstPanels x, float scale, std::size_t B, std::size_t L, std::size_t D);

// The gradient of the raw shared log-variances, from the gradient of the mean over R rows; overwrites draw.
void shared_log_dispersion_backward(float* draw, const LikelihoodSpec& spec, const float* raw, const float* shared,
                                    ConstPanels dmean, float scale, std::size_t R, std::size_t D);

// heads[0][B, D] becomes the mean of p(x|z).
void likelihood_mean(const LikelihoodSpec& spec, const Panels* heads, std::size_t B, std::size_t D);

}  // namespace aevb
