#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/spi.h"
#include "pgext/integrity/sensors/sense.h"
extern "C" {
#include "replication/syncrep.h"
#include "replication/walsender.h"
#include "utils/guc.h"
}

namespace ruvector::sensors {
namespace {

using graph::ReplicaObservation;
using graph::ReplicationSlotObservation;
using graph::SyncState;
using pg::PgCall;
using pg::SpiRows;
using pg::SpiSession;

// A base backup in progress is no standby: neither its copy (state backup)
// nor the WAL stream beside it.
constexpr char kReplicas[] =
    "SELECT r.application_name, r.state, r.sync_state,"
    "  pg_catalog.pg_wal_lsn_diff(w.lsn, r.replay_lsn)::int8,"
    "  (EXTRACT(epoch FROM r.replay_lag) * 1000000)::int8,"
    "  (EXTRACT(epoch FROM pg_catalog.clock_timestamp() - r.reply_time)"
    "    * 1000000)::int8,"
    "  s.slot_name, pg_catalog.host(r.client_addr)"
    " FROM pg_catalog.pg_stat_replication r"
    " CROSS JOIN (SELECT CASE WHEN pg_catalog.pg_is_in_recovery()"
    "    THEN pg_catalog.pg_last_wal_receive_lsn()"
    "    ELSE pg_catalog.pg_current_wal_lsn() END AS lsn) w"
    " LEFT JOIN pg_catalog.pg_replication_slots s ON s.active_pid = r.pid"
    " WHERE r.state IS DISTINCT FROM 'backup'"
    "   AND r.application_name <> 'pg_basebackup'"
    " ORDER BY r.application_name, s.slot_name, r.backend_start";

constexpr char kSlots[] =
    "SELECT s.slot_name, s.slot_type = 'logical', s.active, s.wal_status,"
    "  pg_catalog.pg_wal_lsn_diff(w.lsn, s.restart_lsn)::int8,"
    "  s.safe_wal_size"
    " FROM pg_catalog.pg_replication_slots s"
    " CROSS JOIN (SELECT CASE WHEN pg_catalog.pg_is_in_recovery()"
    "    THEN pg_catalog.pg_last_wal_replay_lsn()"
    "    ELSE pg_catalog.pg_current_wal_lsn() END AS lsn) w"
    " WHERE NOT s.temporary ORDER BY s.slot_name";

SyncState SyncStateOf(const std::optional<std::string>& text) {
  if (!text.has_value()) return SyncState::kUnknown;
  if (*text == "async") return SyncState::kAsync;
  if (*text == "potential") return SyncState::kPotential;
  if (*text == "sync") return SyncState::kSync;
  if (*text == "quorum") return SyncState::kQuorum;
  return SyncState::kUnknown;
}

// The name of a standby must stay the same from pass to pass, or it is missed
// although it is there. application_name is what people set and know; standbys
// that share one, or never set it, are told apart by what else stays the same:
// the slot, else the address.
class Names {
 public:
  Names(const SpiRows& rows, const std::vector<KnownReplica>& known)
      : rows_(rows), names_(rows.size()) {
    for (const KnownReplica& one : known) known_.insert(one.name);
    for (size_t i = 0; i < rows.size(); ++i) ++uses_[Plain(i)];
    // Who was told apart before stays so; only then are plain names given.
    for (size_t i = 0; i < rows.size(); ++i) {
      if (known_.count(Qualified(i)) > 0) Give(i, Qualified(i));
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      if (names_[i].empty()) Give(i, Choose(i));
    }
  }

  const std::string& operator[](size_t row) const { return names_[row]; }

 private:
  // What libpqwalreceiver calls itself when nobody set a name.
  static constexpr char kDefaultName[] = "walreceiver";

  std::string Plain(size_t row) const { return rows_.TextOr(row, 0, ""); }

  std::string Qualified(size_t row) const {
    const std::string name = Plain(row);
    const std::optional<std::string>& slot = rows_.Text(row, 6);
    if (slot.has_value()) {
      return *slot == name ? name : absl::StrCat(name, " (slot ", *slot, ")");
    }
    const std::optional<std::string>& address = rows_.Text(row, 7);
    return address.has_value() ? absl::StrCat(name, " (", *address, ")") : name;
  }

  std::string Choose(size_t row) const {
    const std::string name = Plain(row);
    const bool remembered = known_.count(name) > 0 && taken_.count(name) == 0;
    const bool unmistakable = uses_.at(name) == 1 && name != kDefaultName;
    return remembered || unmistakable ? name : Qualified(row);
  }

