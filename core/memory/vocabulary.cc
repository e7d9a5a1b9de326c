#include "core/memory/vocabulary.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/memory/ttl.h"

namespace ruvector::memory {
namespace {

using Word = std::string_view;

constexpr Word kTrajectoryStatuses[] = {"active", "completed", "failed",
                                        "suspended"};
constexpr Word kRoles[] = {"user", "assistant", "system", "tool"};
constexpr Word kArtifactTypes[] = {"error_log",
                                   "code_patch",
                                   "design_decision",
                                   "user_preference",
                                   "fact",
                                   "constraint",
                                   "tool_result",
                                   "custom",
                                   "intermediate_output",
                                   "code",
                                   "document",
                                   "data",
                                   "config",
                                   "log",
                                   "summary",
                                   "decision",
                                   "plan",
                                   "model"};
constexpr Word kNoteTypes[] = {
    "convention", "strategy", "gotcha",  "fact",       "preference",  "meta",
    "procedure",  "insight",  "summary", "correction", "relationship"};
constexpr Word kAgentStatuses[] = {"idle", "active", "blocked", "failed"};
constexpr Word kLockModes[] = {"exclusive", "shared"};
constexpr Word kMessageTypes[] = {
    "task_delegation",     "task_result", "context_request", "context_share",
    "coordination_signal", "handoff",     "interrupt",       "heartbeat"};
constexpr Word kPriorities[] = {"critical", "high", "normal", "low"};
constexpr Word kDelegationStatuses[] = {"pending",     "accepted",  "rejected",
                                        "in_progress", "completed", "failed"};
constexpr Word kHandoffStatuses[] = {"initiated", "accepted", "completed",
                                     "rejected"};
constexpr Word kHandoffReasons[] = {"capability_mismatch",
                                    "load_balancing",
                                    "specialization",
                                    "escalation",
                                    "timeout",
                                    "failure",
                                    "scheduled"};
constexpr Word kConflictTypes[] = {"concurrent_write", "contradicting_fact",
                                   "incompatible_decision",
                                   "resource_contention", "goal_conflict"};
constexpr Word kConflictStatuses[] = {"detected", "resolving", "resolved",
                                      "escalated"};
constexpr Word kConflictStrategies[] = {
    "last_write_wins", "first_write_wins", "highest_confidence",
    "merge",           "escalate",         "reject_both"};

struct Step {
  Word from;
  Word to;
};
constexpr Step kDelegationSteps[] = {
    {"pending", "accepted"},      {"pending", "rejected"},
    {"pending", "failed"},        {"accepted", "in_progress"},
    {"accepted", "completed"},    {"accepted", "failed"},
    {"in_progress", "completed"}, {"in_progress", "failed"}};
constexpr Step kHandoffSteps[] = {{"initiated", "accepted"},
                                  {"initiated", "rejected"},
                                  {"accepted", "completed"}};
constexpr Step kConflictSteps[] = {{"detected", "resolving"},
                                   {"detected", "resolved"},
                                   {"detected", "escalated"},
                                   {"resolving", "resolved"},
                                   {"resolving", "escalated"}};

absl::Span<const Step> StepsOf(Vocabulary vocabulary) {
  switch (vocabulary) {
    case Vocabulary::kDelegationStatus:
      return kDelegationSteps;
    case Vocabulary::kHandoffStatus:
      return kHandoffSteps;
    case Vocabulary::kConflictStatus:
      return kConflictSteps;
    default:
      return {};
  }
}

}  // namespace

absl::Span<const std::string_view> WordsOf(Vocabulary vocabulary) {
  switch (vocabulary) {
    case Vocabulary::kNone:
    case Vocabulary::kTtl:
      return {};
    case Vocabulary::kTrajectoryStatus:
      return kTrajectoryStatuses;
    case Vocabulary::kTurnRole:
      return kRoles;
    case Vocabulary::kArtifactType:
      return kArtifactTypes;
    case Vocabulary::kNoteType:
      return kNoteTypes;
    case Vocabulary::kAgentStatus:
      return kAgentStatuses;
    case Vocabulary::kLockMode:
      return kLockModes;
    case Vocabulary::kMessageType:
      return kMessageTypes;
    case Vocabulary::kMessagePriority:
      return kPriorities;
    case Vocabulary::kDelegationStatus:
      return kDelegationStatuses;
    case Vocabulary::kHandoffStatus:
      return kHandoffStatuses;
    case Vocabulary::kHandoffReason:
      return kHandoffReasons;
    case Vocabulary::kConflictType:
      return kConflictTypes;
    case Vocabulary::kConflictStatus:
      return kConflictStatuses;
    case Vocabulary::kConflictStrategy:
      return kConflictStrategies;
  }
  return {};
}

bool IsWord(Vocabulary vocabulary, std::string_view text) {
  if (vocabulary == Vocabulary::kNone) return true;
  if (vocabulary == Vocabulary::kTtl) return ParseTtl(text).has_value();
  const absl::Span<const std::string_view> words = WordsOf(vocabulary);
  return std::find(words.begin(), words.end(), text) != words.end();
}

std::string ListOf(Vocabulary vocabulary) {
  if (vocabulary == Vocabulary::kTtl) return std::string(kTtlForms);
  const absl::Span<const std::string_view> words = WordsOf(vocabulary);
  std::string list;
  for (size_t i = 0; i < words.size(); ++i) {
    const char* separator = i == 0                  ? ""
                            : i + 1 == words.size() ? " and "
                                                    : ", ";
    absl::StrAppend(&list, separator, std::string(words[i]));
  }
  return list;
}

bool MayFollow(Vocabulary vocabulary, std::string_view from,
               std::string_view to) {
  if (!IsWord(vocabulary, from) || !IsWord(vocabulary, to) || from == to) {
    return false;
  }
  const absl::Span<const Step> steps = StepsOf(vocabulary);
  if (steps.empty()) return true;
  return std::any_of(steps.begin(), steps.end(), [&](const Step& step) {
    return step.from == from && step.to == to;
  });
}

}  // namespace ruvector::memory
