// The prober that production uses: a small program describes the plugin, and
// whatever the plugin does to that program stays there.
#ifndef RUVECTOR_CORE_PLUGIN_PROBER_H_
#define RUVECTOR_CORE_PLUGIN_PROBER_H_

#include <string>

#include "absl/time/time.h"
#include "core/base/no_postgres.h"
#include "core/plugin/loader.h"

namespace ruvector::plugin {

// Runs `program --describe /proc/self/fd/3` with the plugin as descriptor 3,
// reads one line of JSON and waits for the end. The child has descriptors 0
// to 3 only, an empty environment, default signal handlers, an empty signal
// mask, and limits that the program sets itself. After `deadline` it is killed
// and reaped; the call returns at most a second after that.
//
// Result: the description; DeadlineExceeded; Unavailable if the program cannot
// be started; InvalidArgument with what it printed to standard error, or with
// the signal that ended it ("crashed with signal 11 while it was described").
//
// [single-thread] Safe in a PostgreSQL backend or worker: it waits for its own
// child by id and leaves signal handlers alone.
Prober StrategyHostProber(std::string program,
                          absl::Duration deadline = absl::Seconds(5));

// Describes within this process: for ruvector-strategy-host itself and for
// tests of plugins that are known to be sound.
Prober InProcessProber();

}  // namespace ruvector::plugin

#endif  // RUVECTOR_CORE_PLUGIN_PROBER_H_
