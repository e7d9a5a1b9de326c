#include "core/audit/checkpoint.h"

#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/audit/keys.h"
#include "core/audit/wire.h"
#include "core/base/status_macros.h"

namespace ruvector::audit {
namespace {

constexpr absl::string_view kTextTag = "ruvector-checkpoint-1";
constexpr size_t kPayloadBytes = 201;

auto Tied(const Checkpoint& c) {
  return std::tie(c.log_id, c.number, c.tree_size, c.root, c.head, c.previous,
                  c.created_at_us, c.signer_id);
}

bool IsConsistent(const Checkpoint& checkpoint) {
  return IsKeyId(checkpoint.signer_id) &&
         (checkpoint.tree_size != 0 || checkpoint.head == kZeroHash) &&
         checkpoint.number != 0 &&
         (checkpoint.number == 1) == (checkpoint.previous == kZeroHash);
}

constexpr char kInconsistent[] =
    "checkpoint has a bad key id, a head but no events, or a number that does "
    "not go with its predecessor";

absl::string_view TakeBytes(size_t count, absl::string_view* rest) {
  const absl::string_view taken = rest->substr(0, count);
  rest->remove_prefix(count);
  return taken;
}

}  // namespace

bool Checkpoint::operator==(const Checkpoint& other) const {
  return Tied(*this) == Tied(other);
}

Hash CheckpointHash(const Crypto& crypto, absl::string_view payload) {
  return crypto.Sha256(absl::string_view("\x02", 1), payload);
}

absl::StatusOr<std::string> EncodeCheckpoint(const Checkpoint& checkpoint) {
  if (!IsConsistent(checkpoint)) {
    return absl::InvalidArgumentError(kInconsistent);
  }
  std::string payload(1, static_cast<char>(kCheckpointVersion));
  absl::StrAppend(&payload, AsView(checkpoint.log_id));
  AppendBigEndian(checkpoint.number, &payload);
  AppendBigEndian(checkpoint.tree_size, &payload);
  absl::StrAppend(&payload, AsView(checkpoint.root), AsView(checkpoint.head),
                  AsView(checkpoint.previous));
  AppendBigEndian(static_cast<uint64_t>(checkpoint.created_at_us), &payload);
  absl::StrAppend(&payload, checkpoint.signer_id);
  return payload;
}

absl::StatusOr<Checkpoint> DecodeCheckpoint(absl::string_view payload) {
  if (payload.size() != kPayloadBytes) {
    return absl::DataLossError(absl::StrCat(
        "checkpoint has ", payload.size(), " bytes, expected ", kPayloadBytes));
  }
  if (static_cast<uint8_t>(payload[0]) != kCheckpointVersion) {
    return absl::DataLossError(absl::StrCat("checkpoint has version ",
                                            static_cast<uint8_t>(payload[0]),
                                            ", expected ", kCheckpointVersion));
  }
  absl::string_view rest = payload.substr(1);
  Checkpoint checkpoint;
  checkpoint.log_id = *FromBytes<LogId>(TakeBytes(16, &rest));
  checkpoint.number = ReadBigEndian<uint64_t>(TakeBytes(8, &rest));
  checkpoint.tree_size = ReadBigEndian<uint64_t>(TakeBytes(8, &rest));
  checkpoint.root = *FromBytes<Hash>(TakeBytes(32, &rest));
  checkpoint.head = *FromBytes<Hash>(TakeBytes(32, &rest));
  checkpoint.previous = *FromBytes<Hash>(TakeBytes(32, &rest));
  checkpoint.created_at_us =
      static_cast<int64_t>(ReadBigEndian<uint64_t>(TakeBytes(8, &rest)));
  checkpoint.signer_id = std::string(rest);
  if (!IsConsistent(checkpoint)) {
    return absl::DataLossError(kInconsistent);
  }
  return checkpoint;
}

absl::StatusOr<SignedCheckpoint> SignCheckpoint(Checkpoint checkpoint,
                                                Signer& signer) {
  checkpoint.signer_id = signer.key_id();
  SignedCheckpoint signed_checkpoint;
  RV_ASSIGN_OR_RETURN(signed_checkpoint.payload, EncodeCheckpoint(checkpoint));
  RV_ASSIGN_OR_RETURN(
      signed_checkpoint.signature,
      signer.Sign(kCheckpointPrefix, signed_checkpoint.payload));
  return signed_checkpoint;
}

std::string FormatCheckpoint(const SignedCheckpoint& checkpoint) {
  return absl::StrCat(kTextTag, " ", ToBase64(checkpoint.payload), " ",
                      ToBase64(AsView(checkpoint.signature)));
}

absl::StatusOr<SignedCheckpoint> ParseCheckpoint(absl::string_view line) {
  const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
  if (words.size() != 3 || words[0] != kTextTag) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected \"", kTextTag, " <payload> <signature>\""));
  }
  const std::optional<std::string> payload = FromBase64(words[1]);
  const std::optional<std::string> signature = FromBase64(words[2]);
  if (!payload.has_value() || !signature.has_value() ||
      !FromBytes<Signature>(*signature).has_value()) {
    return absl::InvalidArgumentError(
        "checkpoint's payload or signature is not base64 of the right size");
  }
  return SignedCheckpoint{*payload, *FromBytes<Signature>(*signature)};
}

}  // namespace ruvector::audit
