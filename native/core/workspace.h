// The memory of a pass through the network, for some data and some draws of z for each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "math/aligned.h"
#include "math/panels.h"
#include "math/precision.h"
#include "math/zeros.h"
#include "model.h"

namespace aevb {

// What one dense layer leaves behind, for all rows of a batch.
struct LayerActivity {
  Panels pre;        // the activation's input, where its derivative needs it
  Panels out;        // [rows, out]
  Panels dout;       // gradient with respect to the layer's output before its activation, [rows, out]
  ZerosTable zeros;  // of out, where the activation makes some
};

// Of one group of latent variables. Densities are of the draws in z, in nats.
struct LatentActivity {
  std::vector<LayerActivity> heads;
  Panels epsilon;            // [rows · draws, noise width]
  Panels z, dz;              // [rows · draws, width]: the decoder's own input where that is nothing else
  Panels dprior;             // gradients of a learned prior's parameters, a row for each draw (or datum) that gives one
  float* weight = nullptr;   // [rows · draws]: of a draw's densities in the gradient
  float* scratch = nullptr;  // what the kernels of a task work in
  std::vector<double> kl;    // [rows, dimensions], analytic
  std::vector<double> log_posterior, log_prior;  // [rows · draws]: log q(z|x), log p(z)
};

// Activations of up to `rows` data with `draws` draws of z each; the decoder's matrices have rows · draws rows.
class Workspace {
 public:
  // Throws std::bad_alloc where that is more than can be counted.
  Workspace(const Model& model, std::size_t rows, std::size_t draws, bool training);
  // What such a workspace takes: the constructor's own count, and nothing is allocated.
  static double bytes(const Model& model, std::size_t rows, std::size_t draws, bool training);

  std::size_t rows() const { return rows_; }
  std::size_t draws() const { return draws_; }

  // Of a layer's products. What reads the data stays exact: its zeros are left out, which saves more.
  Precision precision_of(const DenseLayer& layer) const {
    return layer.backward_input ? precision : Precision::float32;
  }

  Precision precision = Precision::float32;

  Panels codes;           // [rows, variables]: class numbers, where data come as such
  Panels target;          // [rows, D]: what the likelihood is about
  Panels input;           // [rows, D + C]: what the encoder sees; `target` too where nothing is corrupted
  Panels scaled;          // [rows, D]: counts as the encoder sees them, on their way to being corrupted
  Panels condition;       // [rows, C]
  Panels condition_code;  // [rows, 1]: where it comes as a class number
  std::vector<std::size_t> condition_classes;  // and of how many classes
  ZerosTable zeros;                            // of input
  std::vector<LayerActivity> encoder, decoder;
  std::vector<LatentActivity> latents;
  Panels z, dz;               // [rows · draws, Z + C]
  std::vector<Panels> heads;  // [rows · draws, units]; their gradient after the backward pass. See likelihood_panels

  std::vector<double> reconstruction;  // [rows · draws], −log p(x|z), nats
  std::vector<double> kl;              // [rows], nats: analytic, or the mean over draws of log q(z|x) − log p(z)
  std::vector<double> log_weight;      // [rows · draws]: see weigh_draws in network.h
  std::vector<double> draw_loss;       // [rows · draws]: the f of objective/score_function.h, where that is trained
  std::vector<double> bound;           // [rows]: the importance-weighted bound, nats
  float* draw_weight = nullptr;        // [rows · draws]
  float* shared_log_dispersion = nullptr;  // [D], bounded; see likelihood.h

 private:
  class Carver;
  // Without memory.
  Workspace(const Model& model, std::size_t rows, std::size_t draws);
  void carve(const Model& model, Carver& carver, bool training);

  std::size_t rows_, draws_;
  AlignedFloats memory_;
};

// The likelihood's shared log-dispersions follow the parameters: once after each change of them.
void refresh_likelihood(const Model& model, Workspace& workspace);

}  // namespace aevb
