#include "pgext/audit/log_writer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/audit/checkpoint.h"
#include "core/audit/keys.h"
#include "core/audit/merkle.h"
#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "nlohmann/json.hpp"
#include "pgext/audit/crypto.h"
#include "pgext/audit/event_ring.h"
#include "pgext/audit/key_lineage.h"
#include "pgext/audit/log_reader.h"
#include "pgext/audit/sealed_head.h"
#include "pgext/audit/signing_key.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
extern "C" {
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_control.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "storage/lmgr.h"
#include "utils/guc.h"
}

namespace ruvector::audit {
namespace {

using nlohmann::ordered_json;

int64_t NowUs() { return absl::ToUnixMicros(absl::Now()); }

// At most so many rows, and no more once their texts have so many bytes: what
// is read and stored in one go has to fit into memory.
constexpr int64_t kSealBytes = 32 << 20;
constexpr char kWaitingSql[] =
    "WITH waiting AS MATERIALIZED (SELECT id, collection_id, collection_name,"
    " event_type, previous_state, new_state,"
    " lambda_cut::pg_catalog.float8, lambda_norm::pg_catalog.float8,"
    " lambda2::pg_catalog.float8, witness_edges::pg_catalog.text,"
    " metadata::pg_catalog.text,"
    " (EXTRACT(epoch FROM created_at) * 1000000)::pg_catalog.int8 AS at"
    " FROM ruvector.audit_outbox ORDER BY id LIMIT $1::pg_catalog.int8),"
    " measured AS (SELECT *, pg_catalog.sum(pg_catalog.octet_length(metadata)"
    " + COALESCE(pg_catalog.octet_length(witness_edges), 0)) OVER (ORDER BY id"
    " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM waiting)"
    " SELECT * FROM measured WHERE before IS NULL OR before"
    " < $2::pg_catalog.int8 ORDER BY id";

// unnest of several arrays is grammar, always pg_catalog's: with the schema it
// would be a function that there is not.
constexpr char kInsertSql[] =
    "INSERT INTO ruvector.integrity_events (id, collection_id,"
    " collection_name, event_type, previous_state, new_state, lambda_cut,"
    " lambda_norm, lambda2, witness_edges, metadata, created_at, signer_id,"
    " signature, payload, previous_hash, leaf_hash) SELECT * FROM"
    " unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,"
    " $16, $17)";
constexpr std::array<uint32_t, 17> kInsertTypes = {
    INT8OID,   INT4OID,   TEXTOID,   TEXTOID,  TEXTOID,  TEXTOID,
    FLOAT4OID, FLOAT4OID, FLOAT4OID, JSONBOID, JSONBOID, TIMESTAMPTZOID,
    TEXTOID,   BYTEAOID,  BYTEAOID,  BYTEAOID, BYTEAOID};

// What pruning before $1 removes: not what key_lineage.h goes through.
#define RV_PRUNABLE                                                  \
  " FROM ruvector.integrity_events WHERE id > 0 AND"                 \
  " id < $1::pg_catalog.int8 AND event_type NOT IN ('key_rotation'," \
  " 'key_revocation')"

pg::SqlParam TextOrNull(const std::string& text) {
  return text.empty() ? pg::SqlNullParam() : pg::SqlText(text);
}

std::optional<int64_t> CollectionParam(const Event& event) {
  if (!event.collection_id.has_value()) return {};
  return *event.collection_id;
}

// What identifies this incarnation of the server.
ordered_json Incarnation() {
  return {{"system_identifier", std::to_string(GetSystemIdentifier())},
          {"timeline", GetWALInsertionTimeLine()},
          {"database_oid", MyDatabaseId},
          {"server_start",
           FormatTimeUs(absl::ToUnixMicros(absl::UnixEpoch()) + PgStartTime +
                        int64{POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE} *
                            USECS_PER_DAY)}};
}

// What a row of the outbox must not claim: keys and pruning hang on it.
bool IsWorkersOwn(absl::string_view event_type) {
  return event_type == kRotationEventType ||
         event_type == kRevocationEventType || event_type == kPruneEventType ||
         event_type == "resume" || event_type == "unsealable";
}

// What is sealed instead of an event that cannot be: the same collection and
// time, and of every text its size and SHA-256 (docs/formats/audit-log.md).
absl::StatusOr<Event> StandIn(pg::SpiSession& spi, const Crypto& crypto,
                              const Event& event, int64_t outbox_id,
                              const std::string& why) {
  constexpr size_t kShownBytes = 63;
  ordered_json left_out = ordered_json::object();
  for (const auto& [name, text] : {
           std::pair("collection_name", &event.collection_name),
           std::pair("previous_state", &event.previous_state),
           std::pair("new_state", &event.new_state),
           std::pair("witness_edges", &event.witness_edges_json),
           std::pair("metadata", &event.metadata_json),
       }) {
    if (text->empty()) continue;
    left_out[name] = {{"bytes", text->size()},
                      {"sha256", ToHex(crypto.Sha256(*text))}};
  }
  Event standing_in;
  standing_in.event_type = "unsealable";
  standing_in.created_at_us = event.created_at_us;
  standing_in.collection_id = event.collection_id;
  if (event.collection_name.size() <= 255) {
    standing_in.collection_name = event.collection_name;
    left_out.erase("collection_name");
  }
  RV_ASSIGN_OR_RETURN(
      standing_in.metadata_json,
      CanonicalJson(
          spi,
          ordered_json{{"outbox_id", outbox_id},
                       {"event_type", event.event_type.substr(0, kShownBytes)},
                       {"why", why},
                       {"left_out", left_out}}
              .dump(-1, ' ', false, ordered_json::error_handler_t::replace)));
  return standing_in;
}

const char* ResumeReason(const std::optional<ordered_json>& last,
                         const ordered_json& now) {
  if (!last.has_value()) return "first";
  const auto same = [&](const char* key) {
    return last->contains(key) && (*last)[key] == now[key];
  };
  if (!same("system_identifier") || !same("database_oid")) return "restored";
  if (!same("timeline")) return "promoted";
  return same("server_start") ? "" : "restarted";
}

// The worker does everything else too: it must not stand behind a lock of
// somebody else. Until the SPI session ends.
absl::Status LimitLockWaits() {
  return pg::PgCall([] {
    (void)set_config_option("lock_timeout", "250ms", PGC_USERSET, PGC_S_SESSION,
                            GUC_ACTION_SAVE, true, 0, false);
  });
}

absl::Status Explained(const absl::Status& status) {
  if (pg::SqlStateOf(status) != ERRCODE_LOCK_NOT_AVAILABLE) return status;
  return pg::PgError(
      ERRCODE_LOCK_NOT_AVAILABLE,
      "another session has locked the event log against writing",
      std::string(status.message()),
      "Events wait unsealed until it lets go; pg_locks shows who holds "
      "ruvector.integrity_events.");
}

// The appender's lock is on an object that only this code names, so that
// nothing else waits for it: VACUUM and ANALYZE of the table do not. The weak
// lock on the table keeps away what would change it between the reading of its
// head and the commit: its rewriting, and the disabling of its triggers.
absl::Status LockLog(pg::SpiSession& spi) {
  constexpr uint16 kAppender = 1;
  RV_RETURN_IF_ERROR(
      Explained(spi.Execute("LOCK TABLE ruvector.integrity_events"
                            " IN ROW EXCLUSIVE MODE")
                    .status()));
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT 'ruvector.integrity_events'::pg_catalog.regclass"
                "::pg_catalog.oid"));
  const auto table = static_cast<Oid>(rows.Int(0, 0).value_or(0));
  return Explained(pg::PgCall([&] {
    LockDatabaseObject(RelationRelationId, table, kAppender, ExclusiveLock);
  }));
}

}  // namespace

