// Who keeps vacuum from doing its work, and how old transactions got.
#include <algorithm>
#include <array>
#include <vector>

#include "core/healing/detector.h"

namespace ruvector::healing {
namespace {

struct KindRow {
  BlockerKind kind;
  Cause cause;
  const char* subject;
  const char* source;
};
constexpr std::array<KindRow, 4> kKinds = {{
    {BlockerKind::kSnapshot, Cause::kHeldBySnapshot, "session",
     "pg_stat_activity: backend_xmin, backend_xid"},
    {BlockerKind::kPrepared, Cause::kHeldByPrepared, "transaction",
     "pg_prepared_xacts"},
    {BlockerKind::kSlot, Cause::kHeldBySlot, "slot",
     "pg_replication_slots: xmin, catalog_xmin"},
    {BlockerKind::kStandby, Cause::kHeldByStandby, "replica",
     "pg_stat_replication.backend_xmin"},
}};

Subject BlockerSubject(const VacuumBlocker& blocker, const char* kind) {
  if (blocker.kind == BlockerKind::kSlot) return SlotSubject(blocker.name);
  if (blocker.kind == BlockerKind::kStandby) {
    return ReplicaSubject(blocker.name);
  }
  Subject subject;
  subject.kind = kind;
  subject.name = blocker.name;
  return subject;
}

// Of everyone who holds the horizon, not of the oldest alone: when that one is
// gone, the next one holds it.
Known BlockerDegree(const Context& context, const VacuumBlocker& blocker) {
  const HealingLimits& limits = context.limits;
  const Known age = ToDouble(blocker.age_xids);
  const Known alone = LogDegree(age, limits.held_alone);
  bool stuck = false;
  for (size_t i = 0; i < context.tables.size(); ++i) {
    stuck = stuck || context.StuckBehind(blocker, i);
  }
  if (!stuck) return alone;
  const Known seconds = ToSeconds(blocker.age);
  if (seconds.has_value() && *seconds < limits.held_with_debt_min_s) {
    return alone;
  }
  return Larger(alone, LogDegree(age, limits.held_with_debt));
}

}  // namespace

void DetectVacuumBlockers(const Context& context,
                          std::vector<Problem>* problems) {
  if (!context.in.vacuum_blockers.has_value()) return;
  for (const KindRow& row : kKinds) {
    Finding finding(row.cause, context.limits);
    for (const VacuumBlocker& blocker : *context.in.vacuum_blockers) {
      if (blocker.kind != row.kind) continue;
      const Known degree = BlockerDegree(context, blocker);
      if (!degree.has_value()) continue;
      const Known age = ToDouble(blocker.age_xids);
      finding.Note("age_xids", blocker.name, age, row.source,
                   *age < context.limits.held_alone.fire
                       ? context.limits.held_with_debt.fire
                       : context.limits.held_alone.fire);
      finding.Note("age_s", blocker.name, ToSeconds(blocker.age), row.source);
      finding.Note("detail", blocker.name, blocker.detail, row.source);
      finding.Blame(BlockerSubject(blocker, row.subject), *degree,
                    static_cast<double>(*blocker.age_xids));
    }
    std::move(finding).AddTo(problems);
  }
}

void DetectXidAge(const Context& context, std::vector<Problem>* problems) {
  const HealingLimits& limits = context.limits;
  const char* source =
      "pg_class.relfrozenxid over autovacuum_freeze_max_age of the table";
  Finding finding(Cause::kXidAge, limits);
  for (const graph::TableObservation& table : context.now.tables) {
    if (table.carried || !table.xid_age.has_value() ||
        table.freeze_max_age.value_or(0) <= 0) {
      continue;
    }
    const double over = static_cast<double>(*table.xid_age) /
                        static_cast<double>(*table.freeze_max_age);
    const Known degree = Degree(over, limits.xid_age_over_freeze);
    if (!degree.has_value()) continue;
    finding.Note("xid_age", table.name, ToDouble(table.xid_age), source);
    finding.Note("over_freeze_max_age", table.name, over, source);
    Subject subject = PartitionSubject(table);
    subject.nodes.push_back(
        {graph::NodeType::kMaintenanceDep, graph::kXidAge, ""});
    finding.Blame(std::move(subject), *degree, over);
  }
  // The database or the cluster as a whole, near the age at which it stops.
  if (!context.now.xid.carried) {
    const graph::Health health =
        graph::XidHealth(context.now.xid, {}, limits.health);
    const Known degree = HealthDegree(health.value, 0, limits.health.band);
    if (degree.has_value()) {
      for (const graph::Aspect& aspect : health.aspects) {
        finding.Note(aspect, "transaction age");
      }
      finding.Blame(
          DependencySubject("dependency", "transaction age", graph::kXidAge),
          *degree, 1);
    }
  }
  std::move(finding).AddTo(problems);
}

}  // namespace ruvector::healing
