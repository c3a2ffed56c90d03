// How exactly matrix products are computed.
#pragma once

namespace aevb {

enum class Precision {
  float32,
  bfloat16,  // factors rounded to bfloat16 (8 bits of significand, to the nearest, ties to even), sums in float32
};

}  // namespace aevb
