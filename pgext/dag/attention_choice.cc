// SQL: any mechanism by name, `auto`, and what `auto` has learned.
//
// The rewards are in ruvector_dag.attention_arms, so that every backend chooses
// by the same knowledge and keeps it.
#include <array>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/attention/bandit.h"
#include "core/attention/context_document.h"
#include "core/attention/ensemble.h"
#include "core/base/rng.h"
#include "core/base/status_macros.h"
#include "nlohmann/json.hpp"
#include "pgext/bridge/arguments.h"
#include "pgext/bridge/extension.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/result_set.h"
#include "pgext/bridge/spi.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/dag/attention_arguments.h"
#include "pgext/dag/attention_call.h"
#include "pgext/plugins/server_mechanisms.h"

namespace ruvector::dag {
namespace {

using attention::AttentionRequest;
using attention::AttentionResult;
using attention::Bandit;
using attention::ContextDocument;
using attention::Mechanism;

absl::Status Bad(std::string_view message, std::string_view hint = {}) {
  return pg::PgError(ERRCODE_INVALID_PARAMETER_VALUE, message, {}, hint);
}

absl::StatusOr<Bandit> StoredArms() {
  pg::AsExtensionOwner owner;
  RV_RETURN_IF_ERROR(owner.Begin());
  pg::SpiSession spi;
  RV_RETURN_IF_ERROR(spi.Connect());
  RV_ASSIGN_OR_RETURN(const pg::SpiRows rows,
                      spi.Query("SELECT mechanism, pulls, reward_sum"
                                " FROM ruvector_dag.attention_arms"));
  Bandit::Arms arms;
  for (size_t i = 0; i < rows.size(); ++i) {
    arms[rows.TextOr(i, 0, "")] = {rows.Real(i, 1).value_or(0),
                                   rows.Real(i, 2).value_or(0)};
  }
  return Bandit(std::move(arms));
}

absl::StatusOr<Rng> Chance(const ContextDocument& context) {
  if (context.seed.has_value())
    return Rng(static_cast<uint64_t>(*context.seed));
  uint64_t seed = 0;
  if (!pg_strong_random(&seed, sizeof(seed))) {
    return absl::UnavailableError("the server has no random numbers");
  }
  return Rng(seed);
}

struct Answer {
  std::string mechanism;
  AttentionResult result;
};

absl::StatusOr<Answer> Auto(const ContextDocument& context,
                            const AttentionRequest& request) {
  RV_ASSIGN_OR_RETURN(const auto registry, plugins::AllMechanisms());
  RV_ASSIGN_OR_RETURN(const Bandit bandit, StoredArms());
  RV_ASSIGN_OR_RETURN(Rng rng, Chance(context));
  attention::BanditOptions options;
  options.exploration = context.exploration.value_or(options.exploration);
  RV_ASSIGN_OR_RETURN(
      const Mechanism chosen,
      bandit.Choose(attention::Applicable(registry, request), options, rng));
  RV_ASSIGN_OR_RETURN(AttentionResult result, AttendWith(chosen, request));
  return Answer{chosen.name(), std::move(result)};
}

absl::StatusOr<AttentionResult> Together(const ContextDocument& context,
                                         const AttentionRequest& request) {
  if (!context.mechanisms.has_value() || context.mechanisms->empty()) {
    return Bad("mechanism \"ensemble\" needs \"mechanisms\" in \"context\"",
               "Give their names: {\"mechanisms\": [\"topological\"]}.");
  }
  std::vector<Mechanism> members;
  for (const std::string& name : *context.mechanisms) {
    RV_ASSIGN_OR_RETURN(Mechanism member, plugins::FindMechanism(name));
    members.push_back(std::move(member));
  }
  return attention::Ensemble(members, context.weights, request);
}

// Options of one way of choosing are no options of another.
absl::Status CheckOptions(std::string_view mechanism,
                          const ContextDocument& context) {
  const auto only = [&](bool given, const char* key, const char* of) {
    if (!given || mechanism == of) return absl::OkStatus();
    return Bad(absl::StrCat("\"context\" has \"", key,
                            "\", which is an option of \"", of, "\" only"));
  };
  RV_RETURN_IF_ERROR(
      only(context.mechanisms.has_value(), "mechanisms", "ensemble"));
  RV_RETURN_IF_ERROR(only(!context.weights.empty(), "weights", "ensemble"));
  RV_RETURN_IF_ERROR(
      only(context.exploration.has_value(), "exploration", "auto"));
  return only(context.seed.has_value(), "seed", "auto");
}

// Arguments from `first` on: query, keys, context.
absl::StatusOr<Answer> Attend(FunctionCallInfo fcinfo, int first,
                              const std::string& name) {
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo, first, "query"));
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo, first + 1, "keys"));
  RV_ASSIGN_OR_RETURN(const std::string json,
                      pg::JsonbArgument(fcinfo, first + 2, "context"));
  Vectors vectors;
  RV_RETURN_IF_ERROR(vectors.Read(fcinfo, first, "query", first + 1, "keys"));
  RV_ASSIGN_OR_RETURN(const ContextDocument context,
                      attention::ParseContext(json));
  RV_RETURN_IF_ERROR(CheckOptions(name, context));
  AttentionRequest request;
  context.Lend(request);
  request.query = vectors.query();
  request.keys = vectors.keys();
  if (name == "auto") return Auto(context, request);
  if (name == "ensemble") {
    RV_ASSIGN_OR_RETURN(AttentionResult result, Together(context, request));
    return Answer{name, std::move(result)};
  }
  RV_ASSIGN_OR_RETURN(const Mechanism mechanism, plugins::FindMechanism(name));
  RV_ASSIGN_OR_RETURN(AttentionResult result, AttendWith(mechanism, request));
  return Answer{name, std::move(result)};
}

