#include "math/random.h"

#include <cstddef>
#include <cstdint>

#define AEVB_KERNEL_FILE "math/random.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/simd_philox.h"
#include "math/vector_math.h"

AEVB_BEFORE_KERNELS

AEVB_INLINE void box_muller(I32 word_0, I32 word_1, float* cosines, float* sines) {
  const F32 a = (from_int(shift_right<1>(word_0)) + set(0.5f)) * set(0x1p-31f);
  const F32 radius = sqrt(set(-2.0f) * log(a));
  F32 sine, cosine;
  sincos_of_turns(from_int(shift_right<8>(word_1)) * set(0x1p-24f), &sine, &cosine);
  store(cosines, radius * cosine);
  store(sines, radius * sine);
}

// s = min(u, 1 − u), and the sign bit if u > ½.
struct NearerEnd {
  F32 distance;
  I32 sign;
};
AEVB_INLINE NearerEnd nearer_end(I32 word) {
  const I32 all_or_none = set_int(0) - shift_right<31>(word);
  return {(from_int(word ^ all_or_none) + set(0.5f)) * set(0x1p-32f), word & set_int(INT32_MIN)};
}
AEVB_INLINE F32 with_sign(F32 a, I32 sign) { return float_of(bits_of(a) ^ sign); }

// log(1 − s) for 0 ≤ s ≤ ½.
AEVB_INLINE F32 log1m_of_half(F32 s) {
  const Mask far = less(set(0x1.2bec34p-2f), s);  // 1 − √½
  return log_reduced(select(far, fnma(set(2.0f), s, set(1.0f)), -s), select(far, set(-1.0f), zero()));
}

// Turns the words of a block into numbers: four in each lane; number[.][i] are those of lane i.
struct NormalNumbers {
  AEVB_INLINE void convert(const I32 word[4], float number[4][F32::size]) {
    box_muller(word[0], word[1], number[0], number[1]);
    box_muller(word[2], word[3], number[2], number[3]);
  }
};
struct LaplaceNumbers {
  AEVB_INLINE void convert(const I32 word[4], float number[4][F32::size]) {
    for (int i = 0; i < 4; ++i) {
      const NearerEnd end = nearer_end(word[i]);
      store(number[i], with_sign(log(end.distance + end.distance), end.sign));
    }
  }
};
struct LogisticNumbers {
  AEVB_INLINE void convert(const I32 word[4], float number[4][F32::size]) {
    for (int i = 0; i < 4; ++i) {
      const NearerEnd end = nearer_end(word[i]);
      store(number[i], with_sign(log(end.distance) - log1m_of_half(end.distance), end.sign));
    }
  }
};
struct GumbelNumbers {
  AEVB_INLINE void convert(const I32 word[4], float number[4][F32::size]) {
    for (int i = 0; i < 4; ++i) {
      const NearerEnd end = nearer_end(word[i]);
      const Mask upper = less(zero(), from_int(shift_right<31>(end.sign)));
      store(number[i], -log(-select(upper, log1m_of_half(end.distance), log(end.distance))));
    }
  }
};

// Every lane makes one block of four numbers. Blocks are counted through a row and on into the next one, so that all
// lanes are in use for any number of columns.
template <typename Numbers>
static void fill_numbers(Panels out, std::size_t rows, std::size_t cols, std::uint64_t seed, Purpose purpose,
                         std::uint32_t step, std::uint32_t first_row, std::uint32_t first_lane) {
  if (cols == 0) return;
  const std::size_t row_blocks = (cols + 3) / 4;
  std::size_t next_row = 0;
  std::size_t next_block = 0;
  while (next_row < rows) {
    std::size_t row[F32::size];
    std::size_t block[F32::size];
    std::int32_t counter_lane[F32::size] = {};
    std::int32_t counter_row[F32::size] = {};
    int count = 0;
    for (; count < F32::size && next_row < rows; ++count) {
      row[count] = next_row;
      block[count] = next_block;
      counter_lane[count] = static_cast<std::int32_t>(first_lane + static_cast<std::uint32_t>(next_block));
      counter_row[count] = static_cast<std::int32_t>(first_row + static_cast<std::uint32_t>(next_row));
      if (++next_block == row_blocks) {
        next_block = 0;
        ++next_row;
      }
    }
    I32 word[4] = {load_int(counter_lane), load_int(counter_row)};
    philox_lanes(word, seed, purpose, step);
    float number[4][F32::size];
    Numbers::convert(word, number);
    for (int lane = 0; lane < count; ++lane) {
      const std::size_t col = 4 * block[lane];
      if (out.width % 4 == 0 && col + 4 <= cols) {
        float* four = row_of(out, col / out.width, row[lane]) + col % out.width;
        for (int i = 0; i < 4; ++i) four[i] = number[i][lane];
      } else {
        for (std::size_t i = 0; i < 4 && col + i < cols; ++i) out.at(row[lane], col + i) = number[i][lane];
      }
    }
  }
  if (cols % out.width != 0) {
    const std::size_t last = cols / out.width;
    for (std::size_t r = 0; r < rows; ++r) zero_padding(row_of(out, last, r), cols % out.width, out.width);
  }
}

