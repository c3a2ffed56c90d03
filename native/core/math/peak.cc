#include "math/peak.h"

#include <algorithm>
#include <chrono>
#include <cstddef>

#define AEVB_KERNEL_FILE "math/peak.cc"
#include "math/foreach_target.h"
#include "math/simd.h"

AEVB_BEFORE_KERNELS

// Independent chains: latency times throughput of every unit, with some to spare, within the registers there are.
constexpr int CHAINS = 12;

// Writes the number of floating-point operations done; the sum keeps the compiler from leaving them out.
float multiply_add_loop(double* operations, std::size_t iterations) {
  F32 chain[CHAINS];
  for (int i = 0; i < CHAINS; ++i) chain[i] = set(static_cast<float>(i));
  const F32 factor = set(0.999f), term = set(0.001f);
  for (std::size_t k = 0; k < iterations; ++k) {
#pragma GCC unroll 16
    for (int i = 0; i < CHAINS; ++i) chain[i] = fma(chain[i], factor, term);
  }
  F32 total = zero();
  for (int i = 0; i < CHAINS; ++i) total = total + chain[i];
  *operations = 2.0 * F32::size * CHAINS * static_cast<double>(iterations);
  return sum(total);
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

double measure_peak(ThreadPool& pool) {
  constexpr std::size_t ITERATIONS = 2'000'000;
  constexpr int RUNS = 7;
  using Clock = std::chrono::steady_clock;
  double best = 0.0;
  for (int run = 0; run < RUNS; ++run) {
    double operations = 0.0;
    volatile float kept = 0.0f;
    const auto started = Clock::now();
    pool.run(pool.threads(), [&](std::size_t task, std::size_t) {
      double count = 0.0;
      const float sum = AEVB_DISPATCH(multiply_add_loop)(&count, ITERATIONS);
      if (task == 0) {
        operations = count;
        kept = sum;
      }
    });
    const double seconds = std::chrono::duration<double>(Clock::now() - started).count();
    best = std::max(best, operations * static_cast<double>(pool.threads()) / seconds);
  }
  return best;
}

}  // namespace aevb
#endif
