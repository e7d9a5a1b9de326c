#include "core/audit/checkpoint.h"

#include <gtest/gtest.h>

#include <string>

#include "core/audit/test_log.h"

namespace ruvector::audit {
namespace {

Checkpoint GoldenCheckpoint() {
  Checkpoint checkpoint;
  checkpoint.log_id = *FromHex<LogId>("000102030405060708090a0b0c0d0e0f");
  checkpoint.number = 3;
  checkpoint.tree_size = 258;
  checkpoint.root.fill(0xaa);
  checkpoint.head.fill(0xbb);
  checkpoint.previous.fill(0xcc);
  checkpoint.created_at_us = kTestEpochUs;
  checkpoint.signer_id = std::string(64, 'b');
  return checkpoint;
}

TEST(CheckpointTest, GoldenBytes) {
  const std::string payload = *EncodeCheckpoint(GoldenCheckpoint());
  EXPECT_EQ(ToHex(payload),
            "01"
            "000102030405060708090a0b0c0d0e0f"
            "0000000000000003"
            "0000000000000102"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
            "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
            "000660b24ea2c800"
            "62626262626262626262626262626262626262626262626262626262626262"
            "62626262626262626262626262626262626262626262626262626262626262"
            "6262");
  EXPECT_TRUE(*DecodeCheckpoint(payload) == GoldenCheckpoint());
}

TEST(CheckpointTest, DecodesOnlyItsOwnForm) {
  const std::string payload = *EncodeCheckpoint(GoldenCheckpoint());
  for (size_t size = 0; size < payload.size(); ++size) {
    EXPECT_FALSE(DecodeCheckpoint(payload.substr(0, size)).ok());
  }
  EXPECT_FALSE(DecodeCheckpoint(payload + "0").ok());
  EXPECT_FALSE(DecodeCheckpoint("\x02" + payload.substr(1)).ok());
  EXPECT_FALSE(
      DecodeCheckpoint(payload.substr(0, payload.size() - 1) + "B").ok());
  Checkpoint empty = GoldenCheckpoint();
  empty.tree_size = 0;
  EXPECT_EQ(EncodeCheckpoint(empty).status().code(),
            absl::StatusCode::kInvalidArgument);
  empty.head = kZeroHash;
  EXPECT_TRUE(EncodeCheckpoint(empty).ok());
  // A predecessor if and only if it is not the first.
  for (const uint64_t number : {0, 1, 2}) {
    Checkpoint checkpoint = GoldenCheckpoint();
    checkpoint.number = number;
    EXPECT_EQ(EncodeCheckpoint(checkpoint).ok(), number == 2);
    checkpoint.previous = kZeroHash;
    EXPECT_EQ(EncodeCheckpoint(checkpoint).ok(), number == 1);
  }
  std::string first = payload;
  first[24] = 1;
  EXPECT_FALSE(DecodeCheckpoint(first).ok());
}

TEST(CheckpointTest, SignsWithItsOwnPrefix) {
  const auto signer = TestSigner(1);
  const auto made = SignCheckpoint(GoldenCheckpoint(), *signer);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(DecodeCheckpoint(made->payload)->signer_id, signer->key_id());
  EXPECT_TRUE(LinkedCrypto().Verify(
      signer->public_key(),
      std::string("ruvector-checkpoint-v1\0", 23) + made->payload,
      made->signature));
}

TEST(CheckpointTest, TextFormHasOneSpelling) {
  const auto signer = TestSigner(1);
  const SignedCheckpoint made = *SignCheckpoint(GoldenCheckpoint(), *signer);
  const std::string line = FormatCheckpoint(made);
  EXPECT_TRUE(*ParseCheckpoint(line) == made);
  EXPECT_FALSE(ParseCheckpoint(line + "\n").ok());
  EXPECT_FALSE(ParseCheckpoint(" " + line).ok());
  EXPECT_FALSE(ParseCheckpoint("").ok());
  // Every other text is refused or says something else.
  for (size_t bit = 0; bit < line.size() * 8; ++bit) {
    std::string changed = line;
    changed[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    const auto parsed = ParseCheckpoint(changed);
    EXPECT_FALSE(parsed.ok() && *parsed == made) << bit;
  }
}

}  // namespace
}  // namespace ruvector::audit
