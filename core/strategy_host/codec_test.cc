// Round trips of random messages; every truncation and every single flipped
// bit gives an error or another message that is valid, never a crash: the
// sanitizers watch.
#include "core/strategy_host/codec.h"

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "core/base/rng.h"
#include "core/plugin/action_kinds.h"
#include "core/strategy_host/frame.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ruvector::strategy_host {
namespace {

using ::testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::string RandomText(Rng& rng) {
  const char* const pieces[] = {
      "a", "item", "\xc3\xa9", "'", "\n", "\xf0\x9f\x98\x80", " "};
  std::string text;
  for (uint64_t n = rng.Below(6); n > 0; --n) text += pieces[rng.Below(7)];
  return text;
}

double RandomNumber(Rng& rng) {
  const double some[] = {0, -0.0, 1, -1, 1e308, 5e-324, 0.1, 1e15};
  return rng.Below(2) == 0 ? some[rng.Below(8)] : 1000 * rng.Uniform();
}

double RandomEstimate(Rng& rng) {
  return rng.Below(2) == 0 ? kNan : RandomNumber(rng);
}

sdk::Value RandomValue(Rng& rng) {
  switch (rng.Below(3)) {
    case 0:
      return sdk::Value();
    case 1:
      return sdk::Value(RandomNumber(rng));
    default:
      return sdk::Value(RandomText(rng));
  }
}

// Well formed for the codec, whatever CheckAction would say of it.
sdk::Action RandomAction(Rng& rng, bool with_undo = true) {
  const auto kinds = plugin::ActionKinds();
  sdk::Action action(kinds[rng.Below(kinds.size())].kind, RandomText(rng));
  for (uint64_t n = rng.Below(4); n > 0; --n) {
    action.Set(std::to_string(n), RandomValue(rng));
  }
  action.Effect(RandomText(rng))
      .Rows(RandomEstimate(rng))
      .Bytes(RandomEstimate(rng))
      .Seconds(RandomEstimate(rng));
  if (with_undo && rng.Below(2) == 0) action.Undo(RandomAction(rng, false));
  return action;
}

wire::Plan RandomPlan(Rng& rng) {
  sdk::Plan plan;
  plan.Note(RandomText(rng));
  for (uint64_t n = rng.Below(4); n > 0; --n) plan.Add(RandomAction(rng));
  wire::Plan encoded;
  const absl::Status status = EncodePlan(plan.View(), &encoded);
  EXPECT_TRUE(status.ok()) << status;
  return encoded;
}

// A request with its texts.
struct RandomRequest {
  explicit RandomRequest(Rng& rng) {
    for (int i = 0; i < 8; ++i) texts.push_back(RandomText(rng));
    for (int i = 0; i < 4; ++i) values.push_back(RandomValue(rng));
    for (uint64_t n = rng.Below(3); n > 0; --n) {
      subjects.push_back(
          {texts[0].c_str(), texts[1].c_str(), RandomEstimate(rng)});
    }
    for (uint64_t n = rng.Below(3); n > 0; --n) {
      metrics.push_back({texts[2].c_str(), texts[3].c_str(), values[n].View()});
    }
    for (uint64_t n = rng.Below(3); n > 0; --n) {
      parameters.push_back(values[n].View());
    }
    problem = {sizeof(problem),
               static_cast<uint32_t>(subjects.size()),
               texts[4].c_str(),
               texts[5].c_str(),
               texts[6].c_str(),
               static_cast<uint32_t>(rng.Below(3)),
               0,
               rng.Uniform(),
               rng.Uniform(),
               subjects.data()};
    const auto limit = [&] {
      return rng.Below(2) == 0 ? kInfinity : RandomNumber(rng);
    };
    request = {sizeof(request),
               static_cast<uint32_t>(metrics.size()),
               &problem,
               metrics.data(),
               parameters.data(),
               limit(),
               limit(),
               limit(),
               static_cast<int64_t>(rng.Next())};
  }
  RandomRequest(const RandomRequest&) = delete;

