#include "runtime/workers.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <system_error>
#include <thread>
#include <utility>

#include "runtime/spin.h"

namespace aevb {

namespace {

// A thread without work ends after this long, and so does its pool.
constexpr auto IDLE = std::chrono::seconds(2);

// How long a thread without work spins: a caller that waits for an answer often sends the next request at once. On a
// single core the caller needs that core.
std::chrono::microseconds idle_spin() {
  static const std::chrono::microseconds spin(available_cores() > 1 ? 50 : 0);
  return spin;
}

std::atomic<std::size_t> helpers{0};  // of all pools

// Reserves as many helpers as are still available.
std::size_t take_helpers(std::size_t wanted) {
  std::size_t taken = helpers.load(), granted = 0;
  do {
    granted = std::min(wanted, most_helpers() - std::min(taken, most_helpers()));
  } while (!helpers.compare_exchange_weak(taken, taken + granted));
  return granted;
}

}  // namespace

std::size_t most_helpers() {
  static const std::size_t most = std::max<std::size_t>(64, 4 * available_cores());
  return most;
}

ThreadPool& Worker::pool(std::size_t threads) {
  if (held_ != nullptr) return *held_;
  if (threads <= 1) return *(last_ = &alone_);
  if (team_ == nullptr || team_->threads() != threads) {
    drop_helpers();
    std::size_t granted = take_helpers(threads - 1);
    while (team_ == nullptr && granted > 0) {
      try {
        team_ = std::make_unique<ThreadPool>(granted + 1);
      } catch (const std::system_error&) {
        helpers.fetch_sub(granted - granted / 2);
        granted /= 2;
      } catch (...) {
        helpers.fetch_sub(granted);
        throw;
      }
    }
  }
  return *(last_ = team_ == nullptr ? &alone_ : team_.get());
}

void Worker::drop_helpers() {
  if (team_ == nullptr) return;
  const std::size_t count = team_->threads() - 1;
  last_ = &alone_;
  team_ = nullptr;
  helpers.fetch_sub(count);
}

Workers& Workers::shared() {
  static auto* instance = new Workers;
  return *instance;
}

void Workers::run(Work work) {
  std::unique_lock lock(mutex_);
  if (!idle_.empty()) {
    const std::shared_ptr<Worker> worker = std::move(idle_.back());
    idle_.pop_back();
    worker->next_ = std::move(work);
    worker->given_.store(true, std::memory_order_release);
    const bool sleeps = worker->sleeps_;
    // A thread that wakes while the mutex is held would sleep again.
    lock.unlock();
    if (sleeps) worker->wake_.notify_one();
    return;
  }
  if (count_ < MOST_WORKERS) {
    try {
      // Detached: it ends by itself, and the end of the process does not wait for idle threads.
      std::thread([this, work] { loop(work); }).detach();
      ++count_;
      return;
    } catch (const std::system_error&) {
      if (count_ == 0) throw;
    }
  }
  line_.push_back(std::move(work));
}

bool Workers::yield(Work& work) {
  const std::lock_guard lock(mutex_);
  if (line_.empty()) return false;
  line_.push_back(std::move(work));
  return true;
}

std::size_t Workers::count() {
  const std::lock_guard lock(mutex_);
  return count_;
}

std::size_t Workers::idle() {
  const std::lock_guard lock(mutex_);
  return idle_.size();
}

void Workers::loop(Work first) {
  const FlushDenormals flush;
  // The notifying thread may hold it a little longer.
  const auto worker = std::make_shared<Worker>();
  for (Work work = std::move(first); work; work = next(worker)) {
    work(*worker);
    work = nullptr;  // destroys its captures before the thread waits
  }
  worker->drop_helpers();
}

Workers::Work Workers::next(const std::shared_ptr<Worker>& worker) {
  std::unique_lock lock(mutex_);
  if (line_.empty() && idle_.size() < MOST_IDLE) {
    idle_.push_back(worker);
    lock.unlock();
    spin_until([&] { return worker->given_.load(std::memory_order_acquire); }, idle_spin());
    lock.lock();
    worker->sleeps_ = true;
    if (!worker->wake_.wait_for(lock, IDLE, [&] { return static_cast<bool>(worker->next_); })) {
      idle_.erase(std::find(idle_.begin(), idle_.end(), worker));
    }
    worker->sleeps_ = false;
    worker->given_.store(false, std::memory_order_relaxed);
    if (worker->next_) return std::exchange(worker->next_, nullptr);
  }
  if (!line_.empty()) {
    Work work = std::move(line_.front());
    line_.pop_front();
    return work;
  }
  --count_;
  return nullptr;
}

}  // namespace aevb
