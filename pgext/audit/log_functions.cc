// SQL: verification, proofs, export and management of the event log.
#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/audit/export_file.h"
#include "core/base/status_macros.h"
#include "nlohmann/json.hpp"
#include "pgext/audit/crypto.h"
#include "pgext/audit/event_ring.h"
#include "pgext/audit/log_reader.h"
#include "pgext/boot/worker_request.h"
#include "pgext/bridge/arguments.h"
#include "pgext/bridge/extension.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/result_set.h"
#include "pgext/bridge/spi.h"
#include "pgext/bridge/sql_entry.h"
extern "C" {
#include "commands/trigger.h"
}

namespace ruvector::audit {
namespace {

// Everything a reading function needs, opened in one go.
struct Reader {
  pg::AsExtensionOwner owner;
  pg::SpiSession spi;
  std::optional<Crypto> crypto;

  absl::Status Begin() {
    RV_RETURN_IF_ERROR(owner.Begin());
    RV_RETURN_IF_ERROR(spi.Connect());
    RV_ASSIGN_OR_RETURN(crypto, ServerCrypto());
    return absl::OkStatus();
  }
};

struct Verdict {
  int64_t checked = 0;
  int64_t pruned = 0;
  std::optional<int64_t> first_bad;
  std::string reason;

  void Blame(uint64_t sequence, const std::string& why) {
    const auto id = static_cast<int64_t>(sequence);
    if (first_bad.has_value() && *first_bad <= id) return;
    first_bad = id;
    reason = why;
  }
};

std::string Describe(const ChainFault& fault) {
  return absl::StrCat(ChainFaultName(fault.kind), ": ", fault.detail);
}

// What stands before `from`: the chain starts there.
absl::StatusOr<ChainPosition> StartAt(Reader& reader, uint64_t from) {
  ChainPosition start;
  LogCursor cursor(reader.spi, from == 0 ? 0 : from - 1, INT64_MAX);
  for (int i = 0; i < 2; ++i) {
    RV_ASSIGN_OR_RETURN(const std::optional<StoredEvent> row, cursor.Next());
    if (!row.has_value()) break;
    if (row->sequence + 1 == from) {
      start.head = row->pruned ? row->leaf_hash
                               : LeafHash(*reader.crypto, row->payload);
    }
  }
  start.next_sequence = from;
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      reader.spi.Query("SELECT pg_catalog.encode(payload, 'hex') FROM"
                       " ruvector.integrity_events ORDER BY id LIMIT 16"));
  for (size_t i = 0; i < rows.size(); ++i) {
    const absl::StatusOr<Event> event = Decode(rows.Bytes(i, 0).value_or(""));
    if (!event.ok()) continue;
    start.log_id = event->log_id;
    break;
  }
  return start;
}

absl::Status CheckRows(Reader& reader, ChainVerifier& verifier,
                       MerkleFrontier* tree,
                       const std::vector<StoredCheckpoint>& checkpoints,
                       const std::string& collection, uint64_t from,
                       uint64_t to, Verdict& verdict) {
  const Crypto& crypto = *reader.crypto;
  LogCursor cursor(reader.spi, from, to);
  auto checkpoint = checkpoints.begin();
  for (;;) {
    RV_ASSIGN_OR_RETURN(const std::optional<StoredEvent> row, cursor.Next());
    if (!row.has_value()) break;
    std::optional<ChainFault> fault;
    Hash leaf = row->leaf_hash;
    if (row->pruned) {
      fault = verifier.CheckPruned(row->sequence, row->leaf_hash);
      ++verdict.pruned;
    } else {
      Event event;
      leaf = LeafHash(crypto, row->payload);
      fault = verifier.CheckEvent(row->payload, row->signature, &event);
      if (!fault.has_value()) {
        const std::string column = ColumnMismatch(*row, event);
        if (!column.empty()) {
          verdict.Blame(row->sequence,
                        absl::StrCat("column_changed: column \"", column,
                                     "\" is not what was signed"));
        }
        if (leaf != row->leaf_hash) {
          verdict.Blame(row->sequence,
                        "column_changed: leaf_hash is not the payload's");
        }
      }
      if (collection.empty() || row->columns.collection_name == collection) {
        ++verdict.checked;
      }
    }
    if (fault.has_value()) verdict.Blame(fault->sequence, Describe(*fault));
    if (tree == nullptr) continue;
    tree->Append(crypto, leaf);
    for (; checkpoint != checkpoints.end() &&
           checkpoint->tree_size <= tree->size();
         ++checkpoint) {
      if (checkpoint->tree_size != tree->size()) continue;
      fault = verifier.CheckCheckpoint(checkpoint->sealed, tree->Root(crypto));
      if (fault.has_value()) {
        verdict.Blame(fault->sequence,
                      absl::StrCat("checkpoint ", checkpoint->id, ": ",
                                   Describe(*fault)));
      }
    }
  }
  if (tree != nullptr && checkpoint != checkpoints.end()) {
    verdict.Blame(verifier.next_sequence(),
                  absl::StrCat("missing_events: checkpoint ", checkpoint->id,
                               " covers ", checkpoints.back().tree_size,
                               " events, the log has ", tree->size()));
  }
  return absl::OkStatus();
}

absl::StatusOr<Verdict> VerifyRange(Reader& reader,
                                    const std::string& collection,
                                    uint64_t from, uint64_t to) {
  RV_ASSIGN_OR_RETURN(const KeySet keys, ReadKeys(reader.spi, *reader.crypto));
  RV_ASSIGN_OR_RETURN(const std::vector<StoredCheckpoint> checkpoints,
                      ReadCheckpoints(reader.spi));
  RV_ASSIGN_OR_RETURN(const ChainPosition start, StartAt(reader, from));
  ChainVerifier verifier(*reader.crypto, keys, start);
  MerkleFrontier tree;
  Verdict verdict;
  const bool whole = from == 0 && to == INT64_MAX;
  RV_RETURN_IF_ERROR(CheckRows(reader, verifier, whole ? &tree : nullptr,
                               checkpoints, collection, from, to, verdict));
  for (const ChainFault& fault : verifier.Finish()) {
    if (!whole && fault.kind == ChainFaultKind::kUnexplainedPrune) continue;
    verdict.Blame(fault.sequence, Describe(fault));
  }
  return verdict;
}

absl::StatusOr<Hash> RootAt(Reader& reader, uint64_t size) {
  MerkleFrontier tree;
  LogCursor cursor(reader.spi, 0, size);
  for (;;) {
    RV_ASSIGN_OR_RETURN(const std::optional<StoredEvent> row, cursor.Next());
    if (!row.has_value()) break;
    tree.Append(*reader.crypto, row->pruned
                                    ? row->leaf_hash
                                    : LeafHash(*reader.crypto, row->payload));
  }
  return tree.Root(*reader.crypto);
}

// Leaf hashes in ascending order, as the proofs ask for them.
class LeafSource {
 public:
  LeafSource(Reader& reader, uint64_t size)
      : reader_(reader), cursor_(reader.spi, 0, size) {}

