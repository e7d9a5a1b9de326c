// The JSON text of Node::data. Internal to core/graph.
#ifndef RUVECTOR_CORE_GRAPH_NODE_DATA_H_
#define RUVECTOR_CORE_GRAPH_NODE_DATA_H_

#include <string>

#include "core/base/no_postgres.h"
#include "core/graph/graph.h"
#include "core/graph/health.h"

namespace ruvector::graph {

// {"decided_by":"hot","aspects":[{"aspect":"hot","health":0.41,"source":
// "pg_stat_...","write_share":0.7,...},...],"applied_health":0.41,
// "share":0.125,"reason":...,"lost":true,"stale":true}. Unknown numbers are
// null; reason, lost and stale appear only where they say something. Bytes
// that are not UTF-8 are replaced. [any-thread]
std::string NodeData(const Node& node, const Health& health);

// {"merged":812,"members":830,"health_from":"worst of the merged nodes"}
std::string MergedNodeData(const Merge& merge, const Node& node);

}  // namespace ruvector::graph

#endif  // RUVECTOR_CORE_GRAPH_NODE_DATA_H_
