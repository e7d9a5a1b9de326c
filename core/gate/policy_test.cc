#include "core/gate/policy.h"

#include <cmath>
#include <limits>
#include <string>

#include "absl/strings/str_format.h"
#include "core/base/hint.h"
#include "core/base/rng.h"
#include "core/gate/policy_keys.h"
#include "core/gate/random_policy.h"
#include "core/graph/build.h"
#include "core/graph/check.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ruvector::gate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string ErrorOf(std::string_view json) {
  const auto merged = MergePolicy(Policy(), json);
  if (merged.ok()) return "accepted";
  EXPECT_EQ(merged.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string hint = HintOf(merged.status());
  return std::string(merged.status().message()) +
         (hint.empty() ? "" : "\n" + hint);
}

Policy Merged(std::string_view json, const Policy& base = Policy()) {
  const auto merged = MergePolicy(base, json);
  EXPECT_TRUE(merged.ok()) << merged.status();
  return merged.value_or(Policy());
}

// {"a": {"b": value}} for path a.b
std::string Document(const std::string& path, const std::string& value) {
  std::string open, close;
  std::string rest = path;
  for (size_t dot; (dot = rest.find('.')) != std::string::npos;
       rest = rest.substr(dot + 1)) {
    open += "{\"" + rest.substr(0, dot) + "\":";
    close += "}";
  }
  return open + "{\"" + rest + "\":" + value + "}" + close;
}

template <typename F>
void ForEachPath(F f) {
  for (const PolicyKey& key : PolicyKeys()) {
    for (State state : kAllStates) {
      if (!key.per_state && state != State::kNormal) break;
      f(key, state, FullPath(key, state));
    }
  }
}

// Reference A3, row by row.
TEST(PolicyDefaultsTest, ActionSetsAreThoseOfTheReference) {
  struct Row {
    const char* key;
    const char* normal;
    const char* stress;
    const char* critical;
  };
  constexpr Row kRows[] = {
      {"allow_reads", "true", "true", "true"},
      {"allow_replication", "true", "true", "true"},
      {"allow_backup", "true", "true", "true"},
      {"allow_single_insert", "true", "true", "false"},
      {"allow_bulk_insert", "true", "false", "false"},
      {"allow_delete", "true", "true", "false"},
      {"allow_update", "true", "true", "false"},
      {"allow_index_rewire", "true", "true", "false"},
      {"allow_compression", "true", "true", "false"},
      {"throttle_inserts_pct", "0", "50", "100"},
      {"throttle_searches_pct", "0", "0", "20"},
      {"max_insert_batch_size", "null", "100", "null"},
      {"max_concurrent_searches", "null", "null", "10"},
      {"pause_gnn_training", "false", "true", "true"},
      {"pause_tier_management", "false", "false", "true"},
      {"emergency_compact", "false", "false", "true"},
      {"custom_actions", "[]", "[]", "[]"},
  };
  const Policy policy;
  int seen = 0;
  for (const PolicyKey& key : PolicyKeys()) {
    if (!key.per_state) continue;
    ++seen;
    bool found = false;
    for (const Row& row : kRows) {
      if (key.path != row.key) continue;
      found = true;
      EXPECT_EQ(ValueJson(key, policy, State::kNormal), row.normal) << row.key;
      EXPECT_EQ(ValueJson(key, policy, State::kStress), row.stress) << row.key;
      EXPECT_EQ(ValueJson(key, policy, State::kCritical), row.critical)
          << row.key;
    }
    EXPECT_TRUE(found) << key.path;
  }
  EXPECT_EQ(seen, std::size(kRows));
}

// Reference A2, A4 and design 7.3, 7.5.
TEST(PolicyDefaultsTest, ScalarsAreThoseOfTheReference) {
  const std::string json = PolicyToJson(Policy());
  for (const char* part :
       {R"("threshold_high":0.8)", R"("threshold_low":0.3)",
        R"("degrade_samples":3)", R"("critical_samples":2)",
        R"("restore_threshold_offset":0.1)", R"("restore_hold_seconds":300)",
        R"("cooldown_after_transition_seconds":60)",
        R"("immediate_critical_fraction":0.5)", R"("sample_interval_secs":60)",
        R"("sample_size":null)", R"("priority":0)", R"("mode":"enforce")",
        R"("leaf_share_factor":5.0)",
        R"("xid_age":{"calm":0.75,"critical":0.95)",
        R"("async_replica_floor":null)", R"("on_recovery":{"enabled":true})"}) {
    EXPECT_THAT(json, HasSubstr(part));
  }
}

