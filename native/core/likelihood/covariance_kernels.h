// Functions that the Gaussian likelihoods with a covariance share: distances and log-variances with rows in lanes.
// Included after math/row_lanes.h and likelihood/dispersion_kernels.h, once for each target, hence no include guard
// here.

AEVB_BEFORE_KERNELS

struct VarianceLanes {
  RowLanes log_variance;  // bounded
  RowLanes chain;         // its derivative by the raw one; 1 if it is shared
};

// Loads `count` features from `first` on. The chain of raw log-variances is computed only if BACKWARD.
template <bool BACKWARD>
AEVB_INLINE void load_variances(VarianceLanes* to, const LogDispersion& from, const LaneRows& rows, std::size_t first,
                                std::size_t count) {
  if (from.shared != nullptr) {
    for (std::size_t i = 0; i < count; ++i) {
      to->log_variance.column[i] = set(from.shared[first + i]);
      to->chain.column[i] = set(1.0f);
    }
    return;
  }
  const Bounds bounds = bounds_of(static_cast<float>(from.min), static_cast<float>(from.max));
  load_row_lanes(&to->log_variance, from.raw, rows, column_at(first, from.raw.width), count);
  for (std::size_t begin = 0; begin < count; begin += CHUNK) {
    const std::size_t part = count - begin < CHUNK ? count - begin : CHUNK;
    float raw[CHUNK * F32::size];
    for (std::size_t i = 0; i < part; ++i) store(raw + i * F32::size, to->log_variance.column[begin + i]);
    DatumChunk chunk;
    bound_chunk<BACKWARD>(&chunk, {raw, 0, F32::size}, bounds, part, F32::size);
    for (std::size_t i = 0; i < part; ++i) {
      to->log_variance.column[begin + i] = chunk.log_spread[i];
      if constexpr (BACKWARD) to->chain.column[begin + i] = chunk.chain[i];
    }
  }
}

// to[count] = x − mean of `count` features from `first` on.
AEVB_INLINE void load_distances(F32* to, ConstPanels mean, ConstPanels x, const LaneRows& rows, const LaneRows& data,
                                std::size_t first, std::size_t count) {
  RowLanes means, targets;
  load_row_lanes(&means, mean, rows, column_at(first, mean.width), count);
  load_row_lanes(&targets, x, data, column_at(first, x.width), count);
  for (std::size_t i = 0; i < count; ++i) to[i] = targets.column[i] - means.column[i];
}

// Writes zeros after the first `cols` columns of every row.
AEVB_INLINE void zero_behind(Panels matrix, std::size_t rows, std::size_t cols) {
  const Column behind = column_at(cols, matrix.width);
  for (std::size_t r = 0; behind.col > 0 && r < rows; ++r) {
    zero_padding(row_of(matrix, behind.panel, r), behind.col, matrix.width);
  }
}

AEVB_AFTER_KERNELS
