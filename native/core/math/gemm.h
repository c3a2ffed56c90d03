// Matrix products: the built-in kernel, or a CBLAS if the build found one.
//
// Each call runs on the calling thread alone; the callers cut the work into tiles. The built-in kernel sums an
// element of a result in the same order however the work is cut. A CBLAS does not promise that, so callers cut by
// the problem's shape, never by the number of threads.
#pragma once

#include <cstddef>
#include <string>

#include "math/zeros.h"
#include "spec/names.h"
#include "tensor/panels.h"

namespace aevb {

enum class Gemm { builtin, cblas };

// The implementation that AEVB_GEMM names ("builtin" or "cblas"), or else the faster one: Accelerate on Apple's
// machines, a CBLAS if the built-in kernel would run in its portable form, the built-in kernel otherwise. Decided at
// the first call. Throws std::invalid_argument if AEVB_GEMM names one that this build lacks.
Gemm active_gemm();
bool cblas_available();
// For tests and benchmarks; call it before any model is made.
void set_active_gemm(Gemm gemm);
const char* gemm_name(Gemm gemm);
// The version that the CBLAS reports and the core it runs on; for the built-in kernel, the package's version and the
// processor's name.
std::string gemm_version();
std::string gemm_core();

// The panel width of a matrix of `cols` columns. The built-in product uses whole panels; a matrix of fewer columns
// than a panel has as many vectors as it needs.
std::size_t matrix_width(std::size_t cols);

// Whether this processor multiplies bfloat16 faster than float and the built-in product is active; a CBLAS has no
// bfloat16.
bool bfloat16_available();

// Whether multiply_by_transpose needs the transpose of the right operand to be made beforehand.
bool wants_transposed_copy();

// bfloat16 has an effect only if bfloat16_available(); it skips no zeros.

// c[M, N] = a[M, K] · b[K, N], or += with `accumulate`. `zeros` describes a, so that its zeros are skipped.
// `bias`[N], padded to whole panels, is the initial value of every row without `accumulate`.
void multiply(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N, bool accumulate,
              Zeros zeros = {}, const float* bias = nullptr, Precision precision = Precision::float32);

// c[K, N] = a[M, K]ᵀ · b[M, N], or += with `accumulate`. `zeros` describes a.
void multiply_transposed(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                         bool accumulate, Zeros zeros = {}, Precision precision = Precision::float32);

// c[M, K] = a[M, N] · b[K, N]ᵀ, or += with `accumulate`. Reads b_transposed[N, K] if needs_transposed_copy(), else
// b.
void multiply_by_transpose(Panels c, ConstPanels a, ConstPanels b, ConstPanels b_transposed, std::size_t M,
                           std::size_t K, std::size_t N, bool accumulate, Precision precision = Precision::float32);

}  // namespace aevb
