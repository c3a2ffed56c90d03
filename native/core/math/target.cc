#include "math/target.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <string>

#if defined(_M_X64) && !defined(__GNUC__)
#include <immintrin.h>
#include <intrin.h>
#endif

namespace aevb {

namespace {

// Both query the operating system too: the wide registers survive a context switch only if it saves them.
#if defined(__x86_64__) && defined(__GNUC__)
bool has_avx2() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#elif defined(_M_X64)
// Intel's manual, volume 1, 14.3 and 15.2: OSXSAVE, then XCR0's bits for the registers, then the features.
bool has_features(unsigned xcr0, unsigned leaf7_ebx) {
  int words[4];
  __cpuidex(words, 0, 0);
  if (words[0] < 7) return false;
  __cpuidex(words, 1, 0);
  constexpr unsigned FMA_AND_OSXSAVE = 1u << 12 | 1u << 27;
  if ((static_cast<unsigned>(words[2]) & FMA_AND_OSXSAVE) != FMA_AND_OSXSAVE) return false;
  if ((_xgetbv(0) & xcr0) != xcr0) return false;
  __cpuidex(words, 7, 0);
  return (static_cast<unsigned>(words[1]) & leaf7_ebx) == leaf7_ebx;
}
bool has_avx2() { return has_features(0x06, 1u << 5); }
bool has_avx512() { return has_features(0xe6, 1u << 5 | 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31); }
#endif

struct Runnable {
  Target targets[4] = {Target::portable};
  int count = 1;

  Runnable() {
#if defined(__x86_64__) || defined(_M_X64)
    if (has_avx2()) targets[count++] = Target::avx2;
    if (has_avx512()) targets[count++] = Target::avx512;
#elif defined(__aarch64__)
    targets[count++] = Target::neon;
#endif
  }
};

const Runnable& runnable() {
  static const Runnable found;
  return found;
}

bool is_runnable(Target target) {
  for (int i = 0; i < runnable().count; ++i) {
    if (runnable().targets[i] == target) return true;
  }
  return false;
}

std::string runnable_names() {
  std::string names;
  for (int i = 0; i < runnable().count; ++i) {
    if (i > 0) names += i + 1 < runnable().count ? ", " : " or ";
    names += target_name(runnable().targets[i]);
  }
  return names;
}

Target choose() {
  const char* asked = std::getenv("AEVB_ISA");
  if (asked == nullptr || *asked == '\0') return runnable().targets[runnable().count - 1];
  for (int i = 0; i < runnable().count; ++i) {
    if (std::string(asked) == target_name(runnable().targets[i])) return runnable().targets[i];
  }
  throw std::invalid_argument("Expected " + runnable_names() + " for AEVB_ISA but received " + asked);
}

constexpr int UNDECIDED = -1;
std::atomic<int> active{UNDECIDED};

}  // namespace

Target active_target() {
  int now = active.load(std::memory_order_relaxed);
  if (now == UNDECIDED) {
    // Two concurrent threads get the same answer, and a target that set_active_target() set meanwhile stays.
    const int chosen = static_cast<int>(choose());
    if (active.compare_exchange_strong(now, chosen, std::memory_order_relaxed)) now = chosen;
  }
  return static_cast<Target>(now);
}

const Target* runnable_targets(int* count) {
  *count = runnable().count;
  return runnable().targets;
}

void set_active_target(Target target) {
  if (!is_runnable(target)) {
    throw std::invalid_argument("Expected " + runnable_names() + " for the target but received " + target_name(target));
  }
  active.store(static_cast<int>(target), std::memory_order_relaxed);
}

const char* target_name(Target target) {
  switch (target) {
    case Target::portable:
      return "portable";
    case Target::neon:
      return "neon";
    case Target::avx2:
      return "avx2";
    case Target::avx512:
      return "avx512";
  }
  return "unknown";
}

int vector_width(Target target) {
  switch (target) {
    case Target::avx512:
      return 16;
    case Target::avx2:
      return 8;
    case Target::neon:
    case Target::portable:
      break;
  }
  return 4;
}

int panel_width(Target target) {
  switch (target) {
    case Target::avx512:
      return 48;
    case Target::neon:
      return 12;
    case Target::avx2:
    case Target::portable:
      break;
  }
  return 16;
}

}  // namespace aevb
