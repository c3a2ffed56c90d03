// How kernels process a row of a panel: whole vectors first, then one vector of which only the first lanes are
// columns. Included after math/simd.h, once for each target, hence no include guard here.
//
// A kernel's work on one vector is a template on WHOLE, so that whole vectors, which are nearly all, need no masks.

AEVB_BEFORE_KERNELS

template <bool WHOLE>
AEVB_INLINE F32 load_lanes(const float* from, [[maybe_unused]] int lanes) {
  if constexpr (WHOLE) {
    return load(from);
  } else {
    return load_partial(from, lanes);
  }
}

template <bool WHOLE>
AEVB_INLINE void store_lanes(float* to, F32 a, [[maybe_unused]] int lanes) {
  if constexpr (WHOLE) {
    store(to, a);
  } else {
    store_partial(to, a, lanes);
  }
}

// Stores `a` in the lanes that are columns and zero in the vector's other lanes, as far as they belong to the row:
// `space` floats of it remain. It is a single store: with a partial store and another beside it the next row's load
// waits for both.
template <bool WHOLE>
AEVB_INLINE void store_padded(float* to, F32 a, [[maybe_unused]] int lanes, [[maybe_unused]] std::size_t space) {
  if constexpr (WHOLE) {
    store(to, a);
  } else {
    const F32 padded = select(first_lanes(lanes), a, zero());
    if (space >= F32::size) {
      store(to, padded);
    } else {
      store_partial(to, padded, static_cast<int>(space));
    }
  }
}

// `a` in the lanes that are columns, `other` in those that are not.
template <bool WHOLE>
AEVB_INLINE F32 keep_lanes(F32 a, [[maybe_unused]] F32 other, [[maybe_unused]] int lanes) {
  if constexpr (WHOLE) {
    return a;
  } else {
    return select(first_lanes(lanes), a, other);
  }
}

// The number of columns that panel has, of a matrix of `cols` columns.
AEVB_INLINE std::size_t cols_in_panel(std::size_t cols, std::size_t panel, std::size_t width) {
  const std::size_t left = cols - panel * width;
  return left < width ? left : width;
}

AEVB_INLINE const float* row_of(ConstPanels matrix, std::size_t panel, std::size_t row) {
  return matrix.data + panel * matrix.stride + row * matrix.width;
}
AEVB_INLINE float* row_of(Panels matrix, std::size_t panel, std::size_t row) {
  return matrix.data + panel * matrix.stride + row * matrix.width;
}

// A column as its panel and its index in the panel.
struct Column {
  std::size_t panel, col;
};
AEVB_INLINE Column column_at(std::size_t col, std::size_t width) { return {col / width, col % width}; }

// How many of the `left` columns from `at` on are in the first vector: no vector crosses two panels.
AEVB_INLINE int lanes_from(Column at, std::size_t left, std::size_t width) {
  const std::size_t in_panel = width - at.col < left ? width - at.col : left;
  return in_panel < F32::size ? static_cast<int>(in_panel) : F32::size;
}

AEVB_INLINE Column after(Column at, int lanes, std::size_t width) {
  at.col += static_cast<std::size_t>(lanes);
  if (at.col == width) {
    at.col = 0;
    ++at.panel;
  }
  return at;
}

// Writes zeros behind the first `cols` columns of one row, which may be more than the row has.
AEVB_INLINE void zero_padding(float* row, std::size_t cols, std::size_t width) {
  std::size_t i = cols;
  for (; i + F32::size <= width; i += F32::size) store(row + i, zero());
  if (i < width) store_partial(row + i, zero(), static_cast<int>(width - i));
}

AEVB_AFTER_KERNELS
