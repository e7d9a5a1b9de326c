#include "pgext/healing/diagnosis/problem_store.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/graph/witness.h"
#include "nlohmann/json.hpp"
#include "pgext/boot/settings.h"

namespace ruvector::healing {
namespace {

using nlohmann::ordered_json;
using pg::SpiRows;
using pg::SqlInt;
using pg::SqlReal;
using pg::SqlText;

constexpr int kWitnessShown = 20;

std::string Dump(const ordered_json& json) {
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

pg::SqlParam SqlTime(absl::Time time) {
  return SqlText(
      absl::FormatTime("%Y-%m-%d %H:%M:%E6S+00", time, absl::UTCTimeZone()));
}

std::string SubjectsJson(const Problem& problem) {
  ordered_json subjects = ordered_json::array();
  for (const Subject& subject : problem.subjects) {
    ordered_json one{{"kind", subject.kind},
                     {"name", subject.name},
                     {"share", subject.share}};
    if (subject.oid != 0) one["oid"] = subject.oid;
    if (subject.table_oid != 0) one["table_oid"] = subject.table_oid;
    subjects.push_back(std::move(one));
  }
  return Dump(subjects);
}

std::string EvidenceJson(const ShownProblem& shown) {
  ordered_json metrics = ordered_json::array();
  for (const Evidence& evidence : shown.problem.evidence) {
    ordered_json one{{"metric", evidence.key}};
    if (!evidence.subject.empty()) one["subject"] = evidence.subject;
    std::visit([&one](const auto& value) { one["value"] = value; },
               evidence.value);
    if (evidence.threshold.has_value()) one["threshold"] = *evidence.threshold;
    one["source"] = evidence.source;
    metrics.push_back(std::move(one));
  }
  ordered_json evidence{{"metrics", std::move(metrics)}};
  evidence["witness_edges"] = ordered_json::array();
  if (shown.graph != nullptr && !shown.problem.witness.empty()) {
    graph::Assessment touched = *shown.assessment;
    touched.witness = shown.problem.witness;
    evidence["witness_edges"] = ordered_json::parse(
        graph::WitnessJson(*shown.graph, touched, kWitnessShown), nullptr,
        false);
  }
  return Dump(evidence);
}

// $1 .. $13 of both statements.
std::vector<pg::SqlParam> ShownParams(const OpenProblem& row,
                                      const ShownProblem& shown) {
  const Problem& problem = shown.problem;
  return {SqlReal(problem.severity),
          SqlReal(problem.confidence),
          SqlInt(int64_t{shown.rank}),
          pg::SqlBool(row.confirmed),
          shown.explained != nullptr
              ? SqlText(std::string(ToString(shown.explained->cause)))
              : pg::SqlNullParam(),
          SqlText(problem.explanation),
          SqlText(std::string(gate::StateName(shown.state))),
          SqlText(SubjectsJson(problem)),
          SqlInt(problem.subjects_found),
          SqlText(EvidenceJson(shown)),
          SqlInt(int64_t{row.passes}),
          SqlInt(int64_t{row.missed}),
          SqlTime(shown.at)};
}

}  // namespace

absl::StatusOr<OpenProblems> LoadOpenProblems(pg::SpiSession& spi,
                                              const std::string& collection) {
  RV_ASSIGN_OR_RETURN(
      const SpiRows rows,
      spi.Query("SELECT id, cause, passes, missed, confirmed,"
                " (EXTRACT(epoch FROM first_seen) * 1000000)::int8,"
                " subjects::text FROM ruvector.problems"
                " WHERE collection = $1 AND resolved_at IS NULL",
                {SqlText(collection)}));
  OpenProblems open;
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::optional<Cause> cause = ParseCause(rows.TextOr(i, 1, ""));
    if (!cause.has_value()) continue;
    OpenProblem& row = open[*cause];
    row.id = rows.Int(i, 0).value_or(0);
    row.passes = static_cast<int>(rows.Int(i, 2).value_or(1));
    row.missed = static_cast<int>(rows.Int(i, 3).value_or(0));
    row.confirmed = rows.Bool(i, 4).value_or(false);
    row.first_seen = absl::FromUnixMicros(rows.Int(i, 5).value_or(0));
    const ordered_json subjects =
        ordered_json::parse(rows.TextOr(i, 6, "[]"), nullptr, false);
    if (!subjects.is_array()) continue;
    for (const ordered_json& one : subjects) {
      if (one.is_object() && one.contains("name") && one["name"].is_string()) {
        row.subjects.insert(one["name"].get<std::string>());
      }
    }
  }
  return open;
}

absl::StatusOr<int64_t> InsertProblem(pg::SpiSession& spi,
                                      const std::string& collection,
                                      const OpenProblem& row,
                                      const ShownProblem& shown) {
  std::vector<pg::SqlParam> params = ShownParams(row, shown);
  params.push_back(SqlText(collection));
  params.push_back(
      SqlText(std::string(ToString(shown.problem.problem_class()))));
  params.push_back(SqlText(std::string(ToString(shown.problem.cause))));
  params.push_back(SqlTime(row.first_seen));
  RV_ASSIGN_OR_RETURN(
      const SpiRows rows,
      spi.Query("INSERT INTO ruvector.problems (severity, confidence, rank,"
                " confirmed, explained_by, explanation, gate_state, subjects,"
                " subjects_found, evidence, passes, missed, last_seen,"
                " confirmed_at, collection, problem_class, cause, first_seen)"
                " VALUES ($1::float4, $2::float4, $3::int4, $4::bool, $5, $6,"
                " $7, $8::jsonb, $9::int8, $10::jsonb, $11::int4, $12::int4,"
                " $13::timestamptz, CASE WHEN $4::bool THEN"
                " $13::timestamptz END, $14, $15, $16, $17::timestamptz)"
                " RETURNING id",
                params));
  return rows.Int(0, 0).value_or(0);
}

absl::StatusOr<bool> UpdateProblem(pg::SpiSession& spi, const OpenProblem& row,
                                   const ShownProblem& shown) {
  std::vector<pg::SqlParam> params = ShownParams(row, shown);
  params.push_back(SqlInt(row.id));
  RV_ASSIGN_OR_RETURN(
      const int64_t updated,
      spi.Execute("UPDATE ruvector.problems SET severity = $1::float4,"
                  " confidence = $2::float4, rank = $3::int4,"
                  " confirmed = $4::bool, explained_by = $5, explanation = $6,"
                  " gate_state = $7, subjects = $8::jsonb,"
                  " subjects_found = $9::int8, evidence = $10::jsonb,"
                  " passes = $11::int4, missed = $12::int4,"
                  " last_seen = $13::timestamptz, confirmed_at ="
                  " CASE WHEN $4::bool THEN COALESCE(confirmed_at,"
                  " $13::timestamptz) END WHERE id = $14::int8",
                  params));
  return updated > 0;
}

absl::Status MissProblem(pg::SpiSession& spi, const OpenProblem& row) {
  return spi
      .Execute(
          "UPDATE ruvector.problems SET missed = $2::int4"
          " WHERE id = $1::int8",
          {SqlInt(row.id), SqlInt(int64_t{row.missed})})
      .status();
}

absl::Status CloseProblem(pg::SpiSession& spi, const std::string& collection,
                          const OpenProblem& row, absl::Time at) {
  if (!row.confirmed) {
    return spi
        .Execute("DELETE FROM ruvector.problems WHERE id = $1::int8",
                 {SqlInt(row.id)})
        .status();
  }
  RV_RETURN_IF_ERROR(
      spi.Execute("UPDATE ruvector.problems SET missed ="
                  " $2::int4, resolved_at = $3::timestamptz"
                  " WHERE id = $1::int8",
                  {SqlInt(row.id), SqlInt(int64_t{row.missed}), SqlTime(at)})
          .status());
  const absl::Time oldest = at - absl::Minutes(settings::problem_retention);
  return spi
      .Execute(
          "DELETE FROM ruvector.problems WHERE collection = $1"
          " AND resolved_at < $2::timestamptz",
          {SqlText(collection), SqlTime(oldest)})
      .status();
}

absl::StatusOr<int64_t> NotePass(
    pg::SpiSession& spi, int32_t collection_id, absl::Time at,
    double milliseconds, const std::map<std::string, std::string>& unread) {
  ordered_json missing = ordered_json::object();
  for (const auto& [what, why] : unread) missing[what] = why;
  RV_ASSIGN_OR_RETURN(
      const SpiRows rows,
      spi.Query("INSERT INTO ruvector.diagnoses AS d (collection_id, pass, at,"
                " milliseconds, unread) VALUES ($1::int4, 1,"
                " $2::timestamptz, $3::float4, $4::jsonb)"
                " ON CONFLICT (collection_id) DO UPDATE SET pass = d.pass + 1,"
                " at = excluded.at, milliseconds = excluded.milliseconds,"
                " unread = excluded.unread RETURNING pass",
                {SqlInt(int64_t{collection_id}), SqlTime(at),
                 SqlReal(milliseconds), SqlText(Dump(missing))}));
  return rows.Int(0, 0).value_or(0);
}

}  // namespace ruvector::healing
