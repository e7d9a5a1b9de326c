#include "core/audit/chain.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace ruvector::audit {

absl::StatusOr<SealedEvent> ChainAppender::Seal(Event event, Signer& signer) {
  event.log_id = position_.log_id;
  event.sequence = position_.next_sequence;
  event.prev_hash = position_.head;
  event.signer_id = signer.key_id();
  SealedEvent sealed;
  RV_ASSIGN_OR_RETURN(sealed.payload, Encode(event));
  RV_ASSIGN_OR_RETURN(sealed.signature,
                      signer.Sign(kEventPrefix, sealed.payload));
  sealed.leaf_hash = LeafHash(crypto_, sealed.payload);
  position_.head = sealed.leaf_hash;
  ++position_.next_sequence;
  return sealed;
}

absl::string_view ChainFaultName(ChainFaultKind kind) {
  switch (kind) {
    case ChainFaultKind::kUndecodable:
      return "undecodable";
    case ChainFaultKind::kUnknownKey:
      return "unknown_key";
    case ChainFaultKind::kBadSignature:
      return "bad_signature";
    case ChainFaultKind::kWrongLog:
      return "wrong_log";
    case ChainFaultKind::kSequenceGap:
      return "sequence_gap";
    case ChainFaultKind::kOutOfOrder:
      return "out_of_order";
    case ChainFaultKind::kBrokenLink:
      return "broken_link";
    case ChainFaultKind::kKeyNotValid:
      return "key_not_valid";
    case ChainFaultKind::kKeyRevoked:
      return "key_revoked";
    case ChainFaultKind::kUnexplainedPrune:
      return "unexplained_prune";
    case ChainFaultKind::kCheckpointMismatch:
      return "checkpoint_mismatch";
    case ChainFaultKind::kCheckpointGap:
      return "checkpoint_gap";
    case ChainFaultKind::kCheckpointRepeated:
      return "checkpoint_repeated";
    case ChainFaultKind::kCheckpointLink:
      return "checkpoint_link";
  }
  return "unknown";
}

ChainVerifier::ChainVerifier(const Crypto& crypto, const KeySet& keys,
                             ChainPosition start)
    : crypto_(crypto),
      keys_(keys),
      log_id_(start.log_id),
      next_sequence_(start.next_sequence),
      head_(start.head),
      checkpoint_known_(start.next_sequence == 0),
      latest_us_(std::numeric_limits<int64_t>::min()),
      superseded_(keys.keys().size()) {}

std::optional<ChainFault> ChainVerifier::CheckEvent(absl::string_view payload,
                                                    const Signature& signature,
                                                    Event* event) {
  absl::StatusOr<Event> decoded = Decode(payload);
  if (!decoded.ok()) {
    ChainFault fault{ChainFaultKind::kUndecodable, place(),
                     std::string(decoded.status().message())};
    Skip();
    return fault;
  }
  // Until the signature has been checked, the fields are only a claim.
  if (auto fault =
          CheckSignature(kEventPrefix, payload, signature, decoded->signer_id,
                         decoded->log_id, place())) {
    Skip();
    return fault;
  }
  std::optional<ChainFault> fault = CheckSequence(decoded->sequence);
  if (fault && fault->kind == ChainFaultKind::kOutOfOrder) return fault;
  if (!fault) fault = CheckLink(*decoded);
  if (!fault) {
    fault = CheckKeyTime(decoded->signer_id, decoded->created_at_us,
                         decoded->sequence);
  }
  MoveTo(decoded->sequence, LeafHash(crypto_, payload));
  if (fault) return fault;
  NoteUse(*decoded);
  if (event != nullptr) *event = *std::move(decoded);
  return std::nullopt;
}

std::optional<ChainFault> ChainVerifier::CheckPruned(uint64_t sequence,
                                                     const Hash& leaf_hash) {
  std::optional<ChainFault> fault = CheckSequence(sequence);
  if (fault && fault->kind == ChainFaultKind::kOutOfOrder) return fault;
  if (!pruned_.empty() && pruned_.back().end == sequence) {
    ++pruned_.back().end;
  } else {
    pruned_.push_back({sequence, sequence + 1});
  }
  MoveTo(sequence, leaf_hash);
  return fault;
}

std::optional<ChainFault> ChainVerifier::AdmitPrune(
    absl::string_view payload, const Signature& signature) {
  const absl::StatusOr<Event> event = Decode(payload);
  if (!event.ok() || !event->pruned.has_value()) {
    return ChainFault{ChainFaultKind::kUndecodable, next_sequence_,
                      event.ok() ? "not a prune event"
                                 : std::string(event.status().message())};
  }
  if (auto fault =
          CheckSignature(kEventPrefix, payload, signature, event->signer_id,
                         event->log_id, event->sequence)) {
    return fault;
  }
  if (auto fault = CheckKeyTime(event->signer_id, event->created_at_us,
                                event->sequence)) {
    return fault;
  }
  explained_.push_back(*event->pruned);
  return std::nullopt;
}