void fill_normal(Panels out, std::size_t rows, std::size_t cols, std::uint64_t seed, Purpose purpose,
                 std::uint32_t step, std::uint32_t first_row, std::uint32_t first_lane) {
  fill_numbers<NormalNumbers>(out, rows, cols, seed, purpose, step, first_row, first_lane);
}

void fill_laplace(Panels out, std::size_t rows, std::size_t cols, std::uint64_t seed, Purpose purpose,
                  std::uint32_t step, std::uint32_t first_row, std::uint32_t first_lane) {
  fill_numbers<LaplaceNumbers>(out, rows, cols, seed, purpose, step, first_row, first_lane);
}

void fill_logistic(Panels out, std::size_t rows, std::size_t cols, std::uint64_t seed, Purpose purpose,
                   std::uint32_t step, std::uint32_t first_row, std::uint32_t first_lane) {
  fill_numbers<LogisticNumbers>(out, rows, cols, seed, purpose, step, first_row, first_lane);
}

void fill_gumbel(Panels out, std::size_t rows, std::size_t cols, std::uint64_t seed, Purpose purpose,
                 std::uint32_t step, std::uint32_t first_row, std::uint32_t first_lane) {
  fill_numbers<GumbelNumbers>(out, rows, cols, seed, purpose, step, first_row, first_lane);
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

Philox philox(std::uint64_t seed, Purpose purpose, std::uint32_t step, std::uint32_t row, std::uint32_t lane) {
  std::uint32_t word[4] = {lane, row, step, static_cast<std::uint32_t>(purpose)};
  std::uint32_t key[2] = {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
  for (int round = 0; round < PHILOX_ROUNDS; ++round) {
    const std::uint64_t product_0 = static_cast<std::uint64_t>(PHILOX_MULTIPLY_0) * word[0];
    const std::uint64_t product_1 = static_cast<std::uint64_t>(PHILOX_MULTIPLY_1) * word[2];
    word[0] = static_cast<std::uint32_t>(product_1 >> 32) ^ word[1] ^ key[0];
    word[1] = static_cast<std::uint32_t>(product_1);
    word[2] = static_cast<std::uint32_t>(product_0 >> 32) ^ word[3] ^ key[1];
    word[3] = static_cast<std::uint32_t>(product_0);
    key[0] += PHILOX_WEYL_0;
    key[1] += PHILOX_WEYL_1;
  }
  return {{word[0], word[1], word[2], word[3]}};
}

void fill_normal(Panels out, std::size_t rows, std::size_t cols, std::uint64_t seed, Purpose purpose,
                 std::uint32_t step, std::uint32_t first_row, std::uint32_t first_lane) {
  AEVB_DISPATCH(fill_normal)(out, rows, cols, seed, purpose, step, first_row, first_lane);
}

void fill_laplace(Panels out, std::size_t rows, std::size_t cols, std::uint64_t seed, Purpose purpose,
                  std::uint32_t step, std::uint32_t first_row, std::uint32_t first_lane) {
  AEVB_DISPATCH(fill_laplace)(out, rows, cols, seed, purpose, step, first_row, first_lane);
}

void fill_logistic(Panels out, std::size_t rows, std::size_t cols, std::uint64_t seed, Purpose purpose,
                   std::uint32_t step, std::uint32_t first_row, std::uint32_t first_lane) {
  AEVB_DISPATCH(fill_logistic)(out, rows, cols, seed, purpose, step, first_row, first_lane);
}

void fill_gumbel(Panels out, std::size_t rows, std::size_t cols, std::uint64_t seed, Purpose purpose,
                 std::uint32_t step, std::uint32_t first_row, std::uint32_t first_lane) {
  AEVB_DISPATCH(fill_gumbel)(out, rows, cols, seed, purpose, step, first_row, first_lane);
}

}  // namespace aevb
#endif
