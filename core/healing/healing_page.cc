// HealingKeyPage: the reference page, from the tables.
#include <string>

#include "absl/strings/str_format.h"
#include "core/healing/healing_keys.h"
#include "nlohmann/json.hpp"

namespace ruvector::healing {
namespace {

using nlohmann::json;

constexpr char kHead[] =
    R"(<!-- Written by `bazel run //core/healing:healing_key_page`; a test compares. -->
# Healing keys

How the healing engine is configured; no SQL function takes it yet. A document may hold any part of
these keys; the rest keeps its value. Objects merge key by key, arrays are
replaced. An unknown key, a wrong type or a value out of range is an error that
names the key.

| key | takes | default | what it does |
|---|---|---|---|
)";

constexpr char kStrategyHead[] = R"(
## Strategies

`strategies` is an object by strategy name; `null` in place of an entry removes
it. `ruvector_strategy_configure(name, jsonb)` takes one such entry.

| key | takes | default | what it does |
|---|---|---|---|
)";

template <typename Settings>
std::string Rows(absl::Span<const HealingKey<Settings>> table,
                 const std::string& defaults_text) {
  const json defaults = json::parse(defaults_text);
  std::string rows;
  for (const HealingKey<Settings>& key : table) {
    std::string pointer = "/" + std::string(key.path);
    for (char& c : pointer) c = c == '.' ? '/' : c;
    rows += absl::StrFormat(
        "| `%s` | %s | `%s` | %s |\n", key.path, ExpectedText(key),
        defaults.at(json::json_pointer(pointer)).dump(), key.description);
  }
  return rows;
}

}  // namespace

std::string HealingKeyPage() {
  return kHead + Rows(HealingKeys(), HealingConfigToJson(HealingConfig())) +
         kStrategyHead +
         Rows(StrategyKeys(), StrategyConfigToJson(StrategyConfig()));
}

}  // namespace ruvector::healing
