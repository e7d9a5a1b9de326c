// Runs the program itself, as a user would.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "core/audit/test_log.h"

namespace ruvector::audit {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

json HexList(const std::vector<Hash>& hashes) {
  json list = json::array();
  for (const Hash& hash : hashes) list.push_back(ToHex(hash));
  return list;
}

struct Outcome {
  int status = -1;
  std::string output;  // both streams
};

class VerifyTest : public testing::Test {
 protected:
  VerifyTest()
      : directory_(
            fs::path(testing::TempDir()) /
            testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::remove_all(directory_);
    fs::create_directories(directory_);
    log_.AppendMany(8, *signer_);
    const SignedCheckpoint anchor = log_.Checkpoint(*signer_);
    Write("anchor", FormatCheckpoint(anchor) + "\n");
    log_.Prune(0, 3, *signer_);
    log_.AppendMany(3, *signer_);
    Write("keys", FormatKeys(TrustAll({signer_.get()})));
    Write("log", log_.Export(*signer_, 0, {anchor}));
  }
  ~VerifyTest() override { fs::remove_all(directory_); }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name, std::ios::binary) << text;
  }
  // `arguments` see the directory as the current one.
  Outcome Run(const std::string& arguments) {
    const fs::path program =
        fs::current_path() / "tools/verify/ruvector-verify";
    const std::string command = "cd " + directory_.string() + " && " +
                                program.string() + " " + arguments + " 2>&1";
    Outcome outcome;
    FILE* const pipe = popen(command.c_str(), "r");
    char buffer[4096];
    size_t got;
    while ((got = fread(buffer, 1, sizeof buffer, pipe)) > 0) {
      outcome.output.append(buffer, got);
    }
    outcome.status = WEXITSTATUS(pclose(pipe));
    return outcome;
  }

  const fs::path directory_;
  const std::unique_ptr<Signer> signer_ = TestSigner(1);
  TestLog log_;
};

TEST_F(VerifyTest, VerifiesForPeople) {
  const Outcome outcome = Run("--keys keys --checkpoint anchor log");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.output,
            "VERIFIED\n"
            "  log                07070707070707070707070707070707\n"
            "  sequences          0 up to, not including, 12\n"
            "  events verified    9\n"
            "  events pruned      3\n"
            "  checkpoints        2 in the file, 1 given\n"
            "  time range         2026-11-20T10:00:03.000000Z to "
            "2026-11-20T10:00:11.000000Z\n"
            "  clock steps back   0\n"
            "  key                " +
                signer_->key_id() + ", 9 events\n");
}

TEST_F(VerifyTest, VerifiesForPrograms) {
  const Outcome outcome = Run("--json --keys keys - < log");
  EXPECT_EQ(outcome.status, 0);
  const json verdict = json::parse(outcome.output);
  EXPECT_EQ(verdict["verified"], true);
  EXPECT_EQ(verdict["events_verified"], 9);
  EXPECT_EQ(verdict["keys"][signer_->key_id()], 9);
  EXPECT_EQ(verdict["faults"], json::array());
}

TEST_F(VerifyTest, PrintsEvents) {
  const Outcome outcome = Run("--events --keys keys log");
  const json first =
      json::parse(outcome.output.substr(0, outcome.output.find('\n')));
  EXPECT_EQ(first["sequence"], 3);
  EXPECT_EQ(first["created_at"], "2026-11-20T10:00:03.000000Z");
  EXPECT_EQ(first["witness_edges"][0]["from"], 3);
  EXPECT_EQ(first["signer"], signer_->key_id());
  EXPECT_EQ(first.count("lambda2"), 0u);
}

TEST_F(VerifyTest, LocatesAFault) {
  std::string file = log_.Export(*signer_);
  file[file.size() / 2] ^= 1;
  Write("log", file);
  const Outcome outcome = Run("--json --keys keys log");
  EXPECT_EQ(outcome.status, 1);
  const json verdict = json::parse(outcome.output);
  EXPECT_EQ(verdict["verified"], false);
  EXPECT_EQ(verdict["faults"][0]["kind"], "damaged_line");
  EXPECT_EQ(verdict["faults"][0]["line"],
            1 + std::count(file.begin(), file.begin() + file.size() / 2, '\n'));
  const Outcome text = Run("--keys keys log");
  EXPECT_EQ(text.status, 1);
  EXPECT_EQ(text.output.find("NOT VERIFIED: 1 fault\n"), 0u);
}

TEST_F(VerifyTest, HoldsTheLogToAGivenCheckpoint) {
  TestLog rewritten;
  rewritten.Append(TestEvent(77), *signer_);
  rewritten.AppendMany(11, *signer_);
  Write("log", rewritten.Export(*signer_));
  EXPECT_EQ(Run("--keys keys log").status, 0);
  const Outcome outcome = Run("--keys keys --checkpoint anchor log");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.output.find("fault checkpoint_mismatch, event -, line -: "
                                "given checkpoint of 8 events: "),
            std::string::npos)
      << outcome.output;
}

