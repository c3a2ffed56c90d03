// How training ends if it goes wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>

#include "model/scaling.h"

namespace aevb {

// The loss or a parameter stopped being finite. The model is as it was at the beginning of this epoch; or, if already
// its first loss is not finite, of the one before, whose last update did it. Never before the fit began.
class Diverged : public std::runtime_error {
 public:
  Diverged(std::uint64_t epoch, std::size_t step, std::optional<FarCell> cell)
      : std::runtime_error("the loss is not finite"), epoch(epoch), step(step), cell(cell) {}
  std::uint64_t epoch;          // from 1, over the model's life
  std::size_t step;             // from 1, within the epoch
  std::optional<FarCell> cell;  // of the step's rows: what may have done it
};

}  // namespace aevb
