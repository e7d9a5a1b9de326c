#include "core/strategy_host/frame.h"

#include <climits>

#include "absl/strings/str_cat.h"

namespace ruvector::strategy_host {
namespace {

constexpr size_t kHeader = 4;

absl::StatusOr<std::string> Encode(const google::protobuf::MessageLite& message,
                                   size_t limit) {
  const size_t size = message.ByteSizeLong();
  if (size > limit) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "message is ", size, " bytes long, expected at most ", limit));
  }
  std::string frame;
  frame.reserve(kHeader + size);
  for (int shift = 0; shift < 32; shift += 8) {
    frame.push_back(static_cast<char>(size >> shift));
  }
  message.AppendToString(&frame);
  return frame;
}

size_t LengthAt(const std::string& bytes, size_t at) {
  size_t length = 0;
  for (size_t i = 0; i < kHeader; ++i) {
    length |= size_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  }
  return length;
}

template <class Message>
absl::StatusOr<Message> Parse(absl::string_view bytes) {
  Message message;
  // ParseFrom... would print to standard error what is missing.
  if (bytes.size() > INT_MAX ||
      !message.ParsePartialFromArray(bytes.data(),
                                     static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError(
        absl::StrCat(bytes.size(), " bytes that are no message"));
  }
  if (!message.IsInitialized()) {
    return absl::InvalidArgumentError("a message that lacks a required field");
  }
  if (!message.unknown_fields().empty()) {
    return absl::InvalidArgumentError("a message with unknown fields");
  }
  return message;
}

absl::Status ExactlyOne(int kinds) {
  if (kinds == 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a message of ", kinds, " kinds, expected 1"));
}

}  // namespace

absl::StatusOr<std::string> EncodeFrame(const wire::ToHost& message) {
  return Encode(message, kMaxToHostBytes);
}

absl::StatusOr<std::string> EncodeFrame(const wire::FromHost& message) {
  return Encode(message, kMaxFromHostBytes);
}

absl::StatusOr<wire::ToHost> ParseToHost(absl::string_view bytes) {
  auto message = Parse<wire::ToHost>(bytes);
  if (!message.ok()) return message;
  const auto kinds =
      ExactlyOne(int{message->has_start()} + int{message->has_plan()} +
                 int{message->has_execute()} + int{message->has_reply()});
  if (!kinds.ok()) return kinds;
  return message;
}

absl::StatusOr<wire::FromHost> ParseFromHost(absl::string_view bytes) {
  auto message = Parse<wire::FromHost>(bytes);
  if (!message.ok()) return message;
  const auto kinds = ExactlyOne(
      int{message->has_started()} + int{message->has_planned()} +
      int{message->has_executed()} + int{message->has_read_metric()} +
      int{message->has_sample_lambda()} + int{message->has_act()} +
      int{message->has_log()} + int{message->has_should_stop()} +
      int{message->has_out_of_memory()});
  if (!kinds.ok()) return kinds;
  return message;
}

absl::StatusOr<std::optional<std::string>> FrameReader::Next() {
  const size_t held = bytes_.size() - consumed_;
  if (held >= kHeader) {
    const size_t length = LengthAt(bytes_, consumed_);
    if (length > limit_) {
      return absl::InvalidArgumentError(
          absl::StrCat("a message of ", length,
                       " bytes was announced, expected at most ", limit_));
    }
    if (held - kHeader >= length) {
      std::string frame = bytes_.substr(consumed_ + kHeader, length);
      consumed_ += kHeader + length;
      return frame;
    }
  }
  bytes_.erase(0, consumed_);
  consumed_ = 0;
  return std::nullopt;
}

}  // namespace ruvector::strategy_host
