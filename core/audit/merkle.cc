#include "core/audit/merkle.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace ruvector::audit {
namespace {

constexpr absl::string_view kLeafPrefix("\0", 1);

// Largest power of two below n; n > 1.
uint64_t SplitPoint(uint64_t n) {
  uint64_t k = uint64_t{1} << 63;
  while (k >= n) k >>= 1;
  return k;
}

// Hashes each range, reading the leaves from left to right.
absl::StatusOr<std::vector<Hash>> HashRanges(
    const Crypto& crypto, const std::vector<LeafRange>& ranges,
    LeafReader leaves) {
  std::vector<size_t> ascending(ranges.size());
  std::iota(ascending.begin(), ascending.end(), 0);
  std::sort(ascending.begin(), ascending.end(), [&](size_t a, size_t b) {
    return ranges[a].begin < ranges[b].begin;
  });
  std::vector<Hash> hashes(ranges.size());
  for (const size_t i : ascending) {
    MerkleFrontier subtree;
    for (uint64_t leaf = ranges[i].begin; leaf < ranges[i].end; ++leaf) {
      RV_ASSIGN_OR_RETURN(const Hash hash, leaves(leaf));
      subtree.Append(crypto, hash);
    }
    hashes[i] = subtree.Root(crypto);
  }
  return hashes;
}

absl::Status ProofError() {
  return absl::DataLossError("proof does not lead to the root");
}

// The walk of RFC 9162, 2.1.3.2 and 2.1.4.2: from node `index` of a level whose
// last node is `last`, up to the root.
class ProofWalk {
 public:
  ProofWalk(uint64_t index, uint64_t last) : index_(index), last_(last) {}

  // Up while this node is a right child: the first node of a consistency proof.
  void SkipRightChildren() {
    while (index_ & 1) Up();
  }
  bool AtTop() const { return last_ == 0; }
  // Whether the next proof node stands to the left. A last node without a
  // sibling is first carried up to where it has one.
  bool NextIsLeft() {
    const bool left = (index_ & 1) || index_ == last_;
    if (left) {
      while (!(index_ & 1) && index_ != 0) Up();
    }
    return left;
  }
  void Up() {
    index_ >>= 1;
    last_ >>= 1;
  }

 private:
  uint64_t index_;
  uint64_t last_;
};

}  // namespace

Hash LeafHash(const Crypto& crypto, absl::string_view payload) {
  return crypto.Sha256(kLeafPrefix, payload);
}

Hash NodeHash(const Crypto& crypto, const Hash& left, const Hash& right) {
  std::array<uint8_t, 65> node;
  node[0] = 0x01;
  std::copy(left.begin(), left.end(), node.begin() + 1);
  std::copy(right.begin(), right.end(), node.begin() + 33);
  return crypto.Sha256(AsView(node));
}

absl::StatusOr<MerkleFrontier> MerkleFrontier::FromHashes(
    uint64_t size, std::vector<Hash> hashes) {
  const auto expected = static_cast<size_t>(__builtin_popcountll(size));
  if (hashes.size() != expected) {
    return absl::InvalidArgumentError(
        absl::StrCat("frontier of ", size, " leaves has ", hashes.size(),
                     " hashes, expected ", expected));
  }
  MerkleFrontier frontier;
  frontier.size_ = size;
  frontier.hashes_ = std::move(hashes);
  return frontier;
}

void MerkleFrontier::Append(const Crypto& crypto, const Hash& leaf_hash) {
  Hash hash = leaf_hash;
  for (uint64_t full = size_; full & 1; full >>= 1) {
    hash = NodeHash(crypto, hashes_.back(), hash);
    hashes_.pop_back();
  }
  hashes_.push_back(hash);
  ++size_;
}

Hash MerkleFrontier::Root(const Crypto& crypto) const {
  if (hashes_.empty()) return crypto.Sha256("");
  Hash root = hashes_.back();
  for (auto left = hashes_.rbegin() + 1; left != hashes_.rend(); ++left) {
    root = NodeHash(crypto, *left, root);
  }
  return root;
}

