// The processor time that Linux control groups allow this process: they limit containers and services.
#pragma once

#include <limits>
#include <string>

namespace aevb {

constexpr double NO_QUOTA = std::numeric_limits<double>::infinity();

// The quota in cores: the smallest of the quotas of the process's control group and the groups above it; NO_QUOTA if
// none has one. Reads cpu.max of version 2 and cpu.cfs_quota_us of version 1 at the mount points that
// /proc/self/mountinfo lists. A file that cannot be read or parsed sets no quota. `root`: a folder that holds proc
// and the mounts; "" is the machine's own.
double cgroup_quota(const std::string& root = "");

}  // namespace aevb
