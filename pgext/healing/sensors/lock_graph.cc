#include "pgext/healing/sensors/lock_graph.h"

#include <algorithm>
#include <array>

namespace ruvector::healing {
namespace {

// In the order of their numbers 1 to 8 (lockdefs.h).
constexpr std::array<const char*, 8> kModes = {
    "AccessShareLock",  "RowShareLock",
    "RowExclusiveLock", "ShareUpdateExclusiveLock",
    "ShareLock",        "ShareRowExclusiveLock",
    "ExclusiveLock",    "AccessExclusiveLock"};

// Bit m - 1 for each mode m that conflicts (LockConflicts in lock.c).
constexpr std::array<uint8_t, 8> kConflicts = {
    0b10000000, 0b11000000, 0b11110000, 0b11111000,
    0b11101100, 0b11111100, 0b11111110, 0b11111111};

int ModeIndex(const std::string& mode) {
  for (size_t i = 0; i < kModes.size(); ++i) {
    if (mode == kModes[i]) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace

std::map<Root, QueueBehind> QueuesByRoot(const std::vector<Waiter>& waiters) {
  std::map<int32_t, const Waiter*> waiting;
  for (const Waiter& waiter : waiters) waiting[waiter.pid] = &waiter;
  std::map<Root, QueueBehind> queues;
  for (const Waiter& waiter : waiters) {
    std::set<Root> roots;
    std::set<int32_t> seen = {waiter.pid};
    std::vector<const Waiter*> open = {&waiter};
    while (!open.empty()) {
      const Waiter* at = open.back();
      open.pop_back();
      for (int32_t pid : at->blockers) {
        if (pid == 0) {
          for (const std::string& gid : at->prepared) roots.insert({0, gid});
          if (at->prepared.empty()) roots.insert({0, ""});
          continue;
        }
        if (!seen.insert(pid).second) continue;
        const auto next = waiting.find(pid);
        if (next == waiting.end()) {
          roots.insert({pid, ""});
        } else {
          open.push_back(next->second);
        }
      }
    }
    for (const Root& root : roots) {
      QueueBehind& queue = queues[root];
      ++queue.waiting;
      if (waiter.seconds.has_value()) {
        queue.longest = std::max(queue.longest.value_or(0), *waiter.seconds);
      }
      if (waiter.relation.has_value()) {
        queue.relations.insert(*waiter.relation);
      } else {
        queue.other_objects = true;
      }
    }
  }
  return queues;
}

bool LockModesConflict(const std::string& held, const std::string& wanted) {
  const int a = ModeIndex(held), b = ModeIndex(wanted);
  return a < 0 || b < 0 || (kConflicts[static_cast<size_t>(a)] >> b & 1) != 0;
}

}  // namespace ruvector::healing
