#include "core/memory/lock_key.h"

#include "gtest/gtest.h"

namespace ruvector::memory {
namespace {

TEST(LockKey, HasTheKnownVectors) {
  Uuid ones;
  ones.fill(0x11);
  const Uuid region = {0x01, 0x90, 0xc9, 0xd1, 0xaa, 0xaa, 0x7b, 0xbb,
                       0x8c, 0xcc, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab};
  EXPECT_EQ(LockKey("artifact", Uuid{}), -8636245225452495101);
  EXPECT_EQ(LockKey("trajectory", ones), 4041308578949047432);
  EXPECT_EQ(LockKey("", Uuid{}), -8637869204239850395);
  EXPECT_EQ(LockKey("region", region), -1665209461524327108);
}

}  // namespace
}  // namespace ruvector::memory
