// PostgreSQL's error fields inside an absl::Status. [backend-main]
//
// The message is the Status's; SQLSTATE, DETAIL, HINT, CONTEXT and the names of
// the object that the error is about ride as payloads, so that an ERROR crosses
// the wall both ways without losing one.
#ifndef RUVECTOR_PGEXT_BRIDGE_PG_STATUS_H_
#define RUVECTOR_PGEXT_BRIDGE_PG_STATUS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace ruvector::pg {

// A failed Status that SqlEntry will raise with this SQLSTATE (as of
// MAKE_SQLSTATE). `detail` and `hint` may be empty.
absl::Status PgError(int sqlstate, std::string_view message,
                     std::string_view detail = {}, std::string_view hint = {});

// The same Status with a DETAIL or HINT where it has none.
absl::Status WithDetail(absl::Status status, std::string_view detail);
absl::Status WithHint(absl::Status status, std::string_view hint);

// The SQLSTATE to raise: the payload's, else the one of the absl code (see
// the table in pg_status.cc).
int SqlStateOf(const absl::Status& status);
std::string DetailOf(const absl::Status& status);
std::string HintOf(const absl::Status& status);
std::string ContextOf(const absl::Status& status);

// The fields by which clients tell one constraint from another; empty where the
// error has none.
struct ErrorObject {
  std::string schema;
  std::string table;
  std::string column;
  std::string datatype;
  std::string constraint;
};
ErrorObject ObjectOf(const absl::Status& status);
void SetObject(absl::Status& status, const ErrorObject& object);

// The absl code closest to a SQLSTATE.
absl::StatusCode CodeOfSqlState(int sqlstate);

namespace internal {
absl::Status StatusFromFields(int sqlstate, const char* message,
                              const char* detail, const char* hint,
                              const char* context);
}  // namespace internal

}  // namespace ruvector::pg

#endif  // RUVECTOR_PGEXT_BRIDGE_PG_STATUS_H_
