// SQL: verification, proofs and export of the event log.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/audit/export_file.h"
#include "core/base/status_macros.h"
#include "nlohmann/json.hpp"
#include "pgext/audit/crypto.h"
#include "pgext/audit/event_ring.h"
#include "pgext/audit/log_reader.h"
#include "pgext/audit/sealed_head.h"
#include "pgext/bridge/arguments.h"
#include "pgext/bridge/extension.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/result_set.h"
#include "pgext/bridge/spi.h"
#include "pgext/bridge/sql_entry.h"

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
      start.head =
          row->pruned ? row->leaf_hash : LeafHash(*reader.crypto, row->payload);
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

void CheckCheckpointRow(const StoredCheckpoint& row, ChainVerifier& verifier,
                        const Crypto& crypto, const MerkleFrontier& tree,
                        Verdict& verdict) {
  const std::string which = absl::StrCat("checkpoint ", row.id, ": ");
  if (const auto fault =
          verifier.CheckNextCheckpoint(row.sealed, tree.Root(crypto))) {
    verdict.Blame(fault->sequence, which + Describe(*fault));
  }
  if (!row.decoded.has_value()) return;
  const std::string column = ColumnMismatch(row, tree);
  if (column.empty()) return;
  verdict.Blame(verifier.next_sequence(),
                absl::StrCat(which, "column_changed: column \"", column,
                             "\" is not what was signed"));
}

// A row of ruvector.signing_keys that is none, blamed on the first event that
// names it.
absl::Status BlameKeys(Reader& reader, const std::vector<KeyProblem>& problems,
                       Verdict& verdict) {
  for (const KeyProblem& problem : problems) {
    RV_ASSIGN_OR_RETURN(
        const pg::SpiRows rows,
        reader.spi.Query("SELECT pg_catalog.min(id) FROM"
                         " ruvector.integrity_events WHERE signer_id = $1"
                         " AND id >= 0",
                         {pg::SqlText(problem.id)}));
    verdict.Blame(static_cast<uint64_t>(rows.Int(0, 0).value_or(0)),
                  absl::StrCat("key_changed: the row of signing key \"",
                               problem.id, "\": ", problem.why));
  }
  return absl::OkStatus();
}

absl::Status CheckRows(Reader& reader, ChainVerifier& verifier,
                       MerkleFrontier* tree,
                       const std::vector<StoredCheckpoint>& checkpoints,
                       const std::string& collection, uint64_t from,
                       uint64_t to, Verdict& verdict) {
  const Crypto& crypto = *reader.crypto;
  LogCursor cursor(reader.spi, from, to);
  auto checkpoint = checkpoints.begin();
  const auto check_due = [&] {
    for (;
         checkpoint != checkpoints.end() && checkpoint->place() <= tree->size();
         ++checkpoint) {
      CheckCheckpointRow(*checkpoint, verifier, crypto, *tree, verdict);
    }
  };
  if (tree != nullptr) check_due();
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
    check_due();
  }
  if (tree != nullptr && checkpoint != checkpoints.end()) {
    verdict.Blame(verifier.next_sequence(),
                  absl::StrCat("missing_events: checkpoint ", checkpoint->id,
                               " covers ", checkpoint->place(),
                               " events, the log has ", tree->size()));
  }
  return absl::OkStatus();
}

// What is missing in a part of the log may be explained behind it.
absl::Status AdmitLaterPrunes(Reader& reader, uint64_t from,
                              ChainVerifier& verifier) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      reader.spi.Query(
          "SELECT pg_catalog.encode(payload, 'hex'),"
          " pg_catalog.encode(signature, 'hex')"
          " FROM ruvector.integrity_events WHERE event_type = $1"
          " AND id >= $2::pg_catalog.int8 ORDER BY id",
          {pg::SqlText({kPruneEventType.data(), kPruneEventType.size()}),
           pg::SqlInt(static_cast<int64_t>(from))}));
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto signature = FromBytes<Signature>(rows.Bytes(i, 1).value_or(""));
    if (!signature.has_value()) continue;
    // One that does not verify explains nothing; its own range blames it.
    (void)verifier.AdmitPrune(rows.Bytes(i, 0).value_or(""), *signature);
  }
  return absl::OkStatus();
}

// A collection may be gone and its events still be there.
absl::Status RequireKnownCollection(Reader& reader, const std::string& name) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      reader.spi.Query("SELECT EXISTS (SELECT FROM ruvector.collections WHERE"
                       " name = $1) OR EXISTS (SELECT FROM"
                       " ruvector.integrity_events WHERE collection_name = $1)",
                       {pg::SqlText(name)}));
  if (rows.Bool(0, 0).value_or(false)) return absl::OkStatus();
  return pg::PgError(
      ERRCODE_UNDEFINED_OBJECT,
      absl::StrCat("collection \"", name,
                   "\" does not exist, and the log has no event of it"),
      "", "NULL stands for all collections.");
}

