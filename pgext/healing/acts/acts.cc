#include "pgext/healing/acts/acts.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "core/plugin/action_kinds.h"
#include "pgext/boot/database_slots.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/healing/acts/journal.h"
#include "pgext/healing/acts/kinds.h"
#include "pgext/healing/acts/objects.h"
#include "pgext/healing/acts/top_level.h"

namespace ruvector::healing {
namespace {

// What a failed act may still take to clean up behind itself.
constexpr absl::Duration kGrace = absl::Seconds(10);
constexpr absl::Duration kMovesKept = absl::Hours(24 * 30);

absl::Status NotImplemented(uint32_t kind) {
  const plugin::ActionKind* info = plugin::FindActionKind(kind);
  return absl::UnimplementedError(absl::StrCat(
      "action ",
      info == nullptr ? absl::StrCat("kind ", kind)
                      : absl::StrCat("'", std::string(info->name), "'"),
      " is not implemented in this version"));
}

// The gate hears of a changed throttle at once.
void AfterCommit(uint32_t kind) {
  if (kind == RUVECTOR_ACTION_SET_THROTTLE) boot::WakeWorker(MyDatabaseId);
}

Act ActOf(int64_t action_id, const std::string& collection,
          const ruvector_action& action) {
  Act act;
  act.action_id = action_id;
  act.collection = collection;
  act.deed = DeedOf(action);
  if (action.undo != nullptr) act.undo = DeedOf(*action.undo);
  return act;
}

absl::Status Intend(const ActKind& kind, Act& act, Collection& collection) {
  return WithShortLocks(
      "healing: writing an intent", [&](pg::SpiSession& spi) -> absl::Status {
        RV_ASSIGN_OR_RETURN(collection,
                            integrity::FindCollection(spi, act.collection));
        RV_RETURN_IF_ERROR(InsertIntent(spi, act));
        RV_RETURN_IF_ERROR(kind.prepare(spi, collection, act));
        RV_RETURN_IF_ERROR(SetFacts(spi, act));
        RV_FAILPOINT("healing.acts.intent.before_commit");
        return absl::OkStatus();
      });
}

absl::StatusOr<ActOutcome> ApplyInTransaction(const ActKind& kind, Act& act,
                                              const Collection& collection) {
  ActOutcome outcome;
  RV_RETURN_IF_ERROR(WithShortLocks(
      "healing: acting", [&](pg::SpiSession& spi) -> absl::Status {
        RV_FAILPOINT("healing.acts.apply.start");
        RV_ASSIGN_OR_RETURN(outcome, kind.apply(spi, collection, act));
        RV_RETURN_IF_ERROR(SetDone(spi, act.id, outcome));
        RV_FAILPOINT("healing.acts.apply.before_commit");
        return absl::OkStatus();
      }));
  return outcome;
}

// Settles an act that failed. Where that fails as well, ResolveActs will.
void NoteFailure(const ActKind& kind, Act& act, const absl::Status& why) {
  const ActBounds grace(absl::Now() + kGrace, ActBounds::kLonger);
  const std::string message(why.message());
  absl::Status noted;
  if (kind.settle != nullptr) noted = kind.settle(act);
  if (noted.ok()) {
    noted = InAct("healing: noting a failure", [&](pg::SpiSession& spi) {
      return spi
          .Execute(
              "UPDATE ruvector.healing_acts SET message = $2,"
              " state = CASE state WHEN 'intended' THEN 'not_done'"
              " ELSE state END, ended_at ="
              " pg_catalog.clock_timestamp() WHERE id ="
              " $1::pg_catalog.int8",
              {pg::SqlInt(act.id), pg::SqlText(message)})
          .status();
    });
  }
  pg::RunOrLog(LOG, [&] { return noted; });
}

bool IsConflict(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnimplemented:
      return true;
    default:
      return false;
  }
}

// Whoever waits at the gate keeps these from their table: they need it alone,
// or wait for transactions to end. The others get along with row locks.
bool WaitsForUsers(uint32_t kind) {
  switch (kind) {
    case RUVECTOR_ACTION_REBUILD_INDEX:
    case RUVECTOR_ACTION_RESTORE_INDEX:
    case RUVECTOR_ACTION_REINDEX:
    case RUVECTOR_ACTION_DROP_INVALID_INDEX:
    case RUVECTOR_ACTION_MOVE_TO_TABLESPACE:
    case RUVECTOR_ACTION_MOVE_SHARD:
      return true;
    default:
      return false;
  }
}

absl::StatusOr<std::string> Undo(const ActKind& kind, Act& act) {
  Collection collection;
  std::string left;
  NoDefer no_defer;
  RV_RETURN_IF_ERROR(InAct(
      "healing: clearing the way", [&](pg::SpiSession& spi) -> absl::Status {
        RV_ASSIGN_OR_RETURN(collection,
                            integrity::FindCollection(spi, act.collection));
        return WaitsForUsers(kind.kind) ? no_defer.Begin(collection.table_oid)
                                        : absl::OkStatus();
      }));
  if (kind.revert != nullptr) {
    RV_RETURN_IF_ERROR(WithShortLocks(
        "healing: undoing", [&](pg::SpiSession& spi) -> absl::Status {
          RV_FAILPOINT("healing.acts.undo.start");
          RV_ASSIGN_OR_RETURN(left, kind.revert(spi, collection, act));
          RV_RETURN_IF_ERROR(SetState(spi, act.id, "undone", left));
          RV_FAILPOINT("healing.acts.undo.before_commit");
          return absl::OkStatus();
        }));
    AfterCommit(act.deed.kind);
    return left;
  }
  if (kind.take_back == nullptr) return NotImplemented(act.deed.kind);
  return kind.take_back(collection, act);
}

absl::StatusOr<std::vector<Act>> Load(int64_t action_id,
                                      std::string_view states) {
  std::vector<Act> acts;
  RV_RETURN_IF_ERROR(InAct(
      "healing: reading the journal", [&](pg::SpiSession& spi) -> absl::Status {
        RV_ASSIGN_OR_RETURN(acts, LoadActs(spi, action_id, states));
        return absl::OkStatus();
      }));
  return acts;
}

// Needs bounds.
absl::Status Resolve(int64_t action_id) {
  RV_ASSIGN_OR_RETURN(std::vector<Act> open, Load(action_id, "{intended}"));
  for (Act& act : open) {
    RV_FAILPOINT("healing.acts.resolve.start");
    const ActKind* kind = FindActKind(act.deed.kind);
    if (kind != nullptr && kind->settle != nullptr) {
      RV_RETURN_IF_ERROR(kind->settle(act));
      continue;
    }
    // It would have committed with its row.
    RV_RETURN_IF_ERROR(InAct("healing: settling", [&](pg::SpiSession& spi) {
      return SetState(spi, act.id, "not_done",
                      "its worker ended before it was done");
    }));
  }
  return absl::OkStatus();
}

}  // namespace

