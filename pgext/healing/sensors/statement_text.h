// A statement as others may see it.
#ifndef RUVECTOR_PGEXT_HEALING_SENSORS_STATEMENT_TEXT_H_
#define RUVECTOR_PGEXT_HEALING_SENSORS_STATEMENT_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace ruvector::healing {

// The statement without comments, white space in runs, and what it says about
// the data: every string, dollar-quoted text and number is "?". At most
// `length` characters (bytes; cut at a character of UTF-8). pg_stat_activity
// cuts long statements, so a literal without an end is one. [any-thread]
std::string WithoutLiterals(absl::string_view statement, size_t length);

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_SENSORS_STATEMENT_TEXT_H_
