// One VAE: its parameters, and the table that says which tensor lies where.
//
// All parameters lie in one arena, in panels, so that the optimiser and the products work in the same layout; the file
// format's row-major [out, in] is made at the door (read, write).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "math/aligned.h"
#include "math/panels.h"
#include "spec.h"

namespace aevb {

struct ParameterInfo {
  std::string name;                // PyTorch's state_dict names
  std::vector<std::size_t> shape;  // weights [out, in]
  std::size_t offset;              // where it begins in the arena
  bool in_panels = false;          // a dense layer's weight; anything else lies there row-major

  std::size_t elements() const { return shape.size() == 2 ? shape[0] * shape[1] : shape[0]; }
};

// Where a dense layer's tensors lie. Weight and bias are padded to whole panels.
struct DenseLayer {
  std::size_t in = 0, out = 0;
  Activation activation = Activation::identity;
  std::size_t weight = 0, bias = 0;  // offsets in the arena
  std::size_t transposed = 0;        // offset of the weight's transpose in its own arena
  std::size_t tensor = 0;            // the weight's place in the model's table; the bias comes next
  bool backward_input = true;        // false where the input is the data
};

// Where a group of latent variables has its tensors, and which columns of z and of epsilon are its own.
struct LatentGroup {
  LatentSpec spec;
  std::vector<DenseLayer> heads;                 // in the order of latent_heads (latent/latent.h)
  std::size_t first = 0, width = 0;              // columns of z
  std::size_t first_noise = 0, noise_width = 0;  // columns of epsilon
  std::size_t prior = 0, prior_parameters = 0;   // a learned prior's: offset in the arena, and how many
  std::size_t prior_tensor = 0;                  // and the place of the first of its tensors in the model's table
};

class Model {
 public:
  // Initialised parameters. Throws std::invalid_argument for sizes that are zero, std::bad_alloc for too large ones.
  explicit Model(const ModelSpec& spec);

  // What the constructor takes at most, its own scratch with it. Allocates no parameters; throws as the constructor
  // does.
  static double bytes(const ModelSpec& spec) { return Model(spec, LayoutOnly{}).layout_bytes(); }

  // The same parameters under another objective, and with clean input.
  Model with_objective(const ObjectiveSpec& objective) const;

  const ModelSpec& spec() const { return spec_; }
  const std::vector<ParameterInfo>& table() const { return table_; }

  // One tensor, row-major in PyTorch's layout; `values` holds elements() floats.
  void read(const ParameterInfo& info, float* values) const { unpack(parameters_.data(), info, values); }
  void write(const ParameterInfo& info, const float* values);
  // The same from any arena of this layout, such as the gradient's.
  void unpack(const float* arena, const ParameterInfo& info, float* values) const;
  // After the last write: brings what is derived from the parameters up to date.
  void refresh_transposed();

  // The layers in the order of the forward pass.
  std::vector<DenseLayer> encoder, decoder;
  std::vector<LatentGroup> latents;
  std::vector<DenseLayer> heads;           // the likelihood's
  std::size_t shared_log_dispersion = 0;   // offset of the likelihood's own log-variance parameters
  std::size_t shared_log_dispersions = 0;  // and how many there are

  // The columns' transform (scaling.h): offsets of its tensors, and their length, 0 where the model has none.
  std::size_t scale_shift = 0, scale_factor = 0, scaled_columns = 0;

  std::size_t latent_width = 0, noise_width = 0;  // Z and N: columns of z and epsilon, all groups together

  Panels weight(float* arena, const DenseLayer& layer) const;
  ConstPanels weight(const DenseLayer& layer) const;
  Panels transposed(const DenseLayer& layer);
  ConstPanels transposed(const DenseLayer& layer) const;
  const float* bias(const DenseLayer& layer) const { return parameters_.data() + layer.bias; }
  const float* prior(const LatentGroup& group) const { return parameters_.data() + group.prior; }
  const float* shared_log_dispersion_raw() const { return parameters_.data() + shared_log_dispersion; }

  const float* shift() const { return parameters_.data() + scale_shift; }
  const float* factor() const { return parameters_.data() + scale_factor; }

  // What follows from the transform's tensors. It is learned where every factor is above 0; until then, and where all
  // are 1 and all shifts 0, it changes nothing.
  bool scale_learned() const { return scale_learned_; }
  // Whether the likelihood is one of scaled columns, which the encoder sees too.
  bool scales_target() const { return scales_target_; }
  // Whether the encoder sees others than the likelihood.
  bool scales_counts() const { return scales_counts_; }
  // Σ log factor of what the likelihood is about, nats: what a loss in the data's own units has beside that of the
  // scaled columns.
  double log_volume() const { return log_volume_; }
  // After a change of these tensors; refresh_transposed does it too.
  void refresh_scale();

  AlignedFloats& parameters() { return parameters_; }
  const AlignedFloats& parameters() const { return parameters_; }
  bool parameters_are_finite() const;

  // Training's memory beyond one fit: random numbers and epoch numbers go on where they were.
  std::uint64_t epochs_trained = 0;
  std::uint32_t steps_trained = 0;

 private:
  // Knows where everything lies, and has no parameters.
  struct LayoutOnly {};
  Model(const ModelSpec& spec, LayoutOnly);
  double layout_bytes() const;

  void add_dense(DenseLayer& layer, const std::string& name, std::size_t in, std::size_t out, Activation activation,
                 bool backward_input);
  void add_latents(std::size_t encoded);
  std::size_t take(std::size_t floats);
  void initialize();
  std::size_t transposed_floats() const;

  ModelSpec spec_;
  std::vector<ParameterInfo> table_;
  std::size_t arena_size_ = 0, transposed_size_ = 0;
  AlignedFloats parameters_, transposed_;
  bool scale_learned_ = false, scales_target_ = false, scales_counts_ = false;
  double log_volume_ = 0.0;
};

// Calls visit(layer) for every dense layer, in the order of the forward pass.
template <typename Visit>
void for_each_dense(const Model& model, Visit visit) {
  for (const DenseLayer& layer : model.encoder) visit(layer);
  for (const LatentGroup& group : model.latents) {
    for (const DenseLayer& layer : group.heads) visit(layer);
  }
  for (const DenseLayer& layer : model.decoder) visit(layer);
  for (const DenseLayer& layer : model.heads) visit(layer);
}

}  // namespace aevb
