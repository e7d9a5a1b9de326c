// The `context` of ruvector_attention(): the context arrays, parameters and
// options of a call as one JSON object. [any-thread]
//
//   {"depths": [1, 0], "query_depth": 2, "parameters": {"depth_decay": 0.9}}
//
// | key | is |
// |---|---|
// | depths, hops | integers of 0 or more |
// | costs, timestamps_ms | numbers |
// | criticalities | numbers from 0 to 1 |
// | on_critical_path, is_parallel, is_common_ancestor | booleans |
// | query_depth, query_timestamp_ms | integer of 0 or more, number |
// | parameters | numbers by name |
// | mechanisms, weights | of `ensemble`: names, numbers |
// | exploration, seed | of `auto`: 0 to 1, integer of 0 or more |
//
// Null is as if the key were not there.
#ifndef RUVECTOR_CORE_ATTENTION_CONTEXT_DOCUMENT_H_
#define RUVECTOR_CORE_ATTENTION_CONTEXT_DOCUMENT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/attention/registry.h"
#include "core/base/no_postgres.h"

namespace ruvector::attention {

struct ContextDocument {
  std::vector<int32_t> depths, hops;
  std::vector<double> costs, timestamps_ms;
  std::vector<float> criticalities;
  std::vector<uint8_t> on_critical_path, is_parallel, is_common_ancestor;
  std::optional<int32_t> query_depth;
  std::optional<double> query_timestamp_ms;
  std::map<std::string, double, std::less<>> parameters;
  std::optional<std::vector<std::string>> mechanisms;
  std::vector<double> weights;
  std::optional<double> exploration;
  std::optional<int64_t> seed;

  // Sets all but query and keys; the spans are borrowed from here.
  void Lend(AttentionRequest& request) const;
};

// InvalidArgument that names the key and what came: not an object, an unknown
// key (with those that are known), another type, a number out of range. Lengths
// are the registry's to compare.
absl::StatusOr<ContextDocument> ParseContext(std::string_view json);

// The `config` of ruvector_attention_topological(): {"depths": [...]} and
// parameters by name beside it. Errors as above, and for depth_decay without
// depths, which would be without effect.
absl::StatusOr<ContextDocument> ParseConfig(std::string_view json);

}  // namespace ruvector::attention

#endif  // RUVECTOR_CORE_ATTENTION_CONTEXT_DOCUMENT_H_