absl::StatusOr<ChainAppender> LogWriter::Begin(pg::SpiSession& spi) {
  RV_ASSIGN_OR_RETURN(const Crypto crypto, ServerCrypto());
  RV_RETURN_IF_ERROR(LimitLockWaits());
  RV_RETURN_IF_ERROR(LockLog(spi));
  RV_ASSIGN_OR_RETURN(signer_, OpenSigner(crypto, spi));
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows key,
      spi.Query("SELECT (EXTRACT(epoch FROM valid_from) * 1000000)"
                "::pg_catalog.int8, 'ruvector.integrity_events'"
                "::pg_catalog.regclass::pg_catalog.oid"
                " FROM ruvector.signing_keys WHERE id = $1",
                {pg::SqlText(signer_->key_id())}));
  signer_from_us_ = key.empty() ? 0 : key.Int(0, 0).value_or(0);
  log_table_ =
      key.empty() ? 0 : static_cast<uint32_t>(key.Int(0, 1).value_or(0));
  RV_ASSIGN_OR_RETURN(ChainPosition position, ReadHead(spi, crypto));
  if (position.next_sequence == 0) {
    RV_ASSIGN_OR_RETURN(position.log_id, crypto.NewLogId());
  }
  if (tree_.has_value() && tree_->size() != position.next_sequence) {
    tree_.reset();  // somebody else changed the log
  }
  ChainAppender appender(crypto, position);
  if (!resumed_ && !resuming_) RV_RETURN_IF_ERROR(Resume(spi, appender));
  return appender;
}

