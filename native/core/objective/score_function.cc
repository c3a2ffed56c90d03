#include "objective/score_function.h"

#include <cmath>

namespace aevb {
namespace {

double mean_of(const double* f, std::size_t count) {
  double sum = 0.0;
  for (std::size_t i = 0; i < count; ++i) sum += f[i];
  return sum / static_cast<double>(count);
}

// f − the mean of the others = n/(n − 1) (f − the mean of all).
void leave_one_out(float* weight, const double* f, double scale, std::size_t count) {
  if (count < 2) {
    for (std::size_t i = 0; i < count; ++i) weight[i] = static_cast<float>(scale * f[i]);
    return;
  }
  const double mean = mean_of(f, count);
  const double factor = scale * static_cast<double>(count) / static_cast<double>(count - 1);
  for (std::size_t i = 0; i < count; ++i) weight[i] = static_cast<float>(factor * (f[i] - mean));
}

}  // namespace

void score_function_weights(float* weight, const double* f, Baseline baseline, const BaselineState& state, double scale,
                            std::size_t B, std::size_t L) {
  if (baseline == Baseline::leaveOneOut) {
    for (std::size_t b = 0; b < B; ++b) leave_one_out(weight + b * L, f + b * L, scale, L);
    return;
  }
  if (baseline == Baseline::movingAverage && !state.begun) {
    leave_one_out(weight, f, scale, B * L);
    return;
  }
  const double value = baseline == Baseline::movingAverage ? state.value : 0.0;
  for (std::size_t i = 0; i < B * L; ++i) weight[i] = static_cast<float>(scale * (f[i] - value));
}

void score_function_update(BaselineState& state, const double* f, double decay, std::size_t B, std::size_t L) {
  if (B * L == 0) return;
  const double mean = mean_of(f, B * L);
  if (!std::isfinite(mean)) return;
  state.value = state.begun ? decay * state.value + (1.0 - decay) * mean : mean;
  state.begun = true;
}

}  // namespace aevb
