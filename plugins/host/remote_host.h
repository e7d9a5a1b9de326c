// ruvector_strategy_host over the socket: what a strategy that executes here
// asks, the server answers. [host-process]
#ifndef RUVECTOR_PLUGINS_HOST_REMOTE_HOST_H_
#define RUVECTOR_PLUGINS_HOST_REMOTE_HOST_H_

#include <cstddef>
#include <cstdint>

#include "core/plugin/plugin_abi.h"
#include "core/plugin/strategy_plugin.h"
#include "plugins/host/channel.h"

namespace ruvector::plugin_host {

class RemoteHost {
 public:
  // `channel` is borrowed.
  explicit RemoteHost(Channel& channel);
  RemoteHost(const RemoteHost&) = delete;

  const ruvector_strategy_host& table() const { return table_; }

 private:
  static int32_t ReadMetric(void*, const char*, const char*, ruvector_value*,
                            char*, size_t);
  static int32_t SampleLambda(void*, double*, char*, size_t);
  static int32_t Act(void*, const ruvector_action*, ruvector_outcome*, char*,
                     size_t);
  static void Log(void*, int32_t, const char*);
  static int32_t ShouldStop(void*);

  Channel& channel_;
  ruvector_strategy_host table_;
  sdk::Value last_read_;  // owns the text handed out
};

}  // namespace ruvector::plugin_host

#endif  // RUVECTOR_PLUGINS_HOST_REMOTE_HOST_H_
