#include "layers/pooling.h"

#include <stdexcept>
#include <string>

#include "layers/correlation.h"
#include "layers/limits.h"
#include "layers/shape_text.h"

namespace aevb {

PoolingPlan pooling_plan(const Shape& input, const LayerSpec& spec) {
  WindowSpec window = spec.window;
  if (spec.global) {
    window.kernel = window.stride = {input.depth, input.height, input.width};
    window.dilation = {};
    window.padding_before = window.padding_after = {0, 0, 0};
  }
  check_size(window.kernel, window.dimensions);
  bool covers = window.kernel == window.stride && window.dilation == Extent{};
  const auto output = [&](std::size_t n, std::size_t Extent::*axis) {
    const AxisWindow axis_window{window.kernel.*axis, window.stride.*axis, window.dilation.*axis,
                                 window.padding_before.*axis, window.padding_after.*axis};
    const std::size_t positions = axis_window.kernel == 0 || axis_window.stride == 0 ? 0 : axis_window.output(n);
    if (positions == 0) {
      throw std::invalid_argument("a window of " + extent_text(window.kernel, window.dimensions) +
                                  " does not fit an input of " + shape_text(input, window.dimensions));
    }
    // A window that is entirely beyond the edges would have no largest number.
    for (std::size_t p = 0; p < positions; ++p) {
      bool reaches = false;
      for (std::size_t k = 0; k < axis_window.kernel && !reaches; ++k) {
        const std::size_t at = p * axis_window.stride + k * axis_window.dilation;
        reaches = reaches || (at >= axis_window.before && at - axis_window.before < n);
      }
      if (!reaches) {
        throw std::invalid_argument("with its padding, a window of " + extent_text(window.kernel, window.dimensions) +
                                    " lies beyond the edges of an input of " + shape_text(input, window.dimensions));
      }
    }
    covers = covers && axis_window.before == 0 && positions * axis_window.kernel == n;
    return positions;
  };
  PoolingPlan plan{};
  plan.input = input;
  plan.output = {input.channels, output(input.depth, &Extent::depth), output(input.height, &Extent::height),
                 output(input.width, &Extent::width)};
  check_size(plan.output, window.dimensions);
  plan.kernel = window.kernel;
  plan.stride = window.stride;
  plan.dilation = window.dilation;
  plan.before = window.padding_before;
  plan.covers = covers;
  plan.average_factor = 1.0f / static_cast<float>(window.kernel.product());
  return plan;
}

double pooling_operations(const PoolingPlan& plan) {
  return static_cast<double>(plan.output.elements()) * static_cast<double>(plan.kernel.product());
}

PoolingLayer::PoolingLayer(const Shape& input, const LayerSpec& spec, bool input_gradient)
    : maximum_(spec.type == LayerType::maxPool), input_gradient_(input_gradient), plan_(pooling_plan(input, spec)) {}

void PoolingLayer::forward(const LayerPass& pass, Rows rows) const {
  for (std::size_t row = rows.first; row < rows.first + rows.count; ++row) {
    const Panels out = pass.output->out.from_row(row * plan_.output.positions());
    const Panels x = pass.input[0]->out.from_row(row * plan_.input.positions());
    if (maximum_) {
      max_pool(out, x, plan_);
    } else {
      average_pool(out, x, plan_);
    }
  }
}

void PoolingLayer::backward(const LayerPass& pass, Rows rows) const {
  if (!input_gradient_) return;
  for (std::size_t row = rows.first; row < rows.first + rows.count; ++row) {
    const std::size_t to = row * plan_.input.positions(), from = row * plan_.output.positions();
    const Panels dx = pass.input[0]->dout.from_row(to), dout = pass.output->dout.from_row(from);
    if (maximum_) {
      max_pool_backward(dx, dout, pass.input[0]->out.from_row(to), pass.output->out.from_row(from), plan_,
                        pass.adds[0]);
    } else {
      average_pool_backward(dx, dout, plan_, pass.adds[0]);
    }
  }
}

}  // namespace aevb