const ActKind* FindActKind(uint32_t kind) {
  const auto look = [&](const auto& kinds) -> const ActKind* {
    for (const ActKind& one : kinds) {
      if (one.kind == kind) return &one;
    }
    return nullptr;
  };
  for (const ActKind* found :
       {look(kSettingKinds), look(kRowKinds), look(kIndexKinds),
        look(kMaintenanceKinds), look(kJobKinds), look(kShardKinds),
        look(kReplicaKinds)}) {
    if (found != nullptr) return found;
  }
  return nullptr;
}

absl::StatusOr<ActOutcome> PerformAct(const ActRequest& request) {
  const ActKind* kind = FindActKind(request.action.kind);
  if (kind == nullptr) return NotImplemented(request.action.kind);
  const ActBounds bounds(request.deadline);
  RV_RETURN_IF_ERROR(bounds.status());
  Act act = ActOf(request.action_id, request.collection, request.action);
  Collection collection;
  NoDefer no_defer;
  RV_RETURN_IF_ERROR(Intend(*kind, act, collection));
  absl::StatusOr<ActOutcome> outcome = [&]() -> absl::StatusOr<ActOutcome> {
    RV_FAILPOINT("healing.acts.intent.after_commit");
    if (WaitsForUsers(kind->kind)) {
      RV_RETURN_IF_ERROR(
          InAct("healing: clearing the way", [&](pg::SpiSession&) {
            return no_defer.Begin(collection.table_oid);
          }));
    }
    return kind->apply != nullptr ? ApplyInTransaction(*kind, act, collection)
                                  : kind->perform(collection, act);
  }();
  if (!outcome.ok()) {
    NoteFailure(*kind, act, outcome.status());
    return outcome;
  }
  AfterCommit(act.deed.kind);
  RV_FAILPOINT("healing.acts.apply.after_commit");
  return outcome;
}

