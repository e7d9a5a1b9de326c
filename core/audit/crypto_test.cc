#include "core/audit/crypto.h"

#include <gtest/gtest.h>

#include <string>

#include "core/audit/linked_crypto.h"

namespace ruvector::audit {
namespace {

// RFC 8032, section 7.1, tests 1 to 3.
struct Vector {
  const char* seed;
  const char* public_key;
  const char* message;
  const char* signature;
};
constexpr Vector kRfc8032[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
     "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
     "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
     "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
};

TEST(CryptoTest, AnswersRfc8032) {
  const Crypto crypto = LinkedCrypto();
  for (const Vector& v : kRfc8032) {
    const Crypto::KeyPair pair = crypto.KeyPairFromSeed(*FromHex<Seed>(v.seed));
    EXPECT_EQ(ToHex(pair.public_key), v.public_key);
    const std::string message = *FromHex(v.message);
    const auto signature = crypto.Sign(pair.private_key, message);
    ASSERT_TRUE(signature.ok());
    EXPECT_EQ(ToHex(*signature), v.signature);
    EXPECT_TRUE(crypto.Verify(pair.public_key, message, *signature));
    EXPECT_FALSE(crypto.Verify(pair.public_key, message + "x", *signature));
  }
}

// S + L is the same number modulo the group order; RFC 8032 wants it refused,
// or every signature had a twin.
TEST(CryptoTest, RefusesTheUnreducedTwin) {
  const Crypto crypto = LinkedCrypto();
  const Vector& v = kRfc8032[1];
  Signature twin = *FromHex<Signature>(v.signature);
  const Hash order = *FromHex<Hash>(
      "edd3f55c1a631258d69cf7a2def9de14"
      "00000000000000000000000000000010");
  unsigned carry = 0;
  for (int i = 0; i < 32; ++i) {
    carry += twin[32 + i] + order[i];
    twin[32 + i] = static_cast<uint8_t>(carry);
    carry >>= 8;
  }
  ASSERT_EQ(carry, 0u);
  EXPECT_FALSE(crypto.Verify(*FromHex<PublicKey>(v.public_key), "r", twin));
}

TEST(CryptoTest, HashesOneAndTwoParts) {
  const Crypto crypto = LinkedCrypto();
  // FIPS 180-4 and the digest of nothing.
  EXPECT_EQ(ToHex(crypto.Sha256("")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const std::string text =
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  for (size_t split = 0; split <= text.size(); ++split) {
    EXPECT_EQ(
        ToHex(crypto.Sha256(text.substr(0, split), text.substr(split))),
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  }
}

TEST(CryptoTest, ComparesInConstantTime) {
  const Crypto crypto = LinkedCrypto();
  EXPECT_TRUE(crypto.ConstantTimeEqual("", ""));
  EXPECT_TRUE(crypto.ConstantTimeEqual("abc", "abc"));
  EXPECT_FALSE(crypto.ConstantTimeEqual("abc", "abd"));
  EXPECT_FALSE(crypto.ConstantTimeEqual("abc", "abcd"));
}

TEST(CryptoTest, DrawsDifferentRandomBytes) {
  const Crypto crypto = LinkedCrypto();
  EXPECT_NE(*crypto.NewLogId(), *crypto.NewLogId());
}

TEST(CryptoTest, RefusesATableThatDoesNotFit) {
  EXPECT_EQ(Crypto::Create(nullptr).status().code(),
            absl::StatusCode::kFailedPrecondition);
  ruvector_crypto_api older = ruvector_crypto_v1;
  older.struct_size -= sizeof(void*);
  EXPECT_EQ(Crypto::Create(&older).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(CryptoTest, RefusesATableThatAnswersWrongly) {
  ruvector_crypto_api deaf = ruvector_crypto_v1;
  deaf.ed25519_verify = [](const uint8_t*, const uint8_t*, size_t,
                           const uint8_t*) { return 1; };
  EXPECT_EQ(Crypto::Create(&deaf).status().message(),
            "crypto module fails its known answer for ed25519");
  ruvector_crypto_api other = ruvector_crypto_v1;
  other.sha256 = [](const uint8_t*, size_t, const uint8_t*, size_t,
                    uint8_t digest[32]) { digest[0] = 0; };
  EXPECT_EQ(Crypto::Create(&other).status().message(),
            "crypto module fails its known answer for sha-256");
}

TEST(TypesTest, TextFormsHaveOneSpelling) {
  EXPECT_EQ(ToHex("\x01\xab"), "01ab");
  EXPECT_EQ(FromHex("01ab"), "\x01\xab");
  for (const char* bad : {"01AB", "01a", "0x01", "01 a", "g0"}) {
    EXPECT_EQ(FromHex(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(ToBase64("\x01\xab"), "Aas=");
  EXPECT_EQ(FromBase64("Aas="), "\x01\xab");
  for (const char* bad : {"Aas", "Aat=", "Aas= ", "A as=", "Aas=="}) {
    EXPECT_EQ(FromBase64(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace ruvector::audit
