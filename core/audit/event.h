// One event of the audit log and its canonical bytes.
//
// What is signed is what is stored: the payload that Encode returns goes into
// the table as it is, and every later check reads those bytes, never a row that
// was put together again. docs/formats/audit-log.md describes the layout and
// gives golden bytes. [any-thread]
#ifndef RUVECTOR_CORE_AUDIT_EVENT_H_
#define RUVECTOR_CORE_AUDIT_EVENT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/audit/types.h"
#include "core/base/no_postgres.h"

namespace ruvector::audit {

// The version of the layout, the first byte of every payload. A new layout gets
// a new number; old payloads stay readable.
inline constexpr uint8_t kEventVersion = 1;

// Largest payload. Bounds what a reader must be ready to hold.
inline constexpr size_t kMaxPayloadBytes = 16 << 20;

// The type whose events carry `pruned` (see below). Other types are free.
inline constexpr absl::string_view kPruneEventType = "prune";

// Sequences from `begin` up to, not including, `end`; never empty.
struct SequenceRange {
  uint64_t begin = 0;
  uint64_t end = 0;

  bool operator==(const SequenceRange& other) const {
    return begin == other.begin && end == other.end;
  }
};

// Texts are UTF-8 without NUL. Where a text may be missing, the empty string
// means missing, so that nothing has two spellings. Numbers are finite.
struct Event {
  LogId log_id = {};
  uint64_t sequence = 0;       // 0 for the first event; no gaps
  Hash prev_hash = kZeroHash;  // leaf hash of the event before
  int64_t created_at_us = 0;   // microseconds since 1970-01-01 UTC
  std::string event_type;      // [a-z_.]{1,63}, no dot at either end
  std::string signer_id;       // key id (keys.h)

  std::optional<int32_t> collection_id;
  std::string collection_name;
  std::string previous_state;
  std::string new_state;
  std::optional<double> lambda_cut;
  std::optional<double> lambda_norm;
  std::optional<double> lambda2;
  std::string witness_edges_json;  // as stored; not parsed here
  std::string metadata_json;       // likewise

  // What this event declares pruned: present exactly when event_type is
  // kPruneEventType. Without such a signed statement an event whose payload is
  // missing counts as deleted. A prune that removes the payload of an earlier
  // prune event must cover that one's range too; "everything before X" does.
  std::optional<SequenceRange> pruned;

  bool operator==(const Event& other) const;
};

// The canonical payload. Negative zero is written as zero.
// InvalidArgument names the field that has no canonical form: a bad event type
// or key id, a text that is not UTF-8 or holds NUL, NaN or infinity, a prune
// range that is empty, missing, out of place, or not before the event itself;
// or a payload above kMaxPayloadBytes.
absl::StatusOr<std::string> Encode(const Event& event);

// The inverse: accepts exactly what Encode produces, so Encode(*Decode(p)) == p
// for every p that decodes. DataLoss names the offset and what is wrong there:
// unknown version or field, fields out of order, wrong sizes, values that
// Encode would have refused or written otherwise, trailing bytes. Never crashes
// on arbitrary bytes and allocates no more than the payload's size.
absl::StatusOr<Event> Decode(absl::string_view payload);

}  // namespace ruvector::audit

#endif  // RUVECTOR_CORE_AUDIT_EVENT_H_
