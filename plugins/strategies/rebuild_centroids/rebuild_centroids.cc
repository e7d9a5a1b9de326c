// Builds a drifted IVFFlat index anew, with as many lists as its table asks
// for today.
//
// How many lists. pgvector's manual: rows / 1000 up to a million rows, the
// square root above. An index within a quarter of that keeps what it has, since
// users tune ivfflat.probes to it. So does one whose recall is below its
// target: at the same probes more lists look at a smaller share of the rows,
// which would lower recall further.
//
// Whether it can be built. k-means needs its samples, centers and distances in
// maintenance_work_mem and fails where they do not fit (ivfkmeans.c, 0.8); the
// lists are lowered to what fits, and where not even half of them do the
// strategy says how much memory is needed. A second copy of the index must fit
// on its disk with a tenth to spare.
//
// In which form. An index of a plain table is built beside the old one, which
// is kept until the result is verified. One that belongs to a partitioned index
// cannot be replaced alone: where half or more of the parent's indexes are
// named and a copy of all of them fits, the parent is built beside (one number
// of lists, for the mean partition); else each leaf is rebuilt in place, one
// after the other, and undone by a rebuild with the former lists.
//
// Verified by the mean distance of rows to the center of their list, which is
// what k-means lowers, with recall as a guard.
#include <algorithm>
#include <cmath>
#include <map>
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

constexpr double kMostLists = 32768;  // IVFFLAT_MAX_LISTS
constexpr double kSpareDisk = 1.1;
constexpr double kCloseEnough = 1.25;  // lists over the advised, either way
// Of a distance, per dimension, on one core with SIMD.
constexpr double kDimensionSeconds = 5e-10;
// Iterations over the samples until k-means settles, of its at most 500.
constexpr double kIterations = 20;

struct RebuildCentroids : sdk::Strategy {
  static constexpr char kName[] = "rebuild_centroids";
  static constexpr char kVersion[] = "1.0.0";
  static constexpr char kDescription[] =
      "Builds drifted IVFFlat indexes anew, with lists for today's rows.";
  static constexpr char kLicense[] = "NOASSERTION";
  static constexpr const char* kHandles[] = {"centroid_skew"};
  static constexpr double kImpact = 0.5;
  static constexpr uint32_t kFlags = RUVECTOR_STRATEGY_REVERSIBLE;
  static constexpr uint32_t kActionKinds[] = {RUVECTOR_ACTION_REBUILD_INDEX};
  static constexpr const char* kMetrics[] = {
      "index_method",     "index_parent",
      "index_bytes",      "index_rows",
      "index_free_bytes", "index_dimensions",
      "index_lists",      "index_drifted_share",
      "index_recall",     "maintenance_memory_bytes"};
  static constexpr ruvector_expectation kTarget = {
      "list_distance", "", RUVECTOR_MUST_FALL, 0, 0.005};
  static constexpr ruvector_expectation kGuards[] = {
      {"recall", "", RUVECTOR_MUST_RISE, 0, 0.02},
      {"lambda_norm", "", RUVECTOR_MUST_RISE, 0, 0.05},
      {"service_norm", "", RUVECTOR_MUST_RISE, 0, 0.05},
  };

  enum { kMaxIndexes };
  static constexpr ruvector_parameter kParameters[] = {
      sdk::NumberParameter("max_indexes", "Indexes built by one plan.", 1, 1000,
                           16),
  };

  static Status Plan(const sdk::PlanRequest& request, sdk::Plan* plan) {
    if (!planning::IsOneOf(planning::Cause(request),
                           {"ivfflat_few_rows", "ivfflat_drift",
                            "ivfflat_recall_below_target"})) {
      return planning::NotForThis(request, "no IVFFlat index is blamed");
    }
    std::vector<Index> named;
    Status s = Read(request, &named);
    if (!s.ok()) return s;
    planning::Budget budget(request);
    Planned planned{&budget, plan, request.number_parameter(kMaxIndexes), ""};
    for (const auto& [parent, leaves] : ByParent(named)) {
      if (s.ok()) s = PlanGroup(request, parent, leaves, &planned);
    }
    plan->Note(planned.note.empty() ? "nothing to build" : planned.note);
    return s;
  }

  static Status Execute(const sdk::PlanRequest&, const sdk::PlanView& plan,
                        sdk::Host* host) {
    Status s;
    for (uint32_t i = 0; s.ok() && i < plan.size(); ++i) {
      const ruvector_action& action = plan.action(i);
      const std::string act = std::string("rebuild_index ") + action.object;
      s = action.undo->kind == RUVECTOR_ACTION_RESTORE_INDEX
              ? planning::ActOnce(action, act, host)
              : InPlace(action, act, host);
    }
    return s;
  }

