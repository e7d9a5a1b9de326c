// Which registered keys the log itself vouches for, and until when.
//
// A row of ruvector.signing_keys is only a claim: whoever can write the
// database can insert one. A key counts when it signed event 0, or when a
// key_rotation event introduced it that was signed by a key that counted, or
// by the new key itself because the old one was lost. A rotation ends the keys
// before it, and a key_revocation event the key that it names, whatever their
// rows say. Pruning leaves all these events in place. [single-thread]
#ifndef RUVECTOR_PGEXT_AUDIT_KEY_LINEAGE_H_
#define RUVECTOR_PGEXT_AUDIT_KEY_LINEAGE_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/audit/crypto.h"
#include "core/audit/event.h"
#include "core/audit/keys.h"
#include "core/audit/types.h"

namespace ruvector::audit {

inline constexpr absl::string_view kRotationEventType = "key_rotation";
inline constexpr absl::string_view kRevocationEventType = "key_revocation";

class KeyLineage {
 public:
  // `registered` must outlive the lineage.
  KeyLineage(const Crypto& crypto, const KeySet& registered)
      : crypto_(crypto), registered_(registered) {}

  // Event 0, then the log's rotations and revocations in order, as stored at
  // `sequence`. One that is not there, or not signed by a key that counts,
  // introduces and ends nothing; verification names it.
  void Admit(uint64_t sequence, absl::string_view payload,
             const Signature& signature);

  // The keys that count, with the ends that the log gives them.
  absl::StatusOr<KeySet> Counted() const;

 private:
  void AdmitRotation(const Event& event);
  void AdmitRevocation(const Event& event);

  Crypto crypto_;
  const KeySet& registered_;
  LogId log_id_ = {};
  std::map<std::string, TrustedKey> counted_;  // by id
};

}  // namespace ruvector::audit

#endif  // RUVECTOR_PGEXT_AUDIT_KEY_LINEAGE_H_
