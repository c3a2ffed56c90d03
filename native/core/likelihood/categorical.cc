#include "likelihood/categorical.h"

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "likelihood/draws.h"
#include "likelihood/kind.h"

#define AEVB_KERNEL_FILE "likelihood/categorical.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"
#include "math/sums.h"
#include "math/vector_math.h"
// These use the headers above.
#include "likelihood/softmax_kernels.h"
#include "math/row_lanes.h"

AEVB_BEFORE_KERNELS

// What is computed beside the sums: nothing, the gradient in place of the exponentials, or the probabilities.
enum class Wanted { loss, gradient, mean };

struct CategoricalRow {
  RowSum target;   // Σ x (l − largest)
  double product;  // Π over groups of Σ e^(l − largest), each at least 1 and at most the number of classes
};

// The most classes for which rows in lanes are faster than vectors along the row, for any layout of the variables.
constexpr std::size_t MOST_IN_LANES = 32;

// If the product is above this, its logarithm is moved to the row's total: one more factor could overflow a double.
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

// Variables whose classes fill vectors along the row.
template <Wanted WANTED>
static void add_in_vectors(double* loss, Panels out, ConstPanels logits, ConstPanels x, const std::size_t* classes,
                           std::size_t variables, std::size_t column, float scale, std::size_t B, std::size_t L) {
  for (std::size_t first = 0; first < B * L; first += SOFTMAX_ROWS) {
    const std::size_t rows = B * L - first < SOFTMAX_ROWS ? B * L - first : SOFTMAX_ROWS;
    CategoricalRow row[SOFTMAX_ROWS];
    std::size_t datum[SOFTMAX_ROWS];
    for (std::size_t r = 0; r < rows; ++r) {
      row[r] = {{zero(), 0.0}, 1.0};
      datum[r] = (first + r) / L;
    }
    std::size_t terms = 0;
    Column begin = column_at(column, logits.width);
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
    if constexpr (WANTED != Wanted::mean) {
      for (std::size_t r = 0; r < rows; ++r) {
        empty_lanes(&row[r].target, 1);
        loss[first + r] += std::log(row[r].product) - row[r].target.total;
      }
    }
  }
}

// One variable. `out` holds the logits on entry and the result on return.
template <Wanted WANTED>
AEVB_INLINE void variable_in_lanes(F32* target, F32* product, F32* out, const F32* x, std::size_t classes, F32 scale) {
  F32 largest = out[0];
  for (std::size_t k = 1; k < classes; ++k) largest = max(out[k], largest);
  F32 total = zero();
  for (std::size_t k = 0; k < classes; ++k) {
    const F32 above = largest - out[k];
    const F32 e = exp_minus(above);
    total = total + e;
    if constexpr (WANTED != Wanted::mean) *target = fma(x[k], above, *target);
    if constexpr (WANTED != Wanted::loss) out[k] = e;
  }
  if constexpr (WANTED != Wanted::mean) *product = *product * total;
  if constexpr (WANTED != Wanted::loss) {
    const F32 inverse = set(1.0f) / total;
    for (std::size_t k = 0; k < classes; ++k) {
      const F32 probability = out[k] * inverse;
      out[k] = WANTED == Wanted::gradient ? scale * (probability - x[k]) : probability;
    }
  }
}

// Variables with few classes.
template <Wanted WANTED>
static void add_in_lanes(double* loss, Panels out, ConstPanels logits, ConstPanels x, const std::size_t* classes,
                         std::size_t variables, std::size_t first_column, float scale, std::size_t B, std::size_t L) {
  for (std::size_t first = 0; first < B * L; first += F32::size) {
    const std::size_t rows = rows_in_lanes(first, B * L);
    const LaneRows row = lane_rows(first, rows), datum = data_of(row, L);
    F64 losses = zero_double();
    std::size_t column = first_column;
    for (std::size_t variable = 0; variable < variables;) {
      // As many variables as fit in LANE_COLUMNS.
      std::size_t end = variable, columns = 0;
      while (end < variables && columns + classes[end] <= LANE_COLUMNS) columns += classes[end++];
      const Column at = column_at(column, logits.width);
      RowLanes lanes, targets;
      load_row_lanes(&lanes, logits, row, at, columns);
      if constexpr (WANTED != Wanted::mean) load_row_lanes(&targets, x, datum, at, columns);
      // The product of the variables' Σ e^(l − largest) shares one logarithm. It does not overflow a float: each is
      // at most the number of classes, and the product of the sizes of groups in 64 columns is at most 3^20 · 4.
      F32 target = zero(), product = set(1.0f);
      for (std::size_t done = 0; variable < end; done += classes[variable++]) {
        variable_in_lanes<WANTED>(&target, &product, lanes.column + done, targets.column + done, classes[variable],
                                  set(scale));
      }
      if constexpr (WANTED != Wanted::mean) losses = losses + widen(target) + widen(log(product));
      if constexpr (WANTED != Wanted::loss) store_row_lanes(out, first, rows, at, lanes, columns);
      column += columns;
    }
    if constexpr (WANTED != Wanted::mean) {
      double each[F32::size];
      store(each, losses);
      for (std::size_t r = 0; r < rows; ++r) loss[first + r] += each[r];
    }
  }
}

