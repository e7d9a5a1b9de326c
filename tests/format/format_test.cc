// Two implementations of docs/formats/audit-log.md against each other:
// core/audit and verify_export.py, which was written from the document. They
// must agree on every file, good or bad, and on the place of the first fault.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/audit/export_verifier.h"
#include "core/audit/test_log.h"
#include "core/base/rng.h"

namespace ruvector::audit {
namespace {

namespace fs = std::filesystem;

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// "ok", or "fault KIND SEQUENCE LINE", as verify_export.py says it.
std::string OurVerdict(const KeySet& keys, const std::string& file) {
  std::istringstream input(file);
  const ExportReport report = VerifyExport(LinkedCrypto(), keys, input);
  if (report.ok()) return "ok";
  const ExportFault& fault = report.faults.front();
  const auto place = [](const std::optional<uint64_t>& value) {
    return value.has_value() ? absl::StrCat(*value) : "-";
  };
  return absl::StrCat("fault ", fault.kind, " ", place(fault.sequence), " ",
                      place(fault.line));
}

class FormatTest : public testing::Test {
 protected:
  FormatTest()
      : directory_(
            fs::path(testing::TempDir()) /
            testing::UnitTest::GetInstance()->current_test_info()->name()),
        keys_(LinkedCrypto()) {
    fs::remove_all(directory_);
    fs::create_directories(directory_);
    log_.AppendMany(9, *first_);
    inner_.push_back(log_.Checkpoint(*first_));
    log_.AppendMany(4, *second_);
    log_.Prune(0, 3, *second_);
    const SignedCheckpoint first = inner_.back();
    inner_.push_back(log_.Checkpoint(*second_, &first));
    log_.AppendMany(3, *second_);
    TrustedKey old_key, new_key;
    old_key.public_key = first_->public_key();
    old_key.valid_until_us = kTestEpochUs + 9 * kTestStepUs + 1;
    old_key.revoked_at_us = kTestEpochUs + 100 * kTestStepUs;
    new_key.public_key = second_->public_key();
    new_key.valid_from_us = kTestEpochUs + 9 * kTestStepUs;
    EXPECT_TRUE(keys_.Add(old_key).ok());
    EXPECT_TRUE(keys_.Add(new_key).ok());
  }
  ~FormatTest() override { fs::remove_all(directory_); }

  static bool PythonIsThere() {
    return std::system(
               "/usr/bin/python3 -c 'import cryptography' "
               "> /dev/null 2>&1") == 0;
  }

  void Compare(const std::vector<std::string>& files) {
    std::ofstream(directory_ / "keys") << FormatKeys(keys_);
    std::string command =
        absl::StrCat("/usr/bin/python3 tests/format/verify_export.py ",
                     (directory_ / "keys").string());
    for (size_t i = 0; i < files.size(); ++i) {
      const fs::path path = directory_ / absl::StrCat(i);
      std::ofstream(path, std::ios::binary) << files[i];
      absl::StrAppend(&command, " ", path.string());
    }
    std::string output;
    FILE* const pipe = popen((command + " 2>&1").c_str(), "r");
    char buffer[4096];
    size_t got;
    while ((got = fread(buffer, 1, sizeof buffer, pipe)) > 0) {
      output.append(buffer, got);
    }
    pclose(pipe);
    const std::vector<std::string> theirs =
        absl::StrSplit(output, '\n', absl::SkipEmpty());
    ASSERT_EQ(theirs.size(), files.size()) << output;
    for (size_t i = 0; i < files.size(); ++i) {
      EXPECT_EQ(OurVerdict(keys_, files[i]), theirs[i]) << i;
    }
  }

  // The line again with a check that fits it.
  static std::string WithCheck(const std::string& body) {
    const Hash hash = LinkedCrypto().Sha256(body);
    return absl::StrCat(body, " ", ToHex(AsView(hash).substr(0, 8)));
  }

