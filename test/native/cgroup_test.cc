// The quota of a control group, from files as Linux lays them out.

#include "runtime/cgroup.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace aevb {
namespace {

class Cgroup : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    root_ = std::filesystem::temp_directory_path() / (std::string("aevb-cgroup-") + test->name());
    std::filesystem::remove_all(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_.string() + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  double quota() const { return cgroup_quota(root_.string()); }

  std::filesystem::path root_;
};

const std::string VERSION_1 =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "33 31 0:30 / /sys/fs/cgroup/cpuset rw,relatime shared:9 - cgroup cgroup rw,cpuset\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:8 master:1 - cgroup cgroup rw,cpu,cpuacct\n";
const std::string VERSION_2 = "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

TEST_F(Cgroup, WithoutFilesHasNoQuota) { EXPECT_EQ(quota(), NO_QUOTA); }

TEST_F(Cgroup, Version1IsReadFromItsOwnMount) {
  write("/proc/self/mountinfo", VERSION_1);
  write("/proc/self/cgroup", "5:cpuset:/other\n4:cpu,cpuacct:/\n");
  write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "250000\n");
  write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), 2.5);
}

TEST_F(Cgroup, Version1WithoutALimitSaysMinusOne) {
  write("/proc/self/mountinfo", VERSION_1);
  write("/proc/self/cgroup", "4:cpu,cpuacct:/\n");
  write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), NO_QUOTA);
}

TEST_F(Cgroup, Version1TakesTheLeastOfTheGroupsAboveToo) {
  write("/proc/self/mountinfo", VERSION_1);
  write("/proc/self/cgroup", "4:cpu,cpuacct:/slice/service\n");
  for (const auto& [group, micros] : {std::pair{"", "-1"}, {"/slice", "150000"}, {"/slice/service", "400000"}}) {
    write(std::string("/sys/fs/cgroup/cpu,cpuacct") + group + "/cpu.cfs_quota_us", micros);
    write(std::string("/sys/fs/cgroup/cpu,cpuacct") + group + "/cpu.cfs_period_us", "100000");
  }
  EXPECT_EQ(quota(), 1.5);
}

TEST_F(Cgroup, Version1InAContainerSeesItsGroupAtTheMount) {
  write("/proc/self/mountinfo",
        "32 31 0:29 /docker/abc /sys/fs/cgroup/cpu ro,relatime master:1 - cgroup cgroup rw,cpu\n");
  write("/proc/self/cgroup", "4:cpu:/docker/abc\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000");
  write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "50000");
  EXPECT_EQ(quota(), 2.0);
}

TEST_F(Cgroup, Version2IsReadOfTheGroupAndThoseAbove) {
  write("/proc/self/mountinfo", VERSION_2);
  write("/proc/self/cgroup", "0::/user.slice/job\n");
  write("/sys/fs/cgroup/user.slice/job/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), NO_QUOTA);
  write("/sys/fs/cgroup/user.slice/cpu.max", "300000 100000\n");
  EXPECT_EQ(quota(), 3.0);
  write("/sys/fs/cgroup/user.slice/job/cpu.max", "50000 100000\n");
  EXPECT_EQ(quota(), 0.5);
}

TEST_F(Cgroup, BothVersionsBesideEachOtherCount) {
  write("/proc/self/mountinfo", VERSION_1 + "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  write("/proc/self/cgroup", "4:cpu,cpuacct:/a\n0::/b\n");
  write("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "700000");
  write("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000");
  write("/sys/fs/cgroup/unified/b/cpu.max", "800000 100000");
  EXPECT_EQ(quota(), 7.0);
}

TEST_F(Cgroup, FilesThatMakeNoSenseAreNoQuota) {
  write("/proc/self/mountinfo", "nonsense\n - \n1 2 3 - cgroup\n" + VERSION_2);
  write("/proc/self/cgroup", "::\nnonsense\n");
  for (const std::string text : {"", "x y", "100000", "100000 0", "-5 100000", "0 100000"}) {
    write("/sys/fs/cgroup/cpu.max", text);
    EXPECT_EQ(quota(), NO_QUOTA) << text;
  }
}

}  // namespace
}  // namespace aevb
