#include "core/memory/ttl.h"

#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace ruvector::memory {
namespace {

TEST(Ttl, NamesHaveTheirDurations) {
  EXPECT_EQ(ParseTtl("short_term")->milliseconds, 3'600'000);
  EXPECT_EQ(ParseTtl("medium_term")->milliseconds, 86'400'000);
  EXPECT_EQ(ParseTtl("long_term")->milliseconds, 604'800'000);
  EXPECT_EQ(ParseTtl("permanent")->kind, TtlKind::kForever);
  EXPECT_EQ(ParseTtl("scope")->kind, TtlKind::kScope);
  EXPECT_EQ(ParseTtl("duration:1500")->milliseconds, 1500);
  EXPECT_EQ(ParseTtl("duration:0")->milliseconds, 0);
}

TEST(Ttl, EverythingElseIsNone) {
  for (const char* text :
       {"", "Persistent", "duration:", "duration:-1", "duration:1s",
        "duration: 1", "duration:9999999999999999", "duration:3162240000001",
        "persistent ", "forever"}) {
    EXPECT_FALSE(ParseTtl(text).has_value()) << text;
  }
  EXPECT_TRUE(
      ParseTtl("duration:" + std::to_string(kMaxTtlMillis)).has_value());
}

TEST(Ttl, EndsStrictlyAfterItsTime) {
  const Ttl second = *ParseTtl("duration:1000");
  EXPECT_FALSE(IsExpired(second, 5, 1'000'005));
  EXPECT_TRUE(IsExpired(second, 5, 1'000'006));
  EXPECT_FALSE(IsExpired(*ParseTtl("persistent"), 0,
                         std::numeric_limits<int64_t>::max()));
  EXPECT_FALSE(IsExpired(second, std::numeric_limits<int64_t>::max(), 0));
}

}  // namespace
}  // namespace ruvector::memory
