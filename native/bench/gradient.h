// The gradient of a model's loss, as training computes it: for tests.
#pragma once

#include <cstddef>
#include <cstdint>

#include "model/model.h"
#include "model/rows.h"
#include "objective/objective.h"
#include "runtime/thread_pool.h"
#include "spec/spec.h"
#include "tensor/aligned.h"

namespace aevb {

struct LossAndGradient {
  Terms terms;
  AlignedFloats gradient;  // an arena of the model's layout
};

// Over all rows as one batch; the model does not change. epsilon [rows · samples, N] row-major, or null for that of
// training step `step`, which decides every other draw too.
LossAndGradient loss_and_gradient(Model& model, const Examples& examples, ThreadPool& pool, const float* epsilon,
                                  std::uint32_t step, const TrainSpec& train = {});

}  // namespace aevb
