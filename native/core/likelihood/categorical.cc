#include "likelihood/categorical.h"

#include <cmath>
#include <cstddef>
#include <cstdint>

#define AEVB_KERNEL_FILE "likelihood/categorical.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/sums.h"
#include "math/vector_math.h"
// This is made of those above.
#include "likelihood/softmax_kernels.h"

AEVB_BEFORE_KERNELS

// What is wanted beside the sums: nothing, the gradient in place of the exponentials, or the probabilities.
enum class Wanted { loss, gradient, mean };

struct CategoricalRow {
  RowSum target;   // Σ x (l − largest)
  double product;  // of the groups' Σ e^(l − largest), each at least 1 and at most the number of classes
};

// Before the product of one more group could be no double, its logarithm goes to the row's total.
constexpr double LARGEST_PRODUCT = 1e280;

template <Wanted WANTED, bool WHOLE>
AEVB_INLINE void exponentials_vector(SoftmaxRow* group, CategoricalRow* row, Panels out, ConstPanels logits,
                                     ConstPanels x, const std::size_t* datum, Column at, std::size_t first,
                                     std::size_t rows, int lanes) {
  for (std::size_t r = 0; r < rows; ++r) {
    const F32 l = load_lanes<WHOLE>(row_of(logits, at.panel, first + r) + at.col, lanes);
    const F32 above = set(group[r].largest) - l;
    const F32 e = exp_minus(above);
    group[r].exponentials = group[r].exponentials + keep_lanes<WHOLE>(e, zero(), lanes);
    if constexpr (WANTED != Wanted::mean) {
      const F32 target = load_lanes<WHOLE>(row_of(x, at.panel, datum[r]) + at.col, lanes);
      const F32 sum = fnma(target, above, row[r].target.lanes);
      row[r].target.lanes = keep_lanes<WHOLE>(sum, row[r].target.lanes, lanes);
    }
    if constexpr (WANTED != Wanted::loss) store_lanes<WHOLE>(row_of(out, at.panel, first + r) + at.col, e, lanes);
  }
}

template <Wanted WANTED, bool WHOLE>
AEVB_INLINE void normalise_vector(Panels out, ConstPanels x, const std::size_t* datum, const F32* inverse, F32 scale,
                                  Column at, std::size_t first, std::size_t rows, int lanes) {
  for (std::size_t r = 0; r < rows; ++r) {
    float* to = row_of(out, at.panel, first + r) + at.col;
    const F32 probability = load_lanes<WHOLE>(to, lanes) * inverse[r];
    if constexpr (WANTED == Wanted::gradient) {
      const F32 target = load_lanes<WHOLE>(row_of(x, at.panel, datum[r]) + at.col, lanes);
      store_lanes<WHOLE>(to, scale * (probability - target), lanes);
    } else {
      store_lanes<WHOLE>(to, probability, lanes);
    }
  }
}

