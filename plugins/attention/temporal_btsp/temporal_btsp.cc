// Temporal attention: entries active close to the query's time count more, as
// in behavioural time scale synaptic plasticity, where a plateau potential
// strengthens what was active within its window.
//
//   s_i = q.k_i / sqrt(d) + boost * [ |t_i - t_q| < window_ms ]
//   w   = softmax(s)
//
// t_q is the query's timestamp, or the latest of the entries' where the host
// does not know it.
//
// Shapes: query d, keys n x d, timestamps_ms n, weights n. Defaults: window_ms
// 50, boost 1.5. With boost 0 or window_ms 0 this is the topological mechanism.
//
// Source: ruvector-upstream.md B2 (7). There the boost multiplies the score,
// which lowers a negative one; here it is added. The recall of stored patterns
// is no part of it: a mechanism keeps nothing between calls.
#include <cmath>

#include "core/attention/vectorised.h"
#include "core/plugin/attention_plugin.h"

namespace {

using ruvector::attention::Column;
using ruvector::attention::Scores;
using ruvector::sdk::AttentionCall;
using ruvector::sdk::NumberParameter;
using ruvector::sdk::Status;

struct TemporalBtsp : ruvector::sdk::AttentionMechanism {
  static constexpr char kName[] = "temporal_btsp";
  static constexpr char kVersion[] = "1.0.0";
  static constexpr char kDescription[] =
      "Similarity, with a bonus for entries active near the query's time.";
  static constexpr char kLicense[] = "NOASSERTION";
  static constexpr const char* kHandles[] = {"temporal"};
  static constexpr uint32_t kContextRequired = RUVECTOR_CONTEXT_TIMESTAMPS;

  enum { kWindowMs, kBoost };
  static constexpr ruvector_parameter kParameters[] = {
      NumberParameter("window_ms", "Half width of the window, milliseconds.", 0,
                      1e12, 50),
      NumberParameter("boost", "Bonus of an entry within the window.", 0, 100,
                      1.5),
  };

  static Status Score(const AttentionCall& call, double* out) {
    Scores scores = ruvector::attention::Similarities(call, out);
    const auto times = Column(call.timestamps_ms(), call.count());
    const double now = std::isnan(call.query_timestamp_ms())
                           ? times.maxCoeff()
                           : call.query_timestamp_ms();
    scores += call.parameter(kBoost) *
              ((times - now).abs() < call.parameter(kWindowMs)).cast<double>();
    return Status();
  }
};

}  // namespace

RUVECTOR_ATTENTION_PLUGIN(TemporalBtsp)
