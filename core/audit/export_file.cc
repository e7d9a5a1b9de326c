#include "core/audit/export_file.h"

#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/audit/event.h"
#include "core/base/status_macros.h"

namespace ruvector::audit {
namespace {

constexpr absl::string_view kHeaderTag = "ruvector-export-1";
constexpr absl::string_view kStartTag = "start";
constexpr absl::string_view kEventTag = "event";
constexpr absl::string_view kPrunedTag = "pruned";
constexpr absl::string_view kCheckpointTag = "checkpoint";

constexpr size_t kCheckDigits = 16;
constexpr size_t kMaxLineBytes = kMaxPayloadBytes / 3 * 4 + 1024;

using Words = std::vector<absl::string_view>;

std::string Check(const Crypto& crypto, absl::string_view body) {
  return ToHex(AsView(crypto.Sha256(body)).substr(0, kCheckDigits / 2));
}

std::string SignedBody(absl::string_view tag, absl::string_view payload,
                       const Signature& signature) {
  return absl::StrCat(tag, " ", ToBase64(payload), " ",
                      ToBase64(AsView(signature)));
}

struct BodyFormatter {
  std::string operator()(const ExportHeader& header) const {
    return SignedBody(kHeaderTag, header.checkpoint.payload,
                      header.checkpoint.signature);
  }
  std::string operator()(const ExportStart& start) const {
    std::string body = absl::StrCat(kStartTag, " ", start.tree.size());
    for (const Hash& hash : start.tree.hashes()) {
      absl::StrAppend(&body, " ", ToHex(hash));
    }
    return body;
  }
  std::string operator()(const ExportEvent& event) const {
    return SignedBody(kEventTag, event.payload, event.signature);
  }
  std::string operator()(const ExportPruned& pruned) const {
    return absl::StrCat(kPrunedTag, " ", pruned.sequence, " ",
                        ToHex(pruned.leaf_hash));
  }
  std::string operator()(const SignedCheckpoint& checkpoint) const {
    return SignedBody(kCheckpointTag, checkpoint.payload, checkpoint.signature);
  }
};

std::string FormatBody(const ExportRecord& record) {
  return std::visit(BodyFormatter(), record);
}

// The Parse functions may forgive: the caller formats again and compares.

template <typename Signed>
std::optional<Signed> ParseSigned(const Words& words) {
  if (words.size() != 3) return std::nullopt;
  std::optional<std::string> payload = FromBase64(words[1]);
  const std::optional<std::string> signature = FromBase64(words[2]);
  if (!payload.has_value() || !signature.has_value()) return std::nullopt;
  const std::optional<Signature> bytes = FromBytes<Signature>(*signature);
  if (!bytes.has_value()) return std::nullopt;
  return Signed{*std::move(payload), *bytes};
}

std::optional<ExportRecord> ParseStart(const Words& words) {
  uint64_t size = 0;
  if (words.size() < 2 || !absl::SimpleAtoi(words[1], &size)) {
    return std::nullopt;
  }
  std::vector<Hash> hashes;
  for (size_t i = 2; i < words.size(); ++i) {
    const std::optional<Hash> hash = FromHex<Hash>(words[i]);
    if (!hash.has_value()) return std::nullopt;
    hashes.push_back(*hash);
  }

  absl::StatusOr<MerkleFrontier> tree =
      MerkleFrontier::FromHashes(size, std::move(hashes));
  if (!tree.ok()) return std::nullopt;
  return ExportStart{*std::move(tree)};
}

std::optional<ExportRecord> ParsePruned(const Words& words) {
  ExportPruned pruned;
  if (words.size() != 3 || !absl::SimpleAtoi(words[1], &pruned.sequence)) {
    return std::nullopt;
  }
  const std::optional<Hash> hash = FromHex<Hash>(words[2]);
  if (!hash.has_value()) return std::nullopt;
  pruned.leaf_hash = *hash;
  return pruned;
}

std::optional<ExportRecord> ParseBody(absl::string_view body) {
  const Words words = absl::StrSplit(body, ' ');
  if (words[0] == kHeaderTag) {
    std::optional<SignedCheckpoint> parsed =
        ParseSigned<SignedCheckpoint>(words);
    if (parsed.has_value()) return ExportHeader{*std::move(parsed)};
  } else if (words[0] == kStartTag) {
    return ParseStart(words);
  } else if (words[0] == kEventTag) {
    if (auto parsed = ParseSigned<ExportEvent>(words)) return *parsed;
  } else if (words[0] == kPrunedTag) {
    return ParsePruned(words);
  } else if (words[0] == kCheckpointTag) {
    if (auto parsed = ParseSigned<SignedCheckpoint>(words)) return *parsed;
  }
  return std::nullopt;
}

bool IsInPlace(const ExportRecord& record, uint64_t line) {
  return std::holds_alternative<ExportHeader>(record) == (line == 1) &&
         std::holds_alternative<ExportStart>(record) == (line == 2);
}

absl::Status Damaged(absl::string_view why) { return absl::DataLossError(why); }

}  // namespace

std::string FormatExportLine(const Crypto& crypto, const ExportRecord& record) {
  const std::string body = FormatBody(record);
  return absl::StrCat(body, " ", Check(crypto, body), "\n");
}

absl::Status ExportWriter::Begin(const SignedCheckpoint& closing,
                                 const ExportStart& start) {
  const absl::StatusOr<audit::Checkpoint> checkpoint =
      DecodeCheckpoint(closing.payload);
  if (!checkpoint.ok() || checkpoint->tree_size < start.tree.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "closing checkpoint must cover at least the ", start.tree.size(),
        " events before the export, ",
        checkpoint.ok() ? absl::StrCat("covers ", checkpoint->tree_size)
                        : checkpoint.status().message()));
  }
  next_sequence_ = start.tree.size();
  size_ = checkpoint->tree_size;
  RV_RETURN_IF_ERROR(Write(ExportHeader{closing}));
  return Write(start);
}

