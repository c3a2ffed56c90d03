// The way back through a model, for some rows of a workspace with gradients: from the loss to every layer's output. The
// gradients of the tensors, which sum over all rows, come after (training_step.h).
#pragma once

#include <cstddef>

#include "model/model.h"
#include "model/workspace.h"
#include "objective/objective.h"
#include "tensor/shape.h"
#include "train/coupling.h"

namespace aevb {

// The likelihood's heads → reconstruction, and the gradient of the heads with respect to the loss of a batch of `batch`
// rows.
void loss_rows(const Model& model, Workspace& workspace, const Step& step, Rows rows, std::size_t batch);

// dz → the gradients of the heads of q(z|x), as bound_heads has left them, and of the priors. coupling: what the batch
// adds, or null.
void backward_latents(const Model& model, Workspace& workspace, const Step& step, const Coupling* coupling, Rows rows,
                      std::size_t batch);

// From there to the heads as the layers have put them out.
void backward_bounds(const Model& model, Workspace& workspace, Rows rows);

// z, kl → the gradients of the heads of q(z|x), through the decoder and back.
void backward_to_heads(const Model& model, Workspace& workspace, const Step& step, Rows rows, std::size_t batch);

}  // namespace aevb
