// Functions that the Gaussian and the Laplace likelihood share. Both have a location and a dispersion. All rows share
// the dispersion, or the decoder outputs it for each datum and feature. Included after math/vector_math.h and
// likelihood/log_dispersion.h, once for each target, hence no include guard here.
//
// A family is a struct of functions of vectors. `difference` is mean − x, and `inverse` is e^−log(dispersion):
//   F32 constant(F32 log_dispersion)                                  the part of a term without the difference
//   F32 slope(F32 difference, F32 inverse)                            ∂/∂mean of a term
//   F32 loss(F32 difference, F32 slope, F32 inverse, F32 constant)    the term
//   F32 spread(F32 difference, F32 slope, F32 inverse)                ∂/∂log(dispersion) of a term

AEVB_BEFORE_KERNELS

// Rows that share one computation of e^−log(dispersion), and whose sums are kept over all panels.
constexpr std::size_t BLOCK_ROWS = 16;

// The value if the cell is present, else 0.
template <bool MASKED>
AEVB_INLINE F32 keep_present(F32 value, F32 present) {
  if constexpr (MASKED) return select(less(zero(), present), value, zero());
  return value;
}

// Columns i to i + lanes of every row of a block. `first` and `datum[r]` are rows of the decoder's output and of x.
template <typename Family, bool BACKWARD, bool SPREAD, bool MASKED, bool WHOLE>
AEVB_INLINE void shared_column(RowSum* row, Panels dmean, Panels dspread, ConstPanels mean, const float* log_dispersion,
                               ConstPanels x, ConstPanels present, F32 scale, std::size_t panel, std::size_t first,
                               const std::size_t* datum, std::size_t rows, std::size_t i, int lanes) {
  const F32 log_spread = load_lanes<WHOLE>(log_dispersion + panel * mean.width + i, lanes);
  const F32 inverse = exp(-log_spread);
  const F32 constant = Family::constant(log_spread);
  for (std::size_t r = 0; r < rows; ++r) {
    const F32 difference = load_lanes<WHOLE>(row_of(mean, panel, first + r) + i, lanes) -
                           load_lanes<WHOLE>(row_of(x, panel, datum[r]) + i, lanes);
    const F32 slope = Family::slope(difference, inverse);
    const F32 here = MASKED ? load_lanes<WHOLE>(row_of(present, panel, datum[r]) + i, lanes) : zero();
    const F32 loss = keep_present<MASKED>(Family::loss(difference, slope, inverse, constant), here);
    row[r].lanes = row[r].lanes + keep_lanes<WHOLE>(loss, zero(), lanes);
    if constexpr (BACKWARD)
      store_lanes<WHOLE>(row_of(dmean, panel, first + r) + i, keep_present<MASKED>(scale * slope, here), lanes);
    if constexpr (SPREAD) {
      store_lanes<WHOLE>(row_of(dspread, panel, first + r) + i,
                         keep_present<MASKED>(scale * Family::spread(difference, slope, inverse), here), lanes);
    }
  }
}

// The order in which a row is summed depends only on D and the panels' width.
// SPREAD: dspread[B L, D] becomes scale times ∂/∂log(dispersion) of each term.
template <typename Family, bool BACKWARD, bool SPREAD, bool MASKED>
static void shared_terms(double* loss, Panels dmean, Panels dspread, ConstPanels mean, const float* log_dispersion,
                         ConstPanels x, ConstPanels present, float scale, std::size_t B, std::size_t L, std::size_t D) {
  for (std::size_t first = 0; first < B * L; first += BLOCK_ROWS) {
    const std::size_t rows = B * L - first < BLOCK_ROWS ? B * L - first : BLOCK_ROWS;
    RowSum row[BLOCK_ROWS];
    std::size_t datum[BLOCK_ROWS];
    for (std::size_t r = 0; r < rows; ++r) {
      row[r] = {zero(), 0.0};
      datum[r] = (first + r) / L;
    }
    std::size_t terms = 0;
    for (std::size_t p = 0; p < panel_count(D, mean.width); ++p) {
      const std::size_t cols = cols_in_panel(D, p, mean.width);
      for (std::size_t i = 0; i < cols; i += F32::size) {
        if (++terms > MOST_TERMS) {
          empty_lanes(row, rows);
          terms = 1;
        }
        if (i + F32::size <= cols) {
          shared_column<Family, BACKWARD, SPREAD, MASKED, true>(row, dmean, dspread, mean, log_dispersion, x, present,
                                                                set(scale), p, first, datum, rows, i, F32::size);
        } else {
          shared_column<Family, BACKWARD, SPREAD, MASKED, false>(row, dmean, dspread, mean, log_dispersion, x, present,
                                                                 set(scale), p, first, datum, rows, i,
                                                                 static_cast<int>(cols - i));
        }
      }
      if constexpr (BACKWARD) {
        for (std::size_t r = 0; r < rows; ++r) zero_padding(row_of(dmean, p, first + r), cols, dmean.width);
      }
      if constexpr (SPREAD) {
        for (std::size_t r = 0; r < rows; ++r) zero_padding(row_of(dspread, p, first + r), cols, dspread.width);
      }
    }
    empty_lanes(row, rows);
    for (std::size_t r = 0; r < rows; ++r) loss[first + r] = row[r].total;
  }
}

