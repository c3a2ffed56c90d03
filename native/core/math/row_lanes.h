// Rows side by side in the lanes of vectors, one vector for each column. If only a few columns of a row belong
// together, a vector along the row would be mostly empty, and its sum would cost more than the work on the columns.
// With this layout any number of columns is processed in whole vectors, and rows never mix. Included after
// math/simd_lanes.h, once for each target, hence no include guard here.

AEVB_BEFORE_KERNELS

// The largest number of columns held at a time: several such blocks stay in the first-level cache.
constexpr std::size_t LANE_COLUMNS = 64;

// The squares that are transposed may extend beyond the last column.
struct RowLanes {
  F32 column[LANE_COLUMNS + F32::size];
};

// The row of a matrix that each lane holds.
struct LaneRows {
  std::size_t row[F32::size];
};

// How many of `rows` the lanes from row `first` on hold.
AEVB_INLINE std::size_t rows_in_lanes(std::size_t first, std::size_t rows) {
  return rows - first < F32::size ? rows - first : F32::size;
}

// `count` rows from `first` on. The remaining lanes repeat the last row, so that all lanes hold real rows.
AEVB_INLINE LaneRows lane_rows(std::size_t first, std::size_t count) {
  LaneRows rows;
  for (std::size_t i = 0; i < F32::size; ++i) rows.row[i] = first + (i < count ? i : count - 1);
  return rows;
}

// With L draws for each datum: the datum of each lane's row, and the l-th rows of these data.
AEVB_INLINE LaneRows data_of(LaneRows draws, std::size_t L) {
  for (std::size_t i = 0; i < F32::size; ++i) draws.row[i] /= L;
  return draws;
}
AEVB_INLINE LaneRows draws_of(LaneRows data, std::size_t l, std::size_t L) {
  for (std::size_t i = 0; i < F32::size; ++i) data.row[i] = data.row[i] * L + l;
  return data;
}

template <bool WHOLE>
AEVB_INLINE void load_square(F32* columns, ConstPanels from, const LaneRows& rows, Column at, int lanes) {
  F32 square[F32::size];
#pragma GCC unroll 16
  for (int i = 0; i < F32::size; ++i) {
    square[i] = load_lanes<WHOLE>(row_of(from, at.panel, rows.row[i]) + at.col, lanes);
  }
  transpose_square(square);
#pragma GCC unroll 16
  for (int i = 0; i < F32::size; ++i) columns[i] = square[i];
}

// `count` ≤ LANE_COLUMNS columns from `at` on.
AEVB_INLINE void load_row_lanes(RowLanes* to, ConstPanels from, const LaneRows& rows, Column at, std::size_t count) {
  for (std::size_t done = 0; done < count;) {
    const int lanes = lanes_from(at, count - done, from.width);
    if (lanes == F32::size) {
      load_square<true>(to->column + done, from, rows, at, lanes);
    } else {
      load_square<false>(to->column + done, from, rows, at, lanes);
    }
    done += static_cast<std::size_t>(lanes);
    at = after(at, lanes, from.width);
  }
}

template <bool WHOLE>
AEVB_INLINE void store_square(Panels to, std::size_t first, std::size_t rows, Column at, const F32* columns,
                              int lanes) {
  F32 square[F32::size];
#pragma GCC unroll 16
  for (int i = 0; i < F32::size; ++i) square[i] = columns[i];
  transpose_square(square);
  if (rows == F32::size) {
#pragma GCC unroll 16
    for (std::size_t i = 0; i < F32::size; ++i) {
      store_lanes<WHOLE>(row_of(to, at.panel, first + i) + at.col, square[i], lanes);
    }
  } else {
    for (std::size_t i = 0; i < rows; ++i) {
      store_lanes<WHOLE>(row_of(to, at.panel, first + i) + at.col, square[i], lanes);
    }
  }
}

// Values behind the last column are read and discarded.
AEVB_INLINE void store_row_lanes(Panels to, std::size_t first, std::size_t rows, Column at, const RowLanes& from,
                                 std::size_t count) {
  for (std::size_t done = 0; done < count;) {
    const int lanes = lanes_from(at, count - done, to.width);
    if (lanes == F32::size) {
      store_square<true>(to, first, rows, at, from.column + done, lanes);
    } else {
      store_square<false>(to, first, rows, at, from.column + done, lanes);
    }
    done += static_cast<std::size_t>(lanes);
    at = after(at, lanes, to.width);
  }
}

AEVB_AFTER_KERNELS
