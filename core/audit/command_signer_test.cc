#include "core/audit/command_signer.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/audit/test_log.h"

namespace ruvector::audit {
namespace {

namespace fs = std::filesystem;

// Scripts that stand in for a KMS client: they answer with prepared text.
class CommandSignerTest : public testing::Test {
 protected:
  CommandSignerTest()
      : directory_(
            fs::path(testing::TempDir()) /
            testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::remove_all(directory_);
    fs::create_directories(directory_);
  }
  ~CommandSignerTest() override { fs::remove_all(directory_); }

  absl::StatusOr<Signature> Run(const std::string& body,
                                absl::Duration deadline = absl::Seconds(20)) {
    const std::string script = directory_ / "kms";
    std::ofstream(script) << "#!/bin/sh\n" << body << "\n";
    chmod(script.c_str(), 0700);
    CommandSigner::Options options;
    options.argv = {script, directory_};
    options.public_key = key_->public_key();
    options.deadline = deadline;
    CommandSigner signer(LinkedCrypto(), options);
    EXPECT_EQ(signer.key_id(), key_->key_id());
    return signer.Sign("prefix\n", "payload");
  }

  const fs::path directory_;
  const std::unique_ptr<Signer> key_ = TestSigner(1);
  const Signature expected_ = *key_->Sign("prefix\n", "payload");
};

TEST_F(CommandSignerTest, TakesHexAndBase64) {
  EXPECT_EQ(*Run("echo " + ToHex(expected_)), expected_);
  EXPECT_EQ(*Run("printf " + absl::AsciiStrToUpper(ToHex(expected_))),
            expected_);
  EXPECT_EQ(*Run("echo " + ToBase64(AsView(expected_))), expected_);
}

TEST_F(CommandSignerTest, GivesTheMessageAndTheArguments) {
  EXPECT_TRUE(Run("cat > $1/message; echo " + ToHex(expected_)).ok());
  std::ifstream in(directory_ / "message");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}),
            "prefix\npayload");
}

TEST_F(CommandSignerTest, ALongMessageThatIsNotReadDoesNoHarm) {
  const std::string long_payload(1 << 20, 'x');
  CommandSigner::Options options;
  options.argv = {"/bin/true"};
  options.public_key = key_->public_key();
  CommandSigner signer(LinkedCrypto(), options);
  EXPECT_EQ(signer.Sign("p", long_payload).status().code(),
            absl::StatusCode::kInternal);
}

TEST_F(CommandSignerTest, RefusesAnswersThatAreNotTheSignature) {
  Signature wrong = expected_;
  wrong[5] ^= 1;
  EXPECT_EQ(Run("echo " + ToHex(wrong)).status().code(),
            absl::StatusCode::kInternal);
  EXPECT_EQ(Run("echo hello").status().message(),
            absl::StrCat("signing command \"", (directory_ / "kms").string(),
                         "\" printed 6 bytes that are not a signature in hex "
                         "or base64"));
  EXPECT_EQ(Run("exec yes").status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(CommandSignerTest, ReportsFailureAndAbsence) {
  EXPECT_EQ(Run("exit 3").status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Run("kill -9 $$").status().code(), absl::StatusCode::kUnavailable);
  CommandSigner::Options options;
  options.argv = {"/nonexistent/kms"};
  CommandSigner signer(LinkedCrypto(), options);
  EXPECT_EQ(signer.Sign("", "").status().code(),
            absl::StatusCode::kUnavailable);
}

// Whether the process whose number the command left in `file` ends soon. Nobody
// may reap an orphan here, so a zombie has ended.
bool Ends(const fs::path& file) {
  std::ifstream in(file);
  std::string pid;
  if (!(in >> pid)) return false;
  for (int i = 0; i < 500; ++i) {
    std::ifstream stat("/proc/" + pid + "/stat");
    std::string number, name, state;
    if (!(stat >> number >> name >> state) || state == "Z") return true;
    absl::SleepFor(absl::Milliseconds(10));
  }
  return false;
}

TEST_F(CommandSignerTest, KillsTheGroupAtTheDeadline) {
  EXPECT_EQ(Run("sleep 100 & echo $! > $1/child; echo $$ > $1/leader; wait",
                absl::Seconds(2))
                .status()
                .code(),
            absl::StatusCode::kUnavailable);
  EXPECT_TRUE(Ends(directory_ / "leader"));
  EXPECT_TRUE(Ends(directory_ / "child"));
}

TEST_F(CommandSignerTest, KillsAnOrphanThatHoldsTheAnswerOpen) {
  EXPECT_EQ(Run("sleep 100 & echo $! > $1/child; echo " + ToHex(expected_),
                absl::Seconds(2))
                .status()
                .code(),
            absl::StatusCode::kUnavailable);
  EXPECT_TRUE(Ends(directory_ / "child"));
}

// The child sees neither our open files nor our signal settings.
TEST_F(CommandSignerTest, InheritsNothing) {
  signal(SIGTERM, SIG_IGN);
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  sigprocmask(SIG_BLOCK, &blocked, &before);
  const int leaked = open("/dev/null", O_RDONLY);  // no O_CLOEXEC
  ASSERT_GT(leaked, 2);
  EXPECT_TRUE(Run("ls /proc/self/fd > $1/files; "
                  "grep -E 'SigBlk|SigIgn' /proc/self/status > $1/signals; "
                  "echo " +
                  ToHex(expected_))
                  .ok());
  close(leaked);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  signal(SIGTERM, SIG_DFL);
  std::ifstream files(directory_ / "files");
  int fd, count = 0;
  while (files >> fd) ++count;
  EXPECT_LE(count, 4);  // the standard three and ls's own directory
  // glibc before 2.38 leaves two signals of its own ignored.
  std::ifstream signals(directory_ / "signals");
  EXPECT_THAT(
      std::string(std::istreambuf_iterator<char>(signals), {}),
      testing::AnyOf("SigBlk:\t0000000000000000\nSigIgn:\t0000000180000000\n",
                     "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"));
}

TEST(ParseCommandTest, SplitsAtBlanks) {
  EXPECT_EQ(*ParseCommand("/usr/bin/kms  --key\tprod "),
            (std::vector<std::string>{"/usr/bin/kms", "--key", "prod"}));
  EXPECT_FALSE(ParseCommand("").ok());
  EXPECT_FALSE(ParseCommand("  ").ok());
  EXPECT_FALSE(ParseCommand("kms --key").ok());
}

}  // namespace
}  // namespace ruvector::audit
