// SQL: caliber_note_*.
//
// Who reads a note counts: access_count and accessed_at of every note that a
// get or a query returns, which shows them as they were before. peek and
// get_many do not count.
#include <algorithm>
#include <cstring>

#include "core/base/status_macros.h"
#include "pgext/bridge/arguments.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/caliber/functions.h"
#include "pgext/caliber/heap/sql_path.h"
#include "pgext/caliber/output.h"
extern "C" {
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/uuid.h"
}

namespace ruvector::caliber {
namespace {

namespace column = memory::note;
constexpr memory::Entity kEntity = memory::Entity::kNote;

absl::Status Complete(Fields& fields) {
  return HashContent(fields, column::kContent, column::kContentHash);
}

// Gives the sink the note as it is, and counts.
absl::Status Access(const char* what, Datum id, RowSink sink, void* context) {
  Fields changes;
  changes.SetPlusOne(column::kAccessCount);
  changes.Set(column::kAccessedAt,
              TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()));
  return Update(kEntity, what, id, {}, changes, sink, context).status();
}

// The ids that a query found, in its order.
struct IdList {
  static constexpr int kFirst = 64;
  MemoryContext memory;
  Datum* ids;
  int count;
  int room;
  int64_t now_us;
};

void OnCandidate(void* context, const Row& row) {
  auto* list = static_cast<IdList*>(context);
  // note_id, ttl, created_at
  Row whole;
  for (bool& null : whole.nulls) null = true;
  whole.values[column::kTtl] = row.values[1];
  whole.nulls[column::kTtl] = row.nulls[1];
  whole.values[column::kCreatedAt] = row.values[2];
  whole.nulls[column::kCreatedAt] = row.nulls[2];
  Condition alive{Condition::Kind::kNotExpired, column::kTtl};
  alive.other = column::kCreatedAt;
  alive.now_us = list->now_us;
  if (row.nulls[0] || !HoldsUnsafe(kEntity, alive, whole)) return;
  MemoryContext before = MemoryContextSwitchTo(list->memory);
  if (list->count == list->room) {
    list->room = list->room == 0 ? IdList::kFirst : 2 * list->room;
    const Size size = sizeof(Datum) * list->room;
    list->ids = static_cast<Datum*>(
        list->ids == nullptr ? palloc(size) : repalloc(list->ids, size));
  }
  list->ids[list->count++] = datumCopy(row.values[0], false, UUID_LEN);
  MemoryContextSwitchTo(before);
}

absl::Status FindByTrajectory(Datum trajectory, IdList* list) {
  *list = {CurrentMemoryContext, nullptr, 0, 0, GetCurrentTimestamp()};
  RV_RETURN_IF_ERROR(RequireInitialised());
  // Through the GIN index: the executor's bitmaps serve it best.
  return SqlRun(
             "SELECT note_id, ttl, created_at FROM caliber.caliber_note"
             " WHERE source_trajectory_ids OPERATOR(pg_catalog.@>)"
             " ARRAY[$1] ORDER BY created_at DESC, note_id DESC",
             {{UUIDOID, trajectory}}, 3, OnCandidate, list)
      .status();
}

struct Found {
  Row row;
  bool any;
  MemoryContext memory;
};

// Keeps a copy of the row, whole.
void OnFound(void* context, const Row& row) {
  auto* found = static_cast<Found*>(context);
  const memory::EntitySpec& spec = memory::SpecOf(kEntity);
  MemoryContext before = MemoryContextSwitchTo(found->memory);
  found->row = row;
  found->any = true;
  for (size_t i = 0; i < spec.columns.size(); ++i) {
    const memory::ColumnType type = spec.columns[i].type;
    if (row.nulls[i] || type == memory::ColumnType::kInt ||
        type == memory::ColumnType::kBool ||
        type == memory::ColumnType::kTime) {
      continue;
    }
    found->row.values[i] =
        datumCopy(row.values[i], false,
                  type == memory::ColumnType::kUuid ? UUID_LEN : -1);
  }
  MemoryContextSwitchTo(before);
}

// Counts the notes from `first` on, `count` of them, and gives them to the
// sink in their order. They are locked in the order of their ids: two queries
// that meet cannot wait for each other in a circle.
absl::Status AccessInOrder(const IdList& list, int first, int count,
                           const char* what, RowSink sink, void* context) {
  std::vector<int> by_id(count);
  for (int i = 0; i < count; ++i) by_id[i] = first + i;
  std::sort(by_id.begin(), by_id.end(), [&](int a, int b) {
    return std::memcmp(DatumGetPointer(list.ids[a]),
                       DatumGetPointer(list.ids[b]), UUID_LEN) < 0;
  });
  std::vector<Found> rows(count, Found{{}, false, CurrentMemoryContext});
  for (const int i : by_id) {
    RV_RETURN_IF_ERROR(Access(what, list.ids[i], OnFound, &rows[i - first]));
  }
  for (const Found& found : rows) {
    if (!found.any) continue;  // deleted meanwhile
    RV_RETURN_IF_ERROR(ruvector::pg::PgCall([&] { sink(context, found.row); }));
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace ruvector::caliber

RV_CALIBER_BULK(note, kNote, ruvector::caliber::Complete)

// (note_id) -> jsonb
RV_SQL_FUNCTION(caliber_note_get) {
  using namespace ruvector::caliber;
  RV_RETURN_IF_ERROR(ruvector::pg::RequireArgument(fcinfo, 0, "note_id"));
  JsonSink sink;
  RV_RETURN_IF_ERROR(Begin(kEntity, &sink));
  RV_RETURN_IF_ERROR(
      Access("caliber_note_get()", PG_GETARG_DATUM(0), OnJson, &sink));
  return sink.found ? sink.result : ruvector::pg::SqlNull(fcinfo);
}

// (note_id) -> caliber.note
RV_SQL_FUNCTION(caliber_note_row) {
  using namespace ruvector::caliber;
  RV_RETURN_IF_ERROR(ruvector::pg::RequireArgument(fcinfo, 0, "note_id"));
  CompositeSink sink;
  RV_RETURN_IF_ERROR(Begin(kEntity, &sink));
  RV_RETURN_IF_ERROR(
      Access("caliber_note_row()", PG_GETARG_DATUM(0), OnComposite, &sink));
  RV_RETURN_IF_ERROR(ruvector::pg::PgCall([&] { End(&sink); }));
  return sink.found ? sink.result : ruvector::pg::SqlNull(fcinfo);
}

// (note_id) -> caliber.note
RV_SQL_FUNCTION(caliber_note_peek) {
  return ruvector::caliber::GetRow(fcinfo, ruvector::caliber::kEntity);
}

// (note_type, title, content, source_trajectory_id, source_artifact_ids, ttl,
// metadata) -> id
RV_SQL_FUNCTION(caliber_note_create) {
  using namespace ruvector::caliber;
  FieldArguments row(fcinfo, kEntity);
  RV_RETURN_IF_ERROR(row.NewRow());
  RV_RETURN_IF_ERROR(row.Required(0, column::kType, "note_type"));
  RV_RETURN_IF_ERROR(row.Required(1, column::kTitle, "title"));
  RV_RETURN_IF_ERROR(row.Required(2, column::kContent, "content"));
  if (!PG_ARGISNULL(3)) {
    RV_ASSIGN_OR_RETURN(const Datum sources, ruvector::pg::PgCall([&] {
                          Datum id = PG_GETARG_DATUM(3);
                          return PointerGetDatum(construct_array(
                              &id, 1, UUIDOID, UUID_LEN, false, 'c'));
                        }));
    row.fields.Set(column::kSourceTrajectories, sources);
  }
  RV_RETURN_IF_ERROR(
      row.Optional(4, column::kSourceArtifacts, "source_artifact_ids"));
  RV_RETURN_IF_ERROR(row.Optional(5, column::kTtl, "ttl"));
  RV_RETURN_IF_ERROR(row.Optional(6, column::kMetadata, "metadata"));
  RV_RETURN_IF_ERROR(Complete(row.fields));
  return CreateOne(fcinfo, kEntity, "caliber_note_create()", row.fields);
}

// (note_id, updates) -> bool
RV_SQL_FUNCTION(caliber_note_update) {
  using namespace ruvector::caliber;
  RV_RETURN_IF_ERROR(ruvector::pg::RequireArgument(fcinfo, 1, "updates"));
  RV_ASSIGN_OR_RETURN(Fields changes,
                      ParseUpdates(kEntity, PG_GETARG_DATUM(1)));
  RV_RETURN_IF_ERROR(Complete(changes));
  return UpdateById(fcinfo, kEntity, "caliber_note_update()", changes);
}

// (trajectory_id) -> jsonb
RV_SQL_FUNCTION(caliber_note_query_by_trajectory) {
  using namespace ruvector::caliber;
  RV_RETURN_IF_ERROR(ruvector::pg::RequireArgument(fcinfo, 0, "trajectory_id"));
  IdList list;
  RV_RETURN_IF_ERROR(FindByTrajectory(PG_GETARG_DATUM(0), &list));
  JsonArraySink sink;
  RV_RETURN_IF_ERROR(Begin(kEntity, &sink));
  RV_RETURN_IF_ERROR(AccessInOrder(list, 0, list.count,
                                   "caliber_note_query_by_trajectory()",
                                   OnJsonArray, &sink));
  return End(&sink);
}

// (trajectory_id, limit, offset) -> rows
RV_SQL_FUNCTION(caliber_note_rows_by_trajectory) {
  using namespace ruvector::caliber;
  RV_RETURN_IF_ERROR(ruvector::pg::RequireArgument(fcinfo, 0, "trajectory_id"));
  RV_ASSIGN_OR_RETURN(const int64_t limit,
                      PagingArgument(fcinfo, 1, "page_limit", -1));
  RV_ASSIGN_OR_RETURN(const int64_t offset,
                      PagingArgument(fcinfo, 2, "page_offset", 0));
  IdList list;
  RV_RETURN_IF_ERROR(FindByTrajectory(PG_GETARG_DATUM(0), &list));
  const int64_t first = std::min<int64_t>(offset, list.count);
  const int64_t rest = list.count - first;
  const int64_t count = limit < 0 ? rest : std::min(limit, rest);
  SetSink sink;
  RV_RETURN_IF_ERROR(Begin(fcinfo, kEntity, &sink));
  RV_RETURN_IF_ERROR(
      AccessInOrder(list, static_cast<int>(first), static_cast<int>(count),
                    "caliber_note_rows_by_trajectory()", OnSet, &sink));
  return ruvector::pg::SqlNull(fcinfo);
}
