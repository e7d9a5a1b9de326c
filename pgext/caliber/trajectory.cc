// SQL: caliber_trajectory_*.
#include "core/base/status_macros.h"
#include "pgext/bridge/arguments.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/caliber/functions.h"
#include "pgext/caliber/output.h"
extern "C" {
#include "utils/datum.h"
#include "utils/uuid.h"
}

namespace ruvector::caliber {
namespace {

namespace column = memory::trajectory;
constexpr memory::Entity kEntity = memory::Entity::kTrajectory;

// A trajectory that ends has the time of it; one that goes on again has none.
absl::Status StampCompletion(Fields& changes) {
  if (changes.states[column::kStatus] != Fields::State::kValue ||
      changes.Has(column::kCompletedAt)) {
    return absl::OkStatus();
  }
  RV_ASSIGN_OR_RETURN(const std::string status,
                      TextOf(changes.values[column::kStatus]));
  if (status == "completed" || status == "failed") {
    changes.Set(column::kCompletedAt,
                TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()));
  } else {
    changes.SetNull(column::kCompletedAt);
  }
  return absl::OkStatus();
}

struct RootSink {
  MemoryContext memory;
  Datum root;
};

void OnParent(void* context, const Row& row) {
  auto* sink = static_cast<RootSink*>(context);
  const int from = row.nulls[column::kRoot] ? column::kId : column::kRoot;
  MemoryContext before = MemoryContextSwitchTo(sink->memory);
  sink->root = datumCopy(row.values[from], false, UUID_LEN);
  MemoryContextSwitchTo(before);
}

// The root of a child is its parent's, or the parent itself.
absl::Status SetRoot(Fields& fields) {
  if (!fields.Has(column::kParent) || fields.Has(column::kRoot)) {
    return absl::OkStatus();
  }
  RootSink sink{CurrentMemoryContext, Datum{0}};
  RV_ASSIGN_OR_RETURN(
      const bool found,
      Get(kEntity, fields.values[column::kParent], OnParent, &sink));
  // Without a parent the foreign key refuses the row.
  if (found) fields.Set(column::kRoot, sink.root);
  return absl::OkStatus();
}

absl::StatusOr<ListRequest> ByStatus(FunctionCallInfo fcinfo) {
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo, 0, "status"));
  RV_RETURN_IF_ERROR(
      CheckValue(memory::SpecOf(kEntity).columns[column::kStatus], "status",
                 PG_GETARG_DATUM(0)));
  return ListBy(kEntity, column::kStatus, PG_GETARG_DATUM(0),
                column::kCreatedAt, true);
}

absl::StatusOr<ListRequest> Children(FunctionCallInfo fcinfo) {
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo, 0, "trajectory_id"));
  return ListBy(kEntity, column::kParent, PG_GETARG_DATUM(0),
                column::kCreatedAt, false);
}

}  // namespace
}  // namespace ruvector::caliber

RV_CALIBER_COMMON(trajectory, kTrajectory)

// (name, description, agent_id, parent_trajectory_id, metadata) -> id
RV_SQL_FUNCTION(caliber_trajectory_create) {
  using namespace ruvector::caliber;
  FieldArguments row(fcinfo, kEntity);
  RV_RETURN_IF_ERROR(row.NewRow());
  RV_RETURN_IF_ERROR(row.Required(0, column::kName, "name"));
  RV_RETURN_IF_ERROR(row.Optional(1, column::kDescription, "description"));
  RV_RETURN_IF_ERROR(row.Optional(2, column::kAgent, "agent_id"));
  RV_RETURN_IF_ERROR(row.Optional(3, column::kParent, "parent_trajectory_id"));
  RV_RETURN_IF_ERROR(row.Optional(4, column::kMetadata, "metadata"));
  RV_RETURN_IF_ERROR(SetRoot(row.fields));
  return CreateOne(fcinfo, kEntity, "caliber_trajectory_create()", row.fields);
}

// (trajectory_id, status) -> bool
RV_SQL_FUNCTION(caliber_trajectory_set_status) {
  using namespace ruvector::caliber;
  FieldArguments row(fcinfo, kEntity);
  RV_RETURN_IF_ERROR(row.Required(1, column::kStatus, "status"));
  RV_RETURN_IF_ERROR(StampCompletion(row.fields));
  return UpdateById(fcinfo, kEntity, "caliber_trajectory_set_status()",
                    row.fields);
}

// (trajectory_id, updates) -> bool
RV_SQL_FUNCTION(caliber_trajectory_update) {
  using namespace ruvector::caliber;
  RV_RETURN_IF_ERROR(ruvector::pg::RequireArgument(fcinfo, 1, "updates"));
  RV_ASSIGN_OR_RETURN(Fields changes,
                      ParseUpdates(kEntity, PG_GETARG_DATUM(1)));
  RV_RETURN_IF_ERROR(StampCompletion(changes));
  return UpdateById(fcinfo, kEntity, "caliber_trajectory_update()", changes);
}

// (status) -> jsonb
RV_SQL_FUNCTION(caliber_trajectory_list_by_status) {
  using namespace ruvector::caliber;
  RV_ASSIGN_OR_RETURN(const ListRequest request, ByStatus(fcinfo));
  return ListJson(request);
}

// (status, limit, offset) -> rows
RV_SQL_FUNCTION(caliber_trajectory_rows_by_status) {
  using namespace ruvector::caliber;
  RV_ASSIGN_OR_RETURN(const ListRequest request, ByStatus(fcinfo));
  return ListRows(fcinfo, request, 1);
}

// (trajectory_id) -> jsonb
RV_SQL_FUNCTION(caliber_trajectory_list_children) {
  using namespace ruvector::caliber;
  RV_ASSIGN_OR_RETURN(const ListRequest request, Children(fcinfo));
  return ListJson(request);
}

// (trajectory_id, limit, offset) -> rows
RV_SQL_FUNCTION(caliber_trajectory_rows_of_children) {
  using namespace ruvector::caliber;
  RV_ASSIGN_OR_RETURN(const ListRequest request, Children(fcinfo));
  return ListRows(fcinfo, request, 1);
}
