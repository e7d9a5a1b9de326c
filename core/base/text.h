// What is text: UTF-8 without NUL. [any-thread]
#ifndef RUVECTOR_CORE_BASE_TEXT_H_
#define RUVECTOR_CORE_BASE_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace ruvector {

// Valid UTF-8 (RFC 3629: no overlong forms, surrogates or code points above
// U+10FFFF) that holds no NUL.
bool IsText(absl::string_view bytes);

// Text of at most `limit` bytes out of anything: what is not text becomes '?',
// and the end is cut between characters.
std::string ToText(absl::string_view bytes, size_t limit);

}  // namespace ruvector

#endif  // RUVECTOR_CORE_BASE_TEXT_H_
