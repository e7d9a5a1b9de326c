#include "pgext/healing/diagnosis/diagnosis.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "core/healing/classifier.h"
#include "nlohmann/json.hpp"
#include "pgext/audit/outbox.h"
#include "pgext/healing/sensors/collection_sense.h"
#include "pgext/integrity/sensors/pass.h"

namespace ruvector::healing {
namespace {

using nlohmann::ordered_json;

constexpr size_t kSubjectsInEvent = 3;

double CpuMilliseconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 +
         static_cast<double>(now.tv_nsec) / 1e6;
}

std::set<std::string> NamesOf(const Problem& problem) {
  std::set<std::string> names;
  for (const Subject& subject : problem.subjects) names.insert(subject.name);
  return names;
}

bool Share(const std::set<std::string>& a, const std::set<std::string>& b) {
  return std::any_of(a.begin(), a.end(), [&](const std::string& name) {
    return b.count(name) > 0;
  });
}

// What Confirm() counts by, out of the rows: a problem that a pass missed
// begins to be counted anew.
Persistence MemoryOf(const OpenProblems& open) {
  Persistence memory;
  for (const auto& [cause, row] : open) {
    if (row.missed == 0) memory.causes[cause] = {row.passes, row.subjects};
  }
  return memory;
}

absl::Status Emit(pg::SpiSession& spi, const Examination& examination,
                  const char* type, Cause cause, ordered_json metadata) {
  audit::OutboxEvent event;
  event.collection_id = examination.collection_id;
  event.collection_name = examination.collection;
  event.event_type = absl::StrCat("healing.", type);
  event.user = "integrity-worker";
  event.new_state = std::string(gate::StateName(examination.state));
  metadata["problem_class"] = std::string(ToString(ClassOf(cause)));
  metadata["cause"] = std::string(ToString(cause));
  event.metadata =
      metadata.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  return audit::AppendOutbox(spi, event);
}

absl::Status EmitConfirmed(pg::SpiSession& spi, const Examination& examination,
                           const ShownProblem& shown) {
  ordered_json metadata{{"severity", shown.problem.severity},
                        {"confidence", shown.problem.confidence}};
  metadata["subjects"] = ordered_json::array();
  for (const Subject& subject : shown.problem.subjects) {
    if (metadata["subjects"].size() == kSubjectsInEvent) break;
    metadata["subjects"].push_back(
        {{"kind", subject.kind}, {"name", subject.name}});
  }
  metadata["subjects_found"] = shown.problem.subjects_found;
  if (shown.explained != nullptr) {
    metadata["explained_by"] = std::string(ToString(shown.explained->cause));
  }
  return Emit(spi, examination, "problem_confirmed", shown.problem.cause,
              std::move(metadata));
}

absl::Status Close(pg::SpiSession& spi, const Examination& examination,
                   Cause cause, const OpenProblem& row) {
  RV_RETURN_IF_ERROR(
      CloseProblem(spi, examination.collection, row, examination.at));
  if (!row.confirmed) return absl::OkStatus();
  return Emit(
      spi, examination, "problem_resolved", cause,
      {{"lasted_s", absl::ToDoubleSeconds(examination.at - row.first_seen)}});
}

}  // namespace

