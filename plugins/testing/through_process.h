// A strategy as the server runs it, in the shape that the conformance kit
// knows: its functions go through a StrategyProcess and the real host program.
#ifndef RUVECTOR_PLUGINS_TESTING_THROUGH_PROCESS_H_
#define RUVECTOR_PLUGINS_TESTING_THROUGH_PROCESS_H_

#include <string>

#include "core/plugin/plugin_abi.h"

namespace ruvector::plugin_testing {

// An entry whose descriptor is that of `linked`, but whose plan and execute
// happen in ruvector-strategy-host, which loads `file` (a path in the test's
// runfiles) when it is first needed. One strategy per test program: the
// interface's functions have no place for a context.
ruvector_plugin_entry ThroughProcess(ruvector_plugin_entry linked,
                                     std::string file);

}  // namespace ruvector::plugin_testing

#endif  // RUVECTOR_PLUGINS_TESTING_THROUGH_PROCESS_H_
