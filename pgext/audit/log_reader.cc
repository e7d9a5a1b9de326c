#include "pgext/audit/log_reader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "pgext/audit/key_lineage.h"
#include "pgext/bridge/pg_status.h"

namespace ruvector::audit {
namespace {

bool log_change_allowed = false;  // scope: xact

// A time in microseconds; NULL for one that no event or key ever has.
#define RV_MICROS(column)                                                    \
  "CASE WHEN " column                                                        \
  " BETWEEN '0001-01-01'::pg_catalog.timestamptz AND"                        \
  " '200000-01-01'::pg_catalog.timestamptz THEN (EXTRACT(epoch FROM " column \
  ") * 1000000)::pg_catalog.int8 END"

constexpr char kRowsSql[] =
    "SELECT id, NULL::pg_catalog.text, NULL, pg_catalog.encode(leaf_hash,"
    " 'hex'), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
    " NULL, NULL, NULL"
    " FROM ruvector.audit_pruned_leaves"
    " WHERE id >= $1::pg_catalog.int8 AND id < $2::pg_catalog.int8"
    " UNION ALL SELECT id, pg_catalog.encode(payload, 'hex'),"
    " pg_catalog.encode(signature, 'hex'),"
    " pg_catalog.encode(leaf_hash, 'hex'),"
    " pg_catalog.encode(previous_hash, 'hex'), collection_id::pg_catalog.text,"
    " collection_name, event_type, previous_state, new_state,"
    " lambda_cut::pg_catalog.text, lambda_norm::pg_catalog.text,"
    " lambda2::pg_catalog.text, witness_edges::pg_catalog.text,"
    " metadata::pg_catalog.text, (" RV_MICROS("created_at") ")"
    "::pg_catalog.text, signer_id"
    " FROM ruvector.integrity_events"
    " WHERE id >= $1::pg_catalog.int8 AND id < $2::pg_catalog.int8"
    " ORDER BY 1";
constexpr uint64_t kChunk = 500;

// The first row that there is from $1 on.
constexpr char kFirstSql[] =
    "SELECT LEAST((SELECT pg_catalog.min(id) FROM ruvector.audit_pruned_leaves"
    " WHERE id >= $1::pg_catalog.int8 AND id < $2::pg_catalog.int8),"
    " (SELECT pg_catalog.min(id) FROM ruvector.integrity_events"
    " WHERE id >= $1::pg_catalog.int8 AND id < $2::pg_catalog.int8))";

template <typename Array>
Array ArrayOr(const std::optional<std::string>& bytes) {
  if (!bytes.has_value()) return Array{};
  return FromBytes<Array>(*bytes).value_or(Array{});
}

StoredEvent FromRow(const pg::SpiRows& rows, size_t i) {
  StoredEvent stored;
  stored.sequence = static_cast<uint64_t>(rows.Int(i, 0).value_or(0));
  stored.leaf_hash = ArrayOr<Hash>(rows.Bytes(i, 3));
  stored.pruned = !rows.Text(i, 1).has_value();
  if (stored.pruned) return stored;
  stored.payload = rows.Bytes(i, 1).value_or("");
  stored.signature = ArrayOr<Signature>(rows.Bytes(i, 2));
  stored.previous_hash = rows.Bytes(i, 4).value_or("");
  Event& c = stored.columns;
  if (const auto id = rows.Int(i, 5); id.has_value()) {
    c.collection_id = static_cast<int32_t>(*id);
  }
  c.collection_name = rows.TextOr(i, 6, "");
  c.event_type = rows.TextOr(i, 7, "");
  c.previous_state = rows.TextOr(i, 8, "");
  c.new_state = rows.TextOr(i, 9, "");
  c.lambda_cut = rows.Real(i, 10);
  c.lambda_norm = rows.Real(i, 11);
  c.lambda2 = rows.Real(i, 12);
  c.witness_edges_json = rows.TextOr(i, 13, "");
  c.metadata_json = rows.TextOr(i, 14, "");
  c.created_at_us = rows.Int(i, 15).value_or(0);
  c.signer_id = rows.TextOr(i, 16, "");
  return stored;
}

// The columns are float4.
bool SameNumber(const std::optional<double>& a,
                const std::optional<double>& b) {
  if (a.has_value() != b.has_value()) return false;
  return !a.has_value() || static_cast<float>(*a) == static_cast<float>(*b);
}

std::string AsString(absl::string_view text) {
  return std::string(text.data(), text.size());
}

absl::StatusOr<bool> HasEvents(pg::SpiSession& spi) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT EXISTS (SELECT FROM ruvector.integrity_events)"
                " OR EXISTS (SELECT FROM ruvector.audit_pruned_leaves)"));
  return rows.Bool(0, 0).value_or(false);
}

}  // namespace

