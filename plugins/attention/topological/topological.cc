// Topological attention: a node attends to its ancestors by similarity,
// optionally leaning towards the deep end of the data flow.
//
//   s_i = q.k_i / (sqrt(d) * temperature)
//       + (1 - depth_i / max depth) * ln(depth_decay)       with depths
//
//   w = softmax(s)
//
// Shapes: query d, keys n x d, depths n (longest path to a leaf; optional),
// weights n. Defaults: temperature 1, depth_decay 1. Source:
// ruvector-upstream.md B2 (1), for the decay its (K).
//
// depth_decay 1, the default, is the mechanism of the specification. Below 1
// it prefers ancestors far from the leaves, as a bias that is added, so that a
// negative similarity is not turned upside down.
#include <cmath>

#include "core/attention/vectorised.h"
#include "core/plugin/attention_plugin.h"

namespace {

using ruvector::attention::Column;
using ruvector::attention::Scores;
using ruvector::sdk::AttentionCall;
using ruvector::sdk::NumberParameter;
using ruvector::sdk::Status;

struct Topological : ruvector::sdk::AttentionMechanism {
  static constexpr char kName[] = "topological";
  static constexpr char kVersion[] = "1.0.0";
  static constexpr char kDescription[] =
      "Similarity over all ancestors, optionally biased by depth.";
  static constexpr char kLicense[] = "NOASSERTION";
  static constexpr const char* kHandles[] = {"default", "chain", "shallow"};
  static constexpr uint32_t kContextUsed = RUVECTOR_CONTEXT_DEPTHS;

  enum { kTemperature, kDepthDecay };
  static constexpr ruvector_parameter kParameters[] = {
      NumberParameter("temperature",
                      "Above 1 spreads attention, below 1 sharpens it.", 1e-3,
                      1e3, 1),
      NumberParameter("depth_decay",
                      "Weight of a leaf relative to the deepest ancestor at "
                      "equal similarity.",
                      1e-6, 1, 1),
  };

  static Status Score(const AttentionCall& call, double* out) {
    Scores scores = ruvector::attention::Similarities(call, out);
    scores /= call.parameter(kTemperature);
    if (call.depths() == nullptr) return Status();
    const auto depths = Column(call.depths(), call.count());
    const double deepest = depths.maxCoeff();
    if (deepest == 0) return Status();
    scores += (1 - depths.cast<double>() / deepest) *
              std::log(call.parameter(kDepthDecay));
    return Status();
  }
};

}  // namespace

RUVECTOR_ATTENTION_PLUGIN(Topological)
