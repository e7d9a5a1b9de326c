#include "core/audit/merkle.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/audit/linked_crypto.h"

namespace ruvector::audit {
namespace {

// The recursive definitions of RFC 9162, 2.1.1, 2.1.3.1 and 2.1.4.1, word for
// word: the oracle.
using Leaves = std::vector<Hash>;

uint64_t Split(uint64_t n) {
  uint64_t k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

Hash DefinedRoot(const Leaves& d) {
  const Crypto crypto = LinkedCrypto();
  if (d.empty()) return crypto.Sha256("");
  if (d.size() == 1) return d[0];
  const auto middle = d.begin() + Split(d.size());
  return NodeHash(crypto, DefinedRoot(Leaves(d.begin(), middle)),
                  DefinedRoot(Leaves(middle, d.end())));
}

Leaves DefinedPath(uint64_t m, const Leaves& d) {
  if (d.size() == 1) return {};
  const uint64_t k = Split(d.size());
  const Leaves left(d.begin(), d.begin() + k), right(d.begin() + k, d.end());
  Leaves path = m < k ? DefinedPath(m, left) : DefinedPath(m - k, right);
  path.push_back(DefinedRoot(m < k ? right : left));
  return path;
}

Leaves DefinedSubproof(uint64_t m, const Leaves& d, bool complete) {
  if (m == d.size()) return complete ? Leaves{} : Leaves{DefinedRoot(d)};
  const uint64_t k = Split(d.size());
  const Leaves left(d.begin(), d.begin() + k), right(d.begin() + k, d.end());
  Leaves proof = m <= k ? DefinedSubproof(m, left, complete)
                        : DefinedSubproof(m - k, right, false);
  proof.push_back(DefinedRoot(m <= k ? right : left));
  return proof;
}

Leaves SomeLeaves(uint64_t count) {
  Leaves leaves;
  for (uint64_t i = 0; i < count; ++i) {
    leaves.push_back(LeafHash(LinkedCrypto(), std::to_string(i * i)));
  }
  return leaves;
}

Leaves Prefix(const Leaves& leaves, uint64_t size) {
  return Leaves(leaves.begin(), leaves.begin() + size);
}

std::vector<std::string> Hex(const Leaves& hashes) {
  std::vector<std::string> text;
  for (const Hash& hash : hashes) text.push_back(ToHex(hash));
  return text;
}

// The eight entries, roots and proofs that certificate-transparency
// implementations test with.
const char* const kKnownEntries[] = {"",
                                     "00",
                                     "10",
                                     "2021",
                                     "3031",
                                     "40414243",
                                     "5051525354555657",
                                     "606162636465666768696a6b6c6d6e6f"};
const char* const kKnownRoots[] = {
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

Leaves KnownLeaves() {
  Leaves leaves;
  for (const char* entry : kKnownEntries) {
    leaves.push_back(LeafHash(LinkedCrypto(), *FromHex(entry)));
  }
  return leaves;
}

TEST(MerkleTest, KnownRoots) {
  const Crypto crypto = LinkedCrypto();
  MerkleFrontier tree;
  EXPECT_EQ(ToHex(tree.Root(crypto)),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  for (int i = 0; i < 8; ++i) {
    tree.Append(crypto, KnownLeaves()[i]);
    EXPECT_EQ(ToHex(tree.Root(crypto)), kKnownRoots[i]) << i;
  }
}

TEST(MerkleTest, KnownProofs) {
  const Crypto crypto = LinkedCrypto();
  const Leaves leaves = KnownLeaves();
  const auto reader = [&](uint64_t i) -> absl::StatusOr<Hash> {
    return leaves[i];
  };
  EXPECT_EQ(
      Hex(*InclusionProof(crypto, 5, 8, reader)),
      (std::vector<std::string>{
          "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
          "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
          "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}));
  EXPECT_EQ(
      Hex(*ConsistencyProof(crypto, 6, 8, reader)),
      (std::vector<std::string>{
          "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
          "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
          "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}));
}

TEST(MerkleTest, RootsFollowTheDefinition) {
  const Crypto crypto = LinkedCrypto();
  const Leaves leaves = SomeLeaves(130);
  MerkleFrontier tree;
  for (uint64_t size = 0; size <= 130; ++size) {
    EXPECT_EQ(tree.Root(crypto), DefinedRoot(Prefix(leaves, size))) << size;
    const auto restored = MerkleFrontier::FromHashes(size, tree.hashes());
    ASSERT_TRUE(restored.ok());
    EXPECT_EQ(restored->Root(crypto), tree.Root(crypto));
    if (size < 130) tree.Append(crypto, leaves[size]);
  }
  EXPECT_FALSE(MerkleFrontier::FromHashes(3, {kZeroHash}).ok());
}

class ReaderInOrder {
 public:
  explicit ReaderInOrder(const Leaves& leaves) : leaves_(leaves) {}
  absl::StatusOr<Hash> operator()(uint64_t index) const {
    EXPECT_GE(index, next_);
    next_ = index + 1;
    return leaves_[index];
  }

 private:
  const Leaves& leaves_;
  mutable uint64_t next_ = 0;
};

TEST(MerkleTest, InclusionProofsFollowTheDefinition) {
  const Crypto crypto = LinkedCrypto();
  const Leaves leaves = SomeLeaves(64);
  for (uint64_t size = 1; size <= 64; ++size) {
    const Leaves prefix = Prefix(leaves, size);
    const Hash root = DefinedRoot(prefix);
    for (uint64_t m = 0; m < size; ++m) {
      ReaderInOrder reader(leaves);
      const auto proof = InclusionProof(crypto, m, size, reader);
      ASSERT_TRUE(proof.ok());
      ASSERT_EQ(*proof, DefinedPath(m, prefix)) << m << " of " << size;
      EXPECT_TRUE(
          VerifyInclusion(crypto, m, size, leaves[m], *proof, root).ok());
      EXPECT_FALSE(
          VerifyInclusion(crypto, m, size, leaves[(m + 1) % 64], *proof, root)
              .ok());
    }
  }
}

TEST(MerkleTest, ConsistencyProofsFollowTheDefinition) {
  const Crypto crypto = LinkedCrypto();
  const Leaves leaves = SomeLeaves(64);
  for (uint64_t size = 1; size <= 64; ++size) {
    const Leaves prefix = Prefix(leaves, size);
    const Hash root = DefinedRoot(prefix);
    for (uint64_t m = 1; m <= size; ++m) {
      const Hash old_root = DefinedRoot(Prefix(leaves, m));
      ReaderInOrder reader(leaves);
      const auto proof = ConsistencyProof(crypto, m, size, reader);
      ASSERT_TRUE(proof.ok());
      ASSERT_EQ(*proof, DefinedSubproof(m, prefix, true)) << m << "," << size;
      EXPECT_TRUE(
          VerifyConsistency(crypto, m, size, old_root, root, *proof).ok());
      EXPECT_FALSE(
          VerifyConsistency(crypto, m, size, leaves[63], root, *proof).ok());
    }
  }
}

// No other statement may be proved by a proof: change any part of it.
TEST(MerkleTest, ChangedProofsAreRefused) {
  const Crypto crypto = LinkedCrypto();
  const Leaves leaves = SomeLeaves(23);
  const auto reader = [&](uint64_t i) -> absl::StatusOr<Hash> {
    return leaves[i];
  };
  const Hash root = DefinedRoot(leaves);
  for (uint64_t m = 1; m < 23; ++m) {
    const Hash old_root = DefinedRoot(Prefix(leaves, m));
    const auto inclusion = [&](uint64_t index, uint64_t size, const Leaves& p) {
      return VerifyInclusion(crypto, index, size, leaves[m], p, root).ok();
    };
    const auto consistency = [&](uint64_t old_size, uint64_t size,
                                 const Leaves& p) {
      return VerifyConsistency(crypto, old_size, size, old_root, root, p).ok();
    };
    const Leaves path = *InclusionProof(crypto, m, 23, reader);
    const Leaves growth = *ConsistencyProof(crypto, m, 23, reader);
    ASSERT_TRUE(inclusion(m, 23, path));
    ASSERT_TRUE(consistency(m, 23, growth));
    for (uint64_t other = 0; other < 23; ++other) {
      EXPECT_EQ(inclusion(other, 23, path), other == m);
    }
    for (size_t i = 0; i < path.size(); ++i) {
      Leaves changed = path;
      changed[i][i] ^= 1;
      EXPECT_FALSE(inclusion(m, 23, changed));
      EXPECT_FALSE(inclusion(m, 23, Prefix(path, i)));
    }
    for (size_t i = 0; i < growth.size(); ++i) {
      Leaves changed = growth;
      changed[i][i] ^= 1;
      EXPECT_FALSE(consistency(m, 23, changed));
      EXPECT_FALSE(consistency(m, 23, Prefix(growth, i)));
    }
    Leaves longer = path;
    longer.push_back(root);
    EXPECT_FALSE(inclusion(m, 23, longer));
    longer = growth;
    longer.push_back(root);
    EXPECT_FALSE(consistency(m, 23, longer));
  }
}

TEST(MerkleTest, SenselessSizesAreErrors) {
  const Crypto crypto = LinkedCrypto();
  const auto reader = [](uint64_t) -> absl::StatusOr<Hash> {
    ADD_FAILURE();
    return kZeroHash;
  };
  const auto code = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(InclusionProof(crypto, 0, 0, reader).status().code(), code);
  EXPECT_EQ(InclusionProof(crypto, 5, 5, reader).status().code(), code);
  EXPECT_EQ(ConsistencyProof(crypto, 0, 5, reader).status().code(), code);
  EXPECT_EQ(ConsistencyProof(crypto, 6, 5, reader).status().code(), code);
  EXPECT_EQ(VerifyInclusion(crypto, 9, 9, kZeroHash, {}, kZeroHash).code(),
            code);
  EXPECT_EQ(VerifyConsistency(crypto, 0, 9, kZeroHash, kZeroHash, {}).code(),
            code);
}

TEST(MerkleTest, ReaderErrorsPassThrough) {
  const auto reader = [](uint64_t index) -> absl::StatusOr<Hash> {
    if (index == 3) return absl::NotFoundError("leaf 3");
    return kZeroHash;
  };
  EXPECT_EQ(InclusionProof(LinkedCrypto(), 0, 8, reader).status().message(),
            "leaf 3");
}

}  // namespace
}  // namespace ruvector::audit
