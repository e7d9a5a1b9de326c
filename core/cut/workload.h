// The graph families on which the cuts are measured (testonly).
//
// The same graphs, seed for seed, as shared/workloads/mincut/graphs.cpp prints:
// G1 (the spec's drawing, disconnected and linked), G2 (random), G3 (planted
// cuts), G4 (partitions, centroids, shards, replicas, maintenance). Edges are
// sorted by (u, v) with u < v and without parallels. [any-thread]
#ifndef RUVECTOR_CORE_CUT_WORKLOAD_H_
#define RUVECTOR_CORE_CUT_WORKLOAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "core/cut/edge.h"

namespace ruvector::cut {

struct Workload {
  int n = 0;
  std::vector<Edge> edges;
};

// The names that MakeWorkload knows and the benchmarks run: G1lit, G1conn,
// G2_0.05, G2_0.3, G2_1.0, G3_2, G3_8, G4_5k, G4_20k, G4_clq.
absl::Span<const char* const> WorkloadNames();

// `name` is one of the above, or G2_<p> for any 0 < p <= 1.
Workload MakeWorkload(const std::string& name, uint64_t seed);

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_WORKLOAD_H_
