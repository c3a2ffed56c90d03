// The columns' transform: its kernels beside their plain twins, the moments that it is learned from, and the bound of a
// posterior's log-variance.

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstddef>
#include <vector>

#include "kernels.h"
#include "latent/spread_bound.h"
#include "math/column_scale.h"
#include "model/scaling.h"
#include "reference/scaling.h"
#include "support.h"
#include "train/trainer.h"

namespace aevb {
namespace {

using test::close;
using test::GARBAGE;
using test::INFINITE;
using test::Matrix;
using test::NOT_A_NUMBER;
using test::Random;
using test::Shape;
using test::shapes;
using test::Vector;
using test::WILD;

class ColumnScaleKernels : public test::Kernels {};
AEVB_ON_EVERY_TARGET(ColumnScaleKernels);
class SpreadBoundKernels : public test::Kernels {};
AEVB_ON_EVERY_TARGET(SpreadBoundKernels);

Vector magnitudes(const Vector& values, double least) {
  Vector sizes;
  for (const double value : values) sizes.push_back(std::abs(value) + least);
  return sizes;
}

TEST_P(ColumnScaleKernels, AreTheirTwins) {
  Random random(3);
  for (const Shape& shape : shapes()) {
    for (const float padding : {GARBAGE, WILD}) {
      SCOPED_TRACE(shape.text());
      const auto [R, C, width] = shape;
      const Vector x = random.floats(R * C, 0.0, 50.0), shift = random.floats(C, -3.0, 3.0);
      const Vector factor = random.floats(C, 0.01, 20.0);
      const std::vector<float> shifts(shift.begin(), shift.end()), factors(factor.begin(), factor.end());
      Vector far;  // what a quotient is made of
      for (std::size_t i = 0; i < x.size(); ++i) far.push_back((x[i] + 3.0) / factor[i % C]);
      Matrix out(R, C, width, padding), in(x, R, C, width, padding);
      standardize(out, in, shifts.data(), factors.data(), R, C);
      EXPECT_TRUE(close(out.values(), reference::standardize(x, shift, factor), far, 3.0));
      EXPECT_EQ(out.padding(), Matrix(R, C, width, padding).padding());
      standardize_log(out, in, shifts.data(), factors.data(), R, C);
      EXPECT_TRUE(close(out.values(), reference::standardize_log(x, shift, factor), far, 8.0));
      unstandardize(out, in, shifts.data(), factors.data(), R, C);
      const Vector back = reference::unstandardize(x, shift, factor);
      Vector sizes;
      for (std::size_t i = 0; i < x.size(); ++i) sizes.push_back(x[i] * factor[i % C] + 3.0);
      EXPECT_TRUE(close(out.values(), back, sizes, 3.0));
      standardize(in, in, shifts.data(), factors.data(), R, C);  // in place
      EXPECT_TRUE(close(in.values(), reference::standardize(x, shift, factor), far, 3.0));
    }
  }
}

TEST_P(ColumnScaleKernels, KeepZeroCountsZeroAndShowWhatIsNotFinite) {
  constexpr std::size_t C = 19;
  const std::vector<float> shift(C, 0.0f), factor(C, 2.0f);
  Matrix x(Vector(C, 0.0), 1, C, C), out(1, C, C);
  standardize_log(out, x, shift.data(), factor.data(), 1, C);
  EXPECT_EQ(out.values(), Vector(C, 0.0));
  x.panels().at(0, 17) = NOT_A_NUMBER;
  x.panels().at(0, 18) = INFINITE;
  standardize_log(out, x, shift.data(), factor.data(), 1, C);
  EXPECT_TRUE(std::isnan(out.at(0, 17)) && out.at(0, 18) == INFINITE);
  standardize(out, x, shift.data(), factor.data(), 1, C);
  EXPECT_TRUE(std::isnan(out.at(0, 17)) && out.at(0, 18) == INFINITE);
}

TEST_P(SpreadBoundKernels, AreTheirTwinsAndTheIdentityToTheBitWithin) {
  Random random(4);
  for (const Shape& shape : shapes()) {
    for (const SpreadBound bound : {LOG_VARIANCE_BOUND, LOG_SCALE_BOUND}) {
      SCOPED_TRACE(shape.text());
      const auto [R, C, width] = shape;
      for (const double reach : {static_cast<double>(bound.from), 6.0 * static_cast<double>(bound.limit)}) {
        const Vector v = random.floats(R * C, -reach, reach), slope = random.floats(R * C, -2.0, 2.0);
        Matrix spread(v, R, C, width), dspread(slope, R, C, width);
        bound_spread(spread, bound, R, C);
        const Vector expected = reference::bound_spread(v, bound);
        EXPECT_TRUE(close(spread.values(), expected, magnitudes(expected, static_cast<double>(bound.limit)), 6.0));
        for (std::size_t i = 0; i < v.size(); ++i) {
          const double bounded = static_cast<double>(spread.at(i / C, i % C));
          if (std::abs(v[i]) <= static_cast<double>(bound.from)) {
            EXPECT_EQ(bounded, v[i]);
          }
          EXPECT_LE(std::abs(bounded), static_cast<double>(bound.limit));
        }
        bound_spread_backward(dspread, spread, bound, R, C);
        Vector chain = reference::bound_spread_slope(v, bound);
        for (std::size_t i = 0; i < v.size(); ++i) chain[i] *= slope[i];
        // limit − |bounded| is known to a rounding of the limit, twice the range that it is divided by.
        EXPECT_TRUE(close(dspread.values(), chain, magnitudes(slope, 0.0), 24.0));
      }
    }
  }
}

TEST_P(SpreadBoundKernels, ShowWhatIsNotANumberAndBoundWhatIsInfinite) {
  for (const std::size_t C : {1, 5, 16, 37}) {
    for (std::size_t at = 0; at < C; ++at) {
      Matrix spread(Vector(C, 1.0), 1, C, C);
      spread.panels().at(0, at) = NOT_A_NUMBER;
      bound_spread(spread, LOG_VARIANCE_BOUND, 1, C);
      for (std::size_t c = 0; c < C; ++c) EXPECT_EQ(std::isnan(spread.at(0, c)), c == at);
      spread.panels().at(0, at) = -INFINITE;
      bound_spread(spread, LOG_VARIANCE_BOUND, 1, C);
      EXPECT_EQ(spread.at(0, at), -LOG_VARIANCE_BOUND.limit);
    }
  }
}

TEST(SpreadBound, HasItsSlope) {
  constexpr double STEP = 1e-6;
  for (const SpreadBound bound : {LOG_VARIANCE_BOUND, LOG_SCALE_BOUND}) {
    double previous = -1e9;
    for (double v = -95.3; v < 95.0; v += 0.71) {
      const Vector ends = reference::bound_spread({v - STEP, v + STEP}, bound);
      const double slope = (ends[1] - ends[0]) / (2.0 * STEP);
      // Rounding of 40 over the step, and the second derivative, 1/20 or 1/10, over half of it.
      EXPECT_NEAR(reference::bound_spread_slope({v}, bound)[0], slope, 1e-7) << v;
      EXPECT_GT(ends[1], previous);
      previous = ends[1];
    }
  }
}

const std::atomic<bool> NEVER{false};

TEST(ColumnMoments, AreExactFarFromZeroAndTheSameWithAnyThreads) {
  constexpr std::size_t ROWS = 1000, COLUMNS = 150;
  Random random(5);
  std::vector<float> values(ROWS * COLUMNS);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(1e6 * static_cast<double>(i % COLUMNS) + random.uniform(-1.0, 1.0));
  }
  const Dataset data(values.data(), ROWS, COLUMNS);
  ThreadPool one(1), three(3);
  const auto moments = column_moments(data, false, one, NEVER), again = column_moments(data, false, three, NEVER);
  for (std::size_t c = 0; c < COLUMNS; ++c) {
    long double mean = 0.0L, squares = 0.0L;
    for (std::size_t r = 0; r < ROWS; ++r) mean += static_cast<long double>(values[r * COLUMNS + c]);
    mean /= ROWS;
    for (std::size_t r = 0; r < ROWS; ++r) {
      const long double difference = static_cast<long double>(values[r * COLUMNS + c]) - mean;
      squares += difference * difference;
    }
    const auto deviation = static_cast<double>(std::sqrt(squares / ROWS));
    // Of the mean some hundred roundings of double; a naive Σx² − n mean² would lose all digits of the deviation here.
    EXPECT_NEAR(moments[c].mean, static_cast<double>(mean), 1e-14 * (1.0 + std::abs(static_cast<double>(mean))));
    EXPECT_NEAR(moments[c].deviation, deviation, 1e-7 * deviation);
    EXPECT_EQ(moments[c].mean, again[c].mean);
    EXPECT_EQ(moments[c].deviation, again[c].deviation);
  }
}

TEST(ColumnMoments, TellPixels) {
  const auto looks = [](const std::vector<float>& values, std::size_t columns) {
    ThreadPool pool(1);
    const Dataset data(values.data(), values.size() / columns, columns);
    return look_like_pixels(column_moments(data, false, pool, NEVER));
  };
  EXPECT_TRUE(looks({0.0f, 1.0f / 255.0f, 0.0f, 0.5f, 0.0f, 0.0f}, 3));
  EXPECT_FALSE(looks({0.0f, 0.003f, 0.0f, 0.5f, 0.0f, 0.0f}, 3));  // a column of another scale
  EXPECT_FALSE(looks({0.0f, 0.4f, 0.0f, 0.49f}, 2));               // none is bright
  EXPECT_FALSE(looks({0.0f, 1.0f, -0.01f, 0.5f}, 2));
  EXPECT_FALSE(looks({0.0f, 1.0f, 0.2f, 1.001f}, 2));
}

// Cancelled in batch `when` of its first epoch; whether the model then knows a scale.
bool knows_scale_after_cancelling(std::size_t when) {
  constexpr std::size_t ROWS = 40, COLUMNS = 3;
  Random random(6);
  std::vector<float> values(ROWS * COLUMNS);
  for (float& value : values) value = static_cast<float>(random.uniform(10.0, 30.0));
  const Dataset data(values.data(), ROWS, COLUMNS);
  ModelSpec spec;
  spec.input = COLUMNS;
  spec.encoder = spec.decoder = {};
  spec.latents[0].units = 1;
  spec.likelihoods[0].type = LikelihoodType::gaussian;
  spec.scale = ScaleType::standard;
  Model model(spec);
  Trainer trainer(model);
  TrainSpec train;
  train.batch_size = 10;
  trainer.begin_fit(train);
  ThreadPool pool(1);
  std::atomic<bool> cancelled{false};
  EpochEvents events;
  events.batch_begin = [&](std::size_t batch) {
    EXPECT_TRUE(model.scale_learned());
    if (batch == when) cancelled = true;
  };
  EXPECT_THROW(trainer.epoch(data, pool, cancelled, events), Cancelled);
  return model.scale_learned();
}

TEST(Scale, IsForgottenWhereNoStepHasUsedItAndElseKept) {
  EXPECT_FALSE(knows_scale_after_cancelling(0));
  EXPECT_TRUE(knows_scale_after_cancelling(1));
}

}  // namespace
}  // namespace aevb
