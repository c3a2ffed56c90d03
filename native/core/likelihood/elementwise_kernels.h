// Functions of the likelihoods whose loss is a sum of terms, each a function of one head's output and x. Included after
// math/sums.h, once for each target, hence no include guard here.
//
// Such a likelihood is a struct of functions of vectors:
//   F32 mean(F32 head)
// and either, derived from TermByTerm,
//   template <bool BACKWARD>
//   F32 loss(F32 head, F32 x, F32* slope)    one term, and its derivative by `head`
// or, if terms are summed in another way, all members that TermByTerm defines.

AEVB_BEFORE_KERNELS

// Rows whose sums are kept over all panels: enough that memory is read in long runs, few enough that the rows'
// parts of a panel and their sums stay in the first-level cache.
constexpr std::size_t ELEMENTWISE_ROWS = 8;

template <typename Family>
struct TermByTerm {
  // The sum of one row; `total` is what was emptied from its lanes.
  using Sum = RowSum;
  // Terms that a lane adds up before it must be emptied.
  static constexpr std::size_t MOST = MOST_TERMS;

  AEVB_INLINE Sum nothing() { return {zero(), 0.0}; }

  template <bool BACKWARD, bool WHOLE>
  AEVB_INLINE void add(Sum* sum, F32 head, F32 x, F32* slope, int lanes) {
    const F32 loss = Family::template loss<BACKWARD>(head, x, slope);
    sum->lanes = sum->lanes + keep_lanes<WHOLE>(loss, zero(), lanes);
  }

  AEVB_INLINE void empty(Sum* sum) { empty_lanes(sum, 1); }
};

template <typename Family, bool BACKWARD, bool WHOLE>
AEVB_INLINE void elementwise_vector(typename Family::Sum* sum, float* dhead, const float* head, const float* x,
                                    F32 scale, int lanes) {
  F32 slope = zero();
  Family::template add<BACKWARD, WHOLE>(sum, load_lanes<WHOLE>(head, lanes), load_lanes<WHOLE>(x, lanes), &slope,
                                        lanes);
  if constexpr (BACKWARD) store_lanes<WHOLE>(dhead, scale * slope, lanes);
}

template <typename Family, bool BACKWARD>
AEVB_INLINE void elementwise_row(typename Family::Sum* row, float* dhead, const float* head, const float* x, F32 scale,
                                 std::size_t cols) {
  typename Family::Sum sum = *row;  // in registers: the compiler must assume that dhead may point into *row
  std::size_t i = 0;
  for (; i + F32::size <= cols; i += F32::size) {
    elementwise_vector<Family, BACKWARD, true>(&sum, BACKWARD ? dhead + i : nullptr, head + i, x + i, scale, F32::size);
  }
  if (i < cols) {
    elementwise_vector<Family, BACKWARD, false>(&sum, BACKWARD ? dhead + i : nullptr, head + i, x + i, scale,
                                                static_cast<int>(cols - i));
  }
  *row = sum;
}

// The order in which a row is summed depends only on D and the panels' width.
template <typename Family, bool BACKWARD>
static void elementwise_loss(double* loss, Panels dhead, ConstPanels head, ConstPanels x, float scale, std::size_t B,
                             std::size_t L, std::size_t D) {
  constexpr std::size_t RUN = Family::MOST * F32::size;
  for (std::size_t first = 0; first < B * L; first += ELEMENTWISE_ROWS) {
    const std::size_t rows = B * L - first < ELEMENTWISE_ROWS ? B * L - first : ELEMENTWISE_ROWS;
    typename Family::Sum sums[ELEMENTWISE_ROWS];
    std::size_t datum[ELEMENTWISE_ROWS];
    for (std::size_t r = 0; r < rows; ++r) {
      sums[r] = Family::nothing();
      datum[r] = (first + r) / L;
    }
    std::size_t terms = 0;
    for (std::size_t p = 0; p < panel_count(D, head.width); ++p) {
      const std::size_t cols = cols_in_panel(D, p, head.width);
      for (std::size_t begin = 0; begin < cols; begin += RUN) {
        const std::size_t run = cols - begin < RUN ? cols - begin : RUN;
        const std::size_t more = (run + F32::size - 1) / F32::size;
        if (terms + more > Family::MOST) {
          for (std::size_t r = 0; r < rows; ++r) Family::empty(&sums[r]);
          terms = 0;
        }
        terms += more;
        for (std::size_t r = 0; r < rows; ++r) {
          elementwise_row<Family, BACKWARD>(&sums[r], BACKWARD ? row_of(dhead, p, first + r) + begin : nullptr,
                                            row_of(head, p, first + r) + begin, row_of(x, p, datum[r]) + begin,
                                            set(scale), run);
        }
      }
      if (BACKWARD && cols < dhead.width) {
        for (std::size_t r = 0; r < rows; ++r) zero_padding(row_of(dhead, p, first + r), cols, dhead.width);
      }
    }
    for (std::size_t r = 0; r < rows; ++r) {
      Family::empty(&sums[r]);
      loss[first + r] = sums[r].total;
    }
  }
}

template <typename Family>
static void elementwise_mean(Panels mean, ConstPanels head, std::size_t B, std::size_t D) {
  for (std::size_t p = 0; p < panel_count(D, mean.width); ++p) {
    const std::size_t cols = cols_in_panel(D, p, mean.width);
    for (std::size_t b = 0; b < B; ++b) {
      float* mean_row = row_of(mean, p, b);
      const float* head_row = row_of(head, p, b);
      std::size_t i = 0;
      for (; i + F32::size <= cols; i += F32::size) store(mean_row + i, Family::mean(load(head_row + i)));
      if (i < cols) {
        const int lanes = static_cast<int>(cols - i);
        store_partial(mean_row + i, Family::mean(load_partial(head_row + i, lanes)), lanes);
      }
      zero_padding(mean_row, cols, mean.width);
    }
  }
}

AEVB_AFTER_KERNELS
