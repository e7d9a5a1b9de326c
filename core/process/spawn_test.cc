#include "core/process/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ruvector::process {
namespace {

using ::testing::HasSubstr;

// Runs a shell command whose standard output is a pipe; what it printed.
std::string Output(const std::string& command) {
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  SpawnOptions options;
  options.arguments = {"/bin/sh", "-c", command};
  options.environment = {"ONLY=this"};
  options.descriptors = {kNull, write_end.get(), kInherit, read_end.get()};
  const absl::StatusOr<pid_t> pid = Spawn(options);
  EXPECT_TRUE(pid.ok()) << pid.status();
  write_end.Close();
  std::string text;
  char block[512];
  for (ssize_t n; (n = read(read_end.get(), block, sizeof(block))) > 0;) {
    text.append(block, static_cast<size_t>(n));
  }
  int status = -1;
  EXPECT_EQ(waitpid(*pid, &status, 0), *pid);
  EXPECT_EQ(status, 0);
  return text;
}

TEST(SpawnTest, ChildHasTheListedDescriptorsOnly) {
  const UniqueFd extra(fcntl(0, F_DUPFD, 20));  // not close-on-exec
  EXPECT_EQ(Output("for n in 0 1 2 3 4 5 6 7 8 9 20 32 33 34 35; do "
                   "[ -e /proc/$$/fd/$n ] && echo -n $n; done; true"),
            "0123");
}

TEST(SpawnTest, ChildHasTheListedEnvironmentOnly) {
  EXPECT_EQ(Output("tr '\\0' '\\n' < /proc/$$/environ"), "ONLY=this\n");
}

TEST(SpawnTest, SignalsAreNeitherBlockedNorIgnored) {
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  sigprocmask(SIG_BLOCK, &blocked, &before);
  const auto pipe_before = signal(SIGPIPE, SIG_IGN);
  // 32 and 33 are the C library's own.
  EXPECT_THAT(Output("while read -r name set; do case $name in "
                     "SigBlk: | SigIgn:) echo -n $name${set#?????????} ;; "
                     "esac; done < /proc/$$/status"),
              "SigBlk:0000000SigIgn:0000000");
  signal(SIGPIPE, pipe_before);
  sigprocmask(SIG_SETMASK, &before, nullptr);
}

TEST(SpawnTest, KillReachesTheWholeGroup) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  SpawnOptions options;
  options.arguments = {"/bin/sh", "-c", "sleep 1000 & sleep 1000"};
  options.descriptors = {kNull, write_end.get(), kNull};
  const absl::StatusOr<pid_t> pid = Spawn(options);
  ASSERT_TRUE(pid.ok()) << pid.status();
  write_end.Close();
  KillGroup(*pid);
  char byte;
  // Every process that held the other end is gone.
  EXPECT_EQ(read(read_end.get(), &byte, 1), 0);
  EXPECT_EQ(waitpid(*pid, nullptr, 0), *pid);
}

TEST(SpawnTest, MissingProgramIsToldAtOnce) {
  SpawnOptions options;
  options.arguments = {"/nonexistent/program"};
  const absl::StatusOr<pid_t> pid = Spawn(options);
  EXPECT_EQ(pid.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(pid.status().message()),
              HasSubstr("cannot start \"/nonexistent/program\""));
}

}  // namespace
}  // namespace ruvector::process
