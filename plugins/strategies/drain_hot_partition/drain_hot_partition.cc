// Steers new rows away from a partition that is hot by new rows.
//
// A managed collection's rows choose their partition by weight, so with weight
// w of a total W a partition takes the share w / W of all inserts. In stress
// the weight of a hot partition becomes the mean of those that are not hot, so
// that its share is theirs; where it takes more than its weight tells (rows
// that name their partition), it is divided by how many times the mean it
// takes, if that is less. In critical it becomes 0: all new rows go elsewhere
// until a person, or the undo, opens it again.
//
// Never more than half of the open partitions are steered away from, and never
// the last one: what is drained here arrives there. A partition whose load is
// reads of rows that it has does not cool down by this; it is left to
// rebalance_partitions.
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

// Of a partition's load, at least, must be inserts for them to be worth
// steering.
constexpr double kLeastInserts = 0.1;

struct DrainHotPartition : sdk::Strategy {
  static constexpr char kName[] = "drain_hot_partition";
  static constexpr char kVersion[] = "1.0.0";
  static constexpr char kDescription[] =
      "Steers new rows away from hot partitions by their routing weights.";
  static constexpr char kLicense[] = "NOASSERTION";
  static constexpr const char* kHandles[] = {"hotspot_congestion"};
  static constexpr double kImpact = 0.1;
  static constexpr uint32_t kFlags = RUVECTOR_STRATEGY_REVERSIBLE;
  static constexpr uint32_t kActionKinds[] = {
      RUVECTOR_ACTION_SET_ROUTING_WEIGHT};
  static constexpr const char* kMetrics[] = {
      "routing", "routing_weight", "partition_reads_per_second",
      "partition_writes_per_second", "partition_inserts_per_second"};
  static constexpr ruvector_expectation kTarget = {"insert_ratio", "",
                                                   RUVECTOR_MUST_FALL, 0, 0.1};
  static constexpr ruvector_expectation kGuards[] = {
      {"load_ratio", "", RUVECTOR_MUST_FALL, 0, 0.1},
      {"lambda_norm", "", RUVECTOR_MUST_RISE, 0, 0.05},
      {"service_norm", "", RUVECTOR_MUST_RISE, 0, 0.05},
  };

  enum { kHotRatio };
  static constexpr ruvector_parameter kParameters[] = {
      sdk::NumberParameter(
          "hot_ratio",
          "Inserts over the mean from which on a partition is steered away "
          "from.",
          1.05, 100, 1.5),
  };

  static Status Plan(const sdk::PlanRequest& request, sdk::Plan* plan) {
    const std::optional<std::string> routing = request.Text("routing");
    if (!routing.has_value()) return planning::Unknown("routing", "");
    if (*routing != "weights") {
      return Status::Error(
          RUVECTOR_FAILED_PRECONDITION,
          "collection '%s' has no routing weights: new rows cannot be steered",
          request.problem().collection);
    }
    std::vector<Partition> partitions;
    Status s = Read(request, &partitions);
    if (!s.ok()) return s;
    // Worst first; the names decide between equals.
    std::stable_sort(partitions.begin(), partitions.end(),
                     [](const Partition& a, const Partition& b) {
                       return a.inserts > b.inserts;
                     });
    return Steer(request, partitions, plan);
  }

  static Status Execute(const sdk::PlanRequest&, const sdk::PlanView& plan,
                        sdk::Host* host) {
    Status s;
    for (uint32_t i = 0; s.ok() && i < plan.size(); ++i) {
      s = planning::SetOnce(plan.action(i), "routing_weight",
                            plan.action(i).object, "weight", host);
    }
    return s;
  }

 private:
  struct Partition {
    std::string name;
    double weight = 0;
    double inserts = 0;
    double load = 0;
  };

