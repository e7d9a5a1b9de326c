// Cause over symptom: which of the problems found is only the consequence of
// another. Internal to core/healing.
//
// The rules are a table in explain.cc. A rule needs its link in the numbers
// (the same index, the same slot, an age that fits): that both happen at once
// explains nothing. A problem is a symptom only if every subject of it is
// explained; the rules have no cycle. [any-thread]
#ifndef RUVECTOR_CORE_HEALING_EXPLAIN_H_
#define RUVECTOR_CORE_HEALING_EXPLAIN_H_

#include <vector>

#include "core/base/no_postgres.h"
#include "core/healing/detector.h"

namespace ruvector::healing {

// Sets explained_by (positions in *problems) and explanation, and lowers the
// confidence of symptoms. Of several explanations the most severe problem
// is given.
void Explain(const Context& context, std::vector<Problem>* problems);

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_EXPLAIN_H_