// The order in which a row is summed depends only on the classes and the panels' width.
template <Wanted WANTED>
static void categorical(double* loss, Panels out, ConstPanels logits, ConstPanels x, const std::size_t* classes,
                        std::size_t variables, float scale, std::size_t B, std::size_t L) {
  if constexpr (WANTED != Wanted::mean) {
    for (std::size_t r = 0; r < B * L; ++r) loss[r] = 0.0;
  }
  std::size_t column = 0;
  for (std::size_t begin = 0; begin < variables;) {
    const bool few = classes[begin] <= MOST_IN_LANES;
    std::size_t end = begin, columns = 0;
    while (end < variables && (classes[end] <= MOST_IN_LANES) == few) columns += classes[end++];
    if (few) {
      add_in_lanes<WANTED>(loss, out, logits, x, classes + begin, end - begin, column, scale, B, L);
    } else {
      add_in_vectors<WANTED>(loss, out, logits, x, classes + begin, end - begin, column, scale, B, L);
    }
    begin = end;
    column += columns;
  }
  if constexpr (WANTED != Wanted::loss) {
    const Column behind = column_at(column, out.width);
    for (std::size_t r = 0; behind.col > 0 && r < B * L; ++r) {
      zero_padding(row_of(out, behind.panel, r), behind.col, out.width);
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

const LikelihoodKind CATEGORICAL_LIKELIHOOD{
    .first_head = "logits",
    .log_dispersion = nullptr,
    .covariance = nullptr,
    .dispersion_power = 0,
    .keeps_dispersion_gradient = never,
    .domain = [](const LikelihoodSpec& spec) { return spec.codes ? Domain::codes : Domain::oneHot; },
    .given_total = false,
    .may_miss = [](const LikelihoodSpec& spec) { return spec.codes; },
    .neutralize =
        [](const LikelihoodHeads& decoded) {
          // Σ e^l is 1, and the target is the first class.
          fill_missing_classes(decoded.heads[0], 0, decoded.present, decoded.spec.classes, 0.0f, -200.0f, decoded.B,
                               decoded.L);
        },
    .missing_target = 0.0f,
    .forward =
        [](double* loss, const LikelihoodHeads& decoded, ConstPanels x) {
          const std::vector<std::size_t>& classes = decoded.spec.classes;
          categorical_forward(loss, decoded.heads[0], x, classes.data(), classes.size(), decoded.B, decoded.L);
        },
    .forward_backward =
        [](double* loss, const LikelihoodHeads& decoded, ConstPanels x, float scale) {
          const std::vector<std::size_t>& classes = decoded.spec.classes;
          categorical_forward_backward(loss, decoded.heads[0], decoded.heads[0], x, classes.data(), classes.size(),
                                       scale, decoded.B, decoded.L);
        },
    .dispersion_backward = nullptr,
    .mean =
        [](const LikelihoodHeads& decoded) {
          categorical_mean(decoded.heads[0], decoded.heads[0], decoded.spec.classes.data(), decoded.spec.classes.size(),
                           decoded.B);
        },
    .draw =
        [](Panels out, const LikelihoodHeads& decoded, const double*, std::uint64_t seed, std::uint32_t first_row) {
          const std::vector<std::size_t>& classes = decoded.spec.classes;
          categorical_draw(out, decoded.heads[0], classes.data(), classes.size(), decoded.B, seed, first_row);
        },
};

}  // namespace aevb
#endif
