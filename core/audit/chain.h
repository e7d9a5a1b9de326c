// The chain: events in sequence, each signed, each naming the one before.
//
//   leaf hash(i)   = SHA-256(0x00 || payload(i))
//   prev_hash(i+1) = leaf hash(i);  prev_hash(0) = 32 zero bytes
//   signature(i)   = Ed25519(kEventPrefix || payload(i))
//
// One appender per log makes it (design: the integrity worker); any number of
// verifiers read it. Neither touches storage.
#ifndef RUVECTOR_CORE_AUDIT_CHAIN_H_
#define RUVECTOR_CORE_AUDIT_CHAIN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/audit/checkpoint.h"
#include "core/audit/crypto.h"
#include "core/audit/event.h"
#include "core/audit/keys.h"
#include "core/audit/merkle.h"
#include "core/audit/signer.h"
#include "core/audit/types.h"
#include "core/base/no_postgres.h"

namespace ruvector::audit {

struct SealedEvent {
  std::string payload;
  Hash leaf_hash = {};
  Signature signature = {};
};

// Where a chain stands: what must be kept between runs.
struct ChainPosition {
  LogId log_id = {};
  uint64_t next_sequence = 0;
  Hash head = kZeroHash;  // leaf hash of the event before next_sequence
};

// [single-thread] There must be one appender per log; two would fork it.
class ChainAppender {
 public:
  ChainAppender(const Crypto& crypto, ChainPosition position)
      : crypto_(crypto), position_(position) {}

  // Sets log_id, sequence, prev_hash and signer_id of `event`, encodes and
  // signs it, and moves on. On error (Encode's, the signer's) the position is
  // unchanged. The caller must store what it gets before it seals the next, or
  // go back to the stored position: `Rewind`.
  absl::StatusOr<SealedEvent> Seal(Event event, Signer& signer);

  // After a batch was not stored.
  void Rewind(ChainPosition position) { position_ = position; }

  const ChainPosition& position() const { return position_; }

 private:
  Crypto crypto_;
  ChainPosition position_;
};

enum class ChainFaultKind {
  kUndecodable,         // payload is not a canonical event or checkpoint
  kUnknownKey,          // signer is not among the trusted keys
  kBadSignature,        // does not verify with the key it names
  kWrongLog,            // belongs to another log
  kSequenceGap,         // events are missing before this one
  kOutOfOrder,          // a sequence that was already passed: replay, reorder
  kBrokenLink,          // prev_hash is not the leaf hash of the event before
  kKeyNotValid,         // signed outside its key's window
  kKeyRevoked,          // signed after its key was revoked
  kUnexplainedPrune,    // payload missing, no signed prune event says so
  kCheckpointMismatch,  // a checkpoint's size, root or head disagrees
  kCheckpointGap,       // checkpoints are missing before this one
  kCheckpointRepeated,  // a checkpoint comes again, or late
  kCheckpointLink,      // names another checkpoint as the one before
};
// snake_case, for reports: "bad_signature".
absl::string_view ChainFaultName(ChainFaultKind kind);

struct ChainFault {
  ChainFaultKind kind;
  uint64_t sequence;   // the event at fault, or the first one missing
  std::string detail;  // one line, expected and actual
};

// Checks a chain as it is read, in ascending order. Each call returns the fault
// of that item, if any, and carries on: after a fault the next event is judged
// by itself, so that one bad event is one fault and not a thousand.
// [single-thread]
class ChainVerifier {
 public:
  // Begins at `start`: ChainPosition{log_id} for a whole log, or the position
  // and leaf hash before the first item. `keys` must outlive the verifier.
  ChainVerifier(const Crypto& crypto, const KeySet& keys, ChainPosition start);

  // The leaf hash before the next item is not known: its link is not judged.
  void ForgetHead() { head_.reset(); }

