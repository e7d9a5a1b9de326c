#include "core/document/keys.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/base/hint.h"
#include "core/base/status_macros.h"
#include "core/document/fields.h"
#include "core/document/json_check.h"

namespace ruvector::document {
namespace {

using nlohmann::json;

constexpr size_t kShownPath = 200;

bool IsBelow(std::string_view path, std::string_view group) {
  return path.size() > group.size() && path[group.size()] == '.' &&
         path.substr(0, group.size()) == group;
}

// The next step of every path below `group`, each once, in table order.
std::string KnownBelow(absl::Span<const std::string> paths,
                       const std::string& group) {
  const size_t begin = group.empty() ? 0 : group.size() + 1;
  std::vector<std::string> names;
  for (const std::string& path : paths) {
    if (!group.empty() && !IsBelow(path, group)) continue;
    std::string name = path.substr(begin, path.find('.', begin) - begin);
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      names.push_back(std::move(name));
    }
  }
  return absl::StrJoin(names, ", ");
}

}  // namespace

absl::StatusOr<json> ParseObject(std::string_view text, std::string_view what) {
  RV_RETURN_IF_ERROR(CheckJson(text, what));
  json document = json::parse(text.begin(), text.end(), nullptr,
                              /*allow_exceptions=*/false);
  if (!document.is_object()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: expected a JSON object, got %s", what, Came(document)));
  }
  return document;
}

absl::Status MergeKeys(const json& document, std::string_view what,
                       const std::string& group,
                       absl::Span<const std::string> paths, ReadRow read) {
  for (const auto& [name, value] : document.items()) {
    const std::string path = group.empty() ? name : group + "." + name;
    // A dot inside a name would look like a path.
    const bool plain = name.find('.') == std::string::npos;
    const auto row = std::find(paths.begin(), paths.end(), path);
    if (plain && row != paths.end()) {
      RV_RETURN_IF_ERROR(
          read(static_cast<size_t>(row - paths.begin()), value, path));
      continue;
    }
    const bool is_group = plain && std::any_of(paths.begin(), paths.end(),
                                               [&](const std::string& p) {
                                                 return IsBelow(p, path);
                                               });
    if (!is_group) {
      const std::string where =
          group.empty() ? "" : absl::StrFormat(" in \"%s\"", group);
      return WithHint(
          absl::InvalidArgumentError(absl::StrFormat(
              "unknown %s key \"%s\"", what, path.substr(0, kShownPath))),
          absl::StrFormat("Known keys%s are %s.", where,
                          KnownBelow(paths, group)));
    }
    if (!value.is_object()) return Mismatch(what, path, "object", value);
    RV_RETURN_IF_ERROR(MergeKeys(value, what, path, paths, read));
  }
  return absl::OkStatus();
}

void SetPath(json& document, std::string_view path, json value) {
  json* at = &document;
  for (size_t dot; (dot = path.find('.')) != std::string_view::npos;
       path.remove_prefix(dot + 1)) {
    at = &(*at)[std::string(path.substr(0, dot))];
  }
  (*at)[std::string(path)] = std::move(value);
}

}  // namespace ruvector::document
