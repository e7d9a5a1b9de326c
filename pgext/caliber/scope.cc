// SQL: caliber_scope_*.
#include "core/base/status_macros.h"
#include "pgext/bridge/arguments.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/caliber/functions.h"
#include "pgext/caliber/output.h"

namespace ruvector::caliber {
namespace {

namespace column = memory::scope;
constexpr memory::Entity kEntity = memory::Entity::kScope;

absl::StatusOr<ListRequest> ByTrajectory(FunctionCallInfo fcinfo) {
  RV_RETURN_IF_ERROR(ruvector::pg::RequireArgument(fcinfo, 0, "trajectory_id"));
  return ListBy(kEntity, column::kTrajectory, PG_GETARG_DATUM(0),
                column::kCreatedAt, false);
}

// The active scope that was opened last.
absl::StatusOr<ListRequest> Current(FunctionCallInfo fcinfo) {
  RV_ASSIGN_OR_RETURN(ListRequest request, ByTrajectory(fcinfo));
  request.descending = true;
  request.limit = 1;
  request.conditions[request.condition_count++] = {Condition::Kind::kIsTrue,
                                                   column::kIsActive};
  return request;
}

}  // namespace
}  // namespace ruvector::caliber

RV_CALIBER_COMMON(scope, kScope)

// (trajectory_id, name, purpose, token_budget, parent_scope_id, metadata) -> id
RV_SQL_FUNCTION(caliber_scope_create) {
  using namespace ruvector::caliber;
  FieldArguments row(fcinfo, kEntity);
  RV_RETURN_IF_ERROR(row.NewRow());
  RV_RETURN_IF_ERROR(row.Required(0, column::kTrajectory, "trajectory_id"));
  RV_RETURN_IF_ERROR(row.Required(1, column::kName, "name"));
  RV_RETURN_IF_ERROR(row.Optional(2, column::kPurpose, "purpose"));
  RV_RETURN_IF_ERROR(row.Required(3, column::kTokenBudget, "token_budget"));
  RV_RETURN_IF_ERROR(row.Optional(4, column::kParent, "parent_scope_id"));
  RV_RETURN_IF_ERROR(row.Optional(5, column::kMetadata, "metadata"));
  return CreateOne(fcinfo, kEntity, "caliber_scope_create()", row.fields);
}

// (trajectory_id) -> jsonb
RV_SQL_FUNCTION(caliber_scope_get_current) {
  using namespace ruvector::caliber;
  RV_ASSIGN_OR_RETURN(const ListRequest request, Current(fcinfo));
  JsonSink sink;
  RV_RETURN_IF_ERROR(Begin(kEntity, &sink));
  RV_RETURN_IF_ERROR(Enumerate(request, OnJson, &sink));
  return sink.found ? sink.result : ruvector::pg::SqlNull(fcinfo);
}

// (trajectory_id) -> caliber.scope
RV_SQL_FUNCTION(caliber_scope_row_current) {
  using namespace ruvector::caliber;
  RV_ASSIGN_OR_RETURN(const ListRequest request, Current(fcinfo));
  CompositeSink sink;
  RV_RETURN_IF_ERROR(Begin(kEntity, &sink));
  RV_RETURN_IF_ERROR(Enumerate(request, OnComposite, &sink));
  RV_RETURN_IF_ERROR(ruvector::pg::PgCall([&] { End(&sink); }));
  return sink.found ? sink.result : ruvector::pg::SqlNull(fcinfo);
}

// (scope_id) -> bool
RV_SQL_FUNCTION(caliber_scope_close) {
  using namespace ruvector::caliber;
  Fields changes;
  changes.Set(column::kIsActive, BoolGetDatum(false));
  changes.Set(column::kClosedAt,
              TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()));
  return UpdateById(fcinfo, kEntity, "caliber_scope_close()", changes);
}

// (scope_id, tokens_used) -> bool
RV_SQL_FUNCTION(caliber_scope_update_tokens) {
  using namespace ruvector::caliber;
  FieldArguments row(fcinfo, kEntity);
  RV_RETURN_IF_ERROR(row.Required(1, column::kTokensUsed, "tokens_used"));
  return UpdateById(fcinfo, kEntity, "caliber_scope_update_tokens()",
                    row.fields);
}

// (scope_id, updates) -> bool
RV_SQL_FUNCTION(caliber_scope_update) {
  using namespace ruvector::caliber;
  RV_RETURN_IF_ERROR(ruvector::pg::RequireArgument(fcinfo, 1, "updates"));
  RV_ASSIGN_OR_RETURN(const Fields changes,
                      ParseUpdates(kEntity, PG_GETARG_DATUM(1)));
  return UpdateById(fcinfo, kEntity, "caliber_scope_update()", changes);
}

// (trajectory_id) -> jsonb
RV_SQL_FUNCTION(caliber_scope_list_by_trajectory) {
  using namespace ruvector::caliber;
  RV_ASSIGN_OR_RETURN(const ListRequest request, ByTrajectory(fcinfo));
  return ListJson(request);
}

// (trajectory_id, limit, offset) -> rows
RV_SQL_FUNCTION(caliber_scope_rows_by_trajectory) {
  using namespace ruvector::caliber;
  RV_ASSIGN_OR_RETURN(const ListRequest request, ByTrajectory(fcinfo));
  return ListRows(fcinfo, request, 1);
}
