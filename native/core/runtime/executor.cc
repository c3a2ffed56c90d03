#include "runtime/executor.h"

#include <algorithm>
#include <deque>
#include <set>
#include <thread>
#include <utility>
#include <vector>

namespace aevb {

struct TaskQueue : std::enable_shared_from_this<TaskQueue> {
  // On a worker's thread: runs tasks until none is waiting, or until others wait for the thread.
  void turn(Worker& worker);
  void run(Task& task, Worker& worker);
  void run_waiting_readers(Worker& worker);
  // Takes the first waiting task, which must exist; the mutex is held.
  std::shared_ptr<Task> take();
  // Cancels the running tasks and removes the others.
  std::deque<std::shared_ptr<Task>> halt();

  std::mutex mutex;
  std::condition_variable rests;
  std::deque<std::shared_ptr<Task>> waiting;
  std::atomic<std::size_t> waiting_count{0};
  // The running tasks: possibly one that trains, and a reader between two of its steps.
  std::vector<std::shared_ptr<Task>> running;
  bool scheduled = false;  // a worker runs the queue, or will
  bool stopped = false;
};

namespace {

// All executors of the process, for stopping them at its end. Never destroyed, because threads may outlive static
// objects.
struct Registry {
  std::mutex mutex;
  std::set<std::shared_ptr<TaskQueue>> all;

  static Registry& shared() {
    static auto* instance = new Registry;
    return *instance;
  }
};

}  // namespace

Executor::Executor() : queue_(std::make_shared<TaskQueue>()) {
  auto& registry = Registry::shared();
  const std::lock_guard lock(registry.mutex);
  registry.all.insert(queue_);
}

Executor::~Executor() {
  {
    auto& registry = Registry::shared();
    const std::lock_guard lock(registry.mutex);
    registry.all.erase(queue_);
  }
  stop();
}

void Executor::submit(std::shared_ptr<Task> task) {
  TaskQueue& queue = *queue_;
  Task* const added = task.get();
  {
    const std::lock_guard lock(queue.mutex);
    if (queue.stopped) return;
    queue.waiting.push_back(std::move(task));
    queue.waiting_count.store(queue.waiting.size());
    if (std::exchange(queue.scheduled, true)) return;
  }
  // With the mutex released, because the worker locks it first.
  try {
    Workers::shared().run([shared = queue_](Worker& worker) { shared->turn(worker); });
  } catch (...) {
    const std::lock_guard lock(queue.mutex);
    queue.scheduled = false;
    std::erase_if(queue.waiting, [added](const auto& waiting) { return waiting.get() == added; });
    queue.waiting_count.store(queue.waiting.size());
    throw;
  }
}

void Executor::cancel_all() {
  const std::lock_guard lock(queue_->mutex);
  for (const auto& task : queue_->running) task->cancel();
  for (const auto& task : queue_->waiting) task->cancel();
}

std::deque<std::shared_ptr<Task>> TaskQueue::halt() {
  const std::lock_guard lock(mutex);
  stopped = true;
  for (const auto& task : running) task->cancel();
  waiting_count.store(0);
  return std::exchange(waiting, {});
}

void Executor::stop() {
  for (const auto& task : queue_->halt()) task->drop();
  std::unique_lock lock(queue_->mutex);
  queue_->rests.wait(lock, [this] { return queue_->running.empty(); });
}

void Executor::stop_all(std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  auto& registry = Registry::shared();
  const std::lock_guard lock(registry.mutex);
  for (const auto& queue : registry.all) {
    for (const auto& task : queue->halt()) task->drop();
  }
  for (const auto& queue : registry.all) {
    std::unique_lock own(queue->mutex);
    queue->rests.wait_until(own, end, [&] { return queue->running.empty(); });
  }
}

std::shared_ptr<Task> TaskQueue::take() {
  std::shared_ptr<Task> task = std::move(waiting.front());
  waiting.pop_front();
  waiting_count.store(waiting.size());
  running.push_back(task);
  return task;
}

void TaskQueue::turn(Worker& worker) {
  for (;;) {
    std::shared_ptr<Task> task;
    {
      const std::lock_guard lock(mutex);
      if (waiting.empty()) {
        scheduled = false;
        return;
      }
      task = take();
    }
    run(*task, worker);
    Workers::Work rest = [self = shared_from_this()](Worker& next) { self->turn(next); };
    if (Workers::shared().yield(rest)) return;
  }
}

void TaskQueue::run(Task& task, Worker& worker) {
  task.worker_ = &worker;
  task.queue_ = this;
  std::exception_ptr error;
  try {
    task.work(task);
  } catch (...) {
    error = std::current_exception();
  }
  const auto done = std::exchange(task.done, nullptr);
  task.drop();
  {
    const std::lock_guard lock(mutex);
    running.pop_back();
    // Under the mutex, because the waiting thread may destroy the executor (but this is shared).
    if (running.empty()) rests.notify_all();
  }
  if (done) done(error);
}

void TaskQueue::run_waiting_readers(Worker& worker) {
  for (std::size_t turns = waiting_count.load(std::memory_order_relaxed); turns > 0; --turns) {
    std::shared_ptr<Task> task;
    {
      const std::lock_guard lock(mutex);
      if (waiting.empty() || !waiting.front()->reads_only) return;
      task = take();
    }
    const Worker::Exclusive pool(worker);
    run(*task, worker);
  }
}

void Task::run_waiting_readers() { queue_->run_waiting_readers(*worker_); }

}  // namespace aevb