  absl::StatusOr<Hash> At(uint64_t index) {
    for (;;) {
      RV_ASSIGN_OR_RETURN(const std::optional<StoredEvent> row, cursor_.Next());
      if (!row.has_value()) {
        return absl::DataLossError(
            absl::StrCat("event ", index, " is missing from the log"));
      }
      if (row->sequence == index) {
        return row->pruned ? row->leaf_hash
                           : LeafHash(*reader_.crypto, row->payload);
      }
    }
  }

 private:
  Reader& reader_;
  LogCursor cursor_;
};

nlohmann::ordered_json HexList(const std::vector<Hash>& hashes) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Hash& hash : hashes) list.push_back(ToHex(hash));
  return list;
}

absl::StatusOr<uint64_t> LogSize(Reader& reader) {
  RV_ASSIGN_OR_RETURN(const ChainPosition head,
                      ReadHead(reader.spi, *reader.crypto));
  return head.next_sequence;
}

}  // namespace
}  // namespace ruvector::audit

// (id) -> boolean; NULL when there is no such event.
RV_SQL_FUNCTION(ruvector_verify_event) {
  using namespace ruvector;
  using namespace ruvector::audit;
  if (PG_ARGISNULL(0) || PG_GETARG_INT64(0) < 0) return pg::SqlNull(fcinfo);
  const auto id = static_cast<uint64_t>(PG_GETARG_INT64(0));
  Reader reader;
  RV_RETURN_IF_ERROR(reader.Begin());
  LogCursor cursor(reader.spi, id, id + 1);
  RV_ASSIGN_OR_RETURN(const std::optional<StoredEvent> row, cursor.Next());
  if (!row.has_value() || row->pruned) return pg::SqlNull(fcinfo);
  const absl::StatusOr<Event> event = Decode(row->payload);
  if (!event.ok() || !ColumnMismatch(*row, *event).empty()) {
    return BoolGetDatum(false);
  }
  RV_ASSIGN_OR_RETURN(const KeySet keys, ReadKeys(reader.spi, *reader.crypto));
  ChainPosition start{event->log_id, event->sequence, event->prev_hash};
  ChainVerifier verifier(*reader.crypto, keys, start);
  return BoolGetDatum(
      !verifier.CheckEvent(row->payload, row->signature).has_value());
}

