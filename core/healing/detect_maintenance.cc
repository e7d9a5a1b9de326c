// Jobs, sessions and maintenance in each other's way.
#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/healing/detector.h"

namespace ruvector::healing {
namespace {

const char* JobKindName(JobKind kind) {
  switch (kind) {
    case JobKind::kAutovacuum:
      return "autovacuum";
    case JobKind::kWraparoundVacuum:
      return "autovacuum to prevent wraparound";
    case JobKind::kVacuum:
      return "vacuum";
    case JobKind::kIndexBuild:
      return "index build";
    case JobKind::kBaseBackup:
      return "base backup";
    case JobKind::kOurs:
      return "healing action";
    case JobKind::kCron:
      return "cron job";
  }
  return "";
}

bool IsAutovacuum(const MaintenanceJob& job) {
  return job.kind == JobKind::kAutovacuum ||
         job.kind == JobKind::kWraparoundVacuum;
}

void FromHealth(const Context& context, Cause cause, const char* name,
                int64_t node, const graph::Health& health,
                std::vector<Problem>* problems) {
  Finding finding(cause, context.limits);
  const Known degree =
      HealthDegree(health.value, 0, context.limits.health.band);
  if (!degree.has_value()) return;
  for (const graph::Aspect& aspect : health.aspects) {
    finding.Note(aspect, name);
  }
  finding.Blame(DependencySubject("dependency", name, node), *degree, 1);
  std::move(finding).AddTo(problems);
}

Known QueuePerWorker(const Context& context) {
  if (!context.in.maintenance.has_value()) return std::nullopt;
  const Maintenance& maintenance = *context.in.maintenance;
  if (!maintenance.queue_depth.has_value() ||
      maintenance.autovacuum_workers.value_or(0) <= 0) {
    return std::nullopt;
  }
  const auto busy = std::count_if(maintenance.jobs.begin(),
                                  maintenance.jobs.end(), IsAutovacuum);
  if (busy < *maintenance.autovacuum_workers) return std::nullopt;
  return static_cast<double>(*maintenance.queue_depth) /
         static_cast<double>(*maintenance.autovacuum_workers);
}

}  // namespace

Known QueueDegree(const Context& context) {
  return Degree(QueuePerWorker(context), context.limits.queue_per_worker);
}

void DetectCollision(const Context& context, std::vector<Problem>* problems) {
  if (!context.in.maintenance.has_value()) return;
  const HealingLimits& limits = context.limits;
  const Maintenance& maintenance = *context.in.maintenance;
  const auto jobs = static_cast<int64_t>(maintenance.jobs.size());
  const Known stalled =
      context.in.io.has_value() ? context.in.io->stalled : std::nullopt;
  Known degree = QueueDegree(context);
  if (jobs >= limits.collision_min_jobs) {
    degree = Larger(degree, Degree(stalled, limits.io_stalled));
  }
  if (!degree.has_value()) return;
  Finding finding(Cause::kMaintenanceCollision, limits);
  const char* source =
      "pg_stat_activity, pg_stat_progress_*, cron.job_run_details";
  finding.Note("jobs_running", "", static_cast<double>(jobs), source,
               static_cast<double>(limits.collision_min_jobs));
  finding.Note("queue_depth", "", ToDouble(maintenance.queue_depth), source);
  finding.Note("queue_per_worker", "", QueuePerWorker(context), source,
               limits.queue_per_worker.fire);
  if (context.in.io.has_value()) {
    finding.Note("io_stalled", "", stalled, context.in.io->source,
                 limits.io_stalled.fire);
  }
  for (const MaintenanceJob& job : maintenance.jobs) {
    Subject subject;
    subject.kind = "job";
    subject.name = job.name;
    finding.Note("job", job.name,
                 absl::StrCat(JobKindName(job.kind),
                              job.relation.empty() ? "" : " of ", job.relation),
                 source);
    finding.Note("running_s", job.name, ToSeconds(job.running), source);
    // What prevents wraparound is no one's to hold: none of the blame.
    finding.Blame(std::move(subject), *degree,
                  job.kind == JobKind::kWraparoundVacuum ? 0 : 1);
  }
  std::move(finding).AddTo(problems);
}

void DetectLockPileup(const Context& context, std::vector<Problem>* problems) {
  if (!context.in.lock_queues.has_value()) return;
  const HealingLimits& limits = context.limits;
  const char* source = "pg_blocking_pids, pg_locks.waitstart, pg_stat_activity";
  Finding finding(Cause::kLockPileup, limits);
  for (const LockQueue& queue : *context.in.lock_queues) {
    const Known waiting = ToDouble(queue.waiting);
    const Known wait = ToSeconds(queue.longest_wait);
    if (!waiting.has_value() || !wait.has_value() || *waiting < 1) continue;
    Known degree = LogDegree(wait, limits.lock_wait_s);
    if (*wait >= limits.lock_min_wait_s) {
      degree = Larger(degree, LogDegree(waiting, limits.lock_waiting));
    }
    if (!degree.has_value()) continue;
    Subject subject;
    subject.kind = queue.blocker_pid == 0 ? "transaction" : "session";
    subject.name = queue.blocker_pid == 0 ? queue.blocker_query
                                          : absl::StrCat(queue.blocker_pid);
    const std::string& name = subject.name;
    finding.Note("waiting", name, waiting, source, limits.lock_waiting.fire);
    finding.Note("longest_wait_s", name, wait, source, limits.lock_wait_s.fire);
    finding.Note("runs", name, queue.blocker_query, source);
    finding.Note("state", name, queue.blocker_state, source);
    finding.Note("relation", name, queue.relation, source);
    finding.Blame(std::move(subject), *degree, *waiting);
  }
  std::move(finding).AddTo(problems);
}

void DetectDependencies(const Context& context,
                        std::vector<Problem>* problems) {
  const graph::Observation& now = context.now;
  const graph::HealthLimits& limits = context.limits.health;
  const bool archives = now.archiver.mode == graph::ArchiveMode::kOn ||
                        now.archiver.mode == graph::ArchiveMode::kAlways;
  if (archives && !now.archiver.carried) {
    FromHealth(context, Cause::kArchiverFailing, "archiver", graph::kArchiver,
               graph::ArchiverHealth(now.archiver, context.delta, limits),
               problems);
  }
  if (now.backup.last_base_backup.has_value() && !now.backup.carried) {
    FromHealth(context, Cause::kBackupOverdue, "base backup", graph::kBackup,
               graph::BackupHealth(now.backup, now.at, limits), problems);
  }
  if (!now.checkpointer.carried) {
    FromHealth(
        context, Cause::kCheckpointStorm, "checkpointer", graph::kCheckpointer,
        graph::CheckpointerHealth(now.checkpointer, context.delta, limits),
        problems);
  }
}

}  // namespace ruvector::healing
