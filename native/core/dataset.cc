#include "dataset.h"

#include <cmath>

#include "math/gather.h"

namespace aevb {

Dataset::Dataset(const float* values, std::size_t rows, std::size_t columns)
    : rows_(rows),
      columns_(columns),
      floats_(std::make_shared<const std::vector<float>>(values, values + rows * columns)) {}

Dataset::Dataset(const double* values, std::size_t rows, std::size_t columns)
    : rows_(rows),
      columns_(columns),
      floats_(std::make_shared<const std::vector<float>>(values, values + rows * columns)) {}

Dataset::Dataset(const std::uint8_t* values, std::size_t rows, std::size_t columns)
    : rows_(rows),
      columns_(columns),
      bytes_(std::make_shared<const std::vector<std::uint8_t>>(values, values + rows * columns)) {}

Dataset Dataset::slice(std::size_t from, std::size_t to) const {
  Dataset part(*this);
  part.first_ = first_ + from;
  part.rows_ = to - from;
  return part;
}

std::optional<BadCell> Dataset::check(Domain domain) const {
  if (!floats_) return std::nullopt;  // every byte is in both domains
  const float* values = floats_->data() + first_ * columns_;
  for (std::size_t row = 0; row < rows_; ++row) {
    const float* cells = values + row * columns_;
    // Written so that the compiler can vectorise the row; the cell is looked for only where there is one.
    bool good = true;
    if (domain == Domain::unit) {
      for (std::size_t i = 0; i < columns_; ++i) good &= cells[i] >= 0.0f && cells[i] <= 1.0f;
    } else {
      for (std::size_t i = 0; i < columns_; ++i) good &= std::isfinite(cells[i]);
    }
    if (good) continue;
    for (std::size_t i = 0; i < columns_; ++i) {
      const bool cell_good = domain == Domain::unit ? cells[i] >= 0.0f && cells[i] <= 1.0f : std::isfinite(cells[i]);
      if (!cell_good) return BadCell{row, i, static_cast<double>(cells[i])};
    }
  }
  return std::nullopt;
}

void Dataset::gather(Panels out, const std::uint32_t* index, std::size_t count, int) const {
  if (bytes_) {
    gather_rows(out, bytes_->data() + first_ * columns_, index, count, columns_);
  } else {
    gather_rows(out, floats_->data() + first_ * columns_, index, count, columns_);
  }
}

void Dataset::copy(Panels out, std::size_t first, std::size_t count, int) const {
  if (bytes_) {
    gather_rows(out, bytes_->data() + (first_ + first) * columns_, nullptr, count, columns_);
  } else {
    gather_rows(out, floats_->data() + (first_ + first) * columns_, nullptr, count, columns_);
  }
}

}  // namespace aevb
