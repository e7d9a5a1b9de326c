// Causal cone attention: the nearer an ancestor in the data flow, the more it
// counts, up to a horizon.
//
//   s_i = q.k_i / sqrt(d) - decay_rate * hops_i     where hops_i <= max_depth
//   s_i = masked                                    beyond
//   w   = softmax(s)
//
// Shapes: query d, keys n x d, hops n (distance to the query node), weights n.
// Defaults: decay_rate 0.1, max_depth 10. With decay_rate 0 and every entry
// within max_depth this is the topological mechanism. If every entry lies
// beyond max_depth the weights are uniform, as for any mask that excludes all.
//
// Source: ruvector-upstream.md B2 (2). There exp(-decay * hops) multiplies the
// score, which raises a negative one; here the decay is added in the exponent,
// so that it lowers the weight by exp(-decay_rate) a hop whatever the sign.
// Distance 0 is allowed: the caller names the ancestors, none is the query.
#include "core/attention/vectorised.h"
#include "core/plugin/attention_plugin.h"

namespace {

using ruvector::attention::Column;
using ruvector::attention::Scores;
using ruvector::sdk::AttentionCall;
using ruvector::sdk::NumberParameter;
using ruvector::sdk::Status;

struct CausalCone : ruvector::sdk::AttentionMechanism {
  static constexpr char kName[] = "causal_cone";
  static constexpr char kVersion[] = "1.0.0";
  static constexpr char kDescription[] =
      "Similarity less a penalty per hop, within a horizon.";
  static constexpr char kLicense[] = "NOASSERTION";
  static constexpr const char* kHandles[] = {"local", "wide"};
  static constexpr uint32_t kContextRequired = RUVECTOR_CONTEXT_HOPS;

  enum { kDecayRate, kMaxDepth };
  static constexpr ruvector_parameter kParameters[] = {
      NumberParameter("decay_rate", "Penalty per hop.", 0, 1e3, 0.1),
      NumberParameter("max_depth", "Hops beyond which an entry is excluded.", 0,
                      2147483647, 10),
  };

  static Status Score(const AttentionCall& call, double* out) {
    Scores scores = ruvector::attention::Similarities(call, out);
    const auto hops = Column(call.hops(), call.count()).cast<double>();
    scores = (hops <= call.parameter(kMaxDepth))
                 .select(scores - call.parameter(kDecayRate) * hops,
                         ruvector::sdk::kMasked);
    return Status();
  }
};

}  // namespace

RUVECTOR_ATTENTION_PLUGIN(CausalCone)
