// How far healing may go in one database: the settings of
// ruvector_healing_configure and ruvector_strategy_configure.
//
// A stored document is always complete: a partial one is merged over a base
// when it is written. One table (healing_keys.h) drives parsing, merging,
// printing and the reference page. Plain values, all owned. [any-thread]
//
// Sources: spec/self-healing.md (safety limits, configuration), design.md
// 7.9, reference/operations-anchors.md 2.3.
#ifndef RUVECTOR_CORE_HEALING_HEALING_CONFIG_H_
#define RUVECTOR_CORE_HEALING_HEALING_CONFIG_H_

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/no_postgres.h"
#include "core/healing/incident.h"

namespace ruvector::healing {

// off: never used. report: plans are made and shown, nothing runs. approve: a
// person releases each plan. auto: the engine decides. The order is from the
// most to the least restrictive.
enum class StrategyMode : uint8_t { kOff, kReport, kApprove, kAuto };
inline constexpr std::array<std::string_view, 4> kStrategyModeNames = {
    "off", "report", "approve", "auto"};
constexpr std::string_view StrategyModeName(StrategyMode mode) {
  return kStrategyModeNames[static_cast<size_t>(mode)];
}

// PostgreSQL's table lock levels, weakest first; kNone: no lock is taken.
enum class LockLevel : uint8_t {
  kNone,
  kAccessShare,
  kRowShare,
  kRowExclusive,
  kShareUpdateExclusive,
  kShare,
  kShareRowExclusive,
  kExclusive,
  kAccessExclusive
};
inline constexpr std::array<std::string_view, 9> kLockLevelNames = {
    "none",
    "access_share",
    "row_share",
    "row_exclusive",
    "share_update_exclusive",
    "share",
    "share_row_exclusive",
    "exclusive",
    "access_exclusive"};
constexpr std::string_view LockLevelName(LockLevel level) {
  return kLockLevelNames[static_cast<size_t>(level)];
}

// What one plan may touch; a plan beyond it is rejected. Its rows, bytes and
// seconds are estimates: the host holds the same bounds on what is really done.
struct BlastLimits {
  int64_t max_rows = 1000000;
  int64_t max_bytes = 107374182400;  // 100 GiB: an index is built beside it
  int64_t max_seconds = 21600;
  LockLevel max_lock_level = LockLevel::kAccessExclusive;
};

// Hours in which the engine may begin what no person asked for, in UTC; from
// start to end, over midnight if end is earlier. Both or neither.
struct AllowedHours {
  std::optional<std::string> start;  // "22:00"
  std::optional<std::string> end;
};

struct Approval {
  int64_t expiry_seconds = 86400;
  // Two different persons stand behind every act that needs approval: the one
  // who asked for it and one who approves, or two who approve.
  bool second_person = false;
  // Members may approve. "": ruvector's operator role.
  std::string role;
};

struct Timeouts {
  int64_t plan_seconds = 30;
  // Reading the metrics before or after; what was not read is unknown.
  int64_t sample_seconds = 30;
  // A plan runs for `factor` times its estimate, within the two bounds.
  double factor = 2;
  int64_t min_seconds = 60;
  int64_t max_seconds = 43200;
  int64_t undo_seconds = 21600;
  // From the cancellation of a worker until it is killed.
  int64_t cancel_grace_seconds = 10;
};

// Consecutive attempts on one fault that were not verified, after which the
// engine leaves it alone until a person resets it or the fault has been away
// for close_after_seconds.
struct Breaker {
  int64_t ineffective_attempts = 3;
  int64_t close_after_seconds = 600;
};

// One strategy, where it differs.
struct StrategyConfig {
  // nullopt: default_mode, or approve for one that asks first.
  std::optional<StrategyMode> mode;
  std::optional<int64_t> stabilisation_seconds;
  std::optional<int64_t> timeout_seconds;  // in place of Timeouts::factor
  std::optional<double> target_margin;     // in place of the plugin's
  std::optional<double> guard_margin;      // in place of each guard's
};

struct HealingConfig {
  bool enabled = true;
  StrategyMode default_mode = StrategyMode::kAuto;
  int64_t min_healing_interval_seconds = 300;  // after an attempt, a collection
  int64_t max_attempts_per_window = 3;         // per collection
  int64_t attempt_window_seconds = 3600;
  double max_auto_heal_impact = 0.5;  // of one strategy that is chosen
  double max_impact_in_flight = 1.0;  // of all that run, in the database
  double min_confidence = 0.5;        // of the classification
  std::vector<std::string> require_approval_strategies = {"scale_replicas"};
  std::vector<std::string> require_approval_problems;
  bool learning_enabled = true;
  BlastLimits blast_radius;
  AllowedHours allowed_hours;
  Approval approval;
  int64_t stabilisation_seconds = 10;
  Timeouts timeouts;
  int64_t undo_attempts = 3;
  int64_t slot_retry_seconds = 5;  // when no worker slot is free; also undos
  Breaker breaker;
  int64_t quarantine_after_faults = 3;  // consecutive, of a strategy's process
  std::map<std::string, StrategyConfig> strategies;  // by name
};

// Lays a JSON object over `base`. Objects merge key by key, arrays and scalars
// replace; "strategies" is an object by name, in which null removes an entry.
// The spec's max_attempts_per_hour stands for max_attempts_per_window with a
// window of an hour. Errors are kInvalidArgument and name the key, what was
// expected and what came: not JSON, unknown key (with the known ones), wrong
// type, out of range, hours that are no times or only one of them,
// timeouts.min_seconds above max_seconds. Names of strategies are not checked:
// a plugin may come later.
absl::StatusOr<HealingConfig> MergeHealingConfig(const HealingConfig& base,
                                                 std::string_view json);

// The whole of it, every key, sorted, stable: MergeHealingConfig(any base
// without strategies, text) gives it back.
std::string HealingConfigToJson(const HealingConfig& config);

// The same for one entry of `strategies`.
absl::StatusOr<StrategyConfig> MergeStrategyConfig(const StrategyConfig& base,
                                                   std::string_view json);
std::string StrategyConfigToJson(const StrategyConfig& config);

// What applies to a strategy for a problem; the most restrictive wins:
//   - the entry's mode, else approve if it asks first, else default_mode;
//   - at most approve if the strategy or the problem class is in a
//     require_approval list.
StrategyMode EffectiveMode(const HealingConfig& config,
                           const std::string& strategy, bool asks_first,
                           const std::string& problem_class);

// The entry of a strategy, or an empty one.
const StrategyConfig& StrategyConfigOf(const HealingConfig& config,
                                       const std::string& strategy);

// How long a plan of `expected_seconds` (NaN unknown) may run.
absl::Duration ExecutionTimeout(const HealingConfig& config,
                                const std::string& strategy,
                                double expected_seconds);

// Whether the engine may begin at `now`, and if not, when next.
bool WithinAllowedHours(const AllowedHours& hours, absl::Time now);
absl::Time NextAllowed(const AllowedHours& hours, absl::Time now);

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_HEALING_CONFIG_H_
