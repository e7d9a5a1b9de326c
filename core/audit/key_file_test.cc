#include "core/audit/key_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "core/audit/linked_crypto.h"

namespace ruvector::audit {
namespace {

namespace fs = std::filesystem;

class KeyFileTest : public testing::Test {
 protected:
  KeyFileTest() {
    directory_ = fs::path(testing::TempDir()) /
                 testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(directory_);
    fs::create_directories(directory_);
    path_ = directory_ / "signing_key";
  }
  ~KeyFileTest() override { fs::remove_all(directory_); }

  absl::StatusCode LoadCode() {
    return LoadPrivateKey(LinkedCrypto(), path_).status().code();
  }
  std::string Read() {
    std::ifstream in(path_, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  void Write(const std::string& bytes) {
    fs::remove(path_);
    std::ofstream(path_, std::ios::binary) << bytes;
    chmod(path_.c_str(), 0600);
  }

  fs::path directory_;
  std::string path_;
};

TEST_F(KeyFileTest, CreatesWhatItLoads) {
  umask(0);
  const auto created = CreatePrivateKey(LinkedCrypto(), path_);
  ASSERT_TRUE(created.ok()) << created.status();
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  EXPECT_EQ(info.st_size, 80);
  const auto loaded = LoadPrivateKey(LinkedCrypto(), path_);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->public_key(), created->public_key());
  EXPECT_EQ(*loaded->Sign("m"), *created->Sign("m"));
  // Nothing else stays behind.
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), {}), 1);
}

// The documented layout, put together here byte by byte.
TEST_F(KeyFileTest, LayoutIsAsDocumented) {
  const std::string body = "ruvector-ed25519" + std::string(32, '\x01');
  const Hash checksum = LinkedCrypto().Sha256(body);
  Write(body + std::string(AsView(checksum)));
  const auto loaded = LoadPrivateKey(LinkedCrypto(), path_);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  Seed seed;
  seed.fill(1);
  EXPECT_EQ(loaded->public_key(),
            LinkedCrypto().KeyPairFromSeed(seed).public_key);
}

TEST_F(KeyFileTest, NeverOverwrites) {
  ASSERT_TRUE(CreatePrivateKey(LinkedCrypto(), path_).ok());
  const std::string before = Read();
  EXPECT_EQ(CreatePrivateKey(LinkedCrypto(), path_).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Read(), before);
  fs::remove(path_);
  fs::create_symlink("nowhere", path_);
  EXPECT_EQ(CreatePrivateKey(LinkedCrypto(), path_).status().code(),
            absl::StatusCode::kAlreadyExists);
}

TEST_F(KeyFileTest, CreateSaysWhy) {
  path_ = directory_ / "missing" / "key";
  const absl::Status status = CreatePrivateKey(LinkedCrypto(), path_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("missing/key"), absl::string_view::npos);
}

TEST_F(KeyFileTest, MissingIsNotFound) {
  EXPECT_EQ(LoadCode(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(KeyFileTest, RefusesModesThatShareIt) {
  ASSERT_TRUE(CreatePrivateKey(LinkedCrypto(), path_).ok());
  for (const mode_t mode : {0640, 0604, 0610, 0602, 0666}) {
    chmod(path_.c_str(), mode);
    EXPECT_EQ(LoadCode(), absl::StatusCode::kPermissionDenied);
  }
  chmod(path_.c_str(), 0640);
  EXPECT_EQ(LoadPrivateKey(LinkedCrypto(), path_).status().message(),
            "key file \"" + path_ +
                "\" has mode 0640, group and others must have no access: "
                "expected 0600");
  chmod(path_.c_str(), 0400);
  EXPECT_EQ(LoadCode(), absl::StatusCode::kOk);
}

TEST_F(KeyFileTest, RefusesAnotherOwner) {
  ASSERT_TRUE(CreatePrivateKey(LinkedCrypto(), path_).ok());
  if (geteuid() != 0 || chown(path_.c_str(), 1, 1) != 0) {
    GTEST_SKIP() << "cannot give a file away here";
  }
  EXPECT_EQ(LoadCode(), absl::StatusCode::kPermissionDenied);
}

TEST_F(KeyFileTest, FollowsLinksToTheFileThatCounts) {
  ASSERT_TRUE(CreatePrivateKey(LinkedCrypto(), path_).ok());
  const std::string target = path_;
  path_ = directory_ / "link";
  fs::create_symlink(target, path_);
  EXPECT_EQ(LoadCode(), absl::StatusCode::kOk);
  chmod(target.c_str(), 0644);
  EXPECT_EQ(LoadCode(), absl::StatusCode::kPermissionDenied);
}

TEST_F(KeyFileTest, RefusesWhatIsNoFile) {
  fs::create_directory(path_);
  EXPECT_EQ(LoadCode(), absl::StatusCode::kFailedPrecondition);
  fs::remove(path_);
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(LoadCode(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(KeyFileTest, EveryFlippedBitIsDataLoss) {
  ASSERT_TRUE(CreatePrivateKey(LinkedCrypto(), path_).ok());
  const std::string good = Read();
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    Write(bad);
    ASSERT_EQ(LoadCode(), absl::StatusCode::kDataLoss) << bit;
  }
}

TEST_F(KeyFileTest, WrongSizesAreDataLoss) {
  ASSERT_TRUE(CreatePrivateKey(LinkedCrypto(), path_).ok());
  const std::string good = Read();
  for (const size_t size : {0, 1, 32, 48, 79}) {
    Write(good.substr(0, size));
    EXPECT_EQ(LoadCode(), absl::StatusCode::kDataLoss) << size;
  }
  Write(good + "\n");
  EXPECT_EQ(LoadCode(), absl::StatusCode::kDataLoss);
}

TEST_F(KeyFileTest, MessagesHoldNoKeyBytes) {
  ASSERT_TRUE(CreatePrivateKey(LinkedCrypto(), path_).ok());
  std::string bytes = Read();
  const std::string seed = bytes.substr(16, 32);
  bytes[79] ^= 1;
  Write(bytes);
  const std::string message(
      LoadPrivateKey(LinkedCrypto(), path_).status().message());
  EXPECT_EQ(message.find(seed.substr(0, 4)), std::string::npos);
  EXPECT_EQ(message.find(ToHex(seed).substr(0, 8)), std::string::npos);
}

// What was moved from, or went out of scope, holds no secret any more.
TEST_F(KeyFileTest, WipesItself) {
  Seed seed;
  seed.fill(0x5a);
  alignas(PrivateKey) unsigned char storage[sizeof(PrivateKey)];
  auto* const key =
      new (storage) PrivateKey(PrivateKey::FromSeed(LinkedCrypto(), seed));
  const auto holds_seed = [&] {
    return absl::string_view(reinterpret_cast<char*>(storage), sizeof storage)
               .find(AsView(seed)) != absl::string_view::npos;
  };
  ASSERT_TRUE(holds_seed());
  PrivateKey moved = std::move(*key);
  EXPECT_FALSE(holds_seed());
  *key = std::move(moved);
  ASSERT_TRUE(holds_seed());
  key->~PrivateKey();
  EXPECT_FALSE(holds_seed());
}

}  // namespace
}  // namespace ruvector::audit
