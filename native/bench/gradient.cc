#include "bench/gradient.h"

#include "train/training_step.h"

namespace aevb {

LossAndGradient loss_and_gradient(Model& model, const Examples& examples, ThreadPool& pool, const float* epsilon,
                                  std::uint32_t step, const TrainSpec& train) {
  SingleProcess process;
  TrainingStep training(model, process);
  training.configure(train);
  training.prepare(examples.rows());
  training.pass(examples, {nullptr, examples.rows(), epsilon, step, static_cast<double>(model.epochs_trained)}, pool,
                nullptr);
  training.sum_gradients(pool);
  LossAndGradient answer{training.terms(), AlignedFloats(training.gradients().size())};
  answer.gradient.copy_from(training.gradients());
  return answer;
}

}  // namespace aevb
