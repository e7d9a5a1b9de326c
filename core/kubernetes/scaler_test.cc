// The scaler against a model of an API server, its controllers, other editors
// and a bad network, from many seeds. The oracle is what really was written to
// the model's one object, by whom, over which number.
#include "core/kubernetes/scaler.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace ruvector::kubernetes {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const absl::Time kStart = absl::FromUnixSeconds(1000);

struct Written {
  bool ours;
  int64_t from, to;
};

// How bad the world is; probabilities of one exchange or one second.
struct Faults {
  double refused = 0;         // 429, 500, 503: nothing happened
  double lost_before = 0;     // no answer, nothing happened
  double lost_after = 0;      // no answer, or 500 or nonsense; it happened
  double late = 0;            // no answer; a write happens some time later
  double unauthorized = 0;    // 401
  double edited = 0;          // somebody else sets the number
  double status_written = 0;  // the version changes, nothing else
  double forbidden = 0;       // 403
};

class World final : public Api {
 public:
  World(uint64_t seed, Faults faults) : faults_(faults), rng_(seed) {}

  int64_t replicas = 2;
  std::vector<Written> writes;
  std::vector<std::string> log;
  double seconds_to_ready = 3;
  absl::Time edit_at = absl::InfiniteFuture();  // somebody sets 1
  absl::Time latest_until = absl::InfinitePast();
  int requests = 0;

  absl::StatusOr<HttpAnswer> Send(const HttpRequest& request,
                                  absl::Time until) override {
    ++requests;
    if (now_ >= until) return absl::UnavailableError("no time was left");
    latest_until = std::max(latest_until, until);
    Pass(absl::Milliseconds(5));
    if (Chance(faults_.lost_before)) {
      Pass(absl::Milliseconds(100));
      return absl::UnavailableError("no answer");
    }
    if (Chance(faults_.unauthorized)) return HttpAnswer{401, "", {}};
    if (Chance(faults_.forbidden)) return HttpAnswer{403, "", {}};
    if (Chance(faults_.refused)) {
      const int status = std::vector<int>{429, 500, 503}[rng_.Below(3)];
      return HttpAnswer{status, "", absl::Seconds(rng_.Below(3))};
    }
    if (!request.patch.empty() && Chance(faults_.late)) {
      late_.push_back(request.patch);
      return absl::UnavailableError("no answer");
    }
    HttpAnswer answer = Answer(request);
    if (Chance(faults_.lost_after)) {
      switch (rng_.Below(3)) {
        case 0:
          return absl::UnavailableError("half an answer");
        case 1:
          if (request.patch.empty()) return absl::UnavailableError("cut");
          return HttpAnswer{200, "<html>", {}};
        default:
          return HttpAnswer{504, "", {}};
      }
    }
    return answer;
  }

  absl::Status Sleep(absl::Duration duration) override {
    Pass(duration);
    return absl::OkStatus();
  }
  absl::Time Now() override { return now_; }

  void Edit(int64_t to) { Set(false, to); }
  // Whatever still is on its way arrives.
  void LandAll() {
    for (const std::string& patch : late_) Patch(patch);
    late_.clear();
  }
  bool LastIsOurs() const { return !writes.empty() && writes.back().ours; }

 private:
  bool Chance(double p) { return p > 0 && rng_.Uniform() < p; }

  void Pass(absl::Duration duration) {
    for (; duration > absl::ZeroDuration(); duration -= absl::Seconds(1)) {
      const absl::Duration step = std::min(duration, absl::Seconds(1));
      now_ += step;
      const double part = absl::ToDoubleSeconds(step);
      if (Chance(faults_.edited * part)) {
        Edit(static_cast<int64_t>(rng_.Below(5)));
      }
      if (now_ >= edit_at) {
        Edit(1);
        edit_at = absl::InfiniteFuture();
      }
      if (Chance(faults_.status_written)) ++version_;
      if (!late_.empty() && Chance(0.3)) LandAll();
      if (now_ >= ready_at_) ready_ = replicas;
    }
  }

  void Set(bool ours, int64_t to) {
    writes.push_back({ours, replicas, to});
    replicas = to;
    ++version_;
    ++generation_;
    ready_at_ = now_ + absl::Seconds(seconds_to_ready);
  }

  int Patch(const std::string& text) {
    const json patch = json::parse(text);
    if (patch["metadata"]["resourceVersion"] != absl::StrCat(version_)) {
      return 409;
    }
    Set(true, patch["spec"]["replicas"].get<int64_t>());
    return 200;
  }

