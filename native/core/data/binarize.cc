#include "data/binarize.h"

#include <cstddef>
#include <cstdint>

#include "math/columns.h"
#include "math/random.h"

#define AEVB_KERNEL_FILE "data/binarize.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/simd_philox.h"

AEVB_BEFORE_KERNELS

// 1 if the threshold is below x.
AEVB_INLINE F32 compare(F32 threshold, F32 x) {
  return select(is_nan(x), x, select(less(threshold, x), set(1.0f), zero()));
}

template <bool STOCHASTIC, bool WHOLE>
AEVB_INLINE void binarize_vector(float* out, const float* x, const std::int32_t* words, int lanes) {
  F32 threshold = set(0.5f);
  if constexpr (STOCHASTIC) threshold = uniform_of(load_int(words));
  store_lanes<WHOLE>(out, compare(threshold, load_lanes<WHOLE>(x, lanes)), lanes);
}

template <bool STOCHASTIC>
static void binarize_rows(Panels out, ConstPanels x, std::uint64_t seed, std::uint32_t step, const std::uint32_t* index,
                          std::uint32_t first_row, std::size_t R, std::size_t D) {
  // Vectors begin at any column of a run, so the last one may read beyond the words.
  std::int32_t words[WORDS_AT_ONCE + F32::size] = {};
  for (std::size_t r = 0; r < R; ++r) {
    const std::uint32_t row = index == nullptr ? first_row + static_cast<std::uint32_t>(r) : index[r];
    for (std::size_t first = 0; first < D; first += WORDS_AT_ONCE) {
      if constexpr (STOCHASTIC) philox_row(words, seed, Purpose::binarize, step, row, first);
      const std::size_t end = D - first < WORDS_AT_ONCE ? D : first + WORDS_AT_ONCE;
      for (std::size_t c = first; c < end;) {
        const std::size_t in_panel = c % out.width;
        const std::size_t run = end - c < out.width - in_panel ? end - c : out.width - in_panel;
        float* to = row_of(out, c / out.width, r) + in_panel;
        const float* from = row_of(x, c / x.width, r) + in_panel;
        const std::int32_t* word = words + (c - first);
        std::size_t i = 0;
        for (; i + F32::size <= run; i += F32::size) {
          binarize_vector<STOCHASTIC, true>(to + i, from + i, word + i, F32::size);
        }
        if (i < run) binarize_vector<STOCHASTIC, false>(to + i, from + i, word + i, static_cast<int>(run - i));
        c += run;
      }
    }
    if (D % out.width != 0) zero_padding(row_of(out, D / out.width, r), D % out.width, out.width);
  }
}

void binarize_threshold(Panels out, ConstPanels x, std::size_t R, std::size_t D) {
  binarize_rows<false>(out, x, 0, 0, nullptr, 0, R, D);
}

void binarize_stochastic(Panels out, ConstPanels x, std::uint64_t seed, std::uint32_t step, const std::uint32_t* index,
                         std::uint32_t first_row, std::size_t R, std::size_t D) {
  binarize_rows<true>(out, x, seed, step, index, first_row, R, D);
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void binarize(Panels out, ConstPanels x, Binarize how, std::uint64_t seed, std::uint32_t step,
              const std::uint32_t* index, std::uint32_t first_row, std::size_t R, std::size_t D) {
  switch (how) {
    case Binarize::none:
      take_columns(out, x, 0, R, D);
      break;
    case Binarize::threshold:
      AEVB_DISPATCH(binarize_threshold)(out, x, R, D);
      break;
    case Binarize::stochastic:
      AEVB_DISPATCH(binarize_stochastic)(out, x, seed, step, index, first_row, R, D);
      break;
  }
}

}  // namespace aevb
#endif