// (collection, from, to) -> one row
RV_SQL_FUNCTION(ruvector_verify_chain) {
  using namespace ruvector;
  using namespace ruvector::audit;
  RV_ASSIGN_OR_RETURN(const std::optional<std::string> collection,
                      pg::OptionalTextArgument(fcinfo, 0));
  const int64_t from = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1);
  const int64_t to = PG_ARGISNULL(2) ? INT64_MAX : PG_GETARG_INT64(2);
  if (from < 0 || to < from) {
    return pg::PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                       absl::StrCat("invalid range of events: ", from, " to ",
                                    to));
  }
  Verdict verdict;
  pg::SpiRows waiting;
  {
    Reader reader;
    RV_RETURN_IF_ERROR(reader.Begin());
    RV_ASSIGN_OR_RETURN(
        verdict, VerifyRange(reader, collection.value_or(""), from,
                             to == INT64_MAX ? to : to + 1));
    RV_ASSIGN_OR_RETURN(
        waiting, reader.spi.Query(
                     "SELECT pg_catalog.count(*),"
                     " (EXTRACT(epoch FROM pg_catalog.min(created_at))"
                     " * 1000000)::pg_catalog.int8 FROM ruvector.audit_outbox"));
  }
  const RingStatus ring = GetRingStatus(MyDatabaseId);
  std::optional<int64_t> oldest = waiting.Int(0, 1);
  if (ring.oldest != 0) {
    oldest = std::min(oldest.value_or(INT64_MAX), UnixMicros(ring.oldest));
  }
  pg::RowBuilder row;
  row.Bool(!verdict.first_bad.has_value());
  row.Int(verdict.checked);
  row.Int(verdict.pruned);
  row.OptionalInt(verdict.first_bad);
  row.OptionalText(verdict.reason.empty()
                       ? std::optional<std::string>()
                       : std::optional<std::string>(verdict.reason));
  row.Int(waiting.Int(0, 0).value_or(0) + static_cast<int64_t>(ring.waiting));
  row.OptionalReal(oldest.has_value()
                       ? std::optional<double>(
                             (UnixMicros(GetCurrentTimestamp()) - *oldest) / 1e6)
                       : std::optional<double>());
  row.Int(static_cast<int64_t>(ring.overflowed));
  return row.Finish(fcinfo);
}

// (id, tree_size) -> jsonb
RV_SQL_FUNCTION(ruvector_audit_inclusion_proof) {
  using namespace ruvector;
  using namespace ruvector::audit;
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo, 0, "id"));
  const int64_t id = PG_GETARG_INT64(0);
  std::string json;
  {
    Reader reader;
    RV_RETURN_IF_ERROR(reader.Begin());
    RV_ASSIGN_OR_RETURN(const uint64_t log_size, LogSize(reader));
    const int64_t size = PG_ARGISNULL(1) ? static_cast<int64_t>(log_size)
                                         : PG_GETARG_INT64(1);
    if (id < 0 || id >= size || size > static_cast<int64_t>(log_size)) {
      return pg::PgError(
          ERRCODE_INVALID_PARAMETER_VALUE,
          absl::StrCat("no event ", id, " in a log of ", size, " events"),
          absl::StrCat("The log has ", log_size, " events."));
    }
    LeafSource source(reader, size);
    audit::Hash leaf = {};
    RV_ASSIGN_OR_RETURN(
        const std::vector<audit::Hash> proof,
        InclusionProof(*reader.crypto, id, size,
                       [&](uint64_t i) { return source.At(i); }));
    LeafSource again(reader, size);
    RV_ASSIGN_OR_RETURN(leaf, again.At(id));
    RV_ASSIGN_OR_RETURN(const audit::Hash root, RootAt(reader, size));
    RV_RETURN_IF_ERROR(
        VerifyInclusion(*reader.crypto, id, size, leaf, proof, root));
    json = nlohmann::ordered_json{{"id", id},
                                  {"tree_size", size},
                                  {"leaf_hash", ToHex(leaf)},
                                  {"root_hash", ToHex(root)},
                                  {"proof", HexList(proof)}}
               .dump();
  }
  return pg::JsonbDatum(json);
}