  const fs::path directory_;
  const std::unique_ptr<Signer> first_ = TestSigner(1);
  const std::unique_ptr<Signer> second_ = TestSigner(2);
  KeySet keys_;
  TestLog log_;
  std::vector<SignedCheckpoint> inner_;
};

TEST_F(FormatTest, BothAcceptGoodExports) {
  if (!PythonIsThere()) GTEST_SKIP() << "python3-cryptography is not there";
  std::vector<std::string> files;
  for (uint64_t begin = 0; begin <= 17; ++begin) {
    files.push_back(log_.Export(*second_, begin));
    EXPECT_EQ(OurVerdict(keys_, files.back()), "ok") << begin;
  }
  files.push_back(log_.Export(*second_, 0, inner_));
  files.push_back(TestLog().Export(*second_));
  Compare(files);
}

TEST_F(FormatTest, BothLocateTheSameDamage) {
  if (!PythonIsThere()) GTEST_SKIP() << "python3-cryptography is not there";
  const std::string file = log_.Export(*second_, 1, inner_);
  std::vector<std::string> files;
  for (size_t bit = 5; bit < file.size() * 8; bit += 1009) {
    files.push_back(file);
    files.back()[bit / 8] ^= static_cast<char>(1 << (bit % 8));
  }
  for (size_t size = 0; size < file.size(); size += 401) {
    files.push_back(file.substr(0, size));
  }
  Compare(files);
}

// Lines edited by someone who knows the format, signatures apart.
TEST_F(FormatTest, BothLocateTheSameTampering) {
  if (!PythonIsThere()) GTEST_SKIP() << "python3-cryptography is not there";
  const std::string file = log_.Export(*second_, 1, inner_);
  std::vector<std::string> lines = absl::StrSplit(file, '\n');
  lines.pop_back();
  std::vector<std::string> files;
  const auto add = [&](const std::vector<std::string>& changed) {
    files.push_back(absl::StrJoin(changed, "\n") + "\n");
  };
  Rng rng(3);
  for (size_t n = 0; n < lines.size(); ++n) {
    std::vector<std::string> changed = lines;
    changed.erase(changed.begin() + n);
    add(changed);
    changed = lines;
    changed.insert(changed.begin() + rng.Below(lines.size()), lines[n]);
    add(changed);
    changed = lines;
    std::swap(changed[n], changed[rng.Below(lines.size())]);
    add(changed);
    changed.assign(lines.begin(), lines.begin() + n);
    add(changed);
    const std::string body = lines[n].substr(0, lines[n].size() - 17);
    for (int i = 0; i < 5; ++i) {
      std::string edited = body;
      edited[rng.Below(edited.size())] ^= static_cast<char>(1 << rng.Below(7));
      changed = lines;
      changed[n] = WithCheck(edited);
      add(changed);
    }
  }
  Compare(files);
}

// What only a holder of a key can do.
TEST_F(FormatTest, BothJudgeKeysAlike) {
  if (!PythonIsThere()) GTEST_SKIP() << "python3-cryptography is not there";
  std::vector<std::string> files;
  files.push_back(log_.Export(*first_));  // an old key closes
  for (const int64_t time_step : {3, 9, 50, 100, 200}) {
    TestLog late;
    late.AppendMany(9, *first_);
    late.AppendMany(4, *second_);
    Event event = TestEvent(1);
    event.created_at_us = kTestEpochUs + time_step * kTestStepUs;
    late.Append(event, *first_);
    files.push_back(late.Export(*second_));
    TestLog early;
    event.created_at_us = kTestEpochUs + time_step * kTestStepUs - 1;
    early.Append(event, *second_);
    early.AppendMany(9, *first_);
    files.push_back(early.Export(*second_));
  }
  TestLog unexplained;
  unexplained.AppendMany(12, *second_);
  unexplained.rows()[5].pruned = true;
  files.push_back(unexplained.Export(*second_));
  files.push_back(TestLog().Export(*TestSigner(3)));
  Compare(files);
}

// The golden bytes that the document prints between two of its lines.
std::optional<std::string> PrintedBytes(const std::string& from,
                                        const std::string& to) {
  const std::string document = ReadFile("docs/formats/audit-log.md");
  const size_t begin = document.find(from);
  const size_t end = document.find(to, begin);
  if (end == std::string::npos) return std::nullopt;
  std::string hex;
  std::istringstream section(document.substr(begin, end - begin));
  const std::regex bytes("    [0-9a-f ]+");
  for (std::string line; std::getline(section, line);) {
    if (std::regex_match(line, bytes)) hex += line;
  }
  hex.erase(std::remove(hex.begin(), hex.end(), ' '), hex.end());
  return FromHex(hex);
}

TEST(DocumentTest, GoldenBytesOfACheckpointAreOurs) {
  const auto payload =
      PrintedBytes("### Golden bytes of a checkpoint", "## Keys");
  ASSERT_TRUE(payload.has_value());
  EXPECT_EQ(payload->size(), 201u);
  const auto checkpoint = DecodeCheckpoint(*payload);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->number, 3u);
  EXPECT_EQ(checkpoint->tree_size, 258u);
  EXPECT_EQ(checkpoint->previous[0], 0xcc);
  EXPECT_EQ(checkpoint->created_at_us, kTestEpochUs);
}

TEST(DocumentTest, GoldenBytesAreOurs) {
  const auto payload = PrintedBytes("### Golden bytes", "The field of a prune");
  ASSERT_TRUE(payload.has_value());
  EXPECT_EQ(payload->size(), 264u);
  const auto event = Decode(*payload);
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->sequence, 258u);
  EXPECT_EQ(event->created_at_us, kTestEpochUs);
  EXPECT_EQ(event->collection_name, "docs");
  EXPECT_EQ(event->lambda_norm, 0.75);
}

}  // namespace
}  // namespace ruvector::audit
