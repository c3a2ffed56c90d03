#include "optimizer/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace aevb {

double schedule_factor(const ScheduleSpec& schedule, double t, double step) {
  const double warmup = schedule.warmup > 0.0 ? std::min(1.0, (t + step) / schedule.warmup) : 1.0;
  switch (schedule.type) {
    case ScheduleType::constant:
      return warmup;
    case ScheduleType::step:
      // A hair is added because t is a sum of fractions: the step at t = every belongs to the next rate.
      return warmup * std::pow(schedule.factor, std::floor(t / schedule.every + 1e-9));
    case ScheduleType::exponential:
      return warmup * std::pow(schedule.factor, t);
    case ScheduleType::cosine: {
      const double progress = std::min(1.0, t / schedule.epochs);
      const double wave = 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
      return warmup * (schedule.minimum + (1.0 - schedule.minimum) * wave);
    }
  }
  return warmup;
}

}  // namespace aevb
