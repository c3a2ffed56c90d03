#include "runtime/cgroup.h"

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <sstream>
#include <string_view>
#include <vector>

namespace aevb {

namespace {

// Whether a comma-separated list contains this word.
bool has_word(const std::string& list, std::string_view word) {
  std::istringstream words(list);
  for (std::string each; std::getline(words, each, ',');) {
    if (each == word) return true;
  }
  return false;
}

// Where a hierarchy of control groups is mounted, and which of its groups is visible there.
struct Mount {
  bool version2;
  std::string group;
  std::string place;
};

// Lines of /proc/self/mountinfo: id, parent, device, root, mount point, options, any fields, "-", type, source,
// options.
std::vector<Mount> mounts(const std::string& root) {
  std::vector<Mount> found;
  std::ifstream file(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t separator = line.find(" - ");
    if (separator == std::string::npos) continue;
    std::istringstream fields(line.substr(0, separator)), after(line.substr(separator + 3));
    std::string id, parent, device, type, source, options;
    Mount mount;
    if (!(fields >> id >> parent >> device >> mount.group >> mount.place) || !(after >> type >> source >> options))
      continue;
    mount.version2 = type == "cgroup2";
    if (mount.version2 || (type == "cgroup" && has_word(options, "cpu"))) found.push_back(mount);
  }
  return found;
}

// This process's group in a hierarchy. Lines of /proc/self/cgroup: id, controllers, group; version 2 has 0 and none.
std::string group_of_process(const std::string& root, bool version2) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (version2 ? controllers.empty() : has_word(controllers, "cpu")) return line.substr(second + 1);
  }
  return "/";
}

double read_number(const std::string& path) {
  std::ifstream file(path);
  double number = 0.0;
  return file >> number ? number : 0.0;
}

// The quota of one group: the time that it allows in a period, divided by the period.
double quota_of(const std::string& folder, bool version2) {
  double allowed = 0.0, period = 0.0;
  if (version2) {
    // "max" in place of the first number: no quota.
    std::ifstream file(folder + "/cpu.max");
    if (!(file >> allowed >> period)) return NO_QUOTA;
  } else {
    allowed = read_number(folder + "/cpu.cfs_quota_us");  // -1: none
    period = read_number(folder + "/cpu.cfs_period_us");
  }
  return allowed > 0.0 && period > 0.0 ? allowed / period : NO_QUOTA;
}

}  // namespace

double cgroup_quota(const std::string& root) {
  double least = NO_QUOTA;
  for (const auto& [version2, seen, place] : mounts(root)) {
    std::string group = group_of_process(root, version2);
    // In a container the path may be the one outside of it, which begins with the group that is mounted here.
    if (seen != "/" && group.compare(0, seen.size(), seen) == 0) group.erase(0, seen.size());
    for (;;) {
      while (!group.empty() && group.back() == '/') group.pop_back();
      least = std::min(least, quota_of(root + place + group, version2));
      if (group.empty()) break;
      group.erase(group.find_last_of('/') == std::string::npos ? 0 : group.find_last_of('/'));
    }
  }
  return least;
}

}  // namespace aevb
