#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/audit/export_file.h"
#include "core/audit/export_verifier.h"
#include "core/audit/test_log.h"
#include "core/base/rng.h"

namespace ruvector::audit {
namespace {

// Lines of an export without their newlines; line n of the file is [n - 1].
std::vector<std::string> Lines(const std::string& file) {
  std::vector<std::string> lines = absl::StrSplit(file, '\n');
  lines.pop_back();
  return lines;
}
std::string Join(const std::vector<std::string>& lines) {
  return absl::StrJoin(lines, "\n") + "\n";
}

// The line of `body`, its check computed anew.
std::string WithCheck(const std::string& body) {
  const Hash hash = LinkedCrypto().Sha256(body);
  return absl::StrCat(body, " ", ToHex(AsView(hash).substr(0, 8)));
}

// Line of event i in a whole export without inner checkpoints.
size_t LineOf(uint64_t i) { return i + 3; }

class ExportTest : public testing::Test {
 protected:
  ExportTest() : keys_(TrustAll({signer_.get()})) {
    log_.AppendMany(12, *signer_);
    inner_.push_back(log_.Checkpoint(*signer_));
    log_.AppendMany(4, *signer_);
    log_.Prune(0, 5, *signer_);
    log_.AppendMany(3, *signer_);  // 20 events
  }

  ExportReport Verify(const std::string& file,
                      const ExportVerifyOptions& options = {}) {
    std::istringstream input(file);
    return VerifyExport(LinkedCrypto(), keys_, input, options);
  }
  // "kind@sequence:line" of the first fault; "" when there is none.
  std::string First(const ExportReport& report) {
    if (report.ok()) return "";
    const ExportFault& fault = report.faults.front();
    return absl::StrCat(fault.kind, "@",
                        fault.sequence ? absl::StrCat(*fault.sequence) : "-",
                        ":", fault.line ? absl::StrCat(*fault.line) : "-");
  }
  std::string FirstFault(const std::string& file) {
    return First(Verify(file));
  }
  std::string Line(const ExportRecord& record) {
    std::string line = FormatExportLine(LinkedCrypto(), record);
    line.pop_back();
    return line;
  }

