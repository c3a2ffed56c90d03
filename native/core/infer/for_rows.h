// How inference cuts its rows into tasks.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "infer/inference.h"
#include "model/workspace.h"
#include "runtime/cancelled.h"

namespace aevb {

inline constexpr std::size_t ROWS_PER_TASK = 64;

// What for_rows takes on so many threads: a workspace for each that has a task.
inline double for_rows_bytes(const Model& model, std::size_t rows, std::size_t rows_per_task, std::size_t draws,
                             bool gradients, std::size_t threads) {
  const std::size_t tasks = (rows + rows_per_task - 1) / rows_per_task;
  return static_cast<double>(std::min(tasks, threads)) *
         Workspace::bytes(model, {.rows = std::min(rows, rows_per_task), .draws = draws, .gradients = gradients});
}

// Calls body(workspace, first, count) for ranges of at most `rows_per_task` rows, each worker with a workspace of
// its own that holds one range. Throws Cancelled if the work was cancelled.
template <typename Body>
void for_rows(const Inference& inference, const Model& model, std::size_t rows, std::size_t rows_per_task,
              std::size_t draws, bool gradients, Body body) {
  const std::size_t tasks = (rows + rows_per_task - 1) / rows_per_task;
  const Workspace::Size size{.rows = std::min(rows, rows_per_task), .draws = draws, .gradients = gradients};
  std::vector<std::unique_ptr<Workspace>> workspaces;
  for (std::size_t i = 0; i < std::min(tasks, inference.pool.threads()); ++i) {
    workspaces.push_back(std::make_unique<Workspace>(model, size));
  }
  // Workers are numbered from 0, but which of them come is not known if tasks are fewer than workers.
  std::atomic<std::size_t> taken{0};
  std::vector<Workspace*> of_worker(inference.pool.threads(), nullptr);
  inference.pool.run(tasks, [&](std::size_t task, std::size_t worker) {
    if (inference.cancelled.load(std::memory_order_relaxed)) return;
    if (of_worker[worker] == nullptr) of_worker[worker] = workspaces[taken.fetch_add(1)].get();
    const std::size_t first = task * rows_per_task;
    body(*of_worker[worker], first, std::min(rows_per_task, rows - first));
  });
  if (inference.cancelled.load(std::memory_order_relaxed)) throw Cancelled();
}

}  // namespace aevb
