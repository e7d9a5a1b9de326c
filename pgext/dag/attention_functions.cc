// SQL: a function for each built-in mechanism, and the ensemble. Each stands
// for two overloads, (real[], real[]) and (vector, vector[]).
//
// The names and the order of the arguments are the specification's; each is
// the mechanism's parameter or context array of the plugin's header.
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "core/attention/context_document.h"
#include "core/attention/ensemble.h"
#include "core/base/status_macros.h"
#include "pgext/bridge/arguments.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/dag/attention_arguments.h"
#include "pgext/dag/attention_call.h"
#include "pgext/plugins/server_mechanisms.h"

namespace {

constexpr double kMaxInt = std::numeric_limits<int32_t>::max();
constexpr double kMaxDouble = std::numeric_limits<double>::max();

}  // namespace

// (query, ancestors, config jsonb?)
RV_SQL_FUNCTION(ruvector_attention_topological) {
  using namespace ruvector;
  constexpr const char* kRequired[] = {"query", "ancestors"};
  dag::AttentionCall call;
  RV_RETURN_IF_ERROR(call.Begin(fcinfo, "topological", kRequired));
  attention::ContextDocument config;
  if (!PG_ARGISNULL(2)) {
    RV_ASSIGN_OR_RETURN(const std::string json,
                        pg::JsonbArgument(fcinfo, 2, "config"));
    RV_ASSIGN_OR_RETURN(config, attention::ParseConfig(json));
    config.Lend(call.request);
  }
  return call.Weights();
}

// (query, ancestors, depths integer[], decay_rate real, max_depth integer)
RV_SQL_FUNCTION(ruvector_attention_causal_cone) {
  using namespace ruvector;
  constexpr const char* kRequired[] = {"query", "ancestors", "depths",
                                       "decay_rate", "max_depth"};
  dag::AttentionCall call;
  RV_RETURN_IF_ERROR(call.Begin(fcinfo, "causal_cone", kRequired));
  RV_ASSIGN_OR_RETURN(call.request.hops,
                      dag::NumbersArgument<int32_t>(fcinfo, 2, "depths",
                                                    call.count(), 0, kMaxInt));
  RV_RETURN_IF_ERROR(call.Parameter(fcinfo, 3, "decay_rate"));
  RV_RETURN_IF_ERROR(call.SetParameter("max_depth", PG_GETARG_INT32(4)));
  return call.Weights();
}

// (query, ancestors, is_critical boolean[], boost real)
RV_SQL_FUNCTION(ruvector_attention_critical_path) {
  using namespace ruvector;
  constexpr const char* kRequired[] = {"query", "ancestors", "is_critical",
                                       "boost"};
  dag::AttentionCall call;
  RV_RETURN_IF_ERROR(call.Begin(fcinfo, "critical_path", kRequired));
  RV_ASSIGN_OR_RETURN(
      call.request.on_critical_path,
      dag::FlagsArgument(fcinfo, 2, "is_critical", call.count()));
  RV_RETURN_IF_ERROR(call.Parameter(fcinfo, 3, "boost"));
  return call.Weights();
}

// (query, ancestors, criticalities real[], threshold real)
RV_SQL_FUNCTION(ruvector_attention_mincut_gated) {
  using namespace ruvector;
  constexpr const char* kRequired[] = {"query", "ancestors", "criticalities",
                                       "threshold"};
  dag::AttentionCall call;
  RV_RETURN_IF_ERROR(call.Begin(fcinfo, "mincut_gated", kRequired));
  RV_ASSIGN_OR_RETURN(call.request.criticalities,
                      dag::NumbersArgument<float>(fcinfo, 2, "criticalities",
                                                  call.count(), 0, 1));
  RV_RETURN_IF_ERROR(call.Parameter(fcinfo, 3, "threshold"));
  return call.Weights();
}

// (query, ancestors, depths integer[], curvature real, temperature real)
RV_SQL_FUNCTION(ruvector_attention_hierarchical_lorentz) {
  using namespace ruvector;
  constexpr const char* kRequired[] = {"query", "ancestors", "depths",
                                       "curvature", "temperature"};
  dag::AttentionCall call;
  RV_RETURN_IF_ERROR(call.Begin(fcinfo, "hierarchical_lorentz", kRequired));
  RV_ASSIGN_OR_RETURN(call.request.depths,
                      dag::NumbersArgument<int32_t>(fcinfo, 2, "depths",
                                                    call.count(), 0, kMaxInt));
  // The space is hyperbolic either way: the sign may be left out.
  RV_RETURN_IF_ERROR(
      call.SetParameter("curvature", -std::abs(double{PG_GETARG_FLOAT4(3)})));
  RV_RETURN_IF_ERROR(call.Parameter(fcinfo, 4, "temperature"));
  return call.Weights();
}

