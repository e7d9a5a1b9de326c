#include "core/audit/event.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "core/audit/test_log.h"
#include "core/base/rng.h"

namespace ruvector::audit {
namespace {

// docs/formats/audit-log.md, "Golden bytes": the same event, the same bytes.
Event GoldenEvent() {
  Event event;
  event.log_id = *FromHex<LogId>("000102030405060708090a0b0c0d0e0f");
  event.sequence = 258;
  event.prev_hash.fill(0xaa);
  event.created_at_us = kTestEpochUs;
  event.event_type = "state_change";
  event.signer_id = std::string(64, 'b');
  event.collection_id = -2;
  event.collection_name = "docs";
  event.previous_state = "normal";
  event.new_state = "stress";
  event.lambda_cut = 1.5;
  event.lambda_norm = 0.75;
  event.lambda2 = 0.0;
  event.witness_edges_json = "[]";
  event.metadata_json = "{}";
  return event;
}

constexpr char kGoldenPayload[] =
    "01"
    "0100000010000102030405060708090a0b0c0d0e0f"
    "02000000080000000000000102"
    "0300000020"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "0400000008000660b24ea2c800"
    "050000000c73746174655f6368616e6765"
    "0600000040"
    "62626262626262626262626262626262626262626262626262626262626262"
    "62626262626262626262626262626262626262626262626262626262626262"
    "6262"
    "0700000004fffffffe"
    "0800000004646f6373"
    "09000000066e6f726d616c"
    "0a00000006737472657373"
    "0b000000083ff8000000000000"
    "0c000000083fe8000000000000"
    "0d000000080000000000000000"
    "0e000000025b5d"
    "0f000000027b7d";

Event PruneEvent() {
  Event event = GoldenEvent();
  event.event_type = "prune";
  event.pruned = SequenceRange{3, 258};
  return event;
}

TEST(EventTest, GoldenBytes) {
  const auto payload = Encode(GoldenEvent());
  ASSERT_TRUE(payload.ok()) << payload.status();
  EXPECT_EQ(ToHex(*payload), kGoldenPayload);
  const auto event = Decode(*payload);
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_TRUE(*event == GoldenEvent());
}

TEST(EventTest, GoldenPruneField) {
  const std::string payload = *Encode(PruneEvent());
  EXPECT_EQ(ToHex(payload.substr(payload.size() - 21)),
            "1000000010"
            "0000000000000003"
            "0000000000000102");
  EXPECT_TRUE(*Decode(payload) == PruneEvent());
}

TEST(EventTest, EveryFieldSurvives) {
  for (uint64_t i = 0; i < 100; ++i) {
    Event event = TestEvent(i);
    event.signer_id = std::string(64, '0');
    event.sequence = i << 56;
    event.created_at_us = -static_cast<int64_t>(i);
    const auto decoded = Decode(*Encode(event));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_TRUE(*decoded == event) << i;
  }
}

TEST(EventTest, NegativeZeroIsWrittenAsZero) {
  Event event = GoldenEvent();
  event.lambda2 = -0.0;
  EXPECT_EQ(ToHex(*Encode(event)), kGoldenPayload);
}

template <typename Change>
absl::Status EncodeAfter(Change change) {
  Event event = GoldenEvent();
  change(event);
  return Encode(event).status();
}

TEST(EventTest, RefusesWhatHasNoCanonicalForm) {
  const auto message = [](absl::string_view field) {
    return "event field \"" + std::string(field) + "\" has no canonical form";
  };
  EXPECT_EQ(EncodeAfter([](Event& e) { e.lambda_cut = NAN; }).message(),
            message("lambda_cut"));
  EXPECT_EQ(EncodeAfter([](Event& e) { e.lambda2 = INFINITY; }).message(),
            message("lambda2"));
  EXPECT_EQ(EncodeAfter([](Event& e) { e.event_type = ""; }).message(),
            message("event_type"));
  EXPECT_EQ(EncodeAfter([](Event& e) { e.event_type = "State"; }).message(),
            message("event_type"));
  EXPECT_TRUE(
      EncodeAfter([](Event& e) { e.event_type = "healing.done"; }).ok());
  for (const char* type : {".healing", "healing.", "."}) {
    EXPECT_EQ(EncodeAfter([&](Event& e) { e.event_type = type; }).message(),
              message("event_type"));
  }
  EXPECT_EQ(EncodeAfter([](Event& e) {
              e.event_type = std::string(64, 'a');
            }).message(),
            message("event_type"));
  EXPECT_EQ(EncodeAfter([](Event& e) { e.signer_id = "me"; }).message(),
            message("signer_id"));
  EXPECT_EQ(EncodeAfter([](Event& e) {
              e.pruned = SequenceRange{0, 1};
            }).message(),
            message("pruned"));
  for (const SequenceRange range :
       {SequenceRange{5, 5}, SequenceRange{6, 5}, SequenceRange{0, 259}}) {
    EXPECT_EQ(EncodeAfter([&](Event& e) {
                e.event_type = "prune";
                e.pruned = range;
              }).message(),
              message("pruned"));
  }
  EXPECT_EQ(EncodeAfter([](Event& e) { e.event_type = "prune"; }).message(),
            message("pruned"));
  EXPECT_EQ(EncodeAfter([](Event& e) {
              e.metadata_json.assign(kMaxPayloadBytes, ' ');
            }).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(EventTest, TextsAreUtf8WithoutNul) {
  const auto accepts = [](absl::string_view text) {
    return EncodeAfter([&](Event& e) { e.metadata_json = std::string(text); })
        .ok();
  };
  for (absl::string_view good :
       {"\x01", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
        "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(accepts(good)) << ToHex(good);
  }
  for (absl::string_view bad :
       {absl::string_view("\0", 1), absl::string_view("\x80"),
        absl::string_view("\xc1\xbf"), absl::string_view("\xc2"),
        absl::string_view("\xe0\x9f\xbf"), absl::string_view("\xed\xa0\x80"),
        absl::string_view("\xe2\x82"), absl::string_view("\xf0\x8f\xbf\xbf"),
        absl::string_view("\xf4\x90\x80\x80"),
        absl::string_view("\xf5\x80\x80\x80"), absl::string_view("\xff")}) {
    EXPECT_FALSE(accepts(bad)) << ToHex(bad);
  }
}

absl::Status DecodeHex(absl::string_view hex) {
  return Decode(*FromHex(hex)).status();
}

TEST(EventTest, DecodesOnlyCanonicalForms) {
  const std::string golden(kGoldenPayload);
  const auto replaced = [&](absl::string_view from, absl::string_view to) {
    std::string copy = golden;
    const size_t at = copy.find(std::string(from));
    EXPECT_NE(at, std::string::npos);
    return copy.replace(at, from.size(), std::string(to));
  };
  ASSERT_TRUE(DecodeHex(golden).ok());
  EXPECT_FALSE(Decode("").ok());
  EXPECT_FALSE(DecodeHex("02" + golden.substr(2)).ok());    // version
  EXPECT_FALSE(DecodeHex(golden + "00").ok());              // trailing
  EXPECT_FALSE(DecodeHex(golden + "0f000000027b7d").ok());  // repeated
  EXPECT_FALSE(DecodeHex(golden + "1100000000").ok());      // unknown
  EXPECT_FALSE(DecodeHex(golden + "0e000000025b5d").ok());  // order
  EXPECT_FALSE(
      DecodeHex(replaced("0e000000025b5d", "0e00000000")).ok());  // empty
  EXPECT_FALSE(DecodeHex(replaced("0d000000080000000000000000",
                                  "0d000000088000000000000000"))
                   .ok());  // -0.0
  EXPECT_FALSE(DecodeHex(replaced("0d000000080000000000000000",
                                  "0d000000087ff0000000000000"))
                   .ok());  // infinity
  EXPECT_FALSE(DecodeHex(replaced("0700000004fffffffe",
                                  "0700000003fffffe"))
                   .ok());  // width
  EXPECT_FALSE(DecodeHex(replaced("02000000080000000000000102", "")).ok());
  // Optional ones may go.
  EXPECT_TRUE(DecodeHex(replaced("0700000004fffffffe", "")).ok());
}

TEST(EventTest, EveryPrefixIsRefused) {
  // Cutting whole optional fields off leaves a valid event: those are the
  // positions where a field ends after signer_id.
  const std::string payload = *Encode(GoldenEvent());
  for (size_t size = 0; size < payload.size(); ++size) {
    const auto event = Decode(payload.substr(0, size));
    if (!event.ok()) continue;
    EXPECT_EQ(*Encode(*event), payload.substr(0, size));
  }
}

// Whatever decodes encodes to itself; whatever does not is an error. Mutations
// of real payloads reach deeper than noise.
TEST(EventTest, ArbitraryBytesAreSafe) {
  Rng rng(20261120);
  const std::string golden = *Encode(GoldenEvent());
  const std::string prune = *Encode(PruneEvent());
  int decoded = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string bytes = round % 2 == 0 ? golden : prune;
    const uint64_t edits = 1 + rng.Below(4);
    for (uint64_t i = 0; i < edits; ++i) {
      const size_t at = rng.Below(bytes.size());
      switch (rng.Below(4)) {
        case 0:
          bytes[at] = static_cast<char>(rng.Next());
          break;
        case 1:
          bytes.erase(at, 1 + rng.Below(20));
          break;
        case 2:
          bytes.insert(at, 1, static_cast<char>(rng.Below(20)));
          break;
        default:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.Below(8)));
      }
      if (bytes.empty()) break;
    }
    const auto event = Decode(bytes);
    if (!event.ok()) {
      EXPECT_EQ(event.status().code(), absl::StatusCode::kDataLoss);
      continue;
    }
    ++decoded;
    EXPECT_EQ(*Encode(*event), bytes);
  }
  EXPECT_GT(decoded, 1000);  // the loop does reach the accepting side
}

}  // namespace
}  // namespace ruvector::audit
