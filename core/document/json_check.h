// Strict JSON syntax, before a document is read: what nlohmann's DOM parser
// would swallow or only call "discarded". [any-thread]
#ifndef RUVECTOR_CORE_DOCUMENT_JSON_CHECK_H_
#define RUVECTOR_CORE_DOCUMENT_JSON_CHECK_H_

#include <string_view>

#include "absl/status/status.h"
#include "core/base/no_postgres.h"

namespace ruvector::document {

// kInvalidArgument, beginning with `what` and naming the key where it is
// known, unless `text` is one JSON value, without a duplicate key in any
// object, without a number that a double cannot hold, in valid UTF-8, nested
// at most 32 deep and at most 1 MiB long.
absl::Status CheckJson(std::string_view text, std::string_view what);

}  // namespace ruvector::document

#endif  // RUVECTOR_CORE_DOCUMENT_JSON_CHECK_H_
