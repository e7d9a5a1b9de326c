// Chance as core/ sees it: a seeded generator, so that a run repeats exactly.
#ifndef RUVECTOR_CORE_BASE_RNG_H_
#define RUVECTOR_CORE_BASE_RNG_H_

#include <cstdint>

namespace ruvector {

// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
// Generators, OOPSLA 2014). Not for keys. [single-thread]
class Rng {
 public:
  explicit constexpr Rng(uint64_t seed) : state_(seed) {}

  constexpr uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // Uniform in [0, 1).
  constexpr double Uniform() {
    return static_cast<double>(Next() >> 11) * 0x1.0p-53;
  }
  // Uniform in [0, n); n > 0.
  constexpr uint64_t Below(uint64_t n) {
    return static_cast<uint64_t>(Uniform() * static_cast<double>(n));
  }

 private:
  uint64_t state_;
};

}  // namespace ruvector

#endif  // RUVECTOR_CORE_BASE_RNG_H_
