#include "core/audit/chain.h"

#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "core/audit/test_log.h"

namespace ruvector::audit {
namespace {

using Kind = ChainFaultKind;

// "kind@sequence" of every fault, in order.
std::vector<std::string> Faults(const KeySet& keys,
                                const std::vector<TestLog::Row>& rows,
                                ChainPosition start) {
  std::vector<std::string> faults;
  ChainVerifier verifier(LinkedCrypto(), keys, start);
  const auto add = [&](const std::optional<ChainFault>& fault) {
    if (!fault.has_value()) return;
    faults.push_back(std::string(ChainFaultName(fault->kind)) + "@" +
                     std::to_string(fault->sequence));
  };
  for (const TestLog::Row& row : rows) {
    if (row.pruned) {
      add(verifier.CheckPruned(verifier.next_sequence(), row.sealed.leaf_hash));
    } else {
      add(verifier.CheckEvent(row.sealed.payload, row.sealed.signature));
    }
  }
  for (const ChainFault& fault : verifier.Finish()) add(fault);
  return faults;
}

class ChainTest : public testing::Test {
 protected:
  ChainTest() : keys_(TrustAll({signer_.get(), other_.get()})) {
    log_.AppendMany(20, *signer_);
  }
  std::vector<std::string> Verify() {
    return Faults(keys_, log_.rows(), Start());
  }
  ChainPosition Start() const {
    ChainPosition start;
    start.log_id = log_.position().log_id;
    return start;
  }
  std::vector<TestLog::Row>& rows() { return log_.rows(); }

  const std::unique_ptr<Signer> signer_ = TestSigner(1);
  const std::unique_ptr<Signer> other_ = TestSigner(2);
  KeySet keys_;
  TestLog log_;
};

using Strings = std::vector<std::string>;

TEST_F(ChainTest, AcceptsWhatTheAppenderMade) {
  EXPECT_EQ(Verify(), Strings{});
  EXPECT_EQ(log_.position().next_sequence, 20u);
  EXPECT_EQ(log_.position().head, rows()[19].sealed.leaf_hash);
}

TEST_F(ChainTest, SealFillsTheChainFields) {
  const Event event = *Decode(rows()[7].sealed.payload);
  EXPECT_EQ(event.sequence, 7u);
  EXPECT_EQ(event.prev_hash, rows()[6].sealed.leaf_hash);
  EXPECT_EQ(event.log_id, log_.position().log_id);
  EXPECT_EQ(event.signer_id, signer_->key_id());
  EXPECT_EQ(Decode(rows()[0].sealed.payload)->prev_hash, kZeroHash);
  EXPECT_EQ(
      rows()[7].sealed.leaf_hash,
      LinkedCrypto().Sha256(std::string(1, '\0'), rows()[7].sealed.payload));
}

class FailingSigner final : public Signer {
 public:
  explicit FailingSigner(Signer& real) : real_(real) {}
  absl::StatusOr<Signature> Sign(absl::string_view,
                                 absl::string_view) override {
    return absl::UnavailableError("kms is away");
  }
  const PublicKey& public_key() const override { return real_.public_key(); }
  const std::string& key_id() const override { return real_.key_id(); }

