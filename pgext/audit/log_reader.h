// Reading the stored event log. [backend-main] Needs a transaction.
#ifndef RUVECTOR_PGEXT_AUDIT_LOG_READER_H_
#define RUVECTOR_PGEXT_AUDIT_LOG_READER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/audit/chain.h"
#include "core/audit/checkpoint.h"
#include "core/audit/crypto.h"
#include "core/audit/event.h"
#include "core/audit/keys.h"
#include "core/audit/merkle.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/spi.h"

namespace ruvector::audit {

// A row of the log: the event's payload, or only its leaf hash once pruned.
struct StoredEvent {
  uint64_t sequence = 0;
  bool pruned = false;
  std::string payload;
  Signature signature = {};
  Hash leaf_hash = {};        // as the column has it
  std::string previous_hash;  // as the column has it
  // The readable columns, to be held against the payload.
  Event columns;
};

// Reads [from, to) in order, a chunk at a time. Rows that cannot be read as
// what they should be (a signature of another size) come with empty fields:
// verification names them.
class LogCursor {
 public:
  LogCursor(pg::SpiSession& spi, uint64_t from, uint64_t to)
      : spi_(spi), next_(from), to_(to) {}
  // The next row; nullopt at the end.
  absl::StatusOr<std::optional<StoredEvent>> Next();

 private:
  absl::Status Fetch();

  pg::SpiSession& spi_;
  uint64_t next_;
  uint64_t to_;
  bool drained_ = false;
  std::vector<StoredEvent> chunk_;
  size_t at_ = 0;
};

// Where the chain stands: one past the last event. An empty log has
// next_sequence 0 and no log id.
absl::StatusOr<ChainPosition> ReadHead(pg::SpiSession& spi,
                                       const Crypto& crypto);

// The Merkle tree over the whole log, from the newest checkpoint whose
// frontier its own signature vouches for.
absl::StatusOr<MerkleFrontier> ReadTree(pg::SpiSession& spi,
                                        const Crypto& crypto);

// The keys that the log vouches for, with their windows (key_lineage.h); of a
// log without events all that are registered.
// A row that is no key (another's id, a time out of order) is left out; the
// caller that wants to know gets it in `problems`.
struct KeyProblem {
  std::string id;  // as the column has it
  std::string why;
};
absl::StatusOr<KeySet> ReadKeys(pg::SpiSession& spi, const Crypto& crypto,
                                std::vector<KeyProblem>* problems = nullptr);

struct StoredCheckpoint {
  int64_t id = 0;
  SignedCheckpoint sealed;
  std::optional<Checkpoint> decoded;  // of the payload
  // The readable columns, to be held against the payload.
  int64_t tree_size = 0;
  std::string root;
  std::string head;
  std::string previous;
  int64_t created_at_us = 0;
  std::string signer_id;
  std::string frontier;

  // After how many events it belongs; 0 when that is not legible.
  uint64_t place() const {
    return decoded.has_value() ? decoded->tree_size : 0;
  }
};
// By id.
absl::StatusOr<std::vector<StoredCheckpoint>> ReadCheckpoints(
    pg::SpiSession& spi);

// Which readable column disagrees with the payload; empty when none does.
std::string ColumnMismatch(const StoredEvent& stored, const Event& event);
// Likewise of a checkpoint that decodes; `tree` is that of the events it
// covers.
std::string ColumnMismatch(const StoredCheckpoint& stored,
                           const MerkleFrontier& tree);
// The hashes of a frontier as its column has them.
std::string FrontierBytes(const MerkleFrontier& tree);

// JSON as the server's jsonb prints it: what is signed and what is stored are
// then the same text.
absl::StatusOr<std::string> CanonicalJson(pg::SpiSession& spi,
                                          std::string_view json);

int64_t UnixMicros(TimestampTz time);

// While one lives, the log's triggers let changes pass: the worker's, when it
// prunes and when it ends a key.
class LogChangeAllowed {
 public:
  LogChangeAllowed();
  ~LogChangeAllowed();
};
bool IsLogChangeAllowed();

}  // namespace ruvector::audit

#endif  // RUVECTOR_PGEXT_AUDIT_LOG_READER_H_
