// The transform of a model's columns, which lets the network see and put out numbers near 1 whatever the data's units.
// Each column d has a shift s_d and a factor f_d, kept in the parameter table as scale.shift and scale.factor [D]. They
// are learned from the rows of the first epoch of a model's life, are not trained, and stay as they are.
//
//   standard   the model is one of x̃ = (x − s)/f: what encoder and likelihood see, and what the decoder puts out.
//              p(x|z) = p̃(x̃|z) Π 1/f, so that a loss has Σ log f beside that of x̃; means and draws are f x̃ + s.
//              s and f are the column's mean and standard deviation; f is 1 if the column is constant.
//   automatic  the same, or nothing (s = 0, f = 1) if the rows are pixels: bytes, or numbers that look_like_pixels.
//   log        counts: the encoder sees (log(1 + x) − s)/f, the likelihood x itself. s is the mean of log(1 + x), or 0
//              if more than half of the column is 0, and f its deviation or 2, whichever is larger. The decoder's
//              biases begin at the logarithm of the columns' mean rates.
//
// A column whose likelihood is of another domain has s = 0 and f = 1.
//
// A factor of 0 says that nothing has been learned yet; then x̃ = x.
#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <vector>

#include "data/dataset.h"
#include "model/model.h"
#include "model/workspace.h"
#include "runtime/thread_pool.h"
#include "tensor/panels.h"

namespace aevb {

// A column that float32 cannot scale.
class UnsuitableColumn : public std::runtime_error {
 public:
  enum class Reason {
    resolution,  // its values differ by less than float32 tells apart at their magnitude
    magnitude,   // they are too large, or differ by too little, for their deviation to be a float
  };
  UnsuitableColumn(Reason reason, std::size_t column, double smallest, double largest)
      : std::runtime_error("a column that float32 cannot scale"),
        reason(reason),
        column(column),
        smallest(smallest),
        largest(largest) {}
  Reason reason;
  std::size_t column;
  double smallest, largest;  // of its values
};

// What learn_scale has replaced.
struct BeforeScaling {
  struct Bias {
    std::size_t part;
    std::vector<float> values;
  };
  std::vector<Bias> biases;  // of the first heads of the likelihood's parts that have new ones
};

// Whether the model has a transform and has not learned it.
bool wants_scale(const Model& model);

// Learns it from these rows, on the pool's threads: sums are double and in an order that depends on the shape alone.
// Throws UnsuitableColumn, or Cancelled; the model is then as it was.
BeforeScaling learn_scale(Model& model, const Dataset& rows, ThreadPool& pool, const std::atomic<bool>& cancelled);

// Back to what was before learn_scale.
void forget_scale(Model& model, const BeforeScaling& before);

// A number so far from its column's others, or from 1 if nothing is scaled, that it may be why a loss is not finite.
struct FarCell {
  std::size_t row, column;  // row: of the workspace
  double value;             // in the data's units
  bool scaled;              // by these; else shift is 0 and factor 1
  double shift, factor;
};
// The farthest cell of the first `rows` rows that a workspace holds, if it is FAR or more from 0 once scaled.
inline constexpr double FAR = 1000.0;
std::optional<FarCell> far_cell(const Model& model, const Workspace& workspace, std::size_t rows);

// Moments of one column's values, or of their log(1 + x).
struct ColumnMoments {
  double mean = 0.0, deviation = 0.0;  // the deviation of the rows: Σ/n
  double smallest = 0.0, largest = 0.0;
  double zeros = 0.0;  // how many values are 0
  double sum = 0.0;    // of the values themselves
  double count = 0.0;  // how many are not missing; 0: nothing else is known
};
std::vector<ColumnMoments> column_moments(const Dataset& rows, bool log, ThreadPool& pool,
                                          const std::atomic<bool>& cancelled);

// Every value lies in [0, 1], the largest is at least 1/2, and every column that is not all 0 reaches 1/255.
bool look_like_pixels(const std::vector<ColumnMoments>& columns);

// x[count, D] of the data becomes x̃, if the likelihood's own data are scaled.
void scale_target(const Model& model, Panels x, std::size_t count);
// out[count, D]: the counts as the encoder sees them, if the likelihood sees them otherwise.
void scale_counts(const Model& model, Panels out, ConstPanels x, std::size_t count);
// x̃[count, D], means or draws, becomes x.
void unscale(const Model& model, Panels x, std::size_t count);

}  // namespace aevb
