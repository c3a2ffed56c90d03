#include "layers/correlation.h"

#include <algorithm>
#include <cstdint>

#include "layers/correlation_kernels.h"
#include "layers/winograd_kernels.h"
#include "tensor/aligned.h"

namespace aevb {

namespace {

// Positions that a gradient is summed over before it is added to memory.
constexpr std::size_t POSITIONS_OF_A_SUM = 64;

// The fewest input channels that kernels load as a vector; fewer are loaded one by one.
constexpr std::size_t FEWEST_CHANNELS_OF_A_VECTOR = 4;

// If a line has at least SHORT_LINE positions, a tile takes them one after another. Otherwise it takes the same
// position of several images, and the scratch memory holds at least IMAGES_ACROSS of them.
constexpr std::size_t SHORT_LINE = 5;
constexpr std::size_t IMAGES_ACROSS = 8;

std::ptrdiff_t floor_divide(std::ptrdiff_t a, std::ptrdiff_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

std::vector<std::vector<std::size_t>> single_members(std::size_t kernel) {
  std::vector<std::vector<std::size_t>> members(kernel);
  for (std::size_t k = 0; k < kernel; ++k) members[k] = {k};
  return members;
}

// How far an axis reads beyond its input.
struct Overhang {
  std::size_t before = 0, after = 0;
};
Overhang overhang(const Axis& axis) {
  Overhang result;
  for (const AxisPhase& phase : axis.phases) {
    if (phase.count == 0) continue;
    for (const AxisTap& tap : phase.taps) {
      const std::ptrdiff_t last = tap.offset + static_cast<std::ptrdiff_t>((phase.count - 1) * phase.in_step);
      if (tap.offset < 0) result.before = std::max(result.before, static_cast<std::size_t>(-tap.offset));
      const std::ptrdiff_t beyond = last - static_cast<std::ptrdiff_t>(axis.input) + 1;
      if (beyond > 0) result.after = std::max(result.after, static_cast<std::size_t>(beyond));
    }
  }
  return result;
}

// Whether three adjacent taps are in falling order; nothing if the axis does not have these at every position.
std::optional<bool> three_in_a_row(const Axis& axis) {
  if (axis.phases.size() != 1) return std::nullopt;
  const AxisPhase& phase = axis.phases[0];
  if (phase.taps.size() != 3 || phase.in_step != 1 || phase.out_step != 1) return std::nullopt;
  const std::ptrdiff_t step = phase.taps[1].offset - phase.taps[0].offset;
  if (phase.taps[2].offset - phase.taps[1].offset != step || (step != 1 && step != -1)) return std::nullopt;
  return step == -1;
}

}  // namespace

std::size_t AxisWindow::output(std::size_t n) const {
  const std::size_t reach = dilation * (kernel - 1) + 1, padded = n + before + after;
  return padded < reach ? 0 : (padded - reach) / stride + 1;
}

Axis correlate_axis(std::size_t n, const AxisWindow& window) {
  AxisPhase phase{0, 1, window.output(n), window.stride, {}};
  for (std::size_t k = 0; k < window.kernel; ++k) {
    phase.taps.push_back(
        {static_cast<std::ptrdiff_t>(k * window.dilation) - static_cast<std::ptrdiff_t>(window.before), k});
  }
  return {n, phase.count, window.kernel, {phase}, single_members(window.kernel)};
}

Axis spread_axis(std::size_t n, const AxisWindow& window) {
  Axis axis{window.output(n), n, window.kernel, {}, single_members(window.kernel)};
  const auto stride = static_cast<std::ptrdiff_t>(window.stride);
  for (std::ptrdiff_t r = 0; r < std::min(stride, static_cast<std::ptrdiff_t>(n)); ++r) {
    const auto begin = static_cast<std::size_t>(r);
    AxisPhase phase{begin, window.stride, (n - begin + window.stride - 1) / window.stride, 1, {}};
    for (std::size_t k = 0; k < window.kernel; ++k) {
      const std::ptrdiff_t at =
          r + static_cast<std::ptrdiff_t>(window.before) - static_cast<std::ptrdiff_t>(k * window.dilation);
      if (floor_divide(at, stride) * stride == at) phase.taps.push_back({at / stride, k});
    }
    axis.phases.push_back(phase);
  }
  return axis;
}

Axis enlarge_axis(std::size_t n, std::size_t factor, const AxisWindow& window) {
  Axis axis{n, window.output(n * factor), 0, {}, {}};
  for (std::size_t a = 0; a < std::min(factor, axis.output); ++a) {
    AxisPhase phase{a, factor, (axis.output - a + factor - 1) / factor, 1, {}};
    for (std::size_t k = 0; k < window.kernel; ++k) {
      const std::ptrdiff_t at =
          static_cast<std::ptrdiff_t>(a + k * window.dilation) - static_cast<std::ptrdiff_t>(window.before);
      const std::ptrdiff_t offset = floor_divide(at, static_cast<std::ptrdiff_t>(factor));
      const auto same =
          std::find_if(phase.taps.begin(), phase.taps.end(), [&](const AxisTap& tap) { return tap.offset == offset; });
      if (same == phase.taps.end()) {
        phase.taps.push_back({offset, axis.keys++});
        axis.members.push_back({k});
      } else {
        axis.members[same->key].push_back(k);
      }
    }
    axis.phases.push_back(phase);
  }
  return axis;
}

Axis reduce_axis(std::size_t n, std::size_t factor, const AxisWindow& window) {
  const Axis enlarged = enlarge_axis(n, factor, window);
  AxisPhase phase{0, 1, n, factor, {}};
  for (const AxisPhase& source : enlarged.phases) {
    for (const AxisTap& tap : source.taps) {
      phase.taps.push_back(
          {static_cast<std::ptrdiff_t>(source.out_begin) - static_cast<std::ptrdiff_t>(factor) * tap.offset, tap.key});
    }
  }
  return {enlarged.output, n, enlarged.keys, {phase}, enlarged.members};
}

Correlation::Correlation(std::size_t input_channels, std::size_t output_channels, const Axis& depth, const Axis& height,
                         const Axis& width) {
  const Overhang depth_overhang = overhang(depth), height_overhang = overhang(height), width_overhang = overhang(width);
  plan_.input = {input_channels, depth.input, height.input, width.input};
  plan_.output = {output_channels, depth.output, height.output, width.output};
  plan_.padded = {depth.input + depth_overhang.before + depth_overhang.after,
                  height.input + height_overhang.before + height_overhang.after,
                  width.input + width_overhang.before + width_overhang.after};
  // Kernels load adjacent channels as a vector if the input has several channels.
  const std::size_t position =
                        input_channels < FEWEST_CHANNELS_OF_A_VECTOR ? input_channels : cache_lines(input_channels),
                    row = plan_.padded.width * position, plane = plan_.padded.height * row;
  plan_.padded_pitch = position;
  plan_.padded_floats = plan_.padded.depth * plane;
  plan_.padded_offset = depth_overhang.before * plane + height_overhang.before * row + width_overhang.before * position;
  plan_.matrix_pitch = cache_lines(output_channels);
  plan_.matrix_floats = input_channels * plan_.matrix_pitch;
  images_ = std::max<std::size_t>(1, POSITIONS_OF_A_SUM / std::max<std::size_t>(1, plan_.output.positions()));
  const auto floats = [](std::ptrdiff_t offset, std::size_t step) {
    return offset * static_cast<std::ptrdiff_t>(step);
  };
  std::vector<std::size_t> first_tap;
  for (const AxisPhase& z : depth.phases) {
    for (const AxisPhase& y : height.phases) {
      for (const AxisPhase& x : width.phases) {
        first_tap.push_back(taps_.size());
        for (const AxisTap& z_tap : z.taps) {
          for (const AxisTap& y_tap : y.taps) {
            for (const AxisTap& x_tap : x.taps) {
              taps_.push_back({floats(z_tap.offset, plane) + floats(y_tap.offset, row) + floats(x_tap.offset, position),
                               (z_tap.key * height.keys + y_tap.key) * width.keys + x_tap.key});
            }
          }
        }
        phases_.push_back({{z.count, y.count, x.count},
                           {z.out_begin, y.out_begin, x.out_begin},
                           {z.out_step, y.out_step, x.out_step},
                           z.in_step * plane,
                           y.in_step * row,
                           x.in_step * position,
                           nullptr,
                           taps_.size() - first_tap.back()});
      }
    }
  }
  for (std::size_t i = 0; i < phases_.size(); ++i) phases_[i].taps = taps_.data() + first_tap[i];
  plan_.phases = phases_.data();
  plan_.phase_count = phases_.size();
  plan_.across_images = width.phases.empty() || width.phases[0].count < SHORT_LINE;
  if (plan_.across_images) images_ = std::max(images_, IMAGES_ACROSS);
  // A kernel's elements, with the width fastest.
  const auto elements = [](const Axis& axis) {
    std::size_t most = 0;
    for (const auto& key : axis.members) {
      for (const std::size_t k : key) most = std::max(most, k + 1);
    }
    return most;
  };
  const std::size_t height_elements = elements(height), width_elements = elements(width);
  for (const auto& z_members : depth.members) {
    for (const auto& y_members : height.members) {
      for (const auto& x_members : width.members) {
        std::vector<std::size_t>& all = members_.emplace_back();
        for (const std::size_t z : z_members) {
          for (const std::size_t y : y_members) {
            for (const std::size_t x : x_members) all.push_back((z * height_elements + y) * width_elements + x);
          }
        }
      }
    }
  }
  plan_.matrix_count = members_.size();
  find_winograd(depth, height, width);
}

void Correlation::find_winograd(const Axis& depth, const Axis& height, const Axis& width) {
  const std::optional<bool> height_falls = three_in_a_row(height), width_falls = three_in_a_row(width);
  const bool is_flat = depth.input == 1 && depth.output == 1 && depth.phases.size() == 1 &&
                       depth.phases[0].taps.size() == 1 && depth.phases[0].taps[0].offset == 0;
  const std::size_t C = plan_.input.channels, K = plan_.output.channels;
  if (!is_flat || !height_falls || height_falls != width_falls) return;
  if (C == 0 || K == 0 || C != cache_lines(C) || K != cache_lines(K)) return;
  if (height.output % 2 != 0 || width.output % 2 != 0) return;
  // The tap with the least offset, which is the last one of a turned kernel.
  const CorrelationTap& first = *height_falls ? taps_.back() : taps_.front();
  const auto piece_offset = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(plan_.padded_offset) + first.offset);
  suitable_ = WinogradPlan{C,
                           K,
                           height.output / 2,
                           width.output / 2,
                           piece_offset,
                           plan_.padded.width * plan_.padded_pitch,
                           plan_.padded_floats,
                           *height_falls};
}

std::size_t Correlation::scratch_floats() const {
  if (!winograd_) return images_ * plan_.padded_floats;
  return winograd_images(*winograd_) * plan_.padded_floats + winograd_scratch_floats(*winograd_);
}

double Correlation::operations() const {
  double taps = 0.0;
  for (const CorrelationPhase& phase : phases_) {
    taps += static_cast<double>(phase.count.product()) * static_cast<double>(phase.tap_count);
  }
  return 2.0 * taps * static_cast<double>(plan_.input.channels) * static_cast<double>(plan_.output.channels);
}

// Pads the images in `scratch` and calls visit(values, sums, first image, first piece, pieces) for the pieces of all
// images.
template <typename Visit>
void Correlation::for_each_pieces(ConstPanels inp, float* scratch, std::size_t count, Visit visit) const {
  const WinogradPlan& plan = *winograd_;
  const std::size_t most = winograd_images(plan);
  float* values = scratch + most * plan.padded_floats;
  float* sums = values + WINOGRAD_PRODUCTS * winograd_stride(plan.inputs);
  for (std::size_t image = 0; image < count; image += most) {
    const std::size_t images = std::min(most, count - image);
    for (std::size_t i = 0; i < images; ++i) {
      pad_image(scratch + i * plan.padded_floats, inp.from_row((image + i) * plan_.input.positions()), plan_);
    }
    const std::size_t pieces = images * winograd_pieces(plan);
    for (std::size_t first = 0; first < pieces; first += WINOGRAD_PIECES) {
      const std::size_t together = std::min(WINOGRAD_PIECES, pieces - first);
      winograd_values(values, scratch, plan, first, together);
      visit(values, sums, image, first, together);
    }
  }
}

void Correlation::forward(Panels out, ConstPanels inp, const float* matrices, const float* bias, float* scratch,
                          std::size_t count, bool accumulate) const {
  if (winograd_) {
    return for_each_pieces(
        inp, scratch, count,
        [&](const float* values, float* sums, std::size_t image, std::size_t first, std::size_t pieces) {
          winograd_products(sums, values, matrices, *winograd_, pieces);
          winograd_output(out.from_row(image * plan_.output.positions()), sums, bias, *winograd_, first, pieces,
                          accumulate);
        });
  }
  const std::size_t most = plan_.across_images ? images_ : 1;
  for (std::size_t first = 0; first < count; first += most) {
    const std::size_t images = std::min(most, count - first);
    for (std::size_t i = 0; i < images; ++i) {
      pad_image(scratch + i * plan_.padded_floats, inp.from_row((first + i) * plan_.input.positions()), plan_);
    }
    correlate_images(out.from_row(first * plan_.output.positions()), scratch, matrices, bias, plan_, accumulate,
                     images);
  }
}

void Correlation::backward_matrices(float* dmatrices, ConstPanels inp, ConstPanels dout, float* scratch,
                                    std::size_t count) const {
  if (winograd_) {
    return for_each_pieces(
        inp, scratch, count,
        [&](const float* values, float* sums, std::size_t image, std::size_t first, std::size_t pieces) {
          winograd_output_gradient(sums, dout.from_row(image * plan_.output.positions()), *winograd_, first, pieces);
          winograd_gradient(dmatrices, values, sums, *winograd_, pieces);
        });
  }
  for (std::size_t first = 0; first < count; first += images_) {
    const std::size_t images = std::min(images_, count - first);
    for (std::size_t i = 0; i < images; ++i) {
      pad_image(scratch + i * plan_.padded_floats, inp.from_row((first + i) * plan_.input.positions()), plan_);
    }
    correlate_gradient(dmatrices, scratch, dout.from_row(first * plan_.output.positions()), images, plan_);
  }
}

}  // namespace aevb