// The log and every private key are gone; the keys file, one checkpoint and the
// proof are enough.
TEST_F(VerifyTest, ProvesOneEventWithoutTheLog) {
  const auto leaf = [&](uint64_t i) -> absl::StatusOr<Hash> {
    return log_.rows()[i].sealed.leaf_hash;
  };
  json proof = {
      {"id", 5},
      {"tree_size", 8},
      {"leaf_hash", ToHex(*leaf(5))},
      {"proof", HexList(*InclusionProof(LinkedCrypto(), 5, 8, leaf))}};
  const auto judge = [&](const json& changed) {
    Write("proof", changed.dump());
    return Run("--keys keys --checkpoint anchor --proof proof");
  };
  Outcome outcome = judge(proof);
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.output,
            "VERIFIED: the leaf hash is number 5 of log "
            "07070707070707070707070707070707 as its checkpoint of 8 events "
            "has it\n");
  proof["payload"] = ToHex(log_.rows()[5].sealed.payload);
  proof["signature"] = ToHex(log_.rows()[5].sealed.signature);
  EXPECT_EQ(judge(proof).output.find("VERIFIED: the event is number 5"), 0u);

  json changed = proof;
  changed["id"] = 4;
  EXPECT_EQ(judge(changed).status, 1);
  changed = proof;
  changed["leaf_hash"] = ToHex(*leaf(6));
  EXPECT_EQ(judge(changed).status, 1);
  changed = proof;
  changed["payload"] = ToHex(log_.rows()[6].sealed.payload);
  changed["signature"] = ToHex(log_.rows()[6].sealed.signature);
  EXPECT_EQ(judge(changed).status, 1);
  changed = proof;
  changed["signature"] = std::string(128, '0');
  outcome = judge(changed);
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.output.find("NOT VERIFIED: event 5: bad_signature, "), 0u);
  changed = proof;
  changed["tree_size"] = 9;
  outcome = judge(changed);
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.output,
            "ruvector-verify: the proof needs a checkpoint of 9 events: none "
            "is given\n");
  changed = proof;
  changed["proof"][0] = 7;
  EXPECT_EQ(judge(changed).status, 2);
  changed.erase("proof");
  EXPECT_EQ(judge(changed).status, 2);
  EXPECT_EQ(judge("text").status, 2);

  Write("keys", FormatKeys(TrustAll({TestSigner(2).get()})));
  EXPECT_EQ(judge(proof).status, 1);
}

TEST_F(VerifyTest, ProvesGrowthWithoutTheLog) {
  Write("anchors", FormatCheckpoint(log_.Checkpoint(*signer_)) + "\n");
  const auto leaf = [&](uint64_t i) -> absl::StatusOr<Hash> {
    return log_.rows()[i].sealed.leaf_hash;
  };
  json proof = {
      {"old_size", 8},
      {"new_size", 12},
      {"proof", HexList(*ConsistencyProof(LinkedCrypto(), 8, 12, leaf))}};
  Write("proof", proof.dump());
  const std::string command =
      "--json --keys keys --checkpoint anchor --checkpoint anchors --proof ";
  Outcome outcome = Run(command + "- < proof");
  EXPECT_EQ(outcome.status, 0) << outcome.output;
  EXPECT_EQ(json::parse(outcome.output)["verified"], true);
  proof["proof"][0] = std::string(64, '0');
  Write("proof", proof.dump());
  outcome = Run(command + "proof");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(json::parse(outcome.output)["detail"],
            "proof does not lead to the root");
}

TEST_F(VerifyTest, CannotJudge) {
  Write("empty", "");
  Write("nokeys", "ruvector-keys 1\n");
  for (const char* arguments :
       {"", "--keys keys", "log", "--keys", "--bogus --keys keys log",
        "--keys keys log log", "--keys missing log", "--keys keys missing",
        "--keys log log", "--keys nokeys log", "--keys keys .",
        "--keys keys --checkpoint keys log",
        "--keys keys --checkpoint empty log"}) {
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.status, 2) << arguments << "\n" << outcome.output;
    EXPECT_EQ(outcome.output.find("ruvector-verify: "), 0u) << arguments;
  }
  EXPECT_EQ(Run("--help").status, 0);
  EXPECT_EQ(Run("--keys keys log > /dev/full").status, 2);
  // An empty export is not a verified one.
  EXPECT_EQ(Run("--keys keys empty").status, 1);
}

}  // namespace
}  // namespace ruvector::audit
