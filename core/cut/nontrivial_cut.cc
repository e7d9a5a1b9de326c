#include "core/cut/nontrivial_cut.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/status_macros.h"
#include "core/cut/adjacency.h"
#include "core/cut/degrees.h"
#include "core/cut/flow_network.h"
#include "core/cut/least_cut.h"
#include "core/cut/near_complete.h"
#include "core/cut/sparse_pass.h"

namespace ruvector::cut {
namespace {

constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

// Nodes assumed to be on one side, and every other node's weight to them.
class Group {
 public:
  Group(const FlowNetwork& network, absl::Span<const uint32_t> nodes)
      : network_(&network),
        member_(network.size()),
        weight_to_(network.size()) {
    for (uint32_t x : nodes) Join(x);
  }

  void Join(uint32_t x) {
    member_[x] = 1;
    weight_to_[x] = kUnlimited;
    ++size_;
    for (const FlowNetwork::Arc& arc : network_->row(x)) {
      if (!member_[arc.to]) weight_to_[arc.to] += arc.weight;
    }
  }

  int size() const { return size_; }
  bool contains(uint32_t x) const { return member_[x] != 0; }
  absl::Span<const uint8_t> members() const { return member_; }
  // kUnlimited for a member.
  int64_t weight_to(uint32_t x) const { return weight_to_[x]; }

 private:
  const FlowNetwork* network_;
  std::vector<uint8_t> member_;
  std::vector<int64_t> weight_to_;
  int size_ = 0;
};

class NontrivialSearch {
 public:
  NontrivialSearch(int n, absl::Span<const Edge> edges)
      : network_(n, edges), heaviest_(n), weight_from_(n) {
    for (int x = 0; x < n; ++x) {
      for (const FlowNetwork::Arc& arc : network_.row(x)) {
        heaviest_[x] = std::max(heaviest_[x], arc.weight);
      }
    }
  }

  // Every cut that splits off two nodes: the best is a pair of neighbours, or
  // the two nodes of least degree.
  void TryPairs() {
    const int n = network_.size();
    std::vector<uint32_t> nodes(n);
    std::iota(nodes.begin(), nodes.end(), 0);
    std::partial_sort(nodes.begin(), nodes.begin() + 2, nodes.end(),
                      [this](uint32_t x, uint32_t y) {
                        return network_.degree(x) < network_.degree(y);
                      });
    std::array<uint32_t, 2> pair = {nodes[0], nodes[1]};
    int64_t value = network_.degree(pair[0]) + network_.degree(pair[1]);
    for (uint32_t x = 0; x < static_cast<uint32_t>(n); ++x) {
      for (const FlowNetwork::Arc& arc : network_.row(x)) {
        const int64_t split =
            network_.degree(x) + network_.degree(arc.to) - 2 * arc.weight;
        if (split >= value) continue;
        value = split;
        pair = {x, arc.to};
      }
    }
    best_ = value;
    side_.assign(n, 0);
    side_[pair[0]] = side_[pair[1]] = 1;
  }

  // Grows the root until nothing is left that a better cut could split off.
  // `together` holds nodes that no cut below the best one separates.
  void Grow(absl::Span<const uint32_t> together) {
    Group root(network_, together);
    while (best_ > 0 && !HoldsEveryPair(root)) {
      const uint32_t x = NextNode(root);
      if (!ProveInRoot(x, root)) ProveNoPartner(x, root);
      root.Join(x);
    }
  }

  int64_t best() const { return best_; }
  std::vector<uint8_t> TakeSide() { return std::move(side_); }

 private:
  // Whether every node outside has at least as much weight to the root as to
  // any two nodes outside. Then two neighbours outside are connected to it over
  // two hops by all the weight that leaves them, which no pair has below
  // best().
  bool HoldsEveryPair(const Group& root) const {
    for (int x = 0; x < network_.size(); ++x) {
      if (root.weight_to(x) < 2 * heaviest_[x]) return false;
    }
    return true;
  }

  // The nearest to the root, of those that can be proved alone if there are.
  uint32_t NextNode(const Group& root) const {
    uint32_t next = 0;
    std::pair<bool, int64_t> greatest = {false, -1};
    for (int x = 0; x < network_.size(); ++x) {
      if (root.contains(x)) continue;
      const std::pair<bool, int64_t> rank = {network_.degree(x) >= best_,
                                             root.weight_to(x)};
      if (greatest < rank) {
        greatest = rank;
        next = static_cast<uint32_t>(x);
      }
    }
    return next;
  }

  // True once it is known that no cut below best() separates x from the root.
  // Alone, x could be split off at its degree, so that must not be below.
  // (Nor can the root be split off alone: its first node has the greatest
  // degree.)
  bool ProveInRoot(uint32_t x, const Group& root) {
    if (network_.degree(x) < best_) return false;
    Separate({x}, root);
    return true;
  }