 private:
  Signer& real_;
};

TEST_F(ChainTest, AFailedSealMovesNothing) {
  ChainAppender appender(LinkedCrypto(), log_.position());
  FailingSigner away(*signer_);
  EXPECT_EQ(appender.Seal(TestEvent(1), away).status().message(),
            "kms is away");
  Event bad = TestEvent(1);
  bad.lambda_cut = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(appender.Seal(bad, *signer_).ok());
  EXPECT_EQ(appender.position().next_sequence, 20u);
  EXPECT_EQ(appender.position().head, log_.position().head);
}

TEST_F(ChainTest, VerifiesFromTheMiddle) {
  ChainPosition start = Start();
  start.next_sequence = 8;
  start.head = rows()[7].sealed.leaf_hash;
  const std::vector<TestLog::Row> end(rows().begin() + 8, rows().end());
  EXPECT_EQ(Faults(keys_, end, start), Strings{});
  start.head = rows()[6].sealed.leaf_hash;
  EXPECT_EQ(Faults(keys_, end, start), Strings{"broken_link@8"});
}

TEST_F(ChainTest, LocatesEveryFlippedBit) {
  for (const uint64_t i : {1u, 9u, 18u}) {
    ChainPosition start = Start();
    start.next_sequence = i;
    start.head = rows()[i - 1].sealed.leaf_hash;
    std::vector<TestLog::Row> part(rows().begin() + i, rows().begin() + i + 2);
    const std::string at = "@" + std::to_string(i);
    std::string& payload = part[0].sealed.payload;
    for (size_t bit = 0; bit < payload.size() * 8; ++bit) {
      payload[bit / 8] ^= static_cast<char>(1 << (bit % 8));
      const Strings faults = Faults(keys_, part, start);
      ASSERT_EQ(faults.size(), 1u) << bit;
      EXPECT_TRUE(faults[0] == "bad_signature" + at ||
                  faults[0] == "undecodable" + at ||
                  faults[0] == "unknown_key" + at)
          << faults[0];
      payload = rows()[i].sealed.payload;
    }
    Signature& signature = part[0].sealed.signature;
    for (size_t bit = 0; bit < 512; ++bit) {
      signature[bit / 8] ^= 1 << (bit % 8);
      EXPECT_EQ(Faults(keys_, part, start), Strings{"bad_signature" + at});
      signature = rows()[i].sealed.signature;
    }
  }
}

TEST_F(ChainTest, LocatesDeletedEvents) {
  rows().erase(rows().begin() + 5);
  EXPECT_EQ(Verify(), Strings{"sequence_gap@5"});
  rows().erase(rows().begin() + 10, rows().begin() + 13);
  EXPECT_EQ(Verify(), (Strings{"sequence_gap@5", "sequence_gap@11"}));
  rows().erase(rows().begin());
  EXPECT_EQ(Verify()[0], "sequence_gap@0");
}

TEST_F(ChainTest, LocatesReorderedEvents) {
  std::swap(rows()[5], rows()[6]);
  EXPECT_EQ(Verify(), (Strings{"sequence_gap@5", "out_of_order@5"}));
}

TEST_F(ChainTest, NamesEachOfSwappedSignatures) {
  std::swap(rows()[3].sealed.signature, rows()[4].sealed.signature);
  EXPECT_EQ(Verify(), (Strings{"bad_signature@3", "bad_signature@4"}));
}

TEST_F(ChainTest, LocatesReplayedEvents) {
  rows().insert(rows().begin() + 9, rows()[3]);
  EXPECT_EQ(Verify(), Strings{"out_of_order@3"});
}

// Whoever holds the key can sign anything; the chain still shows the seam.
TEST_F(ChainTest, LocatesAResignedEvent) {
  Event event = *Decode(rows()[11].sealed.payload);
  event.new_state = "normal";
  rows()[11].sealed.payload = *Encode(event);
  rows()[11].sealed.signature =
      *signer_->Sign(kEventPrefix, rows()[11].sealed.payload);
  EXPECT_EQ(Verify(), Strings{"broken_link@12"});
}

TEST_F(ChainTest, LocatesAnInsertedEvent) {
  TestLog fork;
  fork.AppendMany(5, *signer_);
  fork.Append(TestEvent(99), *signer_);
  rows().insert(rows().begin() + 5, fork.rows()[5]);
  EXPECT_EQ(Verify(), (Strings{"out_of_order@5", "broken_link@6"}));
}

TEST_F(ChainTest, LocatesAnEventOfAnotherLog) {
  TestLog foreign(8);
  foreign.AppendMany(20, *signer_);
  rows()[4] = foreign.rows()[4];
  EXPECT_EQ(Verify(), Strings{"wrong_log@4"});
}

TEST_F(ChainTest, LocatesASwappedKey) {
  const auto stranger = TestSigner(3);
  Event event = *Decode(rows()[4].sealed.payload);
  // Signed by another, the old name kept.
  rows()[4].sealed.signature =
      *stranger->Sign(kEventPrefix, rows()[4].sealed.payload);
  EXPECT_EQ(Verify(), Strings{"bad_signature@4"});
  // Signed by another under its own name.
  event.signer_id = stranger->key_id();
  rows()[4].sealed.payload = *Encode(event);
  rows()[4].sealed.signature =
      *stranger->Sign(kEventPrefix, rows()[4].sealed.payload);
  EXPECT_EQ(Verify(), Strings{"unknown_key@4"});
}

TEST_F(ChainTest, SignaturesOfOneKindAreNotOfAnother) {
  rows()[4].sealed.signature =
      *signer_->Sign(kCheckpointPrefix, rows()[4].sealed.payload);
  EXPECT_EQ(Verify(), Strings{"bad_signature@4"});
  rows()[4].sealed.signature = *signer_->Sign("", rows()[4].sealed.payload);
  EXPECT_EQ(Verify(), Strings{"bad_signature@4"});
}

TEST_F(ChainTest, PrunesNeedASignedEvent) {
  log_.Prune(0, 6, *signer_);
  log_.AppendMany(3, *signer_);
  EXPECT_EQ(Verify(), Strings{});
  // A deletion dressed up as a prune.
  rows()[8].pruned = true;
  rows()[9].pruned = true;
  rows()[12].pruned = true;
  EXPECT_EQ(Verify(), (Strings{"unexplained_prune@8", "unexplained_prune@12"}));
  // The prune event itself is gone.
  rows()[8].pruned = rows()[9].pruned = rows()[12].pruned = false;
  rows()[20].pruned = true;
  EXPECT_EQ(Verify(), (Strings{"unexplained_prune@0", "unexplained_prune@20"}));
}

TEST_F(ChainTest, PrunesOverlapAndJoin) {
  log_.Prune(4, 6, *signer_);  // event 20
  log_.Prune(0, 5, *signer_);  // event 21
  log_.Prune(6, 7, *signer_);  // event 22
  EXPECT_EQ(Verify(), Strings{});
  log_.Prune(3, 22, *signer_);  // takes earlier prune events with it
  EXPECT_EQ(Verify(), (Strings{"unexplained_prune@0"}));
}

TEST_F(ChainTest, ChangedLeafHashOfAPrunedEventBreaksTheLink) {
  log_.Prune(0, 6, *signer_);
  rows()[5].sealed.leaf_hash[0] ^= 1;
  EXPECT_EQ(Verify(), Strings{"broken_link@6"});
}

TEST_F(ChainTest, PruneEventsFromBeyondThePartThatIsRead) {
  log_.Prune(0, 6, *signer_);
  const SealedEvent prune = rows()[20].sealed;
  rows().resize(10);
  EXPECT_EQ(Verify(), Strings{"unexplained_prune@0"});
  ChainVerifier verifier(LinkedCrypto(), keys_, Start());
  EXPECT_EQ(verifier.AdmitPrune(prune.payload, prune.signature), std::nullopt);
  EXPECT_EQ(
      verifier.AdmitPrune(rows()[9].sealed.payload, rows()[9].sealed.signature)
          ->kind,
      Kind::kUndecodable);
  for (uint64_t i = 0; i < 6; ++i) {
    EXPECT_EQ(verifier.CheckPruned(i, rows()[i].sealed.leaf_hash),
              std::nullopt);
  }
  EXPECT_TRUE(verifier.Finish().empty());
}

// --- keys in time -----------------------------------------------------------

TrustedKey KeyOf(const Signer& signer) {
  TrustedKey key;
  key.public_key = signer.public_key();
  return key;
}
int64_t TimeOf(uint64_t sequence) {
  return kTestEpochUs + kTestStepUs * static_cast<int64_t>(sequence);
}

class KeyTimeTest : public ChainTest {
 protected:
  // Events 0-19 by signer_, 20-29 by other_.
  KeyTimeTest() { log_.AppendMany(10, *other_); }
  Strings VerifyWith(const TrustedKey& first, const TrustedKey& second) {
    KeySet keys(LinkedCrypto());
    EXPECT_TRUE(keys.Add(first).ok());
    EXPECT_TRUE(keys.Add(second).ok());
    return Faults(keys, rows(), Start());
  }
};

TEST_F(KeyTimeTest, RotationKeepsOldEventsValid) {
  TrustedKey old_key = KeyOf(*signer_), new_key = KeyOf(*other_);
  old_key.valid_until_us = TimeOf(20);
  new_key.valid_from_us = TimeOf(20);
  EXPECT_EQ(VerifyWith(old_key, new_key), Strings{});
  old_key.valid_until_us = TimeOf(19);
  EXPECT_EQ(VerifyWith(old_key, new_key), Strings{"key_not_valid@19"});
  old_key.valid_until_us = TimeOf(20);
  new_key.valid_from_us = TimeOf(21);
  EXPECT_EQ(VerifyWith(old_key, new_key), Strings{"key_not_valid@20"});
}

TEST_F(KeyTimeTest, RevocationRejectsLaterEventsOnly) {
  TrustedKey revoked = KeyOf(*signer_);
  revoked.revoked_at_us = TimeOf(18);
  EXPECT_EQ(VerifyWith(revoked, KeyOf(*other_)),
            (Strings{"key_revoked@18", "key_revoked@19"}));
}

TEST_F(KeyTimeTest, ARevokedKeyCannotBackdate) {
  TrustedKey revoked = KeyOf(*signer_);
  revoked.revoked_at_us = TimeOf(20);
  Event late = TestEvent(1);
  late.created_at_us = TimeOf(5);
  log_.Append(late, *signer_);
  EXPECT_EQ(VerifyWith(revoked, KeyOf(*other_)), Strings{"key_revoked@30"});
  TrustedKey expired = KeyOf(*signer_);
  expired.valid_until_us = TimeOf(20);
  EXPECT_EQ(VerifyWith(expired, KeyOf(*other_)), Strings{"key_not_valid@30"});
}

TEST_F(KeyTimeTest, AClockThatStepsBackDoesNotInvalidateANewKey) {
  TrustedKey new_key = KeyOf(*other_);
  new_key.valid_from_us = TimeOf(20);
  Event early = TestEvent(1);
  early.created_at_us = TimeOf(10);
  log_.Append(early, *other_);
  EXPECT_EQ(VerifyWith(KeyOf(*signer_), new_key), Strings{});
}

// --- checkpoints ------------------------------------------------------------

class ChainCheckpointTest : public ChainTest {
 protected:
  ChainCheckpointTest() : verifier_(LinkedCrypto(), keys_, Start()) {
    for (const TestLog::Row& row : rows()) {
      EXPECT_EQ(verifier_.CheckEvent(row.sealed.payload, row.sealed.signature),
                std::nullopt);
    }
  }
  // The kind of fault after a change, re-signed.
  template <typename Change>
  std::optional<Kind> Check(Change change) {
    Checkpoint checkpoint =
        *DecodeCheckpoint(log_.Checkpoint(*signer_).payload);
    change(checkpoint);
    const auto fault =
        verifier_.CheckCheckpoint(*SignCheckpoint(checkpoint, *signer_),
                                  log_.Tree(20).Root(LinkedCrypto()));
    if (!fault.has_value()) return std::nullopt;
    return fault->kind;
  }