TEST(PolicyDefaultsTest, CapacityIsThatOfTheGraph) {
  const graph::BuildOptions ours = BuildOptionsOf(Policy());
  const graph::BuildOptions theirs;
  EXPECT_EQ(ours.importance_gain, theirs.importance_gain);
  EXPECT_EQ(ours.dependency_floor, theirs.dependency_floor);
  EXPECT_EQ(ours.replica_floor, theirs.replica_floor);
  EXPECT_EQ(ours.limits.band.high, theirs.limits.band.high);
  EXPECT_EQ(ours.limits.band.low, theirs.limits.band.low);
}

TEST(PolicyDefaultsTest, CapacityFollowsThePolicy) {
  const graph::BuildOptions options = BuildOptionsOf(Merged(R"({
      "threshold_high": 0.5,
      "capacity": {"leaf_share_factor": 2, "dependency_floor": 0.45,
                   "async_replica_floor": 0.4},
      "health": {"hot_excess": {"bad": 0.7}}})"));
  EXPECT_EQ(options.limits.band.high, 0.5);
  EXPECT_EQ(options.limits.band.low, 0.3);
  EXPECT_EQ(options.importance_gain, 2);
  EXPECT_EQ(options.dependency_floor, 0.45);
  EXPECT_EQ(options.replica_floor, 0.4);
  EXPECT_EQ(options.limits.hot_excess.bad, 0.7);
  EXPECT_EQ(options.limits.hot_excess.good,
            graph::HealthLimits().hot_excess.good);
}

// What the merge lets through, the graph accepts.
TEST(PolicyDefaultsTest, MergedLimitsPassTheGraphsOwnCheck) {
  Rng rng(12);
  for (int i = 0; i < 200; ++i) {
    const Policy policy = RandomPolicy(rng, 0.8);
    const auto merged = MergePolicy(Policy(), PolicyToJson(policy));
    ASSERT_TRUE(merged.ok()) << merged.status();
    EXPECT_TRUE(graph::Check(BuildOptionsOf(*merged).limits).ok())
        << graph::Check(BuildOptionsOf(*merged).limits);
  }
}

// The usage example of the specification.
TEST(MergePolicyTest, PartialPolicyLeavesTheRestAsItWas) {
  const Policy policy = Merged(R"({
      "threshold_high": 0.7,
      "threshold_low": 0.2,
      "stress_actions": {
          "allow_bulk_insert": false,
          "throttle_inserts_pct": 75,
          "pause_gnn_training": true
      }})");
  EXPECT_EQ(policy.threshold_high, 0.7);
  EXPECT_EQ(policy.threshold_low, 0.2);
  EXPECT_EQ(policy.actions_in(State::kStress).throttle_inserts_pct, 75);
  EXPECT_EQ(policy.actions_in(State::kStress).max_insert_batch_size, 100);
  EXPECT_EQ(policy.actions_in(State::kCritical).throttle_inserts_pct, 100);
  const auto changes = PolicyDiff(Policy(), policy);
  ASSERT_EQ(changes.size(), 3);
  EXPECT_EQ(changes[0].path, "threshold_high");
  EXPECT_EQ(changes[0].before, "0.8");
  EXPECT_EQ(changes[0].after, "0.7");
  EXPECT_EQ(changes[2].path, "stress_actions.throttle_inserts_pct");
}

TEST(MergePolicyTest, MergesOverTheGivenBase) {
  const Policy base = Merged(R"({"mode":"shadow","priority":7})");
  const Policy policy = Merged(R"({"priority":8})", base);
  EXPECT_EQ(policy.mode, Mode::kShadow);
  EXPECT_EQ(policy.priority, 8);
  EXPECT_THAT(PolicyDiff(base, Merged("{}", base)), IsEmpty());
}

