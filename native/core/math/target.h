// The instruction sets that the kernels are compiled for, and the one that this process uses.
//
// A kernel file is compiled once for each of them (see foreach_target.h) and picks its twin at run time.
#pragma once

namespace aevb {

enum class Target { portable, neon, avx2, avx512 };

// The best instruction set of this machine, or the one that AEVB_ISA names; decided at the first call. Throws
// std::invalid_argument if AEVB_ISA names one that this machine or build lacks.
Target active_target();

// Every instruction set that this machine and build can run, plainest first.
const Target* runnable_targets(int* count);

// Makes `target` the active one. Models keep the layout they were made with, so this is for tests and benchmarks,
// before any model is made. Throws std::invalid_argument if it cannot run here.
void set_active_target(Target target);

const char* target_name(Target target);

// Floats in a vector.
int vector_width(Target target);

// Columns in a whole panel (see panels.h), which one tile of the product covers. A multiple of vector_width.
int panel_width(Target target);

}  // namespace aevb
