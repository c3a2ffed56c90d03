// A tile of a correlation: some positions of the output by some vectors of its channels, in registers, summed over taps
// and input channels. Included after math/simd_lanes.h, once for each target, so it has no include guard.

AEVB_BEFORE_KERNELS

// Registers for sums: TILE_ROWS<NV> rows of a tile by NV vectors of a panel, at most MOST_VECTORS.
#if AEVB_TARGET == AEVB_TARGET_AVX512
constexpr int MOST_VECTORS = 3;
template <int NV>
constexpr int TILE_ROWS = NV == 1 ? 16 : 8;
#elif AEVB_TARGET == AEVB_TARGET_NEON
constexpr int MOST_VECTORS = 3;
template <int NV>
constexpr int TILE_ROWS = 8;
#elif AEVB_TARGET == AEVB_TARGET_AVX2
constexpr int MOST_VECTORS = 2;
template <int NV>
constexpr int TILE_ROWS = NV == 1 ? 8 : 4;
#else
constexpr int MOST_VECTORS = 4;
template <int NV>
constexpr int TILE_ROWS = 2;
#endif

// Where a tile of the output begins, and what it sums.
struct Tile {
  float* out;
  std::size_t out_step;  // floats from one row to the next
  const float* inp;
  std::size_t inp_step;
  const CorrelationTap* taps;
  std::size_t tap_count;
  const float* matrices;
  std::size_t matrix_floats, matrix_pitch;
  std::size_t channels;
  const float* bias;
  bool accumulate;
  int last_lanes;     // lanes of the last vector
  std::size_t space;  // floats from the last vector's start to the panel's end
};

// Loads a vector of a panel. If the panel is narrower than a vector, loads as many floats as it is wide.
template <int NV>
AEVB_INLINE F32 load_of_panel(const float* from, std::size_t space) {
  if constexpr (NV == 1) {
    if (space < F32::size) return load_partial(from, static_cast<int>(space));
  }
  return load(from);
}

// STEP: floats from one row of the input to the next if that is known at compile time, else 0. A known step leaves more
// registers for sums.
template <int ROWS, int NV, std::size_t STEP>
AEVB_INLINE void correlate_tile(const Tile& tile) {
  const std::size_t inp_step = STEP == 0 ? tile.inp_step : STEP;
  F32 sum[ROWS][NV];
#pragma GCC unroll 4
  for (int v = 0; v < NV; ++v) {
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; ++r) {
      sum[r][v] = tile.accumulate        ? load_of_panel<NV>(tile.out + r * tile.out_step + v * F32::size, tile.space)
                  : tile.bias != nullptr ? load(tile.bias + v * F32::size)
                                         : zero();
    }
  }
  for (std::size_t t = 0; t < tile.tap_count; ++t) {
    const float* AEVB_RESTRICT a = tile.inp + tile.taps[t].offset;
    const float* AEVB_RESTRICT b = tile.matrices + tile.taps[t].matrix * tile.matrix_floats;
    for (std::size_t c = 0; c < tile.channels; ++c) {
      F32 right[NV];
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) right[v] = load(b + c * tile.matrix_pitch + v * F32::size);
#pragma GCC unroll 16
      for (int r = 0; r < ROWS; ++r) {
        const F32 left = set(a[r * inp_step + c]);
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) sum[r][v] = fma(left, right[v], sum[r][v]);
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; ++r) {
    float* out = tile.out + r * tile.out_step;
#pragma GCC unroll 4
    for (int v = 0; v + 1 < NV; ++v) store(out + v * F32::size, sum[r][v]);
    store_padded<false>(out + (NV - 1) * F32::size, sum[r][NV - 1], tile.last_lanes, tile.space);
  }
}

// `rows` positions, each a step after the one before.
template <int ROWS, int NV, std::size_t STEP>
AEVB_INLINE void correlate_rows(Tile tile, std::size_t rows) {
  for (; rows >= ROWS; rows -= ROWS) {
    correlate_tile<ROWS, NV, STEP>(tile);
    tile.out += ROWS * tile.out_step;
    tile.inp += ROWS * tile.inp_step;
  }
  if constexpr (ROWS > 1) {
    if (rows > 0) correlate_rows<ROWS / 2, NV, STEP>(tile, rows);
  }
}

AEVB_AFTER_KERNELS
