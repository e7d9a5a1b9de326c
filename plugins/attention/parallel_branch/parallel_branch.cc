// Parallel branch attention: one softmax over the ancestors and the nodes that
// run beside the query, with a preference for what both sides share.
//
//   ancestor        s_i = q.k_i / sqrt(d) + common_boost * common_i
//   parallel node   s_i = q.k_i / sqrt(d) + ln(cross_weight)
//   w = softmax(s) over both
//
// Shapes: query d, keys n x d (ancestors and parallel nodes, in any order),
// is_parallel n, is_common_ancestor n (of no meaning for a parallel node),
// weights n. Defaults: cross_weight 0.5, common_boost 2. At equal similarity a
// parallel node weighs cross_weight times an ancestor, so 0 excludes them; with
// cross_weight 1 and common_boost 0 this is the topological mechanism.
//
// Source: ruvector-upstream.md B2 (6). There cross_weight multiplies the score
// of a parallel node, which raises a negative one; here it scales the weight.
#include <cmath>

#include "core/attention/vectorised.h"
#include "core/plugin/attention_plugin.h"

namespace {

using ruvector::attention::Column;
using ruvector::attention::Scores;
using ruvector::sdk::AttentionCall;
using ruvector::sdk::NumberParameter;
using ruvector::sdk::Status;

struct ParallelBranch : ruvector::sdk::AttentionMechanism {
  static constexpr char kName[] = "parallel_branch";
  static constexpr char kVersion[] = "1.0.0";
  static constexpr char kDescription[] =
      "Similarity over ancestors and parallel nodes, common ancestors first.";
  static constexpr char kLicense[] = "NOASSERTION";
  static constexpr const char* kHandles[] = {"parallel_branches"};
  static constexpr uint32_t kContextRequired =
      RUVECTOR_CONTEXT_IS_PARALLEL | RUVECTOR_CONTEXT_IS_COMMON_ANCESTOR;

  enum { kCrossWeight, kCommonBoost };
  static constexpr ruvector_parameter kParameters[] = {
      NumberParameter("cross_weight",
                      "Weight of a parallel node relative to an ancestor at "
                      "equal similarity.",
                      0, 100, 0.5),
      NumberParameter("common_boost", "Bonus of a common ancestor.", 0, 100, 2),
  };

  static Status Score(const AttentionCall& call, double* out) {
    Scores scores = ruvector::attention::Similarities(call, out);
    const auto parallel = Column(call.is_parallel(), call.count());
    const auto common =
        Column(call.is_common_ancestor(), call.count()).cast<double>();
    const double cross = std::log(call.parameter(kCrossWeight));  // 0: -inf
    scores = (parallel != 0)
                 .select(scores + cross,
                         scores + call.parameter(kCommonBoost) * common);
    return Status();
  }
};

}  // namespace

RUVECTOR_ATTENTION_PLUGIN(ParallelBranch)