// Rows that the chain, which begins with 0, does not reach.
absl::Status CheckOutside(Reader& reader, Verdict& verdict) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      reader.spi.Query(
          "SELECT pg_catalog.min(id), pg_catalog.count(*) FROM (SELECT id FROM"
          " ruvector.integrity_events WHERE id < 0 UNION ALL SELECT id FROM"
          " ruvector.audit_pruned_leaves WHERE id < 0) outside"));
  if (!rows.Int(0, 0).has_value()) return absl::OkStatus();
  verdict.Blame(static_cast<uint64_t>(*rows.Int(0, 0)),
                absl::StrCat("outside_chain: ", rows.Int(0, 1).value_or(0),
                             " rows have a negative id"));
  return absl::OkStatus();
}

// The log against what this server sealed last, as its memory has it: even
// with the tail and every checkpoint gone, it does not forget.
absl::Status CheckSealedHead(Reader& reader, uint64_t next_sequence,
                             Verdict& verdict) {
  const std::optional<SealedHead> head = LastSealedHead();
  if (!head.has_value()) return absl::OkStatus();
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      reader.spi.Query("SELECT 'ruvector.integrity_events'"
                       "::pg_catalog.regclass::pg_catalog.oid"));
  // Of another time of the extension, or newer than what we see.
  if (rows.Int(0, 0).value_or(0) != int64_t{head->table} ||
      head->at >= GetCurrentTransactionStartTimestamp()) {
    return absl::OkStatus();
  }
  if (next_sequence < head->size) {
    verdict.Blame(
        next_sequence,
        absl::StrCat("missing_events: this server has sealed ", head->size,
                     " events, the log has ", next_sequence));
    return absl::OkStatus();
  }
  LogCursor cursor(reader.spi, head->size - 1, head->size);
  RV_ASSIGN_OR_RETURN(const std::optional<StoredEvent> row, cursor.Next());
  if (!row.has_value()) return absl::OkStatus();  // a gap, named already
  const Hash leaf =
      row->pruned ? row->leaf_hash : LeafHash(*reader.crypto, row->payload);
  if (leaf != head->head) {
    verdict.Blame(head->size - 1,
                  "replaced: not the event that this server has sealed");
  }
  return absl::OkStatus();
}

absl::StatusOr<Verdict> VerifyRange(Reader& reader,
                                    const std::string& collection,
                                    uint64_t from, uint64_t to) {
  std::vector<KeyProblem> problems;
  RV_ASSIGN_OR_RETURN(const KeySet keys,
                      ReadKeys(reader.spi, *reader.crypto, &problems));
  RV_ASSIGN_OR_RETURN(const std::vector<StoredCheckpoint> checkpoints,
                      ReadCheckpoints(reader.spi));
  RV_ASSIGN_OR_RETURN(const ChainPosition start, StartAt(reader, from));
  ChainVerifier verifier(*reader.crypto, keys, start);
  MerkleFrontier tree;
  Verdict verdict;
  RV_RETURN_IF_ERROR(BlameKeys(reader, problems, verdict));
  const bool whole = from == 0 && to == INT64_MAX;
  RV_RETURN_IF_ERROR(CheckRows(reader, verifier, whole ? &tree : nullptr,
                               checkpoints, collection, from, to, verdict));
  if (whole) {
    RV_RETURN_IF_ERROR(CheckOutside(reader, verdict));
    RV_RETURN_IF_ERROR(
        CheckSealedHead(reader, verifier.next_sequence(), verdict));
  }
  if (to != INT64_MAX && verdict.pruned > 0) {
    RV_RETURN_IF_ERROR(AdmitLaterPrunes(reader, to, verifier));
  }
  for (const ChainFault& fault : verifier.Finish()) {
    verdict.Blame(fault.sequence, Describe(fault));
  }
  return verdict;
}

// One pass over the leaf hashes of the first `size` events, ascending, as the
// proofs ask for them. On the way it keeps what a proof is checked with: the
// leaf at `mark`, and the root of the `mark` leaves before it.
class LeafPass {
 public:
  LeafPass(Reader& reader, uint64_t size, uint64_t mark)
      : crypto_(*reader.crypto),
        cursor_(reader.spi, 0, size),
        size_(size),
        mark_(mark) {}

  absl::StatusOr<Hash> At(uint64_t index) {
    while (tree_.size() <= index) RV_RETURN_IF_ERROR(Advance());
    return leaf_;
  }
  absl::Status Finish() {
    while (tree_.size() < size_) RV_RETURN_IF_ERROR(Advance());
    NoteRoot();
    return absl::OkStatus();
  }