  HttpAnswer Answer(const HttpRequest& request) {
    if (!request.patch.empty()) {
      const int status = Patch(request.patch);
      if (status != 200) return {status, R"({"kind":"Status"})", {}};
    }
    if (absl::EndsWith(request.path, "/scale")) {
      json scale = {
          {"kind", "Scale"},
          {"metadata",
           {{"name", "r"}, {"resourceVersion", absl::StrCat(version_)}}}};
      if (replicas > 0) scale["spec"]["replicas"] = replicas;  // omitempty
      return {200, scale.dump(), {}};
    }
    return {200,
            json({{"kind", "StatefulSet"},
                  {"metadata", {{"name", "r"}, {"generation", generation_}}},
                  {"spec", {{"replicas", replicas}}},
                  {"status",
                   {{"observedGeneration",
                     now_ >= ready_at_ ? generation_ : generation_ - 1},
                    {"replicas", ready_},
                    {"readyReplicas", ready_}}}})
                .dump(),
            {}};
  }

  const Faults faults_;
  Rng rng_;
  absl::Time now_ = kStart;
  int64_t version_ = 100;
  int64_t generation_ = 1;
  int64_t ready_ = 2;
  absl::Time ready_at_ = kStart;
  std::vector<std::string> late_;
};

ScaleRequest From(int64_t expected, int64_t requested, bool wait = true) {
  return {*ParseObjectRef("db/StatefulSet/r"), expected, requested, wait};
}

ScaleOutcome Scaled(World& world, const ScaleRequest& request,
                    absl::Duration time = absl::Seconds(60)) {
  Scaler scaler(world, 1, nullptr);
  return scaler.Scale(request, kStart + time);
}

TEST(ScalerTest, ScalesAndWaitsUntilAllAreReady) {
  World world(1, {});
  const ScaleOutcome outcome = Scaled(world, From(2, 4));
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.effect, Effect::kDone);
  EXPECT_EQ(outcome.previous, 2);
  EXPECT_EQ(outcome.requested, 4);
  EXPECT_EQ(outcome.replicas->ready, 4);
  EXPECT_EQ(world.replicas, 4);
  EXPECT_GE(world.Now(), kStart + absl::Seconds(3));
}

TEST(ScalerTest, ScalesToNoneWhichTheScaleDoesNotEvenName) {
  World world(1, {});
  EXPECT_TRUE(Scaled(world, From(2, 0)).status.ok());
  EXPECT_TRUE(Scaled(world, From(0, 2)).status.ok());
  EXPECT_EQ(world.replicas, 2);
}

TEST(ScalerTest, WhatIsSoAlreadyIsNotWritten) {
  World world(1, {});
  const ScaleOutcome outcome = Scaled(world, From(1, 2));
  EXPECT_TRUE(outcome.status.ok());
  EXPECT_EQ(outcome.effect, Effect::kNone);
  EXPECT_EQ(outcome.previous, 2);
  EXPECT_TRUE(world.writes.empty());
}

TEST(ScalerTest, AnotherNumberIsNobodysToReplace) {
  World world(1, {});
  const ScaleOutcome outcome = Scaled(world, From(3, 4));
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(outcome.status.message()),
              HasSubstr("is to have 2 replicas, not 3"));
  EXPECT_EQ(outcome.effect, Effect::kNone);
  EXPECT_EQ(outcome.previous, 2);
  EXPECT_TRUE(world.writes.empty());
}

TEST(ScalerTest, ReplicasThatNeverComeEndAtTheDeadline) {
  World world(1, {});
  world.seconds_to_ready = 1e9;
  const ScaleOutcome outcome = Scaled(world, From(2, 3), absl::Seconds(20));
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(outcome.status.message()),
              HasSubstr("2 of 3 replicas of db/StatefulSet/r were ready"));
  EXPECT_EQ(outcome.effect, Effect::kDone);
  EXPECT_LE(world.Now(), kStart + absl::Seconds(20));
  EXPECT_GE(world.Now(), kStart + absl::Seconds(18));
}

TEST(ScalerTest, WithoutWaitingItEndsWithTheWrite) {
  World world(1, {});
  world.seconds_to_ready = 1e9;
  const ScaleOutcome outcome = Scaled(world, From(2, 3, false));
  EXPECT_TRUE(outcome.status.ok());
  EXPECT_EQ(outcome.effect, Effect::kDone);
  EXPECT_EQ(world.replicas, 3);
}

