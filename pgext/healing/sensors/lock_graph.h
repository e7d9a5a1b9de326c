// Who waits for whom, followed to the sessions that wait for nobody.
#ifndef RUVECTOR_PGEXT_HEALING_SENSORS_LOCK_GRAPH_H_
#define RUVECTOR_PGEXT_HEALING_SENSORS_LOCK_GRAPH_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ruvector::healing {

// A session that waits for a lock.
struct Waiter {
  int32_t pid = 0;
  std::vector<int32_t> blockers;  // pg_blocking_pids; 0: prepared transactions
  std::vector<std::string> prepared;  // their gids, as far as they are known
  std::optional<double> seconds;      // nullopt: it has only just begun
  std::optional<uint32_t> relation;   // nullopt: something else
};

// The end of a chain: a session, or a prepared transaction (pid 0).
struct Root {
  int32_t pid = 0;
  std::string gid;  // "": unknown, or a session

  bool operator<(const Root& other) const {
    return pid != other.pid ? pid < other.pid : gid < other.gid;
  }
};

struct QueueBehind {
  int64_t waiting = 0;
  std::optional<double> longest;
  std::set<uint32_t> relations;
  bool other_objects = false;
};

// Waiters that wait in a circle have no root: the deadlock detector's business.
// [any-thread]
std::map<Root, QueueBehind> QueuesByRoot(const std::vector<Waiter>& waiters);

// Whether a lock in `held` keeps `wanted` waiting; names as pg_locks.mode has
// them. Unknown names conflict. [any-thread]
bool LockModesConflict(const std::string& held, const std::string& wanted);

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_SENSORS_LOCK_GRAPH_H_
