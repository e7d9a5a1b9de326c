// ruvector-strategy-host --serve: one strategy, confined, at the server's
// service until the server closes the socket.
#ifndef RUVECTOR_PLUGINS_HOST_SERVE_H_
#define RUVECTOR_PLUGINS_HOST_SERVE_H_

namespace ruvector::plugin_host {

// Descriptor 3 is the plugin, 4 the socket (core/strategy_host/frame.h).
// Confines the process, loads the plugin, answers requests; ends with the
// stream. Never comes back.
[[noreturn]] void Serve();

}  // namespace ruvector::plugin_host

#endif  // RUVECTOR_PLUGINS_HOST_SERVE_H_
