#include "core/audit/keys.h"

#include <gtest/gtest.h>

#include "core/audit/test_log.h"

namespace ruvector::audit {
namespace {

TrustedKey KeyOf(uint8_t byte) {
  TrustedKey key;
  key.public_key = TestSigner(byte)->public_key();
  return key;
}

TEST(KeysTest, IdIsTheFingerprint) {
  // SHA-256 of the public key of RFC 8032 test 1, computed with sha256sum.
  const PublicKey key = *FromHex<PublicKey>(
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  EXPECT_EQ(KeyId(LinkedCrypto(), key),
            "21fe31dfa154a261626bf854046fd2271b7bed4b6abe45aa58877ef47f9721b9");
  EXPECT_TRUE(IsKeyId(KeyId(LinkedCrypto(), key)));
  EXPECT_FALSE(IsKeyId(std::string(63, 'a')));
  EXPECT_FALSE(IsKeyId(std::string(64, 'A')));
}

TEST(KeysTest, FindsByIdAndRefusesDuplicates) {
  KeySet keys(LinkedCrypto());
  for (uint8_t i = 1; i <= 20; ++i) EXPECT_TRUE(keys.Add(KeyOf(i)).ok());
  for (uint8_t i = 1; i <= 20; ++i) {
    const TrustedKey* const found = keys.Find(TestSigner(i)->key_id());
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->public_key, KeyOf(i).public_key);
  }
  EXPECT_EQ(keys.Find(TestSigner(21)->key_id()), nullptr);
  EXPECT_EQ(keys.Find(""), nullptr);
  EXPECT_EQ(keys.Add(KeyOf(7)).code(), absl::StatusCode::kAlreadyExists);
}

TEST(KeysTest, RefusesAnEmptyWindow) {
  KeySet keys(LinkedCrypto());
  TrustedKey key = KeyOf(1);
  key.valid_from_us = 5;
  key.valid_until_us = 5;
  EXPECT_EQ(keys.Add(key).code(), absl::StatusCode::kInvalidArgument);
}

TEST(KeysTest, TextRoundTrip) {
  KeySet keys(LinkedCrypto());
  TrustedKey key = KeyOf(1);
  key.valid_from_us = kTestEpochUs;
  key.valid_until_us = kTestEpochUs + 1;
  key.revoked_at_us = -1;
  ASSERT_TRUE(keys.Add(key).ok());
  ASSERT_TRUE(keys.Add(KeyOf(2)).ok());
  const std::string text = FormatKeys(keys);
  EXPECT_NE(text.find(" 2026-11-20T10:00:00.000000Z "
                      "2026-11-20T10:00:00.000001Z "
                      "1969-12-31T23:59:59.999999Z\n"),
            std::string::npos)
      << text;
  const auto parsed = ParseKeys(LinkedCrypto(), text);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(FormatKeys(*parsed), text);
  EXPECT_EQ(parsed->Find(TestSigner(1)->key_id())->end_us(), -1);
}

TEST(KeysTest, ParseNamesTheLine) {
  const std::string key(64, 'a');
  const auto message = [&](const std::string& line) {
    const auto keys =
        ParseKeys(LinkedCrypto(), "ruvector-keys 1\n# ours\n" + line + "\n");
    return std::string(keys.status().message());
  };
  EXPECT_TRUE(ParseKeys(LinkedCrypto(), "ruvector-keys 1\n").ok());
  EXPECT_EQ(ParseKeys(LinkedCrypto(), "").status().message(),
            "keys file, line 1: expected \"ruvector-keys 1\"");
  EXPECT_EQ(message(key), "keys file, line 3: expected 4 words, got 1");
  EXPECT_EQ(message(key + "a - - -"),
            "keys file, line 3: expected a public key of 64 lower-case hex "
            "digits");
  EXPECT_EQ(message(key + " 2026-11-20 - -"),
            "keys file, line 3: expected times as "
            "2026-11-20T10:00:00.000000Z or -");
  EXPECT_EQ(message(key + " - 2026-02-30T10:00:00.000000Z -"),
            "keys file, line 3: expected times as "
            "2026-11-20T10:00:00.000000Z or -");
  EXPECT_NE(message(key + " - - -\n" + key + " - - -").find("line 4"),
            absl::string_view::npos);
}

}  // namespace
}  // namespace ruvector::audit
