#include "runtime/thread_pool.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <utility>

#include "runtime/cgroup.h"
#include "runtime/spin.h"

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#endif

namespace aevb {

namespace {

constexpr std::uint64_t FIELD = (1u << 24) - 1;
constexpr std::size_t MOST_TASKS = FIELD / 2;  // leaves values for claims beyond the end

std::uint64_t next_of(std::uint64_t ticket) { return ticket & FIELD; }
std::uint64_t count_of(std::uint64_t ticket) { return (ticket >> 24) & FIELD; }

// Long enough to cover the serial work in a training step, short compared with a scheduler's time slice.
constexpr auto HELPER_SPIN = std::chrono::microseconds(50);
// How long the caller spins for the rest of a helper's task. If the helper has lost its core, the caller should
// sleep.
constexpr auto CALLER_SPIN = std::chrono::microseconds(200);
constexpr auto IMPATIENT_CALLER_SPIN = std::chrono::microseconds(5);

int current_core() {
#if defined(__linux__)
  return sched_getcpu();
#else
  return -1;
#endif
}

}  // namespace

#if defined(__x86_64__) || defined(_M_X64)
FlushDenormals::FlushDenormals() : before_(_mm_getcsr()) {
  constexpr unsigned flush_to_zero = 0x8000, denormals_are_zero = 0x0040;
  _mm_setcsr(static_cast<unsigned>(before_) | flush_to_zero | denormals_are_zero);
}
FlushDenormals::~FlushDenormals() { _mm_setcsr(static_cast<unsigned>(before_)); }
#elif defined(__aarch64__) && defined(__GNUC__)
FlushDenormals::FlushDenormals() {
  constexpr std::uint64_t flush_to_zero = 1u << 24;
  asm volatile("mrs %0, fpcr" : "=r"(before_));
  asm volatile("msr fpcr, %0" : : "r"(before_ | flush_to_zero));
}
FlushDenormals::~FlushDenormals() { asm volatile("msr fpcr, %0" : : "r"(before_)); }
#else
FlushDenormals::FlushDenormals() : before_(0) {}
FlushDenormals::~FlushDenormals() = default;
#endif

#if defined(__linux__)
namespace {

// Reading the quota takes longer than encoding a row, and it rarely changes.
double recent_quota() {
  constexpr auto RECENT = std::chrono::seconds(1);
  static std::mutex mutex;
  static double quota = 0.0;
  static std::chrono::steady_clock::time_point until;
  const std::lock_guard lock(mutex);
  const auto now = std::chrono::steady_clock::now();
  if (now >= until) {
    quota = cgroup_quota();
    until = now + RECENT;
  }
  return quota;
}

}  // namespace
#endif

std::size_t available_cores() {
  std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) cores = static_cast<std::size_t>(std::max(1, CPU_COUNT(&set)));
  cores = static_cast<std::size_t>(std::clamp(recent_quota(), 1.0, static_cast<double>(cores)));
#endif
  return cores;
}

void Teamwork::record(Clock::time_point now, std::size_t tasks, std::size_t own, Clock::duration working,
                      Clock::duration whole) {
  constexpr int ENOUGH_JOBS = 6;
  constexpr double FADING = 0.8;
  constexpr double CLEARLY_LOST = 0.003;  // seconds: a scheduler's time slice for another process
  constexpr auto SHORTEST = std::chrono::milliseconds(50), LONGEST = std::chrono::milliseconds(1000);
  using Seconds = std::chrono::duration<double>;
  // Helpers did all tasks: the caller's own speed is not known.
  if (own == 0) return;
  together_ = FADING * together_ + Seconds(whole).count();
  alone_ = FADING * alone_ + Seconds(working).count() * static_cast<double>(tasks) / static_cast<double>(own);
  if (++jobs_ < ENOUGH_JOBS && together_ < alone_ + CLEARLY_LOST) return;
  if (together_ > alone_) {
    alone_for_ = std::clamp(2 * alone_for_, Clock::duration(SHORTEST), Clock::duration(LONGEST));
    alone_until_ = now + alone_for_;
    together_ = alone_ = 0.0;
    jobs_ = 0;
  } else if (jobs_ > 100 * ENOUGH_JOBS) {
    alone_for_ = {};  // a long time without losses: the next backoff starts from the shortest again
  }
}

