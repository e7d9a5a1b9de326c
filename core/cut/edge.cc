#include "core/cut/edge.h"

#include "absl/strings/str_cat.h"

namespace ruvector::cut {

absl::Status ValidateGraph(int n, absl::Span<const Edge> edges, int min_nodes) {
  if (n < min_nodes) {
    return absl::InvalidArgumentError(
        absl::StrCat("graph has ", n, " nodes, expected at least ", min_nodes));
  }
  const uint32_t nodes = static_cast<uint32_t>(n);
  uint32_t bad = 0;
  for (const Edge& e : edges) {
    bad |= (e.u >= nodes) | (e.v >= nodes) | (e.weight < 0);
  }
  if (!bad) return absl::OkStatus();
  for (size_t i = 0; i < edges.size(); ++i) {
    const Edge& e = edges[i];
    if (e.u >= nodes || e.v >= nodes) {
      return absl::InvalidArgumentError(
          absl::StrCat("edge ", i, " joins nodes ", e.u, " and ", e.v,
                       ", expected both below ", n));
    }
    if (e.weight < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "edge ", i, " has weight ", e.weight, ", expected 0 or more"));
    }
  }
  return absl::OkStatus();
}

}  // namespace ruvector::cut
