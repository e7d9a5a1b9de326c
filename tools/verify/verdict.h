// How ruvector-verify says what it found. [any-thread]
#ifndef RUVECTOR_TOOLS_VERIFY_VERDICT_H_
#define RUVECTOR_TOOLS_VERIFY_VERDICT_H_

#include <string>

#include "core/audit/event.h"
#include "core/audit/export_verifier.h"

namespace ruvector::audit {

// For people: the verdict first, then what was counted, then the faults.
std::string FormatVerdict(const ExportReport& report);

// For programs: one JSON object and a newline (docs/concepts/audit.md lists its
// members).
std::string FormatVerdictJson(const ExportReport& report);

// What a proof proves, or why it does not (proof.h), in both forms.
std::string FormatProof(bool verified, const std::string& detail);
std::string FormatProofJson(bool verified, const std::string& detail);

// One event as one line of JSON. Stored JSON texts appear as JSON where they
// parse and as strings where they do not; what is missing is left out.
std::string FormatEventJson(const Event& event);

}  // namespace ruvector::audit

#endif  // RUVECTOR_TOOLS_VERIFY_VERDICT_H_
