// log p(x) of all rows of some data, with what estimate_log_likelihood says of each estimate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "infer/inference.h"
#include "infer/log_likelihood.h"

namespace aevb::test {

struct Estimates {
  Estimates(const Inference& inference, const Examples& examples, const LikelihoodSampling& sampling)
      : log_likelihood(examples.rows()),
        variance(log_likelihood.size()),
        effective(log_likelihood.size()),
        pareto_k(log_likelihood.size()),
        samples(log_likelihood.size()),
        reliable(log_likelihood.size()) {
    estimate_log_likelihood(
        inference,
        {log_likelihood.data(), variance.data(), effective.data(), pareto_k.data(), samples.data(), reliable.data()},
        examples, sampling);
  }
  Estimates(const Inference& inference, const Examples& examples, std::size_t count, std::uint64_t seed)
      : Estimates(inference, examples, {count, count, Proposal::posterior, seed}) {}

  std::vector<double> log_likelihood, variance, effective, pareto_k, samples;
  std::vector<std::uint8_t> reliable;
};

}  // namespace aevb::test
