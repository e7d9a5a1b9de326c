// A world for the engine: a host that keeps the promises of engine_io.h in any
// order, slowly, and dies at any moment; strategies of every kind; persons.
// Everything follows from the seed.
#ifndef RUVECTOR_CORE_HEALING_ENGINE_SIMULATION_H_
#define RUVECTOR_CORE_HEALING_ENGINE_SIMULATION_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/no_postgres.h"
#include "core/base/rng.h"
#include "core/healing/engine.h"

namespace ruvector::healing {

class EngineSimulation {
 public:
  explicit EngineSimulation(uint64_t seed);

  // One thing happens. `failure` is set, and stays, when an invariant breaks.
  void Step();
  // No more faults: everything that is open comes to its end.
  void Drain();

  const std::string& failure() const { return failure_; }
  // How actions have ended, by state; what a run is worth as a test.
  const std::map<ActionState, int>& ends() const { return ends_; }
  int crashes() const { return crashes_; }
  // Of everything that has happened, in order.
  uint64_t digest() const { return digest_; }

 private:
  struct Worker {
    bool undoing = false;
    bool begun = false;  // WorkerStarted has been sent
    bool cancelled = false;
    bool killed = false;
    int acts_left = 0;
  };
  struct Transaction {
    std::vector<Effect> effects;  // all of the step, in order
    EngineMemory memory;
    bool has_writes = false;
  };
  // What is on disk of an action's acts.
  struct Acts {
    int changes = 0;  // in force and undoable
    bool irreversible = false;
    bool ever = false;
  };

  void Send(decltype(Input::what) what);
  void TakeUp(std::vector<Effect> effects);
  void Perform(const Effect& effect);  // of a committed step
  void CommitNext(bool may_fail);
  void WorkerStep(int64_t id);
  void EndWorker(int64_t id);
  void Answer();
  void Person();
  void RandomPass();
  void ChangeConfig();
  void Crash();
  void Begin();
  void Check(const EngineState& before, const std::vector<Effect>& effects);
  void CheckAdmission(const OpenAction& open);
  void Fail(std::string what);
  bool Chance(uint64_t one_in) { return rng_.Below(one_in) == 0; }
  std::vector<Measured> Measure(const Action& action);
  ActsDone DoneBy(int64_t id) const;

  Rng rng_;
  absl::Time now_ = absl::FromUnixSeconds(1800000000);
  bool calm_ = false;
  HealingConfig config_;
  bool kill_switch_ = false;
  std::vector<StrategyProfile> strategies_;
  std::map<std::string, int> behaviours_;
  std::set<std::pair<std::string, std::string>> faults_;

  EngineState state_;
  std::deque<Transaction> line_;
  std::vector<decltype(Input::what)> inbox_;  // answers under way
  std::map<int64_t, Worker> workers_;

  // On disk.
  std::map<int64_t, Action> rows_;
  EngineMemory stored_;
  bool has_memory_ = false;
  std::map<int64_t, Acts> acts_;
  std::set<int64_t> intents_;  // committed
  std::set<int64_t> ran_;      // a worker has begun

  std::map<int64_t, HealingConfig> admitted_under_;
  std::map<std::string, std::vector<absl::Time>> starts_;
  std::map<ActionState, int> ends_;
  int crashes_ = 0;
  int64_t requests_ = 0;
  uint64_t digest_ = 0;
  std::string failure_;
};

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_ENGINE_SIMULATION_H_
