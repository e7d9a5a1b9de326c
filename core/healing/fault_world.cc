#include "core/healing/fault_world.h"

#include <algorithm>
#include <functional>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/graph/build.h"

namespace ruvector::healing {
namespace {

using graph::Observation;
using graph::TableObservation;

constexpr int64_t kGb = int64_t{1} << 30;
constexpr int64_t kFreezeMaxAge = 200000000;

// Draws, by the names that the ranges below are read with.
class Dice {
 public:
  explicit Dice(uint64_t seed) : rng(seed) {}
  double Between(double low, double high) {
    return low + (high - low) * rng.Uniform();
  }
  int64_t Count(double low, double high) {
    return static_cast<int64_t>(Between(low, high));
  }
  bool Chance(double p) { return rng.Uniform() < p; }
  size_t Index(size_t n) { return rng.Below(n); }

  Rng rng;
};

struct Scene {
  FaultWorld* world;
  Dice* dice;
  Observation& now() { return world->world.now; }
  Observation& last() { return world->world.last; }
  Situation& in() { return world->situation; }
  // One table of all, chosen once per fault.
  size_t AnyTable() { return dice->Index(now().tables.size()); }
};

void SetRecall(Scene s, uint32_t oid, double low, double high) {
  for (size_t i = 0; i < s.in().recall_probes.size(); ++i) {
    RecallProbe& probe = s.in().recall_probes[i];
    if (probe.index_oid != oid) continue;
    const size_t n = s.now().ivf_indexes.size();
    probe = Probe(&s.dice->rng, s.now(), probe.ivfflat ? i : i - n,
                  probe.ivfflat, s.dice->Between(low, high));
  }
}

void SetDead(Scene s, size_t table, double low, double high) {
  TableObservation& t = s.now().tables[table];
  t.dead_tuples =
      static_cast<int64_t>(s.dice->Between(low, high) *
                           static_cast<double>(*t.autovacuum_threshold));
}

void Use(graph::DiskObservation* disk, int64_t bytes) {
  disk->free_bytes = std::max<int64_t>(kGb, *disk->free_bytes - bytes);
}

// -- ordinary life ---------------------------------------------------------

void NoisyTables(Scene s) {
  Dice& d = *s.dice;
  for (size_t i = 0; i < s.now().tables.size(); ++i) {
    TableObservation& t = s.now().tables[i];
    const TableObservation& before = s.last().tables[i];
    t.inserts = *before.inserts + d.Count(1500, 6000);
    t.idx_tuples_fetched = *before.idx_tuples_fetched + d.Count(3e4, 1.2e5);
    SetDead(s, i, 0, 1.3);
    t.modified_since_analyze = d.Count(0, 1300);
    t.last_vacuum = s.now().at - absl::Minutes(d.Count(1, 1440));
    t.last_analyze = s.now().at - absl::Minutes(d.Count(1, 1440));
    t.bloat_fraction = d.Between(0.05, 0.4);
    t.freeze_max_age = kFreezeMaxAge;
    t.xid_age = d.Count(1e6, 1.9e8);
  }
}

void NoisyIndexes(Scene s) {
  Dice& d = *s.dice;
  for (graph::IvfIndexObservation& index : s.now().ivf_indexes) {
    for (graph::IvfListObservation& list : index.lists) {
      list.rows = *list.rows * d.Between(0.5, 2);
      list.mean_distance = d.Between(0.9, 1.15);
      if (d.Chance(0.01)) list.mean_distance = 1.7;
    }
  }
  for (graph::HnswIndexObservation& index : s.now().hnsw_indexes) {
    index.dimensions = 768;
    // Two rows per page is what fits.
    index.bytes =
        static_cast<int64_t>(10000.0 / 2 * 8192 * d.Between(1.0, 1.6) * 20);
    index.dead_elements = d.Count(0, 30);
  }
  for (TableObservation& t : s.now().tables) {
    t.estimated_rows = 2e5;
    t.live_tuples = d.Count(1.9e5, 2.1e5);
  }
  for (TableObservation& t : s.last().tables) t.estimated_rows = 2e5;
}

void NoisyServer(Scene s) {
  Dice& d = *s.dice;
  Observation& o = s.now();
  for (graph::ReplicaObservation& replica : o.replication.replicas) {
    replica.replay_lag_bytes = d.Count(0, 2e8);
    replica.replay_lag_us = d.Count(0, d.Chance(0.1) ? 3e7 : 4e6);
    replica.reply_age_us = d.Count(0, 1e7);
    graph::ReplicationSlotObservation slot;
    slot.name = absl::StrCat(replica.name, "_slot");
    slot.replica = replica.name;
    slot.active = true;
    slot.wal_status = "reserved";
    slot.retained_bytes = d.Count(0, 5e8);
    o.replication.slots.push_back(slot);
  }
  graph::ReplicationSlotObservation cdc;
  cdc.name = "cdc";
  cdc.logical = true;
  cdc.active = true;
  cdc.wal_status = "reserved";
  cdc.retained_bytes = d.Count(0, 3e9);
  o.replication.slots.push_back(cdc);
  o.archiver.ready_files = d.Count(0, 12);
  *o.checkpointer.requested += d.Count(0, 2);
  o.disks[0].free_bytes = d.Count(25e9, 70e9);  // of 100
  s.last().disks[0].free_bytes = *o.disks[0].free_bytes + d.Count(-5e8, 5e8);
  graph::DiskObservation wal;
  wal.name = "pg_wal";
  wal.device = 2050;
  wal.total_bytes = 200 * kGb;
  wal.free_bytes = d.Count(120, 170) * kGb;
  o.disks.push_back(wal);
  wal.free_bytes = *wal.free_bytes + d.Count(-1e9, 1e9);
  s.last().disks.push_back(wal);
  o.xid.database_age = d.Count(5e7, 1.9e8);
  o.xid.cluster_age = o.xid.database_age;
}

void NoisySessions(Scene s) {
  Dice& d = *s.dice;
  for (int64_t i = d.Count(1, 6); i > 0; --i) {
    s.in().vacuum_blockers->push_back(
        {BlockerKind::kSnapshot, absl::StrCat(1000 + i), d.Count(1, 50000),
         absl::Seconds(d.Count(1, 300)), "app"});
  }
  if (d.Chance(0.1)) {
    s.in().vacuum_blockers->push_back({BlockerKind::kSnapshot, "999",
                                       d.Count(5e4, 1.5e6), absl::Minutes(50),
                                       "pg_dump"});
  }
  s.in().vacuum_blockers->push_back(
      {BlockerKind::kSlot, "cdc", d.Count(1, 20000), std::nullopt, ""});
  for (int64_t i = d.Count(0, 3); i > 0; --i) {
    s.in().lock_queues->push_back({static_cast<int32_t>(2000 + i), "UPDATE",
                                   "active", "", d.Count(1, 4),
                                   absl::Milliseconds(d.Count(1, 3000))});
  }
  Connections& c = *s.in().connections;
  c.used = d.Count(20, 78);
  c.holders = {{"app", *c.used}};
  s.in().memory->used_bytes = d.Count(20, 50) * kGb;  // of 64
  for (int64_t i = d.Count(0, 4); i > 0; --i) {
    s.in().maintenance->jobs.push_back({JobKind::kAutovacuum,
                                        absl::StrCat("autovacuum ", i), "",
                                        absl::Seconds(d.Count(1, 200))});
  }
  s.in().maintenance->queue_depth = d.Count(0, 5);
  s.in().io->stalled = d.Between(0, 0.3);
  if (d.Chance(0.1)) {
    s.in().invalid_indexes->push_back(
        {77, "public.being_built", 20000, true, true, kGb});
  }
}

// One sensor in thirty fails, before the faults put in what they show.
void LoseSensors(Scene s) {
  Dice& d = *s.dice;
  const auto lost = [&d] { return d.Chance(1.0 / 30); };
  if (lost()) s.in().recall_probes.clear();
  if (lost()) s.now().archiver.ready_files = std::nullopt;
  if (lost()) s.now().checkpointer = {};
  for (TableObservation& t : s.now().tables) {
    if (lost()) t.bloat_fraction = std::nullopt;
    if (lost()) t.xid_age = std::nullopt;
  }
  for (graph::HnswIndexObservation& index : s.now().hnsw_indexes) {
    if (lost()) index.bytes = std::nullopt;
  }
}

// -- faults ----------------------------------------------------------------

void Hot(Scene s) {
  const size_t hot = s.AnyTable();
  const double share = s.dice->Between(0.55, 0.92);
  double others = 0;
  for (size_t i = 0; i < s.now().tables.size(); ++i) {
    if (i == hot) continue;
    others += static_cast<double>(*s.now().tables[i].inserts -
                                  *s.last().tables[i].inserts);
  }
  s.now().tables[hot].inserts =
      *s.last().tables[hot].inserts +
      static_cast<int64_t>(others * share / (1 - share));
  if (s.dice->Chance(0.3)) SetDead(s, hot, 1, 3);
  // All standbys replay the same writes.
  if (s.dice->Chance(0.3) && s.now().replication.replicas.size() > 1) {
    for (auto& replica : s.now().replication.replicas) {
      replica.replay_lag_us = s.dice->Count(100e6, 400e6);
    }
  }
}

void FewRows(Scene s) {
  auto& index = s.now().ivf_indexes[s.AnyTable()];
  const double built = s.dice->Between(10, 200);
  index.rows_at_build = built;
  const bool drifts = s.dice->Chance(0.5);
  for (auto& list : index.lists) {
    list.rows_at_build = built / static_cast<double>(index.lists.size());
    if (drifts && s.dice->Chance(0.5)) list.mean_distance = 1.8;
  }
  SetRecall(s, index.oid, 0.2, 0.7);
}

void Drift(Scene s) {
  auto& index = s.now().ivf_indexes[s.AnyTable()];
  const double share = s.dice->Between(0.2, 0.9);
  for (auto& list : index.lists) {
    if (s.dice->Chance(share)) {
      list.mean_distance = s.dice->Between(1.4, 2.2);
    }
  }
  SetRecall(s, index.oid, 0.6, 0.9);
}

void IvfRecall(Scene s) {
  SetRecall(s, s.now().ivf_indexes[s.AnyTable()].oid, 0.5, 0.88);
}
void HnswRecall(Scene s) {
  SetRecall(s, s.now().hnsw_indexes[s.AnyTable()].oid, 0.5, 0.88);
}

void Lag(Scene s) {
  auto& replica = s.now().replication.replicas.back();
  replica.replay_lag_bytes = s.dice->Count(1, 30) * kGb;
  replica.replay_lag_us = s.dice->Count(120e6, 2000e6);
  s.now()
      .replication.slots[s.now().replication.replicas.size() - 1]
      .retained_bytes = replica.replay_lag_bytes;
}

void Lose(Scene s, size_t i) {
  auto& replica = s.now().replication.replicas[i];
  replica.present = false;
  replica.last_seen = s.now().at - absl::Seconds(s.dice->Count(60, 86400));
  replica.replay_lag_bytes = std::nullopt;
  replica.replay_lag_us = std::nullopt;
  replica.reply_age_us = std::nullopt;
  auto& slot = s.now().replication.slots[i];
  slot.active = false;
  slot.retained_bytes = s.dice->Count(1, 100) * kGb;
  Use(&s.now().disks.back(), *slot.retained_bytes);
  Use(&s.last().disks.back(), *slot.retained_bytes);
  if (s.dice->Chance(0.2)) {
    s.in().vacuum_blockers->push_back({BlockerKind::kSlot, slot.name,
                                       s.dice->Count(1e5, 2e7), std::nullopt,
                                       ""});
  }
}
// The synchronous one is the first, if there is one.
void LoseSync(Scene s) { Lose(s, 0); }
void LoseAsync(Scene s) { Lose(s, s.now().replication.replicas.size() - 2); }

void Slot(Scene s) {
  auto& slot = s.now().replication.slots.back();
  graph::DiskObservation& wal = s.now().disks.back();
  slot.active = false;
  slot.retained_bytes = static_cast<int64_t>(
      s.dice->Between(0.5, 0.97) * static_cast<double>(*wal.free_bytes));
  Use(&wal, *slot.retained_bytes);
  Use(&s.last().disks.back(), *slot.retained_bytes);
}

void Collision(Scene s) {
  Maintenance& m = *s.in().maintenance;
  const int64_t extra = s.dice->Count(2, 5);
  for (int64_t i = 0; i < extra; ++i) {
    m.jobs.push_back({i == 0 ? JobKind::kIndexBuild : JobKind::kAutovacuum,
                      absl::StrCat("job ", i), "public.items_0",
                      absl::Minutes(s.dice->Count(5, 300))});
  }
  if (s.dice->Chance(0.6)) {
    s.in().io->stalled = s.dice->Between(0.45, 0.95);
    return;
  }
  while (m.jobs.size() < 5) {
    m.jobs.push_back({JobKind::kAutovacuum, absl::StrCat("av ", m.jobs.size()),
                      "", absl::Minutes(30)});
  }
  m.queue_depth = s.dice->Count(12, 60);
  if (s.dice->Chance(0.5)) SetDead(s, s.AnyTable(), 6, 12);
}

void Pileup(Scene s) {
  const int64_t waiting = s.dice->Count(4, 40);
  s.in().lock_queues->push_back({4711, "ALTER TABLE items ADD c int", "active",
                                 "public.items_0", waiting,
                                 absl::Seconds(s.dice->Count(8, 400))});
  Connections& c = *s.in().connections;
  c.used = std::min<int64_t>(97, std::max(*c.used, 20 + waiting));
}

void Held(Scene s, BlockerKind kind, const char* name, bool timed) {
  std::optional<absl::Duration> age;
  if (timed) age = absl::Minutes(s.dice->Count(20, 3000));
  const bool debt = s.dice->Chance(0.7);
  s.in().vacuum_blockers->push_back(
      {kind, name, debt ? s.dice->Count(2e5, 1e8) : s.dice->Count(7e6, 1e8),
       age, "idle in transaction"});
  if (!debt) return;
  // Autovacuum comes, and goes away with nothing.
  const size_t table = s.AnyTable();
  SetDead(s, table, 6, 30);
  s.now().tables[table].last_vacuum =
      s.now().at - absl::Minutes(s.dice->Count(1, 15));
}

void FailArchiver(Scene s) {
  graph::FailArchiver(&s.world->world);
  s.now().archiver.ready_files = s.dice->Count(20, 400);
}

void BackupLate(Scene s) {
  s.now().backup.last_base_backup =
      s.now().at - absl::Hours(24 * s.dice->Between(9, 40));
}

void Checkpoints(Scene s) {
  s.now().checkpointer = s.last().checkpointer;
  *s.now().checkpointer.requested += s.dice->Count(4, 12);
  s.in().io->stalled = s.dice->Between(0.1, 0.45);
}

void Bloat(Scene s) {
  auto& index = s.now().hnsw_indexes[s.AnyTable()];
  if (s.dice->Chance(0.5)) {
    index.dead_elements = s.dice->Count(140, 300);  // of 400
  } else {
    index.bytes = static_cast<int64_t>(1e5 * 8192 * s.dice->Between(2.3, 6));
  }
  SetRecall(s, index.oid, 0.7, 0.94);
}

void Invalid(Scene s) {
  for (int64_t i = s.dice->Count(1, 4); i > 0; --i) {
    const TableObservation& t = s.now().tables[s.AnyTable()];
    s.in().invalid_indexes->push_back({static_cast<uint32_t>(90 + i),
                                       absl::StrCat(t.name, "_ccnew", i), t.oid,
                                       s.dice->Chance(0.5), false, kGb});
  }
}

void Dead(Scene s) {
  const size_t table = s.AnyTable();
  SetDead(s, table, 6, 40);
  // It never comes: switched off, cancelled again and again, too slow.
  s.now().tables[table].last_vacuum =
      s.now().at - absl::Hours(s.dice->Count(2, 2000));
  if (s.dice->Chance(0.2)) s.now().tables[table].last_vacuum = std::nullopt;
  if (s.dice->Chance(0.4)) {
    SetRecall(s, s.now().hnsw_indexes[table].oid, 0.75, 0.94);
  }
}

void HeapBloat(Scene s) {
  s.now().tables[s.AnyTable()].bloat_fraction = s.dice->Between(0.65, 0.95);
}

void Stale(Scene s) {
  TableObservation& t = s.now().tables[s.AnyTable()];
  t.estimated_rows = s.dice->Between(1e3, 2e4);
  t.modified_since_analyze = s.dice->Count(5e4, 2e5);
  t.last_analyze = s.now().at - absl::Minutes(s.dice->Count(3, 60000));
  t.autovacuum_enabled = s.dice->Chance(0.5);
}

void Xid(Scene s) {
  TableObservation& t = s.now().tables[s.AnyTable()];
  t.xid_age = s.dice->Count(2.1 * kFreezeMaxAge, 9 * kFreezeMaxAge);
  s.now().xid.database_age = t.xid_age;
  s.now().xid.cluster_age = t.xid_age;
}

void MemoryShort(Scene s) {
  s.in().memory->used_bytes =
      static_cast<int64_t>(s.dice->Between(0.86, 0.99) *
                           static_cast<double>(*s.in().memory->limit_bytes));
}

void Disk(Scene s) {
  graph::DiskObservation& disk = s.now().disks[0];
  disk.free_bytes = static_cast<int64_t>(
      s.dice->Between(0.01, 0.12) * static_cast<double>(*disk.total_bytes));
  s.last().disks[0].free_bytes = *disk.free_bytes + s.dice->Count(1e8, 2e9);
}

void Saturated(Scene s) {
  Connections& c = *s.in().connections;
  c.used = s.dice->Count(88, 98);  // of 97 for ordinary roles
  c.holders = {{"app", *c.used}};
}

void Unreadable(Scene s) {
  TableObservation& t = s.now().tables[s.AnyTable()];
  t.access = graph::Access::kUnreadable;
  t.access_reason = "could not read block 0";
}

const std::map<Cause, std::function<void(Scene)>>& Faults() {
  static const auto* const kFaults =
      new std::map<Cause, std::function<void(Scene)>>{
          {Cause::kHotPartition, Hot},
          {Cause::kIvfflatFewRows, FewRows},
          {Cause::kIvfflatDrift, Drift},
          {Cause::kIvfflatRecall, IvfRecall},
          {Cause::kReplayLag, Lag},
          {Cause::kStandbyLost, LoseAsync},
          {Cause::kSyncStandbyLost, LoseSync},
          {Cause::kSlotRetainsWal, Slot},
          {Cause::kMaintenanceCollision, Collision},
          {Cause::kLockPileup, Pileup},
          {Cause::kHeldBySnapshot,
           [](Scene s) { Held(s, BlockerKind::kSnapshot, "31337", true); }},
          {Cause::kHeldByPrepared,
           [](Scene s) { Held(s, BlockerKind::kPrepared, "gid", true); }},
          {Cause::kHeldBySlot,
           [](Scene s) { Held(s, BlockerKind::kSlot, "old_cdc", false); }},
          {Cause::kHeldByStandby,
           [](Scene s) { Held(s, BlockerKind::kStandby, "standby1", false); }},
          {Cause::kArchiverFailing, FailArchiver},
          {Cause::kBackupOverdue, BackupLate},
          {Cause::kCheckpointStorm, Checkpoints},
          {Cause::kHnswBloat, Bloat},
          {Cause::kHnswRecall, HnswRecall},
          {Cause::kInvalidIndex, Invalid},
          {Cause::kDeadTuples, Dead},
          {Cause::kHeapBloat, HeapBloat},
          {Cause::kStaleStatistics, Stale},
          {Cause::kXidAge, Xid},
          {Cause::kMemoryShort, MemoryShort},
          {Cause::kDiskFilling, Disk},
          {Cause::kConnectionSaturation, Saturated},
          {Cause::kDataUnreadable, Unreadable},
      };
  return *kFaults;
}

}  // namespace

void FaultWorld::Finish() {
  // A world that cannot be built is a defect of the test: end it.
  graph = graph::Build(world.now, &world.last, {}).value();
  assessment = graph::Assess(graph, {}).value();
  const double norm = assessment.norm.value_or(1);
  situation.state = norm < 0.3   ? gate::State::kCritical
                    : norm < 0.8 ? gate::State::kStress
                                 : gate::State::kNormal;
  situation.now = &world.now;
  situation.previous = &world.last;
  situation.graph = &graph;
  situation.assessment = &assessment;
}

std::unique_ptr<FaultWorld> Quiet(const graph::Shape& shape) {
  auto world = std::make_unique<FaultWorld>();
  world->world = graph::Healthy(shape);
  Situation& in = world->situation;
  in.invalid_indexes.emplace();
  in.vacuum_blockers.emplace();
  in.lock_queues.emplace();
  in.connections = Connections{20, 100, 3, 10, 1, {{"app", 20}}};
  in.memory = Memory{"meminfo", 64 * kGb, 30 * kGb, {{"shared_buffers", kGb}}};
  in.maintenance = Maintenance{{}, 3, 0};
  in.io = IoPressure{"/proc/pressure/io", 0.02};
  world->Finish();
  return world;
}

const std::vector<Cause>& InjectableFaults() {
  static const auto* const kAll = [] {
    auto* all = new std::vector<Cause>;
    for (const auto& [cause, inject] : Faults()) all->push_back(cause);
    return all;
  }();
  return *kAll;
}

RecallProbe Probe(Rng* rng, const Observation& now, size_t index, bool ivfflat,
                  double recall) {
  RecallProbe probe;
  probe.ivfflat = ivfflat;
  if (ivfflat) {
    const auto& of = now.ivf_indexes[index];
    probe.index_oid = of.oid, probe.table_oid = of.table_oid;
    probe.name = of.name;
  } else {
    const auto& of = now.hnsw_indexes[index];
    probe.index_oid = of.oid, probe.table_oid = of.table_oid;
    probe.name = of.name;
  }
  probe.trials = 1000;
  probe.target = 0.95;
  // Neighbours of one query are found or missed together, in part.
  int64_t hits = 0;
  for (int query = 0; query < 100; ++query) {
    const double mine =
        std::clamp(recall + 0.1 * (rng->Uniform() - 0.5), 0.0, 1.0);
    for (int k = 0; k < 10; ++k) hits += rng->Uniform() < mine ? 1 : 0;
  }
  probe.successes = hits;
  return probe;
}

std::unique_ptr<FaultWorld> Inject(uint64_t seed,
                                   const std::vector<Cause>& faults) {
  // Every combination of faults has noise of its own.
  for (Cause fault : faults) {
    seed = seed * 37 + 1 + static_cast<uint64_t>(fault);
  }
  Dice dice(seed);
  graph::Shape shape;
  shape.partitions = dice.Count(4, 13);
  shape.lists = dice.Count(20, 41);
  shape.hnsw = true;
  shape.archiver = true;
  shape.backup = true;
  shape.sync_replicas = 1;
  shape.async_replicas = dice.Count(2, 4);
  auto world = Quiet(shape);
  Scene scene{world.get(), &dice};
  NoisyTables(scene);
  NoisyIndexes(scene);
  NoisyServer(scene);
  NoisySessions(scene);
  const Observation& now = world->world.now;
  for (const bool ivfflat : {true, false}) {
    for (size_t i = 0; i < now.tables.size(); ++i) {
      world->situation.recall_probes.push_back(
          Probe(&dice.rng, now, i, ivfflat, dice.Between(0.955, 0.995)));
    }
  }
  // Not where the fault itself would be invisible.
  if (faults.empty() || dice.Chance(0.5)) LoseSensors(scene);
  for (Cause fault : faults) Faults().at(fault)(scene);
  world->Finish();
  return world;
}

}  // namespace ruvector::healing
