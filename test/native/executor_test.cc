#include "runtime/executor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace aevb {
namespace {

using namespace std::chrono_literals;

// Opens once.
class Latch {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool wait(std::chrono::milliseconds patience = 10s) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

// What happened, in order.
class Log {
 public:
  void add(const std::string& entry) {
    const std::lock_guard lock(mutex_);
    entries_.push_back(entry);
  }
  std::vector<std::string> entries() {
    const std::lock_guard lock(mutex_);
    return entries_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> entries_;
};

std::shared_ptr<Task> task_of(std::function<void(Task&)> work, bool reads_only = true) {
  auto task = std::make_shared<Task>();
  task->work = std::move(work);
  task->reads_only = reads_only;
  return task;
}

// Waits until all tasks so far are over; one that only reads would come between the steps of the one that runs.
void drain(Executor& executor) {
  Latch latch;
  executor.submit(task_of([&](Task&) { latch.open(); }, false));
  ASSERT_TRUE(latch.wait());
}

TEST(Executor, WorksInTheOrderOfArrival) {
  Executor executor;
  Log log;
  std::vector<std::string> expected;
  for (int i = 0; i < 100; ++i) {
    expected.push_back(std::to_string(i));
    executor.submit(task_of([&log, i](Task&) { log.add(std::to_string(i)); }, i % 3 == 0));
  }
  drain(executor);
  EXPECT_EQ(log.entries(), expected);
}

TEST(Executor, TellsWhatTheWorkThrewWhenAllThatItHeldHasGone) {
  Executor executor;
  const auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> seen(held);
  Latch done;
  bool gone = false;
  std::string message;
  auto task = task_of([copy = held](Task&) { throw std::runtime_error("broken"); });
  task->done = [&](const std::exception_ptr& error) {
    gone = seen.use_count() == 1;
    try {
      std::rethrow_exception(error);
    } catch (const std::runtime_error& thrown) {
      message = thrown.what();
    }
    done.open();
  };
  executor.submit(task);
  ASSERT_TRUE(done.wait());
  EXPECT_TRUE(gone);
  EXPECT_EQ(message, "broken");
}

TEST(Executor, LetsTheReadersThatWaitRunBetweenStepsAndNoOthers) {
  Executor executor;
  Log log;
  Latch begun, submitted;
  executor.submit(task_of(
      [&](Task& self) {
        begun.open();
        ASSERT_TRUE(submitted.wait());
        for (int step = 0; step < 3; ++step) {
          self.run_waiting_readers();
          log.add("step");
        }
      },
      false));
  ASSERT_TRUE(begun.wait());
  // Each reader is followed by another as soon as it ends, as from a caller who always has a call open.
  std::function<void(int)> read = [&](int left) {
    auto task = task_of([&](Task&) { log.add("read"); });
    task->done = [&, left](const std::exception_ptr&) {
      if (left > 0) read(left - 1);
    };
    executor.submit(task);
  };
  read(9);
  read(9);
  submitted.open();
  const auto enough = [&] { return log.entries().size() == 23; };
  for (int i = 0; i < 1000 && !enough(); ++i) std::this_thread::sleep_for(5ms);
  const std::vector<std::string> expected{"read", "read", "step", "read", "read", "step", "read", "read", "step"};
  auto entries = log.entries();
  ASSERT_EQ(entries.size(), 23u);
  entries.resize(expected.size());
  EXPECT_EQ(entries, expected);
  drain(executor);
}

TEST(Executor, KeepsReadersFromOvertakingAWriterThatWaits) {
  Executor executor;
  Log log;
  Latch begun, submitted;
  executor.submit(task_of(
      [&](Task& self) {
        begun.open();
        ASSERT_TRUE(submitted.wait());
        self.run_waiting_readers();
        log.add("step");
      },
      false));
  ASSERT_TRUE(begun.wait());
  executor.submit(task_of([&](Task&) { log.add("reader before"); }));
  executor.submit(task_of([&](Task&) { log.add("writer"); }, false));
  executor.submit(task_of([&](Task&) { log.add("reader after"); }));
  submitted.open();
  drain(executor);
  EXPECT_EQ(log.entries(), (std::vector<std::string>{"reader before", "step", "writer", "reader after"}));
}

TEST(Executor, LeavesAReaderBetweenStepsThePoolOfTheTraining) {
  Executor executor;
  Latch begun, submitted;
  ThreadPool *outer = nullptr, *inner = nullptr, *again = nullptr;
  executor.submit(task_of(
      [&](Task& self) {
        outer = &self.worker().pool(2);
        begun.open();
        ASSERT_TRUE(submitted.wait());
        self.run_waiting_readers();
        again = &self.worker().pool(2);
      },
      false));
  ASSERT_TRUE(begun.wait());
  executor.submit(task_of([&](Task& self) { inner = &self.worker().pool(3); }));
  submitted.open();
  drain(executor);
  EXPECT_EQ(inner, outer);
  EXPECT_EQ(again, outer);
}

TEST(Executor, DropsWhatWaitsWithAllThatItHoldsAndWaitsForWhatRuns) {
  const auto held = std::make_shared<int>(1);
  std::vector<std::shared_ptr<Task>> tasks;
  Executor executor;
  Latch begun;
  std::atomic<bool> ended{false}, ran{false};
  executor.submit(task_of([&, held](Task& self) {
    begun.open();
    while (!self.cancelled().load()) std::this_thread::sleep_for(1ms);
    std::this_thread::sleep_for(20ms);
    ended = true;
  }));
  ASSERT_TRUE(begun.wait());
  for (int i = 0; i < 10; ++i) {
    tasks.push_back(task_of([&, held](Task&) { ran = true; }));
    tasks.back()->done = [&, held](const std::exception_ptr&) { ran = true; };
    executor.submit(tasks.back());
  }
  executor.stop();
  EXPECT_TRUE(ended);
  // Though somebody holds the tasks, as JavaScript does with what cancels one.
  EXPECT_EQ(held.use_count(), 1);
  executor.submit(task_of([&](Task&) { ran = true; }));
  std::this_thread::sleep_for(20ms);
  EXPECT_FALSE(ran);
}

TEST(Executor, CancelsWhatRunsAndWhatWaitsAndWorksOn) {
  Executor executor;
  Latch begun;
  std::atomic<int> cancelled{0};
  executor.submit(task_of([&](Task& self) {
    begun.open();
    while (!self.cancelled().load()) std::this_thread::sleep_for(1ms);
    ++cancelled;
  }));
  ASSERT_TRUE(begun.wait());
  executor.submit(task_of([&](Task& self) { cancelled += self.cancelled().load() ? 1 : 0; }));
  executor.cancel_all();
  drain(executor);
  EXPECT_EQ(cancelled, 2);
}

TEST(Workers, AreReusedByExecutorsThatWorkOneAfterTheOther) {
  std::size_t most = 0;
  for (int i = 0; i < 300; ++i) {
    Executor executor;
    drain(executor);
    most = std::max(most, Workers::shared().count());
  }
  // One may still be on its way to rest when the next work comes.
  EXPECT_LE(most, Workers::MOST_IDLE + 2);
}

TEST(Workers, AreBoundedAndAllTheWorkIsDone) {
  std::vector<std::unique_ptr<Executor>> executors;
  std::atomic<int> working{0}, most{0}, done{0};
  constexpr int EXECUTORS = 200, TASKS = 3;
  for (int i = 0; i < EXECUTORS; ++i) {
    executors.push_back(std::make_unique<Executor>());
    for (int j = 0; j < TASKS; ++j) {
      executors.back()->submit(task_of([&](Task& self) {
        const int now = ++working;
        int before = most.load();
        while (before < now && !most.compare_exchange_weak(before, now)) {
        }
        self.worker().pool(4).run(8, [](std::size_t, std::size_t) { std::this_thread::sleep_for(100us); });
        --working;
        ++done;
      }));
    }
  }
  for (int i = 0; i < 4000 && done < EXECUTORS * TASKS; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(done, EXECUTORS * TASKS);
  EXPECT_LE(most, static_cast<int>(Workers::MOST_WORKERS));
  EXPECT_LE(Workers::shared().count(), Workers::MOST_WORKERS);
}

TEST(Workers, DoLittlePiecesOfManyExecutorsAtOnce) {
  // For a sanitizer of threads: executors come and go while they are submitted to, cancelled and stopped.
  std::vector<std::thread> threads;
  std::atomic<int> done{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        Executor executor;
        for (int j = 0; j < 5; ++j) {
          executor.submit(task_of(
              [&](Task& self) {
                if (!self.cancelled().load()) self.run_waiting_readers();
                ++done;
              },
              j % 2 == 0));
        }
        if ((i + t) % 3 == 0) executor.cancel_all();
        if ((i + t) % 2 == 0) drain(executor);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(done, 4 * 50 * 5);
}

}  // namespace
}  // namespace aevb
