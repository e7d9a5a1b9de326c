#include "pgext/bridge/spi.h"

#include "absl/algorithm/container.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
extern "C" {
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
}

namespace ruvector::pg {

SqlParam SqlNullParam() { return {}; }
SqlParam SqlText(std::string_view text) { return {std::string(text)}; }
SqlParam SqlOptionalText(const std::optional<std::string>& text) {
  return {text};
}
SqlParam SqlInt(int64_t value) { return {std::to_string(value)}; }
SqlParam SqlInt(const std::optional<int64_t>& value) {
  return value.has_value() ? SqlInt(*value) : SqlNullParam();
}
SqlParam SqlReal(double value) { return {absl::StrFormat("%.17g", value)}; }
SqlParam SqlReal(const std::optional<double>& value) {
  return value.has_value() ? SqlReal(*value) : SqlNullParam();
}
SqlParam SqlBool(bool value) { return {std::string(value ? "t" : "f")}; }
SqlParam SqlBytes(absl::string_view bytes) {
  return {absl::StrCat("\\x", absl::BytesToHexString(bytes))};
}

SqlParam SqlArray(std::vector<SqlParam> elements, uint32_t element_type) {
  SqlParam array;
  array.element_type = element_type == 0 ? TEXTOID : element_type;
  array.elements.reserve(elements.size());
  for (SqlParam& element : elements) {
    array.elements.push_back(std::move(element.text));
  }
  return array;
}

const std::optional<std::string>& SpiRows::Text(size_t row,
                                                size_t column) const {
  static const auto* const null = new std::optional<std::string>();
  if (row >= rows_.size() || column >= rows_[row].size()) return *null;
  return rows_[row][column];
}

std::string SpiRows::TextOr(size_t row, size_t column,
                            std::string_view other) const {
  const std::optional<std::string>& text = Text(row, column);
  return text.has_value() ? *text : std::string(other);
}

std::optional<int64_t> SpiRows::Int(size_t row, size_t column) const {
  int64_t value = 0;
  const std::optional<std::string>& text = Text(row, column);
  if (!text.has_value() || !absl::SimpleAtoi(*text, &value)) return {};
  return value;
}

std::optional<double> SpiRows::Real(size_t row, size_t column) const {
  double value = 0;
  const std::optional<std::string>& text = Text(row, column);
  if (!text.has_value() || !absl::SimpleAtod(*text, &value)) return {};
  return value;
}

std::optional<bool> SpiRows::Bool(size_t row, size_t column) const {
  const std::optional<std::string>& text = Text(row, column);
  if (!text.has_value()) return {};
  return *text == "t" || *text == "true";
}

std::optional<std::string> SpiRows::Bytes(size_t row, size_t column) const {
  const std::optional<std::string>& text = Text(row, column);
  if (!text.has_value()) return {};
  return absl::HexStringToBytes(*text);
}

namespace {

constexpr std::pair<const char*, const char*> kPinned[] = {
    {"search_path", "pg_catalog, pg_temp"},
    {"extra_float_digits", "1"},
};

}  // namespace

SpiSession::~SpiSession() {
  if (connected_) {
    // SPI_finish raises nothing; after an ERROR the transaction has cleaned
    // up and it answers SPI_ERROR_UNCONNECTED.
    SPI_finish();
  }
  if (guc_level_ != 0) AtEOXact_GUC(true, guc_level_);
}

absl::Status SpiSession::Connect() {
  RV_ASSIGN_OR_RETURN(const int code, PgCall([] { return SPI_connect(); }));
  if (code != SPI_OK_CONNECT) {
    return absl::InternalError(
        absl::StrCat("SPI_connect answered ", SPI_result_code_string(code)));
  }
  connected_ = true;
  return PgCall([&] {
    guc_level_ = NewGUCNestLevel();
    for (const auto& [name, value] : kPinned) {
      (void)set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
                              GUC_ACTION_SAVE, true, 0, false);
    }
  });
}

