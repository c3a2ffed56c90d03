// How a kernel sums the terms of a row: in float within each lane, for a while, and then in the row's double. Included
// after math/simd_lanes.h, once for each target, hence no include guard here.

AEVB_BEFORE_KERNELS

// Terms that a lane sums in float before it is emptied into the row's double.
constexpr std::size_t MOST_TERMS = 128;

struct RowSum {
  F32 lanes;
  double total;
};

AEVB_INLINE void empty_lanes(RowSum* row, std::size_t rows) {
  for (std::size_t r = 0; r < rows; ++r) {
    row[r].total += static_cast<double>(sum(row[r].lanes));
    row[r].lanes = zero();
  }
}

AEVB_AFTER_KERNELS
