// Logs for the tests of this folder: fixed keys, fixed times, chosen events.
#ifndef RUVECTOR_CORE_AUDIT_TEST_LOG_H_
#define RUVECTOR_CORE_AUDIT_TEST_LOG_H_

#include <memory>
#include <string>
#include <vector>

#include "core/audit/chain.h"
#include "core/audit/checkpoint.h"
#include "core/audit/crypto.h"
#include "core/audit/event.h"
#include "core/audit/export_file.h"
#include "core/audit/keys.h"
#include "core/audit/linked_crypto.h"
#include "core/audit/merkle.h"
#include "core/audit/signer.h"

namespace ruvector::audit {

// 2026-11-20T10:00:00Z; one second between events.
inline constexpr int64_t kTestEpochUs = 1'795'168'800'000'000;
inline constexpr int64_t kTestStepUs = 1'000'000;

// The seed is `byte`, 32 times.
std::unique_ptr<Signer> TestSigner(uint8_t byte);

// An event whose fields all depend on `i`; every tenth is bare.
Event TestEvent(uint64_t i);

// A log in memory, with what the server's tables would hold.
class TestLog {
 public:
  explicit TestLog(uint8_t log_byte = 7);

  // Seals `event` (its time set from the sequence, unless it has one).
  void Append(Event event, Signer& signer);
  void AppendMany(uint64_t count, Signer& signer);
  // Appends a prune event for [begin, end) and forgets those payloads.
  void Prune(uint64_t begin, uint64_t end, Signer& signer);

  // Of all events so far; the first one, or the one after `previous`.
  SignedCheckpoint Checkpoint(Signer& signer,
                              const SignedCheckpoint* previous = nullptr) const;

  struct Row {
    SealedEvent sealed;
    bool pruned = false;
  };
  std::vector<Row>& rows() { return rows_; }
  const ChainPosition& position() const { return appender_.position(); }
  MerkleFrontier Tree(uint64_t size) const;

  // From `begin` to the end, with `inner` checkpoints, made one after the
  // other, in their places; the closing one follows them.
  std::string Export(Signer& signer, uint64_t begin = 0,
                     const std::vector<SignedCheckpoint>& inner = {}) const;

 private:
  ChainAppender appender_;
  std::vector<Row> rows_;
};

// Trusts the keys of these signers, for ever.
KeySet TrustAll(const std::vector<const Signer*>& signers);

}  // namespace ruvector::audit

#endif  // RUVECTOR_CORE_AUDIT_TEST_LOG_H_