  Hash root() const { return tree_.Root(crypto_); }
  const Hash& leaf_at_mark() const { return leaf_at_mark_; }
  const Hash& root_at_mark() const { return root_at_mark_; }

 private:
  absl::Status Advance() {
    NoteRoot();
    RV_ASSIGN_OR_RETURN(const std::optional<StoredEvent> row, cursor_.Next());
    if (!row.has_value() || row->sequence != tree_.size()) {
      return absl::DataLossError(
          absl::StrCat("event ", tree_.size(), " is missing from the log"));
    }
    leaf_ = row->pruned ? row->leaf_hash : LeafHash(crypto_, row->payload);
    if (tree_.size() == mark_) leaf_at_mark_ = leaf_;
    tree_.Append(crypto_, leaf_);
    return absl::OkStatus();
  }
  void NoteRoot() {
    if (tree_.size() == mark_) root_at_mark_ = tree_.Root(crypto_);
  }

  Crypto crypto_;
  LogCursor cursor_;
  uint64_t size_;
  uint64_t mark_;
  MerkleFrontier tree_;
  Hash leaf_ = {};
  Hash leaf_at_mark_ = {};
  Hash root_at_mark_ = {};
};

// The arguments of both proofs: (id or old size, size of the tree), the latter
// the whole log's unless it is given.
struct ProofArguments {
  uint64_t mark;
  uint64_t size;
};

// first <= mark < size + past_size, size <= the log's: else InvalidArgument.
absl::StatusOr<ProofArguments> ReadProofArguments(FunctionCallInfo fcinfo,
                                                  Reader& reader, int64_t first,
                                                  int64_t past_size) {
  RV_ASSIGN_OR_RETURN(const ChainPosition head,
                      ReadHead(reader.spi, *reader.crypto));
  const auto log_size = static_cast<int64_t>(head.next_sequence);
  const int64_t mark = PG_GETARG_INT64(0);
  const int64_t size = PG_ARGISNULL(1) ? log_size : PG_GETARG_INT64(1);
  if (mark < first || size > log_size || mark >= size + past_size) {
    return pg::PgError(
        ERRCODE_INVALID_PARAMETER_VALUE,
        absl::StrCat("no proof of ", mark, " in the first ", size, " events"),
        absl::StrCat("The log has ", log_size, " events."),
        "Ask for an event that is older than the size.");
  }
  return ProofArguments{static_cast<uint64_t>(mark),
                        static_cast<uint64_t>(size)};
}

