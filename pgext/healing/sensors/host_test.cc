#include "pgext/healing/sensors/host.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace ruvector::healing {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMiB = int64_t{1} << 20;

class HostTest : public ::testing::Test {
 protected:
  HostTest() : root_(fs::path(::testing::TempDir()) / "host") {
    fs::remove_all(root_);
    paths_ = {(root_ / "proc").string(), (root_ / "cgroup").string()};
  }
  ~HostTest() override { fs::remove_all(root_); }

  void Write(const std::string& name, const std::string& text) {
    const fs::path path = root_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  void WriteMeminfo(int64_t total_kib, int64_t available_kib) {
    Write("proc/meminfo", "MemTotal:       " + std::to_string(total_kib) +
                              " kB\nMemFree:        12 kB\nMemAvailable:   " +
                              std::to_string(available_kib) + " kB\n");
  }
  void WriteCgroup(const std::string& directory, const std::string& limit,
                   int64_t current, int64_t inactive) {
    const std::string at = "cgroup" + directory;
    Write(at + "/memory.max", limit + "\n");
    Write(at + "/memory.current", std::to_string(current) + "\n");
    Write(at + "/memory.stat", "anon 1\ninactive_file " +
                                   std::to_string(inactive) +
                                   "\nactive_file 7\n");
  }

  const fs::path root_;
  HostPaths paths_;
};

TEST_F(HostTest, NothingReadableIsUnknown) {
  EXPECT_FALSE(ReadMemory(paths_).has_value());
  EXPECT_FALSE(ReadIoPressure(paths_).has_value());
  EXPECT_TRUE(LargestProcesses(paths_, {{1, "one"}}, 3).empty());
}

TEST_F(HostTest, MachineMemoryLeavesOutWhatCanBeDropped) {
  WriteMeminfo(1000, 400);
  const auto memory = ReadMemory(paths_);
  ASSERT_TRUE(memory.has_value());
  EXPECT_EQ(memory->limit_bytes, 1000 * 1024);
  EXPECT_EQ(memory->used_bytes, 600 * 1024);
}

TEST_F(HostTest, TheTighterLimitAnswers) {
  WriteMeminfo(1 << 20, 900000);  // 14 % used
  Write("proc/self/cgroup", "0::/pod/server\n");
  WriteCgroup("/pod/server", "max", 300 * kMiB, 0);
  WriteCgroup("/pod", std::to_string(400 * kMiB), 350 * kMiB, 50 * kMiB);
  const auto memory = ReadMemory(paths_);
  ASSERT_TRUE(memory.has_value());
  EXPECT_EQ(memory->limit_bytes, 400 * kMiB);
  EXPECT_EQ(memory->used_bytes, 300 * kMiB);
  EXPECT_EQ(memory->source.substr(0, 6), "cgroup");

  WriteMeminfo(1 << 20, 1000);  // now the machine is fuller
  EXPECT_EQ(ReadMemory(paths_)->source.substr(0, 7), "meminfo");
}

TEST_F(HostTest, InsideANamespaceTheMountPointIsTheCgroup) {
  Write("proc/self/cgroup", "0::/\n");
  WriteCgroup("", std::to_string(100 * kMiB), 90 * kMiB, 10 * kMiB);
  const auto memory = ReadMemory(paths_);
  ASSERT_TRUE(memory.has_value());
  EXPECT_EQ(memory->used_bytes, 80 * kMiB);
}

TEST_F(HostTest, VersionOneHierarchiesAreNotMistaken) {
  WriteMeminfo(1000, 400);
  Write("proc/self/cgroup", "4:memory:/x\n0::/\n");
  Write("cgroup/memory/x/memory.limit_in_bytes", "1\n");
  EXPECT_EQ(ReadMemory(paths_)->limit_bytes, 1000 * 1024);
}

TEST_F(HostTest, PressureIsAShareOfTheInnermostCgroup) {
  const std::string full = "full avg10=0.00 avg60=99.00 avg300=0.00 total=1\n";
  Write("proc/pressure/io",
        "some avg10=0.00 avg60=1.76 avg300=1.25 total=214032373\n" + full);
  auto io = ReadIoPressure(paths_);
  ASSERT_TRUE(io.has_value());
  EXPECT_DOUBLE_EQ(*io->stalled, 0.0176);
  EXPECT_EQ(io->source, "/proc/pressure/io");

  Write("proc/self/cgroup", "0::/server\n");
  Write("cgroup/server/io.pressure",
        "some avg10=0.00 avg60=50.00 avg300=0.00 total=1\n" + full);
  io = ReadIoPressure(paths_);
  EXPECT_DOUBLE_EQ(*io->stalled, 0.5);
  EXPECT_EQ(io->source, "cgroup io.pressure");
}

TEST_F(HostTest, ProcessesAreRankedByTheirOwnMemory) {
  const auto process = [&](int pid, int64_t resident, int64_t shared,
                           int64_t anon_kib) {
    const std::string at = "proc/" + std::to_string(pid);
    Write(at + "/statm", "900 " + std::to_string(resident) + " " +
                             std::to_string(shared) + " 1 0 1 0\n");
    Write(at + "/smaps_rollup",
          "0-1 ---p 00000000 00:00 0 [rollup]\nRss: 9 kB\nPss: 9 kB\n"
          "Pss_Anon:       " +
              std::to_string(anon_kib) + " kB\n");
  };
  process(10, 5000, 4900, 100);  // much shared memory, little of its own
  process(11, 3000, 100, 11000);
  process(12, 2000, 100, 12000);  // statm misjudges it: smaps corrects
  const auto found = LargestProcesses(
      paths_, {{10, "a"}, {11, "b"}, {12, "c"}, {13, "gone"}}, 2);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].name, "c");
  EXPECT_EQ(found[0].bytes, 12000 * 1024);
  EXPECT_EQ(found[1].name, "b");
}

TEST(HostTest0, ThisMachineAnswers) {
  const auto memory = ReadMemory(HostPaths());
  ASSERT_TRUE(memory.has_value());
  EXPECT_GT(*memory->used_bytes, 0);
  EXPECT_LT(*memory->used_bytes, *memory->limit_bytes);
  const auto self = LargestProcesses(HostPaths(), {{getpid(), "this test"}}, 5);
  ASSERT_EQ(self.size(), 1u);
  EXPECT_GT(self[0].bytes, 0);
}

}  // namespace
}  // namespace ruvector::healing
