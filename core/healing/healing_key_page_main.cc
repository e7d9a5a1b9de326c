// Prints docs/reference/healing-keys.md.
#include <cstdio>

#include "core/healing/healing_keys.h"

int main() {
  std::fputs(ruvector::healing::HealingKeyPage().c_str(), stdout);
  return 0;
}
