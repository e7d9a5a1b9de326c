// How well the graph holds together: its minimum cuts, relative to the same
// graph in full health.
//
//   lambda_norm   exact global minimum cut / the same with every capacity at
//                 its baseline: the weakest link
//   service_norm  smallest terminal cut / its own baseline: clients to data,
//                 WAL to the standbys that commits wait for; adds damage up
//   norm          the smaller of the two; the thresholds of a policy apply to
//                 this one
//
// Exact to the fixed point of the cut: 1/4096 of a leaf for lambda, 2^-30 of
// the data service (edges above 2 saturate), 2^-20 of a standby. A graph at
// its baseline has norm == 1 exactly.
// Source: design.md 7.2, 7.3.
#ifndef RUVECTOR_CORE_GRAPH_ASSESS_H_
#define RUVECTOR_CORE_GRAPH_ASSESS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/no_postgres.h"
#include "core/graph/cut_follower.h"
#include "core/graph/graph.h"

namespace ruvector::graph {

struct AssessOptions {
  // Algebraic connectivity of the weighted Laplacian: an early-warning signal,
  // never part of the state.
  bool compute_lambda2 = false;
  bool compute_nontrivial = true;
};

// Which cut `norm` and the witness come from.
enum class CutKind { kGlobal, kData, kCommit };
// "global", "data", "commit".
absl::string_view ToString(CutKind kind);

// A cut with both sides at least two nodes.
struct NontrivialCut {
  double value = 0;
  std::vector<uint32_t> edges;
};

struct Assessment {
  // All nullopt if the graph has fewer than two nodes or no data.
  std::optional<double> lambda_raw;
  std::optional<double> lambda_baseline;
  std::optional<double> lambda_norm;
  std::optional<double> service_norm;
  std::optional<double> norm;
  // nullopt also for graphs of fewer than four nodes, or when not asked for.
  std::optional<NontrivialCut> nontrivial;
  std::optional<double> lambda2;

  CutKind kind = CutKind::kGlobal;
  // Indices into graph.edges of the edges that cross the deciding cut,
  // ascending; may have capacity 0. Names and values: witness.h.
  std::vector<uint32_t> witness;
  // One per node: 1 on the side that is cut off (for the global cut the side
  // without the root, for terminal cuts the side of the sinks), else 0.
  std::vector<uint8_t> side;

  bool stale = false;
};

// `followers` (nullable) are those of the collection: cuts that did not move
// since its last pass cost nothing. InvalidArgument as Validate(); internal
// errors of the cut are passed on. The time it takes is the caller's to
// measure. [any-thread]
absl::StatusOr<Assessment> Assess(const ContractedGraph& graph,
                                  const AssessOptions& options,
                                  CutFollowers* followers = nullptr);

}  // namespace ruvector::graph

#endif  // RUVECTOR_CORE_GRAPH_ASSESS_H_
