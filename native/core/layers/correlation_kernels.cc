#include "layers/correlation_kernels.h"

#include <cstddef>
#include <cstdint>

#define AEVB_KERNEL_FILE "layers/correlation_kernels.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
// Included after math/simd_lanes.h, whose vectors it uses.
#include "layers/correlation_tile.h"

AEVB_BEFORE_KERNELS

static void pad_image_kernel(float* padded, ConstPanels inp, const CorrelationPlan& plan) {
  const Shape& shape = plan.input;
  const Extent around = plan.padded;
  const std::size_t pitch = plan.padded_pitch;
  for (std::size_t p = 0; p < panel_count(shape.channels, inp.width); ++p) {
    const std::size_t cols = cols_in_panel(shape.channels, p, inp.width);
    const float* from = inp.data + p * inp.stride;
    for (std::size_t z = 0; z < shape.depth; ++z) {
      for (std::size_t y = 0; y < shape.height; ++y) {
        float* to = padded + plan.padded_offset + (z * around.height + y) * around.width * pitch + p * inp.width;
        if (inp.width == pitch) {
          // A line of positions is contiguous in both images. Its padding holds finite numbers, which meet no weight.
          const std::size_t line = shape.width * pitch;
          std::size_t i = 0;
#pragma GCC unroll 4
          for (; i + F32::size <= line; i += F32::size) store(to + i, load(from + i));
          if (i < line) {
            const int lanes = static_cast<int>(line - i);
            store_partial(to + i, load_partial(from + i, lanes), lanes);
          }
          from += line;
          continue;
        }
        for (std::size_t x = 0; x < shape.width; ++x, to += pitch, from += inp.width) {
          std::size_t c = 0;
          for (; c + F32::size <= cols; c += F32::size) store(to + c, load(from + c));
          if (c < cols) {
            const int lanes = static_cast<int>(cols - c);
            store_partial(to + c, load_partial(from + c, lanes), lanes);
          }
        }
      }
    }
  }
}

AEVB_INLINE std::size_t positions_of(const Shape& shape) { return shape.depth * shape.height * shape.width; }

// The first position of a line of a phase.
AEVB_INLINE std::size_t out_position(const CorrelationPhase& phase, const Shape& shape, std::size_t z, std::size_t y) {
  const std::size_t row = phase.out_begin.depth + z * phase.out_step.depth;
  return (row * shape.height + phase.out_begin.height + y * phase.out_step.height) * shape.width +
         phase.out_begin.width;
}

template <int NV, std::size_t STEP>
static void correlate_lines(const Tile& tile, float* out, std::size_t width, const float* padded,
                            const CorrelationPhase& phase, const Shape& shape) {
  for (std::size_t z = 0; z < phase.count.depth; ++z) {
    for (std::size_t y = 0; y < phase.count.height; ++y) {
      Tile line = tile;
      line.out = out + out_position(phase, shape, z, y) * width;
      line.inp = padded + z * phase.step_depth + y * phase.step_height;
      correlate_rows<TILE_ROWS<NV>, NV, STEP>(line, phase.count.width);
    }
  }
}

// The same position of several images: for lines shorter than a tile.
template <int NV>
static void correlate_places(Tile tile, float* out, std::size_t width, const float* padded,
                             const CorrelationPhase& phase, const CorrelationPlan& plan, std::size_t images) {
  tile.inp_step = plan.padded_floats;
  const std::size_t step = tile.out_step;
  tile.out_step = positions_of(plan.output) * width;
  for (std::size_t z = 0; z < phase.count.depth; ++z) {
    for (std::size_t y = 0; y < phase.count.height; ++y) {
      for (std::size_t x = 0; x < phase.count.width; ++x) {
        Tile place = tile;
        place.out = out + out_position(phase, plan.output, z, y) * width + x * step;
        place.inp = padded + z * phase.step_depth + y * phase.step_height + x * phase.step_width;
        correlate_rows<TILE_ROWS<NV>, NV, 0>(place, images);
      }
    }
  }
}

