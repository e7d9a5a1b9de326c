// Takes cold data off a disk that fills: whole partitions, with their indexes,
// to another tablespace, or old rows to a partition that lies elsewhere. Both
// stay where queries find them.
//
// What is cold. A partition is cold when its counters have stood still for
// idle_days: no row was read or written, as far as we have watched. PostgreSQL
// 15 does not say when a table was last read, so nothing is cold before we
// have watched for that long. Rows are old by a column that the user names;
// they move by routing key, so only managed collections have them moved.
//
// How much. Only what lies on a filesystem that the problem names; the largest
// first, since that is the fewest locks for the same relief (a table is locked
// against everyone while it is copied); never more than nine tenths of what is
// free at the other end, which must be another filesystem.
//
// What comes of it. A partition that moves frees its bytes at once. Rows that
// move leave room inside their table, which the next rows take: the disk stops
// filling, it does not empty. So the result is held against the bytes of live
// rows on the fullest disk, not against its use.
#include <algorithm>
#include <cstdio>
#include <optional>
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

constexpr double kDay = 86400;
constexpr double kMostOfFree = 0.9;

struct EvictColdData : sdk::Strategy {
  static constexpr char kName[] = "evict_cold_data";
  static constexpr char kVersion[] = "1.0.0";
  static constexpr char kDescription[] =
      "Moves cold partitions or old rows off a disk that fills.";
  static constexpr char kLicense[] = "NOASSERTION";
  static constexpr const char* kHandles[] = {"memory_pressure"};
  static constexpr double kImpact = 0.4;
  static constexpr uint32_t kFlags = RUVECTOR_STRATEGY_REVERSIBLE;
  static constexpr uint32_t kActionKinds[] = {
      RUVECTOR_ACTION_MOVE_ROWS, RUVECTOR_ACTION_MOVE_TO_TABLESPACE};
  static constexpr const char* kMetrics[] = {"routing",
                                             "partition_rows",
                                             "partition_bytes",
                                             "partition_index_bytes",
                                             "partition_writes_per_second",
                                             "partition_inserts_per_second",
                                             "partition_hnsw_indexes",
                                             "partition_ivfflat_indexes",
                                             "partition_idle_seconds",
                                             "partition_tablespace",
                                             "partition_disk",
                                             "index_table",
                                             "index_bytes",
                                             "index_tablespace",
                                             "tablespace_free_bytes",
                                             "tablespace_disk"};
  static constexpr ruvector_expectation kTarget = {
      "fullest_disk_live_bytes", "", RUVECTOR_MUST_FALL, 0, 0.01};
  static constexpr ruvector_expectation kGuards[] = {
      {"disk_used_share", "", RUVECTOR_MUST_FALL, 0, 0.02},
      {"lambda_norm", "", RUVECTOR_MUST_RISE, 0, 0.05},
      {"service_norm", "", RUVECTOR_MUST_RISE, 0, 0.05},
  };

  enum {
    kColdTablespace,
    kIdleDays,
    kMaxPartitions,
    kColdPartition,
    kAgeColumn,
    kAgeDays,
    kBatchMs
  };
  static constexpr ruvector_parameter kParameters[] = {
      sdk::TextParameter("cold_tablespace",
                         "Where cold partitions go; empty: nowhere.", ""),
      sdk::NumberParameter("idle_days",
                           "Days without a read or write that make a "
                           "partition cold.",
                           0, 3650, 7),
      sdk::NumberParameter("max_partitions", "Partitions moved at most.", 1,
                           1000, 16),
      sdk::TextParameter("cold_partition",
                         "Where old rows go, quoted and qualified; empty: "
                         "nowhere.",
                         ""),
      sdk::TextParameter("age_column", "Column that tells how old a row is.",
                         ""),
      sdk::NumberParameter("age_days", "Age from which on a row is old.", 1,
                           36500, 90),
      sdk::NumberParameter("batch_ms", "Length of one transaction.", 10, 60000,
                           500),
  };

  static Status Plan(const sdk::PlanRequest& request, sdk::Plan* plan) {
    if (planning::Cause(request) != "disk_filling") {
      return planning::NotForThis(request,
                                  "data that moves frees disk, nothing else");
    }
    const std::string tablespace = request.text_parameter(kColdTablespace);
    const std::string partition = request.text_parameter(kColdPartition);
    const std::string column = request.text_parameter(kAgeColumn);
    if (tablespace.empty() && (partition.empty() || column.empty())) {
      return Status::Error(
          RUVECTOR_FAILED_PRECONDITION,
          "neither parameter 'cold_tablespace' nor 'cold_partition' with "
          "'age_column' is set: there is no place for cold data");
    }
    planning::Budget budget(request);
    std::string note;
    Status s;
    if (!tablespace.empty()) {
      s = PlanPartitions(request, tablespace, &budget, plan, &note);
    }
    if (s.ok() && !partition.empty() && !column.empty()) {
      s = PlanRows(request, partition, column, &budget, plan, &note);
    }
    plan->Note(note);
    return s;
  }