// (old_size, new_size) -> jsonb
RV_SQL_FUNCTION(ruvector_audit_consistency_proof) {
  using namespace ruvector;
  using namespace ruvector::audit;
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo, 0, "old_size"));
  const int64_t old_size = PG_GETARG_INT64(0);
  std::string json;
  {
    Reader reader;
    RV_RETURN_IF_ERROR(reader.Begin());
    RV_ASSIGN_OR_RETURN(const uint64_t log_size, LogSize(reader));
    const int64_t new_size = PG_ARGISNULL(1) ? static_cast<int64_t>(log_size)
                                             : PG_GETARG_INT64(1);
    if (old_size < 1 || old_size > new_size ||
        new_size > static_cast<int64_t>(log_size)) {
      return pg::PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                         absl::StrCat("invalid sizes: ", old_size, " and ",
                                      new_size),
                         absl::StrCat("The log has ", log_size, " events."));
    }
    LeafSource source(reader, new_size);
    RV_ASSIGN_OR_RETURN(
        const std::vector<audit::Hash> proof,
        ConsistencyProof(*reader.crypto, old_size, new_size,
                         [&](uint64_t i) { return source.At(i); }));
    RV_ASSIGN_OR_RETURN(const audit::Hash old_root, RootAt(reader, old_size));
    RV_ASSIGN_OR_RETURN(const audit::Hash new_root, RootAt(reader, new_size));
    RV_RETURN_IF_ERROR(VerifyConsistency(*reader.crypto, old_size, new_size,
                                         old_root, new_root, proof));
    json = nlohmann::ordered_json{{"old_size", old_size},
                                  {"new_size", new_size},
                                  {"old_root", ToHex(old_root)},
                                  {"new_root", ToHex(new_root)},
                                  {"proof", HexList(proof)}}
               .dump();
  }
  return pg::JsonbDatum(json);
}

// () -> setof text: the lines of an export file, ending with the newest
// checkpoint.
RV_SQL_FUNCTION(ruvector_audit_export) {
  using namespace ruvector;
  using namespace ruvector::audit;
  pg::TextRows out;
  RV_RETURN_IF_ERROR(out.Begin(fcinfo));
  Reader reader;
  RV_RETURN_IF_ERROR(reader.Begin());
  RV_ASSIGN_OR_RETURN(const std::vector<StoredCheckpoint> checkpoints,
                      ReadCheckpoints(reader.spi));
  if (checkpoints.empty()) {
    return pg::PgError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "the log has no checkpoint to end an export with", "",
                       "Run ruvector_audit_checkpoint() first.");
  }
  const StoredCheckpoint& closing = checkpoints.back();
  ExportWriter writer(*reader.crypto, [&](absl::string_view line) {
    if (!line.empty() && line.back() == '\n') line.remove_suffix(1);
    return out.Add(std::string_view(line.data(), line.size()));
  });
  RV_RETURN_IF_ERROR(writer.Begin(closing.sealed, ExportStart{}));
  LogCursor cursor(reader.spi, 0, closing.tree_size);
  auto checkpoint = checkpoints.begin();
  for (;;) {
    RV_ASSIGN_OR_RETURN(const std::optional<StoredEvent> row, cursor.Next());
    if (!row.has_value()) break;
    RV_RETURN_IF_ERROR(row->pruned
                           ? writer.Pruned(row->sequence, row->leaf_hash)
                           : writer.Event(row->payload, row->signature));
    for (; checkpoint != checkpoints.end() && &*checkpoint != &closing &&
           checkpoint->tree_size <= writer.next_sequence();
         ++checkpoint) {
      if (checkpoint->tree_size == writer.next_sequence()) {
        RV_RETURN_IF_ERROR(writer.Checkpoint(checkpoint->sealed));
      }
    }
  }
  RV_RETURN_IF_ERROR(writer.Finish());
  return Datum{0};
}

