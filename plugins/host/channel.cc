#include "plugins/host/channel.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "core/base/status_macros.h"
#include "core/strategy_host/codec.h"

namespace ruvector::plugin_host {
namespace {

namespace wire = strategy_host::wire;

constexpr int kRubbishStatus = 65;  // EX_DATAERR of sysexits.h

}  // namespace

void EndForRubbish() { _exit(kRubbishStatus); }

wire::ToHost Channel::Receive() {
  while (true) {
    const auto frame = reader_.Next();
    if (!frame.ok()) EndForRubbish();
    if (frame->has_value()) {
      absl::StatusOr<wire::ToHost> message =
          strategy_host::ParseToHost(**frame);
      if (!message.ok()) EndForRubbish();
      return *std::move(message);
    }
    char block[65536];
    const ssize_t n = recv(socket_, block, sizeof(block), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) _exit(0);
    reader_.Append(block, static_cast<size_t>(n));
  }
}

absl::Status Channel::Send(const wire::FromHost& message) {
  RV_ASSIGN_OR_RETURN(const std::string frame,
                      strategy_host::EncodeFrame(message));
  for (size_t done = 0; done < frame.size();) {
    const ssize_t n =
        send(socket_, frame.data() + done, frame.size() - done, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) _exit(0);
    done += static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

absl::StatusOr<wire::Reply> Channel::Ask(const wire::FromHost& question) {
  RV_RETURN_IF_ERROR(Send(question));
  wire::ToHost answer = Receive();
  if (!answer.has_reply() ||
      !strategy_host::CheckResult(answer.reply().result()).ok()) {
    EndForRubbish();
  }
  return std::move(*answer.mutable_reply());
}

}  // namespace ruvector::plugin_host
