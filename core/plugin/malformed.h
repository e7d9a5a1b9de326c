// An InvalidArgument from parts, std::string_view among them: Debian's Abseil
// has a string_view of its own, which StrCat prefers. [any-thread]
#ifndef RUVECTOR_CORE_PLUGIN_MALFORMED_H_
#define RUVECTOR_CORE_PLUGIN_MALFORMED_H_

#include <string_view>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/no_postgres.h"

namespace ruvector::plugin {

inline absl::string_view Piece(std::string_view text) {
  return absl::string_view(text.data(), text.size());
}
inline absl::string_view Piece(const char* text) { return text; }
inline absl::AlphaNum Piece(double number) { return number; }
template <class Integer, std::enable_if_t<std::is_integral_v<Integer>, int> = 0>
absl::AlphaNum Piece(Integer number) {
  return number;
}

// absl::InvalidArgumentError(absl::StrCat(parts...)).
template <class... Parts>
absl::Status Malformed(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(Piece(parts)...));
}

}  // namespace ruvector::plugin

#endif  // RUVECTOR_CORE_PLUGIN_MALFORMED_H_
