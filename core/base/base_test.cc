#include "absl/status/status.h"
#include "core/base/clock.h"
#include "core/base/rng.h"
#include "core/base/status_macros.h"
#include "gtest/gtest.h"

namespace ruvector {
namespace {

absl::StatusOr<int> Half(int n) {
  if (n % 2 != 0) return absl::InvalidArgumentError("odd");
  return n / 2;
}

absl::Status Quarter(int n, int& out) {
  RV_ASSIGN_OR_RETURN(const int half, Half(n));
  RV_ASSIGN_OR_RETURN(out, Half(half));
  return absl::OkStatus();
}

TEST(StatusMacros, ReturnsTheFirstError) {
  int out = 0;
  EXPECT_TRUE(Quarter(8, out).ok());
  EXPECT_EQ(out, 2);
  EXPECT_EQ(Quarter(6, out).message(), "odd");
  EXPECT_EQ(out, 2);
}

TEST(ManualClock, MovesOnlyWhenMoved) {
  ManualClock clock(absl::UnixEpoch());
  EXPECT_EQ(clock.Now(), clock.Now());
  clock.Advance(absl::Seconds(3));
  EXPECT_EQ(clock.Now(), absl::FromUnixSeconds(3));
}

// The first outputs of SplitMix64 for seed 1234567, as published with the
// reference implementation.
TEST(Rng, MatchesTheReferenceImplementation) {
  Rng rng(1234567);
  EXPECT_EQ(rng.Next(), 6457827717110365317u);
  EXPECT_EQ(rng.Next(), 3203168211198807973u);
}

}  // namespace
}  // namespace ruvector
