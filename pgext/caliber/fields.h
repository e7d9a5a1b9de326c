// What callers give, checked and as Fields. [backend-main]
//
// Errors name the argument or key: 22004 for a NULL where a value is needed,
// 22023 for a word that its vocabulary does not have and for an unknown key,
// 54000 for content over caliber.max_content_bytes.
#ifndef RUVECTOR_PGEXT_CALIBER_FIELDS_H_
#define RUVECTOR_PGEXT_CALIBER_FIELDS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pgext/caliber/heap/row.h"

namespace ruvector::caliber {

// A new UUIDv7, in CurrentMemoryContext.
absl::StatusOr<Datum> NewId();

// A value that is about to be stored in the column. `name` is what the caller
// calls it.
absl::Status CheckValue(const memory::Column& column, std::string_view name,
                        Datum value);

// The text of a Datum of type text, copied.
absl::StatusOr<std::string> TextOf(Datum value);

// Sets content_hash where `content` is set: SHA-256 of its bytes.
absl::Status HashContent(Fields& fields, int content, int content_hash);

// A function's arguments, one by one.
class FieldArguments {
 public:
  FieldArguments(FunctionCallInfo fcinfo, memory::Entity entity)
      : fcinfo_(fcinfo), spec_(memory::SpecOf(entity)) {}

  // Starts a new row: the primary key gets a new id.
  absl::Status NewRow();
  absl::Status Required(int argument, int column, std::string_view name);
  // NULL leaves the column's default.
  absl::Status Optional(int argument, int column, std::string_view name);

  Fields fields;

 private:
  FunctionCallInfo fcinfo_;
  const memory::EntitySpec& spec_;
};

// {"name": "x", "metadata": null, ...}: each key a column that may be updated;
// null clears. 22023 for an empty object, an unknown key, a value of another
// type or form. Of a text column only strings are values.
absl::StatusOr<Fields> ParseUpdates(memory::Entity entity, Datum jsonb);

// The rows of a caliber.<entity>[]. A NULL field is the column's default; a
// NULL id gets a new one. 22004 for a NULL element; a NULL where a value is
// needed and there is no default is left to the table (23502).
absl::StatusOr<std::vector<Fields>> ParseRows(memory::Entity entity,
                                              Datum array,
                                              std::string_view name);

}  // namespace ruvector::caliber

#endif  // RUVECTOR_PGEXT_CALIBER_FIELDS_H_