TEST(MergePolicyTest, NullTakesALimitAway) {
  const Policy policy =
      Merged(R"({"stress_actions":{"max_insert_batch_size":null}})");
  EXPECT_EQ(policy.actions_in(State::kStress).max_insert_batch_size,
            std::nullopt);
}

TEST(MergePolicyTest, IntegralNumbersAreIntegers) {
  EXPECT_EQ(Merged(R"({"priority":5.0})").priority, 5);
  EXPECT_EQ(Merged(R"({"priority":1e3})").priority, 1000);
}

TEST(MergePolicyTest, ReadsChannelsAndCustomActions) {
  const Policy policy = Merged(R"({
    "notifications": {"on_state_change": {"channels": [
        {"type": "pg_notify", "config": {"channel": "ruvector"}},
        {"type": "webhook", "config": {"url": "https://x.example/h"}}]}},
    "critical_actions": {"custom_actions": [
        {"name": "page", "command": "SELECT 1", "args": ["a", ""]},
        {"name": "bare", "command": "SELECT 2"}]}})");
  ASSERT_EQ(policy.notifications.channels.size(), 2);
  EXPECT_EQ(policy.notifications.channels[0].type, Channel::Type::kPgNotify);
  EXPECT_EQ(policy.notifications.channels[0].target, "ruvector");
  EXPECT_EQ(policy.notifications.channels[1].type, Channel::Type::kWebhook);
  EXPECT_EQ(policy.notifications.channels[1].target, "https://x.example/h");
  const auto& custom = policy.actions_in(State::kCritical).custom_actions;
  ASSERT_EQ(custom.size(), 2);
  EXPECT_THAT(custom[0].args, ElementsAre("a", ""));
  EXPECT_THAT(custom[1].args, IsEmpty());
}

struct BadInput {
  const char* json;
  const char* message;
};

