#include "pgext/integrity/webhooks.h"

#include "absl/time/time.h"
#include "core/base/status_macros.h"
#include "nlohmann/json.hpp"
#include "pgext/audit/crypto.h"

namespace ruvector::integrity {
namespace {

pg::SqlParam Time(const std::optional<absl::Time>& time) {
  if (!time.has_value()) return pg::SqlNullParam();
  return pg::SqlText(
      absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", *time, absl::UTCTimeZone()));
}

}  // namespace

absl::Status SyncWebhooks(pg::SpiSession& spi, int32_t collection_id,
                          const gate::Notifications& notifications) {
  nlohmann::json urls = nlohmann::json::array();
  for (const gate::Channel& channel : notifications.channels) {
    if (channel.type == gate::Channel::Type::kWebhook) {
      urls.push_back(channel.target);
    }
  }
  const pg::SqlParam id = pg::SqlInt(int64_t{collection_id});
  const pg::SqlParam list = pg::SqlText(urls.dump());
  RV_RETURN_IF_ERROR(
      spi.Execute("DELETE FROM ruvector.webhook_deliveries WHERE collection_id"
                  " = $1::pg_catalog.int4 AND pending = 0 AND NOT"
                  " $2::pg_catalog.jsonb OPERATOR(pg_catalog.?) url",
                  {id, list})
          .status());
  return spi
      .Execute(
          "INSERT INTO ruvector.webhook_deliveries (collection_id, url)"
          " SELECT $1::pg_catalog.int4, u FROM"
          " pg_catalog.jsonb_array_elements_text($2::pg_catalog.jsonb) u"
          " ON CONFLICT DO NOTHING",
          {id, list})
      .status();
}

absl::Status AddPendingWebhook(pg::SpiSession& spi, int32_t collection_id,
                               std::string_view url) {
  return spi
      .Execute(
          "INSERT INTO ruvector.webhook_deliveries AS w (collection_id,"
          " url, pending) VALUES ($1::pg_catalog.int4, $2, 1)"
          " ON CONFLICT (collection_id, url) DO UPDATE SET pending ="
          " w.pending + 1",
          {pg::SqlInt(int64_t{collection_id}), pg::SqlText(url)})
      .status();
}

absl::Status DropLeftWebhooks(pg::SpiSession& spi) {
  return spi
      .Execute(
          "UPDATE ruvector.webhook_deliveries SET dropped = dropped +"
          " pending, pending = 0, last_error = 'dropped: the integrity"
          " worker ended before the delivery' WHERE pending > 0")
      .status();
}

absl::Status StoreWebhookChanges(
    pg::SpiSession& spi, const notify::WebhookSender::Changes& changes) {
  for (const auto& [key, change] : changes) {
    const auto at =
        change.attempted ? std::optional(change.attempt_at) : std::nullopt;
    const auto status = change.status.has_value()
                            ? std::optional<int64_t>(*change.status)
                            : std::nullopt;
    RV_RETURN_IF_ERROR(
        spi.Execute(
               "UPDATE ruvector.webhook_deliveries SET"
               " delivered = delivered + $3::pg_catalog.int8,"
               " failed = failed + $4::pg_catalog.int8,"
               " dropped = dropped + $5::pg_catalog.int8,"
               " pending = pending - ($3::pg_catalog.int8 +"
               " $4::pg_catalog.int8 + $5::pg_catalog.int8),"
               " last_attempt_at = coalesce($6::pg_catalog.timestamptz,"
               " last_attempt_at),"
               " last_delivered_at = coalesce($7::pg_catalog.timestamptz,"
               " last_delivered_at),"
               " last_status = CASE WHEN $6 IS NULL THEN last_status"
               " ELSE $8::pg_catalog.int4 END,"
               " last_error = nullif($9, '')"
               " WHERE collection_id = $1::pg_catalog.int4 AND url = $2",
               {pg::SqlInt(int64_t{key.first}), pg::SqlText(key.second),
                pg::SqlInt(change.delivered), pg::SqlInt(change.failed),
                pg::SqlInt(change.dropped), Time(at), Time(change.delivered_at),
                pg::SqlInt(status), pg::SqlText(change.error)})
            .status());
  }
  return absl::OkStatus();
}

notify::WebhookSender::Options WebhookSenderOptions() {
  notify::WebhookSender::Options options;
  options.program = audit::PrivateLibraryDirectory() + "/ruvector-webhook";
  return options;
}

}  // namespace ruvector::integrity
