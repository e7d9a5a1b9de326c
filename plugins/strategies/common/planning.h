// What the strategies of this folder share: numbers for people, what moving
// and building cost, and the ways to carry a planned action out exactly once.
// Header-only, on the installed headers alone: a strategy of your own may
// include a copy of it.
#ifndef RUVECTOR_PLUGINS_STRATEGIES_COMMON_PLANNING_H_
#define RUVECTOR_PLUGINS_STRATEGIES_COMMON_PLANNING_H_

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/plugin/strategy_plugin.h"

namespace ruvector::planning {

using Known = std::optional<double>;

// Someone else changes a value between our reading and our setting it, or a
// row under our hands: that often, then it is their business.
inline constexpr int kAttempts = 3;

// Bytes per second that this code reckons with when one table or index is read
// and another written, both through shared buffers and WAL: a slow cloud disk.
inline constexpr double kCopyBytesPerSecond = 50e6;
// Of an HNSW element in pgvector 0.8 (m 16, ef_construction 64, some hundred
// dimensions): inserted one by one, and in a build that fits into memory.
inline constexpr double kHnswInsertSeconds = 2e-3;
inline constexpr double kHnswBuildSeconds = 5e-4;
// Of an IVFFlat entry: the nearest of some hundred centers, and a page.
inline constexpr double kIvfflatInsertSeconds = 1e-4;
// Of a heap row, its other indexes and its WAL, and of each byte of it.
inline constexpr double kRowSeconds = 5e-5;
inline constexpr double kByteSeconds = 2e-8;

// "12345", "0.31": for notes and effects.
inline std::string Show(double number) {
  char text[32];
  std::snprintf(
      text, sizeof(text),
      std::abs(number) >= 100 || number == std::floor(number) ? "%.0f" : "%.2f",
      number);
  return text;
}
inline std::string ShowBytes(double bytes) {
  static constexpr const char* kUnits[] = {"bytes", "kB", "MB", "GB", "TB"};
  size_t unit = 0;
  for (; bytes >= 10240 && unit + 1 < std::size(kUnits); ++unit) bytes /= 1024;
  return Show(std::floor(bytes)) + " " + kUnits[unit];
}

inline sdk::Value NumberValue(double number) { return sdk::Value(number); }
inline sdk::Value TextValue(std::string text) {
  return sdk::Value(std::move(text));
}

inline std::string_view Cause(const sdk::PlanRequest& request) {
  return request.problem().cause;
}
inline bool IsOneOf(std::string_view text,
                    std::initializer_list<std::string_view> these) {
  return std::find(these.begin(), these.end(), text) != these.end();
}

// The names of the problem's subjects of a kind, in their order: worst first.
inline std::vector<std::string> Blamed(const sdk::PlanRequest& request,
                                       std::string_view kind) {
  std::vector<std::string> names;
  const ruvector_problem& problem = request.problem();
  for (uint32_t i = 0; i < problem.subject_count; ++i) {
    if (kind == problem.subjects[i].kind) {
      names.emplace_back(problem.subjects[i].name);
    }
  }
  return names;
}

// The strategy is for other causes than this one.
inline sdk::Status NotForThis(const sdk::PlanRequest& request,
                              const char* why) {
  return sdk::Status::Error(RUVECTOR_FAILED_PRECONDITION,
                            "cause '%s' is not for this strategy: %s",
                            request.problem().cause, why);
}
inline sdk::Status Unknown(const char* metric, const std::string& subject) {
  return sdk::Status::Error(RUVECTOR_FAILED_PRECONDITION,
                            "metric '%s' of '%s' is unknown", metric,
                            subject.c_str());
}

// ---- within the blast radius ---------------------------------------------

// What is left of the request's radius while actions are added.
class Budget {
 public:
  explicit Budget(const sdk::PlanRequest& request)
      : rows_(request.max_rows()),
        bytes_(request.max_bytes()),
        seconds_(request.max_seconds()) {}

  // Takes it if all of it is left; else changes nothing.
  bool Take(double rows, double bytes, double seconds) {
    if (rows > rows_ || bytes > bytes_ || seconds > seconds_) return false;
    rows_ -= rows;
    bytes_ -= bytes;
    seconds_ -= seconds;
    return true;
  }
  // How many such rows still fit.
  double RowsOf(double bytes_each, double seconds_each) const {
    double rows = rows_;
    if (bytes_each > 0) rows = std::min(rows, bytes_ / bytes_each);
    if (seconds_each > 0) rows = std::min(rows, seconds_ / seconds_each);
    return std::max(0.0, std::floor(rows));
  }

