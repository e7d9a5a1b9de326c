#include "pgext/caliber/functions.h"

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "pgext/bridge/arguments.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/caliber/output.h"
extern "C" {
#include "utils/tuplestore.h"
}

namespace ruvector::caliber {

using memory::Entity;

absl::StatusOr<int64_t> PagingArgument(FunctionCallInfo fcinfo, int index,
                                       const char* name, int64_t otherwise) {
  if (PG_ARGISNULL(index)) return otherwise;
  const int64_t value = PG_GETARG_INT32(index);
  if (value >= 0) return value;
  return pg::PgError(
      ERRCODE_INVALID_PARAMETER_VALUE,
      absl::StrCat("argument \"", name, "\" must not be negative"));
}

std::string_view KeyName(Entity entity) {
  return memory::SpecOf(entity).columns[0].name;
}

absl::StatusOr<Datum> GetJson(FunctionCallInfo fcinfo, Entity entity) {
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo, 0, KeyName(entity)));
  JsonSink sink;
  RV_RETURN_IF_ERROR(Begin(entity, &sink));
  RV_RETURN_IF_ERROR(Get(entity, PG_GETARG_DATUM(0), OnJson, &sink).status());
  return sink.found ? sink.result : pg::SqlNull(fcinfo);
}

absl::StatusOr<Datum> GetRow(FunctionCallInfo fcinfo, Entity entity) {
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo, 0, KeyName(entity)));
  CompositeSink sink;
  RV_RETURN_IF_ERROR(Begin(entity, &sink));
  RV_RETURN_IF_ERROR(
      Get(entity, PG_GETARG_DATUM(0), OnComposite, &sink).status());
  RV_RETURN_IF_ERROR(pg::PgCall([&] { End(&sink); }));
  return sink.found ? sink.result : pg::SqlNull(fcinfo);
}

absl::StatusOr<Datum> DeleteById(FunctionCallInfo fcinfo, Entity entity,
                                 const char* what) {
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo, 0, KeyName(entity)));
  RV_ASSIGN_OR_RETURN(const Outcome outcome,
                      Delete(entity, what, PG_GETARG_DATUM(0)));
  return BoolGetDatum(outcome == Outcome::kDone);
}

absl::StatusOr<Datum> GetManyRows(FunctionCallInfo fcinfo, Entity entity) {
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo, 0, "ids"));
  SetSink sink;
  RV_RETURN_IF_ERROR(Begin(fcinfo, entity, &sink));
  RV_RETURN_IF_ERROR(GetMany(entity, PG_GETARG_DATUM(0), OnSet, &sink));
  return pg::SqlNull(fcinfo);
}

absl::Status AddId(FunctionCallInfo fcinfo, Datum id) {
  auto* info = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  return pg::PgCall([&] {
    Datum value = id;
    bool null = false;
    tuplestore_putvalues(info->setResult, info->setDesc, &value, &null);
  });
}

absl::StatusOr<Datum> CreateManyRows(FunctionCallInfo fcinfo, Entity entity,
                                     const char* what, Completion complete) {
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo, 0, "rows"));
  RV_ASSIGN_OR_RETURN(std::vector<Fields> rows,
                      ParseRows(entity, PG_GETARG_DATUM(0), "rows"));
  if (complete != nullptr) {
    for (Fields& fields : rows) RV_RETURN_IF_ERROR(complete(fields));
  }
  RV_RETURN_IF_ERROR(pg::PgCall(
      [&] { InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC); }));
  RV_ASSIGN_OR_RETURN(const std::vector<bool> stored,
                      CreateMany(entity, what, rows));
  for (size_t i = 0; i < rows.size(); ++i) {
    if (stored[i]) RV_RETURN_IF_ERROR(AddId(fcinfo, rows[i].values[0]));
  }
  return pg::SqlNull(fcinfo);
}

absl::StatusOr<Datum> CreateOne(FunctionCallInfo fcinfo, Entity entity,
                                const char* what, const Fields& fields) {
  RV_ASSIGN_OR_RETURN(const bool stored, Create(entity, what, fields));
  return stored ? fields.values[0] : pg::SqlNull(fcinfo);
}

absl::StatusOr<Datum> UpdateById(FunctionCallInfo fcinfo, Entity entity,
                                 const char* what, const Fields& changes,
                                 absl::Span<const Condition> conditions) {
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo, 0, KeyName(entity)));
  RV_ASSIGN_OR_RETURN(
      const Outcome outcome,
      Update(entity, what, PG_GETARG_DATUM(0), conditions, changes));
  return BoolGetDatum(outcome == Outcome::kDone);
}

absl::StatusOr<Datum> ListJson(const ListRequest& request) {
  JsonArraySink sink;
  RV_RETURN_IF_ERROR(Begin(request.entity, &sink));
  RV_RETURN_IF_ERROR(Enumerate(request, OnJsonArray, &sink));
  return End(&sink);
}

absl::StatusOr<Datum> ListRows(FunctionCallInfo fcinfo, ListRequest request,
                               int paging) {
  RV_ASSIGN_OR_RETURN(request.limit,
                      PagingArgument(fcinfo, paging, "page_limit", -1));
  RV_ASSIGN_OR_RETURN(request.offset,
                      PagingArgument(fcinfo, paging + 1, "page_offset", 0));
  SetSink sink;
  RV_RETURN_IF_ERROR(Begin(fcinfo, request.entity, &sink));
  RV_RETURN_IF_ERROR(Enumerate(request, OnSet, &sink));
  return pg::SqlNull(fcinfo);
}

ListRequest ListBy(Entity entity, int column, Datum key, int order,
                   bool descending) {
  ListRequest request{};
  request.entity = entity;
  request.filters[0] = column;
  request.keys[0] = key;
  request.filter_count = 1;
  request.order[0] = order;
  request.order[1] = 0;
  request.order_count = 2;
  request.descending = descending;
  request.limit = -1;
  return request;
}

void LeaveOutExpired(ListRequest& request, int ttl, int created_at) {
  Condition condition{Condition::Kind::kNotExpired, ttl};
  condition.other = created_at;
  condition.now_us = GetCurrentTimestamp();
  request.conditions[request.condition_count++] = condition;
}

}  // namespace ruvector::caliber
