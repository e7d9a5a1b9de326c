#include "core/graph/cut_follower.h"

#include <utility>

#include "core/base/status_macros.h"

namespace ruvector::graph {

bool CutFollower::IsTopology(int n, const std::vector<cut::Edge>& edges) const {
  if (!followed_.has_value() || n != n_) return false;
  const absl::Span<const cut::Edge> known = followed_->edges();
  if (known.size() != edges.size()) return false;
  for (size_t i = 0; i < edges.size(); ++i) {
    if (known[i].u != edges[i].u || known[i].v != edges[i].v) return false;
  }
  return true;
}

absl::StatusOr<cut::Cut> CutFollower::Cut(int n, std::vector<cut::Edge> edges) {
  if (!IsTopology(n, edges)) {
    followed_.reset();
    RV_ASSIGN_OR_RETURN(cut::IncrementalCut made,
                        cut::IncrementalCut::Create(n, std::move(edges)));
    followed_ = std::move(made);
    n_ = n;
    return followed_->current();
  }
  std::vector<cut::IncrementalCut::Change> changes;
  const absl::Span<const cut::Edge> known = followed_->edges();
  for (size_t i = 0; i < edges.size(); ++i) {
    if (known[i].weight != edges[i].weight) {
      changes.push_back({static_cast<uint32_t>(i), edges[i].weight});
    }
  }
  const absl::Status status = followed_->SetWeights(changes);
  if (!status.ok()) {
    followed_.reset();
    return status;
  }
  return followed_->current();
}

cut::IncrementalCut::Stats CutFollower::stats() const {
  return followed_.has_value() ? followed_->stats()
                               : cut::IncrementalCut::Stats();
}

}  // namespace ruvector::graph
