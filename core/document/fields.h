// The values of a settings document: how a JSON value becomes a field of a
// C++ struct, and what an error says when it does not. [any-thread]
//
// Read gives false and leaves `out` as it was when `value` is not what the
// field takes; Mismatch is the error then, with Expected for what it takes.
#ifndef RUVECTOR_CORE_DOCUMENT_FIELDS_H_
#define RUVECTOR_CORE_DOCUMENT_FIELDS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "nlohmann/json.hpp"

namespace ruvector::document {

// Numbers: smallest and largest value. Text: bytes. Arrays: elements.
struct Bounds {
  double min = 0;
  double max = 0;
};

bool Read(const nlohmann::json& value, Bounds bounds, bool& out);
bool Read(const nlohmann::json& value, Bounds bounds, double& out);
// 50.0 is the integer 50, as JSON has it; 50.5 is none.
bool Read(const nlohmann::json& value, Bounds bounds, int64_t& out);
// Without NUL, which ends C strings in the server.
bool Read(const nlohmann::json& value, Bounds bounds, std::string& out);

template <typename T>
bool Read(const nlohmann::json& value, Bounds bounds, std::optional<T>& out) {
  if (value.is_null()) {
    out.reset();
    return true;
  }
  T inner{};
  if (!Read(value, bounds, inner)) return false;
  out = inner;
  return true;
}

// An enumeration whose numbers are positions in `names`.
template <typename E>
bool ReadEnum(const nlohmann::json& value,
              absl::Span<const std::string_view> names, E& out) {
  if (!value.is_string()) return false;
  const auto found = std::find(names.begin(), names.end(),
                               value.get_ref<const std::string&>());
  if (found == names.end()) return false;
  out = static_cast<E>(found - names.begin());
  return true;
}

template <typename T>
struct Tag {};
std::string Expected(Tag<bool>, Bounds bounds);     // boolean
std::string Expected(Tag<int64_t>, Bounds bounds);  // integer from 0 to 9
std::string Expected(Tag<double>, Bounds bounds);   // number from 0 to 0.5
std::string Expected(Tag<std::string>, Bounds bounds);
template <typename T>
std::string Expected(Tag<std::optional<T>>, Bounds bounds) {
  return Expected(Tag<T>(), bounds) + " or null";
}
// one of "off", "shadow"
std::string OneOf(absl::Span<const std::string_view> names);

// JSON text that never fails: invalid UTF-8 is replaced.
std::string Dump(const nlohmann::json& value);

// What came, for a message: its type and its beginning.
std::string Came(const nlohmann::json& value);

// kInvalidArgument: `what` key "path": expected ..., got ...
absl::Status Mismatch(std::string_view what, std::string_view path,
                      std::string_view expected, const nlohmann::json& value);

}  // namespace ruvector::document

#endif  // RUVECTOR_CORE_DOCUMENT_FIELDS_H_
