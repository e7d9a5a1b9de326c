#include "core/audit/wire.h"

#include <algorithm>

namespace ruvector::audit {

bool IsEventType(absl::string_view text) {
  return !text.empty() && text.size() <= 63 && text.front() != '.' &&
         text.back() != '.' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || c == '_' || c == '.';
         });
}

}  // namespace ruvector::audit
