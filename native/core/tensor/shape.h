// The shape of one row that a layer reads or writes: channels at each of some positions.
#pragma once

#include <cstddef>

namespace aevb {

// A dense layer has one position. A picture has depth 1, a signal depth and height 1.
struct Shape {
  std::size_t channels = 1, depth = 1, height = 1, width = 1;

  std::size_t positions() const { return depth * height * width; }
  std::size_t elements() const { return channels * positions(); }
  friend bool operator==(const Shape&, const Shape&) = default;
};

// A matrix of a value has a row for each position of each row of data: position p of row r is row r · positions + p,
// and its columns are the channels. Positions are numbered with the width fastest.

// Rows [first, first + count) of a batch, which one task works on. `task` is the index of the task's own memory; it
// is below the number of tasks that the memory was made for.
struct Rows {
  std::size_t first = 0, count = 0, task = 0;
  bool begins = true;  // whether these are the first rows of the task in this batch

  // The same rows if each stands for `times` rows.
  Rows times(std::size_t times) const { return {first * times, count * times, task, begins}; }
};

}  // namespace aevb
