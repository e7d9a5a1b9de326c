#include "pgext/bridge/result_set.h"

#include "absl/strings/str_format.h"
#include "core/base/status_macros.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
extern "C" {
#include "access/htup_details.h"
#include "utils/tuplestore.h"
}

namespace ruvector::pg {
namespace {

constexpr int kMaxColumns = 64;

// C strings of a row, nullptr for NULL: plain data for a guarded call.
struct RowStrings {
  char* text[kMaxColumns];
};

absl::Status FillStrings(const RowBuilder& row, RowStrings& strings) {
  if (row.values().size() > kMaxColumns) {
    return absl::InternalError("too many columns");
  }
  for (size_t i = 0; i < row.values().size(); ++i) {
    const std::optional<std::string>& value = row.values()[i];
    strings.text[i] =
        value.has_value() ? const_cast<char*>(value->c_str()) : nullptr;
  }
  return absl::OkStatus();
}

}  // namespace

void RowBuilder::OptionalInt(std::optional<int64_t> value) {
  values_.push_back(value.has_value()
                        ? std::optional<std::string>(std::to_string(*value))
                        : std::nullopt);
}

void RowBuilder::OptionalReal(std::optional<double> value) {
  values_.push_back(value.has_value() ? std::optional<std::string>(
                                            absl::StrFormat("%.17g", *value))
                                      : std::nullopt);
}

absl::StatusOr<Datum> RowBuilder::Finish(FunctionCallInfo fcinfo) const {
  RowStrings strings;
  RV_RETURN_IF_ERROR(FillStrings(*this, strings));
  return PgCall([&] {
    TupleDesc descriptor;
    if (get_call_result_type(fcinfo, nullptr, &descriptor) !=
        TYPEFUNC_COMPOSITE) {
      elog(ERROR, "function result is not a row type");
    }
    AttInMetadata* metadata = TupleDescGetAttInMetadata(descriptor);
    return HeapTupleGetDatum(BuildTupleFromCStrings(metadata, strings.text));
  });
}

absl::Status RowSet::Begin(FunctionCallInfo fcinfo) {
  info_ = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  return PgCall(
      [&] { InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC); });
}

absl::Status RowSet::Add(const RowBuilder& row) {
  RowStrings strings;
  RV_RETURN_IF_ERROR(FillStrings(row, strings));
  return PgCall([&] {
    AttInMetadata* metadata = TupleDescGetAttInMetadata(info_->setDesc);
    HeapTuple tuple = BuildTupleFromCStrings(metadata, strings.text);
    tuplestore_puttuple(info_->setResult, tuple);
    heap_freetuple(tuple);
  });
}

}  // namespace ruvector::pg
