#include "pgext/healing/sensors/lock_graph.h"

#include <string>

#include "gtest/gtest.h"

namespace ruvector::healing {
namespace {

Waiter Waits(int32_t pid, std::vector<int32_t> blockers, double seconds,
             std::optional<uint32_t> relation = 7) {
  return {pid, std::move(blockers), {}, seconds, relation};
}

TEST(QueuesByRoot, NobodyWaits) { EXPECT_TRUE(QueuesByRoot({}).empty()); }

TEST(QueuesByRoot, AChainEndsAtTheOneWhoWaitsForNobody) {
  const auto queues = QueuesByRoot(
      {Waits(2, {1}, 5), Waits(3, {2}, 9), Waits(4, {2, 3}, 1, 8)});
  ASSERT_EQ(queues.size(), 1u);
  const auto& [root, queue] = *queues.begin();
  EXPECT_EQ(root.pid, 1);
  EXPECT_EQ(queue.waiting, 3);
  EXPECT_EQ(queue.longest, 9);
  EXPECT_EQ(queue.relations, (std::set<uint32_t>{7, 8}));
  EXPECT_FALSE(queue.other_objects);
}

TEST(QueuesByRoot, TwoRootsShareAWaiter) {
  const auto queues =
      QueuesByRoot({Waits(3, {1, 2}, 4), Waits(4, {2}, 2, std::nullopt)});
  ASSERT_EQ(queues.size(), 2u);
  EXPECT_EQ(queues.at({1, ""}).waiting, 1);
  EXPECT_EQ(queues.at({2, ""}).waiting, 2);
  EXPECT_TRUE(queues.at({2, ""}).other_objects);
}

TEST(QueuesByRoot, PreparedTransactionsByGid) {
  Waiter waiter = Waits(3, {0}, 4);
  EXPECT_EQ(QueuesByRoot({waiter}).count({0, ""}), 1u);
  waiter.prepared = {"a", "b"};
  const auto queues = QueuesByRoot({waiter, Waits(4, {3}, 1)});
  ASSERT_EQ(queues.size(), 2u);
  EXPECT_EQ(queues.at({0, "b"}).waiting, 2);
}

TEST(QueuesByRoot, ACircleHasNoRoot) {
  EXPECT_TRUE(QueuesByRoot({Waits(1, {2}, 1), Waits(2, {1}, 1)}).empty());
}

TEST(LockModesConflict, AsTheManualSays) {
  // Table 13.2, rows in order; X: conflicts.
  const char* kNames[] = {"AccessShareLock",  "RowShareLock",
                          "RowExclusiveLock", "ShareUpdateExclusiveLock",
                          "ShareLock",        "ShareRowExclusiveLock",
                          "ExclusiveLock",    "AccessExclusiveLock"};
  const char* kTable[] = {".......X", "......XX", "....XXXX", "...XXXXX",
                          "..XX.XXX", "..XXXXXX", ".XXXXXXX", "XXXXXXXX"};
  for (int i = 0; i < 8; ++i) {
    for (int j = 0; j < 8; ++j) {
      EXPECT_EQ(LockModesConflict(kNames[i], kNames[j]), kTable[i][j] == 'X')
          << kNames[i] << " " << kNames[j];
    }
  }
  EXPECT_TRUE(LockModesConflict("SIReadLock", kNames[0]));
}

}  // namespace
}  // namespace ruvector::healing