TEST(MergePolicyTest, BadInputsNameTheKeyTheExpectedAndTheActual) {
  constexpr BadInput kBad[] = {
      // Not a JSON object.
      {"", "policy: not valid JSON at byte 1"},
      {"{", "policy: not valid JSON at byte 2"},
      {R"({"threshold_high":0.7,})", "policy: not valid JSON at byte 23"},
      {R"({"threshold_high":.7})",
       "policy: not valid JSON at byte 19, near key \"threshold_high\""},
      {R"({"threshold_high":NaN})",
       "policy: not valid JSON at byte 19, near key \"threshold_high\""},
      {R"({"threshold_high":Infinity})",
       "policy: not valid JSON at byte 19, near key \"threshold_high\""},
      {R"({"threshold_high":0.7} x)", "policy: not valid JSON at byte 24"},
      {"[]", "policy: expected a JSON object, got array []"},
      {"null", "policy: expected a JSON object, got null null"},
      {"\"x\"", "policy: expected a JSON object, got string \"x\""},
      // Unknown keys, with what is known beside them.
      {R"({"treshold_high":0.7})",
       "unknown policy key \"treshold_high\"\nKnown keys are description, "},
      {R"({"stress_actions":{"allow_raeds":true}})",
       "unknown policy key \"stress_actions.allow_raeds\"\nKnown keys in "
       "\"stress_actions\" are allow_reads, allow_single_insert, "},
      {R"({"allow_reads":true})", "unknown policy key \"allow_reads\""},
      {R"({"Threshold_high":0.7})", "unknown policy key \"Threshold_high\""},
      {R"({"":1})", "unknown policy key \"\""},
      {R"({"hysteresis.degrade_samples":1})",
       "unknown policy key \"hysteresis.degrade_samples\""},
      {R"({"notifications":{"on_state_change":{"chanels":[]}}})",
       "unknown policy key \"notifications.on_state_change.chanels\"\nKnown "
       "keys "
       "in \"notifications.on_state_change\" are enabled, channels, "
       "include_witness_edges"},
      // Duplicates.
      {R"({"priority":1,"mode":"off","priority":2})",
       "policy key \"priority\": duplicate"},
      {R"({"hysteresis":{"degrade_samples":1,"degrade_samples":2}})",
       "policy key \"hysteresis.degrade_samples\": duplicate"},
      // Wrong types.
      {R"({"threshold_high":"0.7"})",
       "policy key \"threshold_high\": expected number from 0.01 to 0.99, got "
       "string \"0.7\""},
      {R"({"stress_actions":{"allow_reads":"yes"}})",
       "policy key \"stress_actions.allow_reads\": expected boolean, got "
       "string \"yes\""},
      {R"({"stress_actions":{"allow_reads":null}})",
       "expected boolean, got null null"},
      {R"({"stress_actions":{"allow_reads":1}})",
       "expected boolean, got number 1"},
      {R"({"stress_actions":[]})",
       "policy key \"stress_actions\": expected object, got array []"},
      {R"({"stress_actions":null})",
       "policy key \"stress_actions\": expected object, got null null"},
      {R"({"hysteresis":{"degrade_samples":2.5}})",
       "policy key \"hysteresis.degrade_samples\": expected integer from 1 to "
       "1000, got number 2.5"},
      {R"({"mode":"on"})",
       "policy key \"mode\": expected one of \"off\", \"shadow\", \"enforce\", "
       "got string \"on\""},
      {R"({"mode":2})", "got number 2"},
      // Out of range.
      {R"({"stress_actions":{"throttle_inserts_pct":101}})",
       "policy key \"stress_actions.throttle_inserts_pct\": expected integer "
       "from 0 to 100, got number 101"},
      {R"({"stress_actions":{"throttle_inserts_pct":-1}})", "got number -1"},
      {R"({"stress_actions":{"max_insert_batch_size":0}})",
       "expected integer from 1 to 2147483647 or null, got number 0"},
      {R"({"stress_actions":{"max_insert_batch_size":1e18}})",
       "expected integer from 1 to 2147483647 or null"},
      {R"({"stress_actions":{"max_insert_batch_size":18446744073709551617}})",
       "expected integer from 1 to 2147483647 or null"},
      {R"({"threshold_high":1.0})", "expected number from 0.01 to 0.99"},
      {R"({"threshold_high":1e999})",
       "policy key \"threshold_high\": expected a finite number, got 1e999"},
      {R"({"stress_actions":{"throttle_inserts_pct":-1e999}})",
       "policy key \"stress_actions.throttle_inserts_pct\": expected a finite "
       "number, got -1e999"},
      // Cross-field rules.
      {R"({"threshold_low":0.8})",
       "policy key \"threshold_low\": expected less than threshold_high (0.8), "
       "got 0.8"},
      {R"({"threshold_high":0.3})",
       "policy key \"threshold_low\": expected less than threshold_high (0.3), "
       "got 0.3"},
      {R"({"threshold_low":0.7,"threshold_high":0.6})",
       "expected less than threshold_high (0.6), got 0.7"},
      {R"({"health":{"hot_excess":{"good":0.9}}})",
       "policy key \"health.hot_excess.good\": expected less than "
       "health.hot_excess.bad (0.6), got 0.9"},
      {R"({"health":{"disk_used":{"calm":0.95}}})",
       "policy key \"health.disk_used.calm\": expected less than "
       "health.disk_used.stress (0.9), got 0.95"},
      {R"({"health":{"xid_age":{"critical":0.8}}})",
       "policy key \"health.xid_age.stress\": expected less than "
       "health.xid_age.critical (0.8), got 0.8"},
      {R"({"capacity":{"dependency_floor":0.8}})",
       "policy key \"capacity.dependency_floor\": expected a value between "
       "threshold_low (0.3) and threshold_high (0.8), got 0.8"},
      {R"({"capacity":{"async_replica_floor":0.2}})",
       "policy key \"capacity.async_replica_floor\""},
      // Arrays.
      {R"({"stress_actions":{"custom_actions":{}}})",
       "expected array of at most 16 objects, got object {}"},
      {R"({"stress_actions":{"custom_actions":[3]}})",
       "policy key \"stress_actions.custom_actions[0]\": expected object, got "
       "number 3"},
      {R"({"stress_actions":{"custom_actions":[{"name":"a"}]}})",
       "policy key \"stress_actions.custom_actions[0].command\": expected text "
       "of 1 to 1000 bytes without NUL, got nothing"},
      {R"({"stress_actions":{"custom_actions":
          [{"name":"a","command":"b","args":[1]}]}})",
       "policy key \"stress_actions.custom_actions[0].args[0]\": expected text "
       "of at most 1000 bytes, got number 1"},
      {R"({"stress_actions":{"custom_actions":
          [{"name":"a","command":"b","when":1}]}})",
       "unknown policy key \"stress_actions.custom_actions[0].when\"\nKnown "
       "keys "
       "in \"stress_actions.custom_actions[0]\" are name, command, args."},
      {R"({"stress_actions":{"custom_actions":
          [{"name":"a\u0000b","command":"b"}]}})",
       "custom_actions[0].name\": expected text of 1 to 63 bytes without NUL"},
      {R"({"notifications":{"on_state_change":{"channels":
          [{"type":"email","config":{}}]}}})",
       "policy key \"notifications.on_state_change.channels[0].type\": "
       "expected one of \"pg_notify\", \"webhook\", got string \"email\""},
      {R"({"notifications":{"on_state_change":{"channels":
          [{"type":"webhook","config":{"url":"ftp://x"}}]}}})",
       "channels[0].config.url\": expected http:// or https:// URL, got string "
       "\"ftp://x\""},
      {R"({"notifications":{"on_state_change":{"channels":
          [{"type":"webhook","config":{"url":"https://me:secret@x/path"}}]}}})",
       "channels[0].config.url\": expected URL without user and password, got "
       "string \"https://x/...\""},
      {R"({"notifications":{"on_state_change":{"channels":
          [{"type":"webhook","config":{"url":"https://x/a\r\nb"}}]}}})",
       "channels[0].config.url\": expected URL whose other characters are "
       "percent-encoded, got string \"https://x/...\""},
      {R"({"notifications":{"on_state_change":{"channels":
          [{"type":"webhook","config":{"url":"https://x/"}},
           {"type":"pg_notify","config":{"channel":"https://x/"}},
           {"type":"webhook","config":{"url":"https://x/"}}]}}})",
       "policy key \"notifications.on_state_change.channels[2]\": expected "
       "another channel, got that of channels[0] again"},
      {R"({"sample_size":15})",
       "policy key \"sample_size\": expected integer from 16 to 1000000 or "
       "null, got number 15"},
      {R"({"sample_method":"random"})",
       "unknown policy key \"sample_method\"\nKnown keys are description, "},
      {R"({"notifications":{"on_state_change":{"channels":
          [{"type":"pg_notify","config":{"channel":""}}]}}})",
       "channels[0].config.channel\": expected text of 1 to 63 bytes"},
      {R"({"notifications":{"on_state_change":{"channels":
          [{"type":"pg_notify"}]}}})",
       "channels[0].config\": expected object, got nothing"},
  };
  for (const BadInput& bad : kBad) {
    EXPECT_THAT(ErrorOf(bad.json), HasSubstr(bad.message)) << bad.json;
  }
}

