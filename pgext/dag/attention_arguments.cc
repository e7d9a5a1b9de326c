#include "pgext/dag/attention_arguments.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/plugin/attention_plugin.h"
#include "pgext/bridge/arguments.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
extern "C" {
#include "catalog/pg_type.h"
#include "utils/array.h"
}

namespace ruvector::dag {
namespace {

// pgvector's `vector`, as it is stored.
struct StoredVector {
  int32 varlena_header;
  int16 dim;
  int16 unused;
  float values[FLEXIBLE_ARRAY_MEMBER];
};

template <class... Parts>
absl::Status Bad(const char* name, const Parts&... parts) {
  return pg::PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                     absl::StrCat("argument \"", name, "\" ", parts...));
}

std::string Counted(size_t n, const char* one, const char* many) {
  return absl::StrCat(n, " ", n == 1 ? one : many);
}

absl::StatusOr<ArrayType*> Array(FunctionCallInfo fcinfo, int index,
                                 const char* name) {
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo, index, name));
  bool has_null = false;
  RV_ASSIGN_OR_RETURN(ArrayType * array, pg::PgCall([&] {
                        ArrayType* found = PG_GETARG_ARRAYTYPE_P(index);
                        has_null = array_contains_nulls(found);
                        return found;
                      }));
  if (!has_null) return array;
  return pg::PgError(
      ERRCODE_NULL_VALUE_NOT_ALLOWED,
      absl::StrCat("argument \"", name, "\" must not contain null"));
}

size_t Elements(ArrayType* array) {
  size_t product = ARR_NDIM(array) == 0 ? 0 : 1;
  for (int i = 0; i < ARR_NDIM(array); ++i) {
    product *= static_cast<size_t>(ARR_DIMS(array)[i]);
  }
  return product;
}

absl::Status CheckFinite(const char* name, absl::Span<const float> values,
                         size_t row) {
  if (sdk::AllFinite(values.data(), values.size())) return absl::OkStatus();
  for (size_t j = 0; j < values.size(); ++j) {
    if (std::isfinite(values[j])) continue;
    const std::string place = row == 0
                                  ? absl::StrCat("[", j + 1, "]")
                                  : absl::StrCat("[", row, "][", j + 1, "]");
    return pg::PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                       absl::StrCat("argument \"", name, "\"", place, " is ",
                                    values[j], ", expected a finite number"));
  }
  return absl::OkStatus();
}

struct Parts {
  Datum* values;
  int count;
};

// The elements of an array of varlena ones without NULL.
absl::StatusOr<Parts> Split(ArrayType* array) {
  return pg::PgCall([&] {
    Parts elements = {nullptr, 0};
    deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT,
                      &elements.values, nullptr, &elements.count);
    return elements;
  });
}

absl::StatusOr<absl::Span<const float>> OneVector(Datum datum) {
  RV_ASSIGN_OR_RETURN(
      const StoredVector* vector, pg::PgCall([&] {
        return reinterpret_cast<const StoredVector*>(PG_DETOAST_DATUM(datum));
      }));
  return absl::MakeConstSpan(vector->values, static_cast<size_t>(vector->dim));
}

}  // namespace

absl::Status Vectors::Read(FunctionCallInfo fcinfo, int query,
                           const char* query_name, int keys,
                           const char* keys_name) {
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo, query, query_name));
  RV_ASSIGN_OR_RETURN(ArrayType * array, Array(fcinfo, keys, keys_name));
  query_name_ = query_name;
  RV_RETURN_IF_ERROR(
      ReadQuery(fcinfo, query, query_name, ARR_ELEMTYPE(array) != FLOAT4OID));
  RV_ASSIGN_OR_RETURN(keys_, ReadKeys(fcinfo, keys, keys_name));
  return absl::OkStatus();
}

