// Busy waiting for events within microseconds: to sleep and be woken takes some 20 of them.
#pragma once

#include <chrono>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace aevb {

inline void pause() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Returns whether the condition became true within the limit.
template <typename Condition>
bool spin_until(Condition condition, std::chrono::microseconds limit) {
  if (condition()) return true;
  const auto end = std::chrono::steady_clock::now() + limit;
  do {
    for (int i = 0; i < 16; ++i) pause();
    if (condition()) return true;
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

}  // namespace aevb
