// The thread pool: it runs numbered tasks. Each thread has tasks of its own, the same in every job with as many
// tasks, so that the data it wrote in one step are in its own cache in the next. A thread that has finished its own
// tasks takes those of others.
//
// run() returns when all tasks are done. The calling thread works too, and does not wait for helpers that have not
// woken: on a busy machine it does the work itself. Helpers spin briefly between two jobs, which a training step
// needs, and then sleep. Every thread that runs tasks flushes denormals to zero: moments that decay into denormals
// would double the time of a step.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

namespace aevb {

// Flushes denormal results and operands to zero on this thread, until the end of the scope.
class FlushDenormals {
 public:
  FlushDenormals();
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  std::uint64_t before_;
};

// The cores that this process may use: the affinity mask, and on Linux the control group's quota.
std::size_t available_cores();

// Decides whether helpers make jobs faster now. On a machine whose cores are all busy a helper loses its core in the
// middle of a task, and the caller waits for it longer than it would have taken alone. That time is estimated from
// how long the caller worked, how many of the tasks it did, and how long all took. If it is less, helpers are left
// asleep for a while, and then tried again. Results do not depend on which thread does a task.
class Teamwork {
 public:
  using Clock = std::chrono::steady_clock;

  bool pays(Clock::time_point now) const { return now >= alone_until_; }
  // Called after a job of `tasks` tasks of which the caller did `own`, in `working` of the `whole` time.
  void record(Clock::time_point now, std::size_t tasks, std::size_t own, Clock::duration working,
              Clock::duration whole);

 private:
  double together_ = 0.0, alone_ = 0.0;  // seconds: recent jobs as measured, and the estimate for the caller alone
  int jobs_ = 0;
  Clock::time_point alone_until_{};
  Clock::duration alone_for_{};
};

class ThreadPool {
 public:
  // `threads` includes the calling one.
  explicit ThreadPool(std::size_t threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  std::size_t threads() const { return helpers_.size() + 1; }

  // Calls task(i, worker) for i in [0, count), each once, worker < threads(). Not reentrant; one caller at a time.
  // Tasks do not throw.
  template <typename Task>
  void run(std::size_t count, Task&& task) {
    run_erased(
        count, [](void* context, std::size_t i, std::size_t worker) { (*static_cast<Task*>(context))(i, worker); },
        const_cast<void*>(static_cast<const void*>(&task)));
  }

 private:
  using Call = void (*)(void* context, std::size_t index, std::size_t worker);

  void run_erased(std::size_t count, Call call, void* context);
  void run_together(std::size_t count, Call call, void* context);
  void stop();
  void keep_helpers_off(int core);
  void wait_for_helpers(std::uint32_t count);
  void help(std::size_t worker);
  // Returns how many tasks this thread ran.
  std::size_t work(std::size_t worker);
  // Runs the tasks of `owner` on `worker` until none is left.
  std::size_t work_through(std::size_t owner, std::size_t worker);

  // The tasks of one worker, which are its number, that plus threads(), and so on. generation (16 bits) | count
  // (24) | next (24) in one word: a late helper can distinguish a claim on a finished job from one on the present
  // job, because a valid claim keeps its job from finishing.
  struct alignas(64) Ticket {
    std::atomic<std::uint64_t> word{0};
  };
  std::vector<Ticket> tickets_;
  std::atomic<std::uint32_t> done_{0};
  std::atomic<bool> caller_sleeps_{false};
  bool caller_patient_ = true;
  Teamwork teamwork_;
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;  // written by the thread that sets failed_
  Call call_ = nullptr;
  void* context_ = nullptr;
  std::atomic<std::uint32_t> wake_{0};  // changes with every job, and at the end
  std::atomic<std::uint32_t> sleepers_{0};
  std::atomic<bool> stop_{false};
  int caller_core_ = -1;
  std::vector<std::thread> helpers_;
};

}  // namespace aevb
