// What changes in the objective while a model trains, as functions of t, the epochs of the model's life (a fraction
// within an epoch).
#pragma once

#include "spec/spec.h"

namespace aevb {

// What multiplies the KL divergence's weight. With u = t / warmup_epochs, and 1 for u ≥ 1:
//   none      1
//   linear    u                                  (Sønderby et al., Ladder Variational Autoencoders (2016), section 2.3)
//   cosine    ½ (1 − cos πu)
//   cyclical  min(1, v / warmup_rise), v = the fractional part of u · warmup_cycles
//             (Fu et al., Cyclical Annealing Schedule (2019), equations 6 and 7)
// Within [0, 1]; exactly 1 from warmup_epochs on.
double beta_factor(const ObjectiveSpec& objective, double t);

// C of the loss capacity_weight |KL − C|: capacity · min(1, t / capacity_epochs), exactly `capacity` from
// capacity_epochs on (Burgess et al., Understanding disentangling in beta-VAE (2018), equation 8).
double capacity_at(const ObjectiveSpec& objective, double t);

// The temperature of relaxed discrete variables. With u = t / epochs:
//   constant     start
//   linear       start + (end − start) u
//   exponential  start (end / start)^u
// Exactly `end` from `epochs` on, constant aside.
double temperature_at(const TemperatureSpec& temperature, double t);

}  // namespace aevb
