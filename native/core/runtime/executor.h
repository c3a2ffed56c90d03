// Runs tasks in order, one after the other, on a thread that is borrowed from Workers while tasks are waiting.
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
  // Called after `work`, with the exception that it threw; `work` and its captures have been destroyed by then.
  // Must not throw. Not called for a task that was dropped before it began.
  std::function<void(const std::exception_ptr&)> done;
  // A task that only reads may run between two steps of one that trains.
  bool reads_only = true;

  const std::atomic<bool>& cancelled() const { return cancelled_; }
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }

  // Call it from within `work`. A pool that `work` uses while it lets readers run remains reserved for it.
  Worker& worker() { return *worker_; }
  // Runs the waiting tasks that only read, up to the first that does more. Tasks that arrive meanwhile wait for
  // the next call, so that the caller also makes progress.
  void run_waiting_readers();

 private:
  friend class Executor;
  friend struct TaskQueue;
  // Others may hold the task, but not its captures.
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

  // Throws std::system_error if no thread can be started: the task is then not queued.
  void submit(std::shared_ptr<Task> task);
  // Cancels all tasks, running and waiting.
  void cancel_all();
  // Drops the waiting tasks with their captures, cancels the running ones, and waits until they have ended.
  // Permanent.
  void stop();

  // For the end of the process: stops all executors of the process, but waits no longer than this.
  static void stop_all(std::chrono::milliseconds patience);

 private:
  std::shared_ptr<TaskQueue> queue_;  // shared with the worker that runs it
};

}  // namespace aevb
