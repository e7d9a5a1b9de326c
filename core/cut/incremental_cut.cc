#include "core/cut/incremental_cut.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/cut/kernel.h"
#include "core/cut/least_cut.h"

namespace ruvector::cut {
namespace {

// A kernel that served fewer calls than this was not worth building; the next
// ones are then built ever less often.
constexpr int kWorthBuilding = 8;
constexpr int kMaxPause = 256;

}  // namespace

class IncrementalCut::State {
 public:
  static absl::StatusOr<std::unique_ptr<State>> Create(
      int n, std::vector<Edge> edges) {
    RV_ASSIGN_OR_RETURN(Cut cut, MinimumCut(n, edges));
    auto state = std::make_unique<State>(n, std::move(edges), std::move(cut));
    state->BuildKernel();
    return state;
  }

  State(int n, std::vector<Edge> edges, Cut cut)
      : n_(n), edges_(std::move(edges)), cut_(std::move(cut)) {}

  absl::Status Check(absl::Span<const Change> changes) const {
    for (const Change& change : changes) {
      if (change.edge >= edges_.size()) {
        return absl::InvalidArgumentError(
            absl::StrCat("edge ", change.edge,
                         " does not exist, expected below ", edges_.size()));
      }
      if (change.weight < 0) {
        return absl::InvalidArgumentError(
            absl::StrCat("edge ", change.edge, " would get weight ",
                         change.weight, ", expected 0 or more"));
      }
    }
    return absl::OkStatus();
  }

  void Apply(absl::Span<const Change> changes) {
    Threat threat;
    for (const Change& change : changes) ApplyOne(change, threat);
    if (!threat.any || cut_.value == 0 || KernelHolds(threat)) return;
    Recompute();
  }

  const Cut& cut() const { return cut_; }
  absl::Span<const Edge> edges() const { return edges_; }
  const Stats& stats() const { return stats_; }

 private:
  // What a call did that could let another cut overtake the present one.
  struct Threat {
    bool any = false;
    bool cut_rose = false;     // a weight on the cut rose
    bool kernel_fell = false;  // a weight between kernel nodes fell
    int64_t floor = std::numeric_limits<int64_t>::max();
  };

  void ApplyOne(const Change& change, Threat& threat) {
    Edge& e = edges_[change.edge];
    const int64_t rise = int64_t{change.weight} - e.weight;
    if (rise == 0) return;
    if (e.u != e.v) {
      if (kernel_.has_value()) kernel_->Change(change.edge, e, change.weight);
      if (cut_.side[e.u] != cut_.side[e.v]) {
        cut_.value += rise;
        threat.cut_rose |= rise > 0;
      } else if (rise < 0) {
        threat.any = true;
        if (kernel_.has_value() && kernel_->InOneNode(e.u, e.v)) {
          threat.floor = std::min(threat.floor, kernel_->FloorAt(e.u, e.v));
        } else {
          threat.kernel_fell = true;
        }
      }
      threat.any |= threat.cut_rose;
    }
    e.weight = change.weight;
  }

  // Whether the kernel proves a cut, the present one or one it finds.
  bool KernelHolds(const Threat& threat) {
    if (!kernel_.has_value()) return false;
    const bool solve = threat.cut_rose || threat.kernel_fell;
    if (solve) {
      std::vector<uint8_t> side = kernel_->FindCutBelow(cut_.value);
      if (!side.empty()) {
        cut_ = DescribeCut(SmallerSide(std::move(side)), edges_);
      }
    }
    const int64_t floor = threat.cut_rose
                              ? kernel_->Floor()
                              : std::min(threat.floor, kernel_->ClassFloor());
    if (cut_.value > floor) return false;
    ++(solve ? stats_.kernel_solves : stats_.certified);
    ++served_;
    return true;
  }

  void Recompute() {
    ++stats_.rebuilds;
    // The list was valid and stayed so.
    Cut cut = *MinimumCut(n_, edges_);
    if (cut.value < cut_.value) cut_ = std::move(cut);
    BuildKernel();
  }

  void BuildKernel() {
    if (kernel_.has_value()) {
      pause_ =
          served_ >= kWorthBuilding ? 0 : std::min(2 * pause_ + 1, kMaxPause);
      waited_ = 0;
      kernel_.reset();
    }
    served_ = 0;
    if (cut_.value == 0 || waited_++ < pause_) return;
    kernel_ = Kernel::Build(n_, edges_, cut_.value, &hint_);
    if (!kernel_.has_value()) {
      pause_ = std::min(2 * pause_ + 1, kMaxPause);
      waited_ = 0;
    }
  }

  const int n_;
  std::vector<Edge> edges_;
  Cut cut_;
  Stats stats_;
  std::optional<Kernel> kernel_;
  int hint_ = 0;    // of Kernel::Build
  int served_ = 0;  // calls that the present kernel answered
  int pause_ = 0;   // recomputations to make without building a kernel
  int waited_ = 0;  // how many of them were made
};

IncrementalCut::IncrementalCut(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
IncrementalCut::IncrementalCut(IncrementalCut&&) noexcept = default;
IncrementalCut& IncrementalCut::operator=(IncrementalCut&&) noexcept = default;
IncrementalCut::~IncrementalCut() = default;

absl::StatusOr<IncrementalCut> IncrementalCut::Create(int n,
                                                      std::vector<Edge> edges) {
  RV_ASSIGN_OR_RETURN(std::unique_ptr<State> state,
                      State::Create(n, std::move(edges)));
  return IncrementalCut(std::move(state));
}

absl::Status IncrementalCut::SetWeight(uint32_t edge, int32_t weight) {
  const Change change = {edge, weight};
  return SetWeights({&change, 1});
}

absl::Status IncrementalCut::SetWeights(absl::Span<const Change> changes) {
  RV_RETURN_IF_ERROR(state_->Check(changes));
  state_->Apply(changes);
  return absl::OkStatus();
}

const Cut& IncrementalCut::current() const { return state_->cut(); }
absl::Span<const Edge> IncrementalCut::edges() const { return state_->edges(); }
const IncrementalCut::Stats& IncrementalCut::stats() const {
  return state_->stats();
}

}  // namespace ruvector::cut