TEST(MergePolicyTest, LongTextsAreRefusedAndShortenedInTheMessage) {
  const std::string text(2000, 'x');
  const std::string error = ErrorOf("{\"description\":\"" + text + "\"}");
  EXPECT_THAT(error, HasSubstr("expected text of at most 1000 bytes"));
  EXPECT_LT(error.size(), 200);
  EXPECT_LT(ErrorOf("{\"" + text + "\":1}").size(), 1000);
}

TEST(MergePolicyTest, LongUrlsAndManyChannelsAreRefused) {
  const auto channels = [](const std::string& elements) {
    return R"({"notifications":{"on_state_change":{"channels":[)" + elements +
           "]}}}";
  };
  const auto webhook = [](const std::string& url) {
    return R"({"type":"webhook","config":{"url":")" + url + "\"}}";
  };
  EXPECT_THAT(
      ErrorOf(channels(webhook("https://x/" + std::string(991, 'y')))),
      HasSubstr("channels[0].config.url\": expected text of 1 to 1000 bytes"));
  std::string many = webhook("https://x/0");
  for (int i = 1; i < 16; ++i) {
    many += "," + webhook("https://x/" + std::to_string(i));
  }
  EXPECT_EQ(ErrorOf(channels(many)), "accepted");
  EXPECT_THAT(ErrorOf(channels(many + "," + webhook("https://x/16"))),
              HasSubstr("expected array of at most 16 objects"));
}

