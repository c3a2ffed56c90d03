// The networks of a model in their plainest form: double, images as PyTorch lays them out, [rows, channels, depth,
// height, width], and parameters with the names of the model's table. As in training: batch statistics and dropout.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "reference/layers.h"
#include "spec/spec.h"

namespace aevb::reference {

// [left | right], a row of right for every `repeat` rows of left.
Vector beside(const Vector& left, const Vector& right, std::size_t rows, std::size_t repeat);

// What the encoder makes of input [B, D] and condition [B, C], one row of numbers for each row of data.
Vector encode_rows(const ModelSpec& spec, const Parameters& parameters, const Vector& input, const Vector& condition,
                   std::size_t B, std::uint32_t step);

// Columns [first, first + count) of all[rows, width].
Vector columns(const Vector& all, std::size_t rows, std::size_t first, std::size_t count);

// What the tensors of a part of the likelihood begin with.
std::string part_name(const ModelSpec& spec, std::size_t part);

// What the likelihood's heads make of z [B L, Z] and condition [B, C]: one matrix for each head, in the data's order.
std::vector<Vector> decode_rows(const ModelSpec& spec, const Parameters& parameters, const Vector& z,
                                const Vector& condition, std::size_t B, std::size_t L, std::uint32_t step);

}  // namespace aevb::reference
