// nearest_depth: attends to entries whose depth is near the query's.
//
//   s_i = q.k_i / sqrt(d) - slope * |depth_i - query depth|
//
// A complete plugin in one file. README.md says how to build it and where to
// put it.
#include <cmath>

#include "core/plugin/attention_plugin.h"

namespace {

using ruvector::sdk::AttentionCall;
using ruvector::sdk::NumberParameter;
using ruvector::sdk::Status;

struct NearestDepth : ruvector::sdk::AttentionMechanism {
  static constexpr char kName[] = "nearest_depth";
  static constexpr char kVersion[] = "1.0.0";
  static constexpr char kDescription[] =
      "Similarity, less a penalty per level of depth between the two.";
  static constexpr char kLicense[] = "CC0-1.0";
  static constexpr uint32_t kContextRequired = RUVECTOR_CONTEXT_DEPTHS;
  static constexpr ruvector_parameter kParameters[] = {
      NumberParameter("slope", "Penalty per level.", 0, 100, 1)};

  static Status Score(const AttentionCall& call, double* scores) {
    // Unknown, and so no level is nearer than another.
    const bool known = call.query_depth() >= 0;
    for (uint32_t i = 0; i < call.count(); ++i) {
      const double levels =
          known ? std::abs(double{1} * call.depths()[i] - call.query_depth())
                : 0;
      scores[i] = call.ScaledDot(i) - call.parameter(0) * levels;
    }
    return Status();
  }
};

}  // namespace

RUVECTOR_ATTENTION_PLUGIN(NearestDepth)
