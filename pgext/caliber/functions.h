// The functions that every entity has, behind their SQL names. [backend-main]
//
// RV_CALIBER_COMMON(trajectory, kTrajectory) defines the C functions
//
//   caliber_trajectory_get(id uuid) -> jsonb, NULL when there is none
//   caliber_trajectory_row(id uuid) -> caliber.trajectory, likewise
//   caliber_trajectory_delete(id uuid) -> boolean, false likewise
//   caliber_trajectory_create_many(rows caliber.trajectory[]) -> SETOF uuid
//   caliber_trajectory_get_many(ids uuid[]) -> SETOF caliber.trajectory
//
// An entity with other rules (a note counts who reads it) writes its own.
#ifndef RUVECTOR_PGEXT_CALIBER_FUNCTIONS_H_
#define RUVECTOR_PGEXT_CALIBER_FUNCTIONS_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/caliber/fields.h"
#include "pgext/caliber/store.h"

namespace ruvector::caliber {

absl::StatusOr<Datum> GetJson(FunctionCallInfo fcinfo, memory::Entity entity);
absl::StatusOr<Datum> GetRow(FunctionCallInfo fcinfo, memory::Entity entity);
absl::StatusOr<Datum> DeleteById(FunctionCallInfo fcinfo, memory::Entity entity,
                                 const char* what);
absl::StatusOr<Datum> GetManyRows(FunctionCallInfo fcinfo,
                                  memory::Entity entity);

// `complete`, if any, is given each row before it is stored, to compute what
// callers do not give.
using Completion = absl::Status (*)(Fields& fields);
absl::StatusOr<Datum> CreateManyRows(FunctionCallInfo fcinfo,
                                     memory::Entity entity, const char* what,
                                     Completion complete);

// Stores the row; its id, or NULL when a trigger kept it out.
absl::StatusOr<Datum> CreateOne(FunctionCallInfo fcinfo, memory::Entity entity,
                                const char* what, const Fields& fields);

// Whether the row was there, and as the conditions want it, and is changed.
absl::StatusOr<Datum> UpdateById(FunctionCallInfo fcinfo, memory::Entity entity,
                                 const char* what, const Fields& changes,
                                 absl::Span<const Condition> conditions = {});

// A list as one jsonb array, or as rows. The row form reads page_limit (NULL:
// all) and page_offset from the arguments `paging` and `paging` + 1: 22023 if
// negative.
absl::StatusOr<Datum> ListJson(const ListRequest& request);
absl::StatusOr<Datum> ListRows(FunctionCallInfo fcinfo, ListRequest request,
                               int paging);

// `index` as a count; `otherwise` when it is NULL; 22023 if negative.
absl::StatusOr<int64_t> PagingArgument(FunctionCallInfo fcinfo, int index,
                                       const char* name, int64_t otherwise);

// Rows where `column` equals `key`, by `order` and then by id.
ListRequest ListBy(memory::Entity entity, int column, Datum key, int order,
                   bool descending);
// Leaves out what the clock has ended (column ttl, from created_at on).
void LeaveOutExpired(ListRequest& request, int ttl, int created_at);

// The name of the primary key, which functions call their argument.
std::string_view KeyName(memory::Entity entity);

// SETOF uuid.
absl::Status AddId(FunctionCallInfo fcinfo, Datum id);

}  // namespace ruvector::caliber

#define RV_CALIBER_READ(name, entity)                                        \
  RV_SQL_FUNCTION(caliber_##name##_get) {                                    \
    return ::ruvector::caliber::GetJson(fcinfo,                              \
                                        ::ruvector::memory::Entity::entity); \
  }                                                                          \
  RV_SQL_FUNCTION(caliber_##name##_row) {                                    \
    return ::ruvector::caliber::GetRow(fcinfo,                               \
                                       ::ruvector::memory::Entity::entity);  \
  }

#define RV_CALIBER_BULK(name, entity, complete)                                \
  RV_SQL_FUNCTION(caliber_##name##_delete) {                                   \
    return ::ruvector::caliber::DeleteById(fcinfo,                             \
                                           ::ruvector::memory::Entity::entity, \
                                           "caliber_" #name "_delete()");      \
  }                                                                            \
  RV_SQL_FUNCTION(caliber_##name##_create_many) {                              \
    return ::ruvector::caliber::CreateManyRows(                                \
        fcinfo, ::ruvector::memory::Entity::entity,                            \
        "caliber_" #name "_create_many()", complete);                          \
  }                                                                            \
  RV_SQL_FUNCTION(caliber_##name##_get_many) {                                 \
    return ::ruvector::caliber::GetManyRows(                                   \
        fcinfo, ::ruvector::memory::Entity::entity);                           \
  }

#define RV_CALIBER_COMMON(name, entity) \
  RV_CALIBER_READ(name, entity)         \
  RV_CALIBER_BULK(name, entity, nullptr)

#endif  // RUVECTOR_PGEXT_CALIBER_FUNCTIONS_H_