absl::StatusOr<size_t> Vectors::Append(FunctionCallInfo fcinfo, int keys,
                                       const char* keys_name) {
  const absl::Span<const float> before = keys_;
  std::vector<float> all(before.begin(), before.end());
  RV_ASSIGN_OR_RETURN(const absl::Span<const float> more,
                      ReadKeys(fcinfo, keys, keys_name));
  const size_t added = more.size() / query_.size();
  all.insert(all.end(), more.begin(), more.end());
  gathered_ = std::move(all);
  keys_ = gathered_;
  return added;
}

absl::Status Vectors::ReadQuery(FunctionCallInfo fcinfo, int index,
                                const char* name, bool is_vector) {
  if (is_vector) {
    RV_ASSIGN_OR_RETURN(query_, OneVector(PG_GETARG_DATUM(index)));
  } else {
    RV_ASSIGN_OR_RETURN(ArrayType * array, Array(fcinfo, index, name));
    if (ARR_NDIM(array) > 1) {
      return Bad(name, "has ", ARR_NDIM(array),
                 " array dimensions, expected 1");
    }
    query_ = absl::MakeConstSpan(
        reinterpret_cast<const float*>(ARR_DATA_PTR(array)), Elements(array));
  }
  if (query_.empty() || query_.size() > RUVECTOR_ATTENTION_MAX_DIM) {
    return Bad(name, "has ", Counted(query_.size(), "number", "numbers"),
               ", expected 1 to ", RUVECTOR_ATTENTION_MAX_DIM);
  }
  return CheckFinite(name, query_, 0);
}

absl::StatusOr<absl::Span<const float>> Vectors::ReadKeys(
    FunctionCallInfo fcinfo, int index, const char* name) {
  RV_ASSIGN_OR_RETURN(ArrayType * array, Array(fcinfo, index, name));
  if (ARR_NDIM(array) == 0) return absl::Span<const float>();
  const size_t dim = query_.size();
  const bool is_vector = ARR_ELEMTYPE(array) != FLOAT4OID;
  const int expected = is_vector ? 1 : 2;
  if (ARR_NDIM(array) != expected) {
    return pg::WithHint(
        Bad(name, "has ",
            Counted(static_cast<size_t>(ARR_NDIM(array)), "array dimension",
                    "array dimensions"),
            ", expected ", expected),
        is_vector ? "Give an array of vectors."
                  : "Give one row for each entry: ARRAY[[1,2],[3,4]].");
  }
  const size_t count = static_cast<size_t>(ARR_DIMS(array)[0]);
  if (count > RUVECTOR_ATTENTION_MAX_COUNT) {
    return Bad(name, "has ", count, " entries, expected at most ",
               RUVECTOR_ATTENTION_MAX_COUNT);
  }
  const auto check = [&](size_t row, absl::Span<const float> key) {
    if (key.size() != dim) {
      return Bad(name, "has entries of ",
                 Counted(key.size(), "number", "numbers"), ", \"", query_name_,
                 "\" has ", dim);
    }
    return CheckFinite(name, key, row);
  };
  if (!is_vector) {
    const size_t columns = static_cast<size_t>(ARR_DIMS(array)[1]);
    const auto all = absl::MakeConstSpan(
        reinterpret_cast<const float*>(ARR_DATA_PTR(array)), Elements(array));
    for (size_t i = 0; i < count; ++i) {
      RV_RETURN_IF_ERROR(check(i + 1, all.subspan(i * columns, columns)));
    }
    return all;
  }
  RV_ASSIGN_OR_RETURN(const Parts elements, Split(array));
  gathered_.clear();
  gathered_.reserve(count * dim);
  for (size_t i = 0; i < count; ++i) {
    RV_ASSIGN_OR_RETURN(const absl::Span<const float> key,
                        OneVector(elements.values[i]));
    RV_RETURN_IF_ERROR(check(i + 1, key));
    gathered_.insert(gathered_.end(), key.begin(), key.end());
  }
  return absl::MakeConstSpan(gathered_);
}