  wire::Request Encode() const {
    wire::Request encoded;
    const absl::Status status =
        EncodeRequest(&request, parameters.size(), &encoded);
    EXPECT_TRUE(status.ok()) << status;
    return encoded;
  }

  std::vector<std::string> texts;
  std::vector<sdk::Value> values;
  std::vector<ruvector_subject> subjects;
  std::vector<ruvector_metric> metrics;
  std::vector<ruvector_value> parameters;
  ruvector_problem problem;
  ruvector_plan_request request;
};

wire::Result RandomResult(Rng& rng) {
  return MakeResult(static_cast<int32_t>(rng.Below(16)), RandomText(rng));
}

wire::ToHost RandomToHost(Rng& rng) {
  wire::ToHost message;
  switch (rng.Below(4)) {
    case 0:
      message.mutable_start()->set_memory_bytes(rng.Next());
      message.mutable_start()->set_cpu_seconds(7);
      break;
    case 1:
      *message.mutable_plan() = RandomRequest(rng).Encode();
      break;
    case 2:
      *message.mutable_execute()->mutable_request() =
          RandomRequest(rng).Encode();
      *message.mutable_execute()->mutable_plan() = RandomPlan(rng);
      break;
    default:
      *message.mutable_reply()->mutable_result() = RandomResult(rng);
      message.mutable_reply()->mutable_outcome()->set_changed(true);
      message.mutable_reply()->mutable_outcome()->set_rows(RandomNumber(rng));
  }
  return message;
}

wire::FromHost RandomFromHost(Rng& rng) {
  wire::FromHost message;
  switch (rng.Below(5)) {
    case 0:
      *message.mutable_planned()->mutable_result() = RandomResult(rng);
      *message.mutable_planned()->mutable_plan() = RandomPlan(rng);
      break;
    case 1:
      *message.mutable_executed() = RandomResult(rng);
      break;
    case 2:
      message.mutable_read_metric()->set_name(RandomText(rng));
      message.mutable_read_metric()->set_subject(RandomText(rng));
      break;
    case 3: {
      sdk::Action action = RandomAction(rng);
      EXPECT_TRUE(EncodeAction(action.View(), message.mutable_act()).ok());
      break;
    }
    default:
      message.mutable_log()->set_level(1);
      message.mutable_log()->set_message(RandomText(rng));
  }
  return message;
}

// What a receiver does with the content of a frame. If it is taken for valid,
// then encoding what was understood gives a message that is valid again.
void TakeFromHost(const std::string& bytes) {
  const auto message = ParseFromHost(bytes);
  if (!message.ok()) return;
  if (message->has_planned()) {
    CheckResult(message->planned().result()).IgnoreError();
    absl::StatusOr<sdk::Plan> plan = DecodePlan(message->planned().plan());
    if (!plan.ok()) return;
    wire::Plan again;
    EXPECT_TRUE(EncodePlan(plan->View(), &again).ok());
  } else if (message->has_act()) {
    absl::StatusOr<sdk::Action> action = DecodeAction(message->act());
    if (!action.ok()) return;
    wire::Action again;
    EXPECT_TRUE(EncodeAction(action->View(), &again).ok());
  } else if (message->has_executed()) {
    CheckResult(message->executed()).IgnoreError();
  }
}

void TakeToHost(const std::string& bytes) {
  const auto message = ParseToHost(bytes);
  if (!message.ok()) return;
  const wire::Request* request = message->has_plan() ? &message->plan()
                                 : message->has_execute()
                                     ? &message->execute().request()
                                     : nullptr;
  if (request != nullptr && OwnedRequest::Check(*request).ok()) {
    const OwnedRequest owned(*request);
    wire::Request again;
    EXPECT_TRUE(
        EncodeRequest(owned.get(), owned.parameter_count(), &again).ok());
  }
  if (message->has_execute()) {
    DecodePlan(message->execute().plan()).IgnoreError();
  }
}

std::string Content(const std::string& frame) { return frame.substr(4); }

TEST(CodecTest, PlansComeBackAsTheyWent) {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    const wire::Plan encoded = RandomPlan(rng);
    absl::StatusOr<sdk::Plan> decoded = DecodePlan(encoded);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    wire::Plan again;
    ASSERT_TRUE(EncodePlan(decoded->View(), &again).ok());
    EXPECT_EQ(again.SerializeAsString(), encoded.SerializeAsString());
  }
}

