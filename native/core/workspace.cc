#include "workspace.h"

#include <cmath>
#include <new>

#include "latent/latent.h"
#include "layers/activation.h"
#include "likelihood/likelihood.h"
#include "math/gemm.h"
#include "objective/objective.h"

namespace aevb {

// Hands out panels of one stretch of memory, and makes what lies beside it; counts only, as long as there is none.
class Workspace::Carver {
 public:
  explicit Carver(float* memory) : memory_(memory) {}

  Panels panels(std::size_t rows, std::size_t cols) {
    const std::size_t width = matrix_width(cols);
    const std::size_t padded = panel_count(cols, width) * width;
    // Where the product is beyond what can be counted there is no memory, and the count says so.
    counted_ += static_cast<double>(padded) * static_cast<double>(rows) - static_cast<double>(padded * rows);
    return {floats(padded * rows), rows * width, width};
  }
  float* floats(std::size_t count) {
    float* data = memory_ == nullptr ? nullptr : memory_ + used_;
    used_ += cache_lines(count);
    counted_ += static_cast<double>(cache_lines(count));
    return data;
  }
  void doubles(std::vector<double>& values, std::size_t count) {
    beside_ += static_cast<double>(sizeof(double)) * static_cast<double>(count);
    if (memory_ != nullptr) values.resize(count);
  }
  ZerosTable zeros(std::size_t rows, std::size_t cols, bool training) {
    beside_ += ZerosTable::bytes(rows, cols, training);
    return memory_ == nullptr ? ZerosTable() : ZerosTable(rows, cols, training);
  }
  std::size_t used() const { return used_; }
  double bytes() const { return static_cast<double>(sizeof(float)) * counted_ + beside_; }

