#include "core/gate/policy_keys.h"

#include <array>
#include <iterator>

#include "absl/strings/str_format.h"
#include "core/document/fields.h"

namespace ruvector::gate {
namespace {

// Get<&Policy::hysteresis, &Hysteresis::degrade_samples>
template <auto... Members>
constexpr auto& Get(Policy& policy, State) {
  return (policy.*....*Members);
}

template <auto Member>
constexpr auto& InState(Policy& policy, State state) {
  return policy.actions[static_cast<size_t>(state)].*Member;
}

// Limit<&HealthLimits::hot_excess, &Ramp::good>
template <auto... Members>
constexpr auto Limit = &Get<&Policy::health, Members...>;

constexpr double kDay = 86400;
constexpr double kMaxRows = 2147483647;
constexpr double kAny = 1e15;

constexpr PolicyKey Key(std::string_view path, AnyField field, double min,
                        double max, std::string_view description) {
  return {path, false, field, min, max, Stricter::kNone, description};
}

constexpr PolicyKey Action(std::string_view path, AnyField field,
                           Stricter stricter, double min, double max,
                           std::string_view description) {
  return {path, true, field, min, max, stricter, description};
}

using L = graph::HealthLimits;
using Ramp = graph::Ramp;
using Vital = graph::HealthLimits::Vital;
constexpr std::string_view kWorst = "The same at which it is worst.";
constexpr std::string_view kStress = "From here on the state is stress.";
constexpr std::string_view kCritical = "From here on it is critical.";

constexpr PolicyKey kKeys[] = {
    Key("description", &Get<&Policy::description>, 0, 1000,
        "Free text for people."),
    Key("priority", &Get<&Policy::priority>, -1000000, 1000000,
        "Of several enabled policies of a collection the one with the highest "
        "priority applies, of equals the newest."),
    Key("mode", &Get<&Policy::mode>, 0, 0,
        "`off` gates nothing, `shadow` records what would have happened and "
        "lets it pass, `enforce` binds."),
    Key("threshold_high", &Get<&Policy::threshold_high>, 0.01, 0.99,
        "Normalised cut below which the collection is under stress."),
    Key("threshold_low", &Get<&Policy::threshold_low>, 0.01, 0.98,
        "Normalised cut below which it is critical; less than "
        "`threshold_high`."),
    Key("hysteresis.degrade_samples",
        &Get<&Policy::hysteresis, &Hysteresis::degrade_samples>, 1, 1000,
        "Consecutive samples below `threshold_high` that make normal stress."),
    Key("hysteresis.critical_samples",
        &Get<&Policy::hysteresis, &Hysteresis::critical_samples>, 1, 1000,
        "Consecutive samples below `threshold_low` that make stress "
        "critical."),
    Key("hysteresis.restore_threshold_offset",
        &Get<&Policy::hysteresis, &Hysteresis::restore_threshold_offset>, 0,
        0.5,
        "How far above the threshold that was crossed the cut must be to "
        "restore; at most half the way to 1 counts, so that recovery stays "
        "possible."),
    Key("hysteresis.restore_hold_seconds",
        &Get<&Policy::hysteresis, &Hysteresis::restore_hold_seconds>, 0, kDay,
        "How long it must stay there."),
    Key("hysteresis.cooldown_after_transition_seconds",
        &Get<&Policy::hysteresis,
             &Hysteresis::cooldown_after_transition_seconds>,
        0, kDay,
        "How long after a transition samples are ignored (the immediate path "
        "excepted)."),
    Key("hysteresis.immediate_critical_fraction",
        &Get<&Policy::hysteresis, &Hysteresis::immediate_critical_fraction>, 0,
        1,
        "One sample below this fraction of `threshold_low` is critical at "
        "once; 0 turns that off."),
    Key("risk_matrix.low_critical_throttle_pct",
        &Get<&Policy::risk_matrix, &RiskMatrix::low_critical_throttle_pct>, 0,
        99, "Throttle of low-risk operations in state critical."),
    Key("risk_matrix.medium_stress_throttle_pct",
        &Get<&Policy::risk_matrix, &RiskMatrix::medium_stress_throttle_pct>, 0,
        99, "Throttle of medium-risk operations in state stress."),
    Key("risk_matrix.medium_critical_defer_secs",
        &Get<&Policy::risk_matrix, &RiskMatrix::medium_critical_defer_secs>, 0,
        kDay,
        "How long medium-risk operations wait for improvement in state "
        "critical; 0 refuses at once."),
    Key("risk_matrix.high_stress_defer_secs",
        &Get<&Policy::risk_matrix, &RiskMatrix::high_stress_defer_secs>, 0,
        kDay,
        "How long high-risk operations wait for improvement in state stress; "
        "0 refuses at once."),
    Key("throttle.max_wait_secs",
        &Get<&Policy::throttle, &Throttle::max_wait_secs>, 1, 3600,
        "Longest delay of a throttled operation; when the line is longer it "
        "is refused with a retry time."),
    Key("throttle.rate_window_secs",
        &Get<&Policy::throttle, &Throttle::rate_window_secs>, 1, kDay,
        "Time constant of the moving average of accepted operations that "
        "throttle percentages refer to."),
    Key("throttle.concurrency_wait_secs",
        &Get<&Policy::throttle, &Throttle::concurrency_wait_secs>, 0, 3600,
        "How long an operation waits for a place under a concurrency limit; "
        "0 refuses at once."),
    Key("capacity.leaf_share_factor",
        &Get<&Policy::capacity, &Capacity::leaf_share_factor>, 0, 1000,
        "A leaf that carries share s of rows or traffic cannot lower its "
        "capacity below 1 - min(1, factor * s) of its baseline."),
    Key("capacity.dependency_floor",
        &Get<&Policy::capacity, &Capacity::dependency_floor>, 0, 1,
        "Floor of the capacity of dependency edges, between the two "
        "thresholds; null is the middle between them."),
    Key("capacity.async_replica_floor",
        &Get<&Policy::capacity, &Capacity::async_replica_floor>, 0, 1,
        "The same for edges to asynchronous replicas."),
    Key("sample_interval_secs", &Get<&Policy::sample_interval_secs>, 1, 3600,
        "Time between two sensing passes."),
    Key("sample_size", &Get<&Policy::sample_size>, 16, 1000000,
        "Index and table pages that a sensing pass over this collection may "
        "read; never more than `ruvector.page_budget`, for which null stands."),
    Key("notifications.on_state_change.enabled",
        &Get<&Policy::notifications, &Notifications::state_change_enabled>, 0,
        0, "Notify of every transition."),
    Key("notifications.on_state_change.channels",
        &Get<&Policy::notifications, &Notifications::channels>, 0, 16,
        "Where to, for this and the two below: `{\"type\": \"pg_notify\", "
        "\"config\": {\"channel\": name}}` or `{\"type\": \"webhook\", "
        "\"config\": {\"url\": url}}`; none twice."),
    Key("notifications.on_state_change.include_witness_edges",
        &Get<&Policy::notifications, &Notifications::include_witness_edges>, 0,
        0, "Send the edges of the cut along."),
    Key("notifications.on_threshold_approach.enabled",
        &Get<&Policy::notifications,
             &Notifications::threshold_approach_enabled>,
        0, 0, "Notify when a falling cut comes close to `threshold_high`."),
    Key("notifications.on_threshold_approach.warning_threshold",
        &Get<&Policy::notifications, &Notifications::warning_threshold_pct>, 0,
        100, "How close, in percent of `threshold_high`."),
    Key("notifications.on_recovery.enabled",
        &Get<&Policy::notifications, &Notifications::recovery_enabled>, 0, 0,
        "Notify when the state becomes normal again."),

    // In the order of graph::HealthLimits, where each constant has its reason.
    Key("health.hot_excess.good", Limit<&L::hot_excess, &Ramp::good>, 0, 1,
        "Hot partition: traffic above its fair share, (share - fair) / (1 - "
        "fair), at which it is still healthy."),
    Key("health.hot_excess.bad", Limit<&L::hot_excess, &Ramp::bad>, 0, 1,
        kWorst),
    Key("health.hot_min_written", Limit<&L::hot_min_written>, 0, kAny,
        "Rows written between two samples below which skew means nothing."),
    Key("health.hot_min_written_per_s", Limit<&L::hot_min_written_per_s>, 0,
        kAny, "The same per second."),
    Key("health.hot_min_read", Limit<&L::hot_min_read>, 0, kAny,
        "Rows read between two samples below which skew means nothing."),
    Key("health.hot_min_read_per_s", Limit<&L::hot_min_read_per_s>, 0, kAny,
        "The same per second."),
    Key("health.vacuum_debt.good", Limit<&L::vacuum_debt, &Ramp::good>, 0, kAny,
        "Dead tuples, in units of what starts an autovacuum."),
    Key("health.vacuum_debt.bad", Limit<&L::vacuum_debt, &Ramp::bad>, 0, kAny,
        kWorst),
    Key("health.vacuum_debt_unit_min", Limit<&L::vacuum_debt_unit_min>, 1, kAny,
        "Dead tuples below this are no debt."),
    Key("health.autovacuum_base", Limit<&L::autovacuum_base>, 0, kAny,
        "Stands for autovacuum_vacuum_threshold where it is unknown."),
    Key("health.autovacuum_scale", Limit<&L::autovacuum_scale>, 0, 100,
        "Stands for autovacuum_vacuum_scale_factor where it is unknown."),
    Key("health.heap_bloat.good", Limit<&L::heap_bloat, &Ramp::good>, 0, 1,
        "Share of the heap without live tuples."),
    Key("health.heap_bloat.bad", Limit<&L::heap_bloat, &Ramp::bad>, 0, 1,
        kWorst),
    Key("health.heap_bloat_min_bytes", Limit<&L::heap_bloat_min_bytes>, 0, kAny,
        "Heaps smaller than this are never bloated."),
    Key("health.hnsw_dead.good", Limit<&L::hnsw_dead, &Ramp::good>, 0, 1,
        "Dead elements among those sampled from an HNSW graph."),
    Key("health.hnsw_dead.bad", Limit<&L::hnsw_dead, &Ramp::bad>, 0, 1, kWorst),
    Key("health.hnsw_min_elements", Limit<&L::hnsw_min_elements>, 1, kAny,
        "Sampled elements below which the share means nothing."),
    Key("health.list_drift.good", Limit<&L::list_drift, &Ramp::good>, 0, 1000,
        "Mean distance to an IVFFlat list's center, over that at build time."),
    Key("health.list_drift.bad", Limit<&L::list_drift, &Ramp::bad>, 0, 1000,
        kWorst),
    Key("health.list_min_sample", Limit<&L::list_min_sample>, 1, kAny,
        "Sampled rows of a list below which its drift means nothing."),
    Key("health.list_min_radius", Limit<&L::list_min_radius>, 0, 1,
        "A list tighter at build time than this share of its index's mean is "
        "measured against that instead."),
    Key("health.list_growth.good", Limit<&L::list_growth, &Ramp::good>, 0, kAny,
        "A list's share of the index's rows, over that at build time."),
    Key("health.list_growth.bad", Limit<&L::list_growth, &Ramp::bad>, 0, kAny,
        kWorst),
    Key("health.list_min_rows", Limit<&L::list_min_rows>, 0, kAny,
        "Rows of a list below which its growth means nothing."),
    Key("health.index_growth.good", Limit<&L::index_growth, &Ramp::good>, 0,
        kAny, "Rows of an IVFFlat index, over those it was built on."),
    Key("health.index_growth.bad", Limit<&L::index_growth, &Ramp::bad>, 0, kAny,
        kWorst),
    Key("health.index_growth_min_rows", Limit<&L::index_growth_min_rows>, 0,
        kAny, "Rows of an index below which its growth means nothing."),
    Key("health.replay_lag_bytes.good",
        Limit<&L::replay_lag_bytes, &Ramp::good>, 0, kAny,
        "WAL that a standby has not replayed, in bytes."),
    Key("health.replay_lag_bytes.bad", Limit<&L::replay_lag_bytes, &Ramp::bad>,
        0, kAny, kWorst),
    Key("health.replay_lag_s.good", Limit<&L::replay_lag_s, &Ramp::good>, 0,
        kAny, "Replay lag of a standby, in seconds."),
    Key("health.replay_lag_s.bad", Limit<&L::replay_lag_s, &Ramp::bad>, 0, kAny,
        kWorst),
    Key("health.reply_age.good", Limit<&L::reply_age, &Ramp::good>, 0, 1000,
        "Age of a standby's last reply, over wal_sender_timeout."),
    Key("health.reply_age.bad", Limit<&L::reply_age, &Ramp::bad>, 0, 1000,
        kWorst),
    Key("health.default_wal_sender_timeout_s",
        Limit<&L::default_wal_sender_timeout_s>, 0.001, kAny,
        "Stands for wal_sender_timeout where it is off or unknown."),
    Key("health.slot_retained.good", Limit<&L::slot_retained, &Ramp::good>, 0,
        1, "WAL that a slot holds back, over that and the room it has left."),
    Key("health.slot_retained.bad", Limit<&L::slot_retained, &Ramp::bad>, 0, 1,
        kWorst),
    Key("health.archive_backlog.good", Limit<&L::archive_backlog, &Ramp::good>,
        0, kAny, "WAL segments waiting for the archiver."),
    Key("health.archive_backlog.bad", Limit<&L::archive_backlog, &Ramp::bad>, 0,
        kAny, kWorst),
    Key("health.backup_age.good", Limit<&L::backup_age, &Ramp::good>, 0, 1000,
        "Age of the last base backup, over the interval expected."),
    Key("health.backup_age.bad", Limit<&L::backup_age, &Ramp::bad>, 0, 1000,
        kWorst),
    Key("health.default_backup_interval_s",
        Limit<&L::default_backup_interval_s>, 1, kAny,
        "That interval where nothing else is known."),
    Key("health.forced_checkpoints.good",
        Limit<&L::forced_checkpoints, &Ramp::good>, 0, kAny,
        "Checkpoints forced by WAL volume, per checkpoint_timeout."),
    Key("health.forced_checkpoints.bad",
        Limit<&L::forced_checkpoints, &Ramp::bad>, 0, kAny, kWorst),
    Key("health.forced_checkpoints_min", Limit<&L::forced_checkpoints_min>, 0,
        kAny, "Fewer than this mean nothing."),
    Key("health.default_checkpoint_timeout_s",
        Limit<&L::default_checkpoint_timeout_s>, 1, kAny,
        "Stands for checkpoint_timeout where it is unknown."),
    Key("health.xid_age.calm", Limit<&L::xid_age, &Vital::calm>, 0, 0.999,
        "Transaction age, over that at which the server stops: healthy below."),
    Key("health.xid_age.stress", Limit<&L::xid_age, &Vital::stress>, 0, 0.999,
        kStress),
    Key("health.xid_age.critical", Limit<&L::xid_age, &Vital::critical>, 0,
        0.999, kCritical),
    Key("health.default_stop_age", Limit<&L::default_stop_age>, 1, kAny,
        "That age where the server does not say."),
    Key("health.disk_used.calm", Limit<&L::disk_used, &Vital::calm>, 0, 0.999,
        "Used space over all of a filesystem: healthy below."),
    Key("health.disk_used.stress", Limit<&L::disk_used, &Vital::stress>, 0,
        0.999, kStress),
    Key("health.disk_used.critical", Limit<&L::disk_used, &Vital::critical>, 0,
        0.999, kCritical),

    Action("allow_reads", &InState<&Actions::allow_reads>, Stricter::kFalse, 0,
           0, "Searches."),
    Action("allow_single_insert", &InState<&Actions::allow_single_insert>,
           Stricter::kFalse, 0, 0,
           "INSERT of up to `max_insert_batch_size` rows."),
    Action("allow_bulk_insert", &InState<&Actions::allow_bulk_insert>,
           Stricter::kFalse, 0, 0,
           "COPY, INSERT ... SELECT, larger INSERTs; needs "
           "`allow_single_insert` too."),
    Action("allow_delete", &InState<&Actions::allow_delete>, Stricter::kFalse,
           0, 0, "DELETE, TRUNCATE."),
    Action("allow_update", &InState<&Actions::allow_update>, Stricter::kFalse,
           0, 0, "UPDATE."),
    Action("allow_index_rewire", &InState<&Actions::allow_index_rewire>,
           Stricter::kFalse, 0, 0, "CREATE INDEX, REINDEX, rewiring."),
    Action("allow_compression", &InState<&Actions::allow_compression>,
           Stricter::kFalse, 0, 0,
           "VACUUM FULL, CLUSTER, rewriting ALTER TABLE."),
    Action("allow_replication", &InState<&Actions::allow_replication>,
           Stricter::kFalse, 0, 0, "Replication."),
    Action("allow_backup", &InState<&Actions::allow_backup>, Stricter::kFalse,
           0, 0, "Backups."),
    Action("throttle_inserts_pct", &InState<&Actions::throttle_inserts_pct>,
           Stricter::kLarger, 0, 100,
           "Cut of the insert rate below that of the last normal period; 100 "
           "refuses."),
    Action("throttle_searches_pct", &InState<&Actions::throttle_searches_pct>,
           Stricter::kLarger, 0, 100, "The same for searches."),
    Action("max_concurrent_searches",
           &InState<&Actions::max_concurrent_searches>, Stricter::kSmaller, 1,
           1000000, "Searches running at once; null is unlimited."),
    Action("max_insert_batch_size", &InState<&Actions::max_insert_batch_size>,
           Stricter::kSmaller, 1, kMaxRows,
           "Rows above which an INSERT or DELETE counts as bulk; null is "
           "never."),
    Action("pause_gnn_training", &InState<&Actions::pause_gnn_training>,
           Stricter::kTrue, 0, 0, "Refuse training."),
    Action("pause_tier_management", &InState<&Actions::pause_tier_management>,
           Stricter::kTrue, 0, 0, "Refuse tier moves."),
    Action("emergency_compact", &InState<&Actions::emergency_compact>,
           Stricter::kNone, 0, 0,
           "Ask for a compaction on entering the state: the event and its "
           "notifications carry it as `requested_actions`."),
    Action("custom_actions", &InState<&Actions::custom_actions>,
           Stricter::kNone, 0, 16,
           "Ask for these in the same way: `{\"name\": text, \"command\": "
           "text, \"args\": [text, ...]}`. The server runs none of them."),
};

using document::Bounds;
using document::Tag;

std::string Expected(Tag<Mode>, Bounds) { return document::OneOf(kModeNames); }
template <typename T>
std::string Expected(Tag<std::vector<T>>, Bounds bounds) {
  return absl::StrFormat("array of at most %.0f objects", bounds.max);
}
template <typename T>
std::string Expected(Tag<T> tag, Bounds bounds) {
  return document::Expected(tag, bounds);
}

}  // namespace

PolicyKeyRange PolicyKeys() { return {std::begin(kKeys), std::end(kKeys)}; }

std::string_view ActionSetName(State state) {
  constexpr std::array<std::string_view, kNumStates> kNames = {
      "normal_actions", "stress_actions", "critical_actions"};
  return kNames[static_cast<size_t>(state)];
}

std::string FullPath(const PolicyKey& key, State state) {
  if (!key.per_state) return std::string(key.path);
  return absl::StrFormat("%s.%s", ActionSetName(state), key.path);
}

std::string ExpectedText(const PolicyKey& key) {
  return std::visit(
      [&](auto field) {
        using T = std::remove_reference_t<decltype(field(
            std::declval<Policy&>(), State::kNormal))>;
        return Expected(Tag<T>(), Bounds{key.min, key.max});
      },
      key.field);
}

}  // namespace ruvector::gate
