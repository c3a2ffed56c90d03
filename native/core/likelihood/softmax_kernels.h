// Functions that the likelihoods of classes share: ranges of columns that are normalised together. Included after
// math/vector_math.h, once for each target, hence no include guard here.
//
// A range may begin anywhere and extend into further panels. It is processed in vectors, none across two panels. Each
// vector is processed for all rows of a block, so that no row waits for its own sums.

AEVB_BEFORE_KERNELS

// Rows whose sums are kept over all columns.
constexpr std::size_t SOFTMAX_ROWS = 8;

struct SoftmaxRow {
  float largest;     // the largest logit of the range
  F32 exponentials;  // Σ e^(l − largest), by lanes
  double total;      // the sum that was emptied from there
};

template <bool WHOLE>
AEVB_INLINE void largest_vector(F32* largest, ConstPanels logits, Column at, std::size_t first, std::size_t rows,
                                int lanes) {
  const F32 nothing = -float_of(set_int(0x7f800000));
  for (std::size_t r = 0; r < rows; ++r) {
    const F32 l = load_lanes<WHOLE>(row_of(logits, at.panel, first + r) + at.col, lanes);
    largest[r] = max(keep_lanes<WHOLE>(l, nothing, lanes), largest[r]);
  }
}

// The largest logit of each row in `count` columns from `begin` on. A NaN is ignored here, and makes the sum NaN.
AEVB_INLINE void find_largest(SoftmaxRow* row, ConstPanels logits, Column begin, std::size_t count, std::size_t first,
                              std::size_t rows) {
  F32 largest_lanes[SOFTMAX_ROWS];
  for (std::size_t r = 0; r < rows; ++r) largest_lanes[r] = -float_of(set_int(0x7f800000));
  Column at = begin;
  for (std::size_t left = count; left > 0;) {
    const int lanes = lanes_from(at, left, logits.width);
    if (lanes == F32::size) {
      largest_vector<true>(largest_lanes, logits, at, first, rows, lanes);
    } else {
      largest_vector<false>(largest_lanes, logits, at, first, rows, lanes);
    }
    left -= static_cast<std::size_t>(lanes);
    at = after(at, lanes, logits.width);
  }
  for (std::size_t r = 0; r < rows; ++r) row[r] = {largest(largest_lanes[r]), zero(), 0.0};
}

AEVB_INLINE void empty_exponentials(SoftmaxRow* row, std::size_t rows) {
  for (std::size_t r = 0; r < rows; ++r) {
    row[r].total += static_cast<double>(sum(row[r].exponentials));
    row[r].exponentials = zero();
  }
}

AEVB_AFTER_KERNELS