std::vector<LeafRange> InclusionRanges(uint64_t index, uint64_t size) {
  std::vector<LeafRange> ranges;
  LeafRange tree{0, size};
  while (tree.end - tree.begin > 1) {
    const uint64_t middle = tree.begin + SplitPoint(tree.end - tree.begin);
    if (index < middle) {
      ranges.push_back({middle, tree.end});
      tree.end = middle;
    } else {
      ranges.push_back({tree.begin, middle});
      tree.begin = middle;
    }
  }
  std::reverse(ranges.begin(), ranges.end());
  return ranges;
}

std::vector<LeafRange> ConsistencyRanges(uint64_t old_size, uint64_t new_size) {
  std::vector<LeafRange> ranges;
  LeafRange tree{0, new_size};
  while (tree.end != old_size) {
    const uint64_t middle = tree.begin + SplitPoint(tree.end - tree.begin);
    if (old_size <= middle) {
      ranges.push_back({middle, tree.end});
      tree.end = middle;
    } else {
      ranges.push_back({tree.begin, middle});
      tree.begin = middle;
    }
  }
  // What is left is a subtree of both; the verifier knows it as the old root
  // when it is the whole old tree.
  if (tree.begin != 0) ranges.push_back(tree);
  std::reverse(ranges.begin(), ranges.end());
  return ranges;
}

absl::StatusOr<std::vector<Hash>> InclusionProof(const Crypto& crypto,
                                                 uint64_t index, uint64_t size,
                                                 LeafReader leaves) {
  if (index >= size) {
    return absl::InvalidArgumentError(
        absl::StrCat("leaf ", index, " is not in a tree of ", size, " leaves"));
  }
  return HashRanges(crypto, InclusionRanges(index, size), leaves);
}

absl::StatusOr<std::vector<Hash>> ConsistencyProof(const Crypto& crypto,
                                                   uint64_t old_size,
                                                   uint64_t new_size,
                                                   LeafReader leaves) {
  if (old_size == 0 || old_size > new_size) {
    return absl::InvalidArgumentError(absl::StrCat(
        "no consistency proof from ", old_size, " to ", new_size, " leaves"));
  }
  return HashRanges(crypto, ConsistencyRanges(old_size, new_size), leaves);
}

absl::Status VerifyInclusion(const Crypto& crypto, uint64_t index,
                             uint64_t size, const Hash& leaf_hash,
                             const std::vector<Hash>& proof, const Hash& root) {
  if (index >= size) {
    return absl::InvalidArgumentError(
        absl::StrCat("leaf ", index, " is not in a tree of ", size, " leaves"));
  }
  ProofWalk walk(index, size - 1);
  Hash hash = leaf_hash;
  for (const Hash& node : proof) {
    if (walk.AtTop()) return ProofError();
    hash = walk.NextIsLeft() ? NodeHash(crypto, node, hash)
                             : NodeHash(crypto, hash, node);
    walk.Up();
  }
  return walk.AtTop() && hash == root ? absl::OkStatus() : ProofError();
}

absl::Status VerifyConsistency(const Crypto& crypto, uint64_t old_size,
                               uint64_t new_size, const Hash& old_root,
                               const Hash& new_root,
                               const std::vector<Hash>& proof) {
  if (old_size == 0 || old_size > new_size) {
    return absl::InvalidArgumentError(absl::StrCat(
        "no consistency proof from ", old_size, " to ", new_size, " leaves"));
  }
  if (old_size == new_size) {
    return proof.empty() && old_root == new_root ? absl::OkStatus()
                                                 : ProofError();
  }
  ProofWalk walk(old_size - 1, new_size - 1);
  walk.SkipRightChildren();
  auto node = proof.begin();
  // When the old tree is complete, its root is the first node and is not sent.
  const bool complete = (old_size & (old_size - 1)) == 0;
  if (!complete && node == proof.end()) return ProofError();
  Hash old_hash = complete ? old_root : *node++;
  Hash new_hash = old_hash;
  for (; node != proof.end(); ++node) {
    if (walk.AtTop()) return ProofError();
    if (walk.NextIsLeft()) {
      old_hash = NodeHash(crypto, *node, old_hash);
      new_hash = NodeHash(crypto, *node, new_hash);
    } else {
      new_hash = NodeHash(crypto, new_hash, *node);
    }
    walk.Up();
  }
  return walk.AtTop() && old_hash == old_root && new_hash == new_root
             ? absl::OkStatus()
             : ProofError();
}

}  // namespace ruvector::audit
