// The only door to matrix products: the built-in kernel, or a CBLAS where the build found one.
//
// Each call runs on the calling thread alone; the callers cut the work into tiles. With the built-in kernel an element
// of a result is summed in the same order however the work is cut; with a CBLAS that is not promised, so callers cut by
// the problem's shape, never by the number of threads.
#pragma once

#include <cstddef>
#include <string>

#include "math/zeros.h"
#include "spec/names.h"
#include "tensor/panels.h"

namespace aevb {

enum class Gemm { builtin, cblas };

// What AEVB_GEMM names ("builtin" or "cblas"), or else the faster one: Accelerate on Apple's machines, a CBLAS where
// the built-in kernel would run in its portable form, the built-in kernel elsewhere. Decided at the first call. Throws
// std::invalid_argument where AEVB_GEMM names one that this build lacks.
Gemm active_gemm();
bool cblas_available();
// For tests and benchmarks, before any model is made.
void set_active_gemm(Gemm gemm);
const char* gemm_name(Gemm gemm);
// The CBLAS's own words for its version and the core it runs on; of the built-in kernel, the package's version and the
// processor's name.
std::string gemm_version();
std::string gemm_core();

// The panel width of a matrix of `cols` columns. With the built-in product, whole panels, or where the columns do not
// fill one, as many vectors as they need.
std::size_t matrix_width(std::size_t cols);

// Whether this processor multiplies bfloat16 faster than float and the built-in product, which alone can, is active.
bool bfloat16_available();

// Whether multiply_by_transpose wants the right operand's transpose made beforehand.
bool wants_transposed_copy();

// bfloat16 counts only where bfloat16_available(), and leaves no zeros out.

// c[M, N] = a[M, K] · b[K, N], or += with `accumulate`. `zeros`: of a, so that they may be left out. `bias`[N], padded
// to whole panels, is what every row begins with where it does not accumulate.
void multiply(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N, bool accumulate,
              Zeros zeros = {}, const float* bias = nullptr, Precision precision = Precision::float32);

// c[K, N] = a[M, K]ᵀ · b[M, N], or += with `accumulate`. `zeros`: of a.
void multiply_transposed(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                         bool accumulate, Zeros zeros = {}, Precision precision = Precision::float32);

// c[M, K] = a[M, N] · b[K, N]ᵀ, or += with `accumulate`. b_transposed[N, K] is read where wants_transposed_copy(),
// b elsewhere.
void multiply_by_transpose(Panels c, ConstPanels a, ConstPanels b, ConstPanels b_transposed, std::size_t M,
                           std::size_t K, std::size_t N, bool accumulate, Precision precision = Precision::float32);

}  // namespace aevb
