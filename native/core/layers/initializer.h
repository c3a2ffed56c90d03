// Initial values of the parameters.
#pragma once

#include <cstddef>
#include <cstdint>

#include "spec/spec.h"

namespace aevb {

// Of a dense layer with `in` inputs and `out` units, weight[out, in] row-major and bias[out]:
//   pytorch         both U(−1/√in, 1/√in), what torch.nn.Linear does
//   glorotUniform   U(−√(6/(in + out)), …)    glorotNormal  N(0, 2/(in + out))   (Glorot and Bengio 2010)
//   heUniform       U(−√(6/in), …)            heNormal      N(0, 2/in)           (He et al. 2015)
// and zero biases but for pytorch. Drawn with Purpose::initialize; `tensor` is the weight's place in the parameter
// table, the bias's is one more.
void initialize_dense(float* weight, float* bias, std::size_t in, std::size_t out, Initializer initializer,
                      std::uint64_t seed, std::uint32_t tensor);

}  // namespace aevb
