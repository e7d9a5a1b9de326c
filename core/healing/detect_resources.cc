// What is bounded and runs out: memory, disks, connections.
#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/healing/detector.h"

namespace ruvector::healing {
namespace {

// Minutes until it is full at the rate since the last pass; nullopt where it is
// not filling, or below the share of use from which on a trend counts.
Known MinutesToFull(const Context& context,
                    const graph::DiskObservation& disk) {
  if (context.in.previous == nullptr || !context.delta.interval.has_value() ||
      !disk.total_bytes.has_value() || !disk.free_bytes.has_value()) {
    return std::nullopt;
  }
  const auto free = static_cast<double>(*disk.free_bytes);
  const auto total = static_cast<double>(*disk.total_bytes);
  if (!(1 - free / total >= context.limits.disk_trend_from_used)) {
    return std::nullopt;
  }
  for (const graph::DiskObservation& before : context.in.previous->disks) {
    if (before.device != disk.device || before.carried ||
        !before.free_bytes.has_value()) {
      continue;
    }
    const double eaten = static_cast<double>(*before.free_bytes) - free;
    if (eaten <= 0) return std::nullopt;
    return free / eaten * absl::ToDoubleMinutes(*context.delta.interval);
  }
  return std::nullopt;
}

}  // namespace

void DetectMemory(const Context& context, std::vector<Problem>* problems) {
  if (!context.in.memory.has_value()) return;
  const Memory& memory = *context.in.memory;
  if (!memory.used_bytes.has_value() || memory.limit_bytes.value_or(0) <= 0) {
    return;
  }
  const double used = static_cast<double>(*memory.used_bytes) /
                      static_cast<double>(*memory.limit_bytes);
  const Known degree = Degree(used, context.limits.memory);
  if (!degree.has_value()) return;
  Finding finding(Cause::kMemoryShort, context.limits);
  finding.Note("used_share", "", used, memory.source,
               context.limits.memory.fire);
  finding.Note("used_bytes", "", ToDouble(memory.used_bytes), memory.source);
  finding.Note("limit_bytes", "", ToDouble(memory.limit_bytes), memory.source);
  for (const Memory::Consumer& consumer : memory.consumers) {
    Subject subject;
    subject.kind = "process";
    subject.name = consumer.name;
    finding.Note("bytes", consumer.name, static_cast<double>(consumer.bytes),
                 "smaps_rollup, settings");
    finding.Blame(std::move(subject), *degree,
                  static_cast<double>(consumer.bytes));
  }
  if (memory.consumers.empty()) finding.Blame(Subject(), *degree, 1);
  std::move(finding).AddTo(problems);
}

void DetectDisks(const Context& context, std::vector<Problem>* problems) {
  const HealingLimits& limits = context.limits;
  Finding finding(Cause::kDiskFilling, limits);
  for (const graph::DiskObservation& disk : context.now.disks) {
    if (disk.carried) continue;
    const graph::Health health = graph::DiskHealth(disk, limits.health);
    Known degree = HealthDegree(health.value, 0, limits.health.band);
    const Known minutes = MinutesToFull(context, disk);
    if (minutes.has_value() && *minutes <= limits.disk_full_in_minutes) {
      degree = Larger(degree, 1 - *minutes / limits.disk_full_in_minutes);
    }
    if (!degree.has_value()) continue;
    for (const graph::Aspect& aspect : health.aspects) {
      finding.Note(aspect, disk.name);
    }
    finding.Note("full_in_minutes", disk.name, minutes,
                 "statvfs of this pass and the last",
                 limits.disk_full_in_minutes);
    finding.Blame(
        DependencySubject("disk", disk.name, graph::kDiskBase + disk.device),
        *degree, 1 + *degree);
  }
  std::move(finding).AddTo(problems);
}

void DetectConnections(const Context& context, std::vector<Problem>* problems) {
  if (!context.in.connections.has_value()) return;
  const Connections& connections = *context.in.connections;
  if (!connections.used.has_value() || !connections.limit.has_value() ||
      !connections.reserved.has_value() ||
      *connections.limit <= *connections.reserved) {
    return;
  }
  const double used =
      static_cast<double>(*connections.used) /
      static_cast<double>(*connections.limit - *connections.reserved);
  const Known degree = Degree(used, context.limits.connections);
  if (!degree.has_value()) return;
  const char* source = "pg_stat_activity, max_connections";
  Finding finding(Cause::kConnectionSaturation, context.limits);
  finding.Note("used_share", "", used, source, context.limits.connections.fire);
  finding.Note("used", "", ToDouble(connections.used), source);
  finding.Note("limit", "", ToDouble(connections.limit), source);
  finding.Note("reserved", "", ToDouble(connections.reserved), source);
  finding.Note("idle", "", ToDouble(connections.idle), source);
  finding.Note("idle_in_transaction", "",
               ToDouble(connections.idle_in_transaction), source);
  for (const Connections::Holder& holder : connections.holders) {
    Subject subject;
    subject.kind = "role";
    subject.name = holder.role;
    finding.Note("sessions", holder.role, static_cast<double>(holder.sessions),
                 source);
    finding.Blame(std::move(subject), *degree,
                  static_cast<double>(holder.sessions));
  }
  if (connections.holders.empty()) finding.Blame(Subject(), *degree, 1);
  std::move(finding).AddTo(problems);
}

}  // namespace ruvector::healing
