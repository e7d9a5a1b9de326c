// Maximum flow between sets of nodes of an undirected graph. (internal)
//
// Dinic 1970: shortest augmenting paths, phase by phase. The network is built
// once and reused; a run undoes the one before it. A run may stop at a limit,
// which is all that a proof needs.
#ifndef RUVECTOR_CORE_CUT_FLOW_NETWORK_H_
#define RUVECTOR_CORE_CUT_FLOW_NETWORK_H_

#include <cstdint>
#include <limits>
#include <vector>

#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "core/cut/edge.h"

namespace ruvector::cut {

// [single-thread]
class FlowNetwork {
 public:
  struct Arc {
    uint32_t to;
    uint32_t back;   // the arc in the other direction
    int64_t weight;  // of the edge, parallel edges added up
  };

  // Valid edges; those of weight 0 and self loops are left out.
  FlowNetwork(int n, absl::Span<const Edge> edges);

  int size() const { return static_cast<int>(degree_.size()); }
  absl::Span<const Arc> row(uint32_t x) const {
    return {arcs_.data() + start_[x], start_[x + 1] - start_[x]};
  }
  int64_t degree(uint32_t x) const { return degree_[x]; }

  // The flow from `sources` (not empty) to the nodes with sink[x] != 0 (none
  // of them a source), or any value >= limit as soon as it is reached.
  int64_t Run(absl::Span<const uint32_t> sources,
              absl::Span<const uint8_t> sink,
              int64_t limit = std::numeric_limits<int64_t>::max());

  // After a run that stayed below its limit: 0 for the nodes that the residual
  // network reaches from the sources, 1 for the rest.
  std::vector<uint8_t> SinkSide() const;

 private:
  bool FindLevels(absl::Span<const uint32_t> sources,
                  absl::Span<const uint8_t> sink);
  int64_t Augment(uint32_t source, absl::Span<const uint8_t> sink);
  void Push(uint32_t arc, int64_t amount);
  void Reset();

  std::vector<uint32_t> start_;  // size() + 1, into arcs_
  std::vector<Arc> arcs_;
  std::vector<int64_t> degree_;
  std::vector<int64_t> residual_;  // per arc
  std::vector<uint32_t> touched_;  // arcs whose residual was changed
  std::vector<int32_t> level_;     // -1: not reached
  std::vector<uint32_t> next_;     // per node, the arc to try next
  std::vector<uint32_t> queue_;
  std::vector<uint32_t> path_;  // arcs from a source to where Augment is
};

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_FLOW_NETWORK_H_