absl::Status LogCursor::Fetch() {
  const pg::SqlParam to = pg::SqlInt(static_cast<int64_t>(to_));
  chunk_.clear();
  at_ = 0;
  while (chunk_.empty()) {
    const uint64_t end = std::min(next_ + kChunk, to_);
    RV_ASSIGN_OR_RETURN(
        const pg::SpiRows rows,
        spi_.Query(kRowsSql, {pg::SqlInt(static_cast<int64_t>(next_)),
                              pg::SqlInt(static_cast<int64_t>(end))}));
    for (size_t i = 0; i < rows.size(); ++i) chunk_.push_back(FromRow(rows, i));
    next_ = end;
    if (!chunk_.empty()) break;
    RV_ASSIGN_OR_RETURN(
        const pg::SpiRows first,
        spi_.Query(kFirstSql, {pg::SqlInt(static_cast<int64_t>(next_)), to}));
    const std::optional<int64_t> id = first.Int(0, 0);
    drained_ = !id.has_value();
    if (drained_) break;
    next_ = static_cast<uint64_t>(*id);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<StoredEvent>> LogCursor::Next() {
  if (at_ == chunk_.size() && !drained_) RV_RETURN_IF_ERROR(Fetch());
  if (drained_) return std::optional<StoredEvent>();
  return std::optional<StoredEvent>(std::move(chunk_[at_++]));
}

absl::StatusOr<ChainPosition> ReadHead(pg::SpiSession& spi,
                                       const Crypto& crypto) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT id, pg_catalog.encode(payload, 'hex')"
                " FROM ruvector.integrity_events ORDER BY id DESC LIMIT 1"));
  ChainPosition position;
  if (rows.empty()) return position;
  const std::string payload = rows.Bytes(0, 1).value_or("");
  absl::StatusOr<Event> event = Decode(payload);
  if (!event.ok() ||
      event->sequence != static_cast<uint64_t>(rows.Int(0, 0).value_or(-1))) {
    return pg::PgError(
        ERRCODE_DATA_CORRUPTED, "the last event of the log was changed",
        event.ok() ? "Its position is not the one that was signed."
                   : std::string(event.status().message()),
        "SELECT * FROM ruvector_verify_chain() names the first bad event. "
        "Events wait unsealed until the log is repaired.");
  }
  position.log_id = event->log_id;
  position.next_sequence = event->sequence + 1;
  position.head = LeafHash(crypto, payload);
  return position;
}

absl::StatusOr<std::vector<StoredCheckpoint>> ReadCheckpoints(
    pg::SpiSession& spi) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query(
          "SELECT id, tree_size, pg_catalog.encode(payload, 'hex'),"
          " pg_catalog.encode(signature, 'hex'),"
          " pg_catalog.encode(frontier, 'hex'),"
          " pg_catalog.encode(root_hash, 'hex'),"
          " pg_catalog.encode(head_hash, 'hex'),"
          " pg_catalog.encode(previous_hash, 'hex'),"
          " " RV_MICROS(
              "created_at") ", signer_id"
                            " FROM ruvector.audit_checkpoints ORDER BY id"));
  std::vector<StoredCheckpoint> checkpoints;
  for (size_t i = 0; i < rows.size(); ++i) {
    StoredCheckpoint c;
    c.id = rows.Int(i, 0).value_or(0);
    c.tree_size = rows.Int(i, 1).value_or(-1);
    c.sealed.payload = rows.Bytes(i, 2).value_or("");
    c.sealed.signature = ArrayOr<Signature>(rows.Bytes(i, 3));
    c.frontier = rows.Bytes(i, 4).value_or("");
    c.root = rows.Bytes(i, 5).value_or("");
    c.head = rows.Bytes(i, 6).value_or("");
    c.previous = rows.Bytes(i, 7).value_or("");
    c.created_at_us = rows.Int(i, 8).value_or(0);
    c.signer_id = rows.TextOr(i, 9, "");
    absl::StatusOr<Checkpoint> decoded = DecodeCheckpoint(c.sealed.payload);
    if (decoded.ok()) c.decoded = *std::move(decoded);
    checkpoints.push_back(std::move(c));
  }
  return checkpoints;
}

