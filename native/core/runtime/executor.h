// Work that is done in order, one piece after the other, on a thread that is borrowed from Workers while there is any.
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>

#include "runtime/workers.h"

namespace aevb {

struct TaskQueue;

class Task {
 public:
  // On a worker's thread; may throw.
  std::function<void(Task&)> work;
  // There afterwards, with what `work` threw; `work` and all that it held have gone by then. Must not throw. Not called
  // of a task that was dropped before it began.
  std::function<void(const std::exception_ptr&)> done;
  // A task that only reads may run between two steps of one that trains.
  bool reads_only = true;

  const std::atomic<bool>& cancelled() const { return cancelled_; }
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }

  // From within `work`. A pool that `work` uses while it lets readers run stays theirs too.
  Worker& worker() { return *worker_; }
  // Runs the tasks that wait now and only read, up to the first that does more. Those that come meanwhile wait for the
  // next time, so that the caller gets its turn too.
  void run_waiting_readers();

 private:
  friend class Executor;
  friend struct TaskQueue;
  // Others may hold the task, but not what it held.
  void drop() { work = nullptr, done = nullptr; }

  std::atomic<bool> cancelled_{false};
  Worker* worker_ = nullptr;
  TaskQueue* queue_ = nullptr;
};

class Executor {
 public:
  Executor();
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Throws std::system_error where no thread can be had: the task is then as if never passed.
  void submit(std::shared_ptr<Task> task);
  // Tells all tasks, running and waiting, to stop.
  void cancel_all();
  // Drops the waiting tasks, with what they hold, tells those that run to stop, and waits until they have. For good.
  void stop();

  // For the end of the process: stops all executors of the process, but waits no longer than this.
  static void stop_all(std::chrono::milliseconds patience);

 private:
  std::shared_ptr<TaskQueue> queue_;  // shared with the worker that is at it
};

}  // namespace aevb