TEST(MergePolicyTest, DeepAndHugeDocumentsAreRefused) {
  const std::string deep(100000, '[');
  EXPECT_THAT(ErrorOf(deep), HasSubstr("nested more than 32 deep"));
  EXPECT_THAT(ErrorOf(std::string((1 << 20) + 1, ' ')),
              HasSubstr("expected at most 1048576 bytes"));
}

TEST(MergePolicyTest, InvalidUtf8IsRefused) {
  EXPECT_THAT(ErrorOf("{\"description\":\"\xff\"}"),
              HasSubstr("not valid JSON"));
}

// Every key with every kind of value: accepted only where the table says so.
TEST(MergePolicyTest, EveryKeyRefusesEveryWrongType) {
  const std::string values[] = {"true", "1",    "0.5", "\"text\"", "null",
                                "[]",   "[[]]", "{}",  "{\"x\":1}"};
  ForEachPath([&](const PolicyKey& key, State, const std::string& path) {
    const std::string expected = ExpectedText(key);
    const auto takes = [&](const char* word) {
      return expected.find(word) != std::string::npos;
    };
    for (const std::string& value : values) {
      const bool fits = (value == "true" && takes("boolean")) ||
                        (value == "null" && takes("null")) ||
                        (value == "\"text\"" && takes("text")) ||
                        (value == "[]" && takes("array"));
      const bool number = takes("number") || takes("integer");
      if (number && (value == "1" || value == "0.5")) continue;  // by range
      const std::string error = ErrorOf(Document(path, value));
      if (fits) {
        EXPECT_EQ(error, "accepted") << path << " " << value;
      } else {
        EXPECT_THAT(error, HasSubstr("policy key \"" + path)) << value;
      }
    }
    if (!takes("number") && !takes("integer")) return;
    for (double past : {key.min - 1, key.max + 1}) {
      EXPECT_THAT(ErrorOf(Document(path, absl::StrFormat("%.0f", past))),
                  HasSubstr("policy key \"" + path + "\": expected " +
                            expected + ", got number"));
    }
  });
}

TEST(MergePolicyTest, BothEndsOfEveryRangeAreAccepted) {
  ForEachPath([&](const PolicyKey& key, State, const std::string& path) {
    const std::string expected = ExpectedText(key);
    if (expected.find(" from ") == std::string::npos) return;
    for (double end : {key.min, key.max}) {
      const std::string error =
          ErrorOf(Document(path, absl::StrFormat("%g", end)));
      // Cross-field rules may still object, in their own words.
      EXPECT_THAT(error, testing::Not(HasSubstr("expected " + expected)))
          << path;
    }
  });
}

TEST(PolicyJsonTest, RoundTripIsIdentityOverAnyBase) {
  Rng rng(20261121);
  for (int i = 0; i < 300; ++i) {
    const Policy policy = RandomPolicy(rng, 0.5);
    const Policy base = RandomPolicy(rng, 0.5);
    const std::string json = PolicyToJson(policy);
    const auto merged = MergePolicy(base, json);
    ASSERT_TRUE(merged.ok()) << merged.status() << "\n" << json;
    EXPECT_EQ(PolicyToJson(*merged), json);
    EXPECT_THAT(PolicyDiff(policy, *merged), IsEmpty());
  }
}

TEST(PolicyDiffTest, NamesExactlyTheKeysThatDiffer) {
  Rng rng(7);
  for (int i = 0; i < 100; ++i) {
    const Policy before = RandomPolicy(rng, 0.3);
    const Policy after = RandomPolicy(rng, 0.3);
    Policy patched = before;
    for (const PolicyChange& change : PolicyDiff(before, after)) {
      EXPECT_NE(change.before, change.after);
      // Rules between fields are for whole documents.
      if (change.path.rfind("threshold", 0) == 0 ||
          change.path.rfind("health", 0) == 0 ||
          change.path.rfind("capacity", 0) == 0) {
        patched.threshold_high = after.threshold_high;
        patched.threshold_low = after.threshold_low;
        patched.health = after.health;
        patched.capacity = after.capacity;
        continue;
      }
      patched = Merged(Document(change.path, change.after), patched);
    }
    EXPECT_EQ(PolicyToJson(patched), PolicyToJson(after));
  }
}

