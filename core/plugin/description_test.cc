#include "core/plugin/description.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ruvector::plugin {
namespace {

using ::testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

uint64_t Scratch(uint32_t, uint32_t) { return 0; }
int32_t Forward(const ruvector_value*, const ruvector_attention_input*,
                ruvector_attention_output*, char*, size_t) {
  return RUVECTOR_OK;
}
int32_t MakePlan(const ruvector_plan_request*, const ruvector_plan**, char*,
                 size_t) {
  return RUVECTOR_OK;
}
void Release(const ruvector_plan*) {}
int32_t Execute(const ruvector_plan_request*, const ruvector_plan*,
                const ruvector_strategy_host*, char*, size_t) {
  return RUVECTOR_OK;
}

// A sound plugin of each kind whose every field a test can spoil.
struct Sample {
  std::vector<const char*> handles = {"memory_pressure", "hotspot_congestion"};
  std::vector<ruvector_parameter> parameters = {
      {"rate", "A rate.", 0, 10, {RUVECTOR_NUMBER, 0, 2.5, nullptr}},
      {"place", "A \"place\".", 0, 0, {RUVECTOR_TEXT, 0, 0, "here"}}};
  std::vector<uint32_t> kinds = {RUVECTOR_ACTION_SET_RELOPTION,
                                 RUVECTOR_ACTION_SET_THROTTLE};
  std::vector<const char*> metrics = {"lambda_norm"};
  ruvector_expectation target = {"recall", "", RUVECTOR_MUST_RISE, 0, 0.1};
  std::vector<ruvector_expectation> guards = {
      {"latency_ms", "all", RUVECTOR_MUST_FALL, 0, 0.05}};
  ruvector_attention_table attention = {
      sizeof(attention),
      RUVECTOR_CONTEXT_HOPS,
      RUVECTOR_CONTEXT_HOPS | RUVECTOR_CONTEXT_COSTS,
      0,
      nullptr,
      &Scratch,
      &Forward};
  ruvector_strategy_table strategy = {};
  ruvector_plugin_descriptor descriptor = {};

  explicit Sample(uint32_t kind) {
    descriptor = {sizeof(descriptor),
                  1,
                  0,
                  kind,
                  "sample",
                  "1.0",
                  "A sample.",
                  "MIT",
                  nullptr,
                  0,
                  0,
                  nullptr,
                  nullptr};
  }
  // After the fields were spoiled: points the C structs at them.
  const ruvector_plugin_descriptor* Get() {
    descriptor.handles = handles.data();
    descriptor.handle_count = static_cast<uint32_t>(handles.size());
    attention.parameters = parameters.data();
    attention.parameter_count = static_cast<uint32_t>(parameters.size());
    if (strategy.struct_size == 0) {
      strategy = {sizeof(strategy),
                  RUVECTOR_STRATEGY_REVERSIBLE | RUVECTOR_STRATEGY_ASKS_FIRST,
                  0.25,
                  static_cast<uint32_t>(kinds.size()),
                  static_cast<uint32_t>(metrics.size()),
                  static_cast<uint32_t>(parameters.size()),
                  static_cast<uint32_t>(guards.size()),
                  kinds.data(),
                  metrics.data(),
                  parameters.data(),
                  &target,
                  guards.data(),
                  &MakePlan,
                  &Release,
                  &Execute};
    }
    if (descriptor.kind == RUVECTOR_PLUGIN_STRATEGY) {
      descriptor.strategy = &strategy;
    } else {
      descriptor.attention = &attention;
    }
    return &descriptor;
  }
};

TEST(DescriptionTest, CopiesEverythingAStrategySays) {
  Sample sample(RUVECTOR_PLUGIN_STRATEGY);
  const auto d = CheckDescriptor(sample.Get());
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_EQ(d->kind, PluginKind::kStrategy);
  EXPECT_EQ(d->name, "sample");
  EXPECT_EQ(d->handles.size(), 2u);
  EXPECT_EQ(d->parameters[0].number, 2.5);
  EXPECT_EQ(d->parameters[1].text, "here");
  EXPECT_EQ(d->strategy->impact, 0.25);
  EXPECT_TRUE(d->strategy->reversible);
  EXPECT_TRUE(d->strategy->asks_first);
  EXPECT_THAT(d->strategy->action_kinds, ::testing::ElementsAre(1, 15));
  EXPECT_TRUE(d->strategy->target.must_rise);
  EXPECT_FALSE(d->strategy->guards[0].must_rise);
  EXPECT_FALSE(d->attention.has_value());
}

TEST(DescriptionTest, SurvivesTheWayThroughJson) {
  for (uint32_t kind : {RUVECTOR_PLUGIN_STRATEGY, RUVECTOR_PLUGIN_ATTENTION}) {
    Sample sample(kind);
    // Not UTF-8, and a quote: neither may break the line.
    const auto d = CheckDescriptor(sample.Get());
    ASSERT_TRUE(d.ok()) << d.status();
    const std::string line = DescriptionToJson(*d);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const auto back = DescriptionFromJson(line);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, *d);
  }
}