// present: see LikelihoodHeads in likelihood/kind.h.
template <typename Family, bool BACKWARD, bool SPREAD>
static void shared_loss(double* loss, Panels dmean, Panels dspread, ConstPanels mean, const float* log_dispersion,
                        ConstPanels x, ConstPanels present, float scale, std::size_t B, std::size_t L, std::size_t D) {
  if (present.data == nullptr) {
    shared_terms<Family, BACKWARD, SPREAD, false>(loss, dmean, dspread, mean, log_dispersion, x, present, scale, B, L,
                                                  D);
  } else {
    shared_terms<Family, BACKWARD, SPREAD, true>(loss, dmean, dspread, mean, log_dispersion, x, present, scale, B, L,
                                                 D);
  }
}

// Vectors that are processed together. From a raw log-dispersion to its exponential each operation waits for the one
// before, through three exponentials and two logarithms. If many vectors go through each step together, their waits
// overlap.
constexpr std::size_t CHUNK = 12;

// Constants of soft_bound().
struct Bounds {
  F32 min, max, shrink;
};

AEVB_INLINE Bounds bounds_of(float min, float max) {
  const double shrink = soft_bound_shrink(static_cast<double>(min), static_cast<double>(max));
  return {set(min), set(max), set(static_cast<float>(shrink))};
}

struct DatumChunk {
  F32 log_spread[CHUNK];  // bounded
  F32 chain[CHUNK];       // its derivative by the raw log-dispersion
};

// soft_bound() and soft_bound_derivative() of likelihood/log_dispersion.h for `rows` × `cols`, each row in whole
// vectors. Lanes that are not columns hold any finite value.
template <bool BACKWARD>
AEVB_INLINE void bound_chunk(DatumChunk* chunk, ConstPanels raw, const Bounds& bounds, std::size_t rows,
                             std::size_t cols) {
  const F32 min = bounds.min, max = bounds.max;
  F32 below_max[CHUNK], above_min[CHUNK], decays[CHUNK];
  std::size_t count = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t i = 0; i < cols; i += F32::size) {
      const float* from = raw.data + r * raw.width + i;
      const F32 v = cols - i < F32::size ? load_partial(from, static_cast<int>(cols - i)) : load(from);
      below_max[count++] = max - v;
    }
  }
  for (std::size_t k = 0; k < count; ++k) decays[k] = exp_minus(abs(below_max[k]));
  for (std::size_t k = 0; k < count; ++k) {
    above_min[k] = max - softplus_of_decay(below_max[k], decays[k]) - min;
    if constexpr (BACKWARD) chunk->chain[k] = sigmoid_of_decay(below_max[k], decays[k]);
  }
  for (std::size_t k = 0; k < count; ++k) decays[k] = exp_minus(abs(above_min[k]));
  for (std::size_t k = 0; k < count; ++k) {
    const F32 bounded = min + bounds.shrink * softplus_of_decay(above_min[k], decays[k]);
    chunk->log_spread[k] = select(less(max, bounded), max, bounded);  // NaN stays NaN
    if constexpr (BACKWARD) {
      chunk->chain[k] = bounds.shrink * (chunk->chain[k] * sigmoid_of_decay(above_min[k], decays[k]));
    }
  }
}

// One vector of one row. dmean may be mean.
template <typename Family, bool BACKWARD, bool MASKED, bool WHOLE>
AEVB_INLINE F32 datum_vector(float* dmean, float* d_raw, const float* mean, const float* x, const float* present,
                             F32 log_spread, const F32* chain, F32 scale, int lanes) {
  const F32 difference = load_lanes<WHOLE>(mean, lanes) - load_lanes<WHOLE>(x, lanes);
  const F32 inverse = exp(-log_spread);
  const F32 slope = Family::slope(difference, inverse);
  const F32 here = MASKED ? load_lanes<WHOLE>(present, lanes) : zero();
  if constexpr (BACKWARD) {
    store_lanes<WHOLE>(dmean, keep_present<MASKED>(scale * slope, here), lanes);
    store_lanes<WHOLE>(d_raw, keep_present<MASKED>(scale * (*chain * Family::spread(difference, slope, inverse)), here),
                       lanes);
  }
  const F32 loss = keep_present<MASKED>(Family::loss(difference, slope, inverse, Family::constant(log_spread)), here);
  return keep_lanes<WHOLE>(loss, zero(), lanes);
}