  ChainVerifier verifier_;
};

TEST_F(ChainCheckpointTest, ChecksSizeHeadRootAndLog) {
  EXPECT_EQ(Check([](Checkpoint&) {}), std::nullopt);
  EXPECT_EQ(Check([](Checkpoint& c) { c.tree_size = 19; }),
            Kind::kCheckpointMismatch);
  EXPECT_EQ(Check([](Checkpoint& c) { c.head[3] ^= 1; }),
            Kind::kCheckpointMismatch);
  EXPECT_EQ(Check([](Checkpoint& c) { c.root[3] ^= 1; }),
            Kind::kCheckpointMismatch);
  EXPECT_EQ(Check([](Checkpoint& c) { c.log_id[3] ^= 1; }), Kind::kWrongLog);
}

TEST_F(ChainCheckpointTest, ChecksTheSignature) {
  SignedCheckpoint checkpoint = log_.Checkpoint(*signer_);
  checkpoint.signature[10] ^= 1;
  EXPECT_EQ(verifier_.CheckCheckpoint(checkpoint, std::nullopt)->kind,
            Kind::kBadSignature);
  checkpoint = log_.Checkpoint(*TestSigner(3));
  EXPECT_EQ(verifier_.CheckCheckpoint(checkpoint, std::nullopt)->kind,
            Kind::kUnknownKey);
  checkpoint.payload.pop_back();
  EXPECT_EQ(verifier_.CheckCheckpoint(checkpoint, std::nullopt)->kind,
            Kind::kUndecodable);
}

}  // namespace
}  // namespace ruvector::audit