TEST(ScalerTest, AnotherNumberWhileWaitingEndsTheWait) {
  World world(1, {});
  world.seconds_to_ready = 1e9;
  world.edit_at = kStart + absl::Seconds(5);
  const ScaleOutcome outcome = Scaled(world, From(2, 3));
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(outcome.effect, Effect::kDone);
  EXPECT_LE(world.Now(), kStart + absl::Seconds(7));
  EXPECT_EQ(world.replicas, 1);
}

TEST(ScalerTest, RefusesWhatNoObjectCanHave) {
  World world(1, {});
  EXPECT_EQ(Scaled(world, From(2, -1)).status.code(),
            absl::StatusCode::kInvalidArgument);
  ScaleRequest none = From(2, 0);
  none.object.kind = Kind::kCluster;
  EXPECT_EQ(Scaled(world, none).status.code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(world.requests, 0);
}

TEST(ScalerTest, ProgressIsToldBeforeTheStep) {
  World world(1, {});
  std::vector<std::string> told;
  Scaler scaler(world, 1, [&](const Progress& progress) {
    const std::string line = absl::StrCat(
        std::string(PhaseName(progress.phase)), " ",
        std::string(EffectName(progress.effect)), " ", world.writes.size());
    if (told.empty() || told.back() != line) told.push_back(line);
  });
  ASSERT_TRUE(scaler.Scale(From(2, 3), kStart + absl::Minutes(1)).status.ok());
  EXPECT_THAT(told, testing::ElementsAre("reading none 0", "writing unknown 0",
                                         "waiting done 1"));
}

// Everything at once. What holds whatever happens:
void CheckRun(uint64_t seed, const Faults& faults) {
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  Rng chance(seed);
  World world(seed, faults);
  const ScaleRequest request =
      From(2, 3 + static_cast<int64_t>(chance.Below(2)), chance.Below(4) > 0);
  const absl::Duration time = absl::Seconds(5 + chance.Below(60));
  const ScaleOutcome outcome = Scaled(world, request, time);
  // Only the expected number was ever replaced, by the requested one.
  bool ours = false;
  bool requested_by_anyone = false;
  for (const Written& write : world.writes) {
    ours |= write.ours;
    requested_by_anyone |= write.to == request.requested;
    if (!write.ours) continue;
    EXPECT_EQ(write.from, request.expected);
    EXPECT_EQ(write.to, request.requested);
  }
  // The deadline holds: one more step than it at the most.
  EXPECT_LE(world.latest_until, kStart + time);
  EXPECT_LE(world.Now(), kStart + time + absl::Milliseconds(200));
  if (outcome.status.ok()) {
    EXPECT_EQ(world.replicas, request.requested);
  }
  if (absl::IsAborted(outcome.status)) {
    EXPECT_NE(outcome.effect, Effect::kUnknown);
  }
  if (outcome.effect == Effect::kDone) {
    EXPECT_TRUE(requested_by_anyone);
  }
  if (ours && world.LastIsOurs()) {
    EXPECT_NE(outcome.effect, Effect::kNone);
  }
  // Unless it says so, nothing of ours arrives any more.
  const int64_t at_the_end = world.replicas;
  world.LandAll();
  if (outcome.effect != Effect::kUnknown) {
    EXPECT_EQ(world.replicas, at_the_end);
  }
}

Faults Mild() {
  Faults f;
  f.refused = f.lost_before = f.lost_after = f.late = 0.1;
  f.unauthorized = 0.05;
  f.status_written = 0.2;
  return f;
}

TEST(ScalerSimulation, ABadNetworkAlone) {
  int fine = 0;
  for (uint64_t seed = 0; seed < 5000; ++seed) {
    CheckRun(seed, Mild());
    World world(seed, Mild());
    const ScaleOutcome outcome = Scaled(world, From(2, 3), absl::Minutes(10));
    if (absl::IsUnauthenticated(outcome.status)) continue;  // twice 401
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.effect, Effect::kDone);
    EXPECT_EQ(world.writes.size(), 1u);  // exactly once
    ++fine;
  }
  EXPECT_GT(fine, 3500);
}

TEST(ScalerSimulation, OtherEditors) {
  Faults faults = Mild();
  faults.edited = 0.15;
  for (uint64_t seed = 0; seed < 5000; ++seed) CheckRun(seed, faults);
}

TEST(ScalerSimulation, HardlyAnythingWorks) {
  Faults faults = Mild();
  faults.refused = faults.lost_before = faults.lost_after = faults.late = 0.3;
  faults.edited = 0.3;
  faults.forbidden = 0.02;
  for (uint64_t seed = 0; seed < 5000; ++seed) CheckRun(seed, faults);
}

}  // namespace
}  // namespace ruvector::kubernetes