namespace {

// The tree at the newest checkpoint that is what its key signed; else empty.
absl::StatusOr<MerkleFrontier> TrustedStart(pg::SpiSession& spi,
                                            const Crypto& crypto) {
  RV_ASSIGN_OR_RETURN(const KeySet keys, ReadKeys(spi, crypto));
  RV_ASSIGN_OR_RETURN(std::vector<StoredCheckpoint> checkpoints,
                      ReadCheckpoints(spi));
  for (auto c = checkpoints.rbegin(); c != checkpoints.rend(); ++c) {
    const std::optional<Checkpoint>& decoded = c->decoded;
    if (!decoded.has_value() || c->frontier.size() % sizeof(Hash) != 0) {
      continue;
    }
    const TrustedKey* key = keys.Find(decoded->signer_id);
    if (key == nullptr ||
        !VerifySignature(crypto, key->public_key, kCheckpointPrefix,
                         c->sealed.payload, c->sealed.signature)) {
      continue;
    }
    std::vector<Hash> hashes;
    for (size_t i = 0; i < c->frontier.size(); i += sizeof(Hash)) {
      hashes.push_back(*FromBytes<Hash>(
          absl::string_view(c->frontier).substr(i, sizeof(Hash))));
    }
    absl::StatusOr<MerkleFrontier> tree =
        MerkleFrontier::FromHashes(decoded->tree_size, std::move(hashes));
    if (tree.ok() && tree->Root(crypto) == decoded->root) return tree;
  }
  return MerkleFrontier();
}

}  // namespace

absl::StatusOr<MerkleFrontier> ReadTree(pg::SpiSession& spi,
                                        const Crypto& crypto) {
  RV_ASSIGN_OR_RETURN(MerkleFrontier tree, TrustedStart(spi, crypto));
  LogCursor cursor(spi, tree.size(), INT64_MAX);
  for (;;) {
    RV_ASSIGN_OR_RETURN(const std::optional<StoredEvent> stored, cursor.Next());
    if (!stored.has_value()) return tree;
    tree.Append(crypto, stored->pruned ? stored->leaf_hash
                                       : LeafHash(crypto, stored->payload));
  }
}

namespace {

// What the table says.
absl::StatusOr<KeySet> ReadRegisteredKeys(pg::SpiSession& spi,
                                          const Crypto& crypto,
                                          std::vector<KeyProblem>& problems) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query(
          "SELECT pg_catalog.encode(public_key, 'hex'),"
          " " RV_MICROS("valid_from") ", " RV_MICROS(
              "expires_at") ", " RV_MICROS("revoked_at") ", id, expires_at IS "
                                                         "NULL,"
                                                         " revoked_at IS NULL "
                                                         "FROM "
                                                         "ruvector.signing_"
                                                         "keys ORDER BY id"));
  KeySet keys(crypto);
  for (size_t i = 0; i < rows.size(); ++i) {
    TrustedKey key;
    key.public_key = ArrayOr<PublicKey>(rows.Bytes(i, 0));
    key.valid_from_us = rows.Int(i, 1);
    key.valid_until_us = rows.Int(i, 2);
    key.revoked_at_us = rows.Int(i, 3);
    const std::string id = rows.TextOr(i, 4, "");
    const bool times_known =
        key.valid_from_us.has_value() &&
        key.valid_until_us.has_value() != rows.Bool(i, 5).value_or(false) &&
        key.revoked_at_us.has_value() != rows.Bool(i, 6).value_or(false);
    if (id != KeyId(crypto, key.public_key)) {
      problems.push_back({id, "is not the fingerprint of its public key"});
    } else if (!times_known) {
      problems.push_back({id, "has a time that cannot be"});
    } else if (const absl::Status added = keys.Add(std::move(key));
               !added.ok()) {
      problems.push_back({id, std::string(added.message())});
    }
  }
  return keys;
}

}  // namespace

