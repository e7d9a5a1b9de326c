// Laying a partial JSON document over a struct, by a table of dotted paths.
// [any-thread]
//
// A table is a list of paths ("hysteresis.degrade_samples"); whoever owns it
// knows what field row i is. Objects of the document merge key by key along
// the paths, everything else is handed to the row's reader whole.
#ifndef RUVECTOR_CORE_DOCUMENT_KEYS_H_
#define RUVECTOR_CORE_DOCUMENT_KEYS_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "nlohmann/json.hpp"

namespace ruvector::document {

// Strict JSON (json_check.h) whose value is an object, else kInvalidArgument
// beginning with `what`.
absl::StatusOr<nlohmann::json> ParseObject(std::string_view text,
                                           std::string_view what);

// Reads `value` into row `row`; `path` is for its errors.
using ReadRow = absl::FunctionRef<absl::Status(
    size_t row, const nlohmann::json& value, const std::string& path)>;

// Calls `read` for every key of `document`. `what` names the kind of document
// ("policy"), `group` the path at which it stands, "" for a whole one. Errors:
// kInvalidArgument for an unknown key (with the known ones in its hint) and for
// a group that is not an object; the first error of `read`.
absl::Status MergeKeys(const nlohmann::json& document, std::string_view what,
                       const std::string& group,
                       absl::Span<const std::string> paths, ReadRow read);

// Sets `value` at a dotted path, making objects on the way.
void SetPath(nlohmann::json& document, std::string_view path,
             nlohmann::json value);

}  // namespace ruvector::document

#endif  // RUVECTOR_CORE_DOCUMENT_KEYS_H_
