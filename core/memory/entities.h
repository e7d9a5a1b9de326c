// CALIBER's eleven kinds of rows, column by column. [no-pg]
//
// One table of constants: the row types caliber.<entity>, what functions take
// and return, what `updates` may name, which texts are checked. tests/caliber
// compares it with the catalog. Functions find a table's columns by these
// names, never by number, so that a table may have columns of the user's own.
//
// Source: reference/caliber-upstream.md B.
#ifndef RUVECTOR_CORE_MEMORY_ENTITIES_H_
#define RUVECTOR_CORE_MEMORY_ENTITIES_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "core/memory/vocabulary.h"

namespace ruvector::memory {

enum class Entity : uint8_t {
  kTrajectory,
  kScope,
  kArtifact,
  kNote,
  kTurn,
  kLock,
  kMessage,
  kAgent,
  kDelegation,
  kHandoff,
  kConflict,
};
constexpr int kEntityCount = 11;
constexpr int kMaxColumns = 20;

enum class ColumnType : uint8_t {
  kUuid,
  kText,
  kInt,  // int4
  kBool,
  kTime,  // timestamptz
  kJson,  // jsonb
  kBytes,
  kUuids,   // uuid[]
  kTexts,   // text[]
  kVector,  // pgvector's
};

// Flags of a column.
constexpr uint8_t kRequired = 1;    // NOT NULL
constexpr uint8_t kUpdatable = 2;   // `updates` may name it
constexpr uint8_t kContent = 4;     // bound by caliber.max_content_bytes
constexpr uint8_t kConfigured = 8;  // the table may not have it (yet)
constexpr uint8_t kHex = 16;        // bytes that JSON shows in hex

struct Column {
  std::string_view name;
  ColumnType type;
  uint8_t flags;
  Vocabulary words = Vocabulary::kNone;

  bool Is(uint8_t flag) const { return (flags & flag) != 0; }
};

struct EntitySpec {
  std::string_view name;   // "trajectory": the row type is caliber.trajectory
  std::string_view table;  // "caliber_trajectory", in the schema caliber
  absl::Span<const Column> columns;  // the first is the primary key, a uuid
};

// Static. [any-thread]
const EntitySpec& SpecOf(Entity entity);

// The column's index, nullopt for none of that name. [any-thread]
std::optional<int> FindColumn(const EntitySpec& spec, std::string_view name);

// Indexes of the columns, for code that names them.
namespace trajectory {
enum : int {
  kId,
  kName,
  kDescription,
  kStatus,
  kParent,
  kRoot,
  kAgent,
  kCreatedAt,
  kUpdatedAt,
  kCompletedAt,
  kOutcome,
  kMetadata
};
}
namespace scope {
enum : int {
  kId,
  kTrajectory,
  kParent,
  kName,
  kPurpose,
  kIsActive,
  kCreatedAt,
  kClosedAt,
  kCheckpoint,
  kTokenBudget,
  kTokensUsed,
  kMetadata
};
}
namespace artifact {
enum : int {
  kId,
  kTrajectory,
  kScope,
  kType,
  kName,
  kContent,
  kContentHash,
  kEmbedding,
  kProvenance,
  kTtl,
  kCreatedAt,
  kUpdatedAt,
  kSupersededBy,
  kMetadata,
  kEmbeddingModel
};
}
namespace note {
enum : int {
  kId,
  kType,
  kTitle,
  kContent,
  kContentHash,
  kEmbedding,
  kSourceTrajectories,
  kSourceArtifacts,
  kTtl,
  kCreatedAt,
  kUpdatedAt,
  kAccessedAt,
  kAccessCount,
  kSupersededBy,
  kMetadata,
  kEmbeddingModel
};
}
namespace turn {
enum : int {
  kId,
  kScope,
  kSequence,
  kRole,
  kContent,
  kTokenCount,
  kCreatedAt,
  kToolCalls,
  kToolResults,
  kMetadata
};
}
namespace lock {
enum : int {
  kId,
  kResourceType,
  kResource,
  kHolder,
  kAcquiredAt,
  kExpiresAt,
  kMode
};
}
namespace message {
enum : int {
  kId,
  kFrom,
  kTo,
  kToType,
  kType,
  kPayload,
  kTrajectory,
  kScope,
  kArtifacts,
  kCreatedAt,
  kDeliveredAt,
  kAcknowledgedAt,
  kPriority,
  kExpiresAt,
  kDeliveryCount,
  kVisibleAt,
  kDeadAt
};
}
namespace agent {
enum : int {
  kId,
  kType,
  kCapabilities,
  kMemoryAccess,
  kStatus,
  kTrajectory,
  kScope,
  kCanDelegateTo,
  kReportsTo,
  kCreatedAt,
  kLastHeartbeat
};
}
namespace delegation {
enum : int {
  kId,
  kDelegator,
  kDelegatee,
  kDelegateeType,
  kTask,
  kParentTrajectory,
  kChildTrajectory,
  kSharedArtifacts,
  kSharedNotes,
  kContext,
  kConstraints,
  kDeadline,
  kStatus,
  kResult,
  kCreatedAt,
  kAcceptedAt,
  kCompletedAt
};
}
namespace handoff {
enum : int {
  kId,
  kFrom,
  kTo,
  kToType,
  kTrajectory,
  kScope,
  kSnapshot,
  kNotes,
  kNextSteps,
  kBlockers,
  kOpenQuestions,
  kStatus,
  kInitiatedAt,
  kAcceptedAt,
  kCompletedAt,
  kReason
};
}
namespace conflict {
enum : int {
  kId,
  kType,
  kItemAType,
  kItemA,
  kItemBType,
  kItemB,
  kAgentA,
  kAgentB,
  kTrajectory,
  kStatus,
  kResolution,
  kDetectedAt,
  kResolvedAt
};
}

}  // namespace ruvector::memory

#endif  // RUVECTOR_CORE_MEMORY_ENTITIES_H_
