#include "core/memory/uuid7.h"

#include <set>

#include "core/base/rng.h"
#include "gtest/gtest.h"

namespace ruvector::memory {
namespace {

TEST(Uuid7, HasVersionVariantAndTime) {
  Uuid7Generator generator;
  const Uuid id = generator.Next(0x0190c9d1aaaa, ~uint64_t{0}, ~uint64_t{0});
  EXPECT_EQ(id[6] >> 4, 7);
  EXPECT_EQ(id[8] >> 6, 2);
  EXPECT_EQ(UnixMillisOf(id), 0x0190c9d1aaaau);
}

TEST(Uuid7, AscendsWhateverTheClockDoes) {
  Rng rng(7);
  Uuid7Generator generator;
  uint64_t now = 1'700'000'000'000;
  Uuid last = generator.Next(now, rng.Next(), rng.Next());
  std::set<Uuid> seen{last};
  for (int i = 0; i < 200'000; ++i) {
    const uint64_t kind = rng.Below(100);
    if (kind < 3) now += rng.Below(5);
    if (kind == 3 && now > 1'600'000'000'000) now -= rng.Below(1000);
    const Uuid id = generator.Next(now, rng.Next(), rng.Next());
    ASSERT_LT(last, id);
    ASSERT_TRUE(seen.insert(id).second);
    last = id;
  }
}

TEST(Uuid7, AFullMillisecondRunsAheadOfTheClock) {
  Uuid7Generator generator;
  Uuid last = generator.Next(1000, 0, 0);
  for (int i = 1; i < 3 * 4096; ++i) last = generator.Next(1000, 0, 0);
  EXPECT_EQ(UnixMillisOf(last), 1002u);
}

}  // namespace
}  // namespace ruvector::memory
