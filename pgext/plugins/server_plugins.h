// The plugins of this server as one process sees them. [backend-main]
#ifndef RUVECTOR_PGEXT_PLUGINS_SERVER_PLUGINS_H_
#define RUVECTOR_PGEXT_PLUGINS_SERVER_PLUGINS_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/plugin/loader.h"

namespace ruvector::plugins {

// Scans ruvector.plugin_directory under ruvector.plugin_trust. What did not
// change since the last call of this process is not examined again.
absl::StatusOr<plugin::Scan> ScanPlugins();

// The record of the plugin of that name ([a-z0-9_]+), if there is such a file.
absl::StatusOr<std::optional<plugin::PluginRecord>> LookAtPlugin(
    std::string_view name);

// Where they are read from.
std::string PluginDirectory();

// ScanPlugins, and a LOG line for each plugin that is refused for a reason not
// logged before. For the launcher, at start and after a reload.
void LogRefusedPlugins();

}  // namespace ruvector::plugins

#endif  // RUVECTOR_PGEXT_PLUGINS_SERVER_PLUGINS_H_
