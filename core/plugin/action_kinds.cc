#include "core/plugin/action_kinds.h"

namespace ruvector::plugin {
namespace {

constexpr ArgumentRule Text(std::string_view name) { return {name}; }
constexpr ArgumentRule Number(std::string_view name) { return {name, true}; }
constexpr ArgumentRule Nullable(ArgumentRule rule) {
  return {rule.name, rule.number, true, rule.optional};
}
constexpr ArgumentRule Optional(ArgumentRule rule) {
  return {rule.name, rule.number, rule.nullable, true};
}

constexpr ArgumentRule kThrottle[] = {Text("operation"),
                                      Nullable(Number("percent"))};
constexpr ArgumentRule kMoveRows[] = {
    Text("to"), Number("max_rows"), Number("batch_rows"),
    Optional(Text("column")), Optional(Text("before"))};
constexpr ArgumentRule kReturnRows[] = {Text("to")};
constexpr ArgumentRule kMoveShard[] = {Text("node")};
constexpr ArgumentRule kRoutingWeight[] = {Nullable(Number("weight"))};
constexpr ArgumentRule kRebuildIndex[] = {Nullable(Number("lists"))};
constexpr ArgumentRule kTablespace[] = {Text("tablespace")};
constexpr ArgumentRule kHoldJob[] = {Number("seconds")};
constexpr ArgumentRule kReloption[] = {Text("option"), Nullable(Text("value")),
                                       Optional(Number("seconds"))};
constexpr ArgumentRule kReplicas[] = {Number("replicas")};

constexpr auto kSame = UndoRule::kSame;
constexpr auto kIrreversible = UndoRule::kIrreversible;

constexpr ActionKind kKinds[] = {
    {RUVECTOR_ACTION_SET_THROTTLE, "set_throttle", kSame, 0, "operation",
     "percent", kThrottle},
    {RUVECTOR_ACTION_MOVE_ROWS, "move_rows", UndoRule::kOther,
     RUVECTOR_ACTION_RETURN_ROWS, "to", "", kMoveRows},
    {RUVECTOR_ACTION_RETURN_ROWS, "return_rows", kIrreversible, 0, "", "",
     kReturnRows},
    {RUVECTOR_ACTION_MOVE_SHARD, "move_shard", kSame, 0, "", "node",
     kMoveShard},
    {RUVECTOR_ACTION_SET_ROUTING_WEIGHT, "set_routing_weight", kSame, 0, "",
     "weight", kRoutingWeight},
    {RUVECTOR_ACTION_REBUILD_INDEX, "rebuild_index", UndoRule::kSameOrOther,
     RUVECTOR_ACTION_RESTORE_INDEX, "", "lists", kRebuildIndex},
    {RUVECTOR_ACTION_RESTORE_INDEX,
     "restore_index",
     kIrreversible,
     0,
     "",
     "",
     {}},
    {RUVECTOR_ACTION_REINDEX, "reindex", kIrreversible, 0, "", "", {}},
    {RUVECTOR_ACTION_VACUUM, "vacuum", kIrreversible, 0, "", "", {}},
    {RUVECTOR_ACTION_DROP_INVALID_INDEX,
     "drop_invalid_index",
     kIrreversible,
     0,
     "",
     "",
     {}},
    {RUVECTOR_ACTION_MOVE_TO_TABLESPACE, "move_to_tablespace", kSame, 0, "",
     "tablespace", kTablespace},
    {RUVECTOR_ACTION_HOLD_JOB, "hold_job", UndoRule::kOther,
     RUVECTOR_ACTION_RELEASE_JOB, "", "", kHoldJob},
    {RUVECTOR_ACTION_RELEASE_JOB, "release_job", kIrreversible, 0, "", "", {}},
    {RUVECTOR_ACTION_CANCEL_AUTOVACUUM,
     "cancel_autovacuum",
     UndoRule::kTransient,
     0,
     "",
     "",
     {}},
    {RUVECTOR_ACTION_SET_RELOPTION, "set_reloption", kSame, 0, "option",
     "value", kReloption},
    {RUVECTOR_ACTION_SCALE_REPLICAS, "scale_replicas", kSame, 0, "", "replicas",
     kReplicas},
    {RUVECTOR_ACTION_ANALYZE, "analyze", kIrreversible, 0, "", "", {}},
};

}  // namespace

absl::Span<const ActionKind> ActionKinds() { return kKinds; }

const ActionKind* FindActionKind(uint32_t kind) {
  for (const ActionKind& candidate : kKinds) {
    if (candidate.kind == kind) return &candidate;
  }
  return nullptr;
}

}  // namespace ruvector::plugin
