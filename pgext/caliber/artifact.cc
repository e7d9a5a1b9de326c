// SQL: caliber_artifact_*.
#include "core/base/status_macros.h"
#include "pgext/bridge/arguments.h"
#include "pgext/caliber/functions.h"

namespace ruvector::caliber {
namespace {

namespace column = memory::artifact;
constexpr memory::Entity kEntity = memory::Entity::kArtifact;

absl::Status Complete(Fields& fields) {
  return HashContent(fields, column::kContent, column::kContentHash);
}

absl::StatusOr<ListRequest> ByType(FunctionCallInfo fcinfo) {
  RV_RETURN_IF_ERROR(ruvector::pg::RequireArgument(fcinfo, 0, "trajectory_id"));
  RV_RETURN_IF_ERROR(ruvector::pg::RequireArgument(fcinfo, 1, "artifact_type"));
  RV_RETURN_IF_ERROR(CheckValue(memory::SpecOf(kEntity).columns[column::kType],
                                "artifact_type", PG_GETARG_DATUM(1)));
  ListRequest request = ListBy(kEntity, column::kTrajectory, PG_GETARG_DATUM(0),
                               column::kCreatedAt, true);
  request.filters[1] = column::kType;
  request.keys[1] = PG_GETARG_DATUM(1);
  request.filter_count = 2;
  LeaveOutExpired(request, column::kTtl, column::kCreatedAt);
  return request;
}

absl::StatusOr<ListRequest> By(FunctionCallInfo fcinfo, int key,
                               const char* name) {
  RV_RETURN_IF_ERROR(ruvector::pg::RequireArgument(fcinfo, 0, name));
  ListRequest request =
      ListBy(kEntity, key, PG_GETARG_DATUM(0), column::kCreatedAt, true);
  LeaveOutExpired(request, column::kTtl, column::kCreatedAt);
  return request;
}

absl::StatusOr<ListRequest> ByScope(FunctionCallInfo fcinfo) {
  return By(fcinfo, column::kScope, "scope_id");
}

absl::StatusOr<ListRequest> ByTrajectory(FunctionCallInfo fcinfo) {
  return By(fcinfo, column::kTrajectory, "trajectory_id");
}

}  // namespace
}  // namespace ruvector::caliber

RV_CALIBER_READ(artifact, kArtifact)
RV_CALIBER_BULK(artifact, kArtifact, ruvector::caliber::Complete)

// (trajectory_id, scope_id, artifact_type, name, content, provenance, ttl,
// metadata) -> id
RV_SQL_FUNCTION(caliber_artifact_create) {
  using namespace ruvector::caliber;
  FieldArguments row(fcinfo, kEntity);
  RV_RETURN_IF_ERROR(row.NewRow());
  RV_RETURN_IF_ERROR(row.Required(0, column::kTrajectory, "trajectory_id"));
  RV_RETURN_IF_ERROR(row.Required(1, column::kScope, "scope_id"));
  RV_RETURN_IF_ERROR(row.Required(2, column::kType, "artifact_type"));
  RV_RETURN_IF_ERROR(row.Required(3, column::kName, "name"));
  RV_RETURN_IF_ERROR(row.Required(4, column::kContent, "content"));
  RV_RETURN_IF_ERROR(row.Optional(5, column::kProvenance, "provenance"));
  RV_RETURN_IF_ERROR(row.Optional(6, column::kTtl, "ttl"));
  RV_RETURN_IF_ERROR(row.Optional(7, column::kMetadata, "metadata"));
  RV_RETURN_IF_ERROR(Complete(row.fields));
  return CreateOne(fcinfo, kEntity, "caliber_artifact_create()", row.fields);
}

// (artifact_id, updates) -> bool
RV_SQL_FUNCTION(caliber_artifact_update) {
  using namespace ruvector::caliber;
  RV_RETURN_IF_ERROR(ruvector::pg::RequireArgument(fcinfo, 1, "updates"));
  RV_ASSIGN_OR_RETURN(Fields changes,
                      ParseUpdates(kEntity, PG_GETARG_DATUM(1)));
  RV_RETURN_IF_ERROR(Complete(changes));
  return UpdateById(fcinfo, kEntity, "caliber_artifact_update()", changes);
}

// (trajectory_id, artifact_type) -> jsonb
RV_SQL_FUNCTION(caliber_artifact_query_by_type) {
  using namespace ruvector::caliber;
  RV_ASSIGN_OR_RETURN(const ListRequest request, ByType(fcinfo));
  return ListJson(request);
}

// (trajectory_id, artifact_type, limit, offset) -> rows
RV_SQL_FUNCTION(caliber_artifact_rows_by_type) {
  using namespace ruvector::caliber;
  RV_ASSIGN_OR_RETURN(const ListRequest request, ByType(fcinfo));
  return ListRows(fcinfo, request, 2);
}

// (scope_id) -> jsonb
RV_SQL_FUNCTION(caliber_artifact_query_by_scope) {
  using namespace ruvector::caliber;
  RV_ASSIGN_OR_RETURN(const ListRequest request, ByScope(fcinfo));
  return ListJson(request);
}

// (scope_id, limit, offset) -> rows
RV_SQL_FUNCTION(caliber_artifact_rows_by_scope) {
  using namespace ruvector::caliber;
  RV_ASSIGN_OR_RETURN(const ListRequest request, ByScope(fcinfo));
  return ListRows(fcinfo, request, 1);
}

// (trajectory_id) -> jsonb
RV_SQL_FUNCTION(caliber_artifact_query_by_trajectory) {
  using namespace ruvector::caliber;
  RV_ASSIGN_OR_RETURN(const ListRequest request, ByTrajectory(fcinfo));
  return ListJson(request);
}

// (trajectory_id, limit, offset) -> rows
RV_SQL_FUNCTION(caliber_artifact_rows_by_trajectory) {
  using namespace ruvector::caliber;
  RV_ASSIGN_OR_RETURN(const ListRequest request, ByTrajectory(fcinfo));
  return ListRows(fcinfo, request, 1);
}
