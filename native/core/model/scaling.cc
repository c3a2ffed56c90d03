#include "model/scaling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "likelihood/likelihood.h"
#include "math/column_scale.h"
#include "runtime/cancelled.h"

namespace aevb {

namespace {

// Columns in one task, and rows whose moments are taken before they are added to those of the rows before.
constexpr std::size_t COLUMNS_PER_TASK = 64, ROWS_PER_BLOCK = 64;

// A column's range in units in the last place of its largest magnitude from which on rounding to float32 does no harm:
// the deviation of a bell is then above one such unit, and that of rounding, 1/√12 of it, adds less than a tenth to the
// variance.
constexpr double LEAST_UNITS = 8.0;

// Within these every x, shift, factor and quotient is an ordinary float, and so is the square of a reconstruction's
// error. What is larger is most often a mark of a missing cell, as 1e20 and 1e30 are, and would be taken for data.
constexpr double LARGEST_MAGNITUDE = 1e18, SMALLEST_DEVIATION = 1e-36;

double unit_in_last_place(double magnitude) {
  const auto value = static_cast<float>(magnitude);
  return static_cast<double>(std::nextafter(value, std::numeric_limits<float>::infinity())) -
         static_cast<double>(value);
}

// The moments of values one after another: those of a block are exact to rounding, in two passes over it, and are added
// to those before it as Chan, Golub and LeVeque do (Algorithms for Computing the Sample Variance (1983), equation 2.1).
class Moments {
 public:
  void add_block(const double* values, std::size_t count) {
    double sum = 0.0;
    for (std::size_t i = 0; i < count; ++i) sum += values[i];
    const auto n = static_cast<double>(count);
    const double mean = sum / n;
    double squares = 0.0;
    for (std::size_t i = 0; i < count; ++i) squares += (values[i] - mean) * (values[i] - mean);
    const double total = count_ + n, difference = mean - mean_;
    squares_ += squares + difference * difference * (count_ * n / total);
    mean_ += difference * (n / total);
    count_ = total;
  }
  double mean() const { return mean_; }
  double deviation() const { return std::sqrt(squares_ / count_); }

