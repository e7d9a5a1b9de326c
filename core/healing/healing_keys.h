// The one table of healing keys, and that of a strategy's entry.
//
// A row says where a key stands in the JSON document, which field it is (and
// by the field's type what it takes), its range and what it does. Parsing,
// merging, printing and docs/reference/healing-keys.md read it. To add a key,
// add its field and a row. [any-thread]
#ifndef RUVECTOR_CORE_HEALING_HEALING_KEYS_H_
#define RUVECTOR_CORE_HEALING_HEALING_KEYS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "core/document/fields.h"
#include "core/healing/healing_config.h"

namespace ruvector::healing {

template <typename Settings, typename T>
using FieldOf = T& (*)(Settings&);

template <typename Settings>
struct HealingKey {
  using Field = std::variant<
      FieldOf<Settings, bool>, FieldOf<Settings, int64_t>,
      FieldOf<Settings, std::optional<int64_t>>, FieldOf<Settings, double>,
      FieldOf<Settings, std::optional<double>>, FieldOf<Settings, std::string>,
      FieldOf<Settings, std::optional<std::string>>,
      FieldOf<Settings, std::vector<std::string>>,
      FieldOf<Settings, StrategyMode>,
      FieldOf<Settings, std::optional<StrategyMode>>,
      FieldOf<Settings, LockLevel>>;

  std::string_view path;
  Field field;
  document::Bounds bounds;
  std::string_view description;
};

// All rows, in the order of the reference page. Static storage.
absl::Span<const HealingKey<HealingConfig>> HealingKeys();
absl::Span<const HealingKey<StrategyConfig>> StrategyKeys();

// "integer from 0 to 100", "boolean", ...: for messages and the page.
std::string ExpectedText(const HealingKey<HealingConfig>& key);
std::string ExpectedText(const HealingKey<StrategyConfig>& key);

// docs/reference/healing-keys.md, whole.
std::string HealingKeyPage();

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_HEALING_KEYS_H_