absl::Status ExportWriter::Event(absl::string_view payload,
                                 const Signature& signature) {
  RV_RETURN_IF_ERROR(Advance());
  return Write(ExportEvent{std::string(payload), signature});
}

absl::Status ExportWriter::Pruned(uint64_t sequence, const Hash& leaf_hash) {
  if (sequence != next_sequence_) {
    return absl::InvalidArgumentError(absl::StrCat(
        "event ", sequence, " is out of place, expected ", next_sequence_));
  }
  RV_RETURN_IF_ERROR(Advance());
  return Write(ExportPruned{sequence, leaf_hash});
}

absl::Status ExportWriter::Missing(uint64_t sequence) {
  if (sequence < next_sequence_) {
    return absl::InvalidArgumentError(absl::StrCat(
        "event ", sequence, " is out of place, expected ", next_sequence_));
  }
  if (sequence > size_) {
    return absl::OutOfRangeError(
        absl::StrCat("event ", sequence, " is beyond the ", size_,
                     " events that the closing checkpoint covers"));
  }
  next_sequence_ = sequence;
  return absl::OkStatus();
}

absl::Status ExportWriter::Checkpoint(const SignedCheckpoint& checkpoint) {
  RV_ASSIGN_OR_RETURN(const audit::Checkpoint decoded,
                      DecodeCheckpoint(checkpoint.payload));
  if (decoded.tree_size != next_sequence_) {
    return absl::InvalidArgumentError(
        absl::StrCat("checkpoint covers ", decoded.tree_size,
                     " events, expected ", next_sequence_));
  }
  return Write(checkpoint);
}

absl::Status ExportWriter::Finish() const {
  if (next_sequence_ != size_) {
    return absl::FailedPreconditionError(
        absl::StrCat("export ends before event ", next_sequence_,
                     ", expected to hold events up to ", size_));
  }
  return absl::OkStatus();
}

absl::Status ExportWriter::Advance() {
  if (next_sequence_ >= size_) {
    return absl::OutOfRangeError(
        absl::StrCat("event ", next_sequence_, " is beyond the ", size_,
                     " events that the closing checkpoint covers"));
  }
  ++next_sequence_;
  return absl::OkStatus();
}

absl::Status ExportWriter::Write(const ExportRecord& record) {
  return sink_(FormatExportLine(crypto_, record));
}

absl::StatusOr<std::optional<ExportRecord>> ExportReader::Next() {
  RV_ASSIGN_OR_RETURN(const std::optional<std::string> line, ReadLine());
  if (!line.has_value()) return std::nullopt;
  if (line->size() <= kCheckDigits) return Damaged("line is too short");
  const absl::string_view text = *line;
  const size_t space = text.size() - kCheckDigits - 1;
  const absl::string_view body = text.substr(0, space);
  if (text[space] != ' ' || text.substr(space + 1) != Check(crypto_, body)) {
    return Damaged("line disagrees with its check");
  }
  std::optional<ExportRecord> record = ParseBody(body);
  if (!record.has_value() || FormatBody(*record) != body) {
    return Damaged("line is not a record in its only form");
  }
  if (!IsInPlace(*record, line_)) return Damaged("line is out of place");
  return record;
}

absl::StatusOr<std::optional<std::string>> ExportReader::ReadLine() {
  std::string line;
  bool too_long = false;
  while (true) {
    char chunk[4096];
    input_.getline(chunk, sizeof chunk);
    const auto got = static_cast<size_t>(input_.gcount());
    if (input_.eof() || input_.bad()) {
      if (got == 0 && line.empty() && !too_long) return std::nullopt;
      ++line_;
      return Damaged("line is cut short");
    }
    const bool more = input_.fail();  // no newline within the chunk
    input_.clear();
    if (!too_long) line.append(chunk, more ? got : got - 1);
    if (line.size() > kMaxLineBytes) {
      too_long = true;
      line.clear();
    }
    if (!more) break;
  }
  ++line_;
  if (too_long) return Damaged("line is too long");
  return line;
}

}  // namespace ruvector::audit
