// Topological attention: a node attends to its ancestors by similarity,
// optionally leaning towards the deep end of the data flow.
//
//   s_i = q.k_i / (sqrt(d) * temperature)
//       + (1 - depth_i / max depth) * ln(depth_decay)       with depths
//
// depth_decay 1, the default, is the mechanism of the specification. Below 1
// it prefers ancestors far from the leaves, as a bias that is added, so that a
// negative similarity is not turned upside down.
#include <algorithm>
#include <cmath>

#include "core/plugin/attention_plugin.h"

namespace {

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

  static Status Score(const AttentionCall& call, double* scores) {
    const double temperature = call.parameter(kTemperature);
    for (uint32_t i = 0; i < call.count(); ++i) {
      scores[i] = call.ScaledDot(i) / temperature;
    }
    if (call.depths() != nullptr) AddDepthBias(call, scores);
    return Status();
  }

 private:
  static void AddDepthBias(const AttentionCall& call, double* scores) {
    const int32_t* depths = call.depths();
    const int32_t deepest = *std::max_element(depths, depths + call.count());
    if (deepest == 0) return;
    const double leaf_bias = std::log(call.parameter(kDepthDecay));
    for (uint32_t i = 0; i < call.count(); ++i) {
      scores[i] += (1 - static_cast<double>(depths[i]) / deepest) * leaf_bias;
    }
  }
};

}  // namespace

RUVECTOR_ATTENTION_PLUGIN(Topological)
