// Rows as the result of a SQL function. [backend-main]
#ifndef RUVECTOR_PGEXT_BRIDGE_RESULT_SET_H_
#define RUVECTOR_PGEXT_BRIDGE_RESULT_SET_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pgext/bridge/pg.h"

namespace ruvector::pg {

// The columns of one row, in order; texts are given to the column type's
// input function, so that a row type may have any types.
class RowBuilder {
 public:
  void Bool(bool value) { values_.emplace_back(value ? "t" : "f"); }
  void Int(int64_t value) { values_.emplace_back(std::to_string(value)); }
  void OptionalInt(std::optional<int64_t> value);
  void OptionalReal(std::optional<double> value);
  void Text(std::string_view value) {
    values_.emplace_back(std::string(value));
  }
  void OptionalText(std::optional<std::string> value) {
    values_.push_back(std::move(value));
  }

  // The row as the function's composite result.
  absl::StatusOr<Datum> Finish(FunctionCallInfo fcinfo) const;

  const std::vector<std::optional<std::string>>& values() const {
    return values_;
  }

 private:
  std::vector<std::optional<std::string>> values_;
};

// A set-returning function in materialise mode.
class RowSet {
 public:
  absl::Status Begin(FunctionCallInfo fcinfo);
  absl::Status Add(const RowBuilder& row);

 private:
  ReturnSetInfo* info_ = nullptr;
};

// The same for SETOF text.
class TextRows {
 public:
  absl::Status Begin(FunctionCallInfo fcinfo) { return rows_.Begin(fcinfo); }
  absl::Status Add(std::string_view line) {
    RowBuilder row;
    row.Text(line);
    return rows_.Add(row);
  }

 private:
  RowSet rows_;
};

}  // namespace ruvector::pg

#endif  // RUVECTOR_PGEXT_BRIDGE_RESULT_SET_H_
