// Messages on the socket: four bytes of length, little endian, then that many
// bytes of wire.proto. [any-thread]
#ifndef RUVECTOR_CORE_STRATEGY_HOST_FRAME_H_
#define RUVECTOR_CORE_STRATEGY_HOST_FRAME_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/no_postgres.h"
#include "core/strategy_host/wire.pb.h"

namespace ruvector::strategy_host {

// The descriptors that ruvector-strategy-host --serve finds.
inline constexpr int kPluginDescriptor = 3;
inline constexpr int kSocketDescriptor = 4;

// What one message may hold in each direction: a collection of ten thousand
// partitions with ten metrics each, a plan of ten thousand actions.
inline constexpr size_t kMaxToHostBytes = size_t{16} << 20;
inline constexpr size_t kMaxFromHostBytes = size_t{4} << 20;

// ResourceExhausted beyond the limit of its direction.
absl::StatusOr<std::string> EncodeFrame(const wire::ToHost& message);
absl::StatusOr<std::string> EncodeFrame(const wire::FromHost& message);

// The content of a frame: every required field, no unknown one, and exactly
// one kind of message. Fields within are codec.h's to check. InvalidArgument.
absl::StatusOr<wire::ToHost> ParseToHost(absl::string_view bytes);
absl::StatusOr<wire::FromHost> ParseFromHost(absl::string_view bytes);

// Cuts a stream into frames. Holds at most one frame beyond what was appended
// last. [single-thread]
class FrameReader {
 public:
  explicit FrameReader(size_t limit) : limit_(limit) {}

  void Append(const char* bytes, size_t count) { bytes_.append(bytes, count); }
  // nullopt: the next frame has not come yet. InvalidArgument if it announces
  // more bytes than the limit.
  absl::StatusOr<std::optional<std::string>> Next();

 private:
  size_t limit_;
  std::string bytes_;
  size_t consumed_ = 0;
};

}  // namespace ruvector::strategy_host

#endif  // RUVECTOR_CORE_STRATEGY_HOST_FRAME_H_
