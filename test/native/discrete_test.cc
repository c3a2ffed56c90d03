// Models whose z has few states, where everything has an exact value: sums over all states, written out here.

#include "infer/discrete.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <vector>

#include "estimates.h"
#include "infer/importance_weights.h"
#include "infer/mean_field.h"
#include "infer/refine.h"
#include "latent/latent.h"
#include "latent/recover_noise.h"
#include "latents.h"
#include "models.h"
#include "support.h"

namespace aevb {
namespace {

const std::atomic<bool> NEVER{false};

using test::Vector;

// log p(x|z) of every state, and posteriors of three variables of 2, 3 and 2 classes.
class ThreeVariables : public testing::Test {
 protected:
  ThreeVariables() : field(CLASSES), scores(test::Random(6).vector(12, -6.0, 0.0)) {
    std::copy(scores.begin(), scores.end(), field.scores());
  }

  // The bound as it is defined, over all states.
  double bound(const MeanField::Factors& q) const {
    double sum = 0.0;
    for (std::size_t s = 0; s < 12; ++s) {
      const double p = q[s / 6] * q[2 + s / 2 % 3] * q[5 + s % 2];
      if (p > 0.0) sum += p * (scores[s] - std::log(p) - std::log(12.0));
    }
    return sum;
  }

  static inline const std::vector<std::size_t> CLASSES{2, 3, 2};
  MeanField field;
  Vector scores;
};

TEST_F(ThreeVariables, HaveTheBoundThatASumOverStatesGives) {
  test::Random random(2);
  for (int i = 0; i < 20; ++i) {
    MeanField::Factors q = random.vector(7, -3.0, 3.0);
    normalize_exponentials(q.data(), 2);
    normalize_exponentials(q.data() + 2, 3);
    normalize_exponentials(q.data() + 5, 2);
    EXPECT_NEAR(field.bound(q), bound(q), 1e-12);
    MeanField::Factors climbed = q;
    const double reached = field.ascend(climbed, 1000);
    EXPECT_NEAR(reached, bound(climbed), 1e-12);
    EXPECT_GE(reached, bound(q) - 1e-12);
    // Nothing near is better.
    for (std::size_t k = 0; k < 7; ++k) {
      for (const double by : {-0.02, 0.02}) {
        MeanField::Factors moved = climbed;
        const std::size_t first = k < 2 ? 0 : k < 5 ? 2 : 5, count = k < 2 || k >= 5 ? 2 : 3;
        moved[k] = std::clamp(moved[k] + by, 1e-9, 1.0);
        double sum = 0.0;
        for (std::size_t j = first; j < first + count; ++j) sum += moved[j];
        for (std::size_t j = first; j < first + count; ++j) moved[j] /= sum;
        // An ascent ends within 1e-9 nats of its limit.
        EXPECT_LE(bound(moved), reached + 1e-8);
      }
    }
  }
}

// Two variables that the data want alike, one way or the other: each way is a maximum, and one is higher.
TEST(MeanField, FindsTheHighestOfSeveralMaxima) {
  MeanField field({2, 2});
  const double scores[] = {0.0, -40.0, -40.0, 1.0};
  std::copy_n(scores, 4, field.scores());
  MeanField::Factors lower{0.999, 0.001, 0.999, 0.001};
  MeanField::Factors q = lower;
  EXPECT_NEAR(field.ascend(q, 1000), 0.0 - 2.0 * std::log(2.0), 1e-6);
  EXPECT_NEAR(field.best(lower, 1000), 1.0 - 2.0 * std::log(2.0), 1e-6);
  EXPECT_NEAR(lower[1], 1.0, 1e-6);
}

// Between two ways that are alike there is a point from which neither is nearer.
TEST(MeanField, IsNotHeldByASaddle) {
  MeanField field({2, 2});
  const double scores[] = {0.0, -40.0, -40.0, 0.0};
  std::copy_n(scores, 4, field.scores());
  MeanField::Factors even{0.5, 0.5, 0.5, 0.5}, q = even;
  EXPECT_LT(field.ascend(q, 1000), -10.0);
  EXPECT_NEAR(field.best(even, 1000), -2.0 * std::log(2.0), 1e-6);
}

TEST(MeanField, DoesWithoutStatesThatAreImpossible) {
  MeanField field({2, 2});
  const double none = -std::numeric_limits<double>::infinity();
  const double scores[] = {-1.0, none, none, none};
  std::copy_n(scores, 4, field.scores());
  MeanField::Factors q{0.5, 0.5, 0.5, 0.5};
  EXPECT_EQ(field.bound(q), none);
  EXPECT_NEAR(field.best(q, 100), -1.0 - 2.0 * std::log(2.0), 1e-9);
}

// A model with a decoder whose answer depends much on z, so that p(z|x) says something.
class DiscreteModel {
 public:
  DiscreteModel(const std::vector<LatentSpec>& latents, bool conditional)
      : model(spec_of(latents, conditional)), x(test::to_floats(binary(ROWS * D))) {
    test::Random random(12);
    for (const ParameterInfo& info : model.table()) {
      std::vector<float> values(info.elements());
      const bool decoder = info.name.starts_with("decoder.0");
      for (float& value : values) value = static_cast<float>(random.uniform(-1.0, 1.0) * (decoder ? 2.0 : 0.7));
      model.write(info, values.data());
    }
    model.refresh_derived();
  }

