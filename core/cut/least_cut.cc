#include "core/cut/least_cut.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace ruvector::cut {

LeastCut::LeastCut(int n)
    : value_(std::numeric_limits<int64_t>::max()), side_(n), now_(n) {
  std::iota(now_.begin(), now_.end(), 0);
}

void LeastCut::Offer(int64_t value, absl::Span<const uint32_t> nodes) {
  if (value >= value_) return;
  value_ = value;
  std::vector<uint8_t> chosen(side_.size());
  for (uint32_t x : nodes) chosen[x] = 1;
  for (size_t i = 0; i < side_.size(); ++i) side_[i] = chosen[now_[i]];
}

void LeastCut::Contract(absl::Span<const uint32_t> label) {
  for (uint32_t& x : now_) x = label[x];
}

std::vector<uint8_t> SmallerSide(std::vector<uint8_t> side) {
  const size_t ones = std::count(side.begin(), side.end(), 1);
  const size_t zeros = side.size() - ones;
  if (ones > zeros || (ones == zeros && side[0] == 1)) {
    for (uint8_t& s : side) s ^= 1;
  }
  return side;
}

}  // namespace ruvector::cut
