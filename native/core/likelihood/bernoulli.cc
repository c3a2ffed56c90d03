#include "likelihood/bernoulli.h"

#include <cstddef>
#include <cstdint>

#define AEVB_KERNEL_FILE "likelihood/bernoulli.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/vector_math.h"

AEVB_BEFORE_KERNELS

// With e = exp(−|l|) and q = 1 + e, Σ log q is the log of a product: every q is at most 2, so a lane may take this many
// of them before it must be emptied into the row's total. Each product rounds by 2⁻²⁴, so that is the nats by which a
// term may be off, which only a loss that is nearly 0 would feel.
constexpr std::size_t MOST_FACTORS = 120;

// Rows whose sums are kept while the panels go by: enough that memory is read in long runs, few enough that the rows'
// parts of a panel and their sums stay in the first-level cache.
constexpr std::size_t BLOCK_ROWS = 8;

// One row's sums: Π q and Σ max(l, 0) − l x for each lane, and what was emptied from them.
struct RowLoss {
  F32 product, linear;
  double total;
};

AEVB_INLINE void empty_lanes(RowLoss* loss) {
  loss->total += static_cast<double>(sum(loss->linear + log(loss->product)));
  loss->product = set(1.0f);
  loss->linear = zero();
}

template <bool BACKWARD, bool WHOLE>
AEVB_INLINE void loss_vector(RowLoss* loss, float* dlogits, const float* logits, const float* x, F32 scale, int lanes) {
  const F32 l = load_lanes<WHOLE>(logits, lanes);
  const F32 target = load_lanes<WHOLE>(x, lanes);
  const F32 e = exp_minus(abs(l));
  const F32 q = set(1.0f) + e;
  loss->product = loss->product * keep_lanes<WHOLE>(q, set(1.0f), lanes);
  loss->linear = loss->linear + fnma(l, target, max(zero(), l));
  if constexpr (BACKWARD) {
    const F32 numerator = select(less(l, zero()), e, set(1.0f));
    store_lanes<WHOLE>(dlogits, scale * (numerator / q - target), lanes);
  }
}

template <bool BACKWARD>
AEVB_INLINE void loss_row(RowLoss* row, float* dlogits, const float* logits, const float* x, F32 scale,
                          std::size_t cols) {
  RowLoss loss = *row;  // in registers: the compiler cannot know that dlogits does not point into *row
  std::size_t i = 0;
  for (; i + F32::size <= cols; i += F32::size) {
    loss_vector<BACKWARD, true>(&loss, BACKWARD ? dlogits + i : nullptr, logits + i, x + i, scale, F32::size);
  }
  if (i < cols) {
    loss_vector<BACKWARD, false>(&loss, BACKWARD ? dlogits + i : nullptr, logits + i, x + i, scale,
                                 static_cast<int>(cols - i));
  }
  *row = loss;
}

// The order in which a row is summed depends on nothing but D and the panels' width.
template <bool BACKWARD>
static void bernoulli_loss(double* loss, Panels dlogits, ConstPanels logits, ConstPanels x, float scale, std::size_t B,
                           std::size_t L, std::size_t D) {
  constexpr std::size_t RUN = MOST_FACTORS * F32::size;
  for (std::size_t first = 0; first < B * L; first += BLOCK_ROWS) {
    const std::size_t rows = B * L - first < BLOCK_ROWS ? B * L - first : BLOCK_ROWS;
    RowLoss losses[BLOCK_ROWS];
    std::size_t datum[BLOCK_ROWS];
    for (std::size_t r = 0; r < rows; ++r) {
      losses[r] = {set(1.0f), zero(), 0.0};
      datum[r] = (first + r) / L;
    }
    std::size_t factors = 0;
    for (std::size_t p = 0; p < panel_count(D, logits.width); ++p) {
      const std::size_t cols = cols_in_panel(D, p, logits.width);
      for (std::size_t begin = 0; begin < cols; begin += RUN) {
        const std::size_t run = cols - begin < RUN ? cols - begin : RUN;
        const std::size_t more = (run + F32::size - 1) / F32::size;
        if (factors + more > MOST_FACTORS) {
          for (std::size_t r = 0; r < rows; ++r) empty_lanes(&losses[r]);
          factors = 0;
        }
        factors += more;
        for (std::size_t r = 0; r < rows; ++r) {
          loss_row<BACKWARD>(&losses[r], BACKWARD ? row_of(dlogits, p, first + r) + begin : nullptr,
                             row_of(logits, p, first + r) + begin, row_of(x, p, datum[r]) + begin, set(scale), run);
        }
      }
      if (BACKWARD && cols < dlogits.width) {
        for (std::size_t r = 0; r < rows; ++r) zero_padding(row_of(dlogits, p, first + r), cols, dlogits.width);
      }
    }
    for (std::size_t r = 0; r < rows; ++r) {
      empty_lanes(&losses[r]);
      loss[first + r] = losses[r].total;
    }
  }
}

void bernoulli_forward(double* loss, ConstPanels logits, ConstPanels x, std::size_t B, std::size_t L, std::size_t D) {
  bernoulli_loss<false>(loss, {}, logits, x, 1.0f, B, L, D);
}

void bernoulli_forward_backward(double* loss, Panels dlogits, ConstPanels logits, ConstPanels x, float scale,
                                std::size_t B, std::size_t L, std::size_t D) {
  bernoulli_loss<true>(loss, dlogits, logits, x, scale, B, L, D);
}

template <bool WHOLE>
AEVB_INLINE void mean_vector(float* mean, const float* logits, int lanes) {
  store_lanes<WHOLE>(mean, sigmoid(load_lanes<WHOLE>(logits, lanes)), lanes);
}

void bernoulli_mean(Panels mean, ConstPanels logits, std::size_t B, std::size_t D) {
  for (std::size_t p = 0; p < panel_count(D, mean.width); ++p) {
    const std::size_t cols = cols_in_panel(D, p, mean.width);
    for (std::size_t b = 0; b < B; ++b) {
      float* mean_row = row_of(mean, p, b);
      const float* logits_row = row_of(logits, p, b);
      std::size_t i = 0;
      for (; i + F32::size <= cols; i += F32::size) mean_vector<true>(mean_row + i, logits_row + i, F32::size);
      if (i < cols) mean_vector<false>(mean_row + i, logits_row + i, static_cast<int>(cols - i));
      zero_padding(mean_row, cols, mean.width);
    }
  }
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void bernoulli_forward(double* loss, ConstPanels logits, ConstPanels x, std::size_t B, std::size_t L, std::size_t D) {
  AEVB_DISPATCH(bernoulli_forward)(loss, logits, x, B, L, D);
}

void bernoulli_forward_backward(double* loss, Panels dlogits, ConstPanels logits, ConstPanels x, float scale,
                                std::size_t B, std::size_t L, std::size_t D) {
  AEVB_DISPATCH(bernoulli_forward_backward)(loss, dlogits, logits, x, scale, B, L, D);
}

void bernoulli_mean(Panels mean, ConstPanels logits, std::size_t B, std::size_t D) {
  AEVB_DISPATCH(bernoulli_mean)(mean, logits, B, D);
}

}  // namespace aevb
#endif
