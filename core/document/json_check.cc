#include "core/document/json_check.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

namespace ruvector::document {
namespace {

using nlohmann::json;

constexpr size_t kMaxBytes = 1 << 20;
constexpr size_t kMaxDepth = 32;
constexpr int kNumberOverflow = 406;  // nlohmann's out_of_range.406

// A SAX handler (nlohmann/detail/input/json_sax.hpp lists the calls) that
// keeps the path of the value being read and the names seen on it.
class Checker {
 public:
  explicit Checker(std::string_view what) : what_(what) {}

  bool null() { return true; }
  bool boolean(bool) { return true; }
  bool number_integer(json::number_integer_t) { return true; }
  bool number_unsigned(json::number_unsigned_t) { return true; }
  bool number_float(json::number_float_t, const std::string&) { return true; }
  bool string(std::string&) { return true; }
  bool binary(json::binary_t&) { return true; }
  bool start_object(size_t) { return Enter(); }
  bool end_object() { return Leave(); }
  bool start_array(size_t) { return Enter(); }
  bool end_array() { return Leave(); }

  bool key(std::string& name) {
    levels_.back().current = name.substr(0, 100);
    if (levels_.back().seen.insert(name).second) return true;
    return Fail(absl::StrFormat("%s key \"%s\": duplicate", what_, Path()));
  }

  bool parse_error(size_t position, const std::string& token,
                   const json::exception& error) {
    if (error.id == kNumberOverflow) {
      return Fail(
          absl::StrFormat("%s key \"%s\": expected a finite number, got %s",
                          what_, Path(), token.substr(0, 60)));
    }
    const std::string path = Path();
    return Fail(absl::StrFormat(
        "%s: not valid JSON at byte %d%s", what_, position,
        path.empty() ? "" : absl::StrFormat(", near key \"%s\"", path)));
  }

  absl::Status status() && {
    return failure_.empty() ? absl::OkStatus()
                            : absl::InvalidArgumentError(failure_);
  }

 private:
  struct Level {
    std::string current;
    std::set<std::string> seen;
  };

  bool Enter() {
    if (levels_.size() == kMaxDepth) {
      return Fail(
          absl::StrFormat("%s: nested more than %d deep", what_, kMaxDepth));
    }
    levels_.emplace_back();
    return true;
  }
  bool Leave() {
    levels_.pop_back();
    return true;
  }
  bool Fail(std::string message) {
    failure_ = std::move(message);
    return false;
  }
  std::string Path() const {
    std::string path;
    for (const Level& level : levels_) {
      if (level.current.empty()) continue;
      if (!path.empty()) path += '.';
      path += level.current;
    }
    return path;
  }

  std::string_view what_;
  std::vector<Level> levels_;
  std::string failure_;
};

}  // namespace

absl::Status CheckJson(std::string_view text, std::string_view what) {
  if (text.size() > kMaxBytes) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: expected at most %d bytes of JSON, got %d", what,
                        kMaxBytes, text.size()));
  }
  Checker checker(what);
  json::sax_parse(text.begin(), text.end(), &checker);
  return std::move(checker).status();
}

}  // namespace ruvector::document
