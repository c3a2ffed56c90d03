#include "data/dataset.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace aevb {

namespace {

bool is_count(float value) {
  // From 2²³ on every float is whole; below, adding 2²³ rounds to a whole number. No call, so loops are
  // vectorised.
  constexpr float WHOLE = 0x1p23f;
  const bool whole = value >= WHOLE || (value + WHOLE) - WHOLE == value;
  return whole && value >= 0.0f && std::isfinite(value);
}

template <Domain DOMAIN>
int in_domain(float value) {
  if constexpr (DOMAIN == Domain::unit) {
    return static_cast<int>(value >= 0.0f) & static_cast<int>(value <= 1.0f);
  } else if constexpr (DOMAIN == Domain::counts) {
    return static_cast<int>(is_count(value));
  } else {
    return static_cast<int>(std::abs(value) <= std::numeric_limits<float>::max());
  }
}

// Integers and no call, so that the compiler vectorises the loop over a row; a bad cell is located only if there is
// one.
template <Domain DOMAIN, typename Value>
std::optional<std::size_t> first_outside(const Value* cells, std::size_t columns, bool missing) {
  int good = 1;
  for (std::size_t i = 0; i < columns; ++i) good &= in_domain<DOMAIN>(static_cast<float>(cells[i]));
  if (good != 0) return std::nullopt;
  for (std::size_t i = 0; i < columns; ++i) {
    const auto value = static_cast<float>(cells[i]);
    if (in_domain<DOMAIN>(value) == 0 && !(missing && std::isnan(value))) return i;
  }
  return std::nullopt;
}

template <typename Value>
std::optional<std::size_t> first_bad_column(const Value* cells, std::size_t columns, Domain domain,
                                            std::span<const std::size_t> classes, bool missing) {
  if (domain == Domain::codes) {
    for (std::size_t i = 0; i < columns; ++i) {
      const auto value = static_cast<float>(cells[i]);
      if (missing && std::isnan(value)) continue;
      if (!is_count(value) || !(static_cast<double>(value) < static_cast<double>(classes[i]))) return i;
    }
    return std::nullopt;
  }
  if (domain == Domain::oneHot) {
    std::size_t begin = 0;
    for (const std::size_t count : classes) {
      bool found = false;
      for (std::size_t i = begin; i < begin + count; ++i) {
        if (cells[i] == Value{0}) continue;
        if (found || cells[i] != Value{1}) return i;
        found = true;
      }
      if (!found) return begin;
      begin += count;
    }
    return std::nullopt;
  }
  if (domain == Domain::unit) return first_outside<Domain::unit>(cells, columns, missing);
  if (domain == Domain::counts) return first_outside<Domain::counts>(cells, columns, missing);
  return first_outside<Domain::real>(cells, columns, missing);
}

template <typename Value>
std::optional<BadCell> first_bad_cell(const Value* values, std::size_t rows, std::size_t columns, std::size_t first,
                                      std::size_t count, Domain domain, std::span<const std::size_t> classes,
                                      bool missing) {
  for (std::size_t row = 0; row < rows; ++row) {
    const Value* cells = values + row * columns + first;
    const auto column = first_bad_column(cells, count, domain, classes, missing);
    if (column) return BadCell{row, first + *column, static_cast<double>(cells[*column])};
  }
  return std::nullopt;
}

template <typename Value, typename Source>
std::shared_ptr<const Value> copy_of(const Source* values, std::size_t count) {
  const auto copy = std::make_shared<const std::vector<Value>>(values, values + count);
  return {copy, copy->data()};
}

using Ranges = std::map<std::size_t, std::pair<double, double>>;

// The ranges of columns that are not constant but span fewer than 8 floats.
std::shared_ptr<const Ranges> rounded_columns(const double* values, std::size_t rows, std::size_t columns) {
  if (rows < 2) return nullptr;
  std::vector<double> smallest(values, values + columns), largest(smallest);
  for (std::size_t row = 1; row < rows; ++row) {
    const double* cells = values + row * columns;
    for (std::size_t i = 0; i < columns; ++i) {
      smallest[i] = cells[i] < smallest[i] ? cells[i] : smallest[i];
      largest[i] = cells[i] > largest[i] ? cells[i] : largest[i];
    }
  }
  Ranges ranges;
  for (std::size_t i = 0; i < columns; ++i) {
    const double magnitude = std::max(std::abs(smallest[i]), std::abs(largest[i]));
    const double spread = largest[i] - smallest[i];
    if (spread > 0.0 && spread < 8.0 * 0x1p-23 * magnitude) {
      const auto unit = static_cast<float>(magnitude);
      const float above = std::nextafter(unit, std::numeric_limits<float>::infinity());
      if (spread < 8.0 * (static_cast<double>(above) - static_cast<double>(unit))) {
        ranges.emplace(i, std::pair{smallest[i], largest[i]});
      }
    }
  }
  return ranges.empty() ? nullptr : std::make_shared<const Ranges>(std::move(ranges));
}

// Without an owner: nothing is counted and nothing is freed.
template <typename Value>
std::shared_ptr<const Value> borrowed(const Value* values) {
  return {std::shared_ptr<void>(), values};
}

}  // namespace