absl::Status LogWriter::Append(pg::SpiSession& spi, ChainAppender& appender,
                               Event event, Signer& signer) {
  if (event.created_at_us < signer_from_us_) {
    // It happened before the key that signs it began.
    ordered_json metadata =
        ordered_json::parse(event.metadata_json, nullptr, false);
    if (metadata.is_object()) {
      metadata["occurred_at"] = FormatTimeUs(event.created_at_us);
      RV_ASSIGN_OR_RETURN(event.metadata_json,
                          CanonicalJson(spi, metadata.dump()));
    }
    event.created_at_us = std::max(signer_from_us_, NowUs());
  }
  event.signer_id = signer.key_id();
  const ChainPosition before = appender.position();
  RV_ASSIGN_OR_RETURN(const SealedEvent sealed, appender.Seal(event, signer));
  sealed_ = appender.position();
  if (tree_.has_value()) {
    RV_ASSIGN_OR_RETURN(const Crypto crypto, ServerCrypto());
    tree_->Append(crypto, sealed.leaf_hash);
  }
  size_t column = 0;
  for (pg::SqlParam value :
       {pg::SqlInt(static_cast<int64_t>(before.next_sequence)),
        pg::SqlInt(CollectionParam(event)), pg::SqlText(event.collection_name),
        pg::SqlText(event.event_type), TextOrNull(event.previous_state),
        TextOrNull(event.new_state), pg::SqlReal(event.lambda_cut),
        pg::SqlReal(event.lambda_norm), pg::SqlReal(event.lambda2),
        TextOrNull(event.witness_edges_json), pg::SqlText(event.metadata_json),
        pg::SqlText(FormatTimeUs(event.created_at_us)),
        pg::SqlText(event.signer_id), pg::SqlBytes(AsView(sealed.signature)),
        pg::SqlBytes(sealed.payload), pg::SqlBytes(AsView(before.head)),
        pg::SqlBytes(AsView(sealed.leaf_hash))}) {
    rows_[column++].push_back(std::move(value));
  }
  return absl::OkStatus();
}

absl::Status LogWriter::AppendWaiting(pg::SpiSession& spi,
                                      ChainAppender& appender, Event event,
                                      int64_t outbox_id) {
  absl::Status why;
  if (IsWorkersOwn(event.event_type)) {
    why = absl::InvalidArgumentError(
        "only the integrity worker itself makes events of this type");
  } else {
    const absl::Status status = Append(spi, appender, event, *signer_);
    if (!absl::IsInvalidArgument(status)) return status;
    event.signer_id = signer_->key_id();
    why = Encode(event).status();
    if (why.ok()) return status;  // not the event's fault
  }
  RV_ASSIGN_OR_RETURN(const Crypto crypto, ServerCrypto());
  RV_ASSIGN_OR_RETURN(
      const Event standing_in,
      StandIn(spi, crypto, event, outbox_id, std::string(why.message())));
  return Append(spi, appender, standing_in, *signer_);
}

