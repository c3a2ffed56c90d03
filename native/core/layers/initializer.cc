#include "layers/initializer.h"

#include <algorithm>
#include <cmath>

#include "math/random.h"

namespace aevb {

namespace {

void fill_uniform(float* values, std::size_t n, double limit, std::uint64_t seed, std::uint32_t tensor) {
  for (std::size_t i = 0; i < n; i += 4) {
    const Philox block = philox(seed, Purpose::initialize, tensor, 0, static_cast<std::uint32_t>(i / 4));
    for (std::size_t j = i; j < std::min(i + 4, n); ++j) {
      values[j] = static_cast<float>((2.0 * uniform(block.word[j - i]) - 1.0) * limit);
    }
  }
}

void fill_normal_row(float* values, std::size_t n, double deviation, std::uint64_t seed, std::uint32_t tensor) {
  const Panels row{values, n, n};
  fill_normal(row, 1, n, seed, Purpose::initialize, tensor, 0);
  for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<float>(values[i] * deviation);
}

}  // namespace

void initialize_weight(float* weight, std::size_t weights, float* bias, std::size_t biases, Fan fan,
                       Initializer initializer, std::uint64_t seed, std::uint32_t tensor) {
  const auto fan_in = static_cast<double>(fan.in);
  const auto fan_sum = static_cast<double>(fan.in + fan.out);
  std::fill_n(bias, biases, 0.0f);
  switch (initializer) {
    case Initializer::pytorch:
      fill_uniform(weight, weights, 1.0 / std::sqrt(fan_in), seed, tensor);
      fill_uniform(bias, biases, 1.0 / std::sqrt(fan_in), seed, tensor + 1);
      break;
    case Initializer::glorotUniform:
      fill_uniform(weight, weights, std::sqrt(6.0 / fan_sum), seed, tensor);
      break;
    case Initializer::glorotNormal:
      fill_normal_row(weight, weights, std::sqrt(2.0 / fan_sum), seed, tensor);
      break;
    case Initializer::heUniform:
      fill_uniform(weight, weights, std::sqrt(6.0 / fan_in), seed, tensor);
      break;
    case Initializer::heNormal:
      fill_normal_row(weight, weights, std::sqrt(2.0 / fan_in), seed, tensor);
      break;
  }
}

}  // namespace aevb
