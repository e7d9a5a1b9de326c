// Proofs without the log: one event, or the growth of the log, held against
// checkpoints alone. The JSON forms are those of
// ruvector_audit_inclusion_proof() and ruvector_audit_consistency_proof()
// (docs/formats/audit-log.md, "Proofs").
#ifndef RUVECTOR_TOOLS_VERIFY_PROOF_H_
#define RUVECTOR_TOOLS_VERIFY_PROOF_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/audit/checkpoint.h"
#include "core/audit/crypto.h"
#include "core/audit/keys.h"

namespace ruvector::audit {

// One sentence that says what is proved. `checkpoints` are those that the
// verifier holds; what a proof says about roots is never believed, only
// compared with them.
//
// InvalidArgument: not a proof in its JSON form. FailedPrecondition: no given
// checkpoint has the size that the proof needs. DataLoss: the proof does not
// hold, or a checkpoint or the event in it is not signed by a key that counted.
// [any-thread]
absl::StatusOr<std::string> VerifyProof(
    const Crypto& crypto, const KeySet& keys,
    const std::vector<SignedCheckpoint>& checkpoints, absl::string_view json);

}  // namespace ruvector::audit

#endif  // RUVECTOR_TOOLS_VERIFY_PROOF_H_
