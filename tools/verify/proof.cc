#include "tools/verify/proof.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/audit/chain.h"
#include "core/audit/merkle.h"
#include "core/base/status_macros.h"

namespace ruvector::audit {
namespace {

using Json = nlohmann::json;

absl::Status BadMember(absl::string_view name, absl::string_view expected) {
  return absl::InvalidArgumentError(
      absl::StrCat("proof: \"", name, "\" must be ", expected));
}

absl::StatusOr<uint64_t> NumberIn(const Json& json, const char* name) {
  if (!json.contains(name) || !json[name].is_number_unsigned()) {
    return BadMember(name, "a number that is not negative");
  }
  return json[name].get<uint64_t>();
}

absl::StatusOr<std::string> BytesIn(const Json& json, const char* name) {
  std::optional<std::string> bytes;
  if (json.contains(name) && json[name].is_string()) {
    bytes =
        FromHex(absl::string_view(json[name].get_ref<const std::string&>()));
  }
  if (!bytes.has_value()) return BadMember(name, "lower-case hex digits");
  return *std::move(bytes);
}

template <typename Array>
absl::StatusOr<Array> ArrayIn(const Json& json, const char* name) {
  RV_ASSIGN_OR_RETURN(const std::string bytes, BytesIn(json, name));
  const std::optional<Array> array = FromBytes<Array>(bytes);
  if (!array.has_value()) {
    return BadMember(name, absl::StrCat(Array().size(), " bytes in hex"));
  }
  return *array;
}

absl::StatusOr<std::vector<Hash>> ProofIn(const Json& json) {
  if (!json.contains("proof") || !json["proof"].is_array()) {
    return BadMember("proof", "a list of hashes");
  }
  std::vector<Hash> hashes;
  for (const Json& item : json["proof"]) {
    RV_ASSIGN_OR_RETURN(hashes.emplace_back(),
                        ArrayIn<Hash>(Json{{"proof", item}}, "proof"));
  }
  return hashes;
}

absl::Status FromFault(absl::string_view what, const ChainFault& fault) {
  return absl::DataLossError(
      absl::StrCat(what, ": ", ChainFaultName(fault.kind), ", ", fault.detail));
}

// The given checkpoint of that size, its signature and key judged.
absl::StatusOr<Checkpoint> CheckpointOf(
    const Crypto& crypto, const KeySet& keys,
    const std::vector<SignedCheckpoint>& checkpoints, uint64_t size) {
  for (const SignedCheckpoint& given : checkpoints) {
    const absl::StatusOr<Checkpoint> checkpoint =
        DecodeCheckpoint(given.payload);
    if (!checkpoint.ok() || checkpoint->tree_size != size) continue;
    ChainVerifier verifier(
        crypto, keys,
        ChainPosition{checkpoint->log_id, size, checkpoint->head});
    if (auto fault = verifier.CheckCheckpoint(given, std::nullopt)) {
      return FromFault(absl::StrCat("checkpoint of ", size, " events"), *fault);
    }
    return *checkpoint;
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "the proof needs a checkpoint of ", size, " events: none is given"));
}

// The event that the proof may carry: it must be the leaf, in this log, signed.
absl::Status CheckCarriedEvent(const Crypto& crypto, const KeySet& keys,
                               const Json& json, const LogId& log_id,
                               uint64_t sequence, const Hash& leaf_hash) {
  RV_ASSIGN_OR_RETURN(const std::string payload, BytesIn(json, "payload"));
  RV_ASSIGN_OR_RETURN(const Signature signature,
                      ArrayIn<Signature>(json, "signature"));
  ChainVerifier verifier(crypto, keys,
                         ChainPosition{log_id, sequence, kZeroHash});
  verifier.ForgetHead();
  if (auto fault = verifier.CheckEvent(payload, signature)) {
    return FromFault(absl::StrCat("event ", sequence), *fault);
  }
  if (verifier.head() != leaf_hash) {
    return absl::DataLossError("the event is not the one the proof is about");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> VerifyInclusionProof(
    const Crypto& crypto, const KeySet& keys,
    const std::vector<SignedCheckpoint>& checkpoints, const Json& json) {
  RV_ASSIGN_OR_RETURN(const uint64_t index, NumberIn(json, "id"));
  RV_ASSIGN_OR_RETURN(const uint64_t size, NumberIn(json, "tree_size"));
  RV_ASSIGN_OR_RETURN(const Hash leaf, ArrayIn<Hash>(json, "leaf_hash"));
  RV_ASSIGN_OR_RETURN(const std::vector<Hash> proof, ProofIn(json));
  RV_ASSIGN_OR_RETURN(const Checkpoint checkpoint,
                      CheckpointOf(crypto, keys, checkpoints, size));
  RV_RETURN_IF_ERROR(
      VerifyInclusion(crypto, index, size, leaf, proof, checkpoint.root));
  const bool carries_event = json.contains("payload");
  if (carries_event) {
    RV_RETURN_IF_ERROR(
        CheckCarriedEvent(crypto, keys, json, checkpoint.log_id, index, leaf));
  }
  return absl::StrCat(carries_event ? "the event" : "the leaf hash",
                      " is number ", index, " of log ",
                      ToHex(checkpoint.log_id), " as its checkpoint of ", size,
                      " events has it");
}

absl::StatusOr<std::string> VerifyConsistencyProof(
    const Crypto& crypto, const KeySet& keys,
    const std::vector<SignedCheckpoint>& checkpoints, const Json& json) {
  RV_ASSIGN_OR_RETURN(const uint64_t old_size, NumberIn(json, "old_size"));
  RV_ASSIGN_OR_RETURN(const uint64_t new_size, NumberIn(json, "new_size"));
  RV_ASSIGN_OR_RETURN(const std::vector<Hash> proof, ProofIn(json));
  RV_ASSIGN_OR_RETURN(const Checkpoint older,
                      CheckpointOf(crypto, keys, checkpoints, old_size));
  RV_ASSIGN_OR_RETURN(const Checkpoint newer,
                      CheckpointOf(crypto, keys, checkpoints, new_size));
  if (older.log_id != newer.log_id) {
    return absl::DataLossError("the two checkpoints are of different logs");
  }
  RV_RETURN_IF_ERROR(VerifyConsistency(crypto, old_size, new_size, older.root,
                                       newer.root, proof));
  return absl::StrCat("log ", ToHex(newer.log_id), " of ", new_size,
                      " events begins with the ", old_size,
                      " events of the older checkpoint, unchanged");
}

}  // namespace

absl::StatusOr<std::string> VerifyProof(
    const Crypto& crypto, const KeySet& keys,
    const std::vector<SignedCheckpoint>& checkpoints, absl::string_view json) {
  const Json parsed = Json::parse(json.begin(), json.end(), nullptr,
                                  /*allow_exceptions=*/false);
  if (!parsed.is_object()) {
    return absl::InvalidArgumentError("proof: not a JSON object");
  }
  return parsed.contains("tree_size")
             ? VerifyInclusionProof(crypto, keys, checkpoints, parsed)
             : VerifyConsistencyProof(crypto, keys, checkpoints, parsed);
}

}  // namespace ruvector::audit
