// A training step's data and place in training, as the plain objective takes them.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "latent/latent.h"
#include "model/likelihood_rows.h"
#include "model/prior_sample.h"
#include "models.h"
#include "objective/objective.h"
#include "random_specs.h"
#include "reference/model.h"
#include "reference/network.h"
#include "reference/objective.h"
#include "support.h"

namespace aevb::test {

// What the step of a model is given, as the reference takes it.
inline reference::Batch batch_of(const Model& model, const ExampleData& data, const Vector& epsilon,
                                 std::uint32_t step) {
  const ModelSpec& spec = model.spec();
  const std::size_t rows = data.rows, D = spec.input;
  reference::Batch batch;
  batch.rows = rows;
  batch.data_rows = rows;
  batch.step = step;
  std::vector<std::uint32_t> index(rows);
  for (std::size_t r = 0; r < rows; ++r) index[r] = static_cast<std::uint32_t>(r);
  const auto epoch = static_cast<std::uint32_t>(model.epochs_trained);
  for (std::size_t i = 0; i < model.likelihoods().size(); ++i) {
    const LikelihoodPart& part = model.likelihoods()[i];
    Vector own = reference::columns(data.x, rows, part.data_offset, part.data_columns), here;
    for (double& cell : own) {
      here.push_back(std::isnan(cell) ? 0.0 : 1.0);
      if (std::isnan(cell)) cell = 0.0;
    }
    batch.present = i == 0 ? here : reference::beside(batch.present, here, rows, 1);
    if (part.spec.codes) own = reference::one_hot(own, part.spec.classes, rows);
    if (part.spec.binarize != Binarize::none) {
      own = reference::binarize(own, part.spec.binarize, seed_of_part(spec.seed, i), epoch, index, part.columns);
    }
    batch.target = i == 0 ? own : reference::beside(batch.target, own, rows, 1);
  }
  batch.input = spec.corruption.type == CorruptionType::none
                    ? batch.target
                    : as_floats(reference::corrupt(batch.target, spec.corruption, spec.seed, step, 0, rows, D));
  // What is missing is 0 in the encoder's input, and a mask stands beside it.
  for (const LikelihoodPart& part : model.likelihoods()) {
    if (!part.spec.missing) continue;
    const std::size_t cells = batch.present.size() / rows;
    for (std::size_t r = 0; r < rows; ++r) {
      std::size_t column = part.offset;
      for (std::size_t c = 0; c < part.data_columns; ++c) {
        const std::size_t width = part.spec.codes ? part.spec.classes[c] : 1;
        for (std::size_t k = 0; k < width; ++k) {
          batch.input[r * (batch.input.size() / rows) + column + k] *= batch.present[r * cells + part.data_offset + c];
        }
        column += width;
      }
    }
    batch.input = reference::beside(
        batch.input, reference::columns(batch.present, rows, part.data_offset, part.data_columns), rows, 1);
  }
  if (spec.condition.width > 0) {
    batch.condition =
        spec.condition.classes ? reference::one_hot(data.condition, {spec.condition.width}, rows) : data.condition;
  }
  batch.epsilon = epsilon;
  if (spec.objective.mmd > 0.0) {
    const std::size_t R = rows * spec.objective.samples;
    Matrix draws(R, model.layout().latent_width, model.layout().latent_width);
    sample_prior(draws, model, spec.seed, Purpose::discrepancy, step, 0, R);
    batch.prior_draws = draws.values();
  }
  return batch;
}

inline reference::Moment moment_of(const Model& model, std::size_t rows) {
  Step step(model.spec());
  step.begin(model.spec(), rows, static_cast<double>(model.epochs_trained));
  reference::Moment moment;
  moment.beta = step.beta;
  moment.reconstruction = step.reconstruction;
  moment.capacity = step.capacity;
  for (const float temperature : step.temperature) moment.temperature.push_back(static_cast<double>(temperature));
  return moment;
}

inline Vector noise_of(const Model& model, std::uint32_t step, std::size_t R) {
  Vector epsilon(R * model.layout().noise_width);
  for (std::size_t i = 0; i < model.latents().size(); ++i) {
    const LatentGroup& group = model.latents()[i];
    Matrix noise(R, group.noise_width, group.noise_width);
    latent_noise(noise, group.spec, R, model.spec().seed, Purpose::epsilon, step, 0, static_cast<std::uint32_t>(i));
    for (std::size_t r = 0; r < R; ++r) {
      for (std::size_t c = 0; c < group.noise_width; ++c) {
        epsilon[r * model.layout().noise_width + group.noise_offset + c] = static_cast<double>(noise.at(r, c));
      }
    }
  }
  return epsilon;
}

}  // namespace aevb::test
