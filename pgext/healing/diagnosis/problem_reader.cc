#include "pgext/healing/diagnosis/problem_reader.h"

#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "core/base/status_macros.h"
#include "core/gate/state.h"
#include "nlohmann/json.hpp"

namespace ruvector::healing {
namespace {

using nlohmann::json;
using pg::SpiRows;

// Our own rows; of what someone else wrote into them, what can be understood.
std::vector<IncidentSubject> SubjectsOf(const std::string& text) {
  std::vector<IncidentSubject> subjects;
  const json parsed = json::parse(text, nullptr, false);
  if (!parsed.is_array()) return subjects;
  for (const json& one : parsed) {
    if (!one.is_object()) continue;
    const auto kind = one.find("kind"), name = one.find("name"),
               share = one.find("share");
    if (kind == one.end() || !kind->is_string() || name == one.end() ||
        !name->is_string()) {
      continue;
    }
    subjects.push_back({kind->get<std::string>(), name->get<std::string>(),
                        share != one.end() && share->is_number()
                            ? share->get<double>()
                            : std::numeric_limits<double>::quiet_NaN()});
  }
  return subjects;
}

}  // namespace

absl::StatusOr<std::vector<CollectionDiagnosis>> ReadProblems(
    pg::SpiSession& spi) {
  RV_ASSIGN_OR_RETURN(
      const SpiRows passes,
      spi.Query("SELECT d.collection_id, c.name, d.pass,"
                " (EXTRACT(epoch FROM d.at) * 1000000)::int8"
                " FROM ruvector.diagnoses d"
                " JOIN ruvector.collections c ON c.id = d.collection_id"
                " ORDER BY d.collection_id"));
  std::vector<CollectionDiagnosis> diagnoses;
  std::map<std::string, size_t> position;
  for (size_t i = 0; i < passes.size(); ++i) {
    CollectionDiagnosis one;
    one.collection_id = static_cast<int32_t>(passes.Int(i, 0).value_or(0));
    one.collection = passes.TextOr(i, 1, "");
    one.pass = passes.Int(i, 2).value_or(0);
    one.at = absl::FromUnixMicros(passes.Int(i, 3).value_or(0));
    position[one.collection] = diagnoses.size();
    diagnoses.push_back(std::move(one));
  }
  RV_ASSIGN_OR_RETURN(
      const SpiRows rows,
      spi.Query("SELECT collection, problem_class, cause, severity, confidence,"
                " gate_state, subjects::text FROM ruvector.problems"
                " WHERE resolved_at IS NULL AND confirmed"
                " AND explained_by IS NULL ORDER BY collection, rank, id"));
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto found = position.find(rows.TextOr(i, 0, ""));
    if (found == position.end()) continue;
    Incident incident;
    incident.collection = found->first;
    incident.problem_class = rows.TextOr(i, 1, "");
    incident.cause = rows.TextOr(i, 2, "");
    incident.severity = rows.Real(i, 3).value_or(0);
    incident.confidence = rows.Real(i, 4).value_or(0);
    incident.gate_state = static_cast<uint32_t>(
        gate::ParseState(rows.TextOr(i, 5, "")).value_or(gate::State::kNormal));
    incident.subjects = SubjectsOf(rows.TextOr(i, 6, "[]"));
    diagnoses[found->second].problems.push_back(std::move(incident));
  }
  return diagnoses;
}

}  // namespace ruvector::healing
