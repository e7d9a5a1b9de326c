// Moves rows from hot partitions to cold ones until every partition carries
// about the mean load.
//
// What can be moved. A partition's load is the rows touched on it a second:
// read, updated, deleted, inserted. Rows bring the first three along; inserts
// follow the routing weights, so a partition that is hot by new rows is left to
// drain_hot_partition, which steers those.
//
// How much. The load that is not inserts is taken to be spread evenly over a
// partition's rows, so moving the share f of them moves the share f of it. The
// total does not change, nor does the mean. From each hot partition the excess
// over the mean is poured into the coldest ones, each up to the mean, coldest
// first, and a tenth of a partition's rows stay. Where max_moves or the blast
// radius bound the rows, the hottest and the coldest come first.
//
// In which steps. Batches are bounded by the time that a user may wait for a
// moved row and by how many updates are expected to meet one (planning.h).
// Lambda is sampled between batches: when it falls by more than a tenth, the
// strategy stops where it is, and the verification decides what becomes of it.
//
// Collections that Citus distributes have shards instead of routing weights:
// there the shard moves that evens out the fullest and the emptiest node best.
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
using sdk::Status;

// Lambda may fluctuate by this share before it counts as falling.
constexpr double kLambdaMayFall = 0.1;
// Of a partition's rows, at most: what is left must still be planned by the
// load that was measured.
constexpr double kMostOfAPartition = 0.9;
// Of a partition's load, at least, must be of rows that are there.
constexpr double kLeastMovable = 0.5;

struct Partition {
  std::string name;
  double rows = 0;
  double load = 0;     // rows touched a second
  double movable = 0;  // of it without inserts
};

struct RebalancePartitions : sdk::Strategy {
  static constexpr char kName[] = "rebalance_partitions";
  static constexpr char kVersion[] = "1.0.0";
  static constexpr char kDescription[] =
      "Moves rows from hot partitions to cold ones, in small batches.";
  static constexpr char kLicense[] = "NOASSERTION";
  static constexpr const char* kHandles[] = {"hotspot_congestion"};
  static constexpr double kImpact = 0.3;
  static constexpr uint32_t kFlags = RUVECTOR_STRATEGY_REVERSIBLE;
  static constexpr uint32_t kActionKinds[] = {RUVECTOR_ACTION_MOVE_ROWS,
                                              RUVECTOR_ACTION_MOVE_SHARD};
  static constexpr const char* kMetrics[] = {"routing",
                                             "partition_rows",
                                             "partition_bytes",
                                             "partition_index_bytes",
                                             "partition_reads_per_second",
                                             "partition_writes_per_second",
                                             "partition_inserts_per_second",
                                             "partition_hnsw_indexes",
                                             "partition_ivfflat_indexes",
                                             "shard_node",
                                             "shard_bytes"};
  static constexpr ruvector_expectation kTarget = {"load_ratio", "",
                                                   RUVECTOR_MUST_FALL, 0, 0.1};
  static constexpr ruvector_expectation kGuards[] = {
      {"lambda_norm", "", RUVECTOR_MUST_RISE, 0, 0.05},
      {"service_norm", "", RUVECTOR_MUST_RISE, 0, 0.05},
  };

  enum { kMaxMoves, kBatchMs, kHotRatio };
  static constexpr ruvector_parameter kParameters[] = {
      sdk::NumberParameter("max_moves", "Rows that are moved at most.", 1, 1e9,
                           1e6),
      sdk::NumberParameter("batch_ms", "Length of one transaction.", 10, 60000,
                           500),
      sdk::NumberParameter(
          "hot_ratio", "Load over the mean from which on a partition is hot.",
          1.05, 100, 1.5),
  };

  static Status Plan(const sdk::PlanRequest& request, sdk::Plan* plan) {
    const std::optional<std::string> routing = request.Text("routing");
    if (!routing.has_value()) return planning::Unknown("routing", "");
    if (*routing == "citus") return PlanShards(request, plan);
    if (*routing != "weights") {
      return Status::Error(
          RUVECTOR_FAILED_PRECONDITION,
          "collection '%s' has no routing column: rows cannot choose another "
          "partition",
          request.problem().collection);
    }
    std::vector<Partition> partitions;
    Status s = ReadPartitions(request, &partitions);
    if (!s.ok()) return s;
    return PlanRows(request, std::move(partitions), plan);
  }