  // Some unreadable items come next: besides, the next one may have any
  // sequence from the expected one on, and the next checkpoint any number.
  void Skip() {
    head_.reset();
    checkpoint_known_ = false;
    lost_ = true;
    ++skipped_;
  }

  // The next event. `event`, if given, receives the decoded event when there is
  // no fault and is left alone otherwise.
  std::optional<ChainFault> CheckEvent(absl::string_view payload,
                                       const Signature& signature,
                                       Event* event = nullptr);

  // The next event, of which only the leaf hash is left. Whether that was
  // allowed is known at Finish.
  std::optional<ChainFault> CheckPruned(uint64_t sequence,
                                        const Hash& leaf_hash);

  // A prune event from beyond the part that is read, which may explain what is
  // missing in it. Judged by log, key and signature alone; moves nothing.
  std::optional<ChainFault> AdmitPrune(absl::string_view payload,
                                       const Signature& signature);

  // A checkpoint's bytes, key, signature and log, in any place.
  std::optional<ChainFault> CheckCheckpointSignature(
      const SignedCheckpoint& checkpoint) const;

  // That, and: its key was valid then, it covers exactly the items so far, and
  // its head and root are theirs. `root` is the Merkle root of the leaf hashes
  // so far, nullopt when unknown; head and root are not compared when unknown.
  std::optional<ChainFault> CheckCheckpoint(const SignedCheckpoint& checkpoint,
                                            const std::optional<Hash>& root);

  // The log's next checkpoint: CheckCheckpoint, and it follows the one before
  // by number and hash. In a log that is read from its beginning the first one
  // has number 1; after that, and after a fault, any is a beginning.
  std::optional<ChainFault> CheckNextCheckpoint(
      const SignedCheckpoint& checkpoint, const std::optional<Hash>& root);

  // Call once at the end: a kUnexplainedPrune for each run of missing payloads
  // that no prune event explains.
  std::vector<ChainFault> Finish() const;

  uint64_t next_sequence() const { return next_sequence_; }
  // Where the next item should stand, counting unreadable ones as one each.
  uint64_t place() const { return next_sequence_ + skipped_; }
  // Leaf hash of the last item; nullopt after ForgetHead, Skip, or a fault that
  // leaves open what stands there.
  const std::optional<Hash>& head() const { return head_; }

 private:
  std::optional<ChainFault> CheckSignature(absl::string_view prefix,
                                           absl::string_view payload,
                                           const Signature& signature,
                                           const std::string& signer_id,
                                           const LogId& log_id,
                                           uint64_t sequence) const;
  std::optional<ChainFault> CheckSequence(uint64_t sequence) const;
  std::optional<ChainFault> CheckLink(const Event& event) const;
  std::optional<ChainFault> CheckCheckpointLink(
      const Checkpoint& checkpoint) const;
  std::optional<ChainFault> CheckKeyTime(const std::string& signer_id,
                                         int64_t created_at_us,
                                         uint64_t sequence) const;
  void MoveTo(uint64_t sequence, const Hash& leaf_hash);
  void NoteUse(const Event& event);

  Crypto crypto_;
  const KeySet& keys_;
  LogId log_id_;
  uint64_t next_sequence_;
  std::optional<Hash> head_;
  bool lost_ = false;                     // next_sequence_ is a lower bound
  uint64_t skipped_ = 0;                  // unreadable items since then
  bool checkpoint_known_;                 // the two below are
  uint64_t next_checkpoint_ = 1;          // number
  Hash last_checkpoint_ = kZeroHash;      // CheckpointHash
  int64_t latest_us_;                     // latest created_at without fault
  std::vector<bool> superseded_;          // parallel to keys_.keys()
  std::vector<SequenceRange> pruned_;     // payloads missing, runs joined
  std::vector<SequenceRange> explained_;  // by prune events
};

}  // namespace ruvector::audit

#endif  // RUVECTOR_CORE_AUDIT_CHAIN_H_
