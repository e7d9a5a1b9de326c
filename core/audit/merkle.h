// The Merkle tree over the log's leaf hashes: RFC 9162 section 2.1 (the same
// tree as RFC 6962), SHA-256, leaf prefix 0x00, node prefix 0x01.
//
// The tree is never stored. Its right edge (the frontier) is enough to append
// and to know the root; proofs are computed from the leaf hashes. [any-thread]
#ifndef RUVECTOR_CORE_AUDIT_MERKLE_H_
#define RUVECTOR_CORE_AUDIT_MERKLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/audit/crypto.h"
#include "core/audit/types.h"
#include "core/base/no_postgres.h"

namespace ruvector::audit {

// SHA-256(0x00 || payload).
Hash LeafHash(const Crypto& crypto, absl::string_view payload);
// SHA-256(0x01 || left || right).
Hash NodeHash(const Crypto& crypto, const Hash& left, const Hash& right);

// The roots of the complete subtrees that a tree of `size` leaves falls into,
// widest first: one per set bit of the size, at most 64.
class MerkleFrontier {
 public:
  MerkleFrontier() = default;

  // From stored form. InvalidArgument unless there is one hash per set bit.
  static absl::StatusOr<MerkleFrontier> FromHashes(uint64_t size,
                                                   std::vector<Hash> hashes);

  // Amortised one NodeHash.
  void Append(const Crypto& crypto, const Hash& leaf_hash);

  // SHA-256 of nothing for the empty tree.
  Hash Root(const Crypto& crypto) const;

  uint64_t size() const { return size_; }
  const std::vector<Hash>& hashes() const { return hashes_; }

 private:
  uint64_t size_ = 0;
  std::vector<Hash> hashes_;
};

// Answers the leaf hash at an index below the tree's size. The functions below
// ask in ascending order, each index at most once, so a cursor can serve them.
// An error of the reader is returned as it is.
using LeafReader = absl::FunctionRef<absl::StatusOr<Hash>(uint64_t index)>;

// Leaves [begin, end) under one proof node.
struct LeafRange {
  uint64_t begin = 0;
  uint64_t end = 0;
};

// Which subtrees a proof names, in the proof's order: for callers that keep
// hashes of inner nodes. InclusionProof and ConsistencyProof hash just these
// ranges. index < size; 0 < old_size <= new_size.
std::vector<LeafRange> InclusionRanges(uint64_t index, uint64_t size);
std::vector<LeafRange> ConsistencyRanges(uint64_t old_size, uint64_t new_size);

// The nodes that lead from leaf `index` to the root of the first `size` leaves.
// InvalidArgument unless index < size.
absl::StatusOr<std::vector<Hash>> InclusionProof(const Crypto& crypto,
                                                 uint64_t index, uint64_t size,
                                                 LeafReader leaves);

// The nodes that show the first `old_size` leaves unchanged among `new_size`.
// InvalidArgument unless 0 < old_size <= new_size. Empty when they are equal.
absl::StatusOr<std::vector<Hash>> ConsistencyProof(const Crypto& crypto,
                                                   uint64_t old_size,
                                                   uint64_t new_size,
                                                   LeafReader leaves);

// OK if the proof leads from the leaf to the root; DataLoss if it does not;
// InvalidArgument if the sizes make no sense. Any input is safe.
absl::Status VerifyInclusion(const Crypto& crypto, uint64_t index,
                             uint64_t size, const Hash& leaf_hash,
                             const std::vector<Hash>& proof, const Hash& root);
absl::Status VerifyConsistency(const Crypto& crypto, uint64_t old_size,
                               uint64_t new_size, const Hash& old_root,
                               const Hash& new_root,
                               const std::vector<Hash>& proof);

}  // namespace ruvector::audit

#endif  // RUVECTOR_CORE_AUDIT_MERKLE_H_
