// The floating-point peak of this machine as it is now, and how near to it single products come: for benchmarks.
#pragma once

#include <cstddef>

#include "math/gemm.h"
#include "runtime/thread_pool.h"

namespace aevb {

// FLOP/s of a loop of independent fused multiply-adds in registers, on all threads of the pool at once, with the active
// instruction set: the best of some short runs.
double measure_peak(ThreadPool& pool);

// The product of a layer of K inputs and N outputs.
enum class Product {
  forward,          // [M, K] · [K, N]
  input_gradient,   // [M, N] · [K, N]ᵀ
  weight_gradient,  // [M, K]ᵀ · [M, N]
};

// FLOP/s of one such product of M rows on this thread, its operands in the cache as far as they fit: the best of some
// runs. Switches to `gemm` and back, so no model may be at work. Throws std::invalid_argument if there is no such.
double measure_product(Gemm gemm, Product product, std::size_t M, std::size_t K, std::size_t N);

}  // namespace aevb
