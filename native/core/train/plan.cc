#include "train/plan.h"

#include "objective/objective.h"

namespace aevb {

namespace {

using Stage = Move::Stage;

std::vector<Move> moves_of(const ModelLayout& layout) {
  std::vector<Move> moves{{Stage::load}};
  const auto add_forward = [&](Stage stage, const Network& network) {
    for (std::size_t i = 0; i < network.nodes().size(); ++i) moves.push_back({stage, Direction::forward, i});
  };
  const auto add_backward = [&](Stage stage, const Network& network) {
    for (const std::size_t i : network.backward_order()) moves.push_back({stage, Direction::backward, i});
  };
  add_forward(Stage::encoder, layout.encoder);
  moves.push_back({Stage::latent, Direction::forward});
  if (couples_rows(layout.spec.objective)) moves.push_back({Stage::coupling});
  add_forward(Stage::decoder, layout.decoder);
  moves.push_back({Stage::loss});
  add_backward(Stage::decoder, layout.decoder);
  moves.push_back({Stage::latent, Direction::backward});
  add_backward(Stage::encoder, layout.encoder);
  return moves;
}

bool couples(const ModelLayout& layout, const Move& move) {
  switch (move.stage) {
    case Stage::encoder:
      return layout.encoder.nodes()[move.node].layer->couples_rows();
    case Stage::decoder:
      return layout.decoder.nodes()[move.node].layer->couples_rows();
    case Stage::coupling:
      return true;
    default:
      return false;
  }
}

}  // namespace

Plan make_plan(const ModelLayout& layout, const TrainSpec& train, std::size_t processes) {
  Plan plan;
  plan.moves = moves_of(layout);
  std::size_t begin = 0;
  for (std::size_t i = 0; i < plan.moves.size(); ++i) {
    if (!couples(layout, plan.moves[i])) continue;
    plan.passes.push_back({.kind = Phase::Kind::rows, .begin = begin, .end = i, .partial = true});
    plan.passes.push_back({.kind = Phase::Kind::finish, .begin = i, .end = i + 1});
    begin = i;
  }
  plan.passes.push_back({.kind = Phase::Kind::rows, .begin = begin, .end = plan.moves.size()});

  const bool norm = train.clip_norm > 0.0, reduces = processes > 1, clip = train.clip_value > 0.0;
  Phase sums{.kind = Phase::Kind::tiles, .gradient = true};
  Phase rest{.kind = Phase::Kind::tiles};
  // What comes before the next barrier, if there is one, is done by the task that has just summed the gradient.
  Phase& first = reduces ? rest : sums;
  first.clip = clip;
  first.squares = norm;
  first.update = !norm;
  plan.updates.push_back(sums);
  if (reduces) {
    plan.updates.push_back({.kind = Phase::Kind::reduce});
    plan.updates.push_back(rest);
  }
  if (norm) {
    plan.updates.push_back({.kind = Phase::Kind::norm});
    plan.updates.push_back({.kind = Phase::Kind::tiles, .update = true});
  }
  return plan;
}

}  // namespace aevb
