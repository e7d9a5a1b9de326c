#include "plugins/testing/plugin_under_test.h"

#include <fcntl.h>

#include "core/plugin/loader.h"
#include "gtest/gtest.h"

namespace ruvector::plugin_testing {

const ruvector_plugin_descriptor* Open(const PluginUnderTest& plugin) {
  if (plugin.entry != nullptr) return plugin.entry();
  const plugin::UniqueFd fd(open(plugin.file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    ADD_FAILURE() << "no file '" << plugin.file << "'";
    return nullptr;
  }
  const auto descriptor = plugin::LoadSharedObject(fd.get());
  if (!descriptor.ok()) {
    ADD_FAILURE() << descriptor.status();
    return nullptr;
  }
  return *descriptor;
}

}  // namespace ruvector::plugin_testing
