#include "core/memory/ttl.h"

namespace ruvector::memory {
namespace {

struct NamedTtl {
  std::string_view name;
  Ttl ttl;
};

constexpr int64_t kHour = 3600 * 1000;
constexpr NamedTtl kNamed[] = {
    {"persistent", {TtlKind::kForever, 0}},
    {"permanent", {TtlKind::kForever, 0}},
    {"session", {TtlKind::kSession, 0}},
    {"scope", {TtlKind::kScope, 0}},
    {"ephemeral", {TtlKind::kEphemeral, 0}},
    {"short_term", {TtlKind::kDuration, kHour}},
    {"medium_term", {TtlKind::kDuration, 24 * kHour}},
    {"long_term", {TtlKind::kDuration, 7 * 24 * kHour}},
};
constexpr std::string_view kDurationPrefix = "duration:";

}  // namespace

std::optional<Ttl> ParseTtl(std::string_view text) {
  for (const NamedTtl& named : kNamed) {
    if (named.name == text) return named.ttl;
  }
  if (text.substr(0, kDurationPrefix.size()) != kDurationPrefix) return {};
  const std::string_view digits = text.substr(kDurationPrefix.size());
  if (digits.empty() || digits.size() > 15) return {};
  int64_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return {};
    value = 10 * value + (c - '0');
  }
  if (value > kMaxTtlMillis) return {};
  return Ttl{TtlKind::kDuration, value};
}

bool IsExpired(const Ttl& ttl, int64_t created_us, int64_t now_us) {
  if (ttl.kind != TtlKind::kDuration) return false;
  int64_t end = 0;
  if (__builtin_add_overflow(created_us, ttl.milliseconds * 1000, &end)) {
    return false;
  }
  return now_us > end;
}

}  // namespace ruvector::memory
