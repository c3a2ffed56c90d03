// What follows from a model's specification before any memory is taken: its networks, its tensors and where they lie,
// and which columns of z belong to which group.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "layers/parameters.h"
#include "network/network.h"
#include "spec/spec.h"

namespace aevb {

// A layer that a network ends in.
struct Head {
  std::string name;
  std::size_t units = 0;
  std::size_t value = 0;                   // of the network
  std::optional<std::size_t> bias_offset;  // in the arena; of a dense layer, with a number for each unit
};

// Where a group of latent variables has its tensors, and which columns of z and of epsilon are its own.
struct LatentGroup {
  LatentSpec spec;
  std::vector<Head> posterior_heads;                   // in the order of posterior_heads() (latent/latent.h)
  std::size_t z_offset = 0, width = 0;                 // columns of z
  std::size_t noise_offset = 0, noise_width = 0;       // columns of epsilon
  std::size_t prior_offset = 0, prior_parameters = 0;  // a learned prior's: in the arena, and how many
  std::size_t prior_tensor = 0;                        // the place of the first of its tensors in the table
};

// Where a part of the likelihood has its tensors, and which columns of a row it is about.
struct LikelihoodPart {
  LikelihoodSpec spec;
  std::vector<Head> heads;                        // in the order of likelihood_head_names()
  std::size_t offset = 0, columns = 0;            // columns of x
  std::size_t data_offset = 0, data_columns = 0;  // columns of the data, which may hold class numbers
  std::size_t log_dispersion_offset = 0;          // of its own log-dispersions, in the arena
  std::size_t present_offset = 0;                 // of its columns of the encoder's mask, if cells may be missing
  std::size_t shared_log_dispersions = 0;         // and how many there are
};

struct ModelLayout {
  // Throws std::invalid_argument for what cannot be a model, std::bad_alloc if its size cannot be counted.
  explicit ModelLayout(const ModelSpec& spec);

  ModelSpec spec;
  ParameterTable parameters;
  Network encoder, decoder;
  std::vector<LatentGroup> latents;
  std::vector<LikelihoodPart> likelihoods;

  // The columns' transform (scaling.h): its tensors in the arena, and their length, 0 if the model has none.
  std::size_t shift_offset = 0, factor_offset = 0, scaled_columns = 0;

  // Columns of the encoder's input that say which cells are present, behind those of x.
  std::size_t mask_columns = 0;

  std::size_t latent_width = 0, noise_width = 0;  // Z and N: columns of z and epsilon, all groups together

 private:
  void add_latents(std::size_t encoded);
  void add_heads(LikelihoodPart& part, const std::string& prefix, std::size_t decoded);
  Head add_head(Network& network, const std::string& prefix, const std::string& name, std::size_t units,
                std::size_t input);
};

// Columns of a part in a row of data: of numbers, or of class numbers.
std::size_t data_columns(const LikelihoodSpec& part);
// The parts of the likelihood, without their tensors. Throws std::invalid_argument unless their columns, and the
// classes of a categorical part that has a list of them, add up.
std::vector<LikelihoodPart> likelihood_parts(const ModelSpec& spec);
// Columns of a row of data, all parts together.
std::size_t data_columns(const std::vector<LikelihoodPart>& parts);
// Columns of a row of a condition: the condition's width, or 1 for a class number.
std::size_t condition_columns(const ModelSpec& spec);

}  // namespace aevb