  static Status Execute(const sdk::PlanRequest&, const sdk::PlanView& plan,
                        sdk::Host* host) {
    Status s;
    for (uint32_t i = 0; s.ok() && i < plan.size(); ++i) {
      const ruvector_action& action = plan.action(i);
      if (action.kind == RUVECTOR_ACTION_MOVE_ROWS) {
        bool ended = false;
        s = planning::MoveInBatches(
            action, host, [](planning::Progress*) { return Status(); }, &ended);
        continue;
      }
      // The object is a table or an index; its metric says which it is.
      sdk::Value present;
      s = host->ReadIfKnown("partition_tablespace", action.object, &present);
      if (!s.ok()) return s;
      s = planning::SetOnce(
          action,
          present.is_null() ? "index_tablespace" : "partition_tablespace",
          action.object, "tablespace", host);
    }
    return s;
  }

 private:
  // On a filesystem that the problem names; all are where it names none.
  static bool Filling(const sdk::PlanRequest& request,
                      const std::optional<std::string>& disk) {
    const std::vector<std::string> blamed = planning::Blamed(request, "disk");
    if (blamed.empty()) return true;
    return disk.has_value() &&
           std::find(blamed.begin(), blamed.end(), *disk) != blamed.end();
  }

  // ---- partitions ---------------------------------------------------------

  struct Cold {
    std::string name;
    std::string tablespace;
    double bytes = 0;    // of the table
    double indexes = 0;  // of its indexes
    double idle = 0;
  };

  static Status FindCold(const sdk::PlanRequest& request,
                         const std::string& tablespace, std::vector<Cold>* cold,
                         std::string* note) {
    const double idle_seconds = request.number_parameter(kIdleDays) * kDay;
    size_t watched = 0, candidates = 0;
    for (const std::string& name : request.Subjects("partition_tablespace")) {
      const auto present = request.Text("partition_tablespace", name);
      if (!present.has_value() || *present == tablespace ||
          name == request.text_parameter(kColdPartition) ||
          !Filling(request, request.Text("partition_disk", name))) {
        continue;
      }
      ++candidates;
      const Known idle = request.Number("partition_idle_seconds", name);
      const Known bytes = request.Number("partition_bytes", name);
      if (!idle.has_value() || !bytes.has_value()) continue;
      ++watched;
      if (*idle < idle_seconds) continue;
      cold->push_back(
          {name, *present, *bytes,
           request.Number("partition_index_bytes", name).value_or(0), *idle});
    }
    if (candidates > 0 && watched == 0) {
      return planning::Unknown("partition_idle_seconds", "every partition");
    }
    *note += "of " + std::to_string(candidates) + " partitions on the disk " +
             std::to_string(cold->size()) + " stood still for " +
             Show(request.number_parameter(kIdleDays)) + " days";
    std::stable_sort(cold->begin(), cold->end(),
                     [](const Cold& a, const Cold& b) {
                       return a.bytes + a.indexes > b.bytes + b.indexes;
                     });
    return Status();
  }

  static Status PlanPartitions(const sdk::PlanRequest& request,
                               const std::string& tablespace,
                               planning::Budget* budget, sdk::Plan* plan,
                               std::string* note) {
    const Known free = request.Number("tablespace_free_bytes", tablespace);
    const auto disk = request.Text("tablespace_disk", tablespace);
    if (!free.has_value()) {
      return planning::Unknown("tablespace_free_bytes", tablespace);
    }
    if (!planning::Blamed(request, "disk").empty() && Filling(request, disk)) {
      return Status::Error(RUVECTOR_FAILED_PRECONDITION,
                           "tablespace '%s' is on the disk that fills",
                           tablespace.c_str());
    }
    std::vector<Cold> cold;
    Status s = FindCold(request, tablespace, &cold, note);
    double room = *free * kMostOfFree;
    double moved = 0, left = request.number_parameter(kMaxPartitions);
    for (const Cold& p : cold) {
      const double bytes = p.bytes + p.indexes;
      if (left < 1 || bytes > room ||
          !budget->Take(0, bytes, bytes / planning::kCopyBytesPerSecond)) {
        continue;
      }
      --left;
      room -= bytes;
      moved += bytes;
      Add(p.name, p.tablespace, tablespace, p.bytes,
          "untouched for " + Show(p.idle / kDay) + " days", plan);
      AddIndexes(request, p, tablespace, plan);
    }
    *note += ", " + ShowBytes(moved) + " of them go to " + tablespace + ". ";
    return s;
  }