std::optional<ChainFault> ChainVerifier::CheckCheckpointSignature(
    const SignedCheckpoint& checkpoint) const {
  const absl::StatusOr<Checkpoint> decoded =
      DecodeCheckpoint(checkpoint.payload);
  if (!decoded.ok()) {
    return ChainFault{ChainFaultKind::kUndecodable, next_sequence_,
                      std::string(decoded.status().message())};
  }
  return CheckSignature(kCheckpointPrefix, checkpoint.payload,
                        checkpoint.signature, decoded->signer_id,
                        decoded->log_id, next_sequence_);
}

std::optional<ChainFault> ChainVerifier::CheckCheckpoint(
    const SignedCheckpoint& checkpoint, const std::optional<Hash>& root) {
  if (auto fault = CheckCheckpointSignature(checkpoint)) return fault;
  const Checkpoint decoded = *DecodeCheckpoint(checkpoint.payload);
  if (auto fault = CheckKeyTime(decoded.signer_id, decoded.created_at_us,
                                next_sequence_)) {
    return fault;
  }
  if (lost_) return std::nullopt;
  if (decoded.tree_size != next_sequence_) {
    return ChainFault{ChainFaultKind::kCheckpointMismatch, next_sequence_,
                      absl::StrCat("checkpoint covers ", decoded.tree_size,
                                   " events, expected ", next_sequence_)};
  }
  if (head_.has_value() && decoded.head != *head_) {
    return ChainFault{ChainFaultKind::kCheckpointMismatch, next_sequence_,
                      absl::StrCat("checkpoint has head ", ToHex(decoded.head),
                                   ", the events have ", ToHex(*head_))};
  }
  if (root.has_value() && decoded.root != *root) {
    return ChainFault{ChainFaultKind::kCheckpointMismatch, next_sequence_,
                      absl::StrCat("checkpoint has root ", ToHex(decoded.root),
                                   ", the events have ", ToHex(*root))};
  }
  return std::nullopt;
}

std::optional<ChainFault> ChainVerifier::CheckNextCheckpoint(
    const SignedCheckpoint& checkpoint, const std::optional<Hash>& root) {
  if (auto fault = CheckCheckpoint(checkpoint, root)) {
    checkpoint_known_ = false;
    return fault;
  }
  const Checkpoint decoded = *DecodeCheckpoint(checkpoint.payload);
  std::optional<ChainFault> fault = CheckCheckpointLink(decoded);
  if (fault && fault->kind == ChainFaultKind::kCheckpointRepeated) return fault;
  checkpoint_known_ = true;
  next_checkpoint_ = decoded.number + 1;
  last_checkpoint_ = CheckpointHash(crypto_, checkpoint.payload);
  return fault;
}

std::optional<ChainFault> ChainVerifier::CheckCheckpointLink(
    const Checkpoint& checkpoint) const {
  if (!checkpoint_known_) return std::nullopt;
  const auto fault = [&](ChainFaultKind kind, std::string detail) {
    return ChainFault{kind, next_sequence_, std::move(detail)};
  };
  if (checkpoint.number < next_checkpoint_) {
    return fault(
        ChainFaultKind::kCheckpointRepeated,
        absl::StrCat("checkpoint ", checkpoint.number,
                     " comes again or late, expected ", next_checkpoint_));
  }
  if (checkpoint.number > next_checkpoint_) {
    return fault(
        ChainFaultKind::kCheckpointGap,
        absl::StrCat("checkpoints ", next_checkpoint_, " to ",
                     checkpoint.number - 1, " are missing before checkpoint ",
                     checkpoint.number));
  }
  if (checkpoint.previous != last_checkpoint_) {
    return fault(
        ChainFaultKind::kCheckpointLink,
        absl::StrCat("checkpoint ", checkpoint.number, " names ",
                     ToHex(checkpoint.previous),
                     " as the one before, which is ", ToHex(last_checkpoint_)));
  }
  return std::nullopt;
}

std::vector<ChainFault> ChainVerifier::Finish() const {
  std::vector<SequenceRange> explained = explained_;
  std::sort(explained.begin(), explained.end(),
            [](const SequenceRange& a, const SequenceRange& b) {
              return a.begin < b.begin;
            });
  std::vector<ChainFault> faults;
  const auto report = [&](uint64_t begin, uint64_t end) {
    faults.push_back(
        {ChainFaultKind::kUnexplainedPrune, begin,
         absl::StrCat("payloads of events ", begin, " to ", end - 1,
                      " are missing and no prune event says so")});
  };
  for (const SequenceRange& run : pruned_) {
    uint64_t covered = run.begin;
    for (const SequenceRange& range : explained) {
      if (covered >= run.end || range.begin >= run.end) break;
      if (range.begin > covered) report(covered, range.begin);
      covered = std::max({covered, range.begin, range.end});
    }
    if (covered < run.end) report(covered, run.end);
  }
  return faults;
}

