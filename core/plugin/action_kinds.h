// The action kinds of plugin_abi.h as a table: names, arguments, and what
// undoes each. The host, the plan check and the conformance kit read this one.
#ifndef RUVECTOR_CORE_PLUGIN_ACTION_KINDS_H_
#define RUVECTOR_CORE_PLUGIN_ACTION_KINDS_H_

#include <cstdint>
#include <string_view>

#include "absl/types/span.h"
#include "core/base/no_postgres.h"
#include "core/plugin/plugin_abi.h"

namespace ruvector::plugin {

enum class UndoRule {
  kSame,          // same kind, object and key; value is the former value
  kOther,         // the kind in `undo_kind`
  kSameOrOther,   // either
  kIrreversible,  // there is none
  kTransient,     // leaves nothing to undo
};

struct ArgumentRule {
  std::string_view name;
  bool number = false;    // else text
  bool nullable = false;  // may hold null
  bool optional = false;  // may be missing
};

struct ActionKind {
  uint32_t kind;
  std::string_view name;  // "set_throttle": in SQL, logs and metrics
  UndoRule undo;
  uint32_t undo_kind;      // for kOther and kSameOrOther, else 0
  std::string_view key;    // argument that, with the object, says what is set
  std::string_view value;  // argument that holds the value that is set
  absl::Span<const ArgumentRule> arguments;
};

// All kinds, ascending. Constant data. [any-thread]
absl::Span<const ActionKind> ActionKinds();

// nullptr for a kind that this host does not know. [any-thread]
const ActionKind* FindActionKind(uint32_t kind);

}  // namespace ruvector::plugin

#endif  // RUVECTOR_CORE_PLUGIN_ACTION_KINDS_H_
