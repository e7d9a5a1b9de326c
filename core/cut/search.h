// The search for the least cut of a matrix. (internal)
#ifndef RUVECTOR_CORE_CUT_SEARCH_H_
#define RUVECTOR_CORE_CUT_SEARCH_H_

#include <cstdint>
#include <vector>

#include "core/base/no_postgres.h"
#include "core/cut/dense_graph.h"
#include "core/cut/least_cut.h"

namespace ruvector::cut {

// One pass over the present graph: its degrees and prefixes are offered to
// `least`. Labels of what it proved to be together, or none when a cut of 0
// was found. [any-thread]
template <typename Weight, typename Graph>
std::vector<uint32_t> Pass(const Graph& graph, LeastCut& least, int* labels) {
  least.OfferDegrees(graph);
  if (least.value() == 0) return {};
  const Ordering<Weight> pass = MaximumAdjacencyPass(
      graph, static_cast<Weight>(least.value()), /*lower_cap=*/true);
  if (pass.prefix > 0) {
    least.Offer(pass.bound, absl::MakeSpan(pass.order).first(pass.prefix));
    if (least.value() == 0) return {};
  }
  return pass.Labels(pass.bound, graph.ids(), labels);
}

// Offers every cut of `graph` that could be below least.value().
template <typename Weight>
void SearchDense(DenseGraph<Weight> graph, LeastCut& least) {
  while (graph.size() > 1) {
    int labels = 0;
    const std::vector<uint32_t> label = Pass<Weight>(graph, least, &labels);
    if (label.empty()) return;
    least.Contract(graph.Merge(label, labels));
  }
}

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_SEARCH_H_