absl::Status ResolveActs(int64_t action_id, absl::Time deadline) {
  const ActBounds bounds(deadline);
  RV_RETURN_IF_ERROR(bounds.status());
  return Resolve(action_id);
}

absl::StatusOr<UndoStep> RunNextUndo(int64_t action_id, absl::Time deadline) {
  const ActBounds bounds(deadline);
  RV_RETURN_IF_ERROR(bounds.status());
  UndoStep step;
  std::vector<Act> acts;
  absl::Status status = Resolve(action_id);
  if (status.ok()) {
    absl::StatusOr<std::vector<Act>> loaded =
        Load(action_id, "{done,partial,undoing}");
    if (loaded.ok()) {
      acts = std::move(*loaded);
    } else {
      status = loaded.status();
    }
  }
  Act* newest = nullptr;
  for (Act& act : acts) {
    if (!act.undo.has_value() || (act.state == "done" && !act.changed)) {
      continue;
    }
    ++step.undos_left;
    if (newest == nullptr) newest = &act;
  }
  if (status.ok() && newest != nullptr) {
    const ActKind* kind = FindActKind(newest->deed.kind);
    absl::StatusOr<std::string> left = kind == nullptr
                                           ? NotImplemented(newest->deed.kind)
                                           : Undo(*kind, *newest);
    status = left.status();
    if (left.ok()) {
      step.message = std::move(*left);
      --step.undos_left;
    }
  }
  if (!status.ok()) {
    step.end = IsConflict(status) ? UndoEnd::kConflict : UndoEnd::kFailed;
    step.message = std::string(status.message());
  }
  return step;
}

UndoEnded RunAllUndos(int64_t action_id, absl::Time deadline) {
  UndoEnded ended{action_id, UndoEnd::kFinished, 0, ""};
  for (;;) {
    const absl::StatusOr<UndoStep> step = RunNextUndo(action_id, deadline);
    if (!step.ok()) {
      ended.how = UndoEnd::kFailed;
      ended.message = std::string(step.status().message());
      return ended;
    }
    ended.how = step->end;
    ended.undos_left = step->undos_left;
    if (!step->message.empty()) {
      absl::StrAppend(&ended.message, ended.message.empty() ? "" : "; ",
                      step->message);
    }
    if (step->end != UndoEnd::kFinished || step->undos_left == 0) return ended;
  }
}

absl::Status FinishAction(int64_t action_id, bool kept, absl::Time deadline) {
  const ActBounds bounds(deadline);
  RV_RETURN_IF_ERROR(bounds.status());
  RV_RETURN_IF_ERROR(Resolve(action_id));
  RV_FAILPOINT("healing.acts.finish.start");
  RV_RETURN_IF_ERROR(FinishIndexes(action_id, kept));
  return InAct("healing: clearing the journal",
               [&](pg::SpiSession& spi) -> absl::Status {
                 // Rows are moved back for a month.
                 return spi
                     .Execute(
                         "WITH old AS (UPDATE ruvector.healing_acts SET"
                         " undo = NULL WHERE kind = 'move_rows' AND undo"
                         " IS NOT NULL AND ended_at < pg_catalog.now() -"
                         " pg_catalog.make_interval(secs =>"
                         " $1::pg_catalog.float8) RETURNING id)"
                         " DELETE FROM ruvector.healing_moved_rows m"
                         " USING old WHERE m.act_id = old.id",
                         {pg::SqlReal(absl::ToDoubleSeconds(kMovesKept))})
                     .status();
               });
}

absl::StatusOr<ActStatement> DescribeAct(pg::SpiSession& spi,
                                         const std::string& collection,
                                         const ruvector_action& action) {
  const ActKind* kind = FindActKind(action.kind);
  if (kind == nullptr) return NotImplemented(action.kind);
  const Act act = ActOf(0, collection, action);
  RV_ASSIGN_OR_RETURN(const Collection found,
                      integrity::FindCollection(spi, collection));
  RV_ASSIGN_OR_RETURN(ActStatement shown, kind->describe(spi, found, act));
  const auto fill = [](std::optional<double>& value, double estimate) {
    if (!value.has_value() && estimate == estimate) value = estimate;
  };
  fill(shown.rows, action.expected_rows);
  fill(shown.bytes, action.expected_bytes);
  fill(shown.seconds, action.expected_seconds);
  return shown;
}

}  // namespace ruvector::healing
