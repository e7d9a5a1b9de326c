#include "pgext/bridge/pg_status.h"

#include <cstring>

#include "absl/strings/cord.h"
#include "core/base/hint.h"
#include "pgext/bridge/pg.h"

namespace ruvector::pg {
namespace {

constexpr char kSqlState[] = "ruvector/sqlstate";
constexpr char kDetail[] = "ruvector/detail";
constexpr char kContext[] = "ruvector/context";
constexpr char kSchema[] = "ruvector/schema";
constexpr char kTable[] = "ruvector/table";
constexpr char kColumn[] = "ruvector/column";
constexpr char kDatatype[] = "ruvector/datatype";
constexpr char kConstraint[] = "ruvector/constraint";

struct CodePair {
  absl::StatusCode code;
  int sqlstate;
};

// The first row of a code is the SQLSTATE it raises; every row maps back.
constexpr CodePair kCodes[] = {
    {absl::StatusCode::kInvalidArgument, ERRCODE_INVALID_PARAMETER_VALUE},
    {absl::StatusCode::kInvalidArgument, ERRCODE_NULL_VALUE_NOT_ALLOWED},
    {absl::StatusCode::kOutOfRange, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE},
    {absl::StatusCode::kNotFound, ERRCODE_UNDEFINED_OBJECT},
    {absl::StatusCode::kNotFound, ERRCODE_UNDEFINED_TABLE},
    {absl::StatusCode::kAlreadyExists, ERRCODE_DUPLICATE_OBJECT},
    {absl::StatusCode::kAlreadyExists, ERRCODE_UNIQUE_VIOLATION},
    {absl::StatusCode::kPermissionDenied, ERRCODE_INSUFFICIENT_PRIVILEGE},
    {absl::StatusCode::kUnauthenticated,
     ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION},
    {absl::StatusCode::kResourceExhausted,
     ERRCODE_CONFIGURATION_LIMIT_EXCEEDED},
    {absl::StatusCode::kResourceExhausted, ERRCODE_OUT_OF_MEMORY},
    {absl::StatusCode::kFailedPrecondition,
     ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE},
    {absl::StatusCode::kFailedPrecondition, ERRCODE_READ_ONLY_SQL_TRANSACTION},
    {absl::StatusCode::kAborted, ERRCODE_T_R_SERIALIZATION_FAILURE},
    {absl::StatusCode::kUnimplemented, ERRCODE_FEATURE_NOT_SUPPORTED},
    {absl::StatusCode::kUnavailable, ERRCODE_LOCK_NOT_AVAILABLE},
    {absl::StatusCode::kDeadlineExceeded, ERRCODE_QUERY_CANCELED},
    {absl::StatusCode::kCancelled, ERRCODE_QUERY_CANCELED},
    {absl::StatusCode::kDataLoss, ERRCODE_DATA_CORRUPTED},
    {absl::StatusCode::kInternal, ERRCODE_INTERNAL_ERROR},
    {absl::StatusCode::kUnknown, ERRCODE_EXTERNAL_ROUTINE_EXCEPTION},
};

std::string PayloadOf(const absl::Status& status, const char* url) {
  const auto payload = status.GetPayload(url);
  return payload.has_value() ? std::string(*payload) : std::string();
}

void Attach(absl::Status& status, const char* url, std::string_view text) {
  if (text.empty()) return;
  status.SetPayload(url,
                    absl::Cord(absl::string_view(text.data(), text.size())));
}

}  // namespace

absl::StatusCode CodeOfSqlState(int sqlstate) {
  for (const CodePair& pair : kCodes) {
    if (pair.sqlstate == sqlstate) return pair.code;
  }
  return absl::StatusCode::kUnknown;
}

absl::Status PgError(int sqlstate, std::string_view message,
                     std::string_view detail, std::string_view hint) {
  absl::Status status(CodeOfSqlState(sqlstate),
                      absl::string_view(message.data(), message.size()));
  status.SetPayload(kSqlState, absl::Cord(absl::string_view(
                                   reinterpret_cast<const char*>(&sqlstate),
                                   sizeof(sqlstate))));
  Attach(status, kDetail, detail);
  Attach(status, kHintPayload, hint);
  return status;
}

absl::Status WithDetail(absl::Status status, std::string_view detail) {
  if (!status.ok() && DetailOf(status).empty()) Attach(status, kDetail, detail);
  return status;
}

absl::Status WithHint(absl::Status status, std::string_view hint) {
  if (!status.ok() && HintOf(status).empty())
    Attach(status, kHintPayload, hint);
  return status;
}

int SqlStateOf(const absl::Status& status) {
  const std::string payload = PayloadOf(status, kSqlState);
  int sqlstate = 0;
  if (payload.size() == sizeof(sqlstate)) {
    std::memcpy(&sqlstate, payload.data(), sizeof(sqlstate));
    return sqlstate;
  }
  for (const CodePair& pair : kCodes) {
    if (pair.code == status.code()) return pair.sqlstate;
  }
  return ERRCODE_INTERNAL_ERROR;
}

std::string DetailOf(const absl::Status& status) {
  return PayloadOf(status, kDetail);
}
std::string HintOf(const absl::Status& status) {
  return PayloadOf(status, kHintPayload);
}
std::string ContextOf(const absl::Status& status) {
  return PayloadOf(status, kContext);
}

ErrorObject ObjectOf(const absl::Status& status) {
  return {PayloadOf(status, kSchema), PayloadOf(status, kTable),
          PayloadOf(status, kColumn), PayloadOf(status, kDatatype),
          PayloadOf(status, kConstraint)};
}

void SetObject(absl::Status& status, const ErrorObject& object) {
  if (status.ok()) return;
  Attach(status, kSchema, object.schema);
  Attach(status, kTable, object.table);
  Attach(status, kColumn, object.column);
  Attach(status, kDatatype, object.datatype);
  Attach(status, kConstraint, object.constraint);
}

namespace internal {

absl::Status StatusFromFields(int sqlstate, const char* message,
                              const char* detail, const char* hint,
                              const char* context) {
  absl::Status status =
      PgError(sqlstate, message != nullptr ? message : "unknown error",
              detail != nullptr ? detail : "", hint != nullptr ? hint : "");
  Attach(status, kContext, context != nullptr ? context : "");
  return status;
}

}  // namespace internal
}  // namespace ruvector::pg