// (query, ancestors, parallel_nodes, common_ancestor_mask boolean[],
//  cross_weight real, common_boost real): the ancestors' weights, then the
// parallel nodes'
RV_SQL_FUNCTION(ruvector_attention_parallel_branch) {
  using namespace ruvector;
  constexpr const char* kRequired[] = {"query",          "ancestors",
                                       "parallel_nodes", "common_ancestor_mask",
                                       "cross_weight",   "common_boost"};
  dag::AttentionCall call;
  RV_RETURN_IF_ERROR(call.Begin(fcinfo, "parallel_branch", kRequired));
  RV_ASSIGN_OR_RETURN(
      const absl::Span<const uint8_t> mask,
      dag::FlagsArgument(fcinfo, 3, "common_ancestor_mask", call.count()));
  std::vector<uint8_t> common(mask.begin(), mask.end());
  std::vector<uint8_t> parallel(mask.size(), 0);
  RV_ASSIGN_OR_RETURN(const size_t added,
                      call.vectors.Append(fcinfo, 2, "parallel_nodes"));
  common.resize(mask.size() + added, 0);
  parallel.resize(mask.size() + added, 1);
  call.request.is_common_ancestor = common;
  call.request.is_parallel = parallel;
  RV_RETURN_IF_ERROR(call.Parameter(fcinfo, 4, "cross_weight"));
  RV_RETURN_IF_ERROR(call.Parameter(fcinfo, 5, "common_boost"));
  return call.Weights();
}

// (query, ancestors, timestamps double precision[], window_ms real, boost real)
RV_SQL_FUNCTION(ruvector_attention_temporal_btsp) {
  using namespace ruvector;
  constexpr const char* kRequired[] = {"query", "ancestors", "timestamps",
                                       "window_ms", "boost"};
  dag::AttentionCall call;
  RV_RETURN_IF_ERROR(call.Begin(fcinfo, "temporal_btsp", kRequired));
  RV_ASSIGN_OR_RETURN(
      call.request.timestamps_ms,
      dag::NumbersArgument<double>(fcinfo, 2, "timestamps", call.count(),
                                   -kMaxDouble, kMaxDouble));
  RV_RETURN_IF_ERROR(call.Parameter(fcinfo, 3, "window_ms"));
  RV_RETURN_IF_ERROR(call.Parameter(fcinfo, 4, "boost"));
  return call.Weights();
}

// (query, ancestors, attention_types text[], weights real[]?, context jsonb?)
RV_SQL_FUNCTION(ruvector_attention_ensemble) {
  using namespace ruvector;
  constexpr const char* kRequired[] = {"query", "ancestors", "attention_types"};
  RV_RETURN_IF_ERROR(dag::RequireArguments(fcinfo, kRequired));
  dag::Vectors vectors;
  RV_RETURN_IF_ERROR(vectors.Read(fcinfo, 0, "query", 1, "ancestors"));
  RV_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                      dag::TextsArgument(fcinfo, 2, "attention_types"));
  if (names.empty()) {
    return pg::PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                       "argument \"attention_types\" names no mechanism");
  }
  std::vector<attention::Mechanism> members;
  for (const std::string& name : names) {
    RV_ASSIGN_OR_RETURN(attention::Mechanism member,
                        plugins::FindMechanism(name));
    members.push_back(std::move(member));
  }
  std::vector<double> shares;
  if (!PG_ARGISNULL(3)) {
    RV_ASSIGN_OR_RETURN(const absl::Span<const float> given,
                        dag::NumbersArgument<float>(
                            fcinfo, 3, "weights", names.size(), 0, kMaxDouble));
    shares.assign(given.begin(), given.end());
    const absl::Status checked = attention::CheckShares(names.size(), shares);
    if (!checked.ok()) {
      return pg::PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                         absl::StrCat("argument ", checked.message()));
    }
  }
  attention::ContextDocument context;
  attention::AttentionRequest request;
  if (!PG_ARGISNULL(4)) {
    RV_ASSIGN_OR_RETURN(const std::string json,
                        pg::JsonbArgument(fcinfo, 4, "context"));
    RV_ASSIGN_OR_RETURN(context, attention::ParseContext(json));
    if (context.mechanisms.has_value() || !context.weights.empty()) {
      return pg::PgError(
          ERRCODE_INVALID_PARAMETER_VALUE,
          "\"context\" has mechanisms or weights, which are arguments here");
    }
    context.Lend(request);
  }
  request.query = vectors.query();
  request.keys = vectors.keys();
  RV_ASSIGN_OR_RETURN(const attention::AttentionResult result,
                      attention::Ensemble(members, shares, request));
  return dag::RealArrayDatum(result.weights);
}
