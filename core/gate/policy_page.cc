// PolicyKeyPage: the reference page, from the table.
#include <string>

#include "absl/strings/str_format.h"
#include "core/gate/policy_keys.h"

namespace ruvector::gate {
namespace {

constexpr char kHead[] =
    R"(<!-- Written by `bazel run //core/gate:policy_key_page`; a test compares. -->
# Policy keys

What `ruvector_integrity_policy_set(collection, name, jsonb)` takes. A document
may hold any part of these keys; the rest keeps the default or, when a policy of
that name exists, its value. Objects merge key by key, arrays are replaced. An
unknown key, a wrong type or a value out of range is an error that names the key.

What the keys do together is explained in [the gate](../concepts/gate.md).

| key | takes | default | what it does |
|---|---|---|---|
)";

constexpr char kActionsHead[] = R"(
## Action sets

Each of `normal_actions`, `stress_actions` and `critical_actions` is an object with
these keys. A worse state never permits more than a better one: where an action set is
milder than that of a better state, the better state's value applies.

| key | takes | normal | stress | critical | what it does |
|---|---|---|---|---|---|
)";

constexpr char kHealthHead[] = R"(
## Health models

The constants by which the [operational graph](../concepts/graph.md) judges what the
sensors read: healthy up to `good`, worst from `bad` on, a straight line between.
`good` is less than `bad`, `calm` less than `stress` less than `critical`.

| key | takes | default | what it does |
|---|---|---|---|
)";

bool IsHealth(const PolicyKey& key) {
  return key.path.rfind("health.", 0) == 0;
}

// Rows of keys that are not per state.
std::string PlainRows(bool health) {
  const Policy defaults;
  std::string rows;
  for (const PolicyKey& key : PolicyKeys()) {
    if (key.per_state || IsHealth(key) != health) continue;
    rows += absl::StrFormat(
        "| `%s` | %s | `%s` | %s |\n", key.path, ExpectedText(key),
        ValueJson(key, defaults, State::kNormal), key.description);
  }
  return rows;
}

}  // namespace

std::string PolicyKeyPage() {
  const Policy defaults;
  std::string page = kHead + PlainRows(/*health=*/false);
  page += kActionsHead;
  for (const PolicyKey& key : PolicyKeys()) {
    if (!key.per_state) continue;
    page += absl::StrFormat("| `%s` | %s |", key.path, ExpectedText(key));
    for (State state : kAllStates) {
      page += absl::StrFormat(" `%s` |", ValueJson(key, defaults, state));
    }
    page += absl::StrFormat(" %s |\n", key.description);
  }
  return page + kHealthHead + PlainRows(/*health=*/true);
}

}  // namespace ruvector::gate
