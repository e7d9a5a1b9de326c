#include "pgext/bridge/sql_entry.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <string_view>

#include "pgext/bridge/pg_status.h"

namespace ruvector::pg::internal {
namespace {

template <size_t N>
void Store(char (&out)[N], std::string_view text) {
  static_assert(N > 4);
  size_t n = std::min(text.size(), N - 1);
  if (n < text.size()) {
    n = N - 4;
    // Do not cut a UTF-8 character in two.
    while (n > 0 && (static_cast<unsigned char>(text[n]) & 0xc0) == 0x80) --n;
  }
  std::memcpy(out, text.data(), n);
  std::memcpy(out + n, n < text.size() ? "..." : "", n < text.size() ? 4 : 1);
}

void Fill(ErrorReport& report, const absl::Status& status) {
  report.sqlstate = SqlStateOf(status);
  Store(report.message,
        std::string_view(status.message().data(), status.message().size()));
  Store(report.detail, DetailOf(status));
  Store(report.hint, HintOf(status));
  const ErrorObject object = ObjectOf(status);
  Store(report.schema, object.schema);
  Store(report.table, object.table);
  Store(report.column, object.column);
  Store(report.datatype, object.datatype);
  Store(report.constraint, object.constraint);
}

void FillException(ErrorReport& report, const char* what) noexcept {
  report.sqlstate = ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
  Store(report.message, "unexpected C++ exception");
  Store(report.detail, what);
  Store(report.hint, "");
  for (char* name : {report.schema, report.table, report.column,
                     report.datatype, report.constraint}) {
    *name = '\0';
  }
}

int SetName(int field, const char* name) {
  return *name != '\0' ? err_generic_string(field, name) : 0;
}

}  // namespace

bool RunSqlBody(SqlBody body, FunctionCallInfo fcinfo, Datum& result,
                ErrorReport& report) noexcept {
  try {
    const absl::StatusOr<Datum> answer = body(fcinfo);
    if (answer.ok()) {
      result = *answer;
      return true;
    }
    Fill(report, answer.status());
  } catch (const std::exception& e) {
    FillException(report, e.what());
  } catch (...) {
    FillException(report, "not a std::exception");
  }
  return false;
}

bool RunStatusBody(StatusBody body, void* argument,
                   ErrorReport& report) noexcept {
  try {
    const absl::Status status = body(argument);
    if (status.ok()) return true;
    Fill(report, status);
  } catch (const std::exception& e) {
    FillException(report, e.what());
  } catch (...) {
    FillException(report, "not a std::exception");
  }
  return false;
}

void Raise(const ErrorReport& report) {
  ereport(ERROR, (errcode(report.sqlstate), errmsg("%s", report.message),
                  report.detail[0] != '\0' ? errdetail("%s", report.detail) : 0,
                  report.hint[0] != '\0' ? errhint("%s", report.hint) : 0,
                  SetName(PG_DIAG_SCHEMA_NAME, report.schema),
                  SetName(PG_DIAG_TABLE_NAME, report.table),
                  SetName(PG_DIAG_COLUMN_NAME, report.column),
                  SetName(PG_DIAG_DATATYPE_NAME, report.datatype),
                  SetName(PG_DIAG_CONSTRAINT_NAME, report.constraint)));
  pg_unreachable();
}

void Log(int level, const ErrorReport& report) {
  Assert(level < ERROR);
  ereport(level, (errcode(report.sqlstate), errmsg("%s", report.message),
                  report.detail[0] != '\0' ? errdetail("%s", report.detail) : 0,
                  report.hint[0] != '\0' ? errhint("%s", report.hint) : 0));
}

}  // namespace ruvector::pg::internal
