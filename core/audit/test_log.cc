#include "core/audit/test_log.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace ruvector::audit {
namespace {

void Require(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "test log: %s\n", status.ToString().c_str());
  std::abort();
}

ChainPosition Beginning(uint8_t log_byte) {
  ChainPosition position;
  position.log_id.fill(log_byte);
  return position;
}

}  // namespace

std::unique_ptr<Signer> TestSigner(uint8_t byte) {
  Seed seed;
  seed.fill(byte);
  return std::make_unique<FileSigner>(
      LinkedCrypto(), PrivateKey::FromSeed(LinkedCrypto(), seed));
}

Event TestEvent(uint64_t i) {
  Event event;
  event.event_type = i % 3 == 0 ? "sample" : "state_change";
  if (i % 10 == 0) return event;
  event.collection_id = static_cast<int32_t>(i % 4) - 1;
  event.collection_name = absl::StrCat("docs_", i % 4, "_\u00e9");
  event.previous_state = "normal";
  event.new_state = "stress";
  event.lambda_cut = 0.25 * static_cast<double>(i);
  event.lambda_norm = 1.0 / static_cast<double>(i);
  if (i % 2 == 0) event.lambda2 = -1e-300;
  event.witness_edges_json = absl::StrCat("[{\"from\": ", i, ", \"to\": 3}]");
  event.metadata_json = "{\"reason\": \"test\"}";
  return event;
}

TestLog::TestLog(uint8_t log_byte)
    : appender_(LinkedCrypto(), Beginning(log_byte)) {}

void TestLog::Append(Event event, Signer& signer) {
  if (event.created_at_us == 0) {
    event.created_at_us =
        kTestEpochUs +
        kTestStepUs * static_cast<int64_t>(position().next_sequence);
  }
  absl::StatusOr<SealedEvent> sealed = appender_.Seal(event, signer);
  Require(sealed.status());
  rows_.push_back({*std::move(sealed), false});
}

void TestLog::AppendMany(uint64_t count, Signer& signer) {
  for (uint64_t i = 0; i < count; ++i) {
    Append(TestEvent(position().next_sequence), signer);
  }
}

void TestLog::Prune(uint64_t begin, uint64_t end, Signer& signer) {
  Event event;
  event.event_type = "prune";
  event.pruned = SequenceRange{begin, end};
  Append(event, signer);
  for (uint64_t i = begin; i < end; ++i) rows_[i].pruned = true;
}

SignedCheckpoint TestLog::Checkpoint(Signer& signer,
                                     const SignedCheckpoint* previous) const {
  audit::Checkpoint checkpoint;
  checkpoint.log_id = position().log_id;
  checkpoint.tree_size = position().next_sequence;
  checkpoint.root = Tree(checkpoint.tree_size).Root(LinkedCrypto());
  checkpoint.head = position().head;
  checkpoint.created_at_us =
      kTestEpochUs + kTestStepUs * static_cast<int64_t>(checkpoint.tree_size);
  if (previous != nullptr) {
    checkpoint.number = DecodeCheckpoint(previous->payload)->number + 1;
    checkpoint.previous = CheckpointHash(LinkedCrypto(), previous->payload);
  }
  absl::StatusOr<SignedCheckpoint> made = SignCheckpoint(checkpoint, signer);
  Require(made.status());
  return *std::move(made);
}

MerkleFrontier TestLog::Tree(uint64_t size) const {
  MerkleFrontier tree;
  for (uint64_t i = 0; i < size; ++i) {
    tree.Append(LinkedCrypto(), rows_[i].sealed.leaf_hash);
  }
  return tree;
}

std::string TestLog::Export(Signer& signer, uint64_t begin,
                            const std::vector<SignedCheckpoint>& inner) const {
  std::string file;
  ExportWriter writer(LinkedCrypto(), [&](absl::string_view line) {
    absl::StrAppend(&file, line);
    return absl::OkStatus();
  });
  ExportStart start;
  start.tree = Tree(begin);

  Require(writer.Begin(
      Checkpoint(signer, inner.empty() ? nullptr : &inner.back()), start));
  auto next = inner.begin();
  for (uint64_t i = begin;; ++i) {
    for (;
         next != inner.end() && DecodeCheckpoint(next->payload)->tree_size == i;
         ++next) {
      Require(writer.Checkpoint(*next));
    }
    if (i == rows_.size()) break;
    const Row& row = rows_[i];
    Require(row.pruned
                ? writer.Pruned(i, row.sealed.leaf_hash)
                : writer.Event(row.sealed.payload, row.sealed.signature));
  }
  Require(writer.Finish());
  return file;
}

KeySet TrustAll(const std::vector<const Signer*>& signers) {
  KeySet keys(LinkedCrypto());
  for (const Signer* signer : signers) {
    TrustedKey key;
    key.public_key = signer->public_key();
    Require(keys.Add(key));
  }
  return keys;
}

}  // namespace ruvector::audit
