// Every constant of the classifier, with its reason.
//
// What core/graph judges already (hot partitions, drift, dead tuples, lag,
// archiver, disks, transaction age) is judged by graph::HealthLimits and not
// again: a detector fires where that aspect alone would leave the normal band,
// so the gate and the healer never disagree. Here is the rest.
#ifndef RUVECTOR_CORE_HEALING_HEALING_LIMITS_H_
#define RUVECTOR_CORE_HEALING_HEALING_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "core/base/no_postgres.h"
#include "core/graph/health.h"

namespace ruvector::healing {

// Severity at the threshold of a detector: a problem that is one at all
// outranks the noise of the confidences.
inline constexpr double kLeastSeverity = 0.25;

// A detector fires at `fire` or beyond; at `worst` its severity is 1.
struct Scale {
  double fire;
  double worst;
};

struct HealingLimits {
  // Those of the policy in force.
  graph::HealthLimits health;

  // -- IVFFlat -------------------------------------------------------------
  // Share of an index's rows that are in drifted or swollen lists. One list in
  // a hundred is normal (design.md 7.3), two of twenty are noise; from a
  // seventh on every seventh query goes astray; at half the centers describe
  // nothing.
  Scale drifted_share{0.15, 0.50};
  // Rows per list at build time below which k-means had nothing to learn from
  // (pgvector advises 1,000; reports of recall 0.18 had 2), and growth since,
  // without which there is nothing to rebuild from.
  double few_rows_per_list = 10;
  Scale few_rows_growth{4, 40};
  int64_t few_rows_min_rows = 1000;
  // Where nobody saw the build: share of lists that hold nothing at all though
  // there are rows enough for all of them. k-means on enough rows leaves none.
  Scale empty_lists{0.30, 0.90};
  // Entries of an index over the rows of its table, dead ones included, from
  // which on a transaction that still runs must have made them.
  double uncommitted_rows = 2;
  double empty_lists_min_rows_per_list = 10;

  // -- HNSW ----------------------------------------------------------------
  // Bytes over what the live rows need at this m and dimension. Twice is what
  // one full turnover without REINDEX leaves; the estimate is within a
  // quarter. Smaller element types only make it an underestimate.
  Scale hnsw_bytes{2.0, 5.0};
  int64_t hnsw_min_bytes = 64 << 20;

  // -- recall --------------------------------------------------------------
  // The whole interval must lie below the target: 99 %, as a probe runs all
  // day. Neighbours of one query are not independent trials: half count.
  double recall_z = 2.576;
  double recall_design_effect = 2;
  // Recall that is missing, over the target.
  double recall_worst_deficit = 0.5;

  // -- vacuum --------------------------------------------------------------
  // Age of whoever holds the horizon back, in transactions. Where dead tuples
  // already exceed their threshold, a hundred thousand is a backlog that no
  // vacuum can take away, unless it is a report of a few minutes on a busy
  // server; without, only an age that a busy hour does not reach is one.
  // 200,000,000 forces anti-wraparound vacuums that cannot help either.
  Scale held_with_debt{1e5, 1e7};
  double held_with_debt_min_s = 600;
  // A table past its threshold is tried at every naptime. Without a vacuum for
  // six hours nothing holds the vacuum back: it does not come.
  double held_last_vacuum_s = 6 * 3600;
  Scale held_alone{5e6, 2e8};
  // Age of a blocker over that of the table, to be why it is not frozen.
  double held_xid_share = 0.5;
  // Table age over the age at which autovacuum is forced: at twice it was
  // forced and did not succeed; at eight (1.6 billion) the failsafe starts.
  Scale xid_age_over_freeze{2, 8};
  // Rows modified since ANALYZE, over the autoanalyze threshold. One naptime of
  // bulk load reaches a few; and rows below which a plan cannot go wrong much.
  Scale analyze_debt{6, 60};
  double analyze_base = 50;  // PostgreSQL's defaults
  double analyze_scale = 0.1;
  int64_t analyze_min_rows = 5000;
  // Where autoanalyze is on and came within five naptimes, it will come again.
  double analyze_grace_s = 300;

  // -- sessions ------------------------------------------------------------
  // Sessions behind one blocker, once they wait longer than a checkpoint
  // hiccup; and one session alone after a minute.
  Scale lock_waiting{3, 30};
  double lock_min_wait_s = 5;
  Scale lock_wait_s{60, 600};
  // Of the connections that ordinary roles may have. A pool at its top stays
  // below nine tenths, or the next deployment cannot connect.
  Scale connections{0.90, 1.00};

  // -- resources -----------------------------------------------------------
  // Used memory over its limit, dropped caches aside. 85 % is the limit of the
  // specification; at 97 % the kernel begins to kill.
  Scale memory{0.85, 0.97};
  // Minutes until a filesystem is full at the rate since the last pass. Only
  // above 70 %: below, one big temporary file looks like a trend.
  double disk_trend_from_used = 0.70;
  double disk_full_in_minutes = 30;
  // And not between passes that follow each other at once: a burst of a second
  // is no trend. A checkpoint's worth of writes is over after half a minute.
  double disk_trend_min_s = 30;
  // Share of a filesystem's use that a slot or the archiver must account for
  // to be why it fills.
  double disk_blame_share = 0.25;
  double wal_segment_bytes = 16 << 20;

  // -- maintenance ---------------------------------------------------------
  // Time that tasks stall on I/O while maintenance jobs run. A single vacuum on
  // slow disks reaches 0.2.
  Scale io_stalled{0.40, 0.90};
  int64_t collision_min_jobs = 2;
  // Work that waits, per autovacuum worker, when all are busy.
  Scale queue_per_worker{3, 15};

  // -- ranking -------------------------------------------------------------
  // A weak witness edge that touches a subject closes half of the doubt: the
  // cut is an independent witness, but of the place, not of the cause.
  double witness_gain = 0.5;
  // A symptom keeps its evidence and half of its confidence.
  double explained_factor = 0.5;
  // Confidence at the threshold, and the degree (0 at the threshold, 1 at the
  // worst) from which on the margin leaves no doubt.
  double confidence_at_threshold = 0.6;
  double sure_degree = 0.25;
  // Confidence, at most, of a guess from shape where the history is missing.
  double without_history = 0.7;
  // Confidence that nothing here explains the state: a detector may be blind.
  double unexplained_confidence = 0.5;
  // Consecutive passes before Confirm() lets a problem through.
  int confirm_passes = 2;
  // Sessions that wait for one blocker, of all in use, to be why connections
  // run out.
  double pileup_share_of_connections = 0.5;
  size_t max_subjects = 32;
};

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_HEALING_LIMITS_H_
