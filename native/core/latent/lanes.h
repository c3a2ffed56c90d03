// Functions that the kernels of this folder share. Included after math/simd_lanes.h and math/vector_math.h, once for
// each target, hence no include guard here.

AEVB_BEFORE_KERNELS

// Calls Op::run<WHOLE>(op, panel, i, lanes) for every vector of columns, panel after panel: columns i to i + lanes of
// a panel. The operation goes through the rows, so values that depend only on the column are computed once.
template <typename Op>
AEVB_INLINE void each_vector(const Op& op, std::size_t cols, std::size_t width) {
  for (std::size_t p = 0; p < panel_count(cols, width); ++p) {
    const std::size_t in_panel = cols_in_panel(cols, p, width);
    std::size_t i = 0;
    for (; i + F32::size <= in_panel; i += F32::size) Op::template run<true>(op, p, i, F32::size);
    if (i < in_panel) Op::template run<false>(op, p, i, static_cast<int>(in_panel - i));
  }
}

// Writes zeros after the columns of every row.
AEVB_INLINE void zero_padding_of(Panels matrix, std::size_t rows, std::size_t cols) {
  const std::size_t used = cols % matrix.width;
  if (used == 0) return;
  for (std::size_t r = 0; r < rows; ++r) zero_padding(row_of(matrix, cols / matrix.width, r), used, matrix.width);
}

AEVB_INLINE void zero_rows(Panels matrix, std::size_t rows, std::size_t cols) {
  for (std::size_t p = 0; p < panel_count(cols, matrix.width); ++p) {
    for (std::size_t r = 0; r < rows; ++r) zero_padding(row_of(matrix, p, r), 0, matrix.width);
  }
}

template <bool WHOLE>
AEVB_INLINE void add_lanes(float* to, F32 a, int lanes) {
  store_lanes<WHOLE>(to, load_lanes<WHOLE>(to, lanes) + a, lanes);
}

// The sum of the lanes that are columns.
template <bool WHOLE>
AEVB_INLINE double column_sum(F32 a, int lanes) {
  return static_cast<double>(sum(keep_lanes<WHOLE>(a, zero(), lanes)));
}

// The place of a column in a matrix. put_columns writes a vector to the columns from there on, across panels if
// necessary.
struct Place {
  std::size_t panel, col;
};
AEVB_INLINE Place place_of(std::size_t col, std::size_t width) { return {col / width, col % width}; }
template <bool WHOLE>
AEVB_INLINE void put_columns(Panels to, std::size_t row, Place place, F32 a, int lanes) {
  if (place.col + static_cast<std::size_t>(lanes) <= to.width) {
    store_lanes<WHOLE>(row_of(to, place.panel, row) + place.col, a, lanes);
    return;
  }
  float values[F32::size];
  store(values, a);
  for (int i = 0; i < lanes; ++i) {
    row_of(to, place.panel, row)[place.col] = values[i];
    if (++place.col == to.width) place = {place.panel + 1, 0};
  }
}

// A range of columns that is processed in vectors, none of which crosses the edge of a panel. `left` columns have not
// been processed yet.
struct Part {
  std::size_t panel, col, left;
};
AEVB_INLINE int part_lanes(const Part& part, std::size_t width) {
  std::size_t lanes = width - part.col < part.left ? width - part.col : part.left;
  if (lanes > F32::size) lanes = F32::size;
  return static_cast<int>(lanes);
}
AEVB_INLINE void next_part(Part* part, int lanes, std::size_t width) {
  part->left -= static_cast<std::size_t>(lanes);
  part->col += static_cast<std::size_t>(lanes);
  while (part->col >= width) {
    part->col -= width;
    ++part->panel;
  }
}
AEVB_INLINE const float* at_part(ConstPanels matrix, const Part& part, std::size_t row) {
  return row_of(matrix, part.panel, row) + part.col;
}
AEVB_INLINE float* at_part(Panels matrix, const Part& part, std::size_t row) {
  return row_of(matrix, part.panel, row) + part.col;
}

struct NormalLanes {
  F32 mean, log_variance;
};
// Columns col to col + lanes of the prior.
template <bool WHOLE>
AEVB_INLINE NormalLanes load_prior(const NormalPrior& prior, std::size_t col, int lanes) {
  if (prior.learned_mean != nullptr) {
    return {load_lanes<WHOLE>(prior.learned_mean + col, lanes),
            load_lanes<WHOLE>(prior.learned_log_variance + col, lanes)};
  }
  if (prior.mean == nullptr) return {zero(), zero()};
  float mean[F32::size] = {};
  float log_variance[F32::size] = {};
  for (int i = 0; i < lanes; ++i) {
    mean[i] = static_cast<float>(prior.mean[col + static_cast<std::size_t>(i)]);
    log_variance[i] = static_cast<float>(std::log(prior.variance[col + static_cast<std::size_t>(i)]));
  }
  return {load(mean), load(log_variance)};
}

AEVB_AFTER_KERNELS
