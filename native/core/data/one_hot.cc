#include "data/one_hot.h"

#include <algorithm>
#include <limits>

namespace aevb {
namespace {

// The columns [first, first + count) of one row, run by run within the panels.
void fill_columns(Panels out, std::size_t row, std::size_t first, std::size_t count, float value) {
  while (count > 0) {
    const std::size_t run = std::min(count, out.width - first % out.width);
    std::fill_n(&out.at(row, first), run, value);
    first += run;
    count -= run;
  }
}

}  // namespace

void one_hot(Panels out, std::size_t first, ConstPanels codes, const std::vector<std::size_t>& classes, std::size_t R,
             std::size_t repeat) {
  for (std::size_t r = 0; r < R; ++r) {
    std::size_t column = first;
    for (std::size_t v = 0; v < classes.size(); ++v) {
      const float code = codes.at(r / repeat, v);
      const bool in_range = code >= 0.0f && code < static_cast<float>(classes[v]);
      const std::size_t number = in_range ? static_cast<std::size_t>(code) : 0;
      if (in_range && static_cast<float>(number) == code) {
        fill_columns(out, r, column, classes[v], 0.0f);
        out.at(r, column + number) = 1.0f;
      } else {
        fill_columns(out, r, column, classes[v], std::numeric_limits<float>::quiet_NaN());
      }
      column += classes[v];
    }
  }
}

}  // namespace aevb