absl::Status LogWriter::Store(pg::SpiSession& spi) {
  if (rows_[0].empty()) return absl::OkStatus();
  RV_FAILPOINT("audit.append.before_insert");
  std::vector<pg::SqlParam> arrays;
  for (size_t i = 0; i < rows_.size(); ++i) {
    arrays.push_back(
        pg::SqlArray(std::exchange(rows_[i], {}), kInsertTypes[i]));
  }
  return spi.Execute(kInsertSql, arrays).status();
}

absl::Status LogWriter::Resume(pg::SpiSession& spi, ChainAppender& appender) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT metadata::pg_catalog.text FROM"
                " ruvector.integrity_events WHERE event_type = 'resume'"
                " ORDER BY id DESC LIMIT 1"));
  std::optional<ordered_json> last;
  if (!rows.empty()) {
    last = ordered_json::parse(rows.TextOr(0, 0, "{}"), nullptr, false);
  }
  ordered_json metadata = Incarnation();
  const std::string reason = ResumeReason(last, metadata);
  if (!reason.empty()) {
    metadata["reason"] = reason;
    Event event;
    event.event_type = "resume";
    event.created_at_us = NowUs();
    RV_ASSIGN_OR_RETURN(event.metadata_json,
                        CanonicalJson(spi, metadata.dump()));
    RV_RETURN_IF_ERROR(Append(spi, appender, std::move(event), *signer_));
  }
  resuming_ = true;
  return absl::OkStatus();
}

absl::StatusOr<int> LogWriter::SealOutbox(pg::SpiSession& spi,
                                          ChainAppender& appender, int limit) {
  RV_ASSIGN_OR_RETURN(const pg::SpiRows rows,
                      spi.Query(kWaitingSql, {pg::SqlInt(int64_t{limit}),
                                              pg::SqlInt(kSealBytes)}));
  if (rows.empty()) return 0;
  std::string ids = "{";
  for (size_t i = 0; i < rows.size(); ++i) {
    Event event;
    if (const auto id = rows.Int(i, 1); id.has_value()) {
      event.collection_id = static_cast<int32_t>(*id);
    }
    event.collection_name = rows.TextOr(i, 2, "");
    event.event_type = rows.TextOr(i, 3, "");
    event.previous_state = rows.TextOr(i, 4, "");
    event.new_state = rows.TextOr(i, 5, "");
    event.lambda_cut = rows.Real(i, 6);
    event.lambda_norm = rows.Real(i, 7);
    event.lambda2 = rows.Real(i, 8);
    event.witness_edges_json = rows.TextOr(i, 9, "");
    event.metadata_json = rows.TextOr(i, 10, "{}");
    event.created_at_us = rows.Int(i, 11).value_or(NowUs());
    RV_RETURN_IF_ERROR(AppendWaiting(spi, appender, std::move(event),
                                     rows.Int(i, 0).value_or(0)));
    absl::StrAppend(&ids, i == 0 ? "" : ",", rows.TextOr(i, 0, "0"));
  }
  RV_RETURN_IF_ERROR(spi.Execute("DELETE FROM ruvector.audit_outbox"
                                 " WHERE id = ANY ($1::pg_catalog.int8[])",
                                 {pg::SqlText(ids + "}")})
                         .status());
  return static_cast<int>(rows.size());
}

absl::StatusOr<int> LogWriter::SealRing(pg::SpiSession& spi,
                                        ChainAppender& appender, int limit) {
  RingEvent waiting;
  int sealed = 0;
  while (sealed < limit &&
         PeekRingEvent(MyDatabaseId, ring_ticket_, waiting, ring_ticket_)) {
    Event event;
    if (waiting.collection_id != 0) event.collection_id = waiting.collection_id;
    event.collection_name = waiting.collection_name;
    event.event_type = waiting.event_type;
    event.new_state = waiting.state;
    if (!std::isnan(waiting.lambda_norm)) {
      event.lambda_norm = double{waiting.lambda_norm};
    }
    RV_ASSIGN_OR_RETURN(event.metadata_json,
                        CanonicalJson(spi, waiting.metadata));
    event.created_at_us = UnixMicros(waiting.at);
    RV_RETURN_IF_ERROR(Append(spi, appender, std::move(event), *signer_));
    ++sealed;
  }
  return sealed;
}