template <class T>
absl::StatusOr<absl::Span<const T>> NumbersArgument(FunctionCallInfo fcinfo,
                                                    int index, const char* name,
                                                    size_t count, double low,
                                                    double high) {
  RV_ASSIGN_OR_RETURN(ArrayType * array, Array(fcinfo, index, name));
  if (ARR_NDIM(array) > 1) {
    return Bad(name, "has ", ARR_NDIM(array), " array dimensions, expected 1");
  }
  const auto values = absl::MakeConstSpan(
      reinterpret_cast<const T*>(ARR_DATA_PTR(array)), Elements(array));
  if (values.size() != count) {
    return Bad(name, "has ", Counted(values.size(), "element", "elements"),
               ", expected ", count, ", one for each entry");
  }
  for (size_t i = 0; i < count; ++i) {
    const double v = static_cast<double>(values[i]);
    if (v >= low && v <= high) continue;
    return pg::PgError(
        ERRCODE_INVALID_PARAMETER_VALUE,
        absl::StrCat("argument \"", name, "\"[", i + 1, "] is ", v,
                     std::isfinite(v)
                         ? absl::StrCat(", expected ", low, " to ", high)
                         : ", expected a finite number"));
  }
  return values;
}

template absl::StatusOr<absl::Span<const int32_t>> NumbersArgument(
    FunctionCallInfo, int, const char*, size_t, double, double);
template absl::StatusOr<absl::Span<const float>> NumbersArgument(
    FunctionCallInfo, int, const char*, size_t, double, double);
template absl::StatusOr<absl::Span<const double>> NumbersArgument(
    FunctionCallInfo, int, const char*, size_t, double, double);
template absl::StatusOr<absl::Span<const uint8_t>> NumbersArgument(
    FunctionCallInfo, int, const char*, size_t, double, double);

absl::StatusOr<absl::Span<const uint8_t>> FlagsArgument(FunctionCallInfo fcinfo,
                                                        int index,
                                                        const char* name,
                                                        size_t count) {
  static_assert(sizeof(bool) == sizeof(uint8_t));
  return NumbersArgument<uint8_t>(fcinfo, index, name, count, 0, 1);
}

absl::StatusOr<std::vector<std::string>> TextsArgument(FunctionCallInfo fcinfo,
                                                       int index,
                                                       const char* name) {
  RV_ASSIGN_OR_RETURN(ArrayType * array, Array(fcinfo, index, name));
  if (ARR_NDIM(array) > 1) {
    return Bad(name, "has ", ARR_NDIM(array), " array dimensions, expected 1");
  }
  RV_ASSIGN_OR_RETURN(const Parts elements, Split(array));
  std::vector<std::string> texts;
  for (int i = 0; i < elements.count; ++i) {
    RV_ASSIGN_OR_RETURN(char* text, pg::PgCall([&] {
                          return TextDatumGetCString(elements.values[i]);
                        }));
    texts.emplace_back(text);
  }
  return texts;
}

absl::Status RequireArguments(FunctionCallInfo fcinfo,
                              absl::Span<const char* const> names) {
  for (size_t i = 0; i < names.size(); ++i) {
    RV_RETURN_IF_ERROR(
        pg::RequireArgument(fcinfo, static_cast<int>(i), names[i]));
  }
  return absl::OkStatus();
}

absl::StatusOr<Datum> RealArrayDatum(absl::Span<const float> values) {
  const float* data = values.data();
  const int count = static_cast<int>(values.size());
  return pg::PgCall([=] {
    if (count == 0) return PointerGetDatum(construct_empty_array(FLOAT4OID));
    auto* elements = static_cast<Datum*>(palloc(sizeof(Datum) * count));
    for (int i = 0; i < count; ++i) elements[i] = Float4GetDatum(data[i]);
    ArrayType* array = construct_array(elements, count, FLOAT4OID,
                                       sizeof(float), true, TYPALIGN_INT);
    pfree(elements);
    return PointerGetDatum(array);
  });
}

}  // namespace ruvector::dag
