// Times of day as text. [any-thread]
#ifndef RUVECTOR_CORE_HEALING_HOURS_H_
#define RUVECTOR_CORE_HEALING_HOURS_H_

#include <optional>
#include <string_view>

#include "core/base/no_postgres.h"

namespace ruvector::healing {

// Minutes since midnight of "00:00" to "23:59"; nullopt for any other text.
std::optional<int> MinuteOfDay(std::string_view text);

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_HOURS_H_
