// The processor time that Linux control groups leave to this process: containers and services are limited by them.
#pragma once

#include <limits>
#include <string>

namespace aevb {

constexpr double NO_QUOTA = std::numeric_limits<double>::infinity();

// Cores' worth of time, the least of the quotas of the process's control group and the groups above it; NO_QUOTA if
// none has one. Reads cpu.max of version 2 and cpu.cfs_quota_us of version 1, wherever /proc/self/mountinfo says that
// they are mounted. What cannot be read, or makes no sense, is no quota. `root`: a folder that holds proc and the
// mounts; "" is the machine's own.
double cgroup_quota(const std::string& root = "");

}  // namespace aevb
