// What changes in the objective while a model trains.

#include "objective/annealing.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace aevb {
namespace {

ObjectiveSpec warmup(WarmupType type, double epochs) {
  ObjectiveSpec objective;
  objective.warmup = type;
  objective.warmup_epochs = epochs;
  return objective;
}

constexpr WarmupType WARMUPS[] = {WarmupType::none, WarmupType::linear, WarmupType::cosine, WarmupType::cyclical};

TEST(ObjectiveSchedule, FactorStaysWithinBoundsAndEndsAtOne) {
  for (const WarmupType type : WARMUPS) {
    for (const double epochs : {0.3, 1.0, 7.0, 10.0}) {
      ObjectiveSpec objective = warmup(type, epochs);
      objective.warmup_cycles = 4.0;
      for (int i = 0; i <= 3000; ++i) {
        const double t = epochs * i / 1000.0;
        const double factor = beta_factor(objective, t);
        EXPECT_GE(factor, 0.0);
        EXPECT_LE(factor, 1.0);
        if (t >= epochs) {
          EXPECT_EQ(factor, 1.0);
        }
      }
      EXPECT_EQ(beta_factor(objective, epochs), 1.0);
      EXPECT_EQ(beta_factor(objective, 1e6), 1.0);
      EXPECT_EQ(beta_factor(objective, std::numeric_limits<double>::infinity()), 1.0);
    }
    EXPECT_EQ(beta_factor(warmup(type, 0.0), 0.0), 1.0);  // nothing to wait for
  }
}

TEST(ObjectiveSchedule, FactorIsItsEquation) {
  EXPECT_EQ(beta_factor(warmup(WarmupType::none, 4.0), 0.0), 1.0);
  EXPECT_EQ(beta_factor(warmup(WarmupType::linear, 4.0), 0.0), 0.0);
  EXPECT_EQ(beta_factor(warmup(WarmupType::linear, 4.0), 1.0), 0.25);
  EXPECT_EQ(beta_factor(warmup(WarmupType::linear, 4.0), 3.0), 0.75);
  EXPECT_EQ(beta_factor(warmup(WarmupType::cosine, 4.0), 0.0), 0.0);
  EXPECT_NEAR(beta_factor(warmup(WarmupType::cosine, 4.0), 1.0), 0.5 - std::sqrt(0.125), 1e-15);
  EXPECT_NEAR(beta_factor(warmup(WarmupType::cosine, 4.0), 2.0), 0.5, 1e-15);
}

TEST(ObjectiveSchedule, CyclesRiseStayAndFallBack) {
  ObjectiveSpec objective = warmup(WarmupType::cyclical, 8.0);
  objective.warmup_cycles = 4.0;  // of two epochs
  objective.warmup_rise = 0.5;
  for (const double cycle : {0.0, 2.0, 4.0, 6.0}) {
    EXPECT_EQ(beta_factor(objective, cycle), 0.0);
    EXPECT_NEAR(beta_factor(objective, cycle + 0.25), 0.25, 1e-12);
    EXPECT_NEAR(beta_factor(objective, cycle + 0.75), 0.75, 1e-12);
    EXPECT_EQ(beta_factor(objective, cycle + 1.0), 1.0);
    EXPECT_EQ(beta_factor(objective, cycle + 1.9), 1.0);
  }
  objective.warmup_rise = 1.0;
  EXPECT_NEAR(beta_factor(objective, 1.9), 0.95, 1e-12);
  objective.warmup_rise = 0.0;
  EXPECT_EQ(beta_factor(objective, 0.0), 1.0);
}

// Within an epoch t is a sum of fractions, which may lie a rounding below the whole.
TEST(ObjectiveSchedule, ACycleEndsWhereItShould) {
  ObjectiveSpec objective = warmup(WarmupType::cyclical, 3.0);
  objective.warmup_cycles = 3.0;
  for (const double t : {std::nextafter(1.0, 0.0), 1.0, std::nextafter(1.0, 2.0)}) {
    EXPECT_NEAR(beta_factor(objective, t), 0.0, 1e-12);
  }
}

TEST(ObjectiveSchedule, CapacityGrowsToItsEnd) {
  ObjectiveSpec objective;
  objective.capacity = 25.0;
  objective.capacity_epochs = 10.0;
  EXPECT_EQ(capacity_at(objective, 0.0), 0.0);
  EXPECT_EQ(capacity_at(objective, 4.0), 10.0);
  EXPECT_EQ(capacity_at(objective, 10.0), 25.0);
  EXPECT_EQ(capacity_at(objective, 1e9), 25.0);
}

TEST(ObjectiveSchedule, TemperatureFallsToItsEnd) {
  TemperatureSpec temperature{TemperatureDecay::constant, 0.7, 0.1, 5.0};
  EXPECT_EQ(temperature_at(temperature, 0.0), 0.7);
  EXPECT_EQ(temperature_at(temperature, 50.0), 0.7);
  for (const TemperatureDecay decay : {TemperatureDecay::linear, TemperatureDecay::exponential}) {
    temperature.decay = decay;
    EXPECT_EQ(temperature_at(temperature, 0.0), 0.7);
    EXPECT_EQ(temperature_at(temperature, 5.0), 0.1);
    EXPECT_EQ(temperature_at(temperature, 1e6), 0.1);
    double before = 0.7;
    for (int i = 1; i <= 1000; ++i) {
      const double now = temperature_at(temperature, 0.005 * i);
      EXPECT_LE(now, before);
      EXPECT_GE(now, 0.1);
      before = now;
    }
  }
  temperature.decay = TemperatureDecay::linear;
  EXPECT_NEAR(temperature_at(temperature, 2.5), 0.4, 1e-15);
  temperature.decay = TemperatureDecay::exponential;
  EXPECT_NEAR(temperature_at(temperature, 2.5), std::sqrt(0.07), 1e-15);
}

}  // namespace
}  // namespace aevb
