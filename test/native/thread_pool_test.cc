#include "runtime/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <limits>
#include <stdexcept>
#include <thread>
#include <vector>

namespace aevb {
namespace {

TEST(ThreadPool, CallsEachTaskOnce) {
  for (const std::size_t threads : {1u, 2u, 3u, 7u}) {
    ThreadPool pool(threads);
    for (const std::size_t count : {0u, 1u, 2u, 5u, 100u, 10000u}) {
      std::vector<std::atomic<int>> calls(count);
      pool.run(count, [&](std::size_t i, std::size_t worker) {
        calls[i].fetch_add(1);
        ASSERT_LT(worker, threads);
      });
      for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(calls[i].load(), 1) << i << " of " << count;
    }
  }
}

TEST(ThreadPool, NumbersMoreTasksThanOneJobHolds) {
  ThreadPool pool(2);
  constexpr std::size_t COUNT = 20'000'000;
  std::atomic<std::uint64_t> sum{0};
  pool.run(COUNT, [&](std::size_t i, std::size_t) {
    if (i % 1000 == 0) sum.fetch_add(i, std::memory_order_relaxed);
  });
  EXPECT_EQ(sum.load(), std::uint64_t{1000} * (COUNT / 1000) * (COUNT / 1000 - 1) / 2);
}

TEST(ThreadPool, ThrowsAgainWhatATaskThrew) {
  for (const std::size_t threads : {1u, 3u}) {
    ThreadPool pool(threads);
    EXPECT_THROW(pool.run(100,
                          [](std::size_t i, std::size_t) {
                            if (i == 57) throw std::runtime_error("57");
                          }),
                 std::runtime_error);
    std::atomic<int> calls{0};
    pool.run(100, [&](std::size_t, std::size_t) { calls.fetch_add(1); });
    EXPECT_EQ(calls.load(), 100) << "and goes on";
  }
}

TEST(ThreadPool, NeverMixesUpShortJobsThatFollowEachOther) {
  ThreadPool pool(4);
  for (int job = 0; job < 20000; ++job) {
    std::atomic<int> sum{0};
    const int count = job % 7;
    pool.run(static_cast<std::size_t>(count), [&, job](std::size_t, std::size_t) { sum.fetch_add(job); });
    ASSERT_EQ(sum.load(), job * count);
  }
}

TEST(ThreadPool, WakesHelpersThatHaveFallenAsleep) {
  ThreadPool pool(2);
  int met = 0;
  for (int job = 0; job < 20; ++job) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    // Each task waits for the other for a while: they meet if two threads work, and not if one does both.
    std::atomic<int> here{0};
    std::atomic<int> saw_both{0};
    pool.run(2, [&](std::size_t, std::size_t) {
      here.fetch_add(1);
      const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
      while (here.load() < 2 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
      if (here.load() == 2) saw_both.fetch_add(1);
    });
    // If one thread does two tasks, only the second sees both.
    met += saw_both.load() == 2 ? 1 : 0;
  }
  EXPECT_GE(met, 1);
}

TEST(Teamwork, GoesAloneWhereHelpersHoldUp) {
  using namespace std::chrono_literals;
  const Teamwork::Clock::time_point start{};
  Teamwork held_up, helped;
  for (int job = 0; job < 10; ++job) {
    held_up.record(start, 4, 2, 1ms, 4ms);    // alone 2 ms, together 4
    helped.record(start, 4, 2, 1ms, 1100us);  // alone 2 ms, together 1.1
  }
  EXPECT_FALSE(held_up.pays(start));
  EXPECT_TRUE(held_up.pays(start + 10s)) << "helpers are tried again";
  EXPECT_TRUE(helped.pays(start));
}

TEST(Teamwork, TriesHelpersMoreSeldomTheLongerTheyHoldUp) {
  using namespace std::chrono_literals;
  Teamwork teamwork;
  Teamwork::Clock::time_point now{};
  Teamwork::Clock::duration last{};
  for (int bad_time = 0; bad_time < 5; ++bad_time) {
    while (teamwork.pays(now)) teamwork.record(now, 4, 2, 1ms, 4ms);
    const auto began = now;
    while (!teamwork.pays(now)) now += 1ms;
    EXPECT_GT(now - began, last);
    EXPECT_LE(now - began, 1s);
    last = now - began;
  }
}

TEST(ThreadPool, FlushesDenormalsInTasksAndNowhereElse) {
#if !defined(__x86_64__) && !defined(__aarch64__)
  GTEST_SKIP() << "no switch for it on this processor";
#endif
  volatile float tiny = std::numeric_limits<float>::min();
  ThreadPool pool(3);
  std::atomic<int> flushed{0};
  pool.run(30, [&](std::size_t, std::size_t) {
    const volatile float half = tiny * 0.5f;
    if (half == 0.0f) flushed.fetch_add(1);
  });
  EXPECT_EQ(flushed.load(), 30);
  const volatile float half = tiny * 0.5f;
  EXPECT_GT(half, 0.0f);
}

TEST(AvailableCores, IsAtLeastOneAndAtMostWhatTheMachineHas) {
  EXPECT_GE(available_cores(), 1u);
  EXPECT_LE(available_cores(), std::max(1u, std::thread::hardware_concurrency()));
}

}  // namespace
}  // namespace aevb