 private:
  double rows_, bytes_, seconds_;
};

// ---- moving rows ------------------------------------------------------------

// What one row of a partition costs to move.
struct RowCost {
  double bytes = 0;    // with its share of indexes
  double seconds = 0;  // deleted here, inserted there, into every vector index
  double touched_per_second = 0;  // updates and deletes that meet one row
};

inline std::optional<RowCost> RowCostOf(const sdk::PlanRequest& request,
                                        const std::string& partition) {
  const Known rows = request.Number("partition_rows", partition);
  const Known bytes = request.Number("partition_bytes", partition);
  if (!rows.has_value() || !bytes.has_value() || *rows < 1) return std::nullopt;
  RowCost cost;
  cost.bytes =
      (*bytes +
       request.Number("partition_index_bytes", partition).value_or(0)) /
      *rows;
  cost.seconds =
      kRowSeconds + kByteSeconds * cost.bytes +
      kHnswInsertSeconds *
          request.Number("partition_hnsw_indexes", partition).value_or(0) +
      kIvfflatInsertSeconds *
          request.Number("partition_ivfflat_indexes", partition).value_or(0);
  const Known writes = request.Number("partition_writes_per_second", partition);
  const Known inserts =
      request.Number("partition_inserts_per_second", partition);
  cost.touched_per_second =
      std::max(0.0, writes.value_or(0) - inserts.value_or(0)) / *rows;
  return cost;
}

// Rows that one transaction moves. It lasts no longer than `batch_seconds`,
// which bounds how long a user's statement waits for a moved row. And users
// who update a row under our hands get a serialisation error: with B rows, each
// locked for up to B * s seconds and touched u times a second, B * B * s * u of
// them are expected; at most one batch in twenty may meet one.
inline double BatchRows(const RowCost& cost, double batch_seconds) {
  constexpr double kMostCollisions = 0.05;
  constexpr double kMost = 10000;
  double rows = batch_seconds / cost.seconds;
  if (cost.touched_per_second > 0) {
    rows = std::min(rows, std::sqrt(kMostCollisions /
                                    (cost.seconds * cost.touched_per_second)));
  }
  return std::floor(std::clamp(rows, 1.0, kMost));
}

// A move and its undo; the estimates are those of `rows` rows.
inline sdk::Action MoveRows(const std::string& from, const std::string& to,
                            double rows, double batch, const RowCost& cost) {
  sdk::Action action(RUVECTOR_ACTION_MOVE_ROWS, from);
  sdk::Action undo(RUVECTOR_ACTION_RETURN_ROWS, from);
  undo.Set("to", TextValue(to)).Effect("moves back what users left unchanged");
  action.Set("to", TextValue(to))
      .Set("max_rows", NumberValue(rows))
      .Set("batch_rows", NumberValue(std::min(batch, rows)))
      .Rows(rows)
      .Bytes(rows * cost.bytes)
      .Seconds(rows * cost.seconds)
      .Undo(std::move(undo));
  return action;
}

// ---- carrying out -----------------------------------------------------------

inline std::string TextArgument(const ruvector_action& action,
                                std::string_view name) {
  return sdk::Argument(action, name).value_or(sdk::Value()).text().value_or("");
}
inline double NumberArgument(const ruvector_action& action,
                             std::string_view name) {
  return sdk::Argument(action, name)
      .value_or(sdk::Value())
      .number()
      .value_or(0);
}

inline sdk::Status Stopped(const ruvector_action& action) {
  return sdk::Status::Error(RUVECTOR_CANCELLED, "asked to stop before '%s'",
                            action.object);
}

// Sets what the action says, unless it is so already: reads the present value
// first, since an undo must hold it, and again when it has changed meanwhile.
// `metric` is the metric of the value, `subject` its subject.
inline sdk::Status SetOnce(const ruvector_action& planned, const char* metric,
                           const char* subject, const char* argument,
                           sdk::Host* host) {
  const sdk::Value wanted =
      sdk::Argument(planned, argument).value_or(sdk::Value());
  sdk::Status s;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (host->ShouldStop()) return Stopped(planned);
    sdk::Value present;
    s = host->ReadMetric(metric, subject, &present);
    if (!s.ok()) return s;
    if (present == wanted) return s;
    sdk::Action action(planned);
    sdk::Action undo(*planned.undo);
    undo.Set(argument, present);
    action.Undo(std::move(undo));
    s = host->Act(&action);
    if (s.code() != RUVECTOR_ABORTED) return s;
  }
  return s;
}

// Performs an action whose repetition would be work in vain, unless the journal
// says that this remediation has done it. `act` is the subject of acts_done.
inline sdk::Status ActOnce(const ruvector_action& planned,
                           const std::string& act, sdk::Host* host) {
  if (host->ShouldStop()) return Stopped(planned);
  sdk::Value done;
  sdk::Status s = host->ReadIfKnown("acts_done", act.c_str(), &done);
  if (!s.ok()) return s;
  if (done.number().value_or(0) > 0) return s;
  if (host->ShouldStop()) return Stopped(planned);
  sdk::Action action(planned);
  return host->Act(&action);
}

// What a watcher of the moves says between two batches.
enum class Progress { kGoOn, kEnough };

// Moves the rows of one planned MOVE_ROWS that this remediation has not moved
// yet, batch by batch; `watch` is called after each batch and returns Progress
// through its pointer. *ended is set when it said enough.
template <class Watch>
sdk::Status MoveInBatches(const ruvector_action& planned, sdk::Host* host,
                          Watch watch, bool* ended) {
  const std::string act = std::string("move_rows ") + planned.object + " " +
                          TextArgument(planned, "to");
  sdk::Value moved;
  sdk::Status s = host->ReadIfKnown("act_rows", act.c_str(), &moved);
  if (!s.ok()) return s;
  double left =
      NumberArgument(planned, "max_rows") - moved.number().value_or(0);
  const double batch = NumberArgument(planned, "batch_rows");
  int conflicts = 0;
  while (left >= 1) {
    if (host->ShouldStop()) return Stopped(planned);
    const double now = std::min(batch, left);
    sdk::Action action(planned);
    action.Set("max_rows", NumberValue(now))
        .Set("batch_rows", NumberValue(now));
    ruvector_outcome outcome{};
    s = host->Act(&action, &outcome);
    if (s.code() == RUVECTOR_ABORTED && ++conflicts < kAttempts) continue;
    if (!s.ok()) return s;
    conflicts = 0;
    if (outcome.changed == 0) return s;  // no rows are left to move
    left -= std::isnan(outcome.rows) ? now : outcome.rows;
    Progress progress = Progress::kGoOn;
    s = watch(&progress);
    if (!s.ok()) return s;
    if (progress == Progress::kEnough) {
      *ended = true;
      return s;
    }
  }
  return s;
}

}  // namespace ruvector::planning

#endif  // RUVECTOR_PLUGINS_STRATEGIES_COMMON_PLANNING_H_
