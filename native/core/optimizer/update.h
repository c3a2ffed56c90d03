// One optimiser step on n consecutive parameters, as torch.optim computes it. Everything that is the same for all
// parameters (the scheduled learning rate, bias corrections) is worked out once a step, in double, by the caller.
//
// Each overwrites `parameter` and its moments. The gradient is read only; it is first scaled by gradient_scale
// (clipping by norm), and weight decay adds weight_decay · parameter to it. Zero parameters with zero gradients and
// zero moments (the padding of a panel) stay zero.
#pragma once

#include <cstddef>

namespace aevb {

struct SgdStep {
  float learning_rate, momentum, weight_decay, gradient_scale;
  bool nesterov, first;  // first: the velocity is set to the gradient, as torch.optim.SGD does
};
void sgd_update(float* parameter, float* velocity, const float* gradient, std::size_t n, const SgdStep& step);

struct AdagradStep {
  float learning_rate, epsilon, weight_decay, gradient_scale;
};
void adagrad_update(float* parameter, float* sum, const float* gradient, std::size_t n, const AdagradStep& step);

struct RmspropStep {
  float learning_rate, decay, epsilon, momentum, weight_decay, gradient_scale;
  float one_minus_decay;  // from the double: 1 − float(0.99) would be 1e-6 off
};
// velocity is read and written only if momentum is not zero.
void rmsprop_update(float* parameter, float* square, float* velocity, const float* gradient, std::size_t n,
                    const RmspropStep& step);

struct AdamStep {
  float beta2, epsilon, weight_decay, gradient_scale;
  float one_minus_beta1, one_minus_beta2;  // from the doubles: 1 − float(0.999) would be 1e-5 off
  float step_size;                         // learning rate / (1 − beta1^t)
  float inverse_sqrt_correction;           // 1 / sqrt(1 − beta2^t)
  float shrink;  // adamw: 1 − learning rate · weight decay, with weight_decay 0 above; adam: 1
};
// parameter = shrink · parameter − step_size · m / (sqrt(v) · inverse_sqrt_correction + epsilon)
void adam_update(float* parameter, float* m, float* v, const float* gradient, std::size_t n, const AdamStep& step);

// gradient[n] limited to [−limit, limit], in place. NaN stays NaN.
void clip_by_value(float* gradient, std::size_t n, float limit);

// Σ gradient², in double, always in the same order.
double sum_of_squares(const float* gradient, std::size_t n);

}  // namespace aevb
