// Verifies an export from end to end: damage, signatures, keys, chain, tree.
#ifndef RUVECTOR_CORE_AUDIT_EXPORT_VERIFIER_H_
#define RUVECTOR_CORE_AUDIT_EXPORT_VERIFIER_H_

#include <cstdint>
#include <functional>
#include <istream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/audit/checkpoint.h"
#include "core/audit/crypto.h"
#include "core/audit/event.h"
#include "core/audit/keys.h"
#include "core/audit/types.h"
#include "core/base/no_postgres.h"

namespace ruvector::audit {

// At most this many faults are kept; all are counted.
inline constexpr size_t kMaxReportedFaults = 100;

struct ExportFault {
  // ChainFaultName, or one of the file's own: "damaged_line", "missing_events"
  // (the file ends early), "extra_events", "checkpoint_not_covered" (a given
  // checkpoint cannot be compared with this file).
  std::string kind;
  std::optional<uint64_t> sequence;  // of the event at fault, where one is
  std::optional<uint64_t> line;      // of the file; none for a given checkpoint
  std::string detail;
};

struct ExportReport {
  std::optional<LogId> log_id;  // from the closing checkpoint
  uint64_t start = 0;           // the file covers [start, size)
  uint64_t size = 0;
  uint64_t events_verified = 0;  // decoded, signed, linked, in place
  uint64_t events_pruned = 0;
  uint64_t checkpoints_verified = 0;  // in the file, the closing one included
  uint64_t anchors_verified = 0;      // given from outside
  std::map<std::string, uint64_t> events_by_key;  // verified ones
  std::optional<int64_t> first_us, last_us;       // created_at of verified ones
  uint64_t clock_steps_back = 0;  // an event older than the one before

  uint64_t fault_count = 0;
  std::vector<ExportFault> faults;  // in file order; the first is the verdict

  bool ok() const { return fault_count == 0; }
};

struct ExportVerifyOptions {
  // Checkpoints that left the machine earlier: the log must still contain them.
  std::vector<SignedCheckpoint> anchors;
  // Called for every verified event, in order.
  std::function<void(const Event&)> on_event;
};

// Reads `input` to its end. Whatever the bytes are, the answer is a report; its
// ok() means: every event in the file is signed by a trusted key that was valid
// then, each follows the one before, missing payloads were pruned by a signed
// event, the checkpoints follow each other likewise, and the whole is exactly
// what the closing checkpoint and every anchor commit to. An anchor must be the
// file's own checkpoint of its number. [single-thread]
ExportReport VerifyExport(const Crypto& crypto, const KeySet& keys,
                          std::istream& input,
                          const ExportVerifyOptions& options = {});

}  // namespace ruvector::audit

#endif  // RUVECTOR_CORE_AUDIT_EXPORT_VERIFIER_H_