 private:
  float* memory_;
  std::size_t used_ = 0;
  double counted_ = 0.0;  // used_, but without a largest value
  double beside_ = 0.0;   // bytes of what lies beside it
};

namespace {

// Outputs of the layers behind a ReLU from which on they save more by leaving its zeros out than finding them takes.
constexpr std::size_t WIDTH_WORTH_ZEROS = 64;

std::size_t total_width(const std::vector<DenseLayer>& layers) {
  std::size_t width = 0;
  for (const DenseLayer& layer : layers) width += layer.out;
  return width;
}

// Stretches of rows that work at the same time, each with scratch of its own.
std::size_t stretches(std::size_t rows) { return (rows + ZEROS_RUN - 1) / ZEROS_RUN; }

}  // namespace

void Workspace::carve(const Model& model, Carver& carver, bool training) {
  Workspace& workspace = *this;
  const ModelSpec& spec = model.spec();
  const std::size_t rows = workspace.rows(), draws = workspace.draws();
  const std::size_t D = spec.input, C = spec.condition.width;
  const auto layer_activity = [&](const DenseLayer& layer, std::size_t layer_rows, std::size_t next_width) {
    LayerActivity activity;
    activity.out = carver.panels(layer_rows, layer.out);
    if (training && activation_reads_input(layer.activation)) activity.pre = carver.panels(layer_rows, layer.out);
    if (training) activity.dout = carver.panels(layer_rows, layer.out);
    if (layer.activation == Activation::relu && next_width >= WIDTH_WORTH_ZEROS) {
      activity.zeros = carver.zeros(layer_rows, layer.out, training);
    }
    return activity;
  };
  carver.doubles(workspace.reconstruction, rows * draws);
  carver.doubles(workspace.kl, rows);
  carver.doubles(workspace.log_weight, rows * draws);
  if (training && spec.objective.estimator == Estimator::scoreFunction) {
    carver.doubles(workspace.draw_loss, rows * draws);
  }
  carver.doubles(workspace.bound, rows);
  workspace.zeros = carver.zeros(rows, D + C, training);
  workspace.input = carver.panels(rows, D + C);
  // As wide as the input, for panels of the same width.
  const bool corrupts = training && spec.corruption.type != CorruptionType::none;
  const bool scales_counts = spec.scale == ScaleType::log;
  workspace.target = corrupts || scales_counts ? carver.panels(rows, D + C) : workspace.input;
  if (corrupts && scales_counts) workspace.scaled = carver.panels(rows, D + C);
  if (spec.likelihood.codes) workspace.codes = carver.panels(rows, spec.likelihood.classes.size());
  if (C > 0) workspace.condition = carver.panels(rows, C);
  if (spec.condition.classes) workspace.condition_code = carver.panels(rows, 1);
  workspace.encoder.clear();
  std::size_t latent_heads = 0;
  for (const LatentGroup& group : model.latents) latent_heads += total_width(group.heads);
  for (std::size_t i = 0; i < model.encoder.size(); ++i) {
    const std::size_t next = i + 1 < model.encoder.size() ? model.encoder[i + 1].out : latent_heads;
    workspace.encoder.push_back(layer_activity(model.encoder[i], rows, next));
  }
  workspace.z = carver.panels(rows * draws, model.latent_width + C);
  if (training) workspace.dz = carver.panels(rows * draws, model.latent_width + C);
  const bool alone = model.latents.size() == 1;
  for (std::size_t i = 0; i < model.latents.size(); ++i) {
    const LatentGroup& group = model.latents[i];
    LatentActivity& activity = workspace.latents[i];
    carver.doubles(activity.kl, rows * latent_dimensions(group.spec));
    carver.doubles(activity.log_posterior, rows * draws);
    carver.doubles(activity.log_prior, rows * draws);
    activity.heads.clear();
    for (const DenseLayer& layer : group.heads) activity.heads.push_back(layer_activity(layer, rows, 0));
    activity.epsilon = carver.panels(rows * draws, group.noise_width);
    // A condition stands behind z in the same panels and does not disturb.
    activity.z = alone ? workspace.z : carver.panels(rows * draws, group.width);
    if (training) {
      // The condition's columns of the gradient would be read as padding, which must be zero.
      activity.dz = alone && C == 0 ? workspace.dz : carver.panels(rows * draws, group.width);
      if (group.prior_parameters > 0) activity.dprior = carver.panels(rows * draws, group.prior_parameters);
      activity.weight = carver.floats(rows * draws);
    }
    activity.scratch = carver.floats(stretches(rows) * cache_lines(latent_scratch_floats(group.spec)));
  }
  workspace.decoder.clear();
  for (std::size_t i = 0; i < model.decoder.size(); ++i) {
    const std::size_t next = i + 1 < model.decoder.size() ? model.decoder[i + 1].out : total_width(model.heads);
    workspace.decoder.push_back(layer_activity(model.decoder[i], rows * draws, next));
  }
  workspace.heads.clear();
  for (const DenseLayer& layer : model.heads) workspace.heads.push_back(carver.panels(rows * draws, layer.out));
  while (training && workspace.heads.size() < likelihood_panels(spec.likelihood)) {
    workspace.heads.push_back(carver.panels(rows * draws, D));
  }
  if (training) workspace.draw_weight = carver.floats(rows * draws);
  const std::size_t width = matrix_width(D);
  workspace.shared_log_dispersion = carver.floats(panel_count(D, width) * width);
}

Workspace::Workspace(const Model& model, std::size_t rows, std::size_t draws)
    : latents(model.latents.size()), rows_(rows), draws_(draws) {
  if (model.spec().condition.classes) condition_classes = {model.spec().condition.width};
}

Workspace::Workspace(const Model& model, std::size_t rows, std::size_t draws, bool training)
    : Workspace(model, rows, draws) {
  Carver count(nullptr);
  carve(model, count, training);
  // A double counts exactly up to here, and no machine has as much.
  if (!(count.bytes() < 0x1p53)) throw std::bad_alloc();
  memory_ = AlignedFloats(count.used());
  Carver give(memory_.data());
  carve(model, give, training);
  refresh_likelihood(model, *this);
}

double Workspace::bytes(const Model& model, std::size_t rows, std::size_t draws, bool training) {
  Workspace workspace(model, rows, draws);
  Carver count(nullptr);
  workspace.carve(model, count, training);
  return count.bytes();
}

void refresh_likelihood(const Model& model, Workspace& workspace) {
  fill_shared_log_dispersion(workspace.shared_log_dispersion, model.spec().likelihood,
                             model.shared_log_dispersion_raw(), model.spec().input);
  // A constant is in the data's units.
  if (!model.scales_target() || !has_fixed_dispersion(model.spec().likelihood)) return;
  const float times = model.spec().likelihood.type == LikelihoodType::gaussian ? 2.0f : 1.0f;
  for (std::size_t d = 0; d < model.spec().input; ++d) {
    workspace.shared_log_dispersion[d] -= times * std::log(model.factor()[d]);
  }
}

}  // namespace aevb