absl::StatusOr<KeySet> ReadKeys(pg::SpiSession& spi, const Crypto& crypto,
                                std::vector<KeyProblem>* problems) {
  std::vector<KeyProblem> found;
  RV_ASSIGN_OR_RETURN(KeySet registered,
                      ReadRegisteredKeys(spi, crypto, found));
  if (problems != nullptr) *problems = std::move(found);
  // The payload decides; the column only finds the row.
  RV_ASSIGN_OR_RETURN(const pg::SpiRows rows,
                      spi.Query("SELECT id, pg_catalog.encode(payload, 'hex'),"
                                " pg_catalog.encode(signature, 'hex')"
                                " FROM ruvector.integrity_events WHERE id = 0"
                                " OR event_type IN ($1, $2) ORDER BY id",
                                {pg::SqlText(AsString(kRotationEventType)),
                                 pg::SqlText(AsString(kRevocationEventType))}));
  if (rows.empty()) {
    RV_ASSIGN_OR_RETURN(const bool begun, HasEvents(spi));
    if (!begun) return registered;
  }
  KeyLineage lineage(crypto, registered);
  for (size_t i = 0; i < rows.size(); ++i) {
    lineage.Admit(static_cast<uint64_t>(rows.Int(i, 0).value_or(-1)),
                  rows.Bytes(i, 1).value_or(""),
                  ArrayOr<Signature>(rows.Bytes(i, 2)));
  }
  return lineage.Counted();
}

std::string ColumnMismatch(const StoredEvent& stored, const Event& event) {
  const Event& c = stored.columns;
  if (stored.sequence != event.sequence) return "id";
  if (c.collection_id != event.collection_id) return "collection_id";
  if (c.collection_name != event.collection_name) return "collection_name";
  if (c.event_type != event.event_type) return "event_type";
  if (c.previous_state != event.previous_state) return "previous_state";
  if (c.new_state != event.new_state) return "new_state";
  if (!SameNumber(c.lambda_cut, event.lambda_cut)) return "lambda_cut";
  if (!SameNumber(c.lambda_norm, event.lambda_norm)) return "lambda_norm";
  if (!SameNumber(c.lambda2, event.lambda2)) return "lambda2";
  if (c.witness_edges_json != event.witness_edges_json) return "witness_edges";
  if (c.metadata_json != event.metadata_json) return "metadata";
  if (c.created_at_us != event.created_at_us) return "created_at";
  if (c.signer_id != event.signer_id) return "signer_id";
  if (stored.previous_hash != AsView(event.prev_hash)) return "previous_hash";
  return "";
}

std::string FrontierBytes(const MerkleFrontier& tree) {
  std::string bytes;
  for (const Hash& hash : tree.hashes()) absl::StrAppend(&bytes, AsView(hash));
  return bytes;
}

std::string ColumnMismatch(const StoredCheckpoint& stored,
                           const MerkleFrontier& tree) {
  const Checkpoint& c = *stored.decoded;
  if (stored.id != static_cast<int64_t>(c.number)) return "id";
  if (stored.tree_size != static_cast<int64_t>(c.tree_size)) return "tree_size";
  if (stored.root != AsView(c.root)) return "root_hash";
  if (stored.head != AsView(c.head)) return "head_hash";
  if (stored.previous != AsView(c.previous)) return "previous_hash";
  if (stored.created_at_us != c.created_at_us) return "created_at";
  if (stored.signer_id != c.signer_id) return "signer_id";
  if (tree.size() == c.tree_size && stored.frontier != FrontierBytes(tree)) {
    return "frontier";
  }
  return "";
}

absl::StatusOr<std::string> CanonicalJson(pg::SpiSession& spi,
                                          std::string_view json) {
  RV_ASSIGN_OR_RETURN(const pg::SpiRows rows,
                      spi.Query("SELECT $1::pg_catalog.jsonb::pg_catalog.text",
                                {pg::SqlText(json)}));
  return rows.TextOr(0, 0, "{}");
}

int64_t UnixMicros(TimestampTz time) {
  return time +
         int64_t{POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE} * USECS_PER_DAY;
}

LogChangeAllowed::LogChangeAllowed() { log_change_allowed = true; }
LogChangeAllowed::~LogChangeAllowed() { log_change_allowed = false; }
bool IsLogChangeAllowed() { return log_change_allowed; }

}  // namespace ruvector::audit
