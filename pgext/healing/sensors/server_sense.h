// What healing must know of the server as a whole: who holds vacuum back, who
// waits for whom, connections, memory, maintenance, waiting for I/O.
//
// Read once in a round of the worker, by the first collection that is due, and
// shared by the others. Everything comes from views of pg_catalog and files of
// the kernel; nothing here waits for a lock longer than `lock_timeout_ms`, and
// what could not be read is nullopt, with the reason in `unread`.
//
// Cost: four statements over the backends' status and a few small files. The
// lock table is read only while some session waits for a lock, smaps only while
// memory is short, the backlog of autovacuum only while all its workers work.
//
// Whose: blockers of vacuum and lock queues are those of this database (and
// what holds back every database); the rest is the server's.
// Source: core/healing/situation.h; PostgreSQL 15 to 17 monitoring views;
// ComputeXidHorizons (procarray.c) for who counts for vacuum.
#ifndef RUVECTOR_PGEXT_HEALING_SENSORS_SERVER_SENSE_H_
#define RUVECTOR_PGEXT_HEALING_SENSORS_SERVER_SENSE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/healing/situation.h"

namespace ruvector::healing {

// A lock queue, and the relations that its sessions wait for.
struct ObservedQueue {
  LockQueue queue;
  std::set<uint32_t> relations;  // of this database
  bool other_objects = false;    // some wait for something that has no relation
};

struct ServerReadings {
  absl::Time at;
  std::optional<std::vector<VacuumBlocker>> vacuum_blockers;
  std::optional<std::vector<ObservedQueue>> lock_queues;
  std::optional<Connections> connections;
  std::optional<Memory> memory;
  std::optional<Maintenance> maintenance;
  std::optional<IoPressure> io;
  // Name of what is missing above, and why, for people.
  std::map<std::string, std::string> unread;
};

// Active client backends and those of them in wait_event_type IO, one look at
// a time: what is known of I/O where the kernel does not measure it.
struct IoLook {
  absl::Time at;
  int64_t active = 0;
  int64_t in_io = 0;
};
// Over the looks of the last minute; nullopt below ten active backends in all.
std::optional<IoPressure> FromLooks(const std::deque<IoLook>& looks);

// Worker only. [backend-main]
class ServerSense {
 public:
  // What was read is old: the next Read reads again.
  void NewRound() { readings_.reset(); }
  // Of this round. In a transaction; leaves no lock. Fails only where the
  // whole pass must end (a cancel, a shutdown). Valid until NewRound.
  absl::StatusOr<const ServerReadings*> Read(int lock_timeout_ms);

 private:
  std::optional<ServerReadings> readings_;
  std::deque<IoLook> looks_;
};

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_SENSORS_SERVER_SENSE_H_
