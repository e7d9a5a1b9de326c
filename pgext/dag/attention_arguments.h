// Arrays and vectors as arguments of the attention functions, checked: every
// error names the argument, and the element, counted from 1 as in SQL.
// [backend-main]
//
// NULL, also as an element, is 22004; a wrong shape, length or value is 22023.
// Spans point into the argument and live as long as the call.
#ifndef RUVECTOR_PGEXT_DAG_ATTENTION_ARGUMENTS_H_
#define RUVECTOR_PGEXT_DAG_ATTENTION_ARGUMENTS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/attention/registry.h"
#include "pgext/bridge/pg.h"

namespace ruvector::dag {

// Query and keys, of either overload: (real[], real[] of two dimensions) or
// (vector, vector[]).
class Vectors {
 public:
  // Argument `query` is the query, `keys` the array of keys.
  absl::Status Read(FunctionCallInfo fcinfo, int query, const char* query_name,
                    int keys, const char* keys_name);
  // Appends another array of keys; their number.
  absl::StatusOr<size_t> Append(FunctionCallInfo fcinfo, int keys,
                                const char* keys_name);

  absl::Span<const float> query() const { return query_; }
  absl::Span<const float> keys() const { return keys_; }
  size_t count() const { return keys_.size() / query_.size(); }

 private:
  absl::Status ReadQuery(FunctionCallInfo fcinfo, int index, const char* name,
                         bool is_vector);
  absl::StatusOr<absl::Span<const float>> ReadKeys(FunctionCallInfo fcinfo,
                                                   int index, const char* name);

  const char* query_name_ = "";
  absl::Span<const float> query_, keys_;
  std::vector<float> gathered_;  // keys that did not lie in one piece
};

// One number for each of `count` entries, within low .. high. T is int32_t
// (integer[]), float (real[]) or double (double precision[]).
template <class T>
absl::StatusOr<absl::Span<const T>> NumbersArgument(FunctionCallInfo fcinfo,
                                                    int index, const char* name,
                                                    size_t count, double low,
                                                    double high);
// boolean[] as 0 and 1.
absl::StatusOr<absl::Span<const uint8_t>> FlagsArgument(FunctionCallInfo fcinfo,
                                                        int index,
                                                        const char* name,
                                                        size_t count);
absl::StatusOr<std::vector<std::string>> TextsArgument(FunctionCallInfo fcinfo,
                                                       int index,
                                                       const char* name);

// 22004 for the first NULL among arguments 0 .. names.size().
absl::Status RequireArguments(FunctionCallInfo fcinfo,
                              absl::Span<const char* const> names);

absl::StatusOr<Datum> RealArrayDatum(absl::Span<const float> values);

}  // namespace ruvector::dag

#endif  // RUVECTOR_PGEXT_DAG_ATTENTION_ARGUMENTS_H_
