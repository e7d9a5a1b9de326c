// Against testdata/helper.sh, a helper without HTTP.
#include "core/kubernetes/kubernetes.h"

#include <stdlib.h>
#include <sys/wait.h>

#include <filesystem>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ruvector::kubernetes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

CallOptions Options() {
  CallOptions options;
  options.program =
      std::filesystem::absolute("core/kubernetes/testdata/helper.sh");
  options.access = {"https://127.0.0.1:1", "/nonexistent"};
  options.wait = strategy_host::WaitWithPoll;
  return options;
}

ScaleRequest Of(const std::string& name) {
  return {*ParseObjectRef("db/StatefulSet/" + name), 2, 3, true};
}

ScaleOutcome Scaled(const std::string& name,
                    absl::Duration time = absl::Seconds(20),
                    const std::function<bool()>& stop = nullptr,
                    const CallOptions& options = Options()) {
  return Scale(Of(name), options, absl::Now() + time, stop, nullptr);
}

class KubernetesTest : public testing::Test {
 protected:
  void TearDown() override {
    // Nothing of ours is left, not even to be taken leave of.
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
  }
};

TEST_F(KubernetesTest, TellsProgressAndTheOutcome) {
  std::vector<std::string> phases;
  const ScaleOutcome outcome =
      Scale(Of("fine"), Options(), absl::Now() + absl::Seconds(20), nullptr,
            [&](const Progress& progress) {
              phases.emplace_back(PhaseName(progress.phase));
            });
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.effect, Effect::kDone);
  EXPECT_EQ(outcome.previous, 2);
  EXPECT_EQ(outcome.replicas->ready, 3);
  EXPECT_THAT(phases, ElementsAre("reading", "writing", "waiting"));
}

TEST_F(KubernetesTest, Reads) {
  const ObjectRef object = Of("get").object;
  const absl::StatusOr<ReplicaStatus> status =
      Read(object, Options(), absl::Now() + absl::Seconds(20), nullptr);
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->ready, 3);
  EXPECT_EQ(Read(Of("refused").object, Options(),
                 absl::Now() + absl::Seconds(20), nullptr)
                .status()
                .code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(KubernetesTest, TheHelpersRefusalIsPassedOn) {
  const ScaleOutcome outcome = Scaled("refused");
  EXPECT_EQ(outcome.status, absl::PermissionDeniedError("no"));
  EXPECT_EQ(outcome.effect, Effect::kNone);
}

TEST_F(KubernetesTest, ADeadHelperLeavesWhatItHadSaid) {
  ScaleOutcome outcome = Scaled("die");
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(outcome.effect, Effect::kNone);
  outcome = Scaled("die-writing");
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(outcome.effect, Effect::kUnknown);
  EXPECT_EQ(outcome.previous, 2);
}

TEST_F(KubernetesTest, ASilentHelperIsKilledAfterTheDeadline) {
  const absl::Time start = absl::Now();
  const ScaleOutcome outcome =
      Scaled("silent-waiting", absl::Milliseconds(300));
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(outcome.effect, Effect::kDone);
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
}

TEST_F(KubernetesTest, IsStoppedAtOnce) {
  for (const auto& [name, effect] : std::vector<std::pair<std::string, Effect>>{
           {"silent", Effect::kNone},
           {"silent-writing", Effect::kUnknown},
           {"silent-waiting", Effect::kDone}}) {
    const absl::Time start = absl::Now();
    const ScaleOutcome outcome = Scaled(name, absl::Seconds(60), [&] {
      return absl::Now() - start > absl::Milliseconds(200);
    });
    EXPECT_EQ(outcome.status.code(), absl::StatusCode::kCancelled);
    EXPECT_EQ(outcome.effect, effect) << name;
    EXPECT_LT(absl::Now() - start, absl::Seconds(3));
  }
}

TEST_F(KubernetesTest, AnErrorOfTheWaitEndsIt) {
  CallOptions options = Options();
  options.wait = [](int, bool, absl::Time) {
    return absl::UnavailableError("the postmaster is gone");
  };
  EXPECT_EQ(Scaled("silent", absl::Seconds(60), nullptr, options).status.code(),
            absl::StatusCode::kUnavailable);
}

// What it said before it was killed counts, also if nobody had read it yet.
TEST_F(KubernetesTest, AnOutcomeThatComesWithTheStopIsHeard) {
  CallOptions options = Options();
  int waits = 0;
  options.wait = [&](int, bool, absl::Time) {
    absl::SleepFor(absl::Milliseconds(500));
    ++waits;
    return absl::CancelledError("stop");
  };
  const ScaleOutcome outcome =
      Scaled("fine", absl::Seconds(60), nullptr, options);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.effect, Effect::kDone);
  EXPECT_EQ(waits, 1);
}

TEST_F(KubernetesTest, RubbishIsNoOutcome) {
  ScaleOutcome outcome = Scaled("rubbish");
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(outcome.effect, Effect::kUnknown);
  outcome = Scaled("endless");
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(outcome.status.message()), HasSubstr("line"));
}

TEST_F(KubernetesTest, RefusesBeforeItStartsAnything) {
  CallOptions options = Options();
  options.access.server = "http://127.0.0.1:1";
  EXPECT_EQ(Scaled("fine", absl::Seconds(9), nullptr, options).status.code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Scaled("fine", absl::ZeroDuration()).status.code(),
            absl::StatusCode::kDeadlineExceeded);
  options = Options();
  options.program = "/nonexistent";
  EXPECT_EQ(Scaled("fine", absl::Seconds(9), nullptr, options).status.code(),
            absl::StatusCode::kUnavailable);
  ScaleRequest request = Of("fine");
  request.requested = kMostReplicas + 1;
  EXPECT_EQ(Scale(request, Options(), absl::Now() + absl::Seconds(9), nullptr,
                  nullptr)
                .status.code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(KubernetesTest, AnInfiniteDeadlineIsADay) {
  const ScaleOutcome outcome =
      Scale(Of("fine"), Options(), absl::InfiniteFuture(), nullptr, nullptr);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
}

TEST(InClusterServerTest, IsWhatThePodsEnvironmentNames) {
  unsetenv("KUBERNETES_SERVICE_HOST");
  EXPECT_EQ(InClusterServer().status().code(),
            absl::StatusCode::kFailedPrecondition);
  setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1", 1);
  unsetenv("KUBERNETES_SERVICE_PORT");
  EXPECT_EQ(*InClusterServer(), "https://10.96.0.1:443");
  setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
  setenv("KUBERNETES_SERVICE_PORT", "6443", 1);
  EXPECT_EQ(*InClusterServer(), "https://[fd00::1]:6443");
}

}  // namespace
}  // namespace ruvector::kubernetes
