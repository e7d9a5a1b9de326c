// Prints the tables of docs/reference/strategies.md.
#include <cstdio>

#include "core/healing/cures.h"
#include "core/healing/metric_catalog.h"

int main() {
  std::printf("%s\n%s", ruvector::healing::CurePage().c_str(),
              ruvector::healing::MetricPage().c_str());
}