ThreadPool::ThreadPool(std::size_t threads) : tickets_(std::max<std::size_t>(threads, 1)) {
  try {
    for (std::size_t worker = 1; worker < threads; ++worker) {
      helpers_.emplace_back([this, worker] { help(worker); });
    }
  } catch (...) {
    stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  stop_.store(true);
  wake_.fetch_add(1);
  wake_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

void ThreadPool::run_erased(std::size_t count, Call call, void* context) {
  const FlushDenormals flush;
  if (helpers_.empty() || count <= 1 || !teamwork_.pays(Teamwork::Clock::now())) {
    for (std::size_t i = 0; i < count; ++i) call(context, i, 0);
    return;
  }
  if (count <= MOST_TASKS) return run_together(count, call, context);
  struct Part {
    Call call;
    void* context;
    std::size_t first;
  };
  for (std::size_t first = 0; first < count; first += MOST_TASKS) {
    Part part{call, context, first};
    run_together(
        std::min(MOST_TASKS, count - first),
        [](void* part, std::size_t i, std::size_t worker) {
          const auto& [inner, inner_context, offset] = *static_cast<Part*>(part);
          inner(inner_context, offset + i, worker);
        },
        &part);
  }
}

void ThreadPool::run_together(std::size_t count, Call call, void* context) {
  const auto started = Teamwork::Clock::now();
  call_ = call;
  context_ = context;
  done_.store(0, std::memory_order_relaxed);
  keep_helpers_off(current_core());
  const std::uint64_t generation = (tickets_[0].word.load(std::memory_order_relaxed) >> 48) + 1;
  for (std::size_t owner = 0; owner < tickets_.size(); ++owner) {
    const std::uint64_t own_count = (count + tickets_.size() - 1 - owner) / tickets_.size();
    tickets_[owner].word.store((generation << 48) | (own_count << 24));
  }
  wake_.fetch_add(1);
  if (sleepers_.load() > 0) wake_.notify_all();
  const std::size_t own = work(0);
  const auto worked = Teamwork::Clock::now();
  wait_for_helpers(static_cast<std::uint32_t>(count));
  const auto ended = Teamwork::Clock::now();
  teamwork_.record(ended, count, own, worked - started, ended - started);
  if (failed_.exchange(false)) std::rethrow_exception(std::exchange(error_, nullptr));
}

// A scheduler may leave a helper on its caller's core for seconds while another core is idle (seen on virtual
// machines), which makes two threads as slow as one. So helpers are kept off the caller's core whenever the caller
// has moved to another one.
void ThreadPool::keep_helpers_off(int core) {
  if (core == caller_core_) return;
  caller_core_ = core;
#if defined(__linux__)
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof(cores), &cores) != 0 || CPU_COUNT(&cores) < 2) return;
  CPU_CLR(core, &cores);
  for (std::thread& helper : helpers_) pthread_setaffinity_np(helper.native_handle(), sizeof(cores), &cores);
#endif
}

void ThreadPool::wait_for_helpers(std::uint32_t count) {
  const auto all_done = [&] { return done_.load(std::memory_order_acquire) >= count; };
  caller_patient_ = spin_until(all_done, caller_patient_ ? CALLER_SPIN : IMPATIENT_CALLER_SPIN);
  if (caller_patient_) return;
  caller_sleeps_.store(true);
  for (std::uint32_t done = done_.load(); done < count; done = done_.load()) done_.wait(done);
  caller_sleeps_.store(false);
}

std::size_t ThreadPool::work(std::size_t worker) {
  std::size_t done = 0;
  for (std::size_t i = 0; i < tickets_.size(); ++i) done += work_through((worker + i) % tickets_.size(), worker);
  return done;
}

std::size_t ThreadPool::work_through(std::size_t owner, std::size_t worker) {
  std::atomic<std::uint64_t>& ticket = tickets_[owner].word;
  for (std::size_t done = 0;; ++done) {
    const std::uint64_t seen = ticket.load(std::memory_order_acquire);
    if (next_of(seen) >= count_of(seen)) return done;
    const std::uint64_t claim = ticket.fetch_add(1, std::memory_order_acq_rel);
    if (next_of(claim) >= count_of(claim)) return done;
    try {
      call_(context_, next_of(claim) * tickets_.size() + owner, worker);
    } catch (...) {
      if (!failed_.exchange(true)) error_ = std::current_exception();
    }
    done_.fetch_add(1);
    if (caller_sleeps_.load()) done_.notify_one();
  }
}

void ThreadPool::help(std::size_t worker) {
  const FlushDenormals flush;
  std::uint32_t seen = 0;
  for (;;) {
    std::uint32_t now = seen;
    spin_until([&] { return (now = wake_.load(std::memory_order_acquire)) != seen; }, HELPER_SPIN);
    if (now == seen) {
      sleepers_.fetch_add(1);
      wake_.wait(seen);
      sleepers_.fetch_sub(1);
      continue;
    }
    seen = now;
    if (stop_.load()) return;
    work(worker);
  }
}

}  // namespace aevb
