// Upkeep that is overdue: REINDEX, VACUUM or ANALYZE, whichever costs least,
// and dropping of failed builds that were ours.
//
// REINDEX or VACUUM. VACUUM of an HNSW index reads it three times and, for
// every element with a dead neighbour, searches new neighbours, which costs as
// much as an insert. An element has 2m neighbours on the ground level, so with
// a dead share d the share 1 - (1 - d)^(2m) of the live ones must be repaired:
// at m = 16 half of them from d = 2 % on, nine tenths from 7 % on. REINDEX
// builds each live element once, four times cheaper than an insert while the
// graph fits into maintenance_work_mem, as dear beyond it. So
//
//   vacuum   = 3 * bytes / rate + rows * (1 - (1 - d)^(2m)) * insert
//   reindex  = bytes needed / rate + rows * (fits ? build : insert)
//
// and the cheaper one is taken. This is why pgvector's manual says to REINDEX
// before VACUUM once much is dead. Two exceptions: where the surplus is three
// tenths of the index or more REINDEX wins, since VACUUM returns no byte; and
// where the disk has no room for a second copy VACUUM is all there is. After a
// REINDEX the table is vacuumed if its dead rows are overdue: that is quick
// then, and without it autovacuum would come and do it anyway.
//
// All of these commands take a lock that conflicts with that of a vacuum. An
// autovacuum gives way to them, but not one that prevents wraparound: a command
// would wait behind it up to its deadline. So nothing is planned on a table
// that such a vacuum is at, which removes dead rows and freezes as well.
//
// What is left to a person: bloat of a table without dead rows (that is a
// rewrite under an exclusive lock), leftovers of somebody else's build, an HNSW
// index that is sound and still misses (hnsw.ef_search is too low).
#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/plugin/strategy_plugin.h"
#include "plugins/strategies/common/planning.h"

namespace {

namespace planning = ruvector::planning;
namespace sdk = ruvector::sdk;
using planning::Known;
using planning::Show;
using planning::ShowBytes;
using sdk::Status;

constexpr double kVacuumPasses = 3;  // over an HNSW index
constexpr double kSurplusForReindex = 0.3;
constexpr double kSoundShare = 0.02;    // dead or surplus, below: nothing wrong
constexpr double kSpareDisk = 1.2;      // over what the new index needs
constexpr double kAnalyzeSeconds = 10;  // 30,000 rows of a sample, at random
// Dead rows over the autovacuum threshold from which on a VACUUM follows.
constexpr double kOverdue = 0.5;

struct CompactIndexes : sdk::Strategy {
  static constexpr char kName[] = "compact_indexes";
  static constexpr char kVersion[] = "1.0.0";
  static constexpr char kDescription[] =
      "Reindexes, vacuums or analyzes what is overdue, whichever is cheapest.";
  static constexpr char kLicense[] = "NOASSERTION";
  static constexpr const char* kHandles[] = {"index_fragmentation"};
  static constexpr double kImpact = 0.5;
  static constexpr uint32_t kFlags = 0;  // upkeep is not undone
  static constexpr uint32_t kActionKinds[] = {
      RUVECTOR_ACTION_REINDEX, RUVECTOR_ACTION_VACUUM,
      RUVECTOR_ACTION_DROP_INVALID_INDEX, RUVECTOR_ACTION_ANALYZE};
  static constexpr const char* kMetrics[] = {"partition_rows",
                                             "partition_bytes",
                                             "partition_dead_rows",
                                             "partition_vacuum_threshold",
                                             "partition_modified_rows",
                                             "partition_xid_age",
                                             "partition_freeze_age",
                                             "index_method",
                                             "index_table",
                                             "index_valid",
                                             "index_ours",
                                             "index_being_built",
                                             "index_bytes",
                                             "index_rows",
                                             "index_free_bytes",
                                             "index_m",
                                             "index_dead_share",
                                             "index_surplus_share",
                                             "maintenance_memory_bytes",
                                             "job_kind",
                                             "job_table"};
  static constexpr ruvector_expectation kTarget = {"upkeep_debt", "",
                                                   RUVECTOR_MUST_FALL, 0, 0.05};
  static constexpr ruvector_expectation kGuards[] = {
      {"lambda_norm", "", RUVECTOR_MUST_RISE, 0, 0.05},
      {"service_norm", "", RUVECTOR_MUST_RISE, 0, 0.05},
  };

  enum { kMaxActions };
  static constexpr ruvector_parameter kParameters[] = {
      sdk::NumberParameter("max_actions", "Commands of one plan.", 1, 1000, 16),
  };

