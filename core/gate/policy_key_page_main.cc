// Prints docs/reference/policy-keys.md.
#include <cstdio>

#include "core/gate/policy_keys.h"

int main() {
  std::fputs(ruvector::gate::PolicyKeyPage().c_str(), stdout);
  return 0;
}