template <int NV>
static void correlate_panel(Tile tile, Panels out, const float* padded, const CorrelationPlan& plan,
                            std::size_t images) {
  const float* begin = padded + plan.padded_offset;
  for (std::size_t i = 0; i < plan.phase_count; ++i) {
    const CorrelationPhase& phase = plan.phases[i];
    tile.taps = phase.taps;
    tile.tap_count = phase.tap_count;
    tile.inp_step = phase.step_width;
    tile.out_step = phase.out_step.width * out.width;
    if (images > 1) {
      correlate_places<NV>(tile, out.data, out.width, begin, phase, plan, images);
      continue;
    }
    switch (tile.inp_step) {
      case 1:
        correlate_lines<NV, 1>(tile, out.data, out.width, begin, phase, plan.output);
        break;
      case 2:
        correlate_lines<NV, 2>(tile, out.data, out.width, begin, phase, plan.output);
        break;
      case 16:
        correlate_lines<NV, 16>(tile, out.data, out.width, begin, phase, plan.output);
        break;
      case 32:
        correlate_lines<NV, 32>(tile, out.data, out.width, begin, phase, plan.output);
        break;
      case 64:
        correlate_lines<NV, 64>(tile, out.data, out.width, begin, phase, plan.output);
        break;
      case 128:
        correlate_lines<NV, 128>(tile, out.data, out.width, begin, phase, plan.output);
        break;
      default:
        correlate_lines<NV, 0>(tile, out.data, out.width, begin, phase, plan.output);
    }
  }
}

static void correlate_image_kernel(Panels out, const float* padded, const float* matrices, const float* bias,
                                   const CorrelationPlan& plan, bool accumulate, std::size_t images) {
  const std::size_t N = plan.output.channels, K = plan.input.channels;
  const std::size_t pitch = plan.matrix_pitch;
  for (std::size_t p = 0; p < panel_count(N, out.width); ++p) {
    const std::size_t cols = cols_in_panel(N, p, out.width);
    const std::size_t vectors = (cols + F32::size - 1) / F32::size;
    // A panel may hold more vectors than a tile.
    for (std::size_t first = 0; first < vectors; first += MOST_VECTORS) {
      const std::size_t count = vectors - first < MOST_VECTORS ? vectors - first : MOST_VECTORS;
      const std::size_t column = first * F32::size, last = column + (count - 1) * F32::size;
      Tile tile{};
      tile.matrices = matrices + p * out.width + column;
      tile.matrix_floats = plan.matrix_floats;
      tile.matrix_pitch = pitch;
      tile.channels = K;
      tile.bias = bias == nullptr ? nullptr : bias + p * out.width + column;
      tile.accumulate = accumulate;
      tile.last_lanes = static_cast<int>(cols - last < F32::size ? cols - last : F32::size);
      tile.space = out.width - last < F32::size ? out.width - last : F32::size;
      const Panels part{out.data + p * out.stride + column, out.stride, out.width};
      if (count == 1) correlate_panel<1>(tile, part, padded, plan, images);
      if (count == 2) correlate_panel<2>(tile, part, padded, plan, images);
      if constexpr (MOST_VECTORS > 2) {
        if (count == 3) correlate_panel<3>(tile, part, padded, plan, images);
      }
      if constexpr (MOST_VECTORS > 3) {
        if (count == 4) correlate_panel<4>(tile, part, padded, plan, images);
      }
    }
  }
}

// The gradient of one matrix: ROWS input channels by NV vectors of output channels.
struct Sums {
  float* to;
  std::size_t to_pitch;
  const float* padded;  // at the tap, and the first input channel
  std::size_t image_floats;
  const float* dout;
  std::size_t images, positions;
};

