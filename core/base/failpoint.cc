#include "core/base/failpoint.h"

#include <csignal>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

#include "absl/strings/str_format.h"

namespace ruvector::failpoint {
namespace {

enum class Action { kError, kKill, kHang, kSleep };

struct Entry {
  std::string_view name;
  Action action;
  uint32_t sleep_ms;
};

constexpr uint32_t kMaxSleepMs = 3600 * 1000;
constexpr uint32_t kHangPollMs = 10;

std::atomic<HangCallback> hang_callback{nullptr};

// The part before the next `separator`, taken off `text`.
std::string_view TakeUntil(char separator, std::string_view& text) {
  const size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

bool IsName(std::string_view text) {
  for (char c : text) {
    const bool ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '.';
    if (!ok) return false;
  }
  return !text.empty();
}

std::optional<uint32_t> ParseMs(std::string_view digits) {
  uint32_t ms = 0;
  if (digits.empty()) return std::nullopt;
  for (char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    ms = ms * 10 + static_cast<uint32_t>(c - '0');
    if (ms > kMaxSleepMs) return std::nullopt;
  }
  return ms;
}

std::optional<Entry> ParseEntry(std::string_view text) {
  const std::string_view name = TakeUntil('=', text);
  if (!IsName(name)) return std::nullopt;
  if (text == "error") return Entry{name, Action::kError, 0};
  if (text == "kill") return Entry{name, Action::kKill, 0};
  if (text == "hang") return Entry{name, Action::kHang, 0};
  if (TakeUntil(':', text) != "sleep") return std::nullopt;
  const std::optional<uint32_t> ms = ParseMs(text);
  if (!ms.has_value()) return std::nullopt;
  return Entry{name, Action::kSleep, *ms};
}

// The first entry for `name` in the configuration of this moment.
std::optional<Entry> Find(std::string_view name) {
  const char* configured =
      internal::configuration.load(std::memory_order_acquire);
  if (configured == nullptr) return std::nullopt;
  std::string_view rest = configured;
  while (!rest.empty()) {
    const std::optional<Entry> entry = ParseEntry(TakeUntil(',', rest));
    if (entry.has_value() && entry->name == name) return entry;
  }
  return std::nullopt;
}

// Signals do not shorten it.
void Sleep(uint32_t ms) {
  timespec left{static_cast<time_t>(ms / 1000),
                static_cast<long>(ms % 1000) * 1000000};
  while (nanosleep(&left, &left) != 0) {
  }
}

}  // namespace

absl::Status Validate(std::string_view configuration) {
  if (configuration.empty()) return absl::OkStatus();
  std::string_view rest = configuration;
  do {
    const bool more = rest.find(',') != std::string_view::npos;
    const std::string_view part = TakeUntil(',', rest);
    if (!ParseEntry(part).has_value()) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "failpoint \"%s\": expected name=error, name=kill, name=hang or "
          "name=sleep:MS",
          part));
    }
    if (more && rest.empty()) {
      return absl::InvalidArgumentError(
          "failpoint \"\": expected a failpoint after the last comma");
    }
  } while (!rest.empty());
  return absl::OkStatus();
}

void SetConfiguration(const char* configuration) {
  const bool off = configuration == nullptr || configuration[0] == '\0';
  internal::configuration.store(off ? nullptr : configuration,
                                std::memory_order_release);
}

void OnHang(HangCallback callback) { hang_callback.store(callback); }

namespace internal {

absl::Status Hit(std::string_view name) {
  const std::optional<Entry> entry = Find(name);
  if (!entry.has_value()) return absl::OkStatus();
  bool first = true;
  switch (entry->action) {
    case Action::kError:
      return absl::InternalError(
          absl::StrFormat("failpoint \"%s\": error injected", name));
    case Action::kKill:
      std::raise(SIGKILL);
      break;
    case Action::kSleep:
      Sleep(entry->sleep_ms);
      break;
    case Action::kHang:
      for (std::optional<Entry> now = entry;
           now.has_value() && now->action == Action::kHang; now = Find(name)) {
        if (const HangCallback tell = hang_callback.load(); tell != nullptr) {
          tell(name, first);
        }
        first = false;
        Sleep(kHangPollMs);
      }
      break;
  }
  return absl::OkStatus();
}

}  // namespace internal
}  // namespace ruvector::failpoint
