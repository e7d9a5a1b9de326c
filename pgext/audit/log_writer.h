// The one appender of this database's event log. Worker only. [backend-main]
//
// Takes what waits in the outbox and the ring, in order, gives it sequence
// numbers, chains and signs it, and stores it. Each call runs in the caller's
// transaction; the position is read from the table each time, under a lock
// that keeps a second appender out and conflicts with nothing else (VACUUM and
// ANALYZE of the table go on). None waits long for a lock of somebody else:
// they fail with 55P03 then, having changed nothing.
#ifndef RUVECTOR_PGEXT_AUDIT_LOG_WRITER_H_
#define RUVECTOR_PGEXT_AUDIT_LOG_WRITER_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/audit/chain.h"
#include "core/audit/merkle.h"
#include "core/audit/signer.h"
#include "pgext/bridge/spi.h"

namespace ruvector::audit {

inline constexpr char kCheckpointChannel[] = "ruvector_checkpoint";

class LogWriter {
 public:
  // Seals at most `limit` waiting events; how many it did. The first call of
  // a server's life seals a resume event before (first | restarted | promoted
  // | restored). Fails, and seals nothing, while there is no usable key.
  // An empty log is begun only after a moment, unless somebody `asked`.
  absl::StatusOr<int> SealWaiting(pg::SpiSession& spi, int limit, bool asked);

  // Signs a commitment to the whole log; its row's id. Its text goes out by
  // NOTIFY on kCheckpointChannel when the transaction commits.
  absl::StatusOr<int64_t> Checkpoint(pg::SpiSession& spi);

  // Ends the key in use, begins a new one; the new key's id.
  absl::StatusOr<std::string> RotateKey(pg::SpiSession& spi,
                                        const std::string& user);
  // Marks a key as not to be trusted from now on. The key in use is rotated
  // first.
  absl::Status RevokeKey(pg::SpiSession& spi, const std::string& key_id,
                         const std::string& reason, const std::string& user);

  // Removes the payloads of all events before `before_us` that no newer event
  // precedes, keeps their leaf hashes; how many. Appends a prune event. Event 0
  // and those that introduce or revoke a key stay: they say which keys count.
  absl::StatusOr<int64_t> Prune(pg::SpiSession& spi, int64_t before_us,
                                const std::string& user);

  // After the caller's transaction ended. Committed() lets go of the ring's
  // events and finishes a key rotation; RolledBack() forgets both.
  absl::Status Committed();
  void RolledBack();

 private:
  absl::StatusOr<bool> HasWork(pg::SpiSession& spi, bool asked);
  absl::StatusOr<ChainAppender> Begin(pg::SpiSession& spi);
  // Seals the event and keeps its row for Store.
  absl::Status Append(pg::SpiSession& spi, ChainAppender& appender, Event event,
                      Signer& signer);
  // Likewise; what has no canonical form is replaced by an "unsealable" event
  // that says what it stands for: it must not hold up those behind it.
  absl::Status AppendWaiting(pg::SpiSession& spi, ChainAppender& appender,
                             Event event, int64_t outbox_id);
  absl::Status Store(pg::SpiSession& spi);
  absl::Status Resume(pg::SpiSession& spi, ChainAppender& appender);
  absl::StatusOr<int> SealOutbox(pg::SpiSession& spi, ChainAppender& appender,
                                 int limit);
  absl::StatusOr<int> SealRing(pg::SpiSession& spi, ChainAppender& appender,
                               int limit);

  std::unique_ptr<Signer> signer_;
  int64_t signer_from_us_ = 0;
  absl::Time first_waiting_ = absl::InfiniteFuture();  // of an empty log
  bool resumed_ = false;   // this server's resume event is committed
  bool resuming_ = false;  // and in the running transaction
  std::array<std::vector<pg::SqlParam>, 17> rows_;  // sealed, by column
  // Over all that is sealed; nullopt until a checkpoint asks, and after a
  // rollback.
  std::optional<MerkleFrontier> tree_;
  uint32_t log_table_ = 0;               // OID of ruvector.integrity_events
  std::optional<ChainPosition> sealed_;  // by the running transaction
  uint64_t ring_ticket_ = 0;  // up to which the transaction sealed the ring
  std::string rotated_from_;  // old key id of a rotation to finish
};

}  // namespace ruvector::audit

#endif  // RUVECTOR_PGEXT_AUDIT_LOG_WRITER_H_
