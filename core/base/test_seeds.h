// Which worlds a randomised test runs: one seed is one world, the same seed the
// same world. For tests. [any-thread]
//
//   RUVECTOR_FIRST_SEED=s  begins there (to repeat a failure: with
//                          RUVECTOR_SEEDS=1)
//   RUVECTOR_SEEDS=n       how many
//   RUVECTOR_LONG=1        as many as the test calls long
//
// Built with AddressSanitizer a test runs a twentieth of them, ten at least: it
// is tagged "seeds", and tools/test runs it as it is shipped too.
#ifndef RUVECTOR_CORE_BASE_TEST_SEEDS_H_
#define RUVECTOR_CORE_BASE_TEST_SEEDS_H_

#include <cstdint>

#include "core/base/no_postgres.h"

namespace ruvector {

struct TestSeeds {
  uint64_t first;
  uint64_t count;
  uint64_t end() const { return first + count; }
};

TestSeeds SeedsFromEnvironment(uint64_t quick, uint64_t long_run,
                               uint64_t first = 0);

}  // namespace ruvector

#endif  // RUVECTOR_CORE_BASE_TEST_SEEDS_H_
