// The global minimum cut of a graph from one pass to the next.
//
// Passes over one collection mostly see the same nodes and edges with a few
// other capacities. As long as that is so, cuts are followed by certificate
// (core/cut/incremental_cut.h), and most are answered without work; another
// topology begins anew. Exact always: the value is MinimumCut's. Of several
// least cuts the one of the pass before stays while it is one of them.
// [single-thread]
#ifndef RUVECTOR_CORE_GRAPH_CUT_FOLLOWER_H_
#define RUVECTOR_CORE_GRAPH_CUT_FOLLOWER_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/no_postgres.h"
#include "core/cut/edge.h"
#include "core/cut/incremental_cut.h"
#include "core/cut/minimum_cut.h"

namespace ruvector::graph {

class CutFollower {
 public:
  // The least cut of the list. InvalidArgument: what MinimumCut refuses; then
  // nothing is followed any more.
  absl::StatusOr<cut::Cut> Cut(int n, std::vector<cut::Edge> edges);

  // Since the topology was first seen.
  cut::IncrementalCut::Stats stats() const;

 private:
  bool IsTopology(int n, const std::vector<cut::Edge>& edges) const;

  int n_ = 0;
  std::optional<cut::IncrementalCut> followed_;
};

// Those of one collection: as it is, and in full health.
struct CutFollowers {
  CutFollower now;
  CutFollower healthy;
};

}  // namespace ruvector::graph

#endif  // RUVECTOR_CORE_GRAPH_CUT_FOLLOWER_H_
