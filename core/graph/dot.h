// Graphviz text of an assessed graph.
#ifndef RUVECTOR_CORE_GRAPH_DOT_H_
#define RUVECTOR_CORE_GRAPH_DOT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "core/graph/assess.h"
#include "core/graph/graph.h"
#include "core/base/no_postgres.h"

namespace ruvector::graph {

// An undirected graph named `title`. Nodes are filled from green (healthy)
// over yellow to red (failed), grey where unmeasured, dashed where stale;
// shape says the type. Edges of the deciding cut are dashed red with their
// capacity; the side that is cut off is one cluster, the rest another. Output
// is deterministic; names are escaped. [any-thread]
std::string ToDot(const ContractedGraph& graph, const Assessment& assessment,
                  absl::string_view title);

}  // namespace ruvector::graph

#endif  // RUVECTOR_CORE_GRAPH_DOT_H_