  const std::unique_ptr<Signer> signer_ = TestSigner(1);
  KeySet keys_;
  TestLog log_;
  std::vector<SignedCheckpoint> inner_;
};

TEST_F(ExportTest, VerifiesAndCounts) {
  const std::string file = log_.Export(*signer_, 0, inner_);
  std::vector<uint64_t> seen;
  ExportVerifyOptions options;
  options.on_event = [&](const Event& e) { seen.push_back(e.sequence); };
  options.anchors = inner_;
  const ExportReport report = Verify(file, options);
  EXPECT_EQ(First(report), "") << report.faults.front().detail;
  EXPECT_EQ(report.log_id, log_.position().log_id);
  EXPECT_EQ(report.start, 0u);
  EXPECT_EQ(report.size, 20u);
  EXPECT_EQ(report.events_verified, 15u);
  EXPECT_EQ(report.events_pruned, 5u);
  EXPECT_EQ(report.checkpoints_verified, 2u);
  EXPECT_EQ(report.anchors_verified, 1u);
  EXPECT_EQ(report.events_by_key.at(signer_->key_id()), 15u);
  EXPECT_EQ(report.first_us, kTestEpochUs + 5 * kTestStepUs);
  EXPECT_EQ(report.last_us, kTestEpochUs + 19 * kTestStepUs);
  EXPECT_EQ(report.clock_steps_back, 0u);
  EXPECT_EQ(seen.front(), 5u);
  EXPECT_EQ(seen.back(), 19u);
}

TEST_F(ExportTest, EmptyLog) {
  TestLog empty;
  EXPECT_EQ(FirstFault(empty.Export(*signer_)), "");
}

TEST_F(ExportTest, FromAnyEventOn) {
  for (uint64_t begin = 0; begin <= 20; ++begin) {
    const ExportReport report = Verify(log_.Export(*signer_, begin));
    // Pruned payloads from the second half on are explained by event 16.
    EXPECT_EQ(First(report), "") << begin;
    EXPECT_EQ(report.start, begin);
    EXPECT_EQ(report.events_verified, 20 - std::max<uint64_t>(begin, 5));
  }
}

TEST_F(ExportTest, GoldenFile) {
  TestLog log;
  Event event;
  event.event_type = "sample";
  log.Append(event, *signer_);
  const std::vector<std::string> lines = Lines(log.Export(*signer_));
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[1], "start 0 1c4c3f5c47ee7a5c");
  EXPECT_TRUE(absl::StartsWith(lines[0], "ruvector-export-1 AQcHBwcHBwcHBw"));
  EXPECT_TRUE(absl::StartsWith(lines[2], "event AQEAAAAQBwcHBwcHBwcHBwcHBw"));
}

// Every single bit of the file: detected, and located on its line. A bit that
// makes or removes a newline moves the damage to the line it belongs to.
TEST_F(ExportTest, LocatesEveryFlippedBit) {
  const std::string file = log_.Export(*signer_, 2, inner_);
  const bool all = std::getenv("RUVECTOR_LONG") != nullptr;
  const size_t step = all ? 1 : 193;  // prime: meets every bit position
  size_t line = 1;
  size_t flipped = 0;
  for (size_t bit = 0; bit < file.size() * 8; ++bit) {
    if (bit % 8 == 0 && bit > 0 && file[bit / 8 - 1] == '\n') ++line;
    if (bit % step != 0) continue;
    std::string changed = file;
    changed[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    const ExportReport report = Verify(changed);
    ASSERT_FALSE(report.ok()) << bit;
    ASSERT_EQ(report.faults.front().kind, "damaged_line") << bit;
    ASSERT_EQ(report.faults.front().line, line) << bit;
    ++flipped;
  }
  RecordProperty("bits_flipped", static_cast<int>(flipped));
}

// The same by someone who also corrects the check: then the signatures, the
// chain or the tree must show it, at that event.
TEST_F(ExportTest, LocatesChangesBehindACorrectCheck) {
  const std::vector<std::string> lines =
      Lines(log_.Export(*signer_, 2, inner_));

  Rng rng(5);
  for (size_t n = 0; n < lines.size(); ++n) {
    const std::string body = lines[n].substr(0, lines[n].size() - 17);
    for (int round = 0; round < 15; ++round) {
      const size_t bit = rng.Below(body.size() * 8);
      std::string changed_body = body;
      changed_body[bit / 8] ^= static_cast<char>(1 << (bit % 8));
      std::vector<std::string> changed = lines;
      changed[n] = WithCheck(changed_body);
      const ExportReport report = Verify(Join(changed));
      ASSERT_FALSE(report.ok()) << n << " " << changed_body;
      // A pruned hash shows where its successor names it, or in the root; a
      // frontier hash in the first root computed from it.
      const bool hash_only =
          absl::StartsWith(body, "pruned") || absl::StartsWith(body, "start");
      EXPECT_TRUE(hash_only || report.faults.front().line == n + 1) << n;
    }
  }
}

// Another spelling of the same record is damage, whatever its check says.
TEST_F(ExportTest, LinesHaveOneSpelling) {
  const std::vector<std::string> lines = Lines(log_.Export(*signer_));
  const std::string leaf = ToHex(log_.rows()[0].sealed.leaf_hash);
  const auto verdict = [&](size_t line, const std::string& body) {
    std::vector<std::string> changed = lines;
    changed[line - 1] = WithCheck(body);
    return FirstFault(Join(changed));
  };
  EXPECT_EQ(verdict(2, "start 0"), "");
  EXPECT_EQ(verdict(3, "pruned 0 " + leaf), "");
  for (const char* body : {"start 00", "start +0", "start 0 ", "start  0"}) {
    EXPECT_EQ(verdict(2, body), "damaged_line@-:2") << body;
  }
  for (const std::string& body :
       {"pruned 00 " + leaf, "pruned  0 " + leaf, "pruned 0 " + leaf + " ",
        "pruned 0 " + absl::AsciiStrToUpper(leaf)}) {
    EXPECT_EQ(verdict(3, body), "damaged_line@0:3") << body;
  }
}

TEST_F(ExportTest, LocatesEditedDeletedReorderedReplayedLines) {
  const std::vector<std::string> lines = Lines(log_.Export(*signer_));
  ASSERT_EQ(FirstFault(Join(lines)), "");
  std::vector<std::string> changed = lines;
  changed.erase(changed.begin() + LineOf(8) - 1);
  EXPECT_EQ(FirstFault(Join(changed)), "sequence_gap@8:11");
  changed = lines;
  changed.erase(changed.begin() + LineOf(2) - 1);  // a pruned one
  EXPECT_EQ(FirstFault(Join(changed)), "sequence_gap@2:5");
  changed = lines;
  std::swap(changed[LineOf(8) - 1], changed[LineOf(9) - 1]);
  EXPECT_EQ(FirstFault(Join(changed)), "sequence_gap@8:11");
  changed = lines;
  changed.insert(changed.begin() + LineOf(10) - 1, lines[LineOf(7) - 1]);
  EXPECT_EQ(FirstFault(Join(changed)), "out_of_order@7:13");
  changed = lines;
  changed.insert(changed.begin() + LineOf(10) - 1, "event x y");
  EXPECT_EQ(FirstFault(Join(changed)), "damaged_line@10:13");
}

TEST_F(ExportTest, LocatesADeletionDressedAsAPrune) {
  std::vector<std::string> lines = Lines(log_.Export(*signer_));
  lines[LineOf(9) - 1] = Line(ExportPruned{9, log_.rows()[9].sealed.leaf_hash});
  EXPECT_EQ(FirstFault(Join(lines)), "unexplained_prune@9:-");
}

TEST_F(ExportTest, LocatesEveryCut) {
  const std::string file = log_.Export(*signer_, 0, inner_);
  const std::vector<std::string> lines = Lines(file);
  for (size_t count = 0; count < lines.size(); ++count) {
    const std::vector<std::string> kept(lines.begin(), lines.begin() + count);
    const ExportReport report = Verify(count == 0 ? std::string() : Join(kept));
    ASSERT_FALSE(report.ok());
    EXPECT_EQ(report.faults.front().kind, "missing_events");
    EXPECT_EQ(report.faults.front().line, count + 1);
  }
  for (size_t size = 1; size < file.size(); size += 13) {
    if (file[size - 1] == '\n') continue;
    const ExportReport report = Verify(file.substr(0, size));
    const auto line = 1 + std::count(file.begin(), file.begin() + size, '\n');
    ASSERT_FALSE(report.ok());
    EXPECT_EQ(report.faults.front().kind, "damaged_line");
    EXPECT_EQ(report.faults.front().line, line);
  }
}

TEST_F(ExportTest, LocatesAnAddedTail) {
  const std::vector<std::string> lines = Lines(log_.Export(*signer_));
  log_.AppendMany(1, *signer_);
  std::vector<std::string> longer = lines;
  longer.push_back(Lines(log_.Export(*signer_)).back());
  EXPECT_EQ(FirstFault(Join(longer)), "extra_events@20:23");
}

TEST_F(ExportTest, TheWholeFileRewrittenByAnotherKey) {
  const auto stranger = TestSigner(9);
  TestLog forged;
  forged.AppendMany(20, *stranger);
  EXPECT_EQ(FirstFault(forged.Export(*stranger)), "unknown_key@0:1");
}

// What only a checkpoint that left the machine can show: the owner of the key
// rewrites history, and every line of the new file is in order.
TEST_F(ExportTest, AnchorsBindTheOwnerOfTheKey) {
  ExportVerifyOptions options;
  options.anchors = inner_;  // covers 12 events
  EXPECT_EQ(First(Verify(log_.Export(*signer_, 0, inner_), options)), "");

  TestLog rewritten;
  rewritten.AppendMany(7, *signer_);
  rewritten.Append(TestEvent(1000), *signer_);
  rewritten.AppendMany(12, *signer_);
  EXPECT_EQ(First(Verify(rewritten.Export(*signer_))), "");
  EXPECT_EQ(First(Verify(rewritten.Export(*signer_), options)),
            "checkpoint_mismatch@-:-");

  TestLog shorter;
  shorter.AppendMany(11, *signer_);
  EXPECT_EQ(First(Verify(shorter.Export(*signer_))), "");
  EXPECT_EQ(First(Verify(shorter.Export(*signer_), options)),
            "missing_events@11:-");

  EXPECT_EQ(First(Verify(log_.Export(*signer_, 12, inner_), options)), "");
  EXPECT_EQ(First(Verify(log_.Export(*signer_, 13), options)),
            "checkpoint_not_covered@-:-");
  EXPECT_EQ(First(Verify(rewritten.Export(*signer_, 12), options)),
            "checkpoint_mismatch@-:-");

  TestLog foreign(8);
  foreign.AppendMany(3, *signer_);
  options.anchors = {foreign.Checkpoint(*signer_)};
  EXPECT_EQ(First(Verify(log_.Export(*signer_), options)), "wrong_log@-:-");
  options.anchors = {SignedCheckpoint{"x", {}}};
  EXPECT_EQ(First(Verify(log_.Export(*signer_), options)), "undecodable@-:-");
}

// A checkpoint line is a line like any other: it cannot go, come twice or move.
TEST_F(ExportTest, LocatesEveryChangeOfTheInnerCheckpoints) {
  TestLog log;
  std::vector<SignedCheckpoint> inner;
  for (const uint64_t count : {3, 0, 4}) {
    log.AppendMany(count, *signer_);
    inner.push_back(
        log.Checkpoint(*signer_, inner.empty() ? nullptr : &inner.back()));
  }
  log.AppendMany(2, *signer_);
  const std::vector<std::string> lines = Lines(log.Export(*signer_, 0, inner));
  EXPECT_EQ(FirstFault(Join(lines)), "");
  const auto without = [&](size_t line) {
    std::vector<std::string> changed = lines;
    changed.erase(changed.begin() + line - 1);
    return FirstFault(Join(changed));
  };
  EXPECT_EQ(without(6), "checkpoint_gap@3:6");
  EXPECT_EQ(without(7), "checkpoint_gap@7:11");
  EXPECT_EQ(without(12), "checkpoint_gap@9:1");
  for (const size_t line : {6, 7, 12}) {
    std::vector<std::string> changed = lines;
    changed.insert(changed.begin() + line, lines[line - 1]);
    EXPECT_EQ(
        FirstFault(Join(changed)),
        absl::StrCat("checkpoint_repeated@", line < 12 ? 3 : 7, ":", line + 1));
  }
  std::vector<std::string> changed = lines;
  std::swap(changed[5], changed[6]);
  EXPECT_EQ(FirstFault(Join(changed)), "checkpoint_gap@3:6");
  EXPECT_EQ(FirstFault(log.Export(*signer_, 0, {inner[0]})), "");

  // Another one of the same number, by the holder of the key.
  Checkpoint other = *DecodeCheckpoint(inner[1].payload);
  ++other.created_at_us;
  changed = lines;
  changed[6] = Line(*SignCheckpoint(other, *signer_));
  EXPECT_EQ(FirstFault(Join(changed)), "checkpoint_link@7:12");
}

// The last ones are bound by what left the machine.
TEST_F(ExportTest, AnchorsBindTheCheckpointsByNumber) {
  TestLog log;
  log.AppendMany(3, *signer_);
  const SignedCheckpoint first = log.Checkpoint(*signer_);
  const SignedCheckpoint second = log.Checkpoint(*signer_, &first);
  const SignedCheckpoint third = log.Checkpoint(*signer_, &second);
  log.AppendMany(1, *signer_);
  ExportVerifyOptions options;
  options.anchors = {third};
  EXPECT_EQ(
      First(Verify(log.Export(*signer_, 0, {first, second, third}), options)),
      "");
  EXPECT_EQ(First(Verify(log.Export(*signer_, 0, {first}), options)),
            "checkpoint_gap@-:-");
  // Numbers made anew over the gap.
  const SignedCheckpoint late_second = log.Checkpoint(*signer_, &first);
  EXPECT_EQ(
      First(Verify(log.Export(*signer_, 0, {first, late_second}), options)),
      "checkpoint_mismatch@-:-");
}

TEST_F(ExportTest, RotationInsideTheFile) {
  const auto second = TestSigner(2);
  log_.AppendMany(5, *second);
  KeySet keys(LinkedCrypto());
  TrustedKey old_key, new_key;
  old_key.public_key = signer_->public_key();
  old_key.valid_until_us = kTestEpochUs + 20 * kTestStepUs;
  new_key.public_key = second->public_key();
  new_key.valid_from_us = kTestEpochUs + 20 * kTestStepUs;
  ASSERT_TRUE(keys.Add(old_key).ok());
  ASSERT_TRUE(keys.Add(new_key).ok());
  keys_ = keys;
  EXPECT_EQ(FirstFault(log_.Export(*second, 0, inner_)), "");
  // The old key is over: it can no longer close an export.
  EXPECT_EQ(FirstFault(log_.Export(*signer_, 0, inner_)), "key_not_valid@25:1");
}

TEST_F(ExportTest, CountsAClockThatStepsBack) {
  Event event = TestEvent(1);
  event.created_at_us = kTestEpochUs;
  log_.Append(event, *signer_);
  const ExportReport report = Verify(log_.Export(*signer_));
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.clock_steps_back, 1u);
}

TEST_F(ExportTest, OneBadLineIsOneFault) {
  std::vector<std::string> lines = Lines(log_.Export(*signer_));
  lines[LineOf(8) - 1][20] ^= 1;
  const ExportReport report = Verify(Join(lines));
  EXPECT_EQ(report.fault_count, 1u);
  EXPECT_EQ(report.events_verified, 14u);
  EXPECT_EQ(First(report), "damaged_line@8:11");
}

TEST_F(ExportTest, ArbitraryBytesAreSafe) {
  Rng rng(77);
  const std::string file = log_.Export(*signer_, 0, inner_);
  for (int round = 0; round < 300; ++round) {
    std::string bytes = file;
    for (uint64_t edits = 1 + rng.Below(3); edits > 0; --edits) {
      const size_t at = rng.Below(bytes.size());
      const size_t length = std::min<size_t>(rng.Below(300), bytes.size() - at);
      switch (rng.Below(3)) {
        case 0:
          bytes.erase(at, length);
          break;
        case 1:
          bytes.insert(rng.Below(bytes.size()), bytes.substr(at, length));
          break;
        default:
          for (size_t i = at; i < at + length; ++i) {
            bytes[i] = static_cast<char>(rng.Next());
          }
      }
      if (bytes.empty()) break;
    }
    EXPECT_EQ(Verify(bytes).ok(), bytes == file);
  }
  EXPECT_EQ(FirstFault(std::string(100'000, '\0')), "damaged_line@-:1");
  EXPECT_EQ(FirstFault(std::string(30'000'000, 'a') + "\n"),
            "damaged_line@-:1");
}

// --- the writer -------------------------------------------------------------

class ExportWriterTest : public ExportTest {
 protected:
  ExportWriter writer_{LinkedCrypto(),
                       [](absl::string_view) { return absl::OkStatus(); }};
};

TEST_F(ExportWriterTest, RefusesFilesThatWouldNotVerify) {
  TestLog small;
  small.AppendMany(2, *signer_);
  const SignedCheckpoint one_early = small.Checkpoint(*signer_);
  const SealedEvent& event = small.rows()[0].sealed;
  ExportStart beyond;
  beyond.tree = log_.Tree(3);
  EXPECT_EQ(writer_.Begin(one_early, beyond).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(writer_.Begin({"junk", {}}, ExportStart()).code(),
            absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(writer_.Begin(one_early, ExportStart()).ok());
  EXPECT_TRUE(writer_.Event(event.payload, event.signature).ok());
  EXPECT_EQ(writer_.Finish().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(writer_.Checkpoint(one_early).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(writer_.Pruned(0, event.leaf_hash).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(writer_.Pruned(1, event.leaf_hash).ok());
  EXPECT_TRUE(writer_.Checkpoint(one_early).ok());
  EXPECT_TRUE(writer_.Finish().ok());
  EXPECT_EQ(writer_.Event(event.payload, event.signature).code(),
            absl::StatusCode::kOutOfRange);
}

TEST_F(ExportWriterTest, AGapIsSaid) {
  TestLog small;
  small.AppendMany(3, *signer_);
  ASSERT_TRUE(writer_.Begin(small.Checkpoint(*signer_), ExportStart()).ok());
  EXPECT_TRUE(writer_.Missing(0).ok());
  EXPECT_EQ(writer_.Missing(4).code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(writer_.Missing(2).ok());
  EXPECT_EQ(writer_.Missing(1).code(), absl::StatusCode::kInvalidArgument);
  const SealedEvent& last = small.rows()[2].sealed;
  EXPECT_TRUE(writer_.Event(last.payload, last.signature).ok());
  EXPECT_TRUE(writer_.Finish().ok());
}

TEST_F(ExportWriterTest, SinkErrorsPassThrough) {
  ExportWriter writer(LinkedCrypto(), [](absl::string_view) {
    return absl::ResourceExhaustedError("disk full");
  });
  EXPECT_EQ(writer.Begin(log_.Checkpoint(*signer_), ExportStart()).message(),
            "disk full");
}

}  // namespace
}  // namespace ruvector::audit
