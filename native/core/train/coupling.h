// What an objective makes of a whole batch before any row of it goes back through the network: free bits, capacity,
// total correlation and maximum mean discrepancy, by which a row's gradient depends on the other rows.
//
//   free bits   beta Σ_d max(λ, KL_d) in place of beta KL, KL_d the batch's mean of one dimension's divergence, or of
//               one group's (Kingma et al., Improving Variational Inference with Inverse Autoregressive Flow (2016),
//               section 5.1)
//   capacity    γ |KL − C| in place of beta KL (Burgess et al., Understanding disentangling in beta-VAE (2018), eq. 8)
//   the others  are added, each with a weight: total_correlation.h, mmd.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/model.h"
#include "model/workspace.h"
#include "objective/objective.h"
#include "runtime/thread_pool.h"
#include "tensor/aligned.h"
#include "tensor/shape.h"

namespace aevb {

class Coupling {
 public:
  // Memory for batches of up to `rows` data with `draws` draws each.
  Coupling(const Model& model, std::size_t rows, std::size_t draws);
  // What that takes.
  static double bytes(const Model& model, std::size_t rows, std::size_t draws);

  // Between the rows' forward pass and their backward pass: the KL divergence's weights in `step`, and what is added to
  // the loss. data_rows: of the data set. training_step decides the prior's draws.
  void couple(const Workspace& workspace, Step& step, std::size_t rows, std::size_t data_rows,
              std::uint32_t training_step, ThreadPool& pool);

  // Nats that are added to the loss of batch_terms.
  double addition() const { return addition_; }

  // Adds to the gradient of a group's z, and to those of its heads, which begin at these rows [first, first + count) of
  // the data.
  void backward_z(Panels dz, const LatentGroup& group, std::size_t first, std::size_t count) const;
  void backward_heads(const Panels* dheads, Rows rows) const;

 private:
  // Floats of each part of the memory, in their order there.
  struct Sizes {
    std::size_t panels = 0, mmd_tables = 0, tables = 0,
                scratch = 0;  // panels: of dz and of prior; scratch: a task's
    std::size_t tasks = 0;
    double floats() const;
  };
  static Sizes sizes(const Model& model, std::size_t rows, std::size_t draws);
  void weigh_divergence(const Workspace& workspace, Step& step, std::size_t rows);
  void discrepancy(const Workspace& workspace, std::size_t R, std::uint32_t training_step, ThreadPool& pool);
  void total_correlation(const Workspace& workspace, std::size_t rows, std::size_t data_rows, ThreadPool& pool);
  template <typename Body>
  void for_each_stretch(std::size_t R, ThreadPool& pool, Body body) const;

  const Model& model_;
  std::size_t draws_;
  std::size_t rows_ = 0;  // of this batch
  double addition_ = 0.0;
  std::size_t scratch_floats_ = 0;  // of one task
  Panels dz_, prior_;               // [rows · draws, Z]
  float* tables_ = nullptr;
  float* correlation_tables_ = nullptr;
  float* scratch_ = nullptr;
  std::vector<double> value_;                 // [rows · draws]
  std::vector<std::vector<double>> mean_kl_;  // [group][dimension]
  AlignedFloats memory_;
};

}  // namespace aevb
