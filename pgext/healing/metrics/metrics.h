// Reads the metrics of core/healing/metric_catalog.h on this server: what a
// strategy plans by, reads while it works, and is verified by.
//
// Every value comes from a catalog row, a counter, a page or a file of this
// server. What could not be read, or is not known, is a null Value; nothing is
// estimated here that the catalog does not call an estimate.
//
// Rates are differences of two readings of cumulative counters. Where the
// caller has no earlier reading, the call takes one, waits
// ReadOptions::window and takes another: it can be cancelled while it waits.
// Backends report their counters at the end of a transaction and at most once
// a second, so a window below two seconds sees noise.
//
// [backend-main] In the caller's transaction, in a worker or a backend. Each
// group of metrics runs in a subtransaction of its own: a failure costs its
// values and nothing else. Locks: those of the sensors (AccessShareLock, never
// waited for beyond their lock_timeout). Writes nothing but what NoteActivity
// says.
//
// Not read here, and so always NULL: the metrics of Kubernetes workloads, which
// the caller reads through its helper and adds itself.
#ifndef RUVECTOR_PGEXT_HEALING_METRICS_METRICS_H_
#define RUVECTOR_PGEXT_HEALING_METRICS_METRICS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/healing/verification.h"
#include "core/plugin/description.h"
#include "core/plugin/strategy_plugin.h"
#include "pgext/bridge/spi.h"
#include "pgext/integrity/collections.h"

namespace ruvector::metrics {

// Cumulative counters of a collection's leaf tables at one instant. Keep one
// from before the window and hand it in, and no call has to wait.
struct CounterReading {
  struct Counters {
    int64_t read = 0;  // seq_tup_read + idx_tup_fetch
    int64_t inserted = 0;
    int64_t updated = 0;
    int64_t deleted = 0;
  };
  absl::Time at = absl::InfinitePast();
  std::map<std::string, Counters> tables;  // by quoted, qualified name
};

absl::StatusOr<CounterReading> ReadCounters(
    pg::SpiSession& spi, const integrity::Collection& collection);

struct ReadOptions {
  // The remediation at work, for the metrics of acts; 0: none.
  int64_t action_id = 0;
  // At least a second old and of this collection, or it is not used.
  const CounterReading* earlier = nullptr;
  // Between the two readings, where `earlier` is of no use.
  absl::Duration window = absl::Seconds(2);
};

// One metric, now. NotFound: no such metric in the catalog. A subject that does
// not exist, or is not of this collection, is null.
absl::StatusOr<sdk::Value> ReadMetric(pg::SpiSession& spi,
                                      const integrity::Collection& collection,
                                      const std::string& name,
                                      const std::string& subject,
                                      const ReadOptions& options = {});

// A ruvector_metric that owns its texts.
struct PlanMetric {
  std::string name;
  std::string subject;
  sdk::Value value;
};

// All metrics that the strategy names, for every subject that there is: every
// leaf, index and operation of the collection, every tablespace and job of the
// server. Sorted by name and subject. Metrics without a subject at the moment
// are missing.
absl::StatusOr<std::vector<PlanMetric>> ReadPlanMetrics(
    pg::SpiSession& spi, const integrity::Collection& collection,
    const plugin::PluginDescription& strategy, const ReadOptions& options = {});

// Answers engine_io.h's TakeSample: target, then guards.
absl::StatusOr<std::vector<healing::Measured>> ReadExpectations(
    pg::SpiSession& spi, const integrity::Collection& collection,
    const healing::Expectations& expectations, const ReadOptions& options = {});

// Remembers since when each partition stands still, for
// partition_idle_seconds: writes ruvector.partition_activity, one row per leaf
// whose counters moved since the last call. Call it about once a minute; not
// on a standby.
absl::Status NoteActivity(pg::SpiSession& spi,
                          const integrity::Collection& collection);

}  // namespace ruvector::metrics

#endif  // RUVECTOR_PGEXT_HEALING_METRICS_METRICS_H_