// A restore fills the outbox a moment before it fills the log, and the first
// event of a new log would stand in its way: an empty log is begun only after
// its first event has waited a little.
constexpr absl::Duration kFirstEventDelay = absl::Seconds(3);

absl::StatusOr<bool> LogWriter::HasWork(pg::SpiSession& spi, bool asked) {
  RV_RETURN_IF_ERROR(LimitLockWaits());
  const absl::StatusOr<pg::SpiRows> read = spi.Query(
      "SELECT EXISTS (SELECT FROM ruvector.audit_outbox),"
      " EXISTS (SELECT FROM ruvector.integrity_events)");
  if (!read.ok()) return Explained(read.status());
  const pg::SpiRows& rows = *read;
  const bool begun = rows.Bool(0, 1).value_or(false);
  const bool waiting = rows.Bool(0, 0).value_or(false) ||
                       GetRingStatus(MyDatabaseId).waiting != 0;
  if (begun) return waiting || !resumed_;
  if (!waiting) {
    first_waiting_ = absl::InfiniteFuture();
    return false;
  }
  if (asked) return true;
  first_waiting_ = std::min(first_waiting_, absl::Now());
  return absl::Now() - first_waiting_ >= kFirstEventDelay;
}

absl::StatusOr<int> LogWriter::SealWaiting(pg::SpiSession& spi, int limit,
                                           bool asked) {
  RV_ASSIGN_OR_RETURN(const bool work, HasWork(spi, asked));
  if (!work) return 0;
  RV_ASSIGN_OR_RETURN(ChainAppender appender, Begin(spi));
  RV_ASSIGN_OR_RETURN(const int rows, SealOutbox(spi, appender, limit));
  RV_ASSIGN_OR_RETURN(const int ring,
                      SealRing(spi, appender, std::max(limit - rows, 1)));
  RV_RETURN_IF_ERROR(Store(spi));
  RV_FAILPOINT("audit.seal.before_commit");
  return rows + ring;
}

absl::StatusOr<int64_t> LogWriter::Checkpoint(pg::SpiSession& spi) {
  RV_ASSIGN_OR_RETURN(const ChainAppender appender, Begin(spi));
  RV_RETURN_IF_ERROR(Store(spi));
  RV_ASSIGN_OR_RETURN(const Crypto crypto, ServerCrypto());
  if (!tree_.has_value()) {
    RV_ASSIGN_OR_RETURN(tree_, ReadTree(spi, crypto));
  }
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows last,
      spi.Query("SELECT id, pg_catalog.encode(payload, 'hex') FROM"
                " ruvector.audit_checkpoints ORDER BY id DESC LIMIT 1"));
  audit::Checkpoint checkpoint;
  if (!last.empty()) {
    // Whatever stands there: if it was changed, verification names it.
    checkpoint.number = static_cast<uint64_t>(last.Int(0, 0).value_or(0)) + 1;
    checkpoint.previous = CheckpointHash(crypto, last.Bytes(0, 1).value_or(""));
  }
  checkpoint.log_id = appender.position().log_id;
  checkpoint.tree_size = tree_->size();
  checkpoint.root = tree_->Root(crypto);
  checkpoint.head = appender.position().head;
  checkpoint.created_at_us = NowUs();
  RV_ASSIGN_OR_RETURN(const SignedCheckpoint sealed,
                      SignCheckpoint(checkpoint, *signer_));
  RV_RETURN_IF_ERROR(
      spi.Execute("INSERT INTO ruvector.audit_checkpoints (tree_size,"
                  " root_hash, head_hash, frontier, created_at, signer_id,"
                  " payload, signature, id, previous_hash) VALUES"
                  " ($1::pg_catalog.int8,"
                  " $2::pg_catalog.bytea, $3::pg_catalog.bytea,"
                  " $4::pg_catalog.bytea, $5::pg_catalog.timestamptz, $6,"
                  " $7::pg_catalog.bytea, $8::pg_catalog.bytea,"
                  " $9::pg_catalog.int8, $10::pg_catalog.bytea)",
                  {pg::SqlInt(static_cast<int64_t>(tree_->size())),
                   pg::SqlBytes(AsView(checkpoint.root)),
                   pg::SqlBytes(AsView(checkpoint.head)),
                   pg::SqlBytes(FrontierBytes(*tree_)),
                   pg::SqlText(FormatTimeUs(checkpoint.created_at_us)),
                   pg::SqlText(signer_->key_id()), pg::SqlBytes(sealed.payload),
                   pg::SqlBytes(AsView(sealed.signature)),
                   pg::SqlInt(static_cast<int64_t>(checkpoint.number)),
                   pg::SqlBytes(AsView(checkpoint.previous))})
          .status());
  RV_RETURN_IF_ERROR(spi.Execute("SELECT pg_catalog.pg_notify($1, $2)",
                                 {pg::SqlText(kCheckpointChannel),
                                  pg::SqlText(FormatCheckpoint(sealed))})
                         .status());
  RV_FAILPOINT("audit.checkpoint.before_commit");
  return static_cast<int64_t>(checkpoint.number);
}

