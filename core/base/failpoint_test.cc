#include "core/base/failpoint.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace ruvector::failpoint {
namespace {

absl::Status Guarded() {
  RV_FAILPOINT("test.status");
  return absl::OkStatus();
}

absl::StatusOr<int> GuardedValue() {
  RV_FAILPOINT("test.value");
  return 7;
}

class FailpointTest : public testing::Test {
 protected:
  ~FailpointTest() override { SetConfiguration(nullptr); }
};

// Runs Guarded() in a child, where it may hang or die.
pid_t Fork() {
  const pid_t child = fork();
  if (child == 0) _exit(Guarded().ok() ? 0 : 1);
  return child;
}

TEST_F(FailpointTest, UnsetLetsPass) {
  EXPECT_TRUE(Guarded().ok());
  EXPECT_EQ(GuardedValue().value(), 7);
  SetConfiguration("");
  EXPECT_TRUE(Guarded().ok());
}

TEST_F(FailpointTest, ErrorNamesTheFailpoint) {
  SetConfiguration("other=kill,test.status=error");
  EXPECT_EQ(Guarded(),
            absl::InternalError("failpoint \"test.status\": error injected"));
  EXPECT_EQ(GuardedValue().value(), 7);
  SetConfiguration("test.value=error");
  EXPECT_EQ(GuardedValue().status().code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(Guarded().ok());
  EXPECT_FALSE(Check("test.value").ok());
}

TEST_F(FailpointTest, NamesMatchWhole) {
  SetConfiguration("test=error,test.statu=error,test.status2=error");
  EXPECT_TRUE(Guarded().ok());
}

TEST_F(FailpointTest, TheFirstEntryCounts) {
  SetConfiguration("test.status=error,test.status=kill");
  EXPECT_FALSE(Guarded().ok());
}

TEST_F(FailpointTest, KillIsSigkill) {
  SetConfiguration("test.status=kill");
  const pid_t child = Fork();
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
}

TEST_F(FailpointTest, HangDoesNotReturnUntilKilled) {
  SetConfiguration("test.status=hang");
  const pid_t child = Fork();
  absl::SleepFor(absl::Milliseconds(100));
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, WNOHANG), 0);
  ASSERT_EQ(kill(child, SIGKILL), 0);
  ASSERT_EQ(waitpid(child, &status, 0), child);
}

void EndHang(int) { SetConfiguration(nullptr); }

TEST_F(FailpointTest, HangEndsWhenItIsNoLongerConfigured) {
  SetConfiguration("test.status=hang");
  signal(SIGALRM, EndHang);
  alarm(1);
  EXPECT_TRUE(Guarded().ok());
  signal(SIGALRM, SIG_DFL);
}

int hang_calls = 0;

TEST_F(FailpointTest, AHangTellsAndCanBeEndedByWhatItCalls) {
  OnHang([](std::string_view name, bool first) {
    EXPECT_EQ(name, "test.status");
    EXPECT_EQ(first, hang_calls == 0);
    if (++hang_calls == 3) SetConfiguration(nullptr);
  });
  SetConfiguration("test.status=hang");
  EXPECT_TRUE(Guarded().ok());
  OnHang(nullptr);
  EXPECT_EQ(hang_calls, 3);
}

TEST_F(FailpointTest, SleepTakesItsTime) {
  SetConfiguration("test.status=sleep:30");
  const absl::Time begin = absl::Now();
  EXPECT_TRUE(Guarded().ok());
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(30));
}

TEST(FailpointValidateTest, AcceptsTheGrammar) {
  for (const char* good :
       {"", "a=error", "a.b_c.9=kill", "a=hang,b=sleep:0,c=sleep:3600000"}) {
    EXPECT_TRUE(Validate(good).ok()) << good;
  }
}

TEST(FailpointValidateTest, RefusesEverythingElseAndQuotesIt) {
  for (const char* bad :
       {"a", "a=", "=error", "a=Error", "a=sleep", "a=sleep:", "a=sleep:x",
        "a=sleep:3600001", "a=sleep:99999999999", "a=sleep:-1", "A=error",
        "a b=error", " a=error", "a=error ", "a=kill:1"}) {
    const absl::Status status = Validate(bad);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_NE(std::string(status.message()).find(std::string("\"") + bad),
              std::string::npos)
        << status;
  }
  for (const char* bad : {"a=error,", ",a=error", "a=error,,b=error", ","}) {
    EXPECT_FALSE(Validate(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace ruvector::failpoint
