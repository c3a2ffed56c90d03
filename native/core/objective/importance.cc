#include "objective/importance.h"

#include <cmath>
#include <limits>

namespace aevb {
namespace {

struct Sum {
  double top, scaled;  // Σ w = exp(top) · scaled
};

// A NaN may escape the search for the largest, but not the sum.
Sum sum_of_weights(const double* log_w, std::size_t L) {
  Sum sum = {-std::numeric_limits<double>::infinity(), 0.0};
  for (std::size_t l = 0; l < L; ++l) sum.top = log_w[l] > sum.top ? log_w[l] : sum.top;
  for (std::size_t l = 0; l < L; ++l) sum.scaled += std::exp(log_w[l] - sum.top);
  return sum;
}

}  // namespace

void importance_bound(double* bound, const double* log_w, std::size_t B, std::size_t L) {
  const double log_draws = std::log(static_cast<double>(L));
  for (std::size_t b = 0; b < B; ++b) {
    const double* row = log_w + b * L;
    bool nothing = true;
    for (std::size_t l = 0; l < L; ++l) nothing = nothing && row[l] == -std::numeric_limits<double>::infinity();
    const Sum sum = sum_of_weights(row, L);
    bound[b] = nothing ? sum.top : sum.top + (std::log(sum.scaled) - log_draws);
  }
}

void importance_weights(float* weight, const double* log_w, std::size_t B, std::size_t L) {
  for (std::size_t b = 0; b < B; ++b) {
    const Sum sum = sum_of_weights(log_w + b * L, L);
    for (std::size_t i = b * L; i < (b + 1) * L; ++i) {
      weight[i] = static_cast<float>(std::exp(log_w[i] - sum.top) / sum.scaled);
    }
  }
}

}  // namespace aevb
