#include "bench/peak.h"

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "tensor/aligned.h"

#define AEVB_KERNEL_FILE "bench/peak.cc"
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

namespace {

// Any numbers that are not zero have the same speed.
struct Filled {
  Filled(std::size_t rows, std::size_t cols) {
    const std::size_t width = matrix_width(cols);
    memory = AlignedFloats(panel_count(cols, width) * width * rows);
    panels = {memory.data(), rows * width, width};
    for (std::size_t i = 0; i < memory.size(); ++i) memory.data()[i] = 1.0f / static_cast<float>(i % 61 + 1);
  }
  AlignedFloats memory;
  Panels panels;
};

// Cut as a training step cuts it: with a CBLAS 128 rows of the weight at a time, else a panel of rows and one of
// columns.
void weight_gradient(Panels to, ConstPanels rows, ConstPanels gradient, std::size_t M, std::size_t K, std::size_t N) {
  const std::size_t step = active_gemm() == Gemm::builtin ? rows.width : 128;
  for (std::size_t k = 0; k < K; k += step) {
    ConstPanels left = rows.from_panel(k / rows.width);
    left.data += k % rows.width;
    for (std::size_t n = 0; n < N; n += gradient.width) {
      const std::size_t panel = n / gradient.width;
      multiply_transposed(to.from_panel(panel).from_row(k), left, gradient.from_panel(panel), M, std::min(step, K - k),
                          std::min(gradient.width, N - n), false);
    }
  }
}

double best_rate(Product product, std::size_t M, std::size_t K, std::size_t N) {
  using Clock = std::chrono::steady_clock;
  const Filled rows(M, K), weight(K, N), transposed(N, K), gradient(M, N);
  const Filled to_rows(M, K), to_weight(K, N), to_gradient(M, N);
  const double operations = 2.0 * static_cast<double>(M) * static_cast<double>(K) * static_cast<double>(N);
  // Long enough for the clock, short enough to find a moment in which nothing else runs.
  const std::size_t times = static_cast<std::size_t>(std::max(1.0, 2e7 / operations));
  double best = 0.0;
  for (int run = 0; run < 15; ++run) {
    const auto started = Clock::now();
    for (std::size_t i = 0; i < times; ++i) {
      switch (product) {
        case Product::forward:
          multiply(to_gradient.panels, rows.panels, weight.panels, M, K, N, false);
          break;
        case Product::input_gradient:
          multiply_by_transpose(to_rows.panels, gradient.panels, weight.panels, transposed.panels, M, K, N, false);
          break;
        case Product::weight_gradient:
          weight_gradient(to_weight.panels, rows.panels, gradient.panels, M, K, N);
          break;
      }
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - started).count();
    best = std::max(best, operations * static_cast<double>(times) / seconds);
  }
  return best;
}

}  // namespace

double measure_product(Gemm gemm, Product product, std::size_t M, std::size_t K, std::size_t N) {
  const Gemm before = active_gemm();
  set_active_gemm(gemm);
  const double rate = best_rate(product, M, K, N);
  set_active_gemm(before);
  return rate;
}

}  // namespace aevb
#endif
