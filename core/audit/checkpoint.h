// A signed statement of what the whole log was at one moment.
//
// A checkpoint that left the machine binds the log's owner: whoever holds it
// can later demand that the log still begins with exactly those events.
// Everything after the last one that left can be rewritten by whoever holds the
// key (docs/threat-model.md). Checkpoints are a chain of their own: each has a
// number and names the one before by hash, so that none of them can be taken
// out or put in twice. [any-thread]
#ifndef RUVECTOR_CORE_AUDIT_CHECKPOINT_H_
#define RUVECTOR_CORE_AUDIT_CHECKPOINT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/audit/crypto.h"
#include "core/audit/signer.h"
#include "core/audit/types.h"
#include "core/base/no_postgres.h"

namespace ruvector::audit {

inline constexpr uint8_t kCheckpointVersion = 1;

struct Checkpoint {
  LogId log_id = {};
  uint64_t number = 1;     // of the log's checkpoints, without gaps
  uint64_t tree_size = 0;  // events covered: sequences [0, tree_size)
  Hash root = kZeroHash;   // Merkle root of their leaf hashes
  Hash head = kZeroHash;   // leaf hash of the last; zero for an empty log
  Hash previous =
      kZeroHash;  // CheckpointHash of number - 1; zero for the first
  int64_t created_at_us = 0;  // microseconds since 1970-01-01 UTC
  std::string signer_id;      // key id

  bool operator==(const Checkpoint& other) const;
};

// A checkpoint's canonical bytes and their signature (kCheckpointPrefix).
struct SignedCheckpoint {
  std::string payload;
  Signature signature = {};

  bool operator==(const SignedCheckpoint& other) const {
    return payload == other.payload && signature == other.signature;
  }
};

// SHA-256(0x02 || payload).
Hash CheckpointHash(const Crypto& crypto, absl::string_view payload);

// 201 bytes, fixed layout (docs/formats/audit-log.md). InvalidArgument for a
// bad key id, number 0, in an empty log a head that is not zero, and a
// `previous` that is zero although the number is not 1, or the reverse.
absl::StatusOr<std::string> EncodeCheckpoint(const Checkpoint& checkpoint);
// Accepts exactly what EncodeCheckpoint produces; DataLoss otherwise.
absl::StatusOr<Checkpoint> DecodeCheckpoint(absl::string_view payload);

// Fills signer_id from the signer. Errors of EncodeCheckpoint and of the
// signer.
absl::StatusOr<SignedCheckpoint> SignCheckpoint(Checkpoint checkpoint,
                                                Signer& signer);

// The one-line text for a file or a NOTIFY (380 bytes, no
// newline at the end):
//   ruvector-checkpoint-1 <base64 payload> <base64 signature>
std::string FormatCheckpoint(const SignedCheckpoint& checkpoint);
// InvalidArgument unless `line` is exactly such a text. Checks no signature.
absl::StatusOr<SignedCheckpoint> ParseCheckpoint(absl::string_view line);

}  // namespace ruvector::audit

#endif  // RUVECTOR_CORE_AUDIT_CHECKPOINT_H_