std::optional<ChainFault> ChainVerifier::CheckSignature(
    absl::string_view prefix, absl::string_view payload,
    const Signature& signature, const std::string& signer_id,
    const LogId& log_id, uint64_t sequence) const {
  const TrustedKey* const key = keys_.Find(signer_id);
  if (key == nullptr) {
    return ChainFault{
        ChainFaultKind::kUnknownKey, sequence,
        absl::StrCat("key \"", signer_id, "\" is not among the trusted keys")};
  }
  if (!VerifySignature(crypto_, key->public_key, prefix, payload, signature)) {
    return ChainFault{
        ChainFaultKind::kBadSignature, sequence,
        absl::StrCat("signature does not verify with key \"", key->id, "\"")};
  }
  if (log_id != log_id_) {
    return ChainFault{ChainFaultKind::kWrongLog, sequence,
                      absl::StrCat("belongs to log \"", ToHex(log_id),
                                   "\", expected \"", ToHex(log_id_), "\"")};
  }
  return std::nullopt;
}

std::optional<ChainFault> ChainVerifier::CheckSequence(
    uint64_t sequence) const {
  if (sequence < next_sequence_) {
    return ChainFault{ChainFaultKind::kOutOfOrder, sequence,
                      absl::StrCat("event ", sequence, " comes again or late, ",
                                   "expected ", next_sequence_)};
  }
  if (sequence > next_sequence_ && !lost_) {
    return ChainFault{
        ChainFaultKind::kSequenceGap, next_sequence_,
        absl::StrCat("events ", next_sequence_, " to ", sequence - 1,
                     " are missing before event ", sequence)};
  }
  return std::nullopt;
}

std::optional<ChainFault> ChainVerifier::CheckLink(const Event& event) const {
  if (!head_.has_value() || event.prev_hash == *head_) return std::nullopt;
  return ChainFault{
      ChainFaultKind::kBrokenLink, event.sequence,
      absl::StrCat("names ", ToHex(event.prev_hash),
                   " as the event before, which is ", ToHex(*head_))};
}

std::optional<ChainFault> ChainVerifier::CheckKeyTime(
    const std::string& signer_id, int64_t created_at_us,
    uint64_t sequence) const {
  const TrustedKey& key = *keys_.Find(signer_id);
  const auto fault = [&](ChainFaultKind kind, absl::string_view why,
                         const std::optional<int64_t>& limit) {
    return ChainFault{
        kind, sequence,
        absl::StrCat("signed at ", FormatTimeUs(created_at_us), " by key \"",
                     key.id, "\", which ", why, " ", FormatTimeUs(*limit))};
  };
  if (key.valid_from_us.has_value() &&
      std::max(created_at_us, latest_us_) < *key.valid_from_us) {
    return fault(ChainFaultKind::kKeyNotValid, "is valid from",
                 key.valid_from_us);
  }
  const bool superseded = superseded_[&key - keys_.keys().data()];
  const auto ended = [&](const std::optional<int64_t>& end) {
    return end.has_value() &&
           (created_at_us >= *end || (superseded && *end == *key.end_us()));
  };
  if (ended(key.revoked_at_us)) {
    return fault(ChainFaultKind::kKeyRevoked, "was revoked at",
                 key.revoked_at_us);
  }
  if (ended(key.valid_until_us)) {
    return fault(ChainFaultKind::kKeyNotValid, "was valid until",
                 key.valid_until_us);
  }
  return std::nullopt;
}

void ChainVerifier::MoveTo(uint64_t sequence, const Hash& leaf_hash) {
  next_sequence_ = sequence + 1;
  head_ = leaf_hash;
  lost_ = false;
  skipped_ = 0;
}

void ChainVerifier::NoteUse(const Event& event) {
  latest_us_ = std::max(latest_us_, event.created_at_us);
  if (event.pruned.has_value()) explained_.push_back(*event.pruned);
  const std::vector<TrustedKey>& keys = keys_.keys();
  for (size_t i = 0; i < keys.size(); ++i) {
    const std::optional<int64_t> end = keys[i].end_us();
    if (end.has_value() && *end <= event.created_at_us &&
        keys[i].id != event.signer_id) {
      superseded_[i] = true;
    }
  }
}

}  // namespace ruvector::audit