absl::Status Diagnosis::Write(pg::SpiSession& spi,
                              const Examination& examination,
                              const HealingLimits& limits,
                              const std::vector<Problem>& problems) {
  Persistence memory = MemoryOf(open_);
  std::set<Cause> lasting;
  for (const Problem& one : Confirm(problems, limits.confirm_passes, &memory)) {
    lasting.insert(one.cause);
  }
  std::set<Cause> seen;
  for (size_t i = 0; i < problems.size(); ++i) {
    const Problem& problem = problems[i];
    const Cause cause = problem.cause;
    seen.insert(cause);
    const ShownProblem shown{problem,
                             static_cast<int>(i) + 1,
                             problem.explained_by.has_value()
                                 ? &problems[*problem.explained_by]
                                 : nullptr,
                             examination.state,
                             examination.graph,
                             examination.assessment,
                             examination.at};
    const std::set<std::string> names = NamesOf(problem);
    auto found = pending_.find(cause);
    if (found != pending_.end() && !Share(found->second.subjects, names)) {
      RV_RETURN_IF_ERROR(Close(spi, examination, cause, found->second));
      pending_.erase(found);
      found = pending_.end();
    }
    const bool is_new = found == pending_.end();
    OpenProblem& row = pending_[cause];
    if (is_new) row.first_seen = examination.at;
    const bool was_confirmed = row.confirmed;
    row.passes = memory.causes[cause].passes;
    row.missed = 0;
    row.confirmed = was_confirmed || lasting.count(cause) > 0;
    row.subjects = names;
    bool stored = false;
    if (!is_new) {
      RV_ASSIGN_OR_RETURN(stored, UpdateProblem(spi, row, shown));
    }
    if (!stored) {
      RV_ASSIGN_OR_RETURN(
          row.id, InsertProblem(spi, examination.collection, row, shown));
    }
    if (row.confirmed && !was_confirmed) {
      RV_RETURN_IF_ERROR(EmitConfirmed(spi, examination, shown));
    }
  }
  for (auto it = pending_.begin(); it != pending_.end();) {
    OpenProblem& row = it->second;
    if (seen.count(it->first) > 0) {
      ++it;
      continue;
    }
    ++row.missed;
    if (row.confirmed && row.missed < limits.confirm_passes) {
      RV_RETURN_IF_ERROR(MissProblem(spi, row));
      ++it;
      continue;
    }
    RV_RETURN_IF_ERROR(Close(spi, examination, it->first, row));
    it = pending_.erase(it);
  }
  return absl::OkStatus();
}

absl::Status Diagnosis::Examine(pg::SpiSession& spi,
                                const Examination& examination,
                                ServerSense& server) {
  const double start = CpuMilliseconds();
  RV_FAILPOINT("healing.diagnosis.start");
  if (!loaded_) {
    RV_ASSIGN_OR_RETURN(open_, LoadOpenProblems(spi, examination.collection));
    loaded_ = true;
  }
  pending_ = open_;
  RV_ASSIGN_OR_RETURN(const ServerReadings* readings,
                      server.Read(examination.lock_timeout_ms));
  RV_ASSIGN_OR_RETURN(
      CollectionReadings own,
      ReadCollection(examination.collection_id, *examination.now,
                     examination.lock_timeout_ms));
  Situation situation;
  situation.state = examination.state;
  situation.now = examination.now;
  situation.previous = examination.previous;
  situation.graph = examination.graph;
  situation.assessment = examination.assessment;
  situation.invalid_indexes = std::move(own.invalid_indexes);
  situation.statistics = std::move(own.statistics);
  situation.recall_probes = std::move(own.recall_probes);
  situation.vacuum_blockers = readings->vacuum_blockers;
  situation.connections = readings->connections;
  situation.memory = readings->memory;
  situation.maintenance = readings->maintenance;
  situation.io = readings->io;
  std::vector<uint32_t> relations;
  if (readings->lock_queues.has_value() && !readings->lock_queues->empty()) {
    RV_ASSIGN_OR_RETURN(relations,
                        RelationsOf(examination.table_oid, *examination.now));
  }
  situation.lock_queues = QueuesOf(*readings, relations);

  HealingLimits limits;
  limits.health = examination.health;
  RV_ASSIGN_OR_RETURN(const std::vector<Problem> problems,
                      Classify(situation, limits));
  RV_RETURN_IF_ERROR(Write(spi, examination, limits, problems));
  own.unread.insert(readings->unread.begin(), readings->unread.end());
  RV_RETURN_IF_ERROR(NotePass(spi, examination.collection_id, examination.at,
                              CpuMilliseconds() - start, own.unread)
                         .status());
  RV_FAILPOINT("healing.diagnosis.written");
  return absl::OkStatus();
}

absl::Status Diagnosis::Pass(const Examination& examination,
                             ServerSense& server) {
  const absl::Status status = sensors::Attempt([&]() -> absl::Status {
    pg::SpiSession spi;
    RV_RETURN_IF_ERROR(spi.Connect());
    return Examine(spi, examination, server);
  });
  if (sensors::EndsPass(status)) return status;
  if (!status.ok()) pending_ = open_;
  const std::string failure(status.message());
  if (!failure.empty() && failure != failure_) complaint_ = failure;
  failure_ = failure;
  return absl::OkStatus();
}

void Diagnosis::Committed() { open_ = pending_; }

void Diagnosis::RolledBack() { pending_ = open_; }

std::string Diagnosis::TakeComplaint() { return std::exchange(complaint_, ""); }

}  // namespace ruvector::healing
