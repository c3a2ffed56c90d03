// Learning-rate schedules: the factor of the base rate at each step.
#pragma once

#include "spec/spec.h"

namespace aevb {

// t: epochs since fit began, a fraction within an epoch; step: how much of an epoch one training step is.
//   warm-up      w = min(1, (t + step) / warmup), 1 if warmup is 0; multiplies the rest:
//   constant     1
//   step         factor^⌊t / every⌋
//   exponential  factor^t
//   cosine       minimum + (1 − minimum) · ½ (1 + cos(π min(1, t / epochs)))   (Loshchilov and Hutter, SGDR (2017), eq.
//   5)
double schedule_factor(const ScheduleSpec& schedule, double t, double step);

}  // namespace aevb
