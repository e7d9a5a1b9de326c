// A small database to heal: the host of plugin_abi.h over an in-memory model.
//
// Actions really change the model, undos really change it back, and the rules
// that plugin_abi.h states for a host are enforced: only kinds and objects of
// the plan, no more rows than planned, an undo that holds the present value.
// Faults, stops and other people's changes can be arranged at any call.
#ifndef RUVECTOR_PLUGINS_TESTING_MODEL_HOST_H_
#define RUVECTOR_PLUGINS_TESTING_MODEL_HOST_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/plugin/action_kinds.h"
#include "core/plugin/description.h"
#include "core/plugin/plugin_abi.h"
#include "core/plugin/strategy_plugin.h"

namespace ruvector::plugin_testing {

// What a strategy can change. Equal worlds are equal databases.
struct World {
  // What the "same" kinds set: kind, object, key (operation or option).
  using Setting = std::tuple<uint32_t, std::string, std::string>;
  std::map<Setting, sdk::Value> settings;         // null values are not kept
  std::map<std::string, std::set<int64_t>> rows;  // partition -> row ids
  std::set<std::string> held_jobs;
  std::set<std::pair<uint32_t, std::string>> maintained;  // irreversible work

  sdk::Value Get(const Setting& setting) const;
  void Set(const Setting& setting, sdk::Value value);
  bool operator==(const World& other) const;
};

// A metric as both the plan's request and read_metric see it.
struct Metric {
  std::string name;
  std::string subject;
  std::function<sdk::Value(const World&)> read;
};

// The setting that an action of a "same" kind changes.
World::Setting SettingOf(const plugin::ActionKind& kind,
                         const ruvector_action& action);

// A metric that is one of the world's settings.
Metric SettingMetric(std::string name, std::string subject,
                     World::Setting setting);

class ModelHost {
 public:
  // All are borrowed; `plan` limits what may be done.
  ModelHost(const plugin::StrategyDescription& strategy,
            const ruvector_plan& plan, const std::vector<Metric>& metrics,
            World& world);

  const ruvector_strategy_host& table() const { return table_; }

  // At host call number `call` (0 is the first, should_stop included) and
  // later, should_stop answers yes.
  void StopFrom(int call) { stop_from_ = call; }
  // Call number `call`, unless it is should_stop or log, fails with `code` and
  // has no effect.
  void FailAt(int call, int32_t code) { fail_at_ = call, fail_code_ = code; }
  // Runs once, just before the n-th act (0 is the first) is judged.
  void BeforeAct(int n, std::function<void(World&)> meddle) {
    meddle_at_ = n, meddle_ = std::move(meddle);
  }

  int calls() const { return calls_; }
  int acts() const { return acts_; }          // that were asked for
  int changes() const { return changes_; }    // acts that changed the world
  int refusals() const { return refusals_; }  // acts that were not permitted
  // Acts asked for after should_stop had said yes.
  int acts_after_stop() const { return acts_after_stop_; }
  // True if the strategy has asked so often that it must be looping.
  bool exhausted() const { return calls_ > kMaxCalls; }

  // Runs the journal's undos, newest first, and empties it.
  void UndoAll();

 private:
  static constexpr int kMaxCalls = 20000;
  struct Reply {
    int32_t code;
    std::string message;
  };

  static ModelHost& Self(void* context) {
    return *static_cast<ModelHost*>(context);
  }
  static int32_t ReadMetric(void*, const char*, const char*, ruvector_value*,
                            char*, size_t);
  static int32_t SampleLambda(void*, double*, char*, size_t);
  static int32_t Act(void*, const ruvector_action*, ruvector_outcome*, char*,
                     size_t);
  static void Log(void*, int32_t, const char*);
  static int32_t ShouldStop(void*);

  std::optional<Reply> Fault();
  bool InPlan(const ruvector_action& action) const;
  Reply Perform(const ruvector_action& action, ruvector_outcome& outcome);
  Reply SetValue(const ruvector_action& action, ruvector_outcome& outcome);
  Reply MoveRows(const ruvector_action& action, ruvector_outcome& outcome);
  Reply HoldJob(const ruvector_action& action, ruvector_outcome& outcome);
  void Changed(ruvector_outcome& outcome, double rows,
               std::function<void(World&)> undo);

  const plugin::StrategyDescription& strategy_;
  const ruvector_plan& plan_;
  const std::vector<Metric>& metrics_;
  World& world_;
  ruvector_strategy_host table_;
  std::vector<std::function<void(World&)>> journal_;
  // By source and destination.
  std::map<std::pair<std::string, std::string>, double> rows_moved_;
  sdk::Value last_read_;  // owns the text handed out
  std::function<void(World&)> meddle_;
  int meddle_at_ = -1;
  int stop_from_ = -1;
  int fail_at_ = -1;
  int32_t fail_code_ = RUVECTOR_OK;
  int calls_ = 0;
  int acts_ = 0;
  int changes_ = 0;
  int refusals_ = 0;
  int acts_after_stop_ = 0;
  bool said_stop_ = false;
};

}  // namespace ruvector::plugin_testing

#endif  // RUVECTOR_PLUGINS_TESTING_MODEL_HOST_H_
