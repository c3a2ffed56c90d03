// The order of work in a training step, worked out once for a model and its training options.
//
// Rows go through the model in moves: each layer forward, the draw of z, the loss, each layer back. Tasks take some
// rows each through as many moves as they can without knowing of the other rows; then comes a barrier. The gradients of
// the tensors, which sum over all rows, follow in tiles.
//
//   plain                 rows (all moves) · tiles (gradient, update)
//   a coupling at move k  rows (moves before k, and the tasks' parts of k) · finish k · rows (k and on) · ...
//   clipping by norm      ... tiles (gradient, squares) · norm · tiles (update)
//   several processes     ... tiles (gradient) · reduce · [tiles (squares) · norm] · tiles (update)
#pragma once

#include <cstddef>
#include <vector>

#include "layers/layer.h"
#include "model/layout.h"
#include "spec/spec.h"

namespace aevb {

struct Move {
  enum class Stage {
    load,      // gathers rows and draws the noise
    encoder,   // a layer
    latent,    // forward: the heads of q(z|x) → z and its divergence; back: from dz to the heads
    coupling,  // what the objective makes of the whole batch (train/coupling.h)
    decoder,   // a layer
    loss,      // −log p(x|z) and its gradient
  };
  Stage stage = Stage::load;
  Direction direction = Direction::forward;
  std::size_t node = 0;  // of encoder or decoder

  friend bool operator==(const Move&, const Move&) = default;
};

struct Phase {
  enum class Kind {
    rows,    // each task: the moves [begin, end), and its part of the move `end` if `partial`
    finish,  // on one thread: what the parts of the move `begin` come to
    tiles,   // each tile: what `gradient`, `clip` (by value), `squares` and `update` say
    reduce,  // gradients are summed over all processes
    norm,    // the factor that clips the gradient by its norm
  };
  Kind kind = Kind::rows;
  std::size_t begin = 0, end = 0;
  bool partial = false;
  bool gradient = false, clip = false, squares = false, update = false;

  friend bool operator==(const Phase&, const Phase&) = default;
};

// A barrier ends every phase.
struct Plan {
  std::vector<Move> moves;
  std::vector<Phase> passes;   // until the loss of the batch and the gradient of every layer's output are known
  std::vector<Phase> updates;  // from there to the new parameters
};

Plan make_plan(const ModelLayout& layout, const TrainSpec& train, std::size_t processes);

}  // namespace aevb