// The array's text, in which every number reads back the same.
std::string RealArrayText(const std::vector<float>& values) {
  return absl::StrCat("{",
                      absl::StrJoin(values, ",",
                                    [](std::string* text, float value) {
                                      std::array<char, 32> buffer;
                                      const auto end = std::to_chars(
                                          buffer.data(),
                                          buffer.data() + buffer.size(), value);
                                      text->append(buffer.data(), end.ptr);
                                    }),
                      "}");
}

std::string TextArrayText(const std::vector<std::string>& names) {
  return absl::StrCat("{", absl::StrJoin(names, ","), "}");  // [a-z0-9_]
}

std::string ParametersJson(const plugin::PluginDescription& description) {
  nlohmann::ordered_json all = nlohmann::ordered_json::object();
  for (const auto& p : description.parameters) {
    if (!p.number.has_value()) continue;
    all[p.name] = {{"default", *p.number},
                   {"minimum", p.minimum},
                   {"maximum", p.maximum},
                   {"description", p.description}};
  }
  return all.dump();
}

}  // namespace
}  // namespace ruvector::dag

// (mechanism, query, keys, context) -> real[]
RV_SQL_FUNCTION(ruvector_attention) {
  using namespace ruvector;
  constexpr const char* kRequired[] = {"mechanism", "query", "keys", "context"};
  RV_RETURN_IF_ERROR(dag::RequireArguments(fcinfo, kRequired));
  RV_ASSIGN_OR_RETURN(const std::string name,
                      pg::TextArgument(fcinfo, 0, "mechanism"));
  RV_ASSIGN_OR_RETURN(const dag::Answer answer, dag::Attend(fcinfo, 1, name));
  return dag::RealArrayDatum(answer.result.weights);
}

// (query, keys, context) -> (mechanism, weights)
RV_SQL_FUNCTION(ruvector_attention_auto) {
  using namespace ruvector;
  pg::RowBuilder row;
  {
    constexpr const char* kRequired[] = {"query", "keys", "context"};
    RV_RETURN_IF_ERROR(dag::RequireArguments(fcinfo, kRequired));
    RV_ASSIGN_OR_RETURN(const dag::Answer answer,
                        dag::Attend(fcinfo, 0, "auto"));
    row.Text(answer.mechanism);
    row.Text(dag::RealArrayText(answer.result.weights));
  }
  return row.Finish(fcinfo);
}

// (mechanism, reward double precision) -> void
RV_SQL_FUNCTION(ruvector_attention_reward) {
  using namespace ruvector;
  constexpr const char* kRequired[] = {"mechanism", "reward"};
  RV_RETURN_IF_ERROR(dag::RequireArguments(fcinfo, kRequired));
  RV_ASSIGN_OR_RETURN(const std::string name,
                      pg::TextArgument(fcinfo, 0, "mechanism"));
  const double reward = PG_GETARG_FLOAT8(1);
  if (!(reward >= 0 && reward <= 1)) {
    return dag::Bad(
        absl::StrCat("argument \"reward\" is ", reward, ", expected 0 to 1"));
  }
  RV_RETURN_IF_ERROR(plugins::FindMechanism(name).status());
  RV_RETURN_IF_ERROR(pg::RequireWritable("ruvector_attention_reward()"));
  pg::AsExtensionOwner owner;
  RV_RETURN_IF_ERROR(owner.Begin());
  pg::SpiSession spi;
  RV_RETURN_IF_ERROR(spi.Connect());
  RV_RETURN_IF_ERROR(
      spi.Execute("INSERT INTO ruvector_dag.attention_arms AS a"
                  " (mechanism, pulls, reward_sum)"
                  " VALUES ($1, 1, $2::pg_catalog.float8)"
                  " ON CONFLICT (mechanism) DO UPDATE SET"
                  " pulls = a.pulls + 1,"
                  " reward_sum = a.reward_sum + excluded.reward_sum,"
                  " updated_at = pg_catalog.clock_timestamp()",
                  {pg::SqlText(name), pg::SqlReal(reward)})
          .status());
  return Datum{0};
}

// () -> a row for each mechanism that is loaded
RV_SQL_FUNCTION(ruvector_attention_mechanisms) {
  using namespace ruvector;
  pg::RowSet rows;
  RV_RETURN_IF_ERROR(rows.Begin(fcinfo));
  RV_ASSIGN_OR_RETURN(const auto registry, plugins::AllMechanisms());
  RV_ASSIGN_OR_RETURN(const attention::Bandit bandit, dag::StoredArms());
  for (const attention::Mechanism& mechanism : registry.All()) {
    const plugin::PluginDescription& d = mechanism.description();
    pg::RowBuilder row;
    row.Text(d.name);
    row.Text(d.description);
    row.Text(dag::TextArrayText(d.handles));
    row.Text(dag::TextArrayText(
        attention::ContextNames(d.attention->context_required)));
    row.Text(
        dag::TextArrayText(attention::ContextNames(d.attention->context_used)));
    row.Text(dag::ParametersJson(d));
    const auto arm = bandit.arms().find(d.name);
    const bool known = arm != bandit.arms().end() && arm->second.pulls > 0;
    row.OptionalReal(known ? arm->second.pulls : 0);
    row.OptionalReal(known ? std::optional<double>(arm->second.reward_sum /
                                                   arm->second.pulls)
                           : std::nullopt);
    RV_RETURN_IF_ERROR(rows.Add(row));
  }
  return Datum{0};
}