  void Give(size_t row, std::string name) {
    if (const int before = taken_[name]++; before > 0) {
      absl::StrAppend(&name, " #", before + 1);
    }
    names_[row] = std::move(name);
  }

  const SpiRows& rows_;
  std::vector<std::string> names_;
  std::set<std::string> known_;
  std::map<std::string, int> uses_;
  std::map<std::string, int> taken_;
};

// Also notes which slot each one uses, by the slot's name.
void FillReplicas(const SpiRows& rows, const Names& names,
                  graph::ReplicationObservation& out,
                  std::map<std::string, std::string>& user_of_slot) {
  for (size_t i = 0; i < rows.size(); ++i) {
    ReplicaObservation replica;
    replica.name = names[i];
    replica.state = rows.Text(i, 1);
    replica.sync_state = SyncStateOf(rows.Text(i, 2));
    replica.replay_lag_bytes = rows.Int(i, 3);
    replica.replay_lag_us = rows.Int(i, 4);
    replica.reply_age_us = rows.Int(i, 5);
    if (rows.Text(i, 6).has_value()) {
      user_of_slot[*rows.Text(i, 6)] = replica.name;
    }
    out.replicas.push_back(std::move(replica));
  }
}

// Those that an earlier pass saw and that are not there now.
void AddAbsent(const std::vector<KnownReplica>& known,
               graph::ReplicationObservation& out) {
  const size_t present = out.replicas.size();
  for (const KnownReplica& one : known) {
    const auto end = out.replicas.begin() + present;
    const bool there = std::any_of(
        out.replicas.begin(), end,
        [&](const ReplicaObservation& r) { return r.name == one.name; });
    if (there) continue;
    ReplicaObservation replica;
    replica.name = one.name;
    replica.present = false;
    replica.sync_state = one.synchronous ? SyncState::kSync : SyncState::kAsync;
    replica.last_seen = one.last_seen;
    out.replicas.push_back(std::move(replica));
  }
}

void FillSlots(const SpiRows& rows,
               const std::map<std::string, std::string>& user_of_slot,
               graph::ReplicationObservation& out) {
  for (size_t i = 0; i < rows.size(); ++i) {
    ReplicationSlotObservation slot;
    slot.name = rows.TextOr(i, 0, "");
    if (const auto user = user_of_slot.find(slot.name);
        user != user_of_slot.end()) {
      slot.replica = user->second;
    }
    slot.logical = rows.Bool(i, 1).value_or(false);
    slot.active = rows.Bool(i, 2);
    slot.wal_status = rows.Text(i, 3);
    slot.retained_bytes = rows.Int(i, 4);
    slot.safe_wal_bytes = rows.Int(i, 5);
    out.slots.push_back(std::move(slot));
  }
}

// How many standbys a commit waits for. The cluster's synchronous_commit
// counts, not this session's.
absl::StatusOr<int64_t> RequiredSync() {
  RV_ASSIGN_OR_RETURN(const char* commit, PgCall([] {
                        return GetConfigOptionResetString("synchronous_commit");
                      }));
  const std::string level = commit != nullptr ? commit : "";
  if (level == "off" || level == "local") return 0;
  return SyncRepConfig != nullptr ? SyncRepConfig->num_sync : 0;
}

}  // namespace

absl::Status SenseReplication(Pass& pass) {
  graph::ReplicationObservation& out = pass.observation().replication;
  SpiSession spi;
  RV_RETURN_IF_ERROR(spi.Connect());
  RV_ASSIGN_OR_RETURN(const SpiRows replicas, spi.Query(kReplicas));
  RV_ASSIGN_OR_RETURN(const SpiRows slots, spi.Query(kSlots));
  RV_ASSIGN_OR_RETURN(out.required_sync, RequiredSync());
  std::map<std::string, std::string> user_of_slot;
  const Names names(replicas, pass.request.known_replicas);
  FillReplicas(replicas, names, out, user_of_slot);
  AddAbsent(pass.request.known_replicas, out);
  out.known = true;
  FillSlots(slots, user_of_slot, out);
  out.slots_known = true;
  if (wal_sender_timeout > 0) {
    out.wal_sender_timeout_us = int64_t{wal_sender_timeout} * 1000;
  }
  return absl::OkStatus();
}

}  // namespace ruvector::sensors