  static Status Plan(const sdk::PlanRequest& request, sdk::Plan* plan) {
    Planner planner(request, plan);
    Status s;
    const std::string_view cause = planning::Cause(request);
    if (cause == "invalid_index") {
      s = planner.DropLeftovers();
    } else if (planning::IsOneOf(cause,
                                 {"hnsw_bloat", "hnsw_recall_below_target"})) {
      s = planner.Indexes(cause == "hnsw_recall_below_target");
    } else if (cause == "dead_tuples") {
      s = planner.DeadRows();
    } else if (cause == "heap_bloat") {
      s = planner.HeapBloat();
    } else if (cause == "stale_statistics") {
      s = planner.Analyze();
    } else if (cause == "xid_age") {
      s = planner.Freeze();
    } else {
      s = planning::NotForThis(request, "no upkeep is overdue by it");
    }
    return planner.Finish(std::move(s));
  }

  static Status Execute(const sdk::PlanRequest&, const sdk::PlanView& plan,
                        sdk::Host* host) {
    Status s;
    for (uint32_t i = 0; s.ok() && i < plan.size(); ++i) {
      const ruvector_action& action = plan.action(i);
      s = planning::ActOnce(
          action, std::string(KindName(action.kind)) + " " + action.object,
          host);
    }
    return s;
  }

 private:
  static const char* KindName(uint32_t kind) {
    switch (kind) {
      case RUVECTOR_ACTION_REINDEX:
        return "reindex";
      case RUVECTOR_ACTION_VACUUM:
        return "vacuum";
      case RUVECTOR_ACTION_DROP_INVALID_INDEX:
        return "drop_invalid_index";
      default:
        return "analyze";
    }
  }

  class Planner {
   public:
    Planner(const sdk::PlanRequest& request, sdk::Plan* plan)
        : request_(request),
          plan_(*plan),
          budget_(request),
          left_(request.number_parameter(kMaxActions)) {
      for (const std::string& job : request.Subjects("job_kind")) {
        if (request.Text("job_kind", job) != "wraparound_vacuum") continue;
        const auto table = request.Text("job_table", job);
        if (table.has_value()) forced_.insert(*table);
      }
    }

    Status DropLeftovers() {
      size_t others = 0;
      for (const std::string& index : planning::Blamed(request_, "index")) {
        const bool leftover = request_.Number("index_valid", index) == 0 &&
                              request_.Number("index_being_built", index) == 0;
        if (!leftover || request_.Number("index_ours", index) != 1) {
          ++others;
          continue;
        }
        Add(RUVECTOR_ACTION_DROP_INVALID_INDEX, index, 0,
            request_.Number("index_bytes", index), 1,
            "frees what a build of ours left when it failed");
      }
      if (plan_.empty() && !beyond_) {
        return Status::Error(
            RUVECTOR_FAILED_PRECONDITION,
            "none of the %zu invalid indexes is known to be ours and idle: "
            "who built them decides",
            others);
      }
      return Status();
    }

    Status Indexes(bool for_recall) {
      size_t sound = 0;
      for (const std::string& index : planning::Blamed(request_, "index")) {
        if (request_.Text("index_method", index) != "hnsw") continue;
        const Known dead = request_.Number("index_dead_share", index);
        const Known surplus = request_.Number("index_surplus_share", index);
        if (for_recall &&
            std::max(dead.value_or(0), surplus.value_or(0)) < kSoundShare) {
          ++sound;
          continue;
        }
        Status s = Compact(index, for_recall);
        if (!s.ok()) return s;
      }
      if (plan_.empty() && !beyond_) {
        return Status::Error(
            RUVECTOR_FAILED_PRECONDITION,
            sound > 0 ? "%zu indexes are sound: more of what they miss is "
                        "found with a higher hnsw.ef_search"
                      : "%zu HNSW indexes are named, and none can be read",
            sound);
      }
      return Status();
    }

    Status DeadRows() {
      for (const std::string& table : planning::Blamed(request_, "partition")) {
        for (const std::string& index : request_.Subjects("index_table")) {
          if (request_.Text("index_table", index) != table ||
              request_.Text("index_method", index) != "hnsw" ||
              !Cheaper(index)) {
            continue;
          }
          Reindex(index);
        }
        Vacuum(table, "makes the room of dead rows usable again");
      }
      return NothingNamed("partition");
    }