  static Status Read(const sdk::PlanRequest& request,
                     std::vector<Partition>* partitions) {
    for (const std::string& name : request.Subjects("routing_weight")) {
      const Known weight = request.Number("routing_weight", name);
      const Known reads = request.Number("partition_reads_per_second", name);
      const Known writes = request.Number("partition_writes_per_second", name);
      const Known inserts =
          request.Number("partition_inserts_per_second", name);
      // One that no row can choose: a leaf attached by hand.
      if (!weight.has_value()) continue;
      if (!reads.has_value() || !writes.has_value() || !inserts.has_value()) {
        return planning::Unknown("partition_inserts_per_second", name);
      }
      partitions->push_back({name, *weight, *inserts, *reads + *writes});
    }
    if (partitions->empty()) return planning::Unknown("routing_weight", "");
    return Status();
  }

  static Status Steer(const sdk::PlanRequest& request,
                      const std::vector<Partition>& partitions,
                      sdk::Plan* plan) {
    double sum = 0;
    size_t open = 0;
    for (const Partition& p : partitions) {
      sum += p.inserts;
      if (p.weight > 0) ++open;
    }
    if (open < 2) {
      return Status::Error(RUVECTOR_FAILED_PRECONDITION,
                           "%zu partition(s) take new rows: there is no other",
                           open);
    }
    const double mean = sum / static_cast<double>(partitions.size());
    const bool critical = request.problem().state >= RUVECTOR_STATE_CRITICAL;
    size_t may = open / 2;
    std::string by_reads;
    std::vector<Partition> hot;
    double others = 0;  // weights of those that are not hot
    for (const Partition& p : partitions) {
      if (p.weight <= 0) continue;
      const bool takes_most =
          mean > 0 && p.inserts > request.number_parameter(kHotRatio) * mean;
      if (takes_most && p.inserts < kLeastInserts * p.load) by_reads = p.name;
      if (!takes_most || p.inserts < kLeastInserts * p.load || may == 0) {
        others += p.weight;
        continue;
      }
      --may;
      hot.push_back(p);
    }
    const double theirs = others / static_cast<double>(open - hot.size());
    for (const Partition& p : hot) {
      // Thousandths: people read them, and equal plans compare equal.
      const double weight =
          critical ? 0
                   : std::floor(1000 *
                                std::min(theirs, p.weight * mean / p.inserts)) /
                         1000;
      sdk::Action undo(RUVECTOR_ACTION_SET_ROUTING_WEIGHT, p.name);
      undo.Set("weight", planning::NumberValue(p.weight))
          .Effect("restores the former weight");
      sdk::Action action(RUVECTOR_ACTION_SET_ROUTING_WEIGHT, p.name);
      action.Set("weight", planning::NumberValue(weight))
          .Rows(0)
          .Bytes(0)
          .Seconds(0)
          .Effect("takes " + Show(p.inserts / mean) +
                  " times the mean of new rows; its weight was " +
                  Show(p.weight) + ", that of others is " + Show(theirs))
          .Undo(std::move(undo));
      plan->Add(std::move(action));
    }
    if (!plan->empty()) {
      plan->Note("new rows choose other partitions; rows that are there stay");
      return Status();
    }
    if (!by_reads.empty() || HotByReads(request, partitions)) {
      return Status::Error(
          RUVECTOR_FAILED_PRECONDITION,
          "the load is of rows that are there, not of new ones: "
          "rebalance_partitions moves those");
    }
    plan->Note("no open partition takes more than " +
               Show(request.number_parameter(kHotRatio)) +
               " times the mean of new rows");
    return Status();
  }

  static bool HotByReads(const sdk::PlanRequest& request,
                         const std::vector<Partition>& partitions) {
    double sum = 0, most = 0;
    for (const Partition& p : partitions) {
      sum += p.load;
      most = std::max(most, p.load);
    }
    return most * static_cast<double>(partitions.size()) >
           request.number_parameter(kHotRatio) * sum;
  }
};

}  // namespace

RUVECTOR_STRATEGY_PLUGIN(DrainHotPartition)