// () -> text: the keys file for ruvector-verify.
RV_SQL_FUNCTION(ruvector_audit_keys) {
  using namespace ruvector;
  using namespace ruvector::audit;
  std::string text;
  {
    Reader reader;
    RV_RETURN_IF_ERROR(reader.Begin());
    RV_ASSIGN_OR_RETURN(const KeySet keys,
                        ReadKeys(reader.spi, *reader.crypto));
    text = FormatKeys(keys);
  }
  return pg::TextDatum(text);
}

// () -> bigint
RV_SQL_FUNCTION(ruvector_audit_checkpoint) {
  using namespace ruvector;
  RV_RETURN_IF_ERROR(pg::RequireWritable("ruvector_audit_checkpoint()"));
  RV_ASSIGN_OR_RETURN(const std::string user, pg::CurrentUserName());
  RV_ASSIGN_OR_RETURN(
      const std::string answer,
      boot::AskWorker(boot::RequestKind::kCheckpoint, "", 0, user));
  int64_t id = 0;
  (void)absl::SimpleAtoi(answer, &id);
  return Int64GetDatum(id);
}

// () -> text
RV_SQL_FUNCTION(ruvector_rotate_signing_key) {
  using namespace ruvector;
  RV_RETURN_IF_ERROR(pg::RequireWritable("ruvector_rotate_signing_key()"));
  RV_ASSIGN_OR_RETURN(const std::string user, pg::CurrentUserName());
  RV_ASSIGN_OR_RETURN(
      const std::string answer,
      boot::AskWorker(boot::RequestKind::kRotateKey, "", 0, user));
  return pg::TextDatum(answer);
}

// (key id, reason) -> void
RV_SQL_FUNCTION(ruvector_revoke_signing_key) {
  using namespace ruvector;
  RV_ASSIGN_OR_RETURN(const std::string key, pg::TextArgument(fcinfo, 0, "id"));
  RV_ASSIGN_OR_RETURN(const std::string reason,
                      pg::TextArgument(fcinfo, 1, "reason"));
  if (reason.empty()) {
    return pg::PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                       "a revocation needs a reason");
  }
  RV_RETURN_IF_ERROR(pg::RequireWritable("ruvector_revoke_signing_key()"));
  RV_ASSIGN_OR_RETURN(const std::string user, pg::CurrentUserName());
  RV_RETURN_IF_ERROR(boot::AskWorker(boot::RequestKind::kRevokeKey,
                                     absl::StrCat(key, "\n", reason), 0, user)
                         .status());
  return Datum{0};
}

// (before) -> bigint
RV_SQL_FUNCTION(ruvector_audit_prune) {
  using namespace ruvector;
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo, 0, "before"));
  const TimestampTz before = PG_GETARG_TIMESTAMPTZ(0);
  if (TIMESTAMP_NOT_FINITE(before) || before > GetCurrentTimestamp()) {
    return pg::PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                       "\"before\" must be a time in the past");
  }
  RV_RETURN_IF_ERROR(pg::RequireWritable("ruvector_audit_prune()"));
  RV_ASSIGN_OR_RETURN(const std::string user, pg::CurrentUserName());
  RV_ASSIGN_OR_RETURN(
      const std::string answer,
      boot::AskWorker(boot::RequestKind::kPrune, "", audit::UnixMicros(before),
                      user));
  int64_t pruned = 0;
  (void)absl::SimpleAtoi(answer, &pruned);
  return Int64GetDatum(pruned);
}

// Trigger of the log's tables.
RV_SQL_FUNCTION(ruvector_refuse_log_change) {
  using namespace ruvector;
  if (!CALLED_AS_TRIGGER(fcinfo)) {
    return pg::PgError(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                       "refuse_log_change() was not called as a trigger");
  }
  const auto* trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
  if (audit::IsLogChangeAllowed() && TRIGGER_FIRED_BY_DELETE(trigger->tg_event)) {
    return PointerGetDatum(trigger->tg_trigtuple);
  }
  return pg::PgError(
      ERRCODE_INSUFFICIENT_PRIVILEGE,
      absl::StrCat("cannot change table \"",
                   RelationGetRelationName(trigger->tg_relation),
                   "\": the event log is append-only"),
      "",
      "ruvector_audit_prune() removes old events and keeps their hashes.");
}