    Status HeapBloat() {
      for (const std::string& table : planning::Blamed(request_, "partition")) {
        if (Overdue(table) < kOverdue) continue;
        Vacuum(table, "makes the room of dead rows usable again");
      }
      if (plan_.empty() && !beyond_) {
        return Status::Error(RUVECTOR_FAILED_PRECONDITION,
                             "there are no dead rows to remove: to give back "
                             "the room that is free, the table must be "
                             "rewritten under an exclusive lock (VACUUM FULL, "
                             "pg_repack), which a person decides");
      }
      return Status();
    }

    Status Analyze() {
      for (const std::string& table : planning::Blamed(request_, "partition")) {
        const Known modified =
            request_.Number("partition_modified_rows", table);
        Add(RUVECTOR_ACTION_ANALYZE, table, 0, 0, kAnalyzeSeconds,
            "plans are made for the rows of today" +
                (modified.has_value()
                     ? ": " + Show(*modified) + " have changed since"
                     : std::string()));
      }
      return NothingNamed("partition");
    }

    Status Freeze() {
      std::vector<std::string> tables = planning::Blamed(request_, "partition");
      if (tables.empty()) {
        // The database as a whole: ours that autovacuum should have frozen.
        for (const std::string& table :
             request_.Subjects("partition_xid_age")) {
          const Known age = request_.Number("partition_xid_age", table);
          const Known freeze = request_.Number("partition_freeze_age", table);
          if (age.has_value() && freeze.has_value() && *age >= *freeze) {
            tables.push_back(table);
          }
        }
      }
      for (const std::string& table : tables) {
        Vacuum(table, "freezes old rows, so that transaction ids can go on");
      }
      if (plan_.empty() && !beyond_) {
        return Status::Error(RUVECTOR_FAILED_PRECONDITION,
                             "no table of the collection is old: another one "
                             "of the database, or who holds it back, is");
      }
      return Status();
    }

    Status Finish(Status status) {
      if (plan_.empty() && !beyond_ && !waits_.empty()) {
        return Status::Error(
            RUVECTOR_FAILED_PRECONDITION,
            "an autovacuum that prevents wraparound is at work on %s and gives "
            "way to nobody: nothing can be done there before it ends",
            waits_.begin()->c_str());
      }
      if (!status.ok()) return status;
      for (const std::string& table : waits_) {
        note_ += table +
                 " is left to the autovacuum that prevents wraparound "
                 "on it. ";
      }
      if (beyond_) {
        note_ += "what is beyond the blast radius or max_actions is left out";
      }
      plan_.Note(note_.empty() ? "upkeep is overdue" : note_);
      return status;
    }

   private:
    struct Costs {
      double vacuum = 0;
      double reindex = 0;
      double needed = 0;  // bytes of the new index
      double surplus = 0;
      bool room = false;
    };

    // nullopt where the sizes are unknown: then nothing can be compared.
    std::optional<Costs> CostsOf(const std::string& index) const {
      const Known rows = request_.Number("index_rows", index);
      const Known bytes = request_.Number("index_bytes", index);
      const Known m = request_.Number("index_m", index);
      const Known free = request_.Number("index_free_bytes", index);
      const Known memory = request_.Number("maintenance_memory_bytes");
      if (!rows.has_value() || !bytes.has_value() || !m.has_value()) {
        return std::nullopt;
      }
      Costs costs;
      costs.surplus = request_.Number("index_surplus_share", index).value_or(0);
      costs.needed = *bytes * (1 - costs.surplus);
      costs.room = free.has_value() && *free >= kSpareDisk * costs.needed;
      const double repaired = 1 - std::pow(1 - DeadShare(index), 2 * *m);
      costs.vacuum = kVacuumPasses * *bytes / planning::kCopyBytesPerSecond +
                     *rows * repaired * planning::kHnswInsertSeconds;
      const bool fits = memory.has_value() && *memory >= costs.needed;
      costs.reindex = costs.needed / planning::kCopyBytesPerSecond +
                      *rows * (fits ? planning::kHnswBuildSeconds
                                    : planning::kHnswInsertSeconds);
      return costs;
    }

    // Dead now, or as soon as VACUUM has removed the dead rows of the table.
    double DeadShare(const std::string& index) const {
      const double seen =
          request_.Number("index_dead_share", index).value_or(0);
      const std::string table =
          request_.Text("index_table", index).value_or("");
      const Known rows = request_.Number("partition_rows", table);
      const Known dead = request_.Number("partition_dead_rows", table);
      if (!rows.has_value() || !dead.has_value() || *rows + *dead < 1) {
        return seen;
      }
      return std::max(seen, *dead / (*rows + *dead));
    }