absl::StatusOr<std::string> LogWriter::RotateKey(pg::SpiSession& spi,
                                                 const std::string& user) {
  RV_ASSIGN_OR_RETURN(const Crypto crypto, ServerCrypto());
  RV_RETURN_IF_ERROR(LimitLockWaits());
  RV_RETURN_IF_ERROR(LockLog(spi));
  const int64_t now_us = NowUs();
  absl::StatusOr<std::unique_ptr<Signer>> old = OpenSigner(crypto, spi);
  RV_ASSIGN_OR_RETURN(std::unique_ptr<Signer> next,
                      PrepareNextKey(crypto, spi, now_us));
  RV_ASSIGN_OR_RETURN(ChainPosition position, ReadHead(spi, crypto));
  if (position.next_sequence == 0) {
    RV_ASSIGN_OR_RETURN(position.log_id, crypto.NewLogId());
  }
  ChainAppender appender(crypto, position);

  ordered_json metadata{{"new_key", next->key_id()}, {"user", user}};
  rotated_from_ = old.ok() ? (*old)->key_id() : "lost";
  if (old.ok()) {
    metadata["old_key"] = (*old)->key_id();
  } else {
    metadata["old_key_unusable"] = std::string(old.status().message());
  }
  Event event;
  event.event_type = std::string(kRotationEventType);
  event.created_at_us = now_us;
  RV_ASSIGN_OR_RETURN(event.metadata_json, CanonicalJson(spi, metadata.dump()));
  signer_from_us_ = 0;
  RV_RETURN_IF_ERROR(
      Append(spi, appender, std::move(event), old.ok() ? **old : *next));
  RV_RETURN_IF_ERROR(Store(spi));
  // The old key's last word is the event just written.
  const LogChangeAllowed allowed;
  RV_RETURN_IF_ERROR(
      spi.Execute("UPDATE ruvector.signing_keys SET expires_at ="
                  " $2::pg_catalog.timestamptz WHERE id <> $1"
                  " AND expires_at IS NULL AND revoked_at IS NULL",
                  {pg::SqlText(next->key_id()),
                   pg::SqlText(FormatTimeUs(now_us + 1))})
          .status());
  RV_FAILPOINT("audit.rotate.before_commit");
  return next->key_id();
}

