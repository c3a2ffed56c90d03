#include "math/gemm.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include "math/gemm_bfloat16.h"
#include "math/gemm_builtin.h"
#include "math/target.h"
#include "tensor/aligned.h"

#if AEVB_CBLAS_ACCELERATE
#include <Accelerate/Accelerate.h>
#elif AEVB_HAVE_CBLAS
#include <cblas.h>
#endif

#ifndef AEVB_VERSION
#define AEVB_VERSION unknown
#endif
#define AEVB_TEXT(token) #token
#define AEVB_TEXT_OF(macro) AEVB_TEXT(macro)

namespace aevb {

namespace {

bool is_fast_when_unasked() {
#if AEVB_CBLAS_ACCELERATE
  return true;
#elif AEVB_HAVE_CBLAS
  return active_target() == Target::portable;
#else
  return false;
#endif
}

Gemm choose() {
  const char* asked = std::getenv("AEVB_GEMM");
  if (asked == nullptr || *asked == '\0') return is_fast_when_unasked() ? Gemm::cblas : Gemm::builtin;
  if (std::strcmp(asked, "builtin") == 0) return Gemm::builtin;
  if (std::strcmp(asked, "cblas") != 0) {
    throw std::invalid_argument(std::string("Expected builtin or cblas for AEVB_GEMM but received ") + asked);
  }
  if (!cblas_available()) {
    throw std::invalid_argument("Expected builtin for AEVB_GEMM but received cblas: no CBLAS was found at build time");
  }
  return Gemm::cblas;
}

// A BLAS with threads of its own would compete with our pool for the same cores, so it runs on one thread.
void keep_cblas_single_threaded() {
#if AEVB_CBLAS_OPENBLAS
  openblas_set_num_threads(1);
#endif
}

std::atomic<int> active{-1};

std::string processor_name() {
#if defined(__linux__)
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(": ") + 2);
  }
#endif
  return target_name(active_target());
}

}  // namespace

bool cblas_available() {
#if AEVB_HAVE_CBLAS
  return true;
#else
  return false;
#endif
}

Gemm active_gemm() {
  int now = active.load(std::memory_order_relaxed);
  if (now < 0) {
    now = static_cast<int>(choose());
    set_active_gemm(static_cast<Gemm>(now));
  }
  return static_cast<Gemm>(now);
}

void set_active_gemm(Gemm gemm) {
  if (gemm == Gemm::cblas && !cblas_available()) {
    throw std::invalid_argument("no CBLAS was found at build time");
  }
  if (gemm == Gemm::cblas) keep_cblas_single_threaded();
  active.store(static_cast<int>(gemm), std::memory_order_relaxed);
}

const char* gemm_name(Gemm gemm) { return gemm == Gemm::cblas ? "cblas" : "builtin"; }

std::string gemm_version() {
  if (active_gemm() == Gemm::builtin) return AEVB_TEXT_OF(AEVB_VERSION);
#if AEVB_CBLAS_OPENBLAS
  return openblas_get_config();
#elif AEVB_CBLAS_ACCELERATE
  return "Accelerate";
#else
  return "CBLAS";
#endif
}

std::string gemm_core() {
#if AEVB_CBLAS_OPENBLAS
  if (active_gemm() == Gemm::cblas) return openblas_get_corename();
#endif
  return processor_name();
}

std::size_t matrix_width(std::size_t cols) {
  if (active_gemm() == Gemm::cblas) return cache_lines(cols);
  const auto whole = static_cast<std::size_t>(panel_width(active_target()));
  const auto vector = static_cast<std::size_t>(vector_width(active_target()));
  return std::clamp((cols + vector - 1) / vector * vector, vector, whole);
}

bool bfloat16_available() {
  return active_gemm() == Gemm::builtin && active_target() == Target::avx512 && bfloat16_supported();
}

bool wants_transposed_copy() { return active_gemm() == Gemm::builtin; }

#if AEVB_HAVE_CBLAS
namespace {

void cblas_product(bool transpose_a, bool transpose_b, Panels c, ConstPanels a, ConstPanels b, std::size_t rows,
                   std::size_t cols, std::size_t summed, bool accumulate) {
  cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans,
              static_cast<int>(rows), static_cast<int>(cols), static_cast<int>(summed), 1.0f, a.data,
              static_cast<int>(a.width), b.data, static_cast<int>(b.width), accumulate ? 1.0f : 0.0f, c.data,
              static_cast<int>(c.width));
}

}  // namespace
#endif

namespace {

bool in_bfloat16(Precision precision) { return precision == Precision::bfloat16 && bfloat16_available(); }

}  // namespace

void multiply(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N, bool accumulate,
              Zeros zeros, const float* bias, Precision precision) {
#if AEVB_HAVE_CBLAS
  if (active_gemm() == Gemm::cblas) {
    const bool biased = !accumulate && bias != nullptr;
    for (std::size_t m = 0; biased && m < M; ++m) std::copy_n(bias, N, c.data + m * c.width);
    return cblas_product(false, false, c, a, b, M, N, K, accumulate || biased);
  }
#endif
  if (in_bfloat16(precision)) return bfloat16_multiply(c, a, b, M, K, N, accumulate, bias);
  builtin_multiply(c, a, b, M, K, N, accumulate, zeros, bias);
}

void multiply_transposed(Panels c, ConstPanels a, ConstPanels b, std::size_t M, std::size_t K, std::size_t N,
                         bool accumulate, Zeros zeros, Precision precision) {
#if AEVB_HAVE_CBLAS
  if (active_gemm() == Gemm::cblas) return cblas_product(true, false, c, a, b, K, N, M, accumulate);
#endif
  if (in_bfloat16(precision)) return bfloat16_multiply_transposed(c, a, b, M, K, N, accumulate);
  builtin_multiply_transposed(c, a, b, M, K, N, accumulate, zeros);
}

void multiply_by_transpose(Panels c, ConstPanels a, [[maybe_unused]] ConstPanels b, ConstPanels b_transposed,
                           std::size_t M, std::size_t K, std::size_t N, bool accumulate, Precision precision) {
#if AEVB_HAVE_CBLAS
  if (active_gemm() == Gemm::cblas) return cblas_product(false, true, c, a, b, M, K, N, accumulate);
#endif
  if (in_bfloat16(precision)) return bfloat16_multiply(c, a, b_transposed, M, N, K, accumulate);
  builtin_multiply(c, a, b_transposed, M, N, K, accumulate);
}

}  // namespace aevb