  static void AddIndexes(const sdk::PlanRequest& request, const Cold& p,
                         const std::string& tablespace, sdk::Plan* plan) {
    for (const std::string& index : request.Subjects("index_table")) {
      const auto present = request.Text("index_tablespace", index);
      if (request.Text("index_table", index) != p.name ||
          !present.has_value() || *present == tablespace) {
        continue;
      }
      Add(index, *present, tablespace,
          request.Number("index_bytes", index).value_or(0), "goes along", plan);
    }
  }

  static void Add(const std::string& relation, const std::string& from,
                  const std::string& to, double bytes, const std::string& why,
                  sdk::Plan* plan) {
    sdk::Action undo(RUVECTOR_ACTION_MOVE_TO_TABLESPACE, relation);
    undo.Set("tablespace", planning::TextValue(from)).Effect("moves it back");
    sdk::Action action(RUVECTOR_ACTION_MOVE_TO_TABLESPACE, relation);
    action.Set("tablespace", planning::TextValue(to))
        .Rows(0)
        .Bytes(bytes)
        .Seconds(bytes / planning::kCopyBytesPerSecond)
        .Effect("frees " + ShowBytes(bytes) + " of " + from + ": " + why)
        .Undo(std::move(undo));
    plan->Add(std::move(action));
  }

  // ---- rows ---------------------------------------------------------------

  // In UTC. By hand: gmtime reads the file of the time zone, which the
  // strategy's process may not. Days to civil date after H. Hinnant,
  // "chrono-compatible low-level date algorithms".
  static std::string Before(int64_t now_us, double days) {
    const int64_t then = now_us / 1000000 - static_cast<int64_t>(days * kDay);
    const int64_t day = then / 86400, second = then % 86400;
    const int64_t z = day + 719468, era = z / 146097, doe = z % 146097;
    const int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    const int64_t mp = (5 * doy + 2) / 153;
    const int64_t month = mp < 10 ? mp + 3 : mp - 9;
    char text[64];
    std::snprintf(text, sizeof(text),
                  "%04lld-%02lld-%02lld %02lld:%02lld:%02lld+00",
                  static_cast<long long>(yoe + era * 400 + (month <= 2)),
                  static_cast<long long>(month),
                  static_cast<long long>(doy - (153 * mp + 2) / 5 + 1),
                  static_cast<long long>(second / 3600),
                  static_cast<long long>(second / 60 % 60),
                  static_cast<long long>(second % 60));
    return text;
  }

  static Status PlanRows(const sdk::PlanRequest& request,
                         const std::string& cold, const std::string& column,
                         planning::Budget* budget, sdk::Plan* plan,
                         std::string* note) {
    if (request.Text("routing") != "weights") {
      return Status::Error(
          RUVECTOR_FAILED_PRECONDITION,
          "collection '%s' has no routing column: rows cannot choose another "
          "partition",
          request.problem().collection);
    }
    const auto disk = request.Text("partition_disk", cold);
    if (!disk.has_value()) return planning::Unknown("partition_disk", cold);
    if (!planning::Blamed(request, "disk").empty() && Filling(request, disk)) {
      return Status::Error(RUVECTOR_FAILED_PRECONDITION,
                           "partition '%s' is on the disk that fills",
                           cold.c_str());
    }
    const std::string before =
        Before(request.now_us(), request.number_parameter(kAgeDays));
    for (const std::string& name : request.Subjects("partition_rows")) {
      if (name == cold ||
          !Filling(request, request.Text("partition_disk", name))) {
        continue;
      }
      const auto cost = planning::RowCostOf(request, name);
      if (!cost.has_value()) continue;  // empty, or not readable this time
      const double rows =
          std::min(std::floor(*request.Number("partition_rows", name)),
                   budget->RowsOf(cost->bytes, cost->seconds));
      if (rows < 1 ||
          !budget->Take(rows, rows * cost->bytes, rows * cost->seconds)) {
        continue;
      }
      sdk::Action action = planning::MoveRows(
          name, cold, rows,
          planning::BatchRows(*cost, request.number_parameter(kBatchMs) / 1000),
          *cost);
      action.Set("column", planning::TextValue(column))
          .Set("before", planning::TextValue(before))
          .Effect("at most " + Show(rows) + " rows with " + column +
                  " before " + before + " leave the partition");
      plan->Add(std::move(action));
    }
    *note += "rows with " + column + " before " + before + " go to " + cold +
             "; the estimates are those of all rows. ";
    return Status();
  }
};

}  // namespace

RUVECTOR_STRATEGY_PLUGIN(EvictColdData)