  static constexpr std::size_t ROWS = 70, D = 11;

  Examples examples() const {
    Dataset data(x.data(), ROWS, D);
    if (model.spec().condition.width == 0) return data;
    return {data, Dataset(x.data(), ROWS, 2)};
  }

  Model model;
  std::vector<float> x;

 private:
  static ModelSpec spec_of(const std::vector<LatentSpec>& latents, bool conditional) {
    ModelSpec spec;
    spec.input = D;
    spec.encoder = {{9, Activation::tanh}};
    spec.decoder = {{14, Activation::tanh}};
    spec.latents = latents;
    spec.condition.width = conditional ? 2 : 0;
    return spec;
  }
  static Vector binary(std::size_t size) {
    Vector values = test::Random(3).vector(size, 0.0, 1.0);
    for (double& value : values) value = value > 0.5 ? 1.0 : 0.0;
    return values;
  }
};

LatentSpec categorical(std::size_t units, std::size_t classes) {
  LatentSpec spec;
  spec.type = PosteriorType::categorical;
  spec.units = units;
  spec.classes = classes;
  return spec;
}

LatentSpec bernoulli(std::size_t units) {
  LatentSpec spec;
  spec.type = PosteriorType::bernoulli;
  spec.units = units;
  return spec;
}

struct Refined {
  Refined(const Inference& inference, const DiscreteModel& fixture, const Refinement& refinement)
      : before(fixture.ROWS), after(fixture.ROWS), mean(fixture.ROWS * fixture.model.layout().latent_width) {
    std::vector<float*> views;
    for (const LatentGroup& group : fixture.model.latents()) {
      for (const Head& head : group.posterior_heads) heads.emplace_back(fixture.ROWS * head.units);
    }
    for (std::vector<float>& head : heads) views.push_back(head.data());
    refine(inference, views, mean.data(), before.data(), after.data(), fixture.examples(), refinement);
  }
  std::vector<double> before, after;
  std::vector<std::vector<float>> heads;
  std::vector<float> mean;
};

class FewStates : public testing::TestWithParam<std::vector<LatentSpec>> {
 protected:
  FewStates() : fixture(GetParam(), true) {}

  // log p(x|z) of each state of a row, from decode alone.
  std::vector<Vector> scores() const {
    const std::vector<DiscreteVariable> variables = discrete_variables(fixture.model);
    const std::size_t states = discrete_states(fixture.model), Z = fixture.model.layout().latent_width,
                      D = DiscreteModel::D;
    std::vector<float> z(states * Z), mean(states * D);
    fill_states({z.data(), Z, Z}, variables, 0, states);
    std::vector<Vector> all;
    for (std::size_t row = 0; row < DiscreteModel::ROWS; ++row) {
      std::vector<float> condition;
      for (std::size_t s = 0; s < states; ++s)
        condition.insert(condition.end(), {fixture.x[2 * row], fixture.x[2 * row + 1]});
      const Dataset of_row(condition.data(), states, 2);
      inference.decode(mean.data(), Dataset(z.data(), states, Z), &of_row, {});
      Vector scores(states);
      for (std::size_t s = 0; s < states; ++s) {
        for (std::size_t d = 0; d < D; ++d) {
          const double p = static_cast<double>(mean[s * D + d]);
          scores[s] += std::log(fixture.x[row * D + d] > 0.5f ? p : 1.0 - p);
        }
      }
      all.push_back(scores);
    }
    return all;
  }