 private:
  struct Index {
    std::string name, parent;
    double bytes = 0, rows = 0, free = 0, dimensions = 0, lists = 0;
  };
  struct Planned {
    planning::Budget* budget;
    sdk::Plan* plan;
    double left;
    std::string note;
  };
  struct Build {
    double rows, bytes, dimensions, lists;
  };

  static Status ReadOne(const sdk::PlanRequest& request,
                        const std::string& name, Index* index) {
    index->name = name;
    index->parent = request.Text("index_parent", name).value_or("");
    const struct {
      const char* metric;
      double* into;
    } kNeeded[] = {{"index_bytes", &index->bytes},
                   {"index_rows", &index->rows},
                   {"index_free_bytes", &index->free},
                   {"index_dimensions", &index->dimensions},
                   {"index_lists", &index->lists}};
    for (const auto& needed : kNeeded) {
      const Known value = request.Number(needed.metric, name);
      if (!value.has_value()) return planning::Unknown(needed.metric, name);
      *needed.into = *value;
    }
    return Status();
  }

  static Status Read(const sdk::PlanRequest& request,
                     std::vector<Index>* named) {
    for (const std::string& name : planning::Blamed(request, "index")) {
      if (request.Text("index_method", name) != "ivfflat") continue;
      Index index;
      Status s = ReadOne(request, name, &index);
      if (!s.ok()) return s;
      named->push_back(std::move(index));
    }
    if (!named->empty()) return Status();
    return Status::Error(RUVECTOR_FAILED_PRECONDITION,
                         "the problem names no IVFFlat index that can be read");
  }

  // By parent, those without one each for themselves.
  static std::map<std::string, std::vector<Index>> ByParent(
      const std::vector<Index>& named) {
    std::map<std::string, std::vector<Index>> groups;
    for (const Index& index : named) {
      groups[index.parent.empty() ? index.name : index.parent].push_back(index);
    }
    return groups;
  }

  static double Advised(double rows) {
    const double lists = rows <= 1e6 ? rows / 1000 : std::sqrt(rows);
    return std::clamp(std::floor(lists), 1.0, kMostLists);
  }

  // What ivfkmeans.c sums up before it begins.
  static double MemoryFor(double lists, double rows, double dimensions) {
    const double item = 8 + 4 * dimensions;
    const double samples = std::max(50 * lists, 10000.0);
    const double seen = std::min(samples, std::max(rows, 1.0));
    return samples * item + 2 * lists * item + 4 * lists * dimensions +
           12 * lists + 8 * seen + 4 * seen * lists + 4 * lists * lists;
  }

  // Lists to build with, at most as many as fit; 0 where too few do.
  static double ListsFor(const sdk::PlanRequest& request, const Build& build,
                         double memory) {
    double lists = Advised(build.rows);
    const bool keep =
        planning::Cause(request) == "ivfflat_recall_below_target" ||
        (build.lists <= lists * kCloseEnough &&
         lists <= build.lists * kCloseEnough);
    if (keep) lists = build.lists;
    double fits = lists;
    while (fits >= 1 &&
           MemoryFor(fits, build.rows, build.dimensions) > memory) {
      fits = std::floor(fits * 0.9);
    }
    return fits * 2 < lists ? 0 : fits;
  }

  static double SecondsOf(const Build& build) {
    const double samples =
        std::min(std::max(50 * build.lists, 10000.0), build.rows);
    return build.bytes / planning::kCopyBytesPerSecond +
           (kIterations * samples + build.rows) * build.lists *
               build.dimensions * kDimensionSeconds;
  }