  static Status Execute(const sdk::PlanRequest&, const sdk::PlanView& plan,
                        sdk::Host* host) {
    std::optional<double> initial;
    Status s = host->SampleLambda(&initial);
    bool ended = false;
    for (uint32_t i = 0; s.ok() && i < plan.size() && !ended; ++i) {
      const ruvector_action& action = plan.action(i);
      if (action.kind == RUVECTOR_ACTION_MOVE_SHARD) {
        s = planning::SetOnce(action, "shard_node", action.object, "node",
                              host);
        continue;
      }
      s = planning::MoveInBatches(
          action, host,
          [&](planning::Progress* progress) {
            return Watch(initial, host, progress);
          },
          &ended);
    }
    return s;
  }

 private:
  static Status Watch(std::optional<double> initial, sdk::Host* host,
                      planning::Progress* progress) {
    std::optional<double> now;
    Status s = host->SampleLambda(&now);
    if (s.ok() && initial.has_value() && now.has_value() &&
        *now < *initial * (1 - kLambdaMayFall)) {
      host->Log(RUVECTOR_LOG_WARNING,
                ("lambda fell from " + Show(*initial) + " to " + Show(*now) +
                 ": no more rows are moved")
                    .c_str());
      *progress = planning::Progress::kEnough;
    }
    return s;
  }

  // ---- rows ---------------------------------------------------------------

  static Status ReadPartitions(const sdk::PlanRequest& request,
                               std::vector<Partition>* partitions) {
    for (const std::string& name : request.Subjects("partition_rows")) {
      const Known rows = request.Number("partition_rows", name);
      const Known reads = request.Number("partition_reads_per_second", name);
      const Known writes = request.Number("partition_writes_per_second", name);
      const Known inserts =
          request.Number("partition_inserts_per_second", name);
      if (!rows.has_value()) return planning::Unknown("partition_rows", name);
      if (!reads.has_value() || !writes.has_value() || !inserts.has_value()) {
        return planning::Unknown("partition_reads_per_second", name);
      }
      partitions->push_back({name, *rows, *reads + *writes,
                             *reads + std::max(0.0, *writes - *inserts)});
    }
    if (partitions->size() < 2) {
      return Status::Error(RUVECTOR_FAILED_PRECONDITION,
                           "%zu partitions are known: there is no other one",
                           partitions->size());
    }
    return Status();
  }

  static double Mean(const std::vector<Partition>& partitions) {
    double sum = 0;
    for (const Partition& p : partitions) sum += p.load;
    return sum / static_cast<double>(partitions.size());
  }
  static double Ratio(const std::vector<Partition>& partitions) {
    double most = 0;
    for (const Partition& p : partitions) most = std::max(most, p.load);
    const double mean = Mean(partitions);
    return mean > 0 ? most / mean : 1;
  }

  struct Move {
    size_t from, to;
    double load;
  };

