// What to do about an error, beside its message. [any-thread]
//
// A Status carries it as a payload; in the server it becomes the HINT
// (pgext/bridge/pg_status.h). Elsewhere the message has to do alone.
#ifndef RUVECTOR_CORE_BASE_HINT_H_
#define RUVECTOR_CORE_BASE_HINT_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "core/base/no_postgres.h"

namespace ruvector {

inline constexpr char kHintPayload[] = "ruvector/hint";

// A whole sentence. OK stays OK, and a hint that is there stays.
inline absl::Status WithHint(absl::Status status, std::string_view hint) {
  if (!status.ok() && !status.GetPayload(kHintPayload).has_value()) {
    status.SetPayload(kHintPayload,
                      absl::Cord(absl::string_view(hint.data(), hint.size())));
  }
  return status;
}

// "" without one.
inline std::string HintOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kHintPayload);
  return payload.has_value() ? std::string(*payload) : std::string();
}

}  // namespace ruvector

#endif  // RUVECTOR_CORE_BASE_HINT_H_
