#include "core/base/test_seeds.h"

#include <algorithm>
#include <cstdlib>

namespace ruvector {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace

TestSeeds SeedsFromEnvironment(uint64_t quick, uint64_t long_run,
                               uint64_t first) {
  uint64_t count = FromEnvironment("RUVECTOR_LONG", 0) != 0 ? long_run : quick;
#ifdef __SANITIZE_ADDRESS__
  count = std::min(count, std::max<uint64_t>(count / 20, 10));
#endif
  return {FromEnvironment("RUVECTOR_FIRST_SEED", first),
          FromEnvironment("RUVECTOR_SEEDS", count)};
}

}  // namespace ruvector
