// The threads of the process that do the jobs of all models. A model has none of its own: whoever has work borrows a
// thread, and gives it back. So many models do not mean many threads.
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

// A thread of the process, as the work that it does sees it.
class Worker {
 public:
  // A pool of `threads`, this one included, kept for the next work that asks for as many. Fewer where the process has
  // MOST_HELPERS already, or the system gives no more: results do not depend on how many there are. Within an
  // Exclusive, the pool that was asked for last, for somebody is using it.
  ThreadPool& pool(std::size_t threads);

  // Holds the pool as it is for a while.
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
  std::function<void(Worker&)> next_;  // while it is idle: what it is to do
  std::atomic<bool> given_{false};     // whether there is that
  bool sleeps_ = false;                // whether it has to be woken
};

class Workers {
 public:
  using Work = std::function<void(Worker&)>;

  // Threads that work at once, and those that wait for work. Work beyond the first waits in a line.
  static constexpr std::size_t MOST_WORKERS = 64, MOST_IDLE = 4;

  // The one set of the process. Never destroyed, because threads may outlive static objects.
  static Workers& shared();

  // Does the work on a thread, at once or when one is free; it must not throw. Throws std::system_error where there is
  // no thread at all, and none can be had.
  void run(Work work);
  // From within work that could go on: puts it at the end of the line where others wait, and returns whether it did.
  bool yield(Work& work);

  std::size_t count();
  std::size_t idle();

 private:
  void loop(Work first);
  // The next work of this worker; none if it is to end.
  Work next(const std::shared_ptr<Worker>& worker);

  std::mutex mutex_;
  std::size_t count_ = 0;
  std::vector<std::shared_ptr<Worker>> idle_;  // the one that worked last is the last
  std::deque<Work> line_;
};

// Threads beside the workers that all pools together may have.
std::size_t most_helpers();

}  // namespace aevb
