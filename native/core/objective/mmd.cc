#include "objective/mmd.h"

#include <cstddef>
#include <cstdint>

#include "math/panel_ops.h"
#include "tensor/aligned.h"

#define AEVB_KERNEL_FILE "objective/mmd.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"

AEVB_BEFORE_KERNELS

// Σ_j k(point, other_j); k² of each is left in `squares`. point: one row of a table [Z, stride], `others` a table.
template <bool WHOLE>
AEVB_INLINE F64 kernel_vector(float* squares, const float* point, const float* others, std::size_t stride, F32 constant,
                              std::size_t Z, int lanes) {
  F32 distance = zero();
  for (std::size_t d = 0; d < Z; ++d) {
    const F32 difference = set(point[d * stride]) - load(others + d * stride);
    distance = fma(difference, difference, distance);
  }
  const F32 k = keep_lanes<WHOLE>(constant / (constant + distance), zero(), lanes);
  store(squares, k * k);
  return widen(k);
}

AEVB_INLINE double kernel_sum(float* squares, const float* point, const float* others, std::size_t stride,
                              float constant, std::size_t R, std::size_t Z) {
  F64 total = zero_double();
  std::size_t j = 0;
  for (; j + F32::size <= R; j += F32::size) {
    total = total + kernel_vector<true>(squares + j, point, others + j, stride, set(constant), Z, F32::size);
  }
  if (j < R) {
    total =
        total + kernel_vector<false>(squares + j, point, others + j, stride, set(constant), Z, static_cast<int>(R - j));
  }
  double lane[F32::size];
  store(lane, total);
  double all = 0.0;
  for (int i = 0; i < F32::size; ++i) all += lane[i];
  return all;
}

// Σ_j k² (point − other_j) in one unit; beyond R both k² and the tables are 0.
AEVB_INLINE float pull(const float* squares, float point, const float* others, std::size_t R) {
  F32 total = zero();
  for (std::size_t j = 0; j < R; j += F32::size) {
    total = fma(load(squares + j), set(point) - load(others + j), total);
  }
  return sum(total);
}

void mmd_rows(double* value, Panels dz, const float* tables, float scale, float* scratch, std::size_t first,
              std::size_t count, std::size_t R, std::size_t Z) {
  if (R < 2) {
    for (std::size_t i = first; i < first + count; ++i) value[i] = 0.0;
    return;
  }
  const std::size_t stride = cache_lines(R);
  const float* z = tables;
  const float* prior = tables + Z * stride;
  float* to_z = scratch;
  float* to_prior = scratch + stride;
  const auto constant = static_cast<float>(2 * Z);
  const double rows = static_cast<double>(R);
  const double pair_weight = 1.0 / (rows * (rows - 1.0));
  const double cross_weight = 2.0 / (rows * rows);
  // ∂k/∂x = −2/C k² (x − y); each pair of two z is counted from both sides.
  const auto z_scale = static_cast<float>(-4.0 / constant * pair_weight * scale);
  const auto prior_scale = static_cast<float>(2.0 / constant * cross_weight * scale);
  for (std::size_t i = first; i < first + count; ++i) {
    // k(x, x) = 1 is in the sum: to_prior is written twice, and kept from the second time.
    const double among_prior = kernel_sum(to_prior, prior + i, prior, stride, constant, R, Z) - 1.0;
    const double across = kernel_sum(to_prior, z + i, prior, stride, constant, R, Z);
    const double among_z = kernel_sum(to_z, z + i, z, stride, constant, R, Z) - 1.0;
    value[i] = pair_weight * (among_z + among_prior) - cross_weight * across;
    if (dz.data == nullptr) continue;
    for (std::size_t d = 0; d < Z; ++d) {
      const float point = z[d * stride + i];
      dz.at(i, d) +=
          z_scale * pull(to_z, point, z + d * stride, R) + prior_scale * pull(to_prior, point, prior + d * stride, R);
    }
  }
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

std::size_t mmd_table_floats(std::size_t R, std::size_t Z) { return 2 * Z * cache_lines(R); }
std::size_t mmd_scratch_floats(std::size_t R) { return 2 * cache_lines(R); }

// Both matrices with units as rows, [Z, R], zeros behind each row.
void mmd_tables(float* tables, ConstPanels z, ConstPanels prior, std::size_t R, std::size_t Z) {
  const std::size_t stride = cache_lines(R);
  transpose({tables, 0, stride}, z, R, Z);
  transpose({tables + Z * stride, 0, stride}, prior, R, Z);
  for (std::size_t row = 0; row < 2 * Z; ++row) {
    for (std::size_t j = R; j < stride; ++j) tables[row * stride + j] = 0.0f;
  }
}

void mmd_rows(double* value, Panels dz, const float* tables, float scale, float* scratch, std::size_t first,
              std::size_t count, std::size_t R, std::size_t Z) {
  AEVB_DISPATCH(mmd_rows)(value, dz, tables, scale, scratch, first, count, R, Z);
}

}  // namespace aevb
#endif