TEST(DescriptionTest, InvalidUtf8IsReplacedNotFatal) {
  Sample sample(RUVECTOR_PLUGIN_ATTENTION);
  sample.descriptor.description = "caf\xe9";
  const auto d = CheckDescriptor(sample.Get());
  ASSERT_TRUE(d.ok()) << d.status();
  const auto back = DescriptionFromJson(DescriptionToJson(*d));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->description, "caf\xef\xbf\xbd");
}

TEST(DescriptionTest, EachViolationIsNamed) {
  struct Case {
    uint32_t kind;
    std::function<void(Sample&)> spoil;
    const char* message;
  };
  constexpr uint32_t kS = RUVECTOR_PLUGIN_STRATEGY;
  constexpr uint32_t kA = RUVECTOR_PLUGIN_ATTENTION;
  const std::string long_name(64, 'a');
  const std::string long_text(2000, 'a');
  const Case cases[] = {
      {kA, [](Sample& s) { s.descriptor.struct_size = 4; }, "struct_size is 4"},
      {kA, [](Sample& s) { s.descriptor.struct_size -= 8; },
       "expected at least"},
      {kA, [](Sample& s) { s.descriptor.abi_major = 2; }, "built for ABI 2"},
      {kA, [](Sample& s) { s.descriptor.name = nullptr; }, "name is missing"},
      {kA, [](Sample& s) { s.descriptor.name = ""; }, "plugin name ''"},
      {kA, [](Sample& s) { s.descriptor.name = "../x"; }, "plugin name '../x'"},
      {kA, [](Sample& s) { s.descriptor.name = "Up"; }, "plugin name 'Up'"},
      {kA, [&](Sample& s) { s.descriptor.name = long_name.c_str(); }, "is not"},
      {kA, [](Sample& s) { s.descriptor.version = ""; }, "version is empty"},
      {kA, [](Sample& s) { s.descriptor.license = nullptr; },
       "license is miss"},
      {kA, [](Sample& s) { s.descriptor.description = "a\nb"; }, "control"},
      {kA, [&](Sample& s) { s.descriptor.description = long_text.c_str(); },
       "longer than 1024 bytes"},
      {kA, [](Sample& s) { s.handles[1] = s.handles[0]; }, "is repeated"},
      {kA, [](Sample& s) { s.handles[1] = nullptr; }, "handles is missing"},
      {kA, [](Sample& s) { s.attention.forward = nullptr; }, "lacks a func"},
      {kA, [](Sample& s) { s.attention.scratch_size = nullptr; }, "lacks a f"},
      {kA, [](Sample& s) { s.attention.struct_size = 8; }, "struct_size is 8"},
      {kA, [](Sample& s) { s.attention.context_used = 0; }, "context bits"},
      {kA, [](Sample& s) { s.attention.context_used |= 1u << 20; }, "context"},
      {kA, [](Sample& s) { s.parameters[0].fallback.number = 11; }, "0 to 10"},
      {kA, [](Sample& s) { s.parameters[0].minimum = kNan; }, "expected nan"},
      {kA, [](Sample& s) { s.parameters[0].fallback.type = 0; }, "a number or"},
      {kA, [](Sample& s) { s.parameters[1].name = "rate"; }, "is repeated"},
      {kA, [](Sample& s) { s.parameters[1].fallback.text = nullptr; },
       "default is missing"},
      {kA, [](Sample& s) { s.parameters[0].description = ""; }, "is empty"},
      {kA, [](Sample& s) { s.descriptor.kind = 3; }, "plugin kind is 3"},
      {kS, [](Sample& s) { s.handles.clear(); }, "handles no problem class"},
      {kS, [](Sample& s) { s.kinds.clear(); }, "no action kinds"},
      {kS, [](Sample& s) { s.kinds[0] = 999; }, "unknown action kind 999"},
      {kS, [](Sample& s) { s.kinds[0] = RUVECTOR_ACTION_VACUUM; },
       "irreversible action kind 'vacuum'"},
      {kS, [](Sample& s) { s.target.metric = "A b"; }, "expectation metric"},
      {kS, [](Sample& s) { s.target.direction = 0; }, "direction 0"},
      {kS, [](Sample& s) { s.target.margin = -0.1; }, "margin -0.1"},
      {kS, [](Sample& s) { s.guards[0].margin = kNan; }, "margin nan"},
      {kS, [](Sample& s) { s.metrics[0] = "no way"; }, "metric 'no way'"},
      {kS,
       [](Sample& s) {
         s.Get();
         s.strategy.impact = 1.5;
       },
       "impact is 1.5"},
      {kS,
       [](Sample& s) {
         s.Get();
         s.strategy.impact = kNan;
       },
       "impact is n"},
      {kS,
       [](Sample& s) {
         s.Get();
         s.strategy.plan = nullptr;
       },
       "lacks a"},
      {kS,
       [](Sample& s) {
         s.Get();
         s.strategy.execute = nullptr;
       },
       "lacks a"},
      {kS,
       [](Sample& s) {
         s.Get();
         s.strategy.target = nullptr;
       },
       "no target"},
      {kS,
       [](Sample& s) {
         s.Get();
         s.strategy.action_kind_count = 1u << 30;
       },
       "expected at most 256"},
      {kS,
       [](Sample& s) {
         s.Get();
         s.strategy.guards = nullptr;
       },
       "is NULL"},
  };
  for (const Case& c : cases) {
    Sample sample(c.kind);
    c.spoil(sample);
    const auto d = CheckDescriptor(sample.Get());
    EXPECT_FALSE(d.ok()) << c.message;
    EXPECT_THAT(d.status().message(), HasSubstr(c.message));
  }
  EXPECT_FALSE(CheckDescriptor(nullptr).ok());
}

