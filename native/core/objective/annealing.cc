#include "objective/annealing.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace aevb {
namespace {

// How much of `epochs` has gone by at t, in [0, 1]; nothing to wait for counts as all of it.
double progress(double t, double epochs) {
  if (!(epochs > 0.0) || t >= epochs) return 1.0;
  return std::clamp(t / epochs, 0.0, 1.0);
}

}  // namespace

double beta_factor(const ObjectiveSpec& objective, double t) {
  const double done = progress(t, objective.warmup_epochs);
  if (done >= 1.0) return 1.0;
  switch (objective.warmup) {
    case WarmupType::none:
      return 1.0;
    case WarmupType::linear:
      return done;
    case WarmupType::cosine:
      return 0.5 * (1.0 - std::cos(std::numbers::pi * done));
    case WarmupType::cyclical: {
      // A hair is added because t is a sum of fractions: the step at the end of a cycle belongs to the next one.
      const double cycles = done * objective.warmup_cycles;
      const double within = std::max(0.0, cycles - std::floor(cycles + 1e-9));
      return within < objective.warmup_rise ? within / objective.warmup_rise : 1.0;
    }
  }
  return 1.0;
}

double capacity_at(const ObjectiveSpec& objective, double t) {
  return objective.capacity * progress(t, objective.capacity_epochs);
}

double temperature_at(const TemperatureSpec& temperature, double t) {
  if (temperature.decay == TemperatureDecay::constant) return temperature.start;
  const double done = progress(t, temperature.epochs);
  if (done >= 1.0) return temperature.end;
  if (temperature.decay == TemperatureDecay::linear) {
    return temperature.start + (temperature.end - temperature.start) * done;
  }
  return temperature.start * std::pow(temperature.end / temperature.start, done);
}

}  // namespace aevb