// The order in which a row is summed depends on nothing but the classes and the panels' width.
template <Wanted WANTED>
static void categorical(double* loss, Panels out, ConstPanels logits, ConstPanels x, const std::size_t* classes,
                        std::size_t variables, float scale, std::size_t B, std::size_t L) {
  for (std::size_t first = 0; first < B * L; first += SOFTMAX_ROWS) {
    const std::size_t rows = B * L - first < SOFTMAX_ROWS ? B * L - first : SOFTMAX_ROWS;
    CategoricalRow row[SOFTMAX_ROWS];
    std::size_t datum[SOFTMAX_ROWS];
    for (std::size_t r = 0; r < rows; ++r) {
      row[r] = {{zero(), 0.0}, 1.0};
      datum[r] = (first + r) / L;
    }
    std::size_t terms = 0;
    Column begin = {0, 0};
    for (std::size_t variable = 0; variable < variables; ++variable) {
      SoftmaxRow group[SOFTMAX_ROWS];
      find_largest(group, logits, begin, classes[variable], first, rows);
      std::size_t exponentials = 0;
      Column at = begin;
      for (std::size_t left = classes[variable]; left > 0;) {
        if (++terms > MOST_TERMS) {
          for (std::size_t r = 0; r < rows; ++r) empty_lanes(&row[r].target, 1);
          terms = 1;
        }
        if (++exponentials > MOST_TERMS) {
          empty_exponentials(group, rows);
          exponentials = 1;
        }
        const int lanes = lanes_from(at, left, logits.width);
        if (lanes == F32::size) {
          exponentials_vector<WANTED, true>(group, row, out, logits, x, datum, at, first, rows, lanes);
        } else {
          exponentials_vector<WANTED, false>(group, row, out, logits, x, datum, at, first, rows, lanes);
        }
        left -= static_cast<std::size_t>(lanes);
        at = after(at, lanes, logits.width);
      }
      empty_exponentials(group, rows);
      if constexpr (WANTED != Wanted::mean) {
        for (std::size_t r = 0; r < rows; ++r) {
          if (row[r].product > LARGEST_PRODUCT) {
            row[r].target.total -= std::log(row[r].product);
            row[r].product = 1.0;
          }
          row[r].product *= group[r].total;
        }
      }
      if constexpr (WANTED != Wanted::loss) {
        F32 inverse[SOFTMAX_ROWS];
        for (std::size_t r = 0; r < rows; ++r) inverse[r] = set(static_cast<float>(1.0 / group[r].total));
        at = begin;
        for (std::size_t left = classes[variable]; left > 0;) {
          const int lanes = lanes_from(at, left, logits.width);
          if (lanes == F32::size) {
            normalise_vector<WANTED, true>(out, x, datum, inverse, set(scale), at, first, rows, lanes);
          } else {
            normalise_vector<WANTED, false>(out, x, datum, inverse, set(scale), at, first, rows, lanes);
          }
          left -= static_cast<std::size_t>(lanes);
          at = after(at, lanes, logits.width);
        }
      }
      begin = at;
    }
    for (std::size_t r = 0; r < rows; ++r) {
      if constexpr (WANTED != Wanted::loss) {
        if (begin.col > 0) zero_padding(row_of(out, begin.panel, first + r), begin.col, out.width);
      }
      if constexpr (WANTED != Wanted::mean) {
        empty_lanes(&row[r].target, 1);
        loss[first + r] = std::log(row[r].product) - row[r].target.total;
      }
    }
  }
}

void categorical_forward(double* loss, ConstPanels logits, ConstPanels x, const std::size_t* classes,
                         std::size_t variables, std::size_t B, std::size_t L) {
  categorical<Wanted::loss>(loss, {}, logits, x, classes, variables, 1.0f, B, L);
}

void categorical_forward_backward(double* loss, Panels dlogits, ConstPanels logits, ConstPanels x,
                                  const std::size_t* classes, std::size_t variables, float scale, std::size_t B,
                                  std::size_t L) {
  categorical<Wanted::gradient>(loss, dlogits, logits, x, classes, variables, scale, B, L);
}

void categorical_mean(Panels mean, ConstPanels logits, const std::size_t* classes, std::size_t variables,
                      std::size_t B) {
  categorical<Wanted::mean>(nullptr, mean, logits, {}, classes, variables, 1.0f, B, 1);
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void categorical_forward(double* loss, ConstPanels logits, ConstPanels x, const std::size_t* classes,
                         std::size_t variables, std::size_t B, std::size_t L) {
  AEVB_DISPATCH(categorical_forward)(loss, logits, x, classes, variables, B, L);
}

void categorical_forward_backward(double* loss, Panels dlogits, ConstPanels logits, ConstPanels x,
                                  const std::size_t* classes, std::size_t variables, float scale, std::size_t B,
                                  std::size_t L) {
  AEVB_DISPATCH(categorical_forward_backward)(loss, dlogits, logits, x, classes, variables, scale, B, L);
}

void categorical_mean(Panels mean, ConstPanels logits, const std::size_t* classes, std::size_t variables,
                      std::size_t B) {
  AEVB_DISPATCH(categorical_mean)(mean, logits, classes, variables, B);
}

}  // namespace aevb
#endif
