#include "pgext/caliber/store.h"

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/caliber/heap/guards.h"
#include "pgext/caliber/heap/sql_path.h"
#include "pgext/integrity/relation_gate.h"
extern "C" {
#include "access/table.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/uuid.h"
}

namespace ruvector::caliber {
namespace {

using memory::Entity;

// What a guarded call found out, as plain data.
enum class Found : uint8_t { kDirect, kSql, kNoTable, kMissingColumn };

struct Answer {
  Found found;
  Outcome outcome;
  bool yes;
  int column;
};

absl::Status NotInitialised() {
  return pg::PgError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                     "CALIBER's tables are not in this database", "",
                     "SELECT caliber_init() makes them.");
}

absl::Status CheckFound(Entity entity, const Answer& answer) {
  if (answer.found == Found::kNoTable) return NotInitialised();
  if (answer.found != Found::kMissingColumn) return absl::OkStatus();
  const memory::EntitySpec& spec = memory::SpecOf(entity);
  return pg::PgError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                     absl::StrCat("table \"caliber.", std::string(spec.table),
                                  "\" has no column \"",
                                  std::string(spec.columns[answer.column].name),
                                  "\" of the type that this version needs"),
                     "",
                     "SELECT caliber_upgrade() adds what newer versions have.");
}

absl::StatusOr<Outcome> CheckOutcome(Outcome outcome) {
  switch (outcome) {
    case Outcome::kSerialization:
      return pg::PgError(ERRCODE_T_R_SERIALIZATION_FAILURE,
                         "could not serialize access due to concurrent update");
    case Outcome::kSelfModified:
      return pg::PgError(
          ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION,
          "the row was already modified by an operation triggered by the "
          "current command");
    default:
      return outcome;
  }
}

// The gate judges statements: an enrolled table is written in SQL.
absl::StatusOr<bool> IsEnrolled(Entity entity) {
  if (!integrity::IsGated()) return false;
  RV_ASSIGN_OR_RETURN(const TableEntry* entry,
                      pg::PgCall([&] { return LookupUnsafe(entity); }));
  if (entry == nullptr) return false;
  RV_ASSIGN_OR_RETURN(const integrity::Slots slots,
                      integrity::SlotsOf(entry->table));
  return !slots.empty();
}

const char* ObstacleOf(const TableEntry& entry, Relation relation,
                       CmdType command) {
  if (entry.has_modifier && (command == CMD_INSERT || command == CMD_UPDATE)) {
    return "type modifiers";
  }
  return ObstacleUnsafe(relation, command);
}

// Opens the table, looks at the guards and runs `body(entry, relation,
// answer)` under a fresh snapshot. `body` may say kSql by itself.
template <class Body>
Answer DirectUnsafe(Entity entity, CmdType command, bool only_sql, Body body) {
  Answer answer{Found::kDirect, Outcome::kDone, false, 0};
  Relation relation = nullptr;
  const TableEntry* entry = OpenUnsafe(
      entity, command == CMD_SELECT ? AccessShareLock : RowExclusiveLock,
      &relation);
  if (entry == nullptr) {
    answer.found = Found::kNoTable;
    return answer;
  }
  if (entry->missing >= 0) {
    answer.found = Found::kMissingColumn;
    answer.column = entry->missing;
  } else if (only_sql || ObstacleOf(*entry, relation, command) != nullptr) {
    answer.found = Found::kSql;
  } else {
    PushFreshSnapshotUnsafe();
    body(*entry, relation, answer);
    PopSnapshotUnsafe();
  }
  table_close(relation, NoLock);
  return answer;
}

struct Seen {
  RowSink sink;
  void* context;
  bool any;
};

void OnSeen(void* context, const Row& row) {
  auto* seen = static_cast<Seen*>(context);
  seen->any = true;
  seen->sink(seen->context, row);
}

// ids without NULLs, ascending, each once; both in CurrentMemoryContext.
struct Ids {
  Datum* values;
  int count;
};

int CompareIds(const void* a, const void* b) {
  return memcmp(DatumGetPointer(*static_cast<const Datum*>(a)),
                DatumGetPointer(*static_cast<const Datum*>(b)), UUID_LEN);
}