 private:
  double count_ = 0.0, mean_ = 0.0, squares_ = 0.0;
};

void moments_of_columns(ColumnMoments* columns, const Dataset& rows, bool log, std::size_t first, std::size_t count) {
  float cells[ROWS_PER_BLOCK][COLUMNS_PER_TASK];
  double values[ROWS_PER_BLOCK];
  std::vector<Moments> moments(count);
  const Scale bytes = log ? Scale::integer : Scale::unit;
  for (std::size_t c = 0; c < count; ++c) {
    columns[c].smallest = std::numeric_limits<double>::infinity();
    columns[c].largest = -columns[c].smallest;
  }
  for (std::size_t row = 0; row < rows.rows(); row += ROWS_PER_BLOCK) {
    const std::size_t block = std::min(ROWS_PER_BLOCK, rows.rows() - row);
    for (std::size_t r = 0; r < block; ++r) rows.cells(cells[r], row + r, first, count, bytes);
    for (std::size_t c = 0; c < count; ++c) {
      ColumnMoments& column = columns[c];
      std::size_t present = 0;
      for (std::size_t r = 0; r < block; ++r) {
        const auto x = static_cast<double>(cells[r][c]);
        if (std::isnan(x)) continue;  // missing
        column.smallest = std::min(column.smallest, x);
        column.largest = std::max(column.largest, x);
        column.sum += x;
        if (x == 0.0) column.zeros += 1.0;
        values[present++] = !log ? x : x == 0.0 ? 0.0 : std::log1p(x);
      }
      column.count += static_cast<double>(present);
      if (present > 0) moments[c].add_block(values, present);
    }
  }
  for (std::size_t c = 0; c < count; ++c) {
    if (columns[c].count == 0.0) continue;
    columns[c].mean = moments[c].mean();
    columns[c].deviation = moments[c].deviation();
  }
}

// Whether the likelihood is one of numbers that have a unit, or of counts. Other columns are not scaled.
bool scales_part(const LikelihoodPart& part, ScaleType type) {
  return likelihood_domain(part.spec) == (type == ScaleType::log ? Domain::counts : Domain::real);
}

// Throws UnsuitableColumn for one of the part's that cannot be standardised. A constant one can.
void check_columns(const std::vector<ColumnMoments>& columns, const Dataset& rows, const LikelihoodPart& part) {
  using Reason = UnsuitableColumn::Reason;
  for (std::size_t d = part.data_offset; d < part.data_offset + part.data_columns; ++d) {
    const auto& [mean, deviation, smallest, largest, zeros, sum, count] = columns[d];
    if (count == 0.0) continue;
    const double magnitude = std::max(std::abs(smallest), std::abs(largest));
    if (magnitude > LARGEST_MAGNITUDE) throw UnsuitableColumn(Reason::magnitude, d, smallest, largest);
    if (const auto range = rows.rounded_range(d)) {
      throw UnsuitableColumn(Reason::resolution, d, range->first, range->second);
    }
    if (smallest == largest) continue;
    if (largest - smallest < LEAST_UNITS * unit_in_last_place(magnitude)) {
      throw UnsuitableColumn(Reason::resolution, d, smallest, largest);
    }
    if (deviation < SMALLEST_DEVIATION) throw UnsuitableColumn(Reason::magnitude, d, smallest, largest);
  }
}

double standard_factor(const ColumnMoments& column) {
  return column.smallest < column.largest ? column.deviation : 1.0;
}

// A column that is 0 in most rows keeps its zeros, whose products are left out (math/zeros.h).
double log_shift(const ColumnMoments& column) { return 2.0 * column.zeros > column.count ? 0.0 : column.mean; }

// A deviation is not brought up to 1: a column whose counts hardly differ, or differ in a few rows, would speak as loud
// as the others, and models of counts train worse for it, and with 1 in place of 2.
constexpr double LEAST_LOG_FACTOR = 2.0;
double log_factor(const ColumnMoments& column) { return std::max(LEAST_LOG_FACTOR, column.deviation); }

double mean_count(const ColumnMoments& column) { return std::max(column.sum, 0.5) / std::max(column.count, 1.0); }

// The logarithm of each column's mean, in place of the head's biases. Only differences count in a multinomial, and
// these are its mean proportions' but for a constant. A column without counts has that of half a count in all rows
// together.
void replace_bias(BeforeScaling& before, Model& model, std::size_t index, const std::vector<ColumnMoments>& columns) {
  const LikelihoodPart& part = model.likelihoods()[index];
  const Head& head = part.heads[0];
  // A convolution has no number for each column.
  if (!head.bias_offset) return;
  float* bias = model.parameters().data() + *head.bias_offset;
  before.biases.push_back({index, {bias, bias + part.columns}});
  const ColumnMoments* column = columns.data() + part.data_offset;
  double total = 0.0;
  for (std::size_t d = 0; d < part.columns; ++d) total += mean_count(column[d]);
  const double center = has_given_total(part.spec) ? std::log(total) : 0.0;
  for (std::size_t d = 0; d < part.columns; ++d) {
    bias[d] = static_cast<float>(std::log(mean_count(column[d])) - center);
  }
}

}  // namespace

bool wants_scale(const Model& model) { return model.layout().scaled_columns > 0 && !model.scale_learned(); }

std::vector<ColumnMoments> column_moments(const Dataset& rows, bool log, ThreadPool& pool,
                                          const std::atomic<bool>& cancelled) {
  const std::size_t columns = rows.columns();
  std::vector<ColumnMoments> moments(columns);
  pool.run((columns + COLUMNS_PER_TASK - 1) / COLUMNS_PER_TASK, [&](std::size_t task, std::size_t) {
    if (cancelled.load(std::memory_order_relaxed)) return;
    const std::size_t first = task * COLUMNS_PER_TASK;
    moments_of_columns(moments.data() + first, rows, log, first, std::min(COLUMNS_PER_TASK, columns - first));
  });
  if (cancelled.load(std::memory_order_relaxed)) throw Cancelled();
  return moments;
}

bool look_like_pixels(const std::vector<ColumnMoments>& columns) {
  double largest = 0.0;
  for (const ColumnMoments& column : columns) {
    if (column.smallest < 0.0 || column.largest > 1.0) return false;
    // As a float: what a byte of 1 becomes.
    if (column.largest > 0.0 && column.largest < static_cast<double>(1.0f / 255.0f)) return false;
    largest = std::max(largest, column.largest);
  }
  return largest >= 0.5;
}

BeforeScaling learn_scale(Model& model, const Dataset& rows, ThreadPool& pool, const std::atomic<bool>& cancelled) {
  const ScaleType type = model.spec().scale;
  const bool log = type == ScaleType::log;
  const std::vector<LikelihoodPart>& parts = model.likelihoods();
  std::vector<ColumnMoments> columns;
  bool leave = type == ScaleType::automatic && rows.holds_bytes();
  if (!leave) {
    columns = column_moments(rows, log, pool, cancelled);
    // Pixels are the whole of a row.
    leave = type == ScaleType::automatic && parts.size() == 1 && look_like_pixels(columns);
  }
  for (const LikelihoodPart& part : parts) {
    if (!leave && !log && scales_part(part, type)) check_columns(columns, rows, part);
  }
  float* shift = model.parameters().data() + model.layout().shift_offset;
  float* factor = model.parameters().data() + model.layout().factor_offset;
  BeforeScaling before;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const LikelihoodPart& part = parts[i];
    const bool scaled = !leave && scales_part(part, type);
    if (scaled && log) replace_bias(before, model, i, columns);
    for (std::size_t d = 0; d < part.columns; ++d) {
      const std::size_t to = part.offset + d;
      shift[to] = 0.0f;
      factor[to] = 1.0f;
      if (!scaled || columns[part.data_offset + d].count == 0.0) continue;
      const ColumnMoments& column = columns[part.data_offset + d];
      shift[to] = static_cast<float>(log ? log_shift(column) : column.mean);
      factor[to] = static_cast<float>(log ? log_factor(column) : standard_factor(column));
    }
  }
  model.refresh_scale();
  return before;
}

