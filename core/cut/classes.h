// Nodes grouped by label. (internal)
#ifndef RUVECTOR_CORE_CUT_CLASSES_H_
#define RUVECTOR_CORE_CUT_CLASSES_H_

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "absl/types/span.h"
#include "core/base/no_postgres.h"

namespace ruvector::cut {

// [any-thread] once built.
class Classes {
 public:
  // label[x] < labels for each of `nodes`, which are ascending.
  Classes(absl::Span<const uint32_t> nodes, absl::Span<const uint32_t> label,
          int labels)
      : first_(labels + 1), member_(nodes.size()) {
    for (uint32_t x : nodes) ++first_[label[x] + 1];
    std::partial_sum(first_.begin(), first_.end(), first_.begin());
    std::vector<uint32_t> next(first_.begin(), first_.end() - 1);
    for (uint32_t x : nodes) member_[next[label[x]]++] = x;
    for (uint32_t l = 1; l + 1 < first_.size(); ++l) {
      if (members(l).size() > members(largest_).size()) largest_ = l;
    }
  }

  int size() const { return static_cast<int>(first_.size()) - 1; }
  // Ascending.
  absl::Span<const uint32_t> members(uint32_t l) const {
    return {member_.data() + first_[l], first_[l + 1] - first_[l]};
  }
  // The label with the most members.
  uint32_t largest() const { return largest_; }

 private:
  std::vector<uint32_t> first_;  // per label, into member_
  std::vector<uint32_t> member_;
  uint32_t largest_ = 0;
};

}  // namespace ruvector::cut

#endif  // RUVECTOR_CORE_CUT_CLASSES_H_
