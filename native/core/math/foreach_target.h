// Compiles a kernel file once for each instruction set. Use, at the top of a .cc file, after every standard header:
//
//   #define AEVB_KERNEL_FILE "likelihood/bernoulli.cc"   // the path of that file below core/
//   #include "math/foreach_target.h"
//   #include "math/simd.h"
//
//   AEVB_BEFORE_KERNELS            // opens namespace aevb::AEVB_NAMESPACE, compiled for the instruction set
//   void f(...) { ... }
//   AEVB_AFTER_KERNELS
//
//   #if AEVB_LAST_TARGET           // true once: code that is not a kernel
//   namespace aevb { void f(...) { AEVB_DISPATCH(f)(...); } }
//   #endif
//
// Kernels use no lambdas and no templates of the standard library: the linker could pick a copy compiled for an
// instruction set that the machine lacks.
#ifndef AEVB_FOREACH_TARGET_H
#define AEVB_FOREACH_TARGET_H

#include "math/target.h"

#define AEVB_TARGET_PORTABLE 0
#define AEVB_TARGET_NEON 1
#define AEVB_TARGET_AVX2 2
#define AEVB_TARGET_AVX512 3

#if defined(__x86_64__) || defined(_M_X64)
#define AEVB_X86 1
#elif defined(__aarch64__)
#define AEVB_ARM 1
#endif

#if AEVB_X86
#define AEVB_DISPATCH(function)                                                 \
  (::aevb::active_target() == ::aevb::Target::avx512 ? ::aevb::avx512::function \
   : ::aevb::active_target() == ::aevb::Target::avx2 ? ::aevb::avx2::function   \
                                                     : ::aevb::portable::function)
#elif AEVB_ARM
#define AEVB_DISPATCH(function) \
  (::aevb::active_target() == ::aevb::Target::neon ? ::aevb::neon::function : ::aevb::portable::function)
#else
#define AEVB_DISPATCH(function) (::aevb::portable::function)
#endif

#if AEVB_X86
#define AEVB_LAST_TARGET 0
#define AEVB_TARGET AEVB_TARGET_AVX512
#include AEVB_KERNEL_FILE
#undef AEVB_TARGET
#define AEVB_TARGET AEVB_TARGET_AVX2
#include AEVB_KERNEL_FILE
#undef AEVB_TARGET
#undef AEVB_LAST_TARGET
#elif AEVB_ARM
#define AEVB_LAST_TARGET 0
#define AEVB_TARGET AEVB_TARGET_NEON
#include AEVB_KERNEL_FILE
#undef AEVB_TARGET
#undef AEVB_LAST_TARGET
#endif
#define AEVB_LAST_TARGET 1
#define AEVB_TARGET AEVB_TARGET_PORTABLE

#endif  // AEVB_FOREACH_TARGET_H
