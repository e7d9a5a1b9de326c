#include "core/gate/token_bucket.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <thread>
#include <vector>

#include "core/base/rng.h"
#include "gtest/gtest.h"

namespace ruvector::gate {
namespace {

constexpr uint64_t kSecond = 1000000;
constexpr uint64_t kStart = 5000 * kSecond;

// As shared memory comes: zeroed, never constructed.
class TokenBucketTest : public testing::Test {
 protected:
  TokenBucketTest() { Zero(); }
  void Zero() { std::memset(storage_, 0, sizeof storage_); }
  TokenBucket& bucket() { return *reinterpret_cast<TokenBucket*>(storage_); }

 private:
  alignas(TokenBucket) unsigned char storage_[sizeof(TokenBucket)];
};

TEST_F(TokenBucketTest, ZeroedMemoryHasNoLimit) {
  for (int i = 0; i < 1000; ++i) {
    const TokenBucket::Grant grant = bucket().Acquire(kStart, 1000);
    EXPECT_TRUE(grant.granted);
    EXPECT_EQ(grant.wait_us, 0);
  }
  EXPECT_EQ(bucket().rate_per_sec(), std::nullopt);
  EXPECT_EQ(bucket().backlog_us(kStart), 0);
  bucket().Release();
}

TEST_F(TokenBucketTest, SpacesCallersEvenly) {
  bucket().Configure(10, 1, 60 * kSecond, kStart);
  EXPECT_DOUBLE_EQ(bucket().rate_per_sec().value(), 10);
  for (uint64_t i = 0; i < 100; ++i) {
    const TokenBucket::Grant grant = bucket().Acquire(kStart);
    EXPECT_TRUE(grant.granted);
    EXPECT_EQ(grant.wait_us, i * kSecond / 10);
  }
  EXPECT_EQ(bucket().backlog_us(kStart), 10 * kSecond);
}

TEST_F(TokenBucketTest, BurstGoesAtOnceAndComesBackWithTime) {
  bucket().Configure(2, 5, 60 * kSecond, kStart);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(bucket().Acquire(kStart).wait_us, 0) << i;
  }
  EXPECT_EQ(bucket().Acquire(kStart).wait_us, kSecond / 2);
  // 1 s later two tokens came, one of them is spoken for.
  EXPECT_EQ(bucket().Acquire(kStart + kSecond).wait_us, 0);
  EXPECT_EQ(bucket().Acquire(kStart + kSecond).wait_us, kSecond / 2);
  // After a long time five again, not more.
  const uint64_t later = kStart + 1000 * kSecond;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(bucket().Acquire(later).wait_us, 0);
  EXPECT_GT(bucket().Acquire(later).wait_us, 0);
}

TEST_F(TokenBucketTest, FullLineRefusesAndSaysWhenThereIsRoom) {
  bucket().Configure(10, 1, kSecond, kStart);
  int granted = 0;
  TokenBucket::Grant grant{true, 0};
  while ((grant = bucket().Acquire(kStart)).granted) {
    EXPECT_LE(grant.wait_us, kSecond);
    ++granted;
  }
  EXPECT_EQ(granted, 10);
  EXPECT_EQ(grant.wait_us, kSecond / 10);
  // A refusal reserves nothing.
  EXPECT_EQ(bucket().Acquire(kStart).wait_us, kSecond / 10);
  EXPECT_TRUE(bucket().Acquire(kStart + grant.wait_us).granted);
  EXPECT_FALSE(bucket().Acquire(kStart + grant.wait_us).granted);
}

TEST_F(TokenBucketTest, LargeRequestsEnterAnEmptyLineAndFillIt) {
  bucket().Configure(1, 1, 30 * kSecond, kStart);
  const TokenBucket::Grant huge = bucket().Acquire(kStart, UINT64_MAX);
  EXPECT_TRUE(huge.granted);
  EXPECT_EQ(huge.wait_us, 0);
  EXPECT_EQ(bucket().backlog_us(kStart), 30 * kSecond);
  EXPECT_FALSE(bucket().Acquire(kStart).granted);
  EXPECT_TRUE(bucket().Acquire(kStart + kSecond).granted);
  EXPECT_EQ(bucket().Acquire(kStart, 0).wait_us, 0);
}

TEST_F(TokenBucketTest, ReleaseGivesThePlaceBack) {
  bucket().Configure(10, 1, 60 * kSecond, kStart);
  bucket().Acquire(kStart, 10);
  EXPECT_EQ(bucket().backlog_us(kStart), kSecond);
  bucket().Release(4);
  EXPECT_EQ(bucket().backlog_us(kStart), 6 * kSecond / 10);
  bucket().Release(UINT64_MAX);
  EXPECT_EQ(bucket().backlog_us(kStart), 0);
}

TEST_F(TokenBucketTest, ClockGoingBackCostsAtMostTwoMaxWaits) {
  for (uint64_t back : {kSecond, 10 * kSecond, 19 * kSecond, 21 * kSecond,
                        3600 * kSecond, kStart}) {
    Zero();
    bucket().Configure(1, 1, 10 * kSecond, kStart);
    bucket().Acquire(kStart, 10);
    uint64_t now = kStart - back;
    uint64_t waited = 0;
    TokenBucket::Grant grant = bucket().Acquire(now);
    while (!grant.granted) {
      ASSERT_GT(grant.wait_us, 0);
      now += grant.wait_us;
      waited += grant.wait_us;
      grant = bucket().Acquire(now);
    }
    EXPECT_LE(waited + grant.wait_us, 2 * 10 * kSecond + kSecond) << back;
  }
}

TEST_F(TokenBucketTest, ExtremeTimesAndRatesDoNotOverflow) {
  const uint64_t times[] = {0, 1, kStart, UINT64_MAX / 4000, UINT64_MAX};
  const double rates[] = {1e-9, 1.0, 1e12, 1e300,
                          std::numeric_limits<double>::denorm_min()};
  for (uint64_t configured_at : times) {
    for (double rate : rates) {
      for (uint64_t max_wait : {uint64_t{0}, kSecond, UINT64_MAX}) {
        Zero();
        bucket().Configure(rate, 1e300, max_wait, configured_at);
        for (uint64_t now : times) {
          for (uint64_t n : {uint64_t{1}, uint64_t{1000}, UINT64_MAX}) {
            const TokenBucket::Grant grant = bucket().Acquire(now, n);
            EXPECT_LE(grant.wait_us, UINT64_MAX / 4000);
          }
          EXPECT_LE(bucket().backlog_us(now), UINT64_MAX / 4000);
        }
      }
    }
  }
}

TEST_F(TokenBucketTest, NoRateIsNoLimit) {
  for (double rate : {0.0, -1.0, std::nan("")}) {
    bucket().Configure(1, 1, kSecond, kStart);
    bucket().Acquire(kStart);
    bucket().Configure(rate, 1, kSecond, kStart);
    EXPECT_EQ(bucket().rate_per_sec(), std::nullopt);
    EXPECT_EQ(bucket().Acquire(kStart, 100).wait_us, 0);
  }
}

TEST_F(TokenBucketTest, NewRateRescalesTheLine) {
  bucket().Configure(10, 1, 60 * kSecond, kStart);
  bucket().Acquire(kStart, 100);
  bucket().Configure(100, 1, 60 * kSecond, kStart);
  EXPECT_EQ(bucket().backlog_us(kStart), kSecond);
  bucket().Configure(1, 1, 30 * kSecond, kStart);
  EXPECT_EQ(bucket().backlog_us(kStart), 30 * kSecond);  // capped
}

// The oracle: a classic bucket with refill and a list of waiters, in exact
// arithmetic on one thread.
TEST_F(TokenBucketTest, AgreesWithARefillingBucket) {
  Rng rng(11);
  for (int round = 0; round < 200; ++round) {
    Zero();
    const uint64_t interval = 1 + rng.Below(50);  // ms per token
    const uint64_t burst = 1 + rng.Below(5);
    bucket().Configure(1000.0 / static_cast<double>(interval),
                       static_cast<double>(burst), 3600 * kSecond, kStart);
    // Tokens in thousandths, which may be owed.
    int64_t tokens = static_cast<int64_t>(burst * interval);
    uint64_t now = kStart;
    for (int i = 0; i < 50; ++i) {
      const uint64_t pause = rng.Below(100);  // ms
      now += pause * 1000;
      tokens = std::min<int64_t>(tokens + static_cast<int64_t>(pause),
                                 static_cast<int64_t>(burst * interval));
      tokens -= static_cast<int64_t>(interval);
      const uint64_t wait = tokens < 0 ? static_cast<uint64_t>(-tokens) : 0;
      const TokenBucket::Grant grant = bucket().Acquire(now);
      EXPECT_TRUE(grant.granted);
      // The bucket rounds its interval to nanoseconds and waits up to
      // microseconds.
      EXPECT_NEAR(static_cast<double>(grant.wait_us),
                  static_cast<double>(wait) * 1000, 2.0);
    }
  }
}

TEST_F(TokenBucketTest, WithoutAWaitOnlyAnEmptyLineIsEntered) {
  bucket().Configure(1, 1, 0, kStart);
  EXPECT_TRUE(bucket().Acquire(kStart).granted);
  EXPECT_FALSE(bucket().Acquire(kStart).granted);
}

// Starts all threads at once, so that they really meet.
template <typename F>
void RunTogether(int threads, F body) {
  std::atomic<int> ready{0};
  std::vector<std::thread> running;
  for (int t = 0; t < threads; ++t) {
    running.emplace_back([&, t] {
      ready.fetch_add(1);
      while (ready.load() < threads) {
      }
      body(t);
    });
  }
  for (std::thread& thread : running) thread.join();
}

// All threads share one moment: whatever the interleaving, the places in line
// are those that one thread would have been given, each exactly once. A busy
// machine may run the threads one after the other, which proves nothing, so
// it goes on until they have met.
TEST_F(TokenBucketTest, ConcurrentCallersGetDistinctPlaces) {
  constexpr int kThreads = 4;
  constexpr uint64_t kEach = 50000;
  constexpr uint64_t kEnoughMeetings = 1000;
  uint64_t meetings = 0;
  for (int round = 0; round < 40 && meetings < kEnoughMeetings; ++round) {
    Zero();
    bucket().Configure(1000, 1, 3600 * kSecond, kStart);
    std::vector<std::vector<uint64_t>> waits(kThreads);
    for (auto& part : waits) part.reserve(kEach);
    RunTogether(kThreads, [&](int t) {
      for (uint64_t i = 0; i < kEach; ++i) {
        waits[t].push_back(bucket().Acquire(kStart).wait_us);
      }
    });
    std::vector<uint64_t> all;
    for (const auto& part : waits) {
      for (uint64_t i = 1; i < part.size(); ++i) {
        meetings += part[i] - part[i - 1] != kSecond / 1000;
      }
      all.insert(all.end(), part.begin(), part.end());
    }
    std::sort(all.begin(), all.end());
    for (uint64_t i = 0; i < all.size(); ++i) {
      ASSERT_EQ(all[i], i * kSecond / 1000) << i;
    }
  }
}

// With releases and refusals in the mix nothing is lost or made up.
TEST_F(TokenBucketTest, ConcurrentReleasesBalance) {
  constexpr int kThreads = 4;
  bucket().Configure(1000, 1, kSecond, kStart);
  std::vector<int64_t> kept(kThreads);
  RunTogether(kThreads, [&](int t) {
    Rng rng(static_cast<uint64_t>(t));
    int64_t mine = 0;
    for (int i = 0; i < 200000; ++i) {
      if (!bucket().Acquire(kStart).granted) continue;
      ++mine;
      if (rng.Below(400) == 0) continue;
      bucket().Release();
      --mine;
    }
    kept[t] = mine;
  });
  int64_t total = 0;
  for (int64_t part : kept) total += part;
  EXPECT_EQ(bucket().backlog_us(kStart),
            static_cast<uint64_t>(total) * kSecond / 1000);
  EXPECT_EQ(total, 1000);
}

TEST(ThrottledRateTest, IsTheShareOfTheNormalRateButAtLeastOne) {
  EXPECT_EQ(ThrottledRate(std::nullopt, 50), std::nullopt);
  EXPECT_EQ(ThrottledRate(std::nan(""), 50), std::nullopt);
  EXPECT_DOUBLE_EQ(ThrottledRate(200, 75).value(), 50);
  EXPECT_DOUBLE_EQ(ThrottledRate(200, 0).value(), 200);
  EXPECT_DOUBLE_EQ(ThrottledRate(200, 100).value(), 1);
  EXPECT_DOUBLE_EQ(ThrottledRate(0, 20).value(), 1);
  EXPECT_DOUBLE_EQ(ThrottledRate(200, 150).value(), 1);
  EXPECT_DOUBLE_EQ(ThrottledRate(200, -5).value(), 200);
}

TEST(RateEwmaTest, ConstantRateIsItself) {
  RateEwma ewma;
  EXPECT_EQ(ewma.rate(), std::nullopt);
  Rng rng(5);
  uint64_t now = kStart, count = 17;
  ewma.Observe(now, count, true, 300 * kSecond);
  EXPECT_EQ(ewma.rate(), std::nullopt);
  for (int i = 0; i < 100; ++i) {
    const uint64_t seconds = 1 + rng.Below(100);
    now += seconds * kSecond;
    count += seconds * 40;
    ewma.Observe(now, count, true, 300 * kSecond);
    EXPECT_NEAR(ewma.rate().value(), 40, 1e-9);
  }
}

// Closed form: after a step the average approaches exponentially, however
// finely time is cut.
TEST(RateEwmaTest, StepResponseDoesNotDependOnSampling) {
  for (uint64_t steps : {1, 7, 300}) {
    RateEwma ewma(100.0);
    const uint64_t end = kStart + 300 * kSecond;
    ewma.Observe(kStart, 0, true, 300 * kSecond);
    for (uint64_t i = 1; i <= steps; ++i) {
      ewma.Observe(kStart + (end - kStart) * i / steps, 0, true, 300 * kSecond);
    }
    EXPECT_NEAR(ewma.rate().value(), 100 * std::exp(-1.0), 1e-6) << steps;
  }
}

TEST(RateEwmaTest, StandsStillOutsideNormal) {
  RateEwma ewma(50.0);
  ewma.Observe(kStart, 0, true, kSecond);
  ewma.Observe(kStart + kSecond, 1000000, false, kSecond);
  ewma.Observe(kStart + 2 * kSecond, 2000000, false, kSecond);
  EXPECT_DOUBLE_EQ(ewma.rate().value(), 50);
  // Back in normal: the first observation only starts the interval.
  ewma.Observe(kStart + 3 * kSecond, 3000000, true, kSecond);
  EXPECT_DOUBLE_EQ(ewma.rate().value(), 50);
  ewma.Observe(kStart + 1003 * kSecond, 3000000 + 20000, true, kSecond);
  EXPECT_NEAR(ewma.rate().value(), 20, 1e-9);
}

TEST(RateEwmaTest, CounterResetAndClockJumpsStartAnew) {
  RateEwma ewma(50.0);
  ewma.Observe(kStart, 1000, true, kSecond);
  ewma.Observe(kStart + kSecond, 5, true, kSecond);  // restart of the server
  EXPECT_DOUBLE_EQ(ewma.rate().value(), 50);
  ewma.Observe(kStart - 10 * kSecond, 100, true, kSecond);  // clock back
  EXPECT_DOUBLE_EQ(ewma.rate().value(), 50);
  ewma.Observe(kStart - 10 * kSecond, 200, true, kSecond);  // no time passed
  EXPECT_DOUBLE_EQ(ewma.rate().value(), 50);
  ewma.Observe(kStart + 990 * kSecond, 100 + 30000, true, kSecond);
  EXPECT_NEAR(ewma.rate().value(), 30, 1e-9);
}

TEST(RateEwmaTest, RefusesAPersistedValueThatIsNone) {
  EXPECT_EQ(RateEwma(std::nan("")).rate(), std::nullopt);
  EXPECT_EQ(RateEwma(-1.0).rate(), std::nullopt);
  EXPECT_EQ(RateEwma(std::numeric_limits<double>::infinity()).rate(),
            std::nullopt);
  EXPECT_EQ(RateEwma(0.0).rate(), 0.0);
}

}  // namespace
}  // namespace ruvector::gate
