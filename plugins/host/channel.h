// The host's end of the socket. The server is trusted and gone or well: at the
// end of the stream, and at a message that is none, this process ends.
// [single-thread]
#ifndef RUVECTOR_PLUGINS_HOST_CHANNEL_H_
#define RUVECTOR_PLUGINS_HOST_CHANNEL_H_

#include "absl/status/status.h"
#include "core/strategy_host/frame.h"

namespace ruvector::plugin_host {

class Channel {
 public:
  explicit Channel(int socket) : socket_(socket) {}

  int socket() const { return socket_; }

  // Waits for the next message.
  strategy_host::wire::ToHost Receive();
  // ResourceExhausted for a message that is too long; then nothing was sent.
  absl::Status Send(const strategy_host::wire::FromHost& message);
  // Sends a question and waits for its answer.
  absl::StatusOr<strategy_host::wire::Reply> Ask(
      const strategy_host::wire::FromHost& question);

 private:
  int socket_;
  strategy_host::FrameReader reader_{strategy_host::kMaxToHostBytes};
};

// Ends the process: the server sent what it never sends.
[[noreturn]] void EndForRubbish();

}  // namespace ruvector::plugin_host

#endif  // RUVECTOR_PLUGINS_HOST_CHANNEL_H_
