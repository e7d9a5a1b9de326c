// The attention mechanisms of this server, by name. [backend-main]
//
// A mechanism is looked for when it is asked for, at the cost of one file, and
// remembered while the plugin directory, the trusted keys and the settings
// about them stay as they are: a file that is dropped in, replaced or removed
// counts from the next call on. Everything is looked at again after ten seconds
// in any case.
#ifndef RUVECTOR_PGEXT_PLUGINS_SERVER_MECHANISMS_H_
#define RUVECTOR_PGEXT_PLUGINS_SERVER_MECHANISMS_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "core/attention/registry.h"

namespace ruvector::plugins {

// SQLSTATE 42704 for a name that is no mechanism's: the HINT lists those that
// are, or the DETAIL says why the file of that name was refused.
absl::StatusOr<attention::Mechanism> FindMechanism(std::string_view name);

// All that are loaded. Looks at every plugin, strategies too.
absl::StatusOr<attention::MechanismRegistry> AllMechanisms();

}  // namespace ruvector::plugins

#endif  // RUVECTOR_PGEXT_PLUGINS_SERVER_MECHANISMS_H_
