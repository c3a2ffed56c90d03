// The floating-point peak of this machine as it is now: what a benchmark compares itself with.
#pragma once

#include <cstddef>

#include "math/thread_pool.h"

namespace aevb {

// FLOP/s of a loop of independent fused multiply-adds in registers, on all threads of the pool at once, with the active
// instruction set: the best of some short runs.
double measure_peak(ThreadPool& pool);

}  // namespace aevb