TEST(CodecTest, RequestsComeBackAsTheyWent) {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    const RandomRequest request(rng);
    const wire::Request encoded = request.Encode();
    ASSERT_TRUE(OwnedRequest::Check(encoded).ok());
    const OwnedRequest decoded(encoded);
    EXPECT_EQ(decoded.get()->max_rows, request.request.max_rows);
    EXPECT_EQ(decoded.get()->now_us, request.request.now_us);
    wire::Request again;
    ASSERT_TRUE(
        EncodeRequest(decoded.get(), decoded.parameter_count(), &again).ok());
    EXPECT_EQ(again.SerializeAsString(), encoded.SerializeAsString());
  }
}

// Runs `take` on every truncation and every single-bit flip of frames.
void Disturb(const std::function<std::string(Rng&)>& frame,
             const std::function<void(const std::string&)>& take) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    const std::string whole = Content(frame(rng));
    take(whole);
    for (size_t length = 0; length < whole.size(); ++length) {
      take(whole.substr(0, length));
    }
    for (size_t bit = 0; bit < 8 * whole.size(); ++bit) {
      std::string flipped = whole;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      take(flipped);
    }
  }
}

TEST(CodecTest, DisturbedMessagesFromTheHostAreErrorsOrMessages) {
  Disturb([](Rng& rng) { return *EncodeFrame(RandomFromHost(rng)); },
          TakeFromHost);
}

TEST(CodecTest, DisturbedMessagesToTheHostAreErrorsOrMessages) {
  Disturb([](Rng& rng) { return *EncodeFrame(RandomToHost(rng)); }, TakeToHost);
}

TEST(CodecTest, NoiseIsAnError) {
  for (uint64_t seed = 0; seed < 5000; ++seed) {
    Rng rng(seed);
    std::string noise;
    for (uint64_t n = rng.Below(200); n > 0; --n) {
      noise.push_back(static_cast<char>(rng.Below(256)));
    }
    TakeFromHost(noise);
    TakeToHost(noise);
  }
}

TEST(CodecTest, UnknownFieldsAreRefusedAtEveryDepth) {
  // Field 15, varint 1: known to no message.
  const std::string unknown = "\x78\x01";
  wire::FromHost message;
  EXPECT_FALSE(ParseFromHost(unknown).ok());
  wire::Action action;
  sdk::Action source(RUVECTOR_ACTION_VACUUM, "items");
  source.Set("x", sdk::Value(1.0));
  ASSERT_TRUE(EncodeAction(source.View(), &action).ok());
  EXPECT_TRUE(DecodeAction(action).ok());
  for (std::string* fields :
       {action.mutable_unknown_fields(),
        action.mutable_arguments(0)->mutable_unknown_fields(),
        action.mutable_arguments(0)
            ->mutable_value()
            ->mutable_unknown_fields()}) {
    *fields = unknown;
    EXPECT_FALSE(DecodeAction(action).ok());
    fields->clear();
  }
}

