#include "core/memory/entities.h"

namespace ruvector::memory {
namespace {

using T = ColumnType;
using V = Vocabulary;

constexpr uint8_t kR = kRequired;
constexpr uint8_t kU = kUpdatable;
constexpr uint8_t kC = kContent;

constexpr Column kTrajectory[] = {
    {"trajectory_id", T::kUuid, kR},
    {"name", T::kText, kR | kU | kC},
    {"description", T::kText, kU | kC},
    {"status", T::kText, kR | kU, V::kTrajectoryStatus},
    {"parent_trajectory_id", T::kUuid, kU},
    {"root_trajectory_id", T::kUuid, kU},
    {"agent_id", T::kUuid, kU},
    {"created_at", T::kTime, kR},
    {"updated_at", T::kTime, kR},
    {"completed_at", T::kTime, kU},
    {"outcome", T::kJson, kU | kC},
    {"metadata", T::kJson, kU | kC},
};
constexpr Column kScope[] = {
    {"scope_id", T::kUuid, kR},        {"trajectory_id", T::kUuid, kR},
    {"parent_scope_id", T::kUuid, kU}, {"name", T::kText, kR | kU | kC},
    {"purpose", T::kText, kU | kC},    {"is_active", T::kBool, kR | kU},
    {"created_at", T::kTime, kR},      {"closed_at", T::kTime, kU},
    {"checkpoint", T::kJson, kU | kC}, {"token_budget", T::kInt, kR | kU},
    {"tokens_used", T::kInt, kR | kU}, {"metadata", T::kJson, kU | kC},
};
constexpr Column kArtifact[] = {
    {"artifact_id", T::kUuid, kR},
    {"trajectory_id", T::kUuid, kR},
    {"scope_id", T::kUuid, kR},
    {"artifact_type", T::kText, kR | kU, V::kArtifactType},
    {"name", T::kText, kR | kU | kC},
    {"content", T::kText, kR | kU | kC},
    {"content_hash", T::kBytes, kR | kHex},
    {"embedding", T::kVector, kConfigured},
    {"provenance", T::kJson, kR | kU | kC},
    {"ttl", T::kText, kR | kU, V::kTtl},
    {"created_at", T::kTime, kR},
    {"updated_at", T::kTime, kR},
    {"superseded_by", T::kUuid, kU},
    {"metadata", T::kJson, kU | kC},
    {"embedding_model", T::kText, kConfigured | kC},
};
constexpr Column kNote[] = {
    {"note_id", T::kUuid, kR},
    {"note_type", T::kText, kR | kU, V::kNoteType},
    {"title", T::kText, kR | kU | kC},
    {"content", T::kText, kR | kU | kC},
    {"content_hash", T::kBytes, kR | kHex},
    {"embedding", T::kVector, kConfigured},
    {"source_trajectory_ids", T::kUuids, kR | kU},
    {"source_artifact_ids", T::kUuids, kR | kU},
    {"ttl", T::kText, kR | kU, V::kTtl},
    {"created_at", T::kTime, kR},
    {"updated_at", T::kTime, kR},
    {"accessed_at", T::kTime, kR},
    {"access_count", T::kInt, kR},
    {"superseded_by", T::kUuid, kU},
    {"metadata", T::kJson, kU | kC},
    {"embedding_model", T::kText, kConfigured | kC},
};
constexpr Column kTurn[] = {
    {"turn_id", T::kUuid, kR},      {"scope_id", T::kUuid, kR},
    {"sequence", T::kInt, kR},      {"role", T::kText, kR, V::kTurnRole},
    {"content", T::kText, kR | kC}, {"token_count", T::kInt, kR},
    {"created_at", T::kTime, kR},   {"tool_calls", T::kJson, kC},
    {"tool_results", T::kJson, kC}, {"metadata", T::kJson, kC},
};
constexpr Column kLock[] = {
    {"lock_id", T::kUuid, kR},
    {"resource_type", T::kText, kR | kC},
    {"resource_id", T::kUuid, kR},
    {"holder_agent_id", T::kUuid, kR},
    {"acquired_at", T::kTime, kR},
    {"expires_at", T::kTime, kR},
    {"mode", T::kText, kR, V::kLockMode},
};
constexpr Column kMessage[] = {
    {"message_id", T::kUuid, kR},
    {"from_agent_id", T::kUuid, kR},
    {"to_agent_id", T::kUuid, 0},
    {"to_agent_type", T::kText, 0},
    {"message_type", T::kText, kR, V::kMessageType},
    {"payload", T::kText, kR | kC},
    {"trajectory_id", T::kUuid, 0},
    {"scope_id", T::kUuid, 0},
    {"artifact_ids", T::kUuids, kR},
    {"created_at", T::kTime, kR},
    {"delivered_at", T::kTime, 0},
    {"acknowledged_at", T::kTime, 0},
    {"priority", T::kText, kR, V::kMessagePriority},
    {"expires_at", T::kTime, 0},
    {"delivery_count", T::kInt, kR},
    {"visible_at", T::kTime, 0},
    {"dead_at", T::kTime, 0},
};
constexpr Column kAgent[] = {
    {"agent_id", T::kUuid, kR},
    {"agent_type", T::kText, kR | kU},
    {"capabilities", T::kTexts, kR | kU},
    {"memory_access", T::kJson, kR | kU | kC},
    {"status", T::kText, kR | kU, V::kAgentStatus},
    {"current_trajectory_id", T::kUuid, kU},
    {"current_scope_id", T::kUuid, kU},
    {"can_delegate_to", T::kTexts, kR | kU},
    {"reports_to", T::kUuid, kU},
    {"created_at", T::kTime, kR},
    {"last_heartbeat", T::kTime, kR},
};
constexpr Column kDelegation[] = {
    {"delegation_id", T::kUuid, kR},
    {"delegator_agent_id", T::kUuid, kR},
    {"delegatee_agent_id", T::kUuid, 0},
    {"delegatee_agent_type", T::kText, 0},
    {"task_description", T::kText, kR | kC},
    {"parent_trajectory_id", T::kUuid, kR},
    {"child_trajectory_id", T::kUuid, 0},
    {"shared_artifacts", T::kUuids, kR},
    {"shared_notes", T::kUuids, kR},
    {"additional_context", T::kText, kC},
    {"constraints", T::kText, kR | kC},
    {"deadline", T::kTime, 0},
    {"status", T::kText, kR, V::kDelegationStatus},
    {"result", T::kJson, kC},
    {"created_at", T::kTime, kR},
    {"accepted_at", T::kTime, 0},
    {"completed_at", T::kTime, 0},
};
constexpr Column kHandoff[] = {
    {"handoff_id", T::kUuid, kR},
    {"from_agent_id", T::kUuid, kR},
    {"to_agent_id", T::kUuid, 0},
    {"to_agent_type", T::kText, 0},
    {"trajectory_id", T::kUuid, kR},
    {"scope_id", T::kUuid, kR},
    {"context_snapshot_id", T::kUuid, kR},
    {"handoff_notes", T::kText, kR | kC},
    {"next_steps", T::kTexts, kR},
    {"blockers", T::kTexts, kR},
    {"open_questions", T::kTexts, kR},
    {"status", T::kText, kR, V::kHandoffStatus},
    {"initiated_at", T::kTime, kR},
    {"accepted_at", T::kTime, 0},
    {"completed_at", T::kTime, 0},
    {"reason", T::kText, kR, V::kHandoffReason},
};
constexpr Column kConflict[] = {
    {"conflict_id", T::kUuid, kR},
    {"conflict_type", T::kText, kR, V::kConflictType},
    {"item_a_type", T::kText, kR | kC},
    {"item_a_id", T::kUuid, kR},
    {"item_b_type", T::kText, kR | kC},
    {"item_b_id", T::kUuid, kR},
    {"agent_a_id", T::kUuid, 0},
    {"agent_b_id", T::kUuid, 0},
    {"trajectory_id", T::kUuid, 0},
    {"status", T::kText, kR, V::kConflictStatus},
    {"resolution", T::kJson, kC},
    {"detected_at", T::kTime, kR},
    {"resolved_at", T::kTime, 0},
};

constexpr EntitySpec kSpecs[kEntityCount] = {
    {"trajectory", "caliber_trajectory", kTrajectory},
    {"scope", "caliber_scope", kScope},
    {"artifact", "caliber_artifact", kArtifact},
    {"note", "caliber_note", kNote},
    {"turn", "caliber_turn", kTurn},
    {"lock", "caliber_lock", kLock},
    {"message", "caliber_message", kMessage},
    {"agent", "caliber_agent", kAgent},
    {"delegation", "caliber_delegation", kDelegation},
    {"handoff", "caliber_handoff", kHandoff},
    {"conflict", "caliber_conflict", kConflict},
};

}  // namespace

const EntitySpec& SpecOf(Entity entity) {
  return kSpecs[static_cast<int>(entity)];
}

std::optional<int> FindColumn(const EntitySpec& spec, std::string_view name) {
  for (size_t i = 0; i < spec.columns.size(); ++i) {
    if (spec.columns[i].name == name) return static_cast<int>(i);
  }
  return {};
}

}  // namespace ruvector::memory