template <int ROWS, int NV>
AEVB_INLINE void gradient_tile(const Sums& sums, const CorrelationPhase& phase, const Shape& shape, std::size_t width) {
  F32 sum[ROWS][NV];
#pragma GCC unroll 4
  for (int v = 0; v < NV; ++v) {
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; ++r) sum[r][v] = zero();
  }
  const std::size_t b_step = phase.out_step.width * width;
  for (std::size_t i = 0; i < sums.images; ++i) {
    for (std::size_t z = 0; z < phase.count.depth; ++z) {
      for (std::size_t y = 0; y < phase.count.height; ++y) {
        const float* AEVB_RESTRICT a =
            sums.padded + i * sums.image_floats + z * phase.step_depth + y * phase.step_height;
        const std::size_t row = phase.out_begin.depth + z * phase.out_step.depth;
        const float* AEVB_RESTRICT b =
            sums.dout + (i * sums.positions +
                         (row * shape.height + phase.out_begin.height + y * phase.out_step.height) * shape.width +
                         phase.out_begin.width) *
                            width;
        for (std::size_t x = 0; x < phase.count.width; ++x) {
          F32 right[NV];
#pragma GCC unroll 4
          for (int v = 0; v < NV; ++v) right[v] = load_of_panel<NV>(b + v * F32::size, width);
#pragma GCC unroll 16
          for (int r = 0; r < ROWS; ++r) {
            const F32 left = set(a[r]);
#pragma GCC unroll 4
            for (int v = 0; v < NV; ++v) sum[r][v] = fma(left, right[v], sum[r][v]);
          }
          a += phase.step_width;
          b += b_step;
        }
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; ++r) {
    float* to = sums.to + r * sums.to_pitch;
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) store(to + v * F32::size, load(to + v * F32::size) + sum[r][v]);
  }
}

template <int ROWS, int NV>
AEVB_INLINE void gradient_rows(Sums sums, const CorrelationPhase& phase, const Shape& shape, std::size_t width,
                               std::size_t rows) {
  for (; rows >= ROWS; rows -= ROWS) {
    gradient_tile<ROWS, NV>(sums, phase, shape, width);
    sums.to += ROWS * sums.to_pitch;
    sums.padded += ROWS;
  }
  if constexpr (ROWS > 1) {
    if (rows > 0) gradient_rows<ROWS / 2, NV>(sums, phase, shape, width, rows);
  }
}

// The same for one input channel and TAPS taps: for inputs with few channels.
template <int TAPS, int NV>
AEVB_INLINE void gradient_taps(const Sums& sums, const CorrelationTap* taps, const CorrelationPhase& phase,
                               const CorrelationPlan& plan, std::size_t width) {
  F32 sum[TAPS][NV];
#pragma GCC unroll 4
  for (int v = 0; v < NV; ++v) {
#pragma GCC unroll 27
    for (int t = 0; t < TAPS; ++t) sum[t][v] = zero();
  }
  const std::size_t b_step = phase.out_step.width * width;
  for (std::size_t i = 0; i < sums.images; ++i) {
    for (std::size_t z = 0; z < phase.count.depth; ++z) {
      for (std::size_t y = 0; y < phase.count.height; ++y) {
        const float* AEVB_RESTRICT a =
            sums.padded + i * sums.image_floats + z * phase.step_depth + y * phase.step_height;
        const float* AEVB_RESTRICT b =
            sums.dout + (i * sums.positions + out_position(phase, plan.output, z, y)) * width;
        for (std::size_t x = 0; x < phase.count.width; ++x, a += phase.step_width, b += b_step) {
          F32 right[NV];
#pragma GCC unroll 4
          for (int v = 0; v < NV; ++v) right[v] = load_of_panel<NV>(b + v * F32::size, width);
#pragma GCC unroll 27
          for (int t = 0; t < TAPS; ++t) {
            const F32 left = set(a[taps[t].offset]);
#pragma GCC unroll 4
            for (int v = 0; v < NV; ++v) sum[t][v] = fma(left, right[v], sum[t][v]);
          }
        }
      }
    }
  }
#pragma GCC unroll 27
  for (int t = 0; t < TAPS; ++t) {
    float* to = sums.to + taps[t].matrix * plan.matrix_floats;
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) store(to + v * F32::size, load(to + v * F32::size) + sum[t][v]);
  }
}

