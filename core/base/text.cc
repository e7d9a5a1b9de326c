#include "core/base/text.h"

namespace ruvector {
namespace {

// Length of the UTF-8 sequence that `bytes` begins with; 0 if it is none or
// NUL.
size_t SequenceLength(absl::string_view bytes) {
  const auto byte = [&](size_t i) -> unsigned {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0;
  };
  const auto continues = [&](size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) {
      if ((byte(i) & 0xc0) != 0x80) return false;
    }
    return true;
  };
  const unsigned lead = byte(0);
  if (lead >= 0x01 && lead <= 0x7f) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return continues(1, 2) ? 2 : 0;
  // The second byte rules out overlong forms, surrogates and > U+10FFFF.
  const unsigned second = byte(1);
  if (lead >= 0xe0 && lead <= 0xef) {
    if (lead == 0xe0 && second < 0xa0) return 0;
    if (lead == 0xed && second > 0x9f) return 0;
    return continues(1, 3) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if (lead == 0xf0 && second < 0x90) return 0;
    if (lead == 0xf4 && second > 0x8f) return 0;
    return continues(1, 4) ? 4 : 0;
  }
  return 0;
}

}  // namespace

bool IsText(absl::string_view bytes) {
  while (!bytes.empty()) {
    const size_t length = SequenceLength(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string ToText(absl::string_view bytes, size_t limit) {
  std::string text;
  while (!bytes.empty()) {
    const size_t length = SequenceLength(bytes);
    const absl::string_view piece = length == 0 ? "?" : bytes.substr(0, length);
    if (text.size() + piece.size() > limit) break;
    text.append(piece.data(), piece.size());
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return text;
}

}  // namespace ruvector
