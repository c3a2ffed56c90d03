#include "data/corruption.h"

#include <cstddef>
#include <cstdint>

#include "math/columns.h"
#include "math/random.h"

#define AEVB_KERNEL_FILE "data/corruption.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/simd_philox.h"

AEVB_BEFORE_KERNELS

template <bool SALT, bool WHOLE>
AEVB_INLINE void replace_vector(float* out, const float* x, const std::int32_t* words, F32 amount, int lanes) {
  const I32 word = load_int(words);
  F32 other = zero();
  if constexpr (SALT) other = from_int(word & set_int(1));
  const F32 replaced = select(less(uniform_of(word), amount), other, load_lanes<WHOLE>(x, lanes));
  store_lanes<WHOLE>(out, replaced, lanes);
}

template <bool SALT>
static void replace_cells(Panels out, ConstPanels x, float amount, std::uint64_t seed, std::uint32_t step,
                          std::uint32_t first_row, std::size_t R, std::size_t D) {
  // Vectors begin at any column of a run, so the last one may read beyond the words.
  std::int32_t words[WORDS_AT_ONCE + F32::size] = {};
  for (std::size_t r = 0; r < R; ++r) {
    const std::uint32_t row = first_row + static_cast<std::uint32_t>(r);
    for (std::size_t first = 0; first < D; first += WORDS_AT_ONCE) {
      philox_row(words, seed, Purpose::corruption, step, row, first);
      const std::size_t end = D - first < WORDS_AT_ONCE ? D : first + WORDS_AT_ONCE;
      for (std::size_t c = first; c < end;) {
        const std::size_t in_panel = c % out.width;
        const std::size_t run = end - c < out.width - in_panel ? end - c : out.width - in_panel;
        float* to = row_of(out, c / out.width, r) + in_panel;
        const float* from = row_of(x, c / x.width, r) + in_panel;
        const std::int32_t* word = words + (c - first);
        std::size_t i = 0;
        for (; i + F32::size <= run; i += F32::size) {
          replace_vector<SALT, true>(to + i, from + i, word + i, set(amount), F32::size);
        }
        if (i < run) {
          replace_vector<SALT, false>(to + i, from + i, word + i, set(amount), static_cast<int>(run - i));
        }
        c += run;
      }
    }
    if (D % out.width != 0) zero_padding(row_of(out, D / out.width, r), D % out.width, out.width);
  }
}

void mask_cells(Panels out, ConstPanels x, float amount, std::uint64_t seed, std::uint32_t step,
                std::uint32_t first_row, std::size_t R, std::size_t D) {
  replace_cells<false>(out, x, amount, seed, step, first_row, R, D);
}

void salt_and_pepper(Panels out, ConstPanels x, float amount, std::uint64_t seed, std::uint32_t step,
                     std::uint32_t first_row, std::size_t R, std::size_t D) {
  replace_cells<true>(out, x, amount, seed, step, first_row, R, D);
}

// out = x + factor · out
void scale_and_add(Panels out, ConstPanels x, float factor, std::size_t R, std::size_t D) {
  for (std::size_t p = 0; p < panel_count(D, out.width); ++p) {
    const std::size_t cols = cols_in_panel(D, p, out.width);
    for (std::size_t r = 0; r < R; ++r) {
      float* to = row_of(out, p, r);
      const float* from = row_of(x, p, r);
      std::size_t i = 0;
      for (; i + F32::size <= cols; i += F32::size) store(to + i, fma(set(factor), load(to + i), load(from + i)));
      if (i < cols) {
        const int lanes = static_cast<int>(cols - i);
        store_partial(to + i, fma(set(factor), load_partial(to + i, lanes), load_partial(from + i, lanes)), lanes);
      }
      zero_padding(to, cols, out.width);
    }
  }
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void corrupt(Panels out, ConstPanels x, const CorruptionSpec& spec, std::uint64_t seed, std::uint32_t step,
             std::uint32_t first_row, std::size_t R, std::size_t D) {
  const auto amount = static_cast<float>(spec.amount);
  switch (spec.type) {
    case CorruptionType::none:
      take_columns(out, x, 0, R, D);
      break;
    case CorruptionType::gaussian:
      fill_normal(out, R, D, seed, Purpose::corruption, step, first_row);
      AEVB_DISPATCH(scale_and_add)(out, x, amount, R, D);
      break;
    case CorruptionType::masking:
      AEVB_DISPATCH(mask_cells)(out, x, amount, seed, step, first_row, R, D);
      break;
    case CorruptionType::saltAndPepper:
      AEVB_DISPATCH(salt_and_pepper)(out, x, amount, seed, step, first_row, R, D);
      break;
  }
}

}  // namespace aevb
#endif