    bool Cheaper(const std::string& index) const {
      const auto costs = CostsOf(index);
      return costs.has_value() && costs->room && costs->reindex < costs->vacuum;
    }

    Status Compact(const std::string& index, bool for_recall) {
      const auto costs = CostsOf(index);
      if (!costs.has_value()) return planning::Unknown("index_bytes", index);
      const auto table = request_.Text("index_table", index);
      if (!table.has_value()) return planning::Unknown("index_table", index);
      const bool reindex = for_recall || costs->surplus >= kSurplusForReindex ||
                           costs->reindex < costs->vacuum;
      if (!reindex) {
        note_ += index + ": VACUUM " + Show(costs->vacuum) + " s, REINDEX " +
                 Show(costs->reindex) + " s. ";
        Vacuum(*table, "repairs the graph around dead elements");
      } else if (!costs->room) {
        note_ += index + " needs " + ShowBytes(kSpareDisk * costs->needed) +
                 " free for a second copy, so it is vacuumed. ";
        Vacuum(*table, "repairs the graph around dead elements");
      } else {
        Reindex(index);
        if (Overdue(*table) >= kOverdue) {
          Vacuum(*table, "quick, now that the index holds nothing dead");
        }
      }
      return Status();
    }

    void Reindex(const std::string& index) {
      const Costs costs = *CostsOf(index);
      note_ += index + ": REINDEX " + Show(costs.reindex) + " s, VACUUM " +
               Show(costs.vacuum) + " s. ";
      if (Add(RUVECTOR_ACTION_REINDEX, index, 0, costs.needed, costs.reindex,
              "holds live rows only; " + Show(100 * DeadShare(index)) +
                  " percent are dead, " + Show(100 * costs.surplus) +
                  " percent of its bytes are surplus")) {
        reindexed_.insert(index);
      }
    }

    // Dead rows over the threshold of autovacuum; 0 where either is unknown.
    double Overdue(const std::string& table) const {
      const Known dead = request_.Number("partition_dead_rows", table);
      const Known threshold =
          request_.Number("partition_vacuum_threshold", table);
      if (!dead.has_value() || threshold.value_or(0) <= 0) return 0;
      return *dead / *threshold;
    }

    void Vacuum(const std::string& table, std::string effect) {
      if (!vacuumed_.insert(table).second) return;
      double seconds = request_.Number("partition_bytes", table).value_or(0) /
                       planning::kCopyBytesPerSecond;
      for (const std::string& index : request_.Subjects("index_table")) {
        if (request_.Text("index_table", index) != table) continue;
        const auto costs = CostsOf(index);
        if (costs.has_value() && reindexed_.count(index) == 0) {
          seconds += costs->vacuum;
        } else {
          seconds += request_.Number("index_bytes", index).value_or(0) /
                     planning::kCopyBytesPerSecond;
        }
      }
      Add(RUVECTOR_ACTION_VACUUM, table,
          request_.Number("partition_dead_rows", table).value_or(0), 0, seconds,
          std::move(effect));
    }

    bool Add(uint32_t kind, const std::string& object, double rows, Known bytes,
             double seconds, std::string effect) {
      const bool of_index = kind == RUVECTOR_ACTION_REINDEX ||
                            kind == RUVECTOR_ACTION_DROP_INVALID_INDEX;
      const std::string table =
          of_index ? request_.Text("index_table", object).value_or("") : object;
      if (forced_.count(table) != 0) {
        waits_.insert(table);
        return false;
      }
      if (left_ < 1 || !budget_.Take(rows, bytes.value_or(0), seconds)) {
        beyond_ = true;
        return false;
      }
      --left_;
      sdk::Action action(kind, object);
      action.Rows(rows).Seconds(seconds).Effect(std::move(effect));
      if (bytes.has_value()) action.Bytes(*bytes);
      plan_.Add(std::move(action));
      return true;
    }

    Status NothingNamed(const char* kind) const {
      if (!plan_.empty() || beyond_) return Status();
      return Status::Error(RUVECTOR_FAILED_PRECONDITION,
                           "the problem names no %s", kind);
    }

    const sdk::PlanRequest& request_;
    sdk::Plan& plan_;
    planning::Budget budget_;
    double left_;
    bool beyond_ = false;
    std::set<std::string> forced_;  // tables under such a vacuum
    std::set<std::string> waits_;   // those of them that were overdue
    std::set<std::string> vacuumed_;
    std::set<std::string> reindexed_;
    std::string note_;
  };
};

}  // namespace

RUVECTOR_STRATEGY_PLUGIN(CompactIndexes)
