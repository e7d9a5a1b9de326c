// Against testdata/helper.sh, a helper without HTTP.
#include "core/notify/webhook_sender.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ruvector::notify {
namespace {

using testing::HasSubstr;

WebhookSender::Options Fast() {
  WebhookSender::Options options;
  options.program = std::filesystem::absolute("core/notify/testdata/helper.sh");
  options.first_pause = absl::Milliseconds(1);
  options.longest_pause = absl::Milliseconds(4);
  return options;
}

WebhookMessage To(const std::string& path, int collection = 1) {
  return {collection, "http://h" + path, "{}"};
}

class WebhookSenderTest : public testing::Test {
 protected:
  void Send(WebhookMessage message) { sender_.Send(std::move(message), now_); }

  // Turns, waiting for the helper like a worker, until `done` holds.
  template <class F>
  void TurnUntil(F done) {
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    while (!done() && absl::Now() < deadline) {
      sender_.Turn(absl::Now());
      pollfd ready{sender_.socket(), POLLIN, 0};
      poll(&ready, 1, 5);
    }
    ASSERT_TRUE(done());
  }
  void TurnUntilSettled() {
    TurnUntil([&] { return sender_.pending() == 0; });
  }
  WebhookChange Change(const WebhookMessage& m) {
    const auto found = sender_.changes().find({m.collection_id, m.url});
    return found == sender_.changes().end() ? WebhookChange() : found->second;
  }

