#include "pgext/audit/key_lineage.h"

#include <algorithm>
#include <optional>

#include "core/audit/signer.h"
#include "core/base/status_macros.h"
#include "nlohmann/json.hpp"

namespace ruvector::audit {
namespace {

std::string Member(const nlohmann::json& metadata, const char* name) {
  if (!metadata.is_object()) return "";
  const auto found = metadata.find(name);
  return found != metadata.end() && found->is_string()
             ? found->get<std::string>()
             : std::string();
}

nlohmann::json Metadata(const Event& event) {
  return nlohmann::json::parse(event.metadata_json, nullptr, false);
}

void EndAt(int64_t us, std::optional<int64_t>& end) {
  end = std::min(end.value_or(us), us);
}

}  // namespace

void KeyLineage::Admit(uint64_t sequence, absl::string_view payload,
                       const Signature& signature) {
  const absl::StatusOr<Event> event = Decode(payload);
  if (!event.ok() || event->sequence != sequence) return;
  const TrustedKey* const signer = registered_.Find(event->signer_id);
  if (signer == nullptr || !VerifySignature(crypto_, signer->public_key,
                                            kEventPrefix, payload, signature)) {
    return;
  }
  if (sequence == 0) {
    log_id_ = event->log_id;
    counted_.emplace(signer->id, *signer);
  }
  if (counted_.empty() || event->log_id != log_id_) return;
  if (event->event_type == kRotationEventType) AdmitRotation(*event);
  if (event->event_type == kRevocationEventType) AdmitRevocation(*event);
}

void KeyLineage::AdmitRotation(const Event& event) {
  const nlohmann::json metadata = Metadata(event);
  const std::string id = Member(metadata, "new_key");
  const bool vouched =
      counted_.count(event.signer_id) != 0 ||
      (event.signer_id == id && metadata.contains("old_key_unusable"));
  const TrustedKey* const key = registered_.Find(id);
  if (!vouched || key == nullptr) return;
  for (auto& [other, ended] : counted_) {
    // The old key's last word is the rotation itself.
    if (other != id && (!ended.end_us().has_value() ||
                        *ended.end_us() > event.created_at_us)) {
      EndAt(event.created_at_us + 1, ended.valid_until_us);
    }
  }
  counted_.emplace(id, *key);
}

void KeyLineage::AdmitRevocation(const Event& event) {
  if (counted_.count(event.signer_id) == 0) return;
  const auto revoked = counted_.find(Member(Metadata(event), "key"));
  if (revoked == counted_.end()) return;
  EndAt(event.created_at_us, revoked->second.revoked_at_us);
}

absl::StatusOr<KeySet> KeyLineage::Counted() const {
  KeySet keys(crypto_);
  for (const auto& [id, key] : counted_) RV_RETURN_IF_ERROR(keys.Add(key));
  return keys;
}

}  // namespace ruvector::audit
