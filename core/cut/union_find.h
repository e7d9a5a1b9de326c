// Disjoint sets of nodes. (internal)
#ifndef RUVECTOR_CORE_CUT_UNION_FIND_H_
#define RUVECTOR_CORE_CUT_UNION_FIND_H_

#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "core/base/no_postgres.h"

namespace ruvector::cut {

// The root of a set is its smallest member; paths are halved on the way up.
// [single-thread]
class UnionFind {
 public:
  explicit UnionFind(int n) : parent_(n), sets_(n) {
    std::iota(parent_.begin(), parent_.end(), 0);
  }

  uint32_t Find(uint32_t x) {
    while (parent_[x] != x) x = parent_[x] = parent_[parent_[x]];
    return x;
  }
  // False if the two were in one set already.
  bool Unite(uint32_t x, uint32_t y) {
    x = Find(x);
    y = Find(y);
    if (x == y) return false;
    if (x > y) std::swap(x, y);
    parent_[y] = x;
    --sets_;
    return true;
  }
  int sets() const { return sets_; }

  // 0 .. sets()-1 per node, in the order of the sets' smallest members.
  std::vector<uint32_t> Labels() {
    std::vector<uint32_t> label(parent_.size());
    uint32_t next = 0;
    for (uint32_t x = 0; x < parent_.size(); ++x) {
      label[x] = parent_[x] == x ? next++ : label[Find(x)];
    }
    return label;
  }

 private:
  std::vector<uint32_t> parent_;
  int sets_;
};

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_UNION_FIND_H_
