// The export: a log, or its end, as one text file that anyone can check with
// the public keys alone (docs/formats/audit-log.md, "Export file").
//
// Lines of printable ASCII, each ending in a check of 16 hexadecimal digits and
// a newline. In order:
//   ruvector-export-1 <checkpoint payload> <signature>   what the file must
//   hold start <sequence> <frontier hash>...                  where it begins
//   event <payload> <signature>
//   pruned <sequence> <leaf hash>                        payload is gone
//   checkpoint <payload> <signature>                     earlier ones, in place
// Payloads and signatures are base64, hashes hexadecimal. The first line is a
// checkpoint made for the export: it commits to the size and root of everything
// that follows, so a file that was cut is short of what it announces. The check
// tells damage from tampering, no more: anyone can compute it. The public keys
// are not in the file: what vouches for itself proves nothing.
#ifndef RUVECTOR_CORE_AUDIT_EXPORT_FILE_H_
#define RUVECTOR_CORE_AUDIT_EXPORT_FILE_H_

#include <cstdint>
#include <functional>
#include <istream>
#include <optional>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/audit/checkpoint.h"
#include "core/audit/crypto.h"
#include "core/audit/merkle.h"
#include "core/audit/types.h"
#include "core/base/no_postgres.h"

namespace ruvector::audit {

struct ExportHeader {
  SignedCheckpoint checkpoint;
};
// The log before the first event of the file: nothing, or the tree of what is
// left out. tree.size() is the sequence of the first event.
struct ExportStart {
  MerkleFrontier tree;
};
struct ExportEvent {
  std::string payload;
  Signature signature = {};
};
struct ExportPruned {
  uint64_t sequence = 0;
  Hash leaf_hash = {};
};
using ExportRecord = std::variant<ExportHeader, ExportStart, ExportEvent,
                                  ExportPruned, SignedCheckpoint>;

// One line with its check and newline.
std::string FormatExportLine(const Crypto& crypto, const ExportRecord& record);

// Writes the lines in their order and refuses a file that would not verify for
// want of events, unless the caller says that they are missing. Checks no
// signature. [single-thread]
class ExportWriter {
 public:
  // Receives whole lines. Its errors are returned and end the export.
  using Sink = std::function<absl::Status(absl::string_view line)>;

  ExportWriter(const Crypto& crypto, Sink sink)
      : crypto_(crypto), sink_(std::move(sink)) {}

  // First. `closing` was made for this export: its tree_size is where the file
  // will end. InvalidArgument if it does not decode or ends before `start`.
  absl::Status Begin(const SignedCheckpoint& closing, const ExportStart& start);

  // Then each sequence once, ascending, as one or the other. OutOfRange past
  // the announced size; InvalidArgument for another sequence than
  // next_sequence().
  absl::Status Event(absl::string_view payload, const Signature& signature);
  absl::Status Pruned(uint64_t sequence, const Hash& leaf_hash);
  // The events from next_sequence() up to, not including, `sequence` are not
  // there to be written: the file has a gap, which a verifier will name.
  // Nothing to do for next_sequence() itself; InvalidArgument for less,
  // OutOfRange past the announced size.
  absl::Status Missing(uint64_t sequence);
  // After the last event it covers: InvalidArgument unless its tree_size is
  // next_sequence().
  absl::Status Checkpoint(const SignedCheckpoint& checkpoint);

  // Last. FailedPrecondition if events are missing.
  absl::Status Finish() const;

  uint64_t next_sequence() const { return next_sequence_; }

 private:
  absl::Status Write(const ExportRecord& record);
  absl::Status Advance();

  Crypto crypto_;
  Sink sink_;
  uint64_t next_sequence_ = 0;
  uint64_t size_ = 0;
};

// Reads line by line in bounded memory. [single-thread]
class ExportReader {
 public:
  // `input` must outlive the reader.
  ExportReader(const Crypto& crypto, std::istream& input)
      : crypto_(crypto), input_(input) {}

  // The next record; nullopt at the end. DataLoss for a line that is damaged:
  // its check disagrees, or it is not what FormatExportLine would have written,
  // or it is out of place, or it has no newline. The next call reads on behind
  // it.
  absl::StatusOr<std::optional<ExportRecord>> Next();

  // Number of the line last read, from 1.
  uint64_t line() const { return line_; }

 private:
  absl::StatusOr<std::optional<std::string>> ReadLine();

  Crypto crypto_;
  std::istream& input_;
  uint64_t line_ = 0;
};

}  // namespace ruvector::audit

#endif  // RUVECTOR_CORE_AUDIT_EXPORT_FILE_H_