  // Hottest first, each into the coldest first.
  static std::vector<Move> Pour(const std::vector<Partition>& partitions,
                                double hot_ratio) {
    const double mean = Mean(partitions);
    std::vector<size_t> order(partitions.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return partitions[a].load < partitions[b].load;
    });
    std::vector<double> room;
    for (const Partition& p : partitions) {
      room.push_back(std::max(0.0, mean - p.load));
    }
    std::vector<Move> moves;
    for (auto hot = order.rbegin(); hot != order.rend(); ++hot) {
      const Partition& p = partitions[*hot];
      if (p.load <= hot_ratio * mean || p.rows < 2 ||
          p.movable < kLeastMovable * p.load) {
        continue;
      }
      double excess = std::min(p.load - mean, kMostOfAPartition * p.movable);
      for (size_t to : order) {
        const double poured = std::min(excess, room[to]);
        if (poured <= 0) continue;
        moves.push_back({*hot, to, poured});
        room[to] -= poured;
        excess -= poured;
      }
    }
    return moves;
  }

  static Status PlanRows(const sdk::PlanRequest& request,
                         std::vector<Partition> partitions, sdk::Plan* plan) {
    const double before = Ratio(partitions);
    const std::vector<Move> moves =
        Pour(partitions, request.number_parameter(kHotRatio));
    if (moves.empty()) return NothingHot(request, partitions, plan);

    planning::Budget budget(request);
    double moves_left = request.number_parameter(kMaxMoves);
    std::vector<Partition> after = partitions;
    for (const Move& move : moves) {
      const Partition& from = partitions[move.from];
      const auto cost = planning::RowCostOf(request, from.name);
      if (!cost.has_value()) {
        return planning::Unknown("partition_bytes", from.name);
      }
      const double rows =
          std::floor(std::min({move.load / from.movable * from.rows, moves_left,
                               budget.RowsOf(cost->bytes, cost->seconds)}));
      if (rows < 1 ||
          !budget.Take(rows, rows * cost->bytes, rows * cost->seconds)) {
        continue;
      }
      moves_left -= rows;
      const double load = rows / from.rows * from.movable;
      after[move.from].load -= load;
      after[move.to].load += load;
      sdk::Action action = planning::MoveRows(
          from.name, partitions[move.to].name, rows,
          planning::BatchRows(*cost, request.number_parameter(kBatchMs) / 1000),
          *cost);
      action.Effect("takes " + Show(load) + " of " + Show(from.load) +
                    " rows touched per second off the partition");
      plan->Add(std::move(action));
    }
    plan->Note(plan->empty() ? "the blast radius allows no row to be moved"
                             : "load ratio " + Show(before) + " to " +
                                   Show(Ratio(after)) + " expected");
    return Status();
  }

  static Status NothingHot(const sdk::PlanRequest& request,
                           const std::vector<Partition>& partitions,
                           sdk::Plan* plan) {
    const double mean = Mean(partitions);
    for (const Partition& p : partitions) {
      if (p.load > request.number_parameter(kHotRatio) * mean &&
          p.movable < kLeastMovable * p.load) {
        return Status::Error(
            RUVECTOR_FAILED_PRECONDITION,
            "partition '%s' is hot by new rows, which do not follow the ones "
            "that are moved: drain_hot_partition steers them",
            p.name.c_str());
      }
    }
    plan->Note("no partition carries more than " +
               Show(request.number_parameter(kHotRatio)) +
               " times the mean load");
    return Status();
  }

  // ---- shards -------------------------------------------------------------

  static Status PlanShards(const sdk::PlanRequest& request, sdk::Plan* plan) {
    std::map<std::string, double> nodes;
    std::map<std::string, std::pair<std::string, double>> shards;
    for (const std::string& name : request.Subjects("shard_node")) {
      const auto node = request.Text("shard_node", name);
      const Known bytes = request.Number("shard_bytes", name);
      if (!node.has_value()) return planning::Unknown("shard_node", name);
      if (!bytes.has_value()) return planning::Unknown("shard_bytes", name);
      nodes[*node] += *bytes;
      shards[name] = {*node, *bytes};
    }
    if (nodes.size() < 2) {
      return Status::Error(RUVECTOR_FAILED_PRECONDITION,
                           "the shards are on %zu node(s): there is no other",
                           nodes.size());
    }
    const auto by_bytes = [](const auto& a, const auto& b) {
      return a.second < b.second;
    };
    const auto full = std::max_element(nodes.begin(), nodes.end(), by_bytes);
    const auto empty = std::min_element(nodes.begin(), nodes.end(), by_bytes);
    const double gap = full->second - empty->second;
    const std::string* best = nullptr;
    double evenness = gap;  // what is left of the gap
    for (const auto& [name, shard] : shards) {
      if (shard.first != full->first) continue;
      const double left = std::abs(gap - 2 * shard.second);
      if (shard.second > 0 && left < evenness) {
        best = &name;
        evenness = left;
      }
    }
    if (best == nullptr) {
      plan->Note("no shard of node " + full->first +
                 " would make the nodes more even");
      return Status();
    }
    const double bytes = shards[*best].second;
    const double seconds = bytes / planning::kCopyBytesPerSecond;
    if (!planning::Budget(request).Take(0, bytes, seconds)) {
      plan->Note("shard " + *best + " is beyond the blast radius");
      return Status();
    }
    sdk::Action undo(RUVECTOR_ACTION_MOVE_SHARD, *best);
    undo.Set("node", planning::TextValue(full->first))
        .Effect("moves the shard back");
    sdk::Action action(RUVECTOR_ACTION_MOVE_SHARD, *best);
    action.Set("node", planning::TextValue(empty->first))
        .Bytes(bytes)
        .Seconds(seconds)
        .Effect("node " + full->first + " keeps " +
                planning::ShowBytes(full->second - bytes) + " of " +
                planning::ShowBytes(full->second))
        .Undo(std::move(undo));
    plan->Add(std::move(action));
    plan->Note("the fullest and the emptiest node differ by " +
               planning::ShowBytes(gap) + ", then by " +
               planning::ShowBytes(evenness));
    return Status();
  }
};

}  // namespace

RUVECTOR_STRATEGY_PLUGIN(RebalancePartitions)
