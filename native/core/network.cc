#include "network.h"

#include "latent/gaussian.h"
#include "layers/activation.h"
#include "layers/dense.h"
#include "likelihood/likelihood.h"
#include "math/gemm.h"
#include "objective/elbo.h"

namespace aevb {

namespace {

// Hands out panels of one stretch of memory; counts only, as long as there is none.
class Carver {
 public:
  explicit Carver(float* memory) : memory_(memory) {}

  Panels panels(std::size_t rows, std::size_t cols) {
    const std::size_t width = matrix_width(cols);
    return {floats(panel_count(cols, width) * width * rows), rows * width, width};
  }
  float* floats(std::size_t count) {
    float* data = memory_ == nullptr ? nullptr : memory_ + used_;
    used_ += cache_lines(count);
    return data;
  }
  std::size_t used() const { return used_; }

 private:
  float* memory_;
  std::size_t used_ = 0;
};

void carve(Workspace& workspace, const Model& model, Carver& carver, bool training) {
  const std::size_t rows = workspace.rows(), draws = workspace.draws();
  const std::size_t D = model.spec().input, Z = model.spec().latent.units;
  const auto layer_activity = [&](const DenseLayer& layer, std::size_t layer_rows) {
    LayerActivity activity;
    activity.out = carver.panels(layer_rows, layer.out);
    if (training && activation_reads_input(layer.activation)) activity.pre = carver.panels(layer_rows, layer.out);
    if (training) activity.dout = carver.panels(layer_rows, layer.out);
    return activity;
  };
  workspace.x = carver.panels(rows, D);
  workspace.encoder.clear();
  for (const DenseLayer& layer : model.encoder) workspace.encoder.push_back(layer_activity(layer, rows));
  workspace.mean = layer_activity(model.mean, rows);
  workspace.log_variance = layer_activity(model.log_variance, rows);
  workspace.epsilon = carver.panels(rows * draws, Z);
  workspace.z = carver.panels(rows * draws, Z);
  if (training) workspace.dz = carver.panels(rows * draws, Z);
  workspace.decoder.clear();
  for (const DenseLayer& layer : model.decoder) workspace.decoder.push_back(layer_activity(layer, rows * draws));
  workspace.heads.clear();
  for (const DenseLayer& layer : model.heads) workspace.heads.push_back(carver.panels(rows * draws, layer.out));
  while (training && workspace.heads.size() < likelihood_panels(model.spec().likelihood)) {
    workspace.heads.push_back(carver.panels(rows * draws, D));
  }
  const std::size_t width = matrix_width(D);
  workspace.shared_log_dispersion = carver.floats(panel_count(D, width) * width);
}

void forward(const Model& model, const DenseLayer& layer, const LayerActivity& activity, ConstPanels inp,
             std::size_t first, std::size_t count, Zeros zeros = {}) {
  Panels pre = activity.pre;
  if (pre.data != nullptr) pre = pre.from_row(first);
  dense_forward(activity.out.from_row(first), pre, inp.from_row(first), model.weight(layer), model.bias(layer), count,
                layer.in, layer.out, layer.activation, zeros);
}

void backward_input(const Model& model, const DenseLayer& layer, Panels dinp, ConstPanels dout, std::size_t first,
                    std::size_t count, bool accumulate) {
  dense_backward_input(dinp.from_row(first), dout.from_row(first), model.weight(layer), model.transposed(layer), count,
                       layer.in, layer.out, accumulate);
}

// Through the activation, in place: dout is with respect to the layer's output before, and to its input after.
void backward_activation(const DenseLayer& layer, const LayerActivity& activity, std::size_t first, std::size_t count) {
  const Panels value = activation_reads_input(layer.activation) ? activity.pre : activity.out;
  activation_backward(activity.dout.from_row(first), activity.dout.from_row(first), value.from_row(first), count,
                      layer.out, layer.activation);
}

// From the last layer of a stack, whose dout holds the gradient of its output, down to the first; what lies before the
// first layer receives its gradient in `dinp`, unless that is the data.
void backward_stack(const Model& model, const std::vector<DenseLayer>& layers,
                    const std::vector<LayerActivity>& activities, Panels dinp, std::size_t first, std::size_t count) {
  for (std::size_t i = layers.size(); i-- > 0;) {
    backward_activation(layers[i], activities[i], first, count);
    if (layers[i].backward_input) {
      backward_input(model, layers[i], i > 0 ? activities[i - 1].dout : dinp, activities[i].dout, first, count, false);
    }
  }
}

}  // namespace

Workspace::Workspace(const Model& model, std::size_t rows, std::size_t draws, bool training)
    : zeros(rows, model.spec().input, training),
      reconstruction(rows * draws),
      kl(rows),
      shared_log_dispersion(nullptr),
      rows_(rows),
      draws_(draws) {
  Carver count(nullptr);
  carve(*this, model, count, training);
  memory_ = AlignedFloats(count.used());
  Carver give(memory_.data());
  carve(*this, model, give, training);
  refresh_likelihood(model, *this);
}

void refresh_likelihood(const Model& model, Workspace& workspace) {
  fill_shared_log_dispersion(workspace.shared_log_dispersion, model.spec().likelihood,
                             model.shared_log_dispersion_raw(), model.spec().input);
}

void encode_rows(const Model& model, Workspace& workspace, std::size_t first, std::size_t count) {
  workspace.zeros.find(workspace.x, first, count);
  ConstPanels inp = workspace.x;
  Zeros zeros = workspace.zeros.of_rows(first);
  for (std::size_t i = 0; i < model.encoder.size(); ++i) {
    forward(model, model.encoder[i], workspace.encoder[i], inp, first, count, zeros);
    inp = workspace.encoder[i].out;
    zeros = {};
  }
  forward(model, model.mean, workspace.mean, inp, first, count, zeros);
  forward(model, model.log_variance, workspace.log_variance, inp, first, count, zeros);
}

void sample_rows(const Model& model, Workspace& workspace, std::size_t first, std::size_t count) {
  const std::size_t L = workspace.draws();
  gaussian_sample(workspace.z.from_row(first * L), workspace.epsilon.from_row(first * L),
                  workspace.mean.out.from_row(first), workspace.log_variance.out.from_row(first), count, L,
                  model.spec().latent.units);
}

void decode_rows(const Model& model, Workspace& workspace, std::size_t first, std::size_t count) {
  const std::size_t L = workspace.draws();
  ConstPanels inp = workspace.z;
  for (std::size_t i = 0; i < model.decoder.size(); ++i) {
    forward(model, model.decoder[i], workspace.decoder[i], inp, first * L, count * L);
    inp = workspace.decoder[i].out;
  }
  for (std::size_t i = 0; i < model.heads.size(); ++i) {
    forward(model, model.heads[i], LayerActivity{{}, workspace.heads[i], {}}, inp, first * L, count * L);
  }
}

void train_rows(const Model& model, Workspace& workspace, std::size_t first, std::size_t count, std::size_t batch) {
  const ModelSpec& spec = model.spec();
  const std::size_t L = workspace.draws(), Z = spec.latent.units;
  encode_rows(model, workspace, first, count);
  sample_rows(model, workspace, first, count);
  decode_rows(model, workspace, first, count);

  const ConstPanels mean = workspace.mean.out.from_row(first);
  const ConstPanels log_variance = workspace.log_variance.out.from_row(first);
  gaussian_kl(workspace.kl.data() + first, mean, log_variance, count, Z);

  std::vector<LayerActivity>& decoder = workspace.decoder;
  const auto scale = static_cast<float>(reconstruction_scale(batch, L));
  Panels heads[2];
  for (std::size_t i = 0; i < workspace.heads.size(); ++i) heads[i] = workspace.heads[i].from_row(first * L);
  likelihood_forward_backward(workspace.reconstruction.data() + first * L, spec.likelihood, heads,
                              workspace.shared_log_dispersion, workspace.x.from_row(first), scale, count, L,
                              spec.input);
  const Panels dlast = decoder.empty() ? workspace.dz : decoder.back().dout;
  for (std::size_t i = 0; i < model.heads.size(); ++i) {
    backward_input(model, model.heads[i], dlast, workspace.heads[i], first * L, count * L, i > 0);
  }
  backward_stack(model, model.decoder, decoder, workspace.dz, first * L, count * L);

  gaussian_backward(workspace.mean.dout.from_row(first), workspace.log_variance.dout.from_row(first),
                    workspace.dz.from_row(first * L), workspace.epsilon.from_row(first * L), mean, log_variance,
                    static_cast<float>(kl_scale(batch, spec.objective)), count, L, Z);
  if (!model.encoder.empty()) {
    const Panels dencoded = workspace.encoder.back().dout;
    backward_input(model, model.mean, dencoded, workspace.mean.dout, first, count, false);
    backward_input(model, model.log_variance, dencoded, workspace.log_variance.dout, first, count, true);
    backward_stack(model, model.encoder, workspace.encoder, {}, first, count);
  }
}

}  // namespace aevb
