#include "jobs/workers.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <system_error>
#include <thread>
#include <utility>

namespace aevb {

namespace {

// A thread without work ends after this long, and its pool with it.
constexpr auto IDLE = std::chrono::seconds(2);

std::atomic<std::size_t> helpers{0};  // of all pools

// Counts as many as may still be had.
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
  const std::lock_guard lock(mutex_);
  if (!idle_.empty()) {
    Worker* const worker = idle_.back();
    idle_.pop_back();
    worker->next_ = std::move(work);
    worker->wake_.notify_one();
    return;
  }
  if (count_ < MOST_WORKERS) {
    try {
      // Detached: it ends by itself, and at the end of the process nobody waits for who has nothing to do.
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
  Worker worker;
  for (Work work = std::move(first); work; work = next(worker)) {
    work(worker);
    work = nullptr;  // what it holds is not to wait with this thread
  }
}

Workers::Work Workers::next(Worker& worker) {
  std::unique_lock lock(mutex_);
  if (line_.empty() && idle_.size() < MOST_IDLE) {
    idle_.push_back(&worker);
    if (!worker.wake_.wait_for(lock, IDLE, [&] { return static_cast<bool>(worker.next_); })) {
      idle_.erase(std::find(idle_.begin(), idle_.end(), &worker));
    }
    if (worker.next_) return std::exchange(worker.next_, nullptr);
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