// Random damage to valid documents: never a crash, and what is accepted is
// valid again.
TEST(MergePolicyTest, SurvivesRandomMutations) {
  Rng rng(99);
  const std::string bits = "{}[]\",:0123456789.eE-+ntrufalse \\x\xc3\x28";
  int accepted = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string json = PolicyToJson(RandomPolicy(rng, 0.2));
    if (rng.Below(2) == 0) json = R"({"stress_actions":{"allow_reads":true}})";
    for (uint64_t n = 1 + rng.Below(4); n > 0 && !json.empty(); --n) {
      const size_t at = rng.Below(json.size());
      switch (rng.Below(4)) {
        case 0:
          json[at] = bits[rng.Below(bits.size())];
          break;
        case 1:
          json.erase(at, 1 + rng.Below(8));
          break;
        case 2:
          json.insert(at, 1, bits[rng.Below(bits.size())]);
          break;
        case 3:
          json.insert(at, json.substr(rng.Below(json.size()), 12));
          break;
      }
    }
    const auto merged = MergePolicy(Policy(), json);
    if (!merged.ok()) {
      EXPECT_FALSE(merged.status().message().empty());
      continue;
    }
    ++accepted;
    EXPECT_LT(merged->threshold_low, merged->threshold_high);
    EXPECT_TRUE(MergePolicy(Policy(), PolicyToJson(*merged)).ok());
  }
  EXPECT_GT(accepted, 0);
}

TEST(RestoreThresholdTest, IsTheOffsetWhereThereIsRoom) {
  EXPECT_DOUBLE_EQ(RestoreThreshold(Policy(), State::kStress), 0.9);
  EXPECT_DOUBLE_EQ(RestoreThreshold(Policy(), State::kCritical), 0.4);
}

TEST(RestoreThresholdTest, IsAlwaysReachable) {
  Rng rng(3);
  for (int i = 0; i < 1000; ++i) {
    const Policy policy = RandomPolicy(rng, 1.0);
    const double to_normal = RestoreThreshold(policy, State::kStress);
    const double to_stress = RestoreThreshold(policy, State::kCritical);
    EXPECT_LT(to_normal, 1.0);
    EXPECT_LE(to_stress, to_normal);
    EXPECT_GE(to_normal, policy.threshold_high);
    EXPECT_GE(to_stress, policy.threshold_low);
  }
}

TEST(EffectiveActionsTest, DefaultsAreOrderedAlready) {
  EXPECT_THAT(PolicyWarnings(Policy()), IsEmpty());
  for (State state : kAllStates) {
    const Actions effective = EffectiveActions(Policy(), state);
    EXPECT_EQ(effective.allow_bulk_insert, state == State::kNormal);
    EXPECT_EQ(effective.emergency_compact, state == State::kCritical);
  }
  // Null leaves the limit to better states: stress has 100, critical null.
  EXPECT_EQ(EffectiveActions(Policy(), State::kCritical).max_insert_batch_size,
            100);
}

TEST(EffectiveActionsTest, MilderWorseStatesAreOverruledAndReported) {
  const Policy policy = Merged(R"({
      "normal_actions": {"max_concurrent_searches": 8},
      "critical_actions": {"throttle_inserts_pct": 30,
                           "allow_bulk_insert": true}})");
  const Actions effective = EffectiveActions(policy, State::kCritical);
  EXPECT_EQ(effective.throttle_inserts_pct, 50);
  EXPECT_FALSE(effective.allow_bulk_insert);
  EXPECT_EQ(effective.max_concurrent_searches, 8);
  const auto warnings = PolicyWarnings(policy);
  EXPECT_THAT(
      warnings,
      testing::UnorderedElementsAre(
          "critical_actions.max_concurrent_searches is 10, which permits more "
          "than normal_actions.max_concurrent_searches (8): the latter applies "
          "in state critical too",
          "critical_actions.throttle_inserts_pct is 30, which permits more "
          "than stress_actions.throttle_inserts_pct (50): the latter applies "
          "in state critical too",
          "critical_actions.allow_bulk_insert is true, which permits more than "
          "stress_actions.allow_bulk_insert (false): the latter applies in "
          "state critical too"));
}

}  // namespace
}  // namespace ruvector::gate
