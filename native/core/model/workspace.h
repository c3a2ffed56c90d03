// The memory of a pass through a model, for some data and some draws of z for each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "layers/layer.h"
#include "model/model.h"
#include "network/memory.h"
#include "spec/names.h"
#include "tensor/aligned.h"
#include "tensor/carver.h"
#include "tensor/panels.h"

namespace aevb {

// What one head has put out, and the gradient of that.
struct HeadMemory {
  Panels out, dout;
};

// The memory of one group of latent variables. Densities are those of the draws in z, in nats.
struct LatentMemory {
  std::vector<HeadMemory> posterior_heads;
  Panels epsilon;            // [rows · draws, noise width]
  Panels z, dz;              // [rows · draws, width]: the decoder's own input if that is nothing else
  Panels dprior;             // gradients of a learned prior's parameters, a row for each draw (or datum) that gives one
  float* weight = nullptr;   // [rows · draws]: of a draw's densities in the gradient
  float* scratch = nullptr;  // of the kernels: latent_scratch_floats in cache lines for each task
  std::vector<double> kl;    // [rows, dimensions], analytic
  std::vector<double> log_posterior, log_prior;  // [rows · draws]: log q(z|x), log p(z)
};

// The memory of one part of the likelihood.
struct LikelihoodMemory {
  // [rows · draws, units]; their gradient after the backward pass. See likelihood_panels.
  std::vector<Panels> heads;
  Panels target;                           // [rows, columns]: its columns of the workspace's, that itself if alone
  float* shared_log_dispersion = nullptr;  // [columns], bounded; see likelihood.h
  Panels present;                          // [rows, columns of the data]: 0 for a missing cell; null if none may be
  std::vector<double> loss;                // [rows · draws], −log p(x|z), nats; empty if it is the only part
};

// Activations of up to `rows` data with `draws` draws of z each; the decoder's matrices have rows · draws rows.
class Workspace {
 public:
  struct Size {
    std::size_t rows = 0, draws = 1;
    std::size_t tasks = 1;   // that work on it at the same time
    bool gradients = false;  // for the pass back, too
  };
  // Throws std::bad_alloc if that is more than can be counted. The model must outlive it and stay in its place.
  Workspace(const Model& model, const Size& size);
  // What such a workspace takes: the constructor's own count, and nothing is allocated.
  static double bytes(const Model& model, const Size& size);

  std::size_t rows() const { return size_.rows; }
  std::size_t draws() const { return size_.draws; }
  const Size& size() const { return size_; }

  // How the networks are passed through; the parameters are the model's, as they are now.
  NetworkMemory::Setting setting(const Model& model) const;

  Precision precision = Precision::float32;  // of the products
  bool training = false;                     // layers behave as in training
  std::size_t tasks = 1;                     // that the batch is cut into
  std::uint32_t step = 0;                    // in which their random numbers are drawn

  Panels raw;                      // [rows, columns of the data]: rows as they come, if these are not the target's
  std::vector<Panels> part_codes;  // [rows, variables]: those of each part that has any, if there are several parts
  Panels target;                   // [rows, D]: what the likelihood is about
  Panels input;           // [rows, D + M + C]: what the encoder sees, M: mask_columns; `target` too if that is the same
  Panels scaled;          // [rows, D]: counts as the encoder sees them, on their way to being corrupted
  Panels condition;       // [rows, C]
  Panels condition_code;  // [rows, 1]: if it comes as a class number
  std::vector<std::size_t> condition_classes;  // and of how many classes
  NetworkMemory encoder, decoder;
  std::vector<LatentMemory> latents;
  Panels z, dz;  // [rows · draws, Z + C]
  std::vector<LikelihoodMemory> likelihoods;
  Panels decoded;  // [rows · draws, D]: means or draws of all parts side by side, if there are several

  std::vector<double> reconstruction;  // [rows · draws], −log p(x|z), nats
  std::vector<double> kl;              // [rows], nats: analytic, or the mean over draws of log q(z|x) − log p(z)
  std::vector<double> log_weight;      // [rows · draws]: see weigh_draws in forward.h
  std::vector<double> draw_loss;       // [rows · draws]: the f of objective/score_function.h, if that is trained
  std::vector<double> bound;           // [rows]: the importance-weighted bound, nats
  float* draw_weight = nullptr;        // [rows · draws]

 private:
  struct WithoutMemory {};
  Workspace(const Model& model, const Size& size, WithoutMemory);
  void carve(const Model& model, Carver& carver);

  Size size_;
  AlignedFloats memory_;
};

// The likelihood's shared log-dispersions follow the parameters: once after each change of them.
void refresh_likelihood(const Model& model, Workspace& workspace);

}  // namespace aevb
