// Webhooks of a collection: their rows, and the messages for them. Worker
// only. [backend-main]
//
// The counters are a table, ruvector.webhook_deliveries, and not shared
// memory: a message is counted as pending in the transaction of the
// transition that it tells of, so that what a crash or a restart loses is
// known afterwards and counted as dropped; and there can be any number of
// webhooks. It is written only when a message comes or ends. Standbys see it
// too. delivered + failed + dropped + pending is the number of messages.
#ifndef RUVECTOR_PGEXT_INTEGRITY_WEBHOOKS_H_
#define RUVECTOR_PGEXT_INTEGRITY_WEBHOOKS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/gate/policy.h"
#include "core/notify/webhook_sender.h"
#include "pgext/bridge/spi.h"

namespace ruvector::integrity {

// All in the caller's transaction.

// A row for each webhook of the policy; those of other URLs go when nothing
// of theirs is pending.
absl::Status SyncWebhooks(pg::SpiSession& spi, int32_t collection_id,
                          const gate::Notifications& notifications);

// Counts a message as pending; it may be sent when this has committed.
absl::Status AddPendingWebhook(pg::SpiSession& spi, int32_t collection_id,
                               std::string_view url);

// What an earlier worker left pending was never delivered: counts it as
// dropped. Before this worker's first message.
absl::Status DropLeftWebhooks(pg::SpiSession& spi);

// Adds what the sender has found out.
absl::Status StoreWebhookChanges(pg::SpiSession& spi,
                                 const notify::WebhookSender::Changes& changes);

// The sender of this worker, with the installed helper.
notify::WebhookSender::Options WebhookSenderOptions();

}  // namespace ruvector::integrity

#endif  // RUVECTOR_PGEXT_INTEGRITY_WEBHOOKS_H_
