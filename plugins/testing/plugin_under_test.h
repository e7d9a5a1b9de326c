// A plugin as a conformance kit meets it: linked into the test, where
// sanitizers see its code, or as the .so that a server would load.
#ifndef RUVECTOR_PLUGINS_TESTING_PLUGIN_UNDER_TEST_H_
#define RUVECTOR_PLUGINS_TESTING_PLUGIN_UNDER_TEST_H_

#include <string>

#include "core/plugin/plugin_abi.h"

namespace ruvector::plugin_testing {

struct PluginUnderTest {
  std::string label;            // "linked", "shared_object": in test names
  ruvector_plugin_entry entry;  // NULL: load `file`
  std::string file;             // path in the test's runfiles
};

// The descriptor, or NULL after a test failure that says why.
const ruvector_plugin_descriptor* Open(const PluginUnderTest& plugin);

}  // namespace ruvector::plugin_testing

#endif  // RUVECTOR_PLUGINS_TESTING_PLUGIN_UNDER_TEST_H_