TEST(CodecTest, MalformedStructsAreNamed) {
  const auto plan_error = [](const ruvector_plan* plan) {
    wire::Plan out;
    return std::string(EncodePlan(plan, &out).message());
  };
  EXPECT_THAT(plan_error(nullptr), HasSubstr("plan struct_size is 0"));
  ruvector_plan plan = {sizeof(plan), 0, nullptr, nullptr, nullptr};
  EXPECT_THAT(plan_error(&plan), HasSubstr("note is NULL"));
  plan.note = "\xff";
  EXPECT_THAT(plan_error(&plan), HasSubstr("note is not UTF-8"));
  plan.note = "";
  plan.action_count = 1;
  EXPECT_THAT(plan_error(&plan), HasSubstr("actions are missing"));

  const auto action_error = [](sdk::Action action) {
    wire::Action out;
    return std::string(EncodeAction(action.View(), &out).message());
  };
  EXPECT_THAT(action_error(sdk::Action(99, "o")),
              HasSubstr("unknown action kind 99"));
  EXPECT_THAT(action_error(std::move(
                  sdk::Action(RUVECTOR_ACTION_VACUUM, "o").Rows(kInfinity))),
              HasSubstr("expected_rows is inf"));
  EXPECT_THAT(
      action_error(std::move(
          sdk::Action(RUVECTOR_ACTION_VACUUM, "o").Set("a", sdk::Value(kNan)))),
      HasSubstr("argument is nan"));
  sdk::Action inner(RUVECTOR_ACTION_VACUUM, "o");
  inner.Undo(sdk::Action(RUVECTOR_ACTION_VACUUM, "o"));
  EXPECT_THAT(
      action_error(std::move(
          sdk::Action(RUVECTOR_ACTION_VACUUM, "o").Undo(std::move(inner)))),
      HasSubstr("an undo has an undo itself"));
}

TEST(CodecTest, DecodedMessagesHoldTheSameRules) {
  wire::Value value;
  value.set_number(kNan);
  EXPECT_FALSE(DecodeValue("v", value).ok());
  value.set_number(1);
  value.set_text("too");
  EXPECT_FALSE(DecodeValue("v", value).ok());
  wire::Value text;
  text.set_text(std::string("a\0b", 3));
  EXPECT_FALSE(DecodeValue("v", text).ok());
  wire::Action action;
  sdk::Action source(RUVECTOR_ACTION_VACUUM, "items");
  source.Set("x", sdk::Value(1.0));
  ASSERT_TRUE(EncodeAction(source.View(), &action).ok());
  *action.add_arguments() = action.arguments(0);
  EXPECT_THAT(std::string(DecodeAction(action).status().message()),
              HasSubstr("repeated argument 'x'"));
  wire::Result result = MakeResult(RUVECTOR_OK, "");
  result.set_code(2);
  EXPECT_FALSE(CheckResult(result).ok());
  EXPECT_EQ(MakeResult(42, "m").code(), uint32_t{RUVECTOR_INTERNAL});
}

TEST(FrameTest, StreamsAreCutWhereTheyWereJoined) {
  Rng rng(1);
  std::vector<std::string> contents;
  std::string stream;
  for (int i = 0; i < 50; ++i) {
    const std::string frame = *EncodeFrame(RandomFromHost(rng));
    contents.push_back(Content(frame));
    stream += frame;
  }
  FrameReader reader(kMaxFromHostBytes);
  std::vector<std::string> received;
  for (size_t at = 0; at < stream.size();) {
    const size_t n = std::min<size_t>(1 + rng.Below(97), stream.size() - at);
    reader.Append(stream.data() + at, n);
    at += n;
    while (true) {
      const auto frame = reader.Next();
      ASSERT_TRUE(frame.ok());
      if (!frame->has_value()) break;
      received.push_back(**frame);
    }
  }
  EXPECT_EQ(received, contents);
}

TEST(FrameTest, LengthsAreLimited) {
  FrameReader reader(100);
  reader.Append("\x65\0\0\0", 4);
  EXPECT_EQ(reader.Next().status().code(), absl::StatusCode::kInvalidArgument);
  wire::FromHost large;
  large.mutable_log()->set_level(0);
  large.mutable_log()->set_message(std::string(kMaxFromHostBytes, 'x'));
  EXPECT_EQ(EncodeFrame(large).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(FrameTest, ExactlyOneKindOfMessage) {
  EXPECT_FALSE(ParseFromHost("").ok());
  wire::FromHost two;
  two.mutable_should_stop();
  EXPECT_TRUE(ParseFromHost(two.SerializeAsString()).ok());
  two.mutable_sample_lambda();
  EXPECT_FALSE(ParseFromHost(two.SerializeAsString()).ok());
}

}  // namespace
}  // namespace ruvector::strategy_host