template <int TAPS, int NV>
AEVB_INLINE void gradient_all_taps(const Sums& sums, const CorrelationTap* taps, std::size_t count,
                                   const CorrelationPhase& phase, const CorrelationPlan& plan, std::size_t width) {
  if constexpr (NV == 1) {
    // All taps of the kernels of most networks together, so that dout is read once. 3 × 3 × 3 only if the registers
    // hold as many sums.
#if AEVB_TARGET == AEVB_TARGET_AVX512
    if (count == 27) return gradient_taps<27, NV>(sums, taps, phase, plan, width);
#endif
    if (count == 9) return gradient_taps<9, NV>(sums, taps, phase, plan, width);
  }
  for (; count >= TAPS; count -= TAPS, taps += TAPS) gradient_taps<TAPS, NV>(sums, taps, phase, plan, width);
  if constexpr (TAPS > 1) {
    if (count > 0) gradient_all_taps<TAPS / 2, NV>(sums, taps, count, phase, plan, width);
  }
}

// The fewest input channels that fill a tile well enough.
constexpr std::size_t CHANNELS_OF_A_TILE = 4;

template <int NV>
static void gradient_panel(Sums sums, const float* padded, float* dmatrices, std::size_t width,
                           const CorrelationPlan& plan) {
  const std::size_t K = plan.input.channels;
  for (std::size_t i = 0; i < plan.phase_count; ++i) {
    const CorrelationPhase& phase = plan.phases[i];
    if (K < CHANNELS_OF_A_TILE) {
      for (std::size_t c = 0; c < K; ++c) {
        Sums channel_sums = sums;
        channel_sums.to = dmatrices + c * sums.to_pitch;
        channel_sums.padded = padded + plan.padded_offset + c;
        gradient_all_taps<TILE_ROWS<NV>, NV>(channel_sums, phase.taps, phase.tap_count, phase, plan, width);
      }
      continue;
    }
    for (std::size_t t = 0; t < phase.tap_count; ++t) {
      const CorrelationTap& tap = phase.taps[t];
      Sums tap_sums = sums;
      tap_sums.to = dmatrices + tap.matrix * plan.matrix_floats;
      tap_sums.padded = padded + plan.padded_offset + tap.offset;
      gradient_rows<TILE_ROWS<NV>, NV>(tap_sums, phase, plan.output, width, K);
    }
  }
}

static void correlate_gradient_kernel(float* dmatrices, const float* padded, ConstPanels dout, std::size_t images,
                                      const CorrelationPlan& plan) {
  const std::size_t N = plan.output.channels;
  Sums sums{};
  sums.to_pitch = plan.matrix_pitch;
  sums.image_floats = plan.padded_floats;
  sums.images = images;
  sums.positions = plan.output.positions();
  for (std::size_t p = 0; p < panel_count(N, dout.width); ++p) {
    const std::size_t cols = cols_in_panel(N, p, dout.width);
    const std::size_t vectors = (cols + F32::size - 1) / F32::size;
    for (std::size_t first = 0; first < vectors; first += MOST_VECTORS) {
      const std::size_t count = vectors - first < MOST_VECTORS ? vectors - first : MOST_VECTORS;
      sums.dout = dout.data + p * dout.stride + first * F32::size;
      float* to = dmatrices + p * dout.width + first * F32::size;
      if (count == 1) gradient_panel<1>(sums, padded, to, dout.width, plan);
      if (count == 2) gradient_panel<2>(sums, padded, to, dout.width, plan);
      if constexpr (MOST_VECTORS > 2) {
        if (count == 3) gradient_panel<3>(sums, padded, to, dout.width, plan);
      }
      if constexpr (MOST_VECTORS > 3) {
        if (count == 4) gradient_panel<4>(sums, padded, to, dout.width, plan);
      }
    }
  }
}

// --- Few output channels: a vector holds adjacent input channels instead ---

constexpr std::size_t MOST_NARROW_CHANNELS = 2;
constexpr std::size_t MOST_NARROW_FLOATS = 4096;  // the weights of one output channel, on the stack
constexpr std::size_t LEAST_NARROW_CHANNELS = 4;  // input channels
constexpr int NARROW_ROWS = 4;

