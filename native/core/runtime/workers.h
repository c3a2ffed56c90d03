// The threads of the process, which run the jobs of all models. A model has none of its own: each job borrows a
// thread and returns it, so many models do not mean many threads.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/thread_pool.h"

namespace aevb {

// A thread of the process, as its work sees it.
class Worker {
 public:
  // A pool of `threads`, this one included, kept for the next job that requests as many. It has fewer if the
  // process has MOST_HELPERS already, or if the system gives no more: results do not depend on the number. Within
  // an Exclusive it returns the pool that was requested last, because that pool is in use.
  ThreadPool& pool(std::size_t threads);

  // Keeps the pool unchanged during its lifetime.
  class Exclusive {
   public:
    explicit Exclusive(Worker& worker) : worker_(worker), before_(worker.held_) { worker_.held_ = worker_.last_; }
    ~Exclusive() { worker_.held_ = before_; }
    Exclusive(const Exclusive&) = delete;
    Exclusive& operator=(const Exclusive&) = delete;

   private:
    Worker& worker_;
    ThreadPool* before_;
  };

  ~Worker() { drop_helpers(); }

 private:
  friend class Workers;
  void drop_helpers();

  ThreadPool alone_{1};
  std::unique_ptr<ThreadPool> team_;
  ThreadPool* last_ = &alone_;
  ThreadPool* held_ = nullptr;
  std::condition_variable wake_;
  std::function<void(Worker&)> next_;  // while it is idle: its next work
  std::atomic<bool> given_{false};     // whether next_ is set
  bool sleeps_ = false;                // whether it has to be notified
};

class Workers {
 public:
  using Work = std::function<void(Worker&)>;

  // The number of threads that work at once, and the work that waits for a thread in a queue.
  static constexpr std::size_t MOST_WORKERS = 64, MOST_IDLE = 4;

  // The one set of the process. Never destroyed, because threads may outlive static objects.
  static Workers& shared();

  // Runs the work on a thread, at once or when one is free; it must not throw. Throws std::system_error if there
  // is no thread at all and none can be started.
  void run(Work work);
  // Call it from within work that could continue: requeues it at the end if others wait, and returns whether it
  // did.
  bool yield(Work& work);

  std::size_t count();
  std::size_t idle();

 private:
  void loop(Work first);
  // The next work of this worker; none if it is to end.
  Work next(const std::shared_ptr<Worker>& worker);

  std::mutex mutex_;
  std::size_t count_ = 0;
  std::vector<std::shared_ptr<Worker>> idle_;  // the most recently used one is the last
  std::deque<Work> line_;
};

// The largest number of threads in all pools together, beside the workers.
std::size_t most_helpers();

}  // namespace aevb