// A newer minor version appends fields and raises numbers: still welcome.
TEST(DescriptionTest, NewerMinorIsAccepted) {
  Sample sample(RUVECTOR_PLUGIN_ATTENTION);
  sample.descriptor.abi_minor = 7;
  sample.descriptor.struct_size += 64;
  sample.attention.struct_size += 64;
  EXPECT_TRUE(CheckDescriptor(sample.Get()).ok());
}

TEST(DescriptionTest, AForeignLineCannotLie) {
  Sample sample(RUVECTOR_PLUGIN_STRATEGY);
  const std::string good = DescriptionToJson(*CheckDescriptor(sample.Get()));
  ASSERT_TRUE(DescriptionFromJson(good).ok());
  const auto spoiled = [&](const std::string& from, const std::string& to) {
    std::string line = good;
    const size_t at = line.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    line.replace(at, from.size(), to);
    return std::string(DescriptionFromJson(line).status().message());
  };
  EXPECT_THAT(spoiled("\"sample\"", "\"../../etc\""), HasSubstr("plugin name"));
  EXPECT_THAT(spoiled("\"sample\"", "17"), HasSubstr("'name' is not a string"));
  EXPECT_THAT(spoiled("\"impact\":0.25", "\"impact\":1e999"),
              ::testing::Not(""));
  EXPECT_THAT(spoiled("\"impact\":0.25", "\"impact\":-1"), HasSubstr("impact"));
  EXPECT_THAT(spoiled("[1,15]", "[1,-15]"),
              HasSubstr("'strategy.action_kinds' is not a list of unsigned"));
  EXPECT_THAT(spoiled("[1,15]", "[1,4294967297]"), HasSubstr("action_kinds"));
  EXPECT_THAT(spoiled("[1,15]", "[1,9]"), HasSubstr("'vacuum'"));
  EXPECT_THAT(spoiled("\"margin\":0.1", "\"margin\":null"),
              HasSubstr("'strategy.target.margin' is not a number"));
  EXPECT_THAT(spoiled("\"strategy\":", "\"attention\":"),
              HasSubstr("'attention.context_required'"));
  EXPECT_THAT(spoiled("\"strategy\":", "\"nothing\":"),
              HasSubstr("does not match its table"));
  for (const char* line : {"", "null", "[]", "{}", "{\"name\":", "\xff"}) {
    EXPECT_FALSE(DescriptionFromJson(line).ok()) << line;
  }
  EXPECT_FALSE(DescriptionFromJson(std::string(100000, ' ')).ok());
  EXPECT_FALSE(DescriptionFromJson(std::string(60000, '[')).ok());
}

}  // namespace
}  // namespace ruvector::plugin
