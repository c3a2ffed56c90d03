// The forward and backward pass of a stretch of rows, and the memory that it needs.
//
// Rows are independent of each other: any stretch gives the same bits as the same rows within a larger one. A training
// step therefore lets each worker take some rows through the whole network, loss and gradients of all layers included,
// with no barrier between; the weights' gradients, which sum over all rows, come after (trainer.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "math/aligned.h"
#include "math/panels.h"
#include "math/zeros.h"
#include "model.h"

namespace aevb {

// What one dense layer leaves behind, for all rows of a batch.
struct LayerActivity {
  Panels pre;   // the activation's input, where its derivative needs it
  Panels out;   // [rows, out]
  Panels dout;  // gradient with respect to the layer's output before its activation, [rows, out]
};

// Activations of up to `rows` data with `draws` draws of z each; the decoder's matrices have rows · draws rows.
class Workspace {
 public:
  Workspace(const Model& model, std::size_t rows, std::size_t draws, bool training);

  std::size_t rows() const { return rows_; }
  std::size_t draws() const { return draws_; }

  Panels x;          // [rows, D]
  ZerosTable zeros;  // of x, once encode_rows has seen it
  std::vector<LayerActivity> encoder, decoder;
  LayerActivity mean, log_variance;  // [rows, Z]
  Panels epsilon, z, dz;             // [rows · draws, Z]
  std::vector<Panels> heads;  // [rows · draws, D]; their gradient after the backward pass. See likelihood_panels

  std::vector<double> reconstruction;  // [rows · draws], −log p(x|z), nats
  std::vector<double> kl;              // [rows], nats
  float* shared_log_dispersion;        // [D], bounded; see likelihood.h

 private:
  std::size_t rows_, draws_;
  AlignedFloats memory_;
};

// The likelihood's shared log-variances follow the parameters: once after each change of them.
void refresh_likelihood(const Model& model, Workspace& workspace);

// All of these take rows [first, first + count) of the data; in training `first` is a multiple of ZEROS_RUN. x → mean
// and log-variance of q(z|x).
void encode_rows(const Model& model, Workspace& workspace, std::size_t first, std::size_t count);

// epsilon → z, `draws` for each row.
void sample_rows(const Model& model, Workspace& workspace, std::size_t first, std::size_t count);

// z → the likelihood's heads.
void decode_rows(const Model& model, Workspace& workspace, std::size_t first, std::size_t count);

// Gradients of every layer's output with respect to the loss averaged over `batch` rows; x, epsilon → reconstruction,
// kl and every dout.
void train_rows(const Model& model, Workspace& workspace, std::size_t first, std::size_t count, std::size_t batch);

}  // namespace aevb