void forget_scale(Model& model, const BeforeScaling& before) {
  float* parameters = model.parameters().data();
  std::fill_n(parameters + model.layout().shift_offset, model.layout().scaled_columns, 0.0f);
  std::fill_n(parameters + model.layout().factor_offset, model.layout().scaled_columns, 0.0f);
  for (const auto& [part, bias] : before.biases) {
    std::copy(bias.begin(), bias.end(), parameters + *model.likelihoods()[part].heads[0].bias_offset);
  }
  model.refresh_scale();
}

std::optional<FarCell> far_cell(const Model& model, const Workspace& workspace, std::size_t rows) {
  // Counts reach the network through their logarithms, so none of them can be to blame.
  if (model.scales_counts()) return std::nullopt;
  FarCell farthest{0, 0, 0.0, model.scales_target(), 0.0, 1.0};
  double distance = 0.0;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t d = 0; d < model.spec().input; ++d) {
      const auto value = static_cast<double>(workspace.target.at(row, d));
      if (std::abs(value) <= distance) continue;
      distance = std::abs(value);
      farthest.row = row;
      farthest.column = d;
      farthest.value = value;
    }
  }
  if (distance < FAR) return std::nullopt;
  if (farthest.scaled) {
    farthest.shift = static_cast<double>(model.shift()[farthest.column]);
    farthest.factor = static_cast<double>(model.factor()[farthest.column]);
    farthest.value = farthest.value * farthest.factor + farthest.shift;
  }
  return farthest;
}

void scale_target(const Model& model, Panels x, std::size_t count) {
  if (!model.scales_target()) return;
  standardize(x, x, model.shift(), model.factor(), count, model.layout().scaled_columns);
}

void scale_counts(const Model& model, Panels out, ConstPanels x, std::size_t count) {
  standardize_log(out, x, model.shift(), model.factor(), count, model.layout().scaled_columns);
}

void unscale(const Model& model, Panels x, std::size_t count) {
  if (!model.scales_target()) return;
  unstandardize(x, x, model.shift(), model.factor(), count, model.layout().scaled_columns);
}

}  // namespace aevb
