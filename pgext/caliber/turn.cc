// SQL: caliber_turn_*.
#include "core/base/status_macros.h"
#include "pgext/bridge/arguments.h"
#include "pgext/caliber/functions.h"

namespace ruvector::caliber {
namespace {

namespace column = memory::turn;
constexpr memory::Entity kEntity = memory::Entity::kTurn;

absl::StatusOr<ListRequest> ByScope(FunctionCallInfo fcinfo) {
  RV_RETURN_IF_ERROR(ruvector::pg::RequireArgument(fcinfo, 0, "scope_id"));
  ListRequest request = ListBy(kEntity, column::kScope, PG_GETARG_DATUM(0),
                               column::kSequence, false);
  request.order_count = 1;  // unique within the scope
  return request;
}

}  // namespace
}  // namespace ruvector::caliber

RV_CALIBER_COMMON(turn, kTurn)

// (scope_id, sequence, role, content, token_count, tool_calls, tool_results,
// metadata) -> id
RV_SQL_FUNCTION(caliber_turn_create) {
  using namespace ruvector::caliber;
  FieldArguments row(fcinfo, kEntity);
  RV_RETURN_IF_ERROR(row.NewRow());
  RV_RETURN_IF_ERROR(row.Required(0, column::kScope, "scope_id"));
  RV_RETURN_IF_ERROR(row.Required(1, column::kSequence, "sequence"));
  RV_RETURN_IF_ERROR(row.Required(2, column::kRole, "role"));
  RV_RETURN_IF_ERROR(row.Required(3, column::kContent, "content"));
  RV_RETURN_IF_ERROR(row.Required(4, column::kTokenCount, "token_count"));
  RV_RETURN_IF_ERROR(row.Optional(5, column::kToolCalls, "tool_calls"));
  RV_RETURN_IF_ERROR(row.Optional(6, column::kToolResults, "tool_results"));
  RV_RETURN_IF_ERROR(row.Optional(7, column::kMetadata, "metadata"));
  return CreateOne(fcinfo, kEntity, "caliber_turn_create()", row.fields);
}

// (scope_id) -> jsonb
RV_SQL_FUNCTION(caliber_turn_get_by_scope) {
  using namespace ruvector::caliber;
  RV_ASSIGN_OR_RETURN(const ListRequest request, ByScope(fcinfo));
  return ListJson(request);
}

// (scope_id, limit, offset) -> rows
RV_SQL_FUNCTION(caliber_turn_rows_by_scope) {
  using namespace ruvector::caliber;
  RV_ASSIGN_OR_RETURN(const ListRequest request, ByScope(fcinfo));
  return ListRows(fcinfo, request, 1);
}
