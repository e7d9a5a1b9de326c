#include "core/cut/minimum_cut.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/cut/adjacency.h"
#include "core/cut/degrees.h"
#include "core/cut/dense_graph.h"
#include "core/cut/heavy_edges.h"
#include "core/cut/least_cut.h"
#include "core/cut/near_complete.h"
#include "core/cut/search.h"
#include "core/cut/sparse_pass.h"

namespace ruvector::cut {
namespace {

// Whether a pass over the matrix of n nodes, and making it, costs less than a
// pass over the rows of arcs.
bool DenseIsCheaper(int n, size_t arcs) {
  const size_t cells = static_cast<size_t>(n) * n;
  return n <= 64 || (n < 4096 && cells < 4 * arcs);
}

template <typename Weight>
void SearchSparse(Adjacency<Weight> graph, LeastCut& least) {
  while (graph.size() > 1) {
    int labels = 0;
    const std::vector<uint32_t> label = Pass<Weight>(graph, least, &labels);
    if (label.empty()) return;
    least.Contract(label);
    if (DenseIsCheaper(labels, graph.arcs())) {
      SearchDense(graph.ContractToDense(label, labels), least);
      return;
    }
    graph = graph.Contract(label, labels);
  }
}

template <typename Weight>
void SearchWith(absl::Span<const Edge> edges, const Degrees& degrees,
                LeastCut& least) {
  const int n = static_cast<int>(degrees.weight.size());
  if (!DenseIsCheaper(n, 2 * edges.size())) {
    SearchSparse(Adjacency<Weight>(edges, degrees), least);
    return;
  }
  DenseGraph<Weight> dense(n);
  for (const Edge& e : edges) {
    if (e.u != e.v) dense.Add(e.u, e.v, e.weight);
  }
  SearchDense(std::move(dense), least);
}

void Search(absl::Span<const Edge> edges, const Degrees& degrees,
            LeastCut& least) {
  if (degrees.total <= std::numeric_limits<int32_t>::max()) {
    SearchWith<int32_t>(edges, degrees, least);
  } else {
    SearchWith<int64_t>(edges, degrees, least);
  }
}

// Lists are contracted as lists while single edges alone show how.
absl::Status SearchList(int n, absl::Span<const Edge> edges, LeastCut& least) {
  std::vector<Edge> contracted;
  for (;;) {
    RV_ASSIGN_OR_RETURN(const Degrees degrees, SumDegrees(n, edges));
    const auto lightest =
        std::min_element(degrees.weight.begin(), degrees.weight.end());
    const uint32_t node =
        static_cast<uint32_t>(lightest - degrees.weight.begin());
    least.Offer(*lightest, {&node, 1});
    if (least.value() == 0 || n == 2) return absl::OkStatus();
    std::optional<ContractedList> heavy =
        ContractHeavyEdges(edges, degrees, least.value());
    if (!heavy.has_value()) {
      Search(edges, degrees, least);
      return absl::OkStatus();
    }
    least.Contract(heavy->label);
    n = heavy->nodes;
    if (n == 1) return absl::OkStatus();
    contracted = std::move(heavy->edges);
    edges = contracted;
  }
}

}  // namespace

// Most edges cross nothing: they are looked at in blocks, without a branch
// each.
Cut DescribeCut(std::vector<uint8_t> side, absl::Span<const Edge> edges) {
  constexpr size_t kBlock = 16;
  Cut cut;
  cut.side = std::move(side);
  const uint8_t* const of = cut.side.data();
  for (size_t begin = 0; begin < edges.size(); begin += kBlock) {
    const auto block = edges.subspan(begin, kBlock);
    uint8_t crossing = 0;
    for (const Edge& e : block) crossing |= of[e.u] ^ of[e.v];
    if (!crossing) continue;
    for (size_t i = 0; i < block.size(); ++i) {
      const Edge& e = block[i];
      if (of[e.u] == of[e.v]) continue;
      cut.value += e.weight;
      cut.edges.push_back(static_cast<uint32_t>(begin + i));
    }
  }
  return cut;
}

absl::StatusOr<Cut> MinimumCut(int n, absl::Span<const Edge> edges) {
  if (n < 2) return ValidateGraph(n, edges, 2);
  const std::optional<NearComplete> dense = NearComplete::Measure(n, edges);
  if (dense.has_value() && dense->Proves(dense->least_degree(), 2)) {
    std::vector<uint8_t> side(n);
    side[dense->lightest_node()] = 1;
    return DescribeCut(std::move(side), edges);
  }
  LeastCut least(n);
  RV_RETURN_IF_ERROR(SearchList(n, edges, least));
  return DescribeCut(SmallerSide(least.TakeSide()), edges);
}

}  // namespace ruvector::cut