  absl::Time now_ = absl::Now();
  WebhookSender sender_{Fast(), now_};
};

TEST_F(WebhookSenderTest, CountsByCollectionAndUrl) {
  Send(To("/ok"));
  Send(To("/fail"));
  Send(To("/ok"));
  Send(To("/ok", 2));
  EXPECT_EQ(sender_.socket(), -1) << "no helper before it is needed";
  TurnUntilSettled();
  const WebhookChange ok = Change(To("/ok"));
  EXPECT_EQ(ok.delivered, 2);
  EXPECT_EQ(ok.failed, 0);
  EXPECT_EQ(ok.status, 200);
  EXPECT_EQ(ok.delivered_at, absl::FromUnixSeconds(7));
  EXPECT_EQ(ok.error, "");
  EXPECT_EQ(Change(To("/ok", 2)).delivered, 1);
  const WebhookChange fail = Change(To("/fail"));
  EXPECT_EQ(fail.failed, 1);
  EXPECT_EQ(fail.status, std::nullopt);
  EXPECT_TRUE(fail.attempted);
  EXPECT_EQ(fail.attempt_at, absl::FromUnixSeconds(8));
  EXPECT_EQ(fail.delivered_at, std::nullopt);
  EXPECT_EQ(fail.error, "refused");
  sender_.ChangesStored();
  EXPECT_TRUE(sender_.changes().empty());
  EXPECT_EQ(sender_.NextTurn(absl::Now()), absl::InfiniteDuration());
}

TEST_F(WebhookSenderTest, WhatIsTooMuchIsDroppedAndCounted) {
  for (int i = 0; i < 70; ++i) Send(To("/silent"));
  EXPECT_EQ(sender_.pending(), 64u);
  EXPECT_EQ(Change(To("/silent")).dropped, 6);
  EXPECT_FALSE(Change(To("/silent")).attempted);
  for (int i = 0; i < 2000; ++i) Send(To(absl::StrCat("/silent/", i)));
  EXPECT_EQ(sender_.pending(), 1024u);
  EXPECT_EQ(Change(To("/silent/1999")).dropped, 1);
}

TEST_F(WebhookSenderTest, AFullSocketIsNotWaitedFor) {
  WebhookMessage large = To("/silent");
  large.body.assign(100000, ' ');
  for (int i = 0; i < 64; ++i) Send(large);
  sender_.Turn(absl::Now());
  EXPECT_LT(sender_.NextTurn(absl::Now()), absl::Seconds(1));
  EXPECT_EQ(sender_.pending(), 64u);
}

TEST_F(WebhookSenderTest, AMessageThatKillsHelpersIsGivenUp) {
  Send(To("/ok"));
  Send(To("/die"));
  TurnUntilSettled();
  EXPECT_EQ(Change(To("/ok")).delivered, 1);
  EXPECT_EQ(Change(To("/die")).failed, 1) << "after three helpers";
  EXPECT_FALSE(Change(To("/die")).attempted);
  EXPECT_THAT(Change(To("/die")).error, HasSubstr("ended 3 times"));
  EXPECT_THAT(sender_.TakeComplaint(), HasSubstr("ended; it is started again"));
  Send(To("/ok"));
  TurnUntilSettled();
  EXPECT_EQ(Change(To("/ok")).delivered, 2);
}

TEST_F(WebhookSenderTest, GoesOnAfterTheHelperWasKilled) {
  Send(To("/ok"));
  TurnUntilSettled();
  sender_.ChangesStored();
  Send(To("/silent"));
  TurnUntil([&] {
    return sender_.NextTurn(absl::Now()) == absl::InfiniteDuration();
  });
  // The newest child; earlier tests' may not be reaped yet.
  const std::string children =
      absl::StrCat("/proc/self/task/", getpid(), "/children");
  FILE* file = fopen(children.c_str(), "r");
  ASSERT_NE(file, nullptr);
  int child = 0;
  for (int next; fscanf(file, "%d", &next) == 1;) child = next;
  ASSERT_GT(child, 0);
  fclose(file);
  ASSERT_EQ(kill(child, SIGKILL), 0);
  TurnUntil([&] { return sender_.socket() < 0; });
  Send(To("/ok"));
  TurnUntil([&] { return Change(To("/ok")).delivered == 1; });
  EXPECT_EQ(sender_.pending(), 1u) << "the silent one is with the new helper";
}

TEST(WebhookSenderStartTest, AMissingHelperIsToldOnceAndGivenUpInTheEnd) {
  WebhookSender::Options options = Fast();
  options.program = "/nowhere/ruvector-webhook";
  absl::Time now = absl::Now();
  WebhookSender sender(options, now);
  sender.Send(To("/ok"), now);
  sender.Turn(now);
  EXPECT_THAT(sender.TakeComplaint(),
              HasSubstr("cannot start \"/nowhere/ruvector-webhook\": No such"));
  EXPECT_EQ(sender.pending(), 1u);
  EXPECT_THAT(sender.changes().begin()->second.error, HasSubstr("No such"));
  EXPECT_EQ(sender.changes().begin()->second.failed, 0);
  EXPECT_EQ(sender.NextTurn(now), options.first_pause);
  now += absl::Seconds(1);
  sender.Turn(now);
  EXPECT_EQ(sender.TakeComplaint(), "") << "said once";
  now += options.patience;
  sender.Turn(now);
  EXPECT_EQ(sender.pending(), 0u);
  EXPECT_EQ(sender.changes().begin()->second.failed, 1);
}

TEST(HelperProcessTest, InheritsFourDescriptorsAndTheNamedVariables) {
  const int inherited = fcntl(0, F_DUPFD, 20);  // without O_CLOEXEC
  ASSERT_GE(inherited, 20);
  setenv("https_proxy", "http://proxy:3128", 1);
  setenv("PGPASSWORD", "secret", 1);
  signal(SIGUSR1, SIG_IGN);
  HelperProcess helper;
  const std::string program =
      std::filesystem::absolute("core/notify/testdata/helper.sh");
  ASSERT_TRUE(helper.Start(program, HttpEnvironment()).ok());
  const std::string proc = absl::StrCat("/proc/", helper.pid());
  std::string environment, status;
  const auto read = [](const std::string& path, std::string& text) {
    FILE* file = fopen(path.c_str(), "r");
    char block[8192];
    text.assign(block, fread(block, 1, sizeof(block), file));
    fclose(file);
  };
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (environment.empty() && absl::Now() < deadline) {
    read(proc + "/environ", environment);  // empty in the middle of exec
  }
  read(proc + "/status", status);
  EXPECT_THAT(environment, HasSubstr("https_proxy=http://proxy:3128"));
  EXPECT_FALSE(absl::StrContains(environment, "secret"));
  const size_t ignored = status.find("SigIgn:\t");
  ASSERT_NE(ignored, std::string::npos);
  EXPECT_EQ(std::stoull(status.substr(ignored + 8, 16), nullptr, 16) >>
                    (SIGUSR1 - 1) &
                1,
            0u);
  // A shell keeps its script open above 254, after a moment; what it has
  // inherited would stay.
  std::vector<int> others = {inherited};
  while (!others.empty() && absl::Now() < deadline) {
    others.clear();
    for (const auto& entry :
         std::filesystem::directory_iterator(proc + "/fd")) {
      const int fd = std::stoi(entry.path().filename());
      if (fd > 3 && fd < 250) others.push_back(fd);
    }
  }
  EXPECT_TRUE(others.empty()) << others.front();
  const pid_t pid = helper.pid();
  helper.End();
  while (kill(pid, 0) == 0) helper.Reap();
  EXPECT_EQ(waitpid(pid, nullptr, WNOHANG), -1) << "reaped";
  close(inherited);
}

}  // namespace
}  // namespace ruvector::notify