Ids SortedIdsUnsafe(Datum array) {
  Datum* values;
  bool* nulls;
  int count = 0;
  deconstruct_array(DatumGetArrayTypeP(array), UUIDOID, UUID_LEN, false, 'c',
                    &values, &nulls, &count);
  int kept = 0;
  for (int i = 0; i < count; ++i) {
    if (!nulls[i]) values[kept++] = values[i];
  }
  qsort(values, kept, sizeof(Datum), CompareIds);
  int distinct = 0;
  for (int i = 0; i < kept; ++i) {
    if (i == 0 || CompareIds(&values[i], &values[i - 1]) != 0) {
      values[distinct++] = values[i];
    }
  }
  return {values, distinct};
}

}  // namespace

absl::Status RequireInitialised() {
  RV_ASSIGN_OR_RETURN(const bool there, pg::PgCall([] {
                        return LookupUnsafe(memory::Entity::kTrajectory) !=
                               nullptr;
                      }));
  return there ? absl::OkStatus() : NotInitialised();
}

absl::StatusOr<const char*> Obstacle(Entity entity, CmdType command) {
  RV_ASSIGN_OR_RETURN(const bool enrolled, IsEnrolled(entity));
  const char* obstacle = nullptr;
  RV_ASSIGN_OR_RETURN(
      const Answer answer, pg::PgCall([&] {
        Relation relation = nullptr;
        Answer found{Found::kDirect, Outcome::kDone, false, 0};
        const TableEntry* entry =
            OpenUnsafe(entity, AccessShareLock, &relation);
        if (entry == nullptr) {
          found.found = Found::kNoTable;
          return found;
        }
        obstacle = ObstacleOf(*entry, relation, command);
        if (obstacle == nullptr && !OidIsValid(entry->primary_key)) {
          obstacle = "no primary key";
        }
        table_close(relation, NoLock);
        return found;
      }));
  RV_RETURN_IF_ERROR(CheckFound(entity, answer));
  if (obstacle == nullptr && enrolled && command != CMD_SELECT) {
    obstacle = "enrolled in the gate";
  }
  return obstacle;
}

absl::StatusOr<std::vector<bool>> CreateMany(Entity entity, const char* what,
                                             absl::Span<const Fields> rows) {
  RV_ASSIGN_OR_RETURN(const bool enrolled, IsEnrolled(entity));
  // Plain memory for the guarded call; it goes with the call's context.
  RV_ASSIGN_OR_RETURN(bool* stored, pg::PgCall([&] {
                        return static_cast<bool*>(palloc0(rows.size() + 1));
                      }));
  const Fields* first = rows.data();
  const size_t count = rows.size();
  RV_ASSIGN_OR_RETURN(
      const Answer answer, pg::PgCall([&] {
        RequireWritableUnsafe(what);
        return DirectUnsafe(
            entity, CMD_INSERT, enrolled,
            [&](const TableEntry& entry, Relation relation, Answer&) {
              WriteState state;
              OpenWriteUnsafe(entry, relation, CMD_INSERT, nullptr, &state);
              for (size_t i = 0; i < count; ++i) {
                CHECK_FOR_INTERRUPTS();
                stored[i] = InsertUnsafe(state, first[i]) == Outcome::kDone;
              }
              CloseWriteUnsafe(state);
            });
      }));
  RV_RETURN_IF_ERROR(CheckFound(entity, answer));
  std::vector<bool> result(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    if (answer.found == Found::kSql) {
      RV_ASSIGN_OR_RETURN(const Outcome outcome, SqlInsert(entity, rows[i]));
      stored[i] = outcome == Outcome::kDone;
    }
    result[i] = stored[i];
  }
  return result;
}

absl::StatusOr<bool> Create(Entity entity, const char* what,
                            const Fields& fields) {
  RV_ASSIGN_OR_RETURN(const std::vector<bool> stored,
                      CreateMany(entity, what, absl::MakeSpan(&fields, 1)));
  return bool{stored[0]};
}

absl::StatusOr<bool> Get(Entity entity, Datum id, RowSink sink, void* context) {
  RV_ASSIGN_OR_RETURN(
      const Answer answer, pg::PgCall([&] {
        return DirectUnsafe(
            entity, CMD_SELECT, false,
            [&](const TableEntry& entry, Relation relation, Answer& answer) {
              if (!OidIsValid(entry.primary_key)) {
                answer.found = Found::kSql;
                return;
              }
              Seen seen{sink, context, false};
              FetchManyUnsafe(relation, entry, &id, 1, OnSeen, &seen);
              answer.yes = seen.any;
            });
      }));
  RV_RETURN_IF_ERROR(CheckFound(entity, answer));
  if (answer.found == Found::kSql) return SqlGet(entity, id, sink, context);
  return answer.yes;
}