namespace {

constexpr int kMaxParams = 48;

// Plans of this worker's statements, by text and types. Names of collections
// stand in some texts: when it is full, those used once make room.
constexpr size_t kMaxKeptPlans = 512;

struct KeptPlan {
  SPIPlanPtr plan = nullptr;
  int64_t uses = 0;
};

using KeptPlans = absl::flat_hash_map<std::string, KeptPlan>;

KeptPlans& Kept() {
  static auto* plans = new KeptPlans;
  return *plans;
}

void MakeRoom(KeptPlans& plans) {
  const bool all = absl::c_none_of(
      plans, [](const auto& entry) { return entry.second.uses == 1; });
  for (auto entry = plans.begin(); entry != plans.end();) {
    const auto here = entry++;
    if (!all && here->second.uses > 1) continue;
    SPI_freeplan(here->second.plan);
    plans.erase(here);
  }
}

bool PushSnapshotIfNone() {
  if (ActiveSnapshotSet()) return false;
  PushActiveSnapshot(GetTransactionSnapshot());
  return true;
}

absl::StatusOr<SPIPlanPtr> KeptPlanOf(const char* sql, absl::Span<Oid> types) {
  const std::string key = absl::StrCat(absl::StrJoin(types, ","), " ", sql);
  KeptPlans& plans = Kept();
  const auto known = plans.find(key);
  if (known != plans.end()) {
    ++known->second.uses;
    return known->second.plan;
  }
  RV_ASSIGN_OR_RETURN(const SPIPlanPtr plan, PgCall([&] {
                        const bool pushed = PushSnapshotIfNone();
                        const SPIPlanPtr made = SPI_prepare(
                            sql, static_cast<int>(types.size()), types.data());
                        if (made != nullptr) SPI_keepplan(made);
                        if (pushed) PopActiveSnapshot();
                        return made;
                      }));
  if (plan == nullptr) {
    return absl::InternalError(absl::StrCat(
        "SPI answered ", SPI_result_code_string(SPI_result), " to: ", sql));
  }
  if (plans.size() == kMaxKeptPlans) MakeRoom(plans);
  plans.insert({key, {plan, 1}});
  return plan;
}

// Plain data: it lives in frames that a longjmp crosses.
struct Bound {
  Oid types[kMaxParams];
  Datum values[kMaxParams];
  char nulls[kMaxParams];
};

Datum TextDatum(const std::string& text) {
  return PointerGetDatum(
      cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
}

Datum ArrayDatum(const SqlParam& array) {
  const Oid type = array.element_type;
  Oid input = InvalidOid;
  Oid io_param = InvalidOid;
  getTypeInputInfo(type, &input, &io_param);
  FmgrInfo read;
  fmgr_info(input, &read);
  int count = static_cast<int>(array.elements.size());
  auto* values = static_cast<Datum*>(palloc0(sizeof(Datum) * (count + 1)));
  auto* nulls = static_cast<bool*>(palloc0(sizeof(bool) * (count + 1)));
  for (int i = 0; i < count; ++i) {
    const std::optional<std::string>& text = array.elements[i];
    nulls[i] = !text.has_value();
    if (nulls[i]) continue;
    // Input functions may keep what they are given to read.
    values[i] =
        type == TEXTOID
            ? TextDatum(*text)
            : InputFunctionCall(&read, pstrdup(text->c_str()), io_param, -1);
  }
  int16 length = 0;
  bool by_value = false;
  char align = 0;
  get_typlenbyvalalign(type, &length, &by_value, &align);
  int first = 1;
  return PointerGetDatum(construct_md_array(values, nulls, 1, &count, &first,
                                            type, length, by_value, align));
}

void Bind(const SqlParam* params, int count, Bound& bound) {
  for (int i = 0; i < count; ++i) {
    const SqlParam& param = params[i];
    bound.nulls[i] = ' ';
    if (param.element_type != 0) {
      bound.types[i] = get_array_type(param.element_type);
      bound.values[i] = ArrayDatum(param);
      continue;
    }
    bound.types[i] = TEXTOID;
    if (param.text.has_value()) {
      bound.values[i] = TextDatum(*param.text);
    } else {
      bound.nulls[i] = 'n';
      bound.values[i] = Datum{0};
    }
  }
}

absl::Status Checked(const absl::StatusOr<int>& code, const char* sql) {
  RV_RETURN_IF_ERROR(code.status());
  if (*code >= 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(
      "SPI answered ", SPI_result_code_string(*code), " to: ", sql));
}

absl::Status CheckCount(size_t count) {
  if (count <= kMaxParams) return absl::OkStatus();
  return absl::InternalError("too many SQL parameters");
}

}  // namespace

absl::Status SpiSession::Run(const char* sql,
                             absl::Span<const SqlParam> params) {
  RV_RETURN_IF_ERROR(CheckCount(params.size()));
  const int count = static_cast<int>(params.size());
  Bound bound;
  RV_RETURN_IF_ERROR(PgCall([&] { Bind(params.data(), count, bound); }));
  SPIPlanPtr plan = nullptr;
  if (MyBackendType == B_BG_WORKER && keep_plans_) {
    RV_ASSIGN_OR_RETURN(plan,
                        KeptPlanOf(sql, absl::MakeSpan(bound.types, count)));
  }
  return Checked(
      PgCall([&] {
        const bool pushed = PushSnapshotIfNone();
        const int answer =
            plan != nullptr
                ? SPI_execute_plan(plan, bound.values, bound.nulls, false, 0)
                : SPI_execute_with_args(sql, count, bound.types, bound.values,
                                        bound.nulls, false, 0);
        if (pushed) PopActiveSnapshot();
        return answer;
      }),
      sql);
}

absl::StatusOr<int64_t> SpiSession::Execute(const char* sql,
                                            absl::Span<const SqlParam> params) {
  RV_RETURN_IF_ERROR(Run(sql, params));
  return static_cast<int64_t>(SPI_processed);
}

absl::StatusOr<SpiRows> SpiSession::Query(const char* sql,
                                          absl::Span<const SqlParam> params) {
  RV_RETURN_IF_ERROR(Run(sql, params));
  SpiRows rows;
  SPITupleTable* table = SPI_tuptable;
  if (table == nullptr) return rows;
  const int columns = table->tupdesc->natts;
  rows.rows_.resize(table->numvals);
  for (uint64_t r = 0; r < table->numvals; ++r) {
    rows.rows_[r].resize(columns);
    for (int c = 0; c < columns; ++c) {
      RV_ASSIGN_OR_RETURN(char* text, PgCall([&] {
                            return SPI_getvalue(table->vals[r], table->tupdesc,
                                                c + 1);
                          }));
      if (text == nullptr) continue;
      rows.rows_[r][c] = text;
      pfree(text);
    }
  }
  SPI_freetuptable(table);
  return rows;
}

}  // namespace ruvector::pg