Dataset::Dataset(const float* values, std::size_t rows, std::size_t columns) : Dataset(rows, columns) {
  floats_ = copy_of<float>(values, rows * columns);
  owned_bytes_ = rows * columns * sizeof(float);
}

Dataset::Dataset(const double* values, std::size_t rows, std::size_t columns) : Dataset(rows, columns) {
  rounded_ = rounded_columns(values, rows, columns);
  floats_ = copy_of<float>(values, rows * columns);
  owned_bytes_ = rows * columns * sizeof(float);
}

Dataset::Dataset(const std::uint8_t* values, std::size_t rows, std::size_t columns) : Dataset(rows, columns) {
  bytes_ = copy_of<std::uint8_t>(values, rows * columns);
  owned_bytes_ = rows * columns;
}

Dataset Dataset::borrow(const float* values, std::size_t rows, std::size_t columns) {
  Dataset data(rows, columns);
  data.floats_ = borrowed(values);
  return data;
}

Dataset Dataset::borrow(const std::uint8_t* values, std::size_t rows, std::size_t columns) {
  Dataset data(rows, columns);
  data.bytes_ = borrowed(values);
  return data;
}

Dataset Dataset::slice(std::size_t from, std::size_t to) const {
  Dataset part(*this);
  part.first_ = first_ + from;
  part.rows_ = to - from;
  return part;
}

std::optional<BadCell> Dataset::check(Domain domain, std::span<const std::size_t> classes) const {
  return check(domain, classes, 0, columns_);
}

std::optional<BadCell> Dataset::check(Domain domain, std::span<const std::size_t> classes, std::size_t first,
                                      std::size_t count, bool missing) const {
  if (first > columns_ || count > columns_ - first) throw std::invalid_argument("columns beyond the last one");
  if (domain == Domain::oneHot || domain == Domain::codes) {
    const std::size_t expected =
        domain == Domain::codes ? classes.size() : std::accumulate(classes.begin(), classes.end(), std::size_t{0});
    if (expected != count) throw std::invalid_argument("classes must fit the columns");
  }
  const std::size_t begin = first_ * columns_;
  if (floats_) return first_bad_cell(floats_.get() + begin, rows_, columns_, first, count, domain, classes, missing);
  if (domain == Domain::oneHot || domain == Domain::codes) {
    return first_bad_cell(bytes_.get() + begin, rows_, columns_, first, count, domain, classes, false);
  }
  return std::nullopt;  // every byte is valid in the other domains
}

void Dataset::cells(float* out, std::size_t row, std::size_t first, std::size_t count, Scale scale) const {
  const std::size_t begin = (first_ + row) * columns_ + first;
  if (floats_) {
    std::copy_n(floats_.get() + begin, count, out);
  } else {
    gather_rows(Panels{out, count, count}, bytes_.get() + begin, nullptr, 1, count, scale);
  }
}

std::optional<std::pair<double, double>> Dataset::rounded_range(std::size_t column) const {
  if (rounded_ == nullptr) return std::nullopt;
  const auto found = rounded_->find(column);
  return found == rounded_->end() ? std::nullopt : std::optional(found->second);
}

void Dataset::gather(Panels out, const std::uint32_t* index, std::size_t count, Scale scale) const {
  if (bytes_) {
    gather_rows(out, bytes_.get() + first_ * columns_, index, count, columns_, scale);
  } else {
    gather_rows(out, floats_.get() + first_ * columns_, index, count, columns_);
  }
}

void Dataset::copy(Panels out, std::size_t first, std::size_t count, Scale scale) const {
  if (bytes_) {
    gather_rows(out, bytes_.get() + (first_ + first) * columns_, nullptr, count, columns_, scale);
  } else {
    gather_rows(out, floats_.get() + (first_ + first) * columns_, nullptr, count, columns_);
  }
}

}  // namespace aevb
