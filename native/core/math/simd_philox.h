// Philox's words for kernel files that convert them themselves: as many blocks at once as a vector has lanes.
// Included after math/simd.h, once for each target, hence no include guard here. random.h defines the counter; the
// words are those of philox().

#ifndef AEVB_PHILOX_CONSTANTS
#define AEVB_PHILOX_CONSTANTS
namespace aevb {
// Salmon et al., table 2: the multipliers, and the increments of the key in each round.
constexpr int PHILOX_ROUNDS = 10;
constexpr std::uint32_t PHILOX_MULTIPLY_0 = 0xD2511F53;
constexpr std::uint32_t PHILOX_MULTIPLY_1 = 0xCD9E8D57;
constexpr std::uint32_t PHILOX_WEYL_0 = 0x9E3779B9;
constexpr std::uint32_t PHILOX_WEYL_1 = 0xBB67AE85;
}  // namespace aevb
#endif

AEVB_BEFORE_KERNELS

AEVB_INLINE I32 set_word(std::uint32_t word) { return set_int(static_cast<std::int32_t>(word)); }

// word[0] and word[1] hold the counters' lane and row on entry.
AEVB_INLINE void philox_lanes(I32 word[4], std::uint64_t seed, Purpose purpose, std::uint32_t step) {
  word[2] = set_word(step);
  word[3] = set_word(static_cast<std::uint32_t>(purpose));
  std::uint32_t key_0 = static_cast<std::uint32_t>(seed);
  std::uint32_t key_1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < PHILOX_ROUNDS; ++round) {
    I32 high_0, low_0, high_1, low_1;
    multiply_wide(word[0], set_word(PHILOX_MULTIPLY_0), &high_0, &low_0);
    multiply_wide(word[2], set_word(PHILOX_MULTIPLY_1), &high_1, &low_1);
    word[0] = high_1 ^ word[1] ^ set_word(key_0);
    word[1] = low_1;
    word[2] = high_0 ^ word[3] ^ set_word(key_1);
    word[3] = low_0;
    key_0 += PHILOX_WEYL_0;
    key_1 += PHILOX_WEYL_1;
  }
}

// The words of the columns first, first + 1, ... of one row, in the order of the columns: column c has word c % 4 of
// the block with lane c / 4. `first` is a multiple of 4.
constexpr std::size_t WORDS_AT_ONCE = 4 * F32::size;
AEVB_INLINE void philox_row(std::int32_t words[WORDS_AT_ONCE], std::uint64_t seed, Purpose purpose, std::uint32_t step,
                            std::uint32_t row, std::size_t first) {
  I32 word[4] = {set_word(static_cast<std::uint32_t>(first / 4)) + iota(), set_word(row)};
  philox_lanes(word, seed, purpose, step);
  std::int32_t of_block[4][F32::size];
  for (int w = 0; w < 4; ++w) store_int(of_block[w], word[w]);
  for (int lane = 0; lane < F32::size; ++lane) {
    for (int w = 0; w < 4; ++w) words[4 * lane + w] = of_block[w][lane];
  }
}

// uniform() of each word: multiples of 2⁻²⁴ in [0, 1).
AEVB_INLINE F32 uniform_of(I32 word) { return from_int(shift_right<8>(word)) * set(0x1p-24f); }

AEVB_AFTER_KERNELS
