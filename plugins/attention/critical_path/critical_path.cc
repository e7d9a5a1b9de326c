// Critical path attention: ancestors on the longest path count more.
//
//   s_i = q.k_i / sqrt(d) + boost * c_i      c_i = 1 on the critical path, or 0
//   w   = softmax(s)
//
// Shapes: query d, keys n x d, on_critical_path n, weights n. Default: boost
// 1.5, that is a factor of exp(1.5) = 4.5 at equal similarity. With boost 0, or
// with all or none on the path, this is the topological mechanism.
//
// Which nodes are on the path is the host's to say: core/attention/
// dag_context.h finds them by cost in one pass each way.
//
// Source: ruvector-upstream.md B2 (3); the boost is additive there as well.
#include "core/attention/vectorised.h"
#include "core/plugin/attention_plugin.h"

namespace {

using ruvector::attention::Column;
using ruvector::attention::Scores;
using ruvector::sdk::AttentionCall;
using ruvector::sdk::NumberParameter;
using ruvector::sdk::Status;

struct CriticalPath : ruvector::sdk::AttentionMechanism {
  static constexpr char kName[] = "critical_path";
  static constexpr char kVersion[] = "1.0.0";
  static constexpr char kDescription[] =
      "Similarity, with a bonus for entries on the critical path.";
  static constexpr char kLicense[] = "NOASSERTION";
  static constexpr const char* kHandles[] = {"skewed_latency"};
  static constexpr uint32_t kContextRequired =
      RUVECTOR_CONTEXT_ON_CRITICAL_PATH;

  enum { kBoost };
  static constexpr ruvector_parameter kParameters[] = {
      NumberParameter("boost", "Bonus of an entry on the critical path.", 0,
                      100, 1.5),
  };

  static Status Score(const AttentionCall& call, double* out) {
    Scores scores = ruvector::attention::Similarities(call, out);
    scores += call.parameter(kBoost) *
              Column(call.on_critical_path(), call.count()).cast<double>();
    return Status();
  }
};

}  // namespace

RUVECTOR_ATTENTION_PLUGIN(CriticalPath)
