// Events that belong to the caller's transaction. [backend-main]
//
// The row commits or rolls back with what it tells of; the integrity worker
// sequences, chains and signs it afterwards, and is woken by the commit.
#ifndef RUVECTOR_PGEXT_AUDIT_OUTBOX_H_
#define RUVECTOR_PGEXT_AUDIT_OUTBOX_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "pgext/boot/database_slots.h"
#include "pgext/bridge/spi.h"

namespace ruvector::audit {

struct OutboxEvent {
  std::optional<int64_t> collection_id;
  std::string collection_name;
  std::string event_type;
  std::optional<std::string> previous_state;
  std::optional<std::string> new_state;
  std::optional<double> lambda_cut;
  std::optional<double> lambda_norm;
  std::optional<double> lambda2;
  std::optional<std::string> witness_edges;  // JSON
  std::string metadata = "{}";  // a JSON object; who did it is added
  // The user who asked, where the current one is the extension's owner.
  std::string user;
};

// Needs the extension owner's rights (AsExtensionOwner).
absl::Status AppendOutbox(pg::SpiSession& spi, const OutboxEvent& event);

// Wakes a worker of this database when the current transaction commits, so
// that it looks at the tables again.
void WakeWorkerAtCommit(boot::WorkerRole role = boot::WorkerRole::kIntegrity);

}  // namespace ruvector::audit

#endif  // RUVECTOR_PGEXT_AUDIT_OUTBOX_H_