absl::Status LogWriter::RevokeKey(pg::SpiSession& spi,
                                  const std::string& key_id,
                                  const std::string& reason,
                                  const std::string& user) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows known,
      spi.Query("SELECT revoked_at IS NOT NULL FROM ruvector.signing_keys"
                " WHERE id = $1",
                {pg::SqlText(key_id)}));
  if (known.empty()) {
    return pg::PgError(
        ERRCODE_UNDEFINED_OBJECT,
        absl::StrCat("signing key \"", key_id, "\" does not exist"));
  }
  if (known.Bool(0, 0).value_or(false)) {
    return pg::PgError(
        ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        absl::StrCat("signing key \"", key_id, "\" is revoked already"));
  }
  RV_ASSIGN_OR_RETURN(ChainAppender appender, Begin(spi));
  if (signer_->key_id() == key_id) {
    return pg::PgError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "cannot revoke the key in use", "",
                       "Run ruvector_rotate_signing_key() first.");
  }
  Event event;
  event.event_type = std::string(kRevocationEventType);
  event.created_at_us = NowUs();
  RV_ASSIGN_OR_RETURN(
      event.metadata_json,
      CanonicalJson(
          spi, ordered_json{{"key", key_id}, {"reason", reason}, {"user", user}}
                   .dump()));
  const LogChangeAllowed allowed;
  RV_RETURN_IF_ERROR(
      spi.Execute("UPDATE ruvector.signing_keys SET revoked_at ="
                  " $2::pg_catalog.timestamptz, revocation_reason = $3"
                  " WHERE id = $1",
                  {pg::SqlText(key_id),
                   pg::SqlText(FormatTimeUs(event.created_at_us)),
                   pg::SqlText(reason)})
          .status());
  RV_FAILPOINT("audit.revoke.before_append");
  RV_RETURN_IF_ERROR(Append(spi, appender, std::move(event), *signer_));
  return Store(spi);
}

absl::StatusOr<int64_t> LogWriter::Prune(pg::SpiSession& spi, int64_t before_us,
                                         const std::string& user) {
  RV_ASSIGN_OR_RETURN(ChainAppender appender, Begin(spi));
  const std::string before = FormatTimeUs(before_us);
  // The first event that stays; everything before it goes, except for what
  // says which keys count.
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows range,
      spi.Query("SELECT COALESCE(pg_catalog.min(id) FILTER"
                " (WHERE created_at >= $1::pg_catalog.timestamptz),"
                " pg_catalog.max(id) + 1) FROM ruvector.integrity_events",
                {pg::SqlText(before)}));
  const int64_t end = range.Int(0, 0).value_or(0);
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows any,
      spi.Query("SELECT EXISTS (SELECT" RV_PRUNABLE ")", {pg::SqlInt(end)}));
  if (!any.Bool(0, 0).value_or(false)) return 0;

  Event event;
  event.event_type = std::string(kPruneEventType);
  event.created_at_us = NowUs();
  // From the start of the log: earlier prune events are covered with theirs.
  event.pruned = SequenceRange{0, static_cast<uint64_t>(end)};
  RV_ASSIGN_OR_RETURN(
      event.metadata_json,
      CanonicalJson(spi,
                    ordered_json{{"before", before}, {"user", user}}.dump()));
  RV_RETURN_IF_ERROR(Append(spi, appender, std::move(event), *signer_));
  RV_RETURN_IF_ERROR(Store(spi));
  RV_RETURN_IF_ERROR(
      spi.Execute("INSERT INTO ruvector.audit_pruned_leaves (id, leaf_hash)"
                  " SELECT id, leaf_hash" RV_PRUNABLE " ORDER BY id",
                  {pg::SqlInt(end)})
          .status());
  RV_FAILPOINT("audit.prune.before_delete");
  const LogChangeAllowed allowed;
  return spi.Execute("DELETE" RV_PRUNABLE, {pg::SqlInt(end)});
}

absl::Status LogWriter::Committed() {
  resumed_ = resumed_ || resuming_;
  resuming_ = false;
  if (sealed_.has_value() && log_table_ != 0) {
    NoteSealedHead(log_table_, sealed_->next_sequence, sealed_->head);
  }
  sealed_.reset();
  failpoint::Check("audit.seal.before_ring_removal").IgnoreError();
  if (ring_ticket_ != 0) RemoveRingEvents(MyDatabaseId, ring_ticket_);
  ring_ticket_ = 0;
  if (rotated_from_.empty()) return absl::OkStatus();
  const std::string old = std::move(rotated_from_);
  rotated_from_.clear();
  RV_FAILPOINT("audit.rotate.after_commit");
  return RotateKeyFile(old);
}

void LogWriter::RolledBack() {
  for (std::vector<pg::SqlParam>& column : rows_) column.clear();
  tree_.reset();
  sealed_.reset();
  resuming_ = false;
  ring_ticket_ = 0;
  rotated_from_.clear();
}

}  // namespace ruvector::audit
