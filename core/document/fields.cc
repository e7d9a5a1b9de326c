#include "core/document/fields.h"

#include <cmath>

#include "absl/strings/str_format.h"

namespace ruvector::document {

using nlohmann::json;

bool Read(const json& value, Bounds, bool& out) {
  if (!value.is_boolean()) return false;
  out = value.get<bool>();
  return true;
}

bool Read(const json& value, Bounds bounds, double& out) {
  if (!value.is_number()) return false;
  const double number = value.get<double>();
  if (!std::isfinite(number) || number < bounds.min || number > bounds.max) {
    return false;
  }
  out = number;
  return true;
}

bool Read(const json& value, Bounds bounds, int64_t& out) {
  double number = 0;
  if (!Read(value, bounds, number) || number != std::floor(number)) {
    return false;
  }
  out = static_cast<int64_t>(number);
  return true;
}

bool Read(const json& value, Bounds bounds, std::string& out) {
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  if (text.size() > static_cast<size_t>(bounds.max) ||
      text.find('\0') != std::string::npos) {
    return false;
  }
  out = text;
  return true;
}

std::string Expected(Tag<bool>, Bounds) { return "boolean"; }
std::string Expected(Tag<int64_t>, Bounds bounds) {
  return absl::StrFormat("integer from %.0f to %.0f", bounds.min, bounds.max);
}
std::string Expected(Tag<double>, Bounds bounds) {
  return absl::StrFormat("number from %g to %g", bounds.min, bounds.max);
}
std::string Expected(Tag<std::string>, Bounds bounds) {
  return absl::StrFormat("text of at most %.0f bytes", bounds.max);
}

std::string OneOf(absl::Span<const std::string_view> names) {
  std::string text = "one of ";
  for (size_t i = 0; i < names.size(); ++i) {
    text += absl::StrFormat("%s\"%s\"", i == 0 ? "" : ", ", names[i]);
  }
  return text;
}

std::string Dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string Came(const json& value) {
  constexpr size_t kShown = 60;
  std::string text = Dump(value);
  if (text.size() > kShown) text = text.substr(0, kShown) + "...";
  return absl::StrFormat("%s %s", value.type_name(), text);
}

absl::Status Mismatch(std::string_view what, std::string_view path,
                      std::string_view expected, const json& value) {
  return absl::InvalidArgumentError(absl::StrFormat(
      "%s key \"%s\": expected %s, got %s", what, path, expected, Came(value)));
}

}  // namespace ruvector::document