absl::Status GetMany(Entity entity, Datum ids, RowSink sink, void* context) {
  RV_ASSIGN_OR_RETURN(
      const Answer answer, pg::PgCall([&] {
        return DirectUnsafe(
            entity, CMD_SELECT, false,
            [&](const TableEntry& entry, Relation relation, Answer& answer) {
              if (!OidIsValid(entry.primary_key)) {
                answer.found = Found::kSql;
                return;
              }
              const Ids sorted = SortedIdsUnsafe(ids);
              FetchManyUnsafe(relation, entry, sorted.values, sorted.count,
                              sink, context);
            });
      }));
  RV_RETURN_IF_ERROR(CheckFound(entity, answer));
  if (answer.found == Found::kSql) {
    return SqlGetMany(entity, ids, sink, context);
  }
  return absl::OkStatus();
}

absl::Status Enumerate(const ListRequest& request, RowSink sink,
                       void* context) {
  RV_ASSIGN_OR_RETURN(
      const Answer answer, pg::PgCall([&] {
        return DirectUnsafe(
            request.entity, CMD_SELECT, false,
            [&](const TableEntry& entry, Relation relation, Answer& answer) {
              int is_true = -1;
              for (int i = 0; i < request.condition_count; ++i) {
                if (request.conditions[i].kind == Condition::Kind::kIsTrue) {
                  is_true = request.conditions[i].column;
                }
              }
              const IndexEntry* index =
                  FindIndex(entry, request.filters, request.filter_count,
                            request.order, request.order_count, is_true);
              if (index == nullptr) {
                answer.found = Found::kSql;
                return;
              }
              ListUnsafe(relation, entry, *index, request, sink, context);
            });
      }));
  RV_RETURN_IF_ERROR(CheckFound(request.entity, answer));
  if (answer.found == Found::kSql) return SqlList(request, sink, context);
  return absl::OkStatus();
}

absl::StatusOr<Outcome> Update(Entity entity, const char* what, Datum id,
                               absl::Span<const Condition> conditions,
                               const Fields& changes, RowSink old,
                               void* context) {
  RV_ASSIGN_OR_RETURN(const bool enrolled, IsEnrolled(entity));
  const Condition* first = conditions.data();
  const int count = static_cast<int>(conditions.size());
  RV_ASSIGN_OR_RETURN(
      const Answer answer, pg::PgCall([&] {
        RequireWritableUnsafe(what);
        return DirectUnsafe(
            entity, CMD_UPDATE, enrolled,
            [&](const TableEntry& entry, Relation relation, Answer& answer) {
              if (!OidIsValid(entry.primary_key)) {
                answer.found = Found::kSql;
                return;
              }
              WriteState state;
              OpenWriteUnsafe(entry, relation, CMD_UPDATE, &changes, &state);
              answer.outcome =
                  UpdateUnsafe(state, id, first, count, changes, old, context);
              CloseWriteUnsafe(state);
            });
      }));
  RV_RETURN_IF_ERROR(CheckFound(entity, answer));
  if (answer.found == Found::kSql) {
    return SqlUpdate(entity, id, conditions, changes, old, context);
  }
  return CheckOutcome(answer.outcome);
}

absl::StatusOr<Outcome> Delete(Entity entity, const char* what, Datum id,
                               absl::Span<const Condition> conditions) {
  RV_ASSIGN_OR_RETURN(const bool enrolled, IsEnrolled(entity));
  const Condition* first = conditions.data();
  const int count = static_cast<int>(conditions.size());
  RV_ASSIGN_OR_RETURN(
      const Answer answer, pg::PgCall([&] {
        RequireWritableUnsafe(what);
        return DirectUnsafe(
            entity, CMD_DELETE, enrolled,
            [&](const TableEntry& entry, Relation relation, Answer& answer) {
              if (!OidIsValid(entry.primary_key)) {
                answer.found = Found::kSql;
                return;
              }
              WriteState state;
              OpenWriteUnsafe(entry, relation, CMD_DELETE, nullptr, &state);
              answer.outcome = DeleteUnsafe(state, id, first, count);
              CloseWriteUnsafe(state);
            });
      }));
  RV_RETURN_IF_ERROR(CheckFound(entity, answer));
  if (answer.found == Found::kSql) return SqlDelete(entity, id, conditions);
  return CheckOutcome(answer.outcome);
}

}  // namespace ruvector::caliber
