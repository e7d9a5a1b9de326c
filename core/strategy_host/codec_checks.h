// The rules of codec.h that its parts share. Private to it. [any-thread]
#ifndef RUVECTOR_CORE_STRATEGY_HOST_CODEC_CHECKS_H_
#define RUVECTOR_CORE_STRATEGY_HOST_CODEC_CHECKS_H_

#include <cmath>
#include <cstddef>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/no_postgres.h"
#include "core/base/status_macros.h"
#include "core/plugin/malformed.h"
#include "core/plugin/plugin_abi.h"
#include "core/strategy_host/wire.pb.h"

namespace ruvector::strategy_host {

inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

inline absl::Status CheckCount(const char* what, size_t count, size_t limit) {
  if (count <= limit) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat(count, " ", what, ", expected at most ", limit));
}

inline absl::Status CheckArray(const char* what, size_t count, size_t limit,
                               const void* array) {
  RV_RETURN_IF_ERROR(CheckCount(what, count, limit));
  if (count == 0 || array != nullptr) return absl::OkStatus();
  return plugin::Malformed(what, " are missing, expected ", count);
}

inline absl::Status CheckFinite(const char* field, double number) {
  if (std::isfinite(number)) return absl::OkStatus();
  return plugin::Malformed(field, " is ", number, ", expected a finite number");
}

template <class Message>
absl::Status CheckKnown(const char* what, const Message& message) {
  if (message.unknown_fields().empty()) return absl::OkStatus();
  return plugin::Malformed(what, " has unknown fields");
}

// NaN, or another stand-in for "there is none", is left out.
template <class Setter>
absl::Status EncodeOptional(const char* field, double number, double absent,
                            Setter set) {
  if (std::isnan(absent) ? std::isnan(number) : number == absent) {
    return absl::OkStatus();
  }
  RV_RETURN_IF_ERROR(CheckFinite(field, number));
  set(number);
  return absl::OkStatus();
}

// Borrows the text.
inline ruvector_value View(const wire::Value& value) {
  if (value.has_number()) return {RUVECTOR_NUMBER, 0, value.number(), nullptr};
  if (value.has_text()) return {RUVECTOR_TEXT, 0, 0, value.text().c_str()};
  return {RUVECTOR_NULL, 0, 0, nullptr};
}

}  // namespace ruvector::strategy_host

#endif  // RUVECTOR_CORE_STRATEGY_HOST_CODEC_CHECKS_H_