  MeanField::Factors factors(const Refined& refined, std::size_t row) const {
    MeanField::Factors q;
    for (const DiscreteVariable& variable : discrete_variables(fixture.model)) {
      const std::size_t Z = fixture.model.layout().latent_width;
      const float* p = refined.mean.data() + row * Z + variable.z;
      if (variable.bernoulli) q.insert(q.end(), {1.0 - static_cast<double>(p[0]), static_cast<double>(p[0])});
      for (std::size_t k = 0; !variable.bernoulli && k < variable.classes; ++k) q.push_back(static_cast<double>(p[k]));
    }
    return q;
  }

  DiscreteModel fixture;
  ThreadPool pool{2};
  Inference inference{fixture.model, pool, NEVER};
};

// Of float32 probabilities within 2e-7 of what they are, and down to 0.02: sums of 11 logarithms.
constexpr double FLOAT = 2e-4;

TEST_P(FewStates, HaveALikelihoodThatIsTheSumOverThem) {
  std::vector<double> exact(DiscreteModel::ROWS);
  exact_log_likelihood(inference, exact.data(), fixture.examples(), 0);
  const std::vector<Vector> rows = scores();
  for (std::size_t row = 0; row < rows.size(); ++row) {
    LogSumExp sum;
    for (const double score : rows[row]) sum.add(score);
    EXPECT_NEAR(exact[row], sum.log_sum() - std::log(static_cast<double>(rows[row].size())), FLOAT);
  }
  // Importance sampling meets it.
  for (const Proposal proposal : {Proposal::posterior, Proposal::defensive}) {
    const test::Estimates estimates(inference, fixture.examples(), {4000, 4000, proposal, 3});
    double off = 0.0, variance = 0.0;
    for (std::size_t row = 0; row < rows.size(); ++row) {
      off += estimates.log_likelihood[row] - exact[row];
      variance += estimates.variance[row];
    }
    EXPECT_LT(std::abs(off), 4.0 * std::sqrt(variance) + FLOAT * static_cast<double>(rows.size()));
  }
}

// The best of many ascents from everywhere is what refine is held to.
TEST_P(FewStates, AreRefinedToTheBestMeanFieldPosterior) {
  const std::vector<Vector> rows = scores();
  std::vector<std::size_t> classes;
  for (const DiscreteVariable& variable : discrete_variables(fixture.model)) classes.push_back(variable.classes);
  MeanField field(classes);
  Refinement sampled;
  sampled.most_states = 1;
  sampled.seed = 5;
  const Refined known(inference, fixture, {}), drawn(inference, fixture, sampled);
  test::Random random(3);
  double gap = 0.0, of_known = 0.0, of_drawn = 0.0;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    std::copy(rows[row].begin(), rows[row].end(), field.scores());
    double best = -std::numeric_limits<double>::infinity();
    for (int start = 0; start < 20; ++start) {
      MeanField::Factors q;
      for (const std::size_t K : classes) {
        Vector part = random.vector(K, -6.0, 6.0);
        normalize_exponentials(part.data(), K);
        q.insert(q.end(), part.begin(), part.end());
      }
      best = std::max(best, field.ascend(q, 1000));
    }
    gap += best - known.before[row];
    of_known += known.after[row] - known.before[row];
    of_drawn += field.bound(factors(drawn, row)) - known.before[row];
    // What it says it has reached is what the posterior that it gives has.
    EXPECT_NEAR(known.after[row], field.bound(factors(known, row)), FLOAT) << row;
    EXPECT_GE(known.after[row], best - FLOAT) << row;
  }
  EXPECT_GT(gap, 0.1 * static_cast<double>(rows.size()));
  EXPECT_GT(of_known, 0.999 * gap);
  EXPECT_GT(of_drawn, 0.99 * gap);
  EXPECT_LE(of_drawn, gap + FLOAT * static_cast<double>(rows.size()));
}

TEST_P(FewStates, AreRefinedAlikeWithAnyNumberOfThreads) {
  Refinement sampled;
  sampled.most_states = 1;
  sampled.steps = 10;
  ThreadPool one(1);
  const Inference alone{fixture.model, one, NEVER};
  for (const Refinement& refinement : {sampled, Refinement{}}) {
    EXPECT_EQ(Refined(inference, fixture, refinement).heads, Refined(alone, fixture, refinement).heads);
  }
}

INSTANTIATE_TEST_SUITE_P(All, FewStates,
                         testing::Values(std::vector<LatentSpec>{categorical(1, 8)},
                                         std::vector<LatentSpec>{categorical(3, 4)},
                                         std::vector<LatentSpec>{bernoulli(7)},
                                         std::vector<LatentSpec>{bernoulli(3), categorical(2, 3)}));

TEST(Discrete, CountsStates) {
  EXPECT_EQ(discrete_states(DiscreteModel({categorical(3, 4), bernoulli(5)}, false).model), 2048u);
  EXPECT_EQ(discrete_states(DiscreteModel({LatentSpec{}, bernoulli(5)}, false).model), NOT_DISCRETE);
  EXPECT_EQ(discrete_states(DiscreteModel({bernoulli(70)}, false).model), std::numeric_limits<std::size_t>::max());
}

// A continuous group's own best posterior given the other's: nothing that a person would try from there is better.
TEST(Discrete, VariablesBesideContinuousOnesAreRefinedWithThem) {
  LatentSpec gaussian;
  gaussian.units = 2;
  const DiscreteModel fixture({gaussian, categorical(2, 3)}, false);
  ThreadPool pool(2);
  const Inference inference{fixture.model, pool, NEVER};
  const Refined once(inference, fixture, {});
  Refinement longer;
  longer.steps = 600;
  longer.learning_rate = 0.03;
  longer.samples = 16;
  const Refined more(inference, fixture, longer);
  double gained = 0.0, possible = 0.0;
  for (std::size_t row = 0; row < fixture.ROWS; ++row) {
    EXPECT_GE(once.after[row], once.before[row]);
    gained += once.after[row] - once.before[row];
    possible += more.after[row] - more.before[row];
  }
  EXPECT_GT(gained, 0.6 * possible);
  EXPECT_GT(possible, 0.1 * static_cast<double>(fixture.ROWS));
}

TEST(RecoverNoise, GivesBackWhatZWasMadeOf) {
  for (const auto& [name, spec] : test::latents(6)) {
    if (is_discrete(spec)) continue;
    const std::size_t U = spec.units, L = 9;
    test::Random random(2);
    std::vector<std::vector<float>> heads;
    std::vector<ConstPanels> views;
    for (const PosteriorHead& head : posterior_heads(spec)) {
      heads.push_back(test::to_floats(random.floats(head.units, -1.0, 1.0)));
      views.push_back({heads.back().data(), head.units, head.units});
    }
    const Vector noise = random.floats(L * U, -2.0, 2.0);
    test::Matrix eps(noise, L, U, 8), z(L, U, 8), recovered(L, U, 8);
    latent_sample(z.panels(), spec, views.data(), eps.panels(), {1.0f, true, false}, 1, L);
    recover_noise(recovered.panels(), spec, views.data(), z.panels(), L);
    for (std::size_t i = 0; i < noise.size(); ++i) {
      // z is of size 5 at most, rounded at 2^-24 of that; σ is at least e^-1, and a row of L⁻¹ sums to less than 100.
      EXPECT_NEAR(recovered.values()[i], noise[i], 1e-4) << name << " " << i;
    }
  }
}

}  // namespace
}  // namespace aevb
