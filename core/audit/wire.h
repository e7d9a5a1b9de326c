// Big-endian numbers and the field rules that event and checkpoint payloads
// share. Private to core/audit. [any-thread]
#ifndef RUVECTOR_CORE_AUDIT_WIRE_H_
#define RUVECTOR_CORE_AUDIT_WIRE_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "core/base/text.h"

namespace ruvector::audit {

template <typename Unsigned>
void AppendBigEndian(Unsigned value, std::string* out) {
  for (int shift = 8 * (sizeof(Unsigned) - 1); shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>(value >> shift));
  }
}

// `bytes` has at least sizeof(Unsigned) of them.
template <typename Unsigned>
Unsigned ReadBigEndian(absl::string_view bytes) {
  Unsigned value = 0;
  for (size_t i = 0; i < sizeof(Unsigned); ++i) {
    value = static_cast<Unsigned>(value << 8) |
            static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

// [a-z_.]{1,63}, no dot at either end
bool IsEventType(absl::string_view text);

}  // namespace ruvector::audit

#endif  // RUVECTOR_CORE_AUDIT_WIRE_H_
