#include "math/missing.h"

#include <cmath>

namespace aevb {

void find_missing(Panels present, Panels x, std::size_t R, std::size_t C) {
  for (std::size_t r = 0; r < R; ++r) {
    for (std::size_t c = 0; c < C; ++c) {
      float& value = x.at(r, c);
      const bool missing = std::isnan(value);
      present.at(r, c) = missing ? 0.0f : 1.0f;
      if (missing) value = 0.0f;
    }
  }
}

void fill_missing(Panels x, std::size_t first, ConstPanels present, float value, std::size_t R, std::size_t C,
                  std::size_t L) {
  for (std::size_t r = 0; r < R; ++r) {
    for (std::size_t c = 0; c < C; ++c) {
      if (present.at(r, c) != 0.0f) continue;
      for (std::size_t l = 0; l < L; ++l) x.at(r * L + l, first + c) = value;
    }
  }
}

void fill_missing_classes(Panels x, std::size_t first, ConstPanels present, const std::vector<std::size_t>& classes,
                          float one, float other, std::size_t R, std::size_t L) {
  for (std::size_t r = 0; r < R; ++r) {
    std::size_t column = first;
    for (std::size_t v = 0; v < classes.size(); column += classes[v++]) {
      if (present.at(r, v) != 0.0f) continue;
      for (std::size_t l = 0; l < L; ++l) {
        for (std::size_t k = 0; k < classes[v]; ++k) x.at(r * L + l, column + k) = k == 0 ? one : other;
      }
    }
  }
}

}  // namespace aevb