nlohmann::ordered_json HexList(const std::vector<Hash>& hashes) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Hash& hash : hashes) list.push_back(ToHex(hash));
  return list;
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
    return pg::PgError(
        ERRCODE_INVALID_PARAMETER_VALUE,
        absl::StrCat("invalid range of events: ", from, " to ", to), "",
        "Give the first event, 0 or more, and one that is not before it.");
  }
  Verdict verdict;
  pg::SpiRows waiting;
  {
    Reader reader;
    RV_RETURN_IF_ERROR(reader.Begin());
    if (collection.has_value()) {
      RV_RETURN_IF_ERROR(RequireKnownCollection(reader, *collection));
    }
    RV_ASSIGN_OR_RETURN(verdict,
                        VerifyRange(reader, collection.value_or(""), from,
                                    to == INT64_MAX ? to : to + 1));
    RV_ASSIGN_OR_RETURN(
        waiting,
        reader.spi.Query(
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
  row.OptionalReal(
      oldest.has_value()
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
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo, 0, "p_event_id"));
  std::string json;
  {
    Reader reader;
    RV_RETURN_IF_ERROR(reader.Begin());
    RV_ASSIGN_OR_RETURN(const ProofArguments asked,
                        ReadProofArguments(fcinfo, reader, 0, 0));
    LeafPass pass(reader, asked.size, asked.mark);
    RV_ASSIGN_OR_RETURN(const std::vector<audit::Hash> proof,
                        InclusionProof(*reader.crypto, asked.mark, asked.size,
                                       [&](uint64_t i) { return pass.At(i); }));
    RV_RETURN_IF_ERROR(pass.Finish());
    RV_RETURN_IF_ERROR(VerifyInclusion(*reader.crypto, asked.mark, asked.size,
                                       pass.leaf_at_mark(), proof,
                                       pass.root()));
    json = nlohmann::ordered_json{{"id", asked.mark},
                                  {"tree_size", asked.size},
                                  {"leaf_hash", ToHex(pass.leaf_at_mark())},
                                  {"root_hash", ToHex(pass.root())},
                                  {"proof", HexList(proof)}}
               .dump();
  }
  return pg::JsonbDatum(json);
}

// (old_size, new_size) -> jsonb
RV_SQL_FUNCTION(ruvector_audit_consistency_proof) {
  using namespace ruvector;
  using namespace ruvector::audit;
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo, 0, "p_old_size"));
  std::string json;
  {
    Reader reader;
    RV_RETURN_IF_ERROR(reader.Begin());
    RV_ASSIGN_OR_RETURN(const ProofArguments asked,
                        ReadProofArguments(fcinfo, reader, 1, 1));
    LeafPass pass(reader, asked.size, asked.mark);
    RV_ASSIGN_OR_RETURN(
        const std::vector<audit::Hash> proof,
        ConsistencyProof(*reader.crypto, asked.mark, asked.size,
                         [&](uint64_t i) { return pass.At(i); }));
    RV_RETURN_IF_ERROR(pass.Finish());
    RV_RETURN_IF_ERROR(VerifyConsistency(*reader.crypto, asked.mark, asked.size,
                                         pass.root_at_mark(), pass.root(),
                                         proof));
    json = nlohmann::ordered_json{{"old_size", asked.mark},
                                  {"new_size", asked.size},
                                  {"old_root", ToHex(pass.root_at_mark())},
                                  {"new_root", ToHex(pass.root())},
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
  if (!closing.decoded.has_value()) {
    return pg::PgError(ERRCODE_DATA_CORRUPTED,
                       "the last checkpoint of the log was changed", "",
                       "Run ruvector_audit_checkpoint() to end an export with "
                       "a new one.");
  }
  ExportWriter writer(*reader.crypto, [&](absl::string_view line) {
    if (!line.empty() && line.back() == '\n') line.remove_suffix(1);
    return out.Add(std::string_view(line.data(), line.size()));
  });
  RV_RETURN_IF_ERROR(writer.Begin(closing.sealed, ExportStart{}));
  LogCursor cursor(reader.spi, 0, closing.place());
  auto checkpoint = checkpoints.begin();
  // One that is not in its place has no line: the gap in their numbers shows.
  const auto write_due = [&]() -> absl::Status {
    for (; &*checkpoint != &closing &&
           checkpoint->place() <= writer.next_sequence();
         ++checkpoint) {
      if (!checkpoint->decoded.has_value() ||
          checkpoint->place() != writer.next_sequence()) {
        continue;
      }
      RV_RETURN_IF_ERROR(writer.Checkpoint(checkpoint->sealed));
    }
    return absl::OkStatus();
  };
  RV_RETURN_IF_ERROR(write_due());
  for (;;) {
    RV_ASSIGN_OR_RETURN(const std::optional<StoredEvent> row, cursor.Next());
    if (!row.has_value()) break;
    if (row->sequence < writer.next_sequence()) continue;  // twice there
    RV_RETURN_IF_ERROR(writer.Missing(row->sequence));
    RV_RETURN_IF_ERROR(row->pruned
                           ? writer.Pruned(row->sequence, row->leaf_hash)
                           : writer.Event(row->payload, row->signature));
    RV_RETURN_IF_ERROR(write_due());
  }
  RV_RETURN_IF_ERROR(writer.Missing(closing.place()));
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
    std::vector<KeyProblem> problems;
    RV_ASSIGN_OR_RETURN(const KeySet keys,
                        ReadKeys(reader.spi, *reader.crypto, &problems));
    if (!problems.empty()) {
      return pg::PgError(
          ERRCODE_DATA_CORRUPTED,
          absl::StrCat("the row of signing key \"", problems[0].id,
                       "\" was changed"),
          problems[0].why,
          "ruvector_verify_chain() tells which events it is "
          "about; the keys file that was kept elsewhere still holds.");
    }
    text = FormatKeys(keys);
  }
  return pg::TextDatum(text);
}

// (id) -> text; NULL when there is no such checkpoint.
RV_SQL_FUNCTION(ruvector_audit_checkpoint_text) {
  using namespace ruvector;
  using namespace ruvector::audit;
  std::string text;
  {
    Reader reader;
    RV_RETURN_IF_ERROR(reader.Begin());
    RV_ASSIGN_OR_RETURN(const std::vector<StoredCheckpoint> checkpoints,
                        ReadCheckpoints(reader.spi));
    for (const StoredCheckpoint& checkpoint : checkpoints) {
      if (PG_ARGISNULL(0) || checkpoint.id == PG_GETARG_INT64(0)) {
        text = FormatCheckpoint(checkpoint.sealed);
      }
    }
  }
  if (text.empty()) return pg::SqlNull(fcinfo);
  return pg::TextDatum(text);
}
