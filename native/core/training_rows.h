// The forward and backward pass of a stretch of rows in training.
//
// Each worker takes some rows through the whole network, loss and gradients of all layers included, with no barrier
// between; the weights' gradients, which sum over all rows, come after (trainer.h). Where an objective couples the rows
// of a batch (objective/coupling.h) there is a barrier between the two functions here.
#pragma once

#include <cstddef>

#include "model.h"
#include "objective/coupling.h"
#include "objective/objective.h"
#include "workspace.h"

namespace aevb {

// input, epsilon → z and kl of the rows [first, first + count) of the data.
void forward_rows(const Model& model, Workspace& workspace, const Step& step, std::size_t first, std::size_t count);

// The gradient of every layer's output with respect to the loss of a batch of `batch` rows; z, kl → reconstruction and
// every dout. coupling: what the batch adds, or null.
void backward_rows(const Model& model, Workspace& workspace, const Step& step, const Coupling* coupling,
                   std::size_t first, std::size_t count, std::size_t batch);

// The first part of it, which ends at the heads of q(z|x).
void backward_to_heads(const Model& model, Workspace& workspace, const Step& step, const Coupling* coupling,
                       std::size_t first, std::size_t count, std::size_t batch);

}  // namespace aevb
