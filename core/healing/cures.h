// Which strategies of ours are for which cause, and what a person does about
// the rest. A table, for docs/reference/strategies.md and the test that holds
// the plugins to it: a strategy refuses every cause that is not its own.
#ifndef RUVECTOR_CORE_HEALING_CURES_H_
#define RUVECTOR_CORE_HEALING_CURES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "core/healing/problem.h"

namespace ruvector::healing {

struct Cure {
  Cause cause;
  std::string_view strategies;  // blanks between them; "": a person
  std::string_view what;        // what they do, or what the person has to do
};

// One per cause, in the order of the enum. Constant data. [any-thread]
absl::Span<const Cure> Cures();

// The names in Cure::strategies.
std::vector<std::string> StrategiesOf(const Cure& cure);

// A table in Markdown, for docs/reference/strategies.md. [any-thread]
std::string CurePage();

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_CURES_H_
