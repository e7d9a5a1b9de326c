#include "core/base/test_seeds.h"

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
  const uint64_t count =
      FromEnvironment("RUVECTOR_LONG", 0) != 0 ? long_run : quick;
  return {FromEnvironment("RUVECTOR_FIRST_SEED", first),
          FromEnvironment("RUVECTOR_SEEDS", count)};
}

}  // namespace ruvector
