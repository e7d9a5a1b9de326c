// The one table of policy keys.
//
// A row says where a key stands in the JSON document, which field of Policy it
// is (and by the field's type what it takes), its range, how to compare two
// states' values, and what it does. Parsing, merging, printing, comparing and
// docs/reference/policy-keys.md all read this table; the defaults are those
// that Policy() has. To add a key, add its field and a row. [any-thread]
#ifndef RUVECTOR_CORE_GATE_POLICY_KEYS_H_
#define RUVECTOR_CORE_GATE_POLICY_KEYS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/no_postgres.h"
#include "core/gate/policy.h"
#include "core/gate/state.h"

namespace ruvector::gate {

// The field of a policy; `state` picks the action set, else it is ignored.
template <typename T>
using Field = T& (*)(Policy&, State state);

using AnyField =
    std::variant<Field<bool>, Field<int64_t>, Field<std::optional<int64_t>>,
                 Field<double>, Field<std::optional<double>>,
                 Field<std::string>, Field<Mode>, Field<std::vector<Channel>>,
                 Field<std::vector<CustomAction>>>;

// Which of two values of a key permits less. kNone: the key permits nothing.
enum class Stricter : uint8_t { kNone, kFalse, kTrue, kLarger, kSmaller };

struct PolicyKey {
  // Dotted path. In rows of action sets without the set's name: "allow_reads"
  // stands for normal_actions.allow_reads and its two siblings.
  std::string_view path;
  bool per_state;
  AnyField field;
  // Numbers: smallest and largest value. Text: bytes. Arrays: elements.
  double min;
  double max;
  Stricter stricter;
  std::string_view description;
};

// All rows, in the order of the reference page. Static storage.
struct PolicyKeyRange {
  const PolicyKey* first;
  const PolicyKey* last;
  const PolicyKey* begin() const { return first; }
  const PolicyKey* end() const { return last; }
};
PolicyKeyRange PolicyKeys();

// "stress_actions".
std::string_view ActionSetName(State state);

// Full path of a row: "stress_actions.allow_reads"; `state` is ignored unless
// the row is per state.
std::string FullPath(const PolicyKey& key, State state);

// "integer from 0 to 100", "boolean", ...: for messages and the page.
std::string ExpectedText(const PolicyKey& key);

// The value of a row in `policy` as JSON.
std::string ValueJson(const PolicyKey& key, const Policy& policy, State state);

// docs/reference/policy-keys.md, whole.
std::string PolicyKeyPage();

}  // namespace ruvector::gate

#endif  // RUVECTOR_CORE_GATE_POLICY_KEYS_H_
