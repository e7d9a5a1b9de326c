#include "core/healing/detector.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace ruvector::healing {

using graph::NodeType;

Context::Context(const Situation& situation, const HealingLimits& limits)
    : in(situation),
      limits(limits),
      now(*situation.now),
      delta(graph::Between(situation.previous, now)),
      traffic(graph::Traffic(now, delta, limits.health)) {
  for (size_t i = 0; i < now.tables.size(); ++i) {
    const graph::TableObservation& table = now.tables[i];
    tables.emplace_back();
    if (table.carried || table.access != graph::Access::kReadable) continue;
    tables.back() = graph::TableHealth(table, traffic[i], limits.health);
  }
}

const graph::TableObservation* Context::Table(uint32_t oid) const {
  for (const graph::TableObservation& table : now.tables) {
    if (table.oid == oid) return &table;
  }
  return nullptr;
}

bool Context::StuckBehind(const VacuumBlocker& blocker, size_t table) const {
  if (blocker.catalogs_only || !tables[table].has_value()) return false;
  const graph::Aspect* debt = FindAspect(*tables[table], "vacuum_debt");
  if (!HealthDegree(debt->health, 0, limits.health.band).has_value()) {
    return false;
  }
  const std::optional<absl::Time> vacuumed = now.tables[table].last_vacuum;
  if (!vacuumed.has_value()) return true;
  const absl::Duration recent = absl::Seconds(limits.held_last_vacuum_s);
  return now.at - *vacuumed <= std::min(blocker.age.value_or(recent), recent);
}

Known Degree(Known value, const Scale& scale) {
  if (!value.has_value() || !(*value >= scale.fire)) return std::nullopt;
  return std::min(1.0, (*value - scale.fire) / (scale.worst - scale.fire));
}

Known LogDegree(Known value, const Scale& scale) {
  if (!value.has_value() || !(*value >= scale.fire)) return std::nullopt;
  return std::min(
      1.0, std::log(*value / scale.fire) / std::log(scale.worst / scale.fire));
}

Known HealthDegree(Known health, double worst, const graph::Band& band) {
  if (!health.has_value() || !(*health < band.high)) return std::nullopt;
  return std::min(1.0, (band.high - *health) / (band.high - worst));
}

Known Larger(Known a, Known b) {
  if (!a.has_value()) return b;
  return b.has_value() ? std::max(*a, *b) : a;
}

Known ToDouble(std::optional<int64_t> value) {
  if (!value.has_value()) return std::nullopt;
  return static_cast<double>(*value);
}

Known ToSeconds(std::optional<absl::Duration> value) {
  if (!value.has_value()) return std::nullopt;
  return absl::ToDoubleSeconds(*value);
}

const graph::Aspect* FindAspect(const graph::Health& health,
                                absl::string_view name) {
  for (const graph::Aspect& aspect : health.aspects) {
    if (name == aspect.name) return &aspect;
  }
  return nullptr;
}

void Finding::Blame(Subject subject, double degree, double weight) {
  degree_ = std::max(degree_, degree);
  subject.share = weight;
  problem_.subjects.push_back(std::move(subject));
}

void Finding::Note(std::string key, std::string subject, Known value,
                   std::string source, Known threshold) {
  if (!value.has_value() || !std::isfinite(*value)) return;
  problem_.evidence.push_back({std::move(key), std::move(subject), *value,
                               std::move(source), threshold});
}

void Finding::Note(std::string key, std::string subject, std::string text,
                   std::string source) {
  if (text.empty()) return;
  problem_.evidence.push_back(
      {std::move(key), std::move(subject), std::move(text), std::move(source)});
}

void Finding::Note(const graph::Aspect& aspect, const std::string& subject) {
  Note(absl::StrCat(aspect.name, "_health"), subject, aspect.health,
       aspect.source, limits_.health.band.high);
  for (const auto& [name, value] : aspect.values) {
    Note(name, subject, value, aspect.source);
  }
}

void Finding::AddTo(std::vector<Problem>* problems) && {
  std::vector<Subject>& subjects = problem_.subjects;
  if (subjects.empty()) return;
  double sum = 0;
  for (const Subject& subject : subjects) sum += subject.share;
  for (Subject& subject : subjects) {
    subject.share = sum > 0 ? subject.share / sum
                            : 1 / static_cast<double>(subjects.size());
  }
  std::stable_sort(
      subjects.begin(), subjects.end(),
      [](const Subject& a, const Subject& b) { return a.share > b.share; });
  problem_.subjects_found = static_cast<int64_t>(subjects.size());
  problem_.severity = kLeastSeverity + (1 - kLeastSeverity) * degree_;
  const double margin = std::min(1.0, degree_ / limits_.sure_degree);
  problem_.confidence =
      quality_ * (limits_.confidence_at_threshold +
                  (1 - limits_.confidence_at_threshold) * margin);
  problems->push_back(std::move(problem_));
}

Subject PartitionSubject(const graph::TableObservation& table) {
  Subject subject;
  subject.kind = "partition";
  subject.name = table.name;
  subject.oid = table.oid;
  subject.nodes = {{NodeType::kPartition, table.oid, ""}};
  return subject;
}

Subject IndexSubject(std::string name, uint32_t oid, uint32_t table_oid) {
  Subject subject;
  subject.kind = "index";
  subject.name = std::move(name);
  subject.oid = oid;
  subject.table_oid = table_oid;
  subject.nodes = {{NodeType::kPartition, table_oid, ""}};
  return subject;
}

Subject ReplicaSubject(const std::string& name) {
  Subject subject;
  subject.kind = "replica";
  subject.name = name;
  subject.nodes = {{NodeType::kReplicationTarget, 0, name}};
  return subject;
}

Subject SlotSubject(const std::string& name) {
  Subject subject;
  subject.kind = "slot";
  subject.name = name;
  subject.nodes = {
      {NodeType::kReplicationTarget, 0, absl::StrCat("slot ", name)}};
  return subject;
}

Subject DependencySubject(const char* kind, std::string name, int64_t id) {
  Subject subject;
  subject.kind = kind;
  subject.name = std::move(name);
  subject.nodes = {{NodeType::kMaintenanceDep, id, ""}};
  return subject;
}

}  // namespace ruvector::healing
