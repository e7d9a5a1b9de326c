// Min-cut gated attention: what does not matter to the flow is dimmed.
//
//   p   = softmax(q.k_i / sqrt(d))
//   g_i = 1 if criticality_i >= threshold, else criticality_i / threshold
//   w_i = p_i g_i / sum(p g)        uniform if that sum is below 1e-8
//
// Shapes: query d, keys n x d, criticalities n in 0 .. 1, weights n. Default:
// threshold 0.5. With threshold 0 every gate is open and this is the
// topological mechanism; criticality 0 below a positive threshold is weight 0.
//
// Source: ruvector-upstream.md B2 (4). The gate of the query text multiplies
// the score before the softmax, so that a closed gate is score 0 and beats
// every negative similarity; the form of its document 06, which is used here,
// gates the weights and renormalises.
#include "core/attention/vectorised.h"
#include "core/plugin/attention_plugin.h"

namespace {

using ruvector::attention::Column;
using ruvector::attention::Scores;
using ruvector::sdk::AttentionCall;
using ruvector::sdk::NumberParameter;
using ruvector::sdk::Status;

struct MincutGated : ruvector::sdk::AttentionMechanism {
  static constexpr char kName[] = "mincut_gated";
  static constexpr char kVersion[] = "1.0.0";
  static constexpr char kDescription[] =
      "Similarity, with uncritical entries gated down.";
  static constexpr char kLicense[] = "NOASSERTION";
  static constexpr const char* kHandles[] = {"bottleneck"};
  static constexpr uint32_t kContextRequired = RUVECTOR_CONTEXT_CRITICALITIES;

  enum { kThreshold };
  static constexpr ruvector_parameter kParameters[] = {
      NumberParameter("threshold",
                      "Criticality from which on a gate is wide open.", 0, 1,
                      0.5),
  };

  static Status Score(const AttentionCall& call, double* scores) {
    ruvector::attention::Similarities(call, scores);
    return Status();
  }

  static Status Reweigh(const AttentionCall& call, double* weights) {
    const double threshold = call.parameter(kThreshold);
    const auto criticality =
        Column(call.criticalities(), call.count()).cast<double>();
    Scores(weights, call.count()) *=
        (criticality >= threshold).select(1.0, criticality / threshold);
    return Status();
  }
};

}  // namespace

RUVECTOR_ATTENTION_PLUGIN(MincutGated)
