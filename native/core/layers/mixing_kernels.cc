#include "layers/mixing_kernels.h"

#include <cstddef>
#include <cstdint>

#define AEVB_KERNEL_FILE "layers/mixing_kernels.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/simd_lanes.h"

AEVB_BEFORE_KERNELS

void mix_positions(Panels out, ConstPanels x, const MixingTerm* table, std::size_t terms, std::size_t P,
                   std::size_t C) {
  for (std::size_t p = 0; p < P; ++p, table += terms) {
    for (std::size_t c = 0; c < C;) {
      const std::size_t in_panel = c % x.width, panel = c / x.width;
      const int lanes = lanes_from(column_at(c, x.width), C - c, x.width);
      F32 sum = zero();
      for (std::size_t t = 0; t < terms; ++t) {
        sum = fma(set(table[t].weight), load_partial(row_of(x, panel, table[t].position) + in_panel, lanes), sum);
      }
      store_padded<false>(row_of(out, panel, p) + in_panel, sum, lanes, out.width - in_panel);
      c += static_cast<std::size_t>(lanes);
    }
  }
}

void mix_positions_backward(Panels dx, ConstPanels dout, const MixingTerm* table, std::size_t terms, std::size_t P,
                            std::size_t C) {
  for (std::size_t p = 0; p < P; ++p, table += terms) {
    for (std::size_t c = 0; c < C;) {
      const std::size_t in_panel = c % dx.width, panel = c / dx.width;
      const int lanes = lanes_from(column_at(c, dx.width), C - c, dx.width);
      const F32 dy = load_partial(row_of(dout, panel, p) + in_panel, lanes);
      for (std::size_t t = 0; t < terms; ++t) {
        float* to = row_of(dx, panel, table[t].position) + in_panel;
        store_partial(to, fma(set(table[t].weight), dy, load_partial(to, lanes)), lanes);
      }
      c += static_cast<std::size_t>(lanes);
    }
  }
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb {

void mix_positions(Panels out, ConstPanels x, const MixingTerm* table, std::size_t terms, std::size_t P,
                   std::size_t C) {
  AEVB_DISPATCH(mix_positions)(out, x, table, terms, P, C);
}

void mix_positions_backward(Panels dx, ConstPanels dout, const MixingTerm* table, std::size_t terms, std::size_t P,
                            std::size_t C) {
  AEVB_DISPATCH(mix_positions_backward)(dx, dout, table, terms, P, C);
}

}  // namespace aevb
#endif
