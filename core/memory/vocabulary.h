// The words that CALIBER's text columns may hold, and which status may follow
// which. [no-pg]
//
// The same lists are CHECK constraints of the tables (pgext/sql/
// functions_caliber_schema.sql); tests/caliber compares both.
//
// Source: reference/caliber-upstream.md A.2 and A.4. The artifact and note
// types are the union of the original's two disjoint lists.
#ifndef RUVECTOR_CORE_MEMORY_VOCABULARY_H_
#define RUVECTOR_CORE_MEMORY_VOCABULARY_H_

#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "core/base/no_postgres.h"

namespace ruvector::memory {

enum class Vocabulary : unsigned char {
  kNone,  // any text
  kTrajectoryStatus,
  kTurnRole,
  kArtifactType,
  kNoteType,
  kTtl,  // no list: ttl.h
  kAgentStatus,
  kLockMode,
  kMessageType,
  kMessagePriority,
  kDelegationStatus,
  kHandoffStatus,
  kHandoffReason,
  kConflictType,
  kConflictStatus,
  kConflictStrategy,
};

// In order of rank where there is one (priorities: most urgent first); empty
// for kNone and kTtl. Static. [any-thread]
absl::Span<const std::string_view> WordsOf(Vocabulary vocabulary);

// kNone takes everything. [any-thread]
bool IsWord(Vocabulary vocabulary, std::string_view text);

// "active, completed, failed and suspended", for messages. [any-thread]
std::string ListOf(Vocabulary vocabulary);

// Whether a row whose status is `from` may get the status `to`, for the
// vocabularies whose name ends in Status: delegation, handoff and conflict
// have a table, the others may change at will. A status may not follow itself.
// [any-thread]
bool MayFollow(Vocabulary vocabulary, std::string_view from,
               std::string_view to);

}  // namespace ruvector::memory

#endif  // RUVECTOR_CORE_MEMORY_VOCABULARY_H_