// `rows` × `cols` within one panel, in at most CHUNK vectors; adds each row's loss. All panels begin at the first
// column, and at the first row except x and present, whose rows are datum[r].
template <typename Family, bool BACKWARD, bool MASKED>
AEVB_INLINE void datum_chunk(RowSum* sums, Panels dmean, Panels d_raw, ConstPanels mean, ConstPanels raw,
                             const Bounds& bounds, ConstPanels x, ConstPanels present, const std::size_t* datum,
                             F32 scale, std::size_t rows, std::size_t cols) {
  DatumChunk chunk;
  bound_chunk<BACKWARD>(&chunk, raw, bounds, rows, cols);
  std::size_t k = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    float* dmean_row = BACKWARD ? dmean.data + r * dmean.width : nullptr;
    float* d_raw_row = BACKWARD ? d_raw.data + r * d_raw.width : nullptr;
    const float* mean_row = mean.data + r * mean.width;
    const float* x_row = x.data + datum[r] * x.width;
    const float* present_row = MASKED ? present.data + datum[r] * present.width : nullptr;
    F32 sum = sums[r].lanes;
    std::size_t i = 0;
    for (; i + F32::size <= cols; i += F32::size, ++k) {
      sum = sum + datum_vector<Family, BACKWARD, MASKED, true>(
                      BACKWARD ? dmean_row + i : nullptr, BACKWARD ? d_raw_row + i : nullptr, mean_row + i, x_row + i,
                      MASKED ? present_row + i : nullptr, chunk.log_spread[k], &chunk.chain[k], scale, F32::size);
    }
    if (i < cols) {
      sum = sum + datum_vector<Family, BACKWARD, MASKED, false>(
                      BACKWARD ? dmean_row + i : nullptr, BACKWARD ? d_raw_row + i : nullptr, mean_row + i, x_row + i,
                      MASKED ? present_row + i : nullptr, chunk.log_spread[k], &chunk.chain[k], scale,
                      static_cast<int>(cols - i));
      ++k;
    }
    sums[r].lanes = sum;
  }
}

AEVB_INLINE Panels corner(Panels matrix, std::size_t panel, std::size_t row, std::size_t col) {
  return {row_of(matrix, panel, row) + col, matrix.stride, matrix.width};
}
AEVB_INLINE ConstPanels corner(ConstPanels matrix, std::size_t panel, std::size_t row, std::size_t col) {
  return {row_of(matrix, panel, row) + col, matrix.stride, matrix.width};
}

template <typename Family, bool BACKWARD, bool MASKED>
static void datum_terms(double* loss, Panels dmean, Panels d_raw, ConstPanels mean, ConstPanels raw, float min,
                        float max, ConstPanels x, ConstPanels present, float scale, std::size_t B, std::size_t L,
                        std::size_t D) {
  const Bounds bounds = bounds_of(min, max);
  constexpr std::size_t RUN = CHUNK * F32::size;
  for (std::size_t r = 0; r < B * L; ++r) loss[r] = 0.0;
  for (std::size_t p = 0; p < panel_count(D, mean.width); ++p) {
    const std::size_t cols = cols_in_panel(D, p, mean.width);
    const std::size_t row_vectors = (cols + F32::size - 1) / F32::size;
    const std::size_t block = row_vectors < CHUNK ? CHUNK / row_vectors : 1;
    for (std::size_t first = 0; first < B * L; first += block) {
      const std::size_t rows = B * L - first < block ? B * L - first : block;
      RowSum sums[CHUNK];
      std::size_t datum[CHUNK];
      for (std::size_t r = 0; r < rows; ++r) {
        sums[r] = {zero(), 0.0};
        datum[r] = (first + r) / L;
      }
      for (std::size_t begin = 0; begin < cols; begin += RUN) {
        if (begin % (MOST_TERMS / CHUNK * RUN) == 0) empty_lanes(sums, rows);
        datum_chunk<Family, BACKWARD, MASKED>(sums, BACKWARD ? corner(dmean, p, first, begin) : Panels{},
                                              BACKWARD ? corner(d_raw, p, first, begin) : Panels{},
                                              corner(mean, p, first, begin), corner(raw, p, first, begin), bounds,
                                              corner(x, p, 0, begin),
                                              MASKED ? corner(present, p, 0, begin) : ConstPanels{}, datum, set(scale),
                                              rows, cols - begin < RUN ? cols - begin : RUN);
      }
      empty_lanes(sums, rows);
      for (std::size_t r = 0; r < rows; ++r) {
        loss[first + r] += sums[r].total;
        if constexpr (BACKWARD) {
          zero_padding(row_of(dmean, p, first + r), cols, dmean.width);
          zero_padding(row_of(d_raw, p, first + r), cols, d_raw.width);
        }
      }
    }
  }
}

template <typename Family, bool BACKWARD>
static void datum_loss(double* loss, Panels dmean, Panels d_raw, ConstPanels mean, ConstPanels raw, float min,
                       float max, ConstPanels x, ConstPanels present, float scale, std::size_t B, std::size_t L,
                       std::size_t D) {
  if (present.data == nullptr) {
    datum_terms<Family, BACKWARD, false>(loss, dmean, d_raw, mean, raw, min, max, x, present, scale, B, L, D);
  } else {
    datum_terms<Family, BACKWARD, true>(loss, dmean, d_raw, mean, raw, min, max, x, present, scale, B, L, D);
  }
}

AEVB_AFTER_KERNELS
