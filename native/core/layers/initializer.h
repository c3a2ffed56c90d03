// Initial values of the parameters.
#pragma once

#include <cstddef>
#include <cstdint>

#include "spec/spec.h"

namespace aevb {

// in: how many inputs an output is the sum of. out: how many outputs an input is a part of.
struct Fan {
  std::size_t in = 1, out = 1;
};

// A layer's weight[weights], in the order of a file, and bias[biases]:
//   pytorch         both U(−1/√in, 1/√in), as torch.nn.Linear and the convolutions
//   glorotUniform   U(−√(6/(in + out)), …)    glorotNormal  N(0, 2/(in + out))   (Glorot and Bengio 2010)
//   heUniform       U(−√(6/in), …)            heNormal      N(0, 2/in)           (He et al. 2015)
// The biases are zero except with pytorch. The values are drawn with Purpose::initialize. `tensor` is the weight's
// index in the parameter table; the bias's index is one more.
void initialize_weight(float* weight, std::size_t weights, float* bias, std::size_t biases, Fan fan,
                       Initializer initializer, std::uint64_t seed, std::uint32_t tensor);

}  // namespace aevb