AEVB_INLINE std::size_t whole_vectors(std::size_t channels) {
  return (channels + F32::size - 1) / F32::size * F32::size;
}

AEVB_INLINE bool is_narrow(const CorrelationPlan& plan) {
  return plan.output.channels <= MOST_NARROW_CHANNELS && plan.input.channels >= LEAST_NARROW_CHANNELS &&
         plan.matrix_count * whole_vectors(plan.input.channels) <= MOST_NARROW_FLOATS;
}

template <int ROWS>
AEVB_INLINE void narrow_tile(float* out, std::size_t out_step, const float* inp, std::size_t inp_step,
                             const CorrelationPhase& phase, const float* columns, std::size_t K, float bias,
                             bool accumulate) {
  F32 total[ROWS];
#pragma GCC unroll 4
  for (int r = 0; r < ROWS; ++r) total[r] = zero();
  for (std::size_t t = 0; t < phase.tap_count; ++t) {
    const float* a = inp + phase.taps[t].offset;
    const float* b = columns + phase.taps[t].matrix * K;
    for (std::size_t c = 0; c < K; c += F32::size) {
      const F32 right = load(b + c);
#pragma GCC unroll 4
      for (int r = 0; r < ROWS; ++r) total[r] = fma(load(a + r * inp_step + c), right, total[r]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < ROWS; ++r) {
    float* to = out + r * out_step;
    *to = sum(total[r]) + (accumulate ? *to : bias);
  }
}

static void correlate_narrow(Panels out, const float* padded, const float* matrices, const float* bias,
                             const CorrelationPlan& plan, bool accumulate) {
  float columns[MOST_NARROW_FLOATS];
  const std::size_t K = whole_vectors(plan.input.channels);
  const Shape& shape = plan.output;
  for (std::size_t n = 0; n < shape.channels; ++n) {
    for (std::size_t m = 0; m < plan.matrix_count; ++m) {
      const float* from = matrices + m * plan.matrix_floats + n;
      for (std::size_t c = 0; c < K; ++c) {
        columns[m * K + c] = c < plan.input.channels ? from[c * plan.matrix_pitch] : 0.0f;
      }
    }
    float* first = out.data + n / out.width * out.stride + n % out.width;
    const float start = bias == nullptr ? 0.0f : bias[n];
    for (std::size_t i = 0; i < plan.phase_count; ++i) {
      const CorrelationPhase& phase = plan.phases[i];
      const std::size_t step = phase.out_step.width * out.width;
      for (std::size_t z = 0; z < phase.count.depth; ++z) {
        for (std::size_t y = 0; y < phase.count.height; ++y) {
          float* to = first + out_position(phase, shape, z, y) * out.width;
          const float* from = padded + plan.padded_offset + z * phase.step_depth + y * phase.step_height;
          std::size_t x = 0;
          for (; x + NARROW_ROWS <= phase.count.width; x += NARROW_ROWS) {
            narrow_tile<NARROW_ROWS>(to + x * step, step, from + x * phase.step_width, phase.step_width, phase, columns,
                                     K, start, accumulate);
          }
          for (; x < phase.count.width; ++x) {
            narrow_tile<1>(to + x * step, step, from + x * phase.step_width, phase.step_width, phase, columns, K, start,
                           accumulate);
          }
        }
      }
    }
  }
}

// The gradient of TAPS taps of a phase, for a vector of input channels.
template <int TAPS>
AEVB_INLINE void narrow_gradient_tile(float* dmatrices, const CorrelationTap* taps, const CorrelationPhase& phase,
                                      const CorrelationPlan& plan, const float* padded, const float* dout,
                                      std::size_t width, std::size_t images, int lanes) {
  const std::size_t positions = positions_of(plan.output), step = phase.out_step.width * width;
  F32 total[TAPS];
#pragma GCC unroll 4
  for (int t = 0; t < TAPS; ++t) total[t] = zero();
  for (std::size_t i = 0; i < images; ++i) {
    for (std::size_t z = 0; z < phase.count.depth; ++z) {
      for (std::size_t y = 0; y < phase.count.height; ++y) {
        const float* a = padded + i * plan.padded_floats + z * phase.step_depth + y * phase.step_height;
        const float* b = dout + (i * positions + out_position(phase, plan.output, z, y)) * width;
        for (std::size_t x = 0; x < phase.count.width; ++x, a += phase.step_width, b += step) {
          const F32 right = set(*b);
#pragma GCC unroll 4
          for (int t = 0; t < TAPS; ++t) total[t] = fma(load(a + taps[t].offset), right, total[t]);
        }
      }
    }
  }
  for (int t = 0; t < TAPS; ++t) {
    float values[F32::size];
    store(values, total[t]);
    float* to = dmatrices + taps[t].matrix * plan.matrix_floats;
    for (int c = 0; c < lanes; ++c) to[c * plan.matrix_pitch] += values[c];
  }
}

static void narrow_gradient(float* dmatrices, const float* padded, ConstPanels dout, std::size_t images,
                            const CorrelationPlan& plan) {
  for (std::size_t n = 0; n < plan.output.channels; ++n) {
    const float* gradient = dout.data + n / dout.width * dout.stride + n % dout.width;
    for (std::size_t c = 0; c < plan.input.channels; c += F32::size) {
      const std::size_t left = plan.input.channels - c;
      const int lanes = static_cast<int>(left < F32::size ? left : F32::size);
      for (std::size_t i = 0; i < plan.phase_count; ++i) {
        const CorrelationPhase& phase = plan.phases[i];
        const float* from = padded + plan.padded_offset + c;
        float* to = dmatrices + c * plan.matrix_pitch + n;
        std::size_t t = 0;
        for (; t + 4 <= phase.tap_count; t += 4) {
          narrow_gradient_tile<4>(to, phase.taps + t, phase, plan, from, gradient, dout.width, images, lanes);
        }
        for (; t < phase.tap_count; ++t) {
          narrow_gradient_tile<1>(to, phase.taps + t, phase, plan, from, gradient, dout.width, images, lanes);
        }
      }
    }
  }
}

void pad_image(float* padded, ConstPanels inp, const CorrelationPlan& plan) { pad_image_kernel(padded, inp, plan); }

void correlate_images(Panels out, const float* padded, const float* matrices, const float* bias,
                      const CorrelationPlan& plan, bool accumulate, std::size_t images) {
  // If lines are as long as a tile, the images are computed one by one: the sums are the same, and the image is in the
  // first-level cache.
  const bool narrow = is_narrow(plan), together = images > 1 && plan.across_images && !narrow;
  for (std::size_t i = 0; i < (together ? 1 : images); ++i) {
    const Panels image{out.data + i * positions_of(plan.output) * out.width, out.stride, out.width};
    const float* from = padded + i * plan.padded_floats;
    if (narrow) {
      correlate_narrow(image, from, matrices, bias, plan, accumulate);
    } else {
      correlate_image_kernel(image, from, matrices, bias, plan, accumulate, together ? images : 1);
    }
  }
}

void correlate_gradient(float* dmatrices, const float* padded, ConstPanels dout, std::size_t images,
                        const CorrelationPlan& plan) {
  if (is_narrow(plan)) return narrow_gradient(dmatrices, padded, dout, images, plan);
  correlate_gradient_kernel(dmatrices, padded, dout, images, plan);
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void pad_image(float* padded, ConstPanels inp, const CorrelationPlan& plan) {
  AEVB_DISPATCH(pad_image)(padded, inp, plan);
}

void correlate_images(Panels out, const float* padded, const float* matrices, const float* bias,
                      const CorrelationPlan& plan, bool accumulate, std::size_t images) {
  AEVB_DISPATCH(correlate_images)(out, padded, matrices, bias, plan, accumulate, images);
}

void correlate_gradient(float* dmatrices, const float* padded, ConstPanels dout, std::size_t images,
                        const CorrelationPlan& plan) {
  AEVB_DISPATCH(correlate_gradient)(dmatrices, padded, dout, images, plan);
}

}  // namespace aevb
#endif
