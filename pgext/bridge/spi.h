// SQL through SPI, for cold places. [backend-main]
//
//   SpiSession spi;
//   RV_RETURN_IF_ERROR(spi.Connect());
//   RV_ASSIGN_OR_RETURN(SpiRows rows,
//       spi.Query("SELECT id FROM ruvector.collections WHERE name = $1",
//                 {SqlText(name)}));
//   if (rows.empty()) ...; std::optional<int64_t> id = rows.Int(0, 0);
//
// For its life search_path is pg_catalog and numbers print in full, whatever
// the caller or the database has set: no operator or function of somebody
// else's runs with our rights. Rows are copied out, as text, before the call
// returns.
//
// A background worker runs the same statements again and again: there their
// plans are kept for the life of the process (PostgreSQL makes them anew when
// an object of theirs changes). A backend of a client plans each time.
#ifndef RUVECTOR_PGEXT_BRIDGE_SPI_H_
#define RUVECTOR_PGEXT_BRIDGE_SPI_H_

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace ruvector::pg {

// One parameter: NULL or a text, passed as text and cast by the statement
// ($1::int4, $2::jsonb, $3::bytea with "\\x..." from SqlBytes); or an array,
// passed as one.
struct SqlParam {
  std::optional<std::string> text;
  uint32_t element_type = 0;  // of an array, by OID; 0: no array
  std::vector<std::optional<std::string>> elements = {};
};

SqlParam SqlNullParam();
SqlParam SqlText(std::string_view text);
SqlParam SqlOptionalText(const std::optional<std::string>& text);
SqlParam SqlInt(int64_t value);
SqlParam SqlInt(const std::optional<int64_t>& value);
SqlParam SqlReal(double value);  // shortest text that reads back the same
SqlParam SqlReal(const std::optional<double>& value);
SqlParam SqlBool(bool value);
SqlParam SqlBytes(absl::string_view bytes);
// An array, for unnest($1) of many rows at a time. Each element is read by the
// element type's input function, once; `element_type` is an OID, text if 0.
SqlParam SqlArray(std::vector<SqlParam> elements, uint32_t element_type = 0);

class SpiRows {
 public:
  size_t size() const { return rows_.size(); }
  bool empty() const { return rows_.empty(); }
  // The value's text output, or nullopt for NULL. What is not there is NULL as
  // well: a trigger may keep the row of an INSERT from its RETURNING.
  const std::optional<std::string>& Text(size_t row, size_t column) const;
  std::string TextOr(size_t row, size_t column, std::string_view other) const;
  std::optional<int64_t> Int(size_t row, size_t column) const;
  std::optional<double> Real(size_t row, size_t column) const;
  std::optional<bool> Bool(size_t row, size_t column) const;
  // The bytes of pg_catalog.encode(column, 'hex').
  std::optional<std::string> Bytes(size_t row, size_t column) const;

 private:
  friend class SpiSession;
  std::vector<std::vector<std::optional<std::string>>> rows_;
};

// One SPI connection. Ends with the object, or with the (sub)transaction when
// an ERROR came first.
class SpiSession {
 public:
  SpiSession() = default;
  ~SpiSession();
  SpiSession(const SpiSession&) = delete;
  SpiSession& operator=(const SpiSession&) = delete;

  absl::Status Connect();
  // From now on no plan is kept: for statements whose plan is to follow
  // settings that change from one run to the next.
  void PlanEachTime() { keep_plans_ = false; }
  // Runs one statement; the rows it returned (also of RETURNING).
  absl::StatusOr<SpiRows> Query(const char* sql,
                                absl::Span<const SqlParam> params = {});
  absl::StatusOr<SpiRows> Query(const char* sql,
                                std::initializer_list<SqlParam> params) {
    return Query(sql,
                 absl::Span<const SqlParam>(params.begin(), params.size()));
  }
  // Runs one statement; the number of rows it touched.
  absl::StatusOr<int64_t> Execute(const char* sql,
                                  absl::Span<const SqlParam> params = {});
  absl::StatusOr<int64_t> Execute(const char* sql,
                                  std::initializer_list<SqlParam> params) {
    return Execute(sql,
                   absl::Span<const SqlParam>(params.begin(), params.size()));
  }

 private:
  absl::Status Run(const char* sql, absl::Span<const SqlParam> params);
  bool connected_ = false;
  bool keep_plans_ = true;
  int guc_level_ = 0;  // to undo what Connect set; 0: nothing
};

}  // namespace ruvector::pg

#endif  // RUVECTOR_PGEXT_BRIDGE_SPI_H_