  // Afterwards no cut below best() has x and another node on the side away
  // from the root. That side would be connected, so one of x's neighbours is
  // its partner; each one tried may join the root for the rest.
  void ProveNoPartner(uint32_t x, const Group& root) {
    std::vector<FlowNetwork::Arc> partners;
    for (const FlowNetwork::Arc& arc : network_.row(x)) {
      if (!root.contains(arc.to)) partners.push_back(arc);
    }
    std::sort(partners.begin(), partners.end(),
              [](const FlowNetwork::Arc& a, const FlowNetwork::Arc& b) {
                return a.weight > b.weight;
              });
    Group rest = root;
    for (const FlowNetwork::Arc& partner : partners) {
      if (rest.size() > 1) {
        Separate({x, partner.to}, rest);
      } else {
        ProveRootAlone({x, partner.to}, rest);
      }
      rest.Join(partner.to);
    }
  }

  // The same while the root is one node: that one needs a partner as well, and
  // may not be split off alone.
  void ProveRootAlone(absl::Span<const uint32_t> away, const Group& root) {
    Group others(network_, away);
    std::vector<uint32_t> partners;
    uint32_t alone = 0;
    for (int y = 0; y < network_.size(); ++y) {
      if (root.contains(y)) alone = static_cast<uint32_t>(y);
      if (!root.contains(y) && !others.contains(y)) partners.push_back(y);
    }
    std::stable_sort(partners.begin(), partners.end(),
                     [&](uint32_t a, uint32_t b) {
                       return root.weight_to(a) > root.weight_to(b);
                     });
    for (uint32_t y : partners) {
      Separate({alone, y}, others);
      others.Join(y);
    }
  }

  // Takes note of the least cut between `nodes` and `group` if it is below
  // best(). Either side that is found has two nodes at least: see the callers.
  void Separate(absl::Span<const uint32_t> nodes, const Group& group) {
    if (TwoHopBound(nodes, group) >= best_) return;
    const int64_t flow = network_.Run(nodes, group.members(), best_);
    if (flow >= best_) return;
    best_ = flow;
    side_ = network_.SinkSide();
  }

  // At least this much flows from `nodes` to `group` over one or two edges
  // (Padberg and Rinaldi's tests 3 and 4).
  int64_t TwoHopBound(absl::Span<const uint32_t> nodes, const Group& group) {
    for (uint32_t x : nodes) {
      for (const FlowNetwork::Arc& arc : network_.row(x)) {
        weight_from_[arc.to] += arc.weight;
      }
    }
    for (uint32_t x : nodes) weight_from_[x] = 0;
    int64_t bound = 0;
    for (uint32_t x : nodes) {
      for (const FlowNetwork::Arc& arc : network_.row(x)) {
        const int64_t from = std::exchange(weight_from_[arc.to], 0);
        bound += std::min(from, group.weight_to(arc.to));
      }
    }
    return bound;
  }

  FlowNetwork network_;
  int64_t best_ = kUnlimited;
  std::vector<uint8_t> side_;
  std::vector<int64_t> heaviest_;     // per node: its heaviest arc
  std::vector<int64_t> weight_from_;  // scratch of TwoHopBound, all 0 between
};

// The largest set of nodes that one pass proves to be at least `value`
// connected; the heaviest node alone if there is none.
std::vector<uint32_t> ProvedTogether(int n, absl::Span<const Edge> edges,
                                     const Degrees& degrees, int64_t value) {
  const Adjacency<int64_t> graph(edges, degrees);
  const Ordering<int64_t> pass =
      MaximumAdjacencyPass(graph, value, /*lower_cap=*/false);
  int labels = 0;
  const std::vector<uint32_t> label = pass.Labels(value, n, &labels);
  std::vector<int> size(labels);
  for (uint32_t l : label) ++size[l];
  const auto largest = std::max_element(size.begin(), size.end());
  if (*largest == 1) return {graph.HeaviestNode()};
  std::vector<uint32_t> nodes;
  for (uint32_t x = 0; x < label.size(); ++x) {
    if (label[x] == largest - size.begin()) nodes.push_back(x);
  }
  return nodes;
}

bool IsNontrivial(const Cut& cut) {
  const auto ones = std::count(cut.side.begin(), cut.side.end(), 1);
  return ones >= 2 && static_cast<int>(cut.side.size()) - ones >= 2;
}

}  // namespace

absl::StatusOr<Cut> MinimumNontrivialCut(int n, absl::Span<const Edge> edges) {
  RV_RETURN_IF_ERROR(ValidateGraph(n, edges, 4));
  RV_ASSIGN_OR_RETURN(Cut least, MinimumCut(n, edges));
  if (IsNontrivial(least)) return least;
  NontrivialSearch search(n, edges);
  search.TryPairs();
  const std::optional<NearComplete> dense = NearComplete::Measure(n, edges);
  const bool proved =
      search.best() == least.value ||
      (dense.has_value() && dense->Proves(search.best(), /*from_size=*/3));
  if (!proved) {
    RV_ASSIGN_OR_RETURN(const Degrees degrees, SumDegrees(n, edges));
    search.Grow(ProvedTogether(n, edges, degrees, search.best()));
  }
  return DescribeCut(SmallerSide(search.TakeSide()), edges);
}

}  // namespace ruvector::cut
