// What the integrity worker knows of one collection between two passes, and
// one pass over it: sense, build, assess, control, persist, publish.
// Worker only. [backend-main]
#ifndef RUVECTOR_PGEXT_INTEGRITY_MONITOR_H_
#define RUVECTOR_PGEXT_INTEGRITY_MONITOR_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/gate/controller.h"
#include "core/gate/policy.h"
#include "core/gate/token_bucket.h"
#include "core/graph/assess.h"
#include "core/graph/build.h"
#include "core/graph/observation.h"
#include "core/notify/webhook_sender.h"
#include "pgext/bridge/spi.h"
#include "pgext/healing/diagnosis/diagnosis.h"
#include "pgext/healing/sensors/server_sense.h"
#include "pgext/integrity/collections.h"
#include "pgext/integrity/throttle_overrides.h"

namespace ruvector::integrity {

class Monitor {
 public:
  explicit Monitor(Collection collection)
      : collection_(std::move(collection)) {}

  // Takes in what a user may have changed: the enrolment, the policy in force
  // and the override. The first call also restores the controller from the
  // tables. In the caller's transaction.
  absl::Status Refresh(pg::SpiSession& spi, const Collection& collection,
                       absl::Time now);

  // One pass, in the caller's transaction. The events it makes go to the
  // outbox, with the state they tell of. An error until a Refresh succeeded:
  // the state in the tables is not ours to replace before it was read.
  // `server`: what all collections share, read once a round.
  absl::Status Pass(pg::SpiSession& spi, absl::Time now,
                    healing::ServerSense& server);

  // After the caller's transaction: take over what it computed and publish it
  // in `slot` (-1: none), or forget it. Nothing is published before a Refresh
  // or Replay succeeded.
  void Committed(int slot);
  void RolledBack();

  // The webhook messages of what has committed, each handed out once.
  std::vector<notify::WebhookMessage> TakeWebhooks();

  // Why problems could not be diagnosed, when that is news; else "".
  std::string TakeComplaint() { return diagnosis_.TakeComplaint(); }

  // A standby: takes state and policy from the replayed tables.
  absl::Status Replay(pg::SpiSession& spi, const Collection& collection);

  const Collection& collection() const { return collection_; }
  // State and policy were read: there is something to publish.
  bool ready() const { return ready_; }
  absl::Time next_sample() const { return next_sample_; }
  // Nodes, edges, merges and cut of the last pass, as JSON.
  std::string Summary() const;

 private:
  struct Result {
    graph::Observation observation;
    graph::ContractedGraph graph;
    graph::Assessment assessment;
    gate::StepResult step;
    int64_t pages_read = 0;
    double milliseconds = 0;
    bool recorded = false;  // there is a sample event of it
    absl::Time at;
  };

  // What a refusal says of the cut.
  struct CutSaid {
    std::optional<double> norm;
    std::optional<double> lambda_norm;
    std::string witness;
  };

  absl::Status LoadController(pg::SpiSession& spi);
  absl::Status LoadCut(pg::SpiSession& spi);
  absl::Status LoadPolicy(pg::SpiSession& spi);
  absl::Status ApplyOverride(pg::SpiSession& spi, absl::Time now);
  absl::StatusOr<Result> Evaluate(pg::SpiSession& spi, absl::Time now);
  absl::Status Emit(pg::SpiSession& spi, const gate::StepResult& step,
                    absl::Time now);
  absl::Status EmitSample(pg::SpiSession& spi, Result& result, absl::Time now);
  absl::Status Notify(pg::SpiSession& spi, const std::string& type,
                      const gate::Transition* transition, absl::Time now);
  std::string WebhookBody(const std::string& type,
                          const gate::Transition* transition, absl::Time now,
                          const char* database) const;
  absl::Status Diagnose(absl::Time now, healing::ServerSense& server);
  void ObserveRates(int slot);
  void ConfigureBuckets(int slot);
  std::optional<CutSaid> LastCut() const;
  void Publish(int slot);

  Collection collection_;
  gate::Policy policy_;
  std::string policy_name_;
  std::optional<int64_t> policy_id_;
  std::string policy_text_;
  std::vector<ThrottleOverride> throttles_;

  bool loaded_ = false;  // the controller
  bool ready_ = false;   // and the policy: there is something to publish
  gate::ControllerState controller_;  // as committed
  gate::ControllerState pending_;     // as the running transaction has it
  std::optional<Result> last_;        // of the last committed pass
  std::optional<Result> running_;     // of the running transaction
  std::optional<CutSaid> replayed_;   // of a standby's tables
  graph::CutFollowers followers_;
  std::optional<graph::Observation> seen_;  // carried forward
  std::optional<double> recorded_norm_;     // of the last sample event
  absl::Time recorded_at_ = absl::InfinitePast();
  absl::Time next_sample_ = absl::InfinitePast();
  healing::Diagnosis diagnosis_;
  bool webhooks_listed_ = false;   // the rows are those of policy_
  bool webhooks_listing_ = false;  // and will be, when this commits
  std::vector<notify::WebhookMessage> running_webhooks_;  // not committed
  std::vector<notify::WebhookMessage> webhooks_;
  std::array<gate::RateEwma, gate::kNumOperations> rates_;
};

}  // namespace ruvector::integrity

#endif  // RUVECTOR_PGEXT_INTEGRITY_MONITOR_H_
