#include "core/notify/webhook_protocol.h"

#include "core/notify/retry.h"
#include "gtest/gtest.h"

namespace ruvector::notify {
namespace {

std::string_view WithoutEnd(std::string_view line) {
  EXPECT_EQ(line.find('\n'), line.size() - 1) << "one line, whatever is in it";
  return line.substr(0, line.size() - 1);
}

TEST(WebhookProtocolTest, RequestsComeBackAsTheyWere) {
  WebhookRequest request;
  request.id = int64_t{1} << 60;
  request.delivery = "123-4";
  request.url = "https://h/x?y=\"z\"";
  request.body = "{\"text\":\"two\\nlines\"}\n\t\xc3\xbc";
  request.attempts = 3;
  request.timeout_ms = 2500;
  const std::string line = EncodeRequest(request);
  const auto back = DecodeRequest(WithoutEnd(line));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(EncodeRequest(*back), line);
  EXPECT_EQ(back->body, request.body);
  EXPECT_EQ(back->id, request.id);
}

TEST(WebhookProtocolTest, OutcomesComeBackAsTheyWere) {
  for (const std::optional<int> status : {std::optional<int>(), {204}}) {
    WebhookOutcome outcome;
    outcome.id = 9;
    outcome.ok = status.has_value();
    outcome.status = status;
    outcome.attempts = 2;
    outcome.at_us = 1763712000000001;
    outcome.error = "line\nbreak";
    const std::string line = EncodeOutcome(outcome);
    const auto back = DecodeOutcome(WithoutEnd(line));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(EncodeOutcome(*back), line);
    EXPECT_EQ(back->status, status);
    EXPECT_EQ(back->at_us, outcome.at_us);
  }
}

TEST(WebhookProtocolTest, WhatIsNoRequestIsAnErrorThatQuotesNothing) {
  const std::string good =
      EncodeRequest({1, "d", "https://h/secret", "{}", 1, 1});
  for (
      const char* bad :
      {"", "[]", "7", "{", "{}", R"({"id":1})",
       R"({"id":"1","delivery":"d","url":"secret","body":"","attempts":1,"timeout_ms":1})",
       R"({"id":1,"delivery":"d","url":"secret","body":{},"attempts":1,"timeout_ms":1})",
       R"({"id":1,"delivery":"d","url":"secret","body":"","attempts":0,"timeout_ms":1})",
       R"({"id":1,"delivery":"d","url":"secret","body":"","attempts":1,"timeout_ms":0})"}) {
    const auto decoded = DecodeRequest(bad);
    ASSERT_FALSE(decoded.ok()) << bad;
    EXPECT_EQ(decoded.status().message().find("secret"),
              absl::string_view::npos);
  }
  EXPECT_TRUE(DecodeRequest(WithoutEnd(good)).ok());
  EXPECT_FALSE(DecodeOutcome(R"({"id":1,"ok":true})").ok());
}

TEST(LineBufferTest, CutsWhereverThePiecesEnd) {
  LineBuffer buffer;
  buffer.Append("a");
  EXPECT_FALSE(buffer.Next().has_value());
  buffer.Append("b\n\ncd");
  EXPECT_EQ(buffer.Next(), "ab");
  EXPECT_EQ(buffer.Next(), "");
  EXPECT_FALSE(buffer.Next().has_value());
  EXPECT_EQ(buffer.waiting(), 2u);
}

TEST(RetryTest, TransientStatuses) {
  for (int status : {408, 429, 500, 503, 599}) {
    EXPECT_TRUE(IsTransientStatus(status)) << status;
  }
  for (int status : {200, 301, 400, 401, 404, 410, 600}) {
    EXPECT_FALSE(IsTransientStatus(status)) << status;
  }
}

TEST(RetryTest, TheDelayDoublesUpToAMinuteAndChanceTakesAtMostHalf) {
  Rng rng(20261121);
  const int kFull[] = {1, 2, 4, 8, 16, 32, 60, 60};
  for (int attempt = 1; attempt <= 8; ++attempt) {
    const absl::Duration full = absl::Seconds(kFull[attempt - 1]);
    absl::Duration least = full, most = absl::ZeroDuration();
    for (int i = 0; i < 1000; ++i) {
      const absl::Duration delay =
          RetryDelay(attempt, absl::ZeroDuration(), rng);
      least = std::min(least, delay);
      most = std::max(most, delay);
    }
    EXPECT_GE(least, full / 2);
    EXPECT_LT(least, full * 0.55);
    EXPECT_LE(most, full);
    EXPECT_GT(most, full * 0.95);
  }
}

TEST(RetryTest, TheEndpointMayAskForMoreUpToAMinute) {
  Rng rng(1);
  EXPECT_EQ(RetryDelay(1, absl::Seconds(7), rng), absl::Seconds(7));
  EXPECT_EQ(RetryDelay(1, absl::Hours(1), rng), absl::Minutes(1));
}

}  // namespace
}  // namespace ruvector::notify