  static Status PlanGroup(const sdk::PlanRequest& request,
                          const std::string& parent,
                          const std::vector<Index>& leaves, Planned* planned) {
    if (leaves.size() == 1 && leaves[0].parent.empty()) {
      return AddBuild(request, leaves[0].name, BuildOf(leaves[0]),
                      leaves[0].free, true, 1, planned);
    }
    std::vector<Index> all;
    for (const std::string& name : request.Subjects("index_parent")) {
      Index index;
      if (request.Text("index_parent", name) != parent) continue;
      Status s = ReadOne(request, name, &index);
      if (!s.ok()) return s;
      all.push_back(std::move(index));
    }
    double bytes = 0, rows = 0, free = leaves[0].free;
    double most_lists = 0, least_lists = kMostLists;
    for (const Index& index : all) {
      bytes += index.bytes;
      rows += index.rows;
      free = std::min(free, index.free);
      most_lists = std::max(most_lists, index.lists);
      least_lists = std::min(least_lists, index.lists);
    }
    // Beside, an undo brings all back; lists that differ, no one number could.
    if (2 * leaves.size() >= all.size() && free >= kSpareDisk * bytes &&
        most_lists == least_lists) {
      const double mean = rows / static_cast<double>(all.size());
      return AddBuild(request, parent,
                      {mean, bytes, all[0].dimensions, all[0].lists}, free,
                      true, static_cast<double>(all.size()), planned);
    }
    for (const Index& leaf : leaves) {
      Status s = AddBuild(request, leaf.name, BuildOf(leaf), leaf.free, false,
                          1, planned);
      if (!s.ok()) return s;
    }
    return Status();
  }

  static Build BuildOf(const Index& index) {
    return {index.rows, index.bytes, index.dimensions, index.lists};
  }

  // `build` is that of one leaf, but for its bytes, which are those of all.
  static Status AddBuild(const sdk::PlanRequest& request,
                         const std::string& name, Build build, double free,
                         bool beside, double leaves, Planned* planned) {
    const Known memory = request.Number("maintenance_memory_bytes");
    if (!memory.has_value()) {
      return planning::Unknown("maintenance_memory_bytes", "");
    }
    const double lists = ListsFor(request, build, *memory);
    if (lists < 1) {
      return Status::Error(
          RUVECTOR_FAILED_PRECONDITION,
          "%s lists need %s of maintenance_work_mem, which is %s",
          Show(Advised(build.rows)).c_str(),
          ShowBytes(
              MemoryFor(Advised(build.rows), build.rows, build.dimensions))
              .c_str(),
          ShowBytes(*memory).c_str());
    }
    if (free < kSpareDisk * build.bytes) {
      return Status::Error(RUVECTOR_FAILED_PRECONDITION,
                           "a second copy of index '%s' needs %s of disk, %s "
                           "are free",
                           name.c_str(),
                           ShowBytes(kSpareDisk * build.bytes).c_str(),
                           ShowBytes(free).c_str());
    }
    const double former = build.lists;
    build.lists = lists;
    Build whole = build;
    whole.rows *= leaves;
    const double seconds = SecondsOf(whole);
    if (planned->left < leaves ||
        !planned->budget->Take(0, build.bytes, seconds)) {
      planned->note += name + " is beyond the blast radius or max_indexes. ";
      return Status();
    }
    planned->left -= leaves;
    sdk::Action undo(
        beside ? RUVECTOR_ACTION_RESTORE_INDEX : RUVECTOR_ACTION_REBUILD_INDEX,
        name);
    if (!beside) undo.Set("lists", planning::NumberValue(former));
    undo.Effect(beside ? "swaps the old index back"
                       : "builds it with the former lists");
    sdk::Action action(RUVECTOR_ACTION_REBUILD_INDEX, name);
    action
        .Set("lists",
             lists == former ? sdk::Value() : planning::NumberValue(lists))
        .Rows(0)
        .Bytes(build.bytes)
        .Seconds(seconds)
        .Effect("centers are those of today's rows; " + Show(lists) +
                " lists, now " + Show(former))
        .Undo(std::move(undo));
    planned->plan->Add(std::move(action));
    planned->note += name + ": " + Show(lists) + " lists for " +
                     Show(build.rows) + " rows. ";
    return Status();
  }

  // In place, the undo must hold the present lists.
  static Status InPlace(const ruvector_action& planned, const std::string& act,
                        sdk::Host* host) {
    Status s;
    for (int attempt = 0; attempt < planning::kAttempts; ++attempt) {
      if (host->ShouldStop()) return planning::Stopped(planned);
      sdk::Value done, lists;
      s = host->ReadIfKnown("acts_done", act.c_str(), &done);
      if (!s.ok() || done.number().value_or(0) > 0) return s;
      s = host->ReadMetric("index_lists", planned.object, &lists);
      if (!s.ok()) return s;
      if (host->ShouldStop()) return planning::Stopped(planned);
      sdk::Action action(planned);
      sdk::Action undo(*planned.undo);
      undo.Set("lists", lists);
      action.Undo(std::move(undo));
      s = host->Act(&action);
      if (s.code() != RUVECTOR_ABORTED) return s;
    }
    return s;
  }
};

}  // namespace

RUVECTOR_STRATEGY_PLUGIN(RebuildCentroids)
