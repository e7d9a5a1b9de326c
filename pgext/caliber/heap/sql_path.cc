#include "pgext/caliber/heap/sql_path.h"

#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "pgext/bridge/pg_call.h"
extern "C" {
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/guc.h"
}

namespace ruvector::caliber {
namespace {

using memory::Entity;
using memory::EntitySpec;

constexpr int kMaxValues = 64;
// More texts than the entities can make: rows of many shapes.
constexpr size_t kMaxPlans = 256;

struct Call {
  SPIPlanPtr plan;
  const char* sql;
  Oid types[kMaxValues];
  Datum values[kMaxValues];
  char nulls[kMaxValues];
  int count;
  int row_columns;
  RowSink sink;
  void* context;
  int code;
};

// Parsing must find PostgreSQL's own operators and functions; execution, with
// the triggers that it fires, sees what the caller has set.
SPIPlanPtr Prepare(Call& call) {
  const int level = NewGUCNestLevel();
  (void)set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
                          PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
  SPIPlanPtr plan = SPI_prepare(call.sql, call.count, call.types);
  if (plan != nullptr) SPI_keepplan(plan);
  AtEOXact_GUC(true, level);
  return plan;
}

uint64_t RunUnsafe(Call& call) {
  SPI_connect();
  if (call.plan == nullptr) call.plan = Prepare(call);
  if (call.plan == nullptr) {
    call.code = SPI_result;
    SPI_finish();
    return 0;
  }
  call.code = SPI_execute_plan(call.plan, call.values, call.nulls, false, 0);
  const uint64_t processed = SPI_processed;
  SPITupleTable* table = SPI_tuptable;
  if (call.code > 0 && table != nullptr && call.sink != nullptr) {
    MemoryContext memory = AllocSetContextCreate(
        CurrentMemoryContext, "ruvector caliber row", ALLOCSET_DEFAULT_SIZES);
    for (uint64_t r = 0; r < table->numvals; ++r) {
      CHECK_FOR_INTERRUPTS();
      Row row;
      for (int c = 0; c < call.row_columns; ++c) {
        row.values[c] =
            SPI_getbinval(table->vals[r], table->tupdesc, c + 1, &row.nulls[c]);
      }
      MemoryContext before = MemoryContextSwitchTo(memory);
      call.sink(call.context, row);
      MemoryContextSwitchTo(before);
      MemoryContextReset(memory);
    }
  }
  SPI_finish();
  return processed;
}

// A plan goes with what it was made for: PostgreSQL plans it anew when a table
// changes, and refuses when its columns do.
// scope: backend
absl::flat_hash_map<std::string, SPIPlanPtr>& Plans() {
  static auto* plans = new absl::flat_hash_map<std::string, SPIPlanPtr>;
  return *plans;
}

std::string Str(std::string_view text) { return std::string(text); }

std::string TableOf(const EntitySpec& spec) {
  return absl::StrCat("caliber.", Str(spec.table));
}

// A statement under construction.
class Statement {
 public:
  std::string text;

  std::string Add(Oid type, Datum value, bool null = false) {
    values_.push_back({type, value, null});
    return absl::StrCat("$", values_.size());
  }
  absl::Span<const SqlValue> values() const { return values_; }

  absl::StatusOr<std::string> AddColumn(const memory::Column& column,
                                        Datum value, bool null) {
    RV_ASSIGN_OR_RETURN(const Oid type,
                        pg::PgCall([&] { return TypeOfUnsafe(column.type); }));
    return Add(type, value, null);
  }

 private:
  std::vector<SqlValue> values_;
};

absl::Status AppendCondition(const EntitySpec& spec, const Condition& condition,
                             Statement& statement) {
  const std::string name = Str(spec.columns[condition.column].name);
  switch (condition.kind) {
    case Condition::Kind::kOneOf: {
      absl::StrAppend(&statement.text, " AND ", name, " IN (");
      for (int i = 0; i < 4 && condition.words[i] != nullptr; ++i) {
        absl::StrAppend(&statement.text, i == 0 ? "'" : ", '",
                        condition.words[i], "'");
      }
      statement.text += ")";
      return absl::OkStatus();
    }
    case Condition::Kind::kEquals: {
      RV_ASSIGN_OR_RETURN(const std::string parameter,
                          statement.AddColumn(spec.columns[condition.column],
                                              condition.value, false));
      absl::StrAppend(&statement.text, " AND ", name,
                      " OPERATOR(pg_catalog.=) ", parameter);
      return absl::OkStatus();
    }
    case Condition::Kind::kIsNull:
      absl::StrAppend(&statement.text, " AND ", name, " IS NULL");
      return absl::OkStatus();
    case Condition::Kind::kIsTrue:
      absl::StrAppend(&statement.text, " AND ", name);
      return absl::OkStatus();
    case Condition::Kind::kNotExpired:
      return absl::OkStatus();  // by the caller, who knows ttls
  }
  return absl::OkStatus();
}

struct Found {
  bool any = false;
  RowSink sink;
  void* context;
};

void OnFound(void* context, const Row& row) {
  auto* found = static_cast<Found*>(context);
  found->any = true;
  if (found->sink != nullptr) found->sink(found->context, row);
}

struct Filtered {
  const ListRequest* request;
  int64_t seen = 0;
  RowSink sink;
  void* context;
};

void OnListed(void* context, const Row& row) {
  auto* list = static_cast<Filtered*>(context);
  const ListRequest& request = *list->request;
  for (int i = 0; i < request.condition_count; ++i) {
    if (request.conditions[i].kind == Condition::Kind::kNotExpired &&
        !HoldsUnsafe(request.entity, request.conditions[i], row)) {
      return;
    }
  }
  if (++list->seen <= request.offset) return;
  if (request.limit >= 0 && list->seen > request.offset + request.limit) return;
  list->sink(list->context, row);
}

// Locks the row, or says why not.
absl::StatusOr<Outcome> SqlLock(Entity entity, Datum id,
                                absl::Span<const Condition> conditions,
                                const char* strength, RowSink old,
                                void* context) {
  const EntitySpec& spec = memory::SpecOf(entity);
  RV_ASSIGN_OR_RETURN(const std::string list, SelectList(entity));
  for (const bool guarded : {true, false}) {
    Statement statement;
    absl::StrAppend(&statement.text, "SELECT ", list, " FROM ", TableOf(spec),
                    " WHERE ", Str(spec.columns[0].name),
                    " OPERATOR(pg_catalog.=) ", statement.Add(UUIDOID, id));
    if (guarded) {
      for (const Condition& condition : conditions) {
        RV_RETURN_IF_ERROR(AppendCondition(spec, condition, statement));
      }
      absl::StrAppend(&statement.text, " FOR ", strength);
    }
    Found found{false, guarded ? old : nullptr, context};
    RV_RETURN_IF_ERROR(SqlRun(statement.text, statement.values(),
                              static_cast<int>(spec.columns.size()), OnFound,
                              &found)
                           .status());
    if (found.any) return guarded ? Outcome::kDone : Outcome::kRefused;
    if (conditions.empty()) break;
  }
  return Outcome::kNotFound;
}

}  // namespace

absl::StatusOr<int64_t> SqlRun(const std::string& statement,
                               absl::Span<const SqlValue> values,
                               int row_columns, RowSink sink, void* context) {
  if (values.size() > kMaxValues) {
    return absl::InternalError("too many SQL values");
  }
  Call call{};
  call.sql = statement.c_str();
  call.count = static_cast<int>(values.size());
  for (int i = 0; i < call.count; ++i) {
    call.types[i] = values[i].type;
    call.values[i] = values[i].value;
    call.nulls[i] = values[i].null ? 'n' : ' ';
  }
  call.row_columns = row_columns;
  call.sink = sink;
  call.context = context;
  auto& plans = Plans();
  const auto known = plans.find(statement);
  if (known != plans.end()) call.plan = known->second;
  const bool prepared = call.plan != nullptr;
  absl::StatusOr<uint64_t> processed =
      pg::PgCall([&] { return RunUnsafe(call); });
  if (!prepared && call.plan != nullptr) {
    // Not one of the others goes for it: it may be running further up.
    if (plans.size() < kMaxPlans) {
      plans.emplace(statement, call.plan);
    } else {
      SPI_freeplan(call.plan);
    }
  }
  RV_RETURN_IF_ERROR(processed.status());
  if (call.code < 0) {
    return absl::InternalError(absl::StrCat("SPI answered ",
                                            SPI_result_code_string(call.code),
                                            " to: ", statement));
  }
  return static_cast<int64_t>(*processed);
}

absl::StatusOr<std::string> SelectList(Entity entity) {
  RV_ASSIGN_OR_RETURN(const TableEntry* entry,
                      pg::PgCall([&] { return LookupUnsafe(entity); }));
  const EntitySpec& spec = memory::SpecOf(entity);
  std::string list;
  for (size_t i = 0; i < spec.columns.size(); ++i) {
    const bool there = entry != nullptr && entry->attributes[i] != 0;
    absl::StrAppend(&list, i == 0 ? "" : ", ",
                    there ? Str(spec.columns[i].name) : "NULL");
  }
  return list;
}

absl::StatusOr<Outcome> SqlInsert(Entity entity, const Fields& fields) {
  const EntitySpec& spec = memory::SpecOf(entity);
  Statement statement;
  std::string columns, parameters;
  for (size_t i = 0; i < spec.columns.size(); ++i) {
    if (!fields.Has(static_cast<int>(i))) continue;
    RV_ASSIGN_OR_RETURN(
        const std::string parameter,
        statement.AddColumn(spec.columns[i], fields.values[i],
                            fields.states[i] == Fields::State::kNull));
    const char* separator = columns.empty() ? "" : ", ";
    absl::StrAppend(&columns, separator, Str(spec.columns[i].name));
    absl::StrAppend(&parameters, separator, parameter);
  }
  statement.text = absl::StrCat("INSERT INTO ", TableOf(spec), " (", columns,
                                ") VALUES (", parameters, ")");
  RV_ASSIGN_OR_RETURN(
      const int64_t stored,
      SqlRun(statement.text, statement.values(), 0, nullptr, nullptr));
  return stored == 0 ? Outcome::kSuppressed : Outcome::kDone;
}

absl::StatusOr<Outcome> SqlUpdate(Entity entity, Datum id,
                                  absl::Span<const Condition> conditions,
                                  const Fields& changes, RowSink old,
                                  void* context) {
  RV_ASSIGN_OR_RETURN(
      const Outcome locked,
      SqlLock(entity, id, conditions, "NO KEY UPDATE", old, context));
  if (locked != Outcome::kDone) return locked;
  const EntitySpec& spec = memory::SpecOf(entity);
  Statement statement;
  std::string assignments;
  for (size_t i = 0; i < spec.columns.size(); ++i) {
    if (!changes.Has(static_cast<int>(i))) continue;
    const std::string name = Str(spec.columns[i].name);
    std::string value = absl::StrCat(name, " OPERATOR(pg_catalog.+) 1");
    if (changes.states[i] != Fields::State::kPlusOne) {
      RV_ASSIGN_OR_RETURN(
          value,
          statement.AddColumn(spec.columns[i], changes.values[i],
                              changes.states[i] == Fields::State::kNull));
    }
    absl::StrAppend(&assignments, assignments.empty() ? "" : ", ", name, " = ",
                    value);
  }
  const std::string key = statement.Add(UUIDOID, id);
  statement.text =
      absl::StrCat("UPDATE ", TableOf(spec), " SET ", assignments, " WHERE ",
                   Str(spec.columns[0].name), " OPERATOR(pg_catalog.=) ", key);
  RV_ASSIGN_OR_RETURN(
      const int64_t stored,
      SqlRun(statement.text, statement.values(), 0, nullptr, nullptr));
  return stored == 0 ? Outcome::kSuppressed : Outcome::kDone;
}

absl::StatusOr<Outcome> SqlDelete(Entity entity, Datum id,
                                  absl::Span<const Condition> conditions) {
  const EntitySpec& spec = memory::SpecOf(entity);
  Statement statement;
  absl::StrAppend(&statement.text, "DELETE FROM ", TableOf(spec), " WHERE ",
                  Str(spec.columns[0].name), " OPERATOR(pg_catalog.=) ",
                  statement.Add(UUIDOID, id));
  for (const Condition& condition : conditions) {
    RV_RETURN_IF_ERROR(AppendCondition(spec, condition, statement));
  }
  RV_ASSIGN_OR_RETURN(
      const int64_t gone,
      SqlRun(statement.text, statement.values(), 0, nullptr, nullptr));
  return gone == 0 ? Outcome::kNotFound : Outcome::kDone;
}

absl::StatusOr<bool> SqlGet(Entity entity, Datum id, RowSink sink,
                            void* context) {
  const EntitySpec& spec = memory::SpecOf(entity);
  RV_ASSIGN_OR_RETURN(const std::string list, SelectList(entity));
  Statement statement;
  absl::StrAppend(&statement.text, "SELECT ", list, " FROM ", TableOf(spec),
                  " WHERE ", Str(spec.columns[0].name),
                  " OPERATOR(pg_catalog.=) ", statement.Add(UUIDOID, id));
  Found found{false, sink, context};
  RV_RETURN_IF_ERROR(SqlRun(statement.text, statement.values(),
                            static_cast<int>(spec.columns.size()), OnFound,
                            &found)
                         .status());
  return found.any;
}

absl::Status SqlList(const ListRequest& request, RowSink sink, void* context) {
  const EntitySpec& spec = memory::SpecOf(request.entity);
  RV_ASSIGN_OR_RETURN(const std::string list, SelectList(request.entity));
  Statement statement;
  absl::StrAppend(&statement.text, "SELECT ", list, " FROM ", TableOf(spec),
                  " WHERE true");
  for (int i = 0; i < request.filter_count; ++i) {
    const memory::Column& column = spec.columns[request.filters[i]];
    RV_ASSIGN_OR_RETURN(const std::string parameter,
                        statement.AddColumn(column, request.keys[i], false));
    absl::StrAppend(&statement.text, " AND ", Str(column.name),
                    " OPERATOR(pg_catalog.=) ", parameter);
  }
  bool by_clock = false;
  for (int i = 0; i < request.condition_count; ++i) {
    RV_RETURN_IF_ERROR(AppendCondition(spec, request.conditions[i], statement));
    by_clock |= request.conditions[i].kind == Condition::Kind::kNotExpired;
  }
  for (int i = 0; i < request.order_count; ++i) {
    absl::StrAppend(&statement.text, i == 0 ? " ORDER BY " : ", ",
                    Str(spec.columns[request.order[i]].name),
                    request.descending ? " DESC NULLS FIRST" : "");
  }
  if (request.limit >= 0 && !by_clock) {
    absl::StrAppend(
        &statement.text, " LIMIT ",
        statement.Add(INT8OID, Int64GetDatum(request.limit + request.offset)));
  }
  Filtered filtered{&request, 0, sink, context};
  return SqlRun(statement.text, statement.values(),
                static_cast<int>(spec.columns.size()), OnListed, &filtered)
      .status();
}

absl::Status SqlGetMany(Entity entity, Datum ids, RowSink sink, void* context) {
  const EntitySpec& spec = memory::SpecOf(entity);
  RV_ASSIGN_OR_RETURN(const std::string list, SelectList(entity));
  const std::string key = Str(spec.columns[0].name);
  Statement statement;
  absl::StrAppend(&statement.text, "SELECT ", list, " FROM ", TableOf(spec),
                  " WHERE ", key, " OPERATOR(pg_catalog.=) ANY (",
                  statement.Add(UUIDARRAYOID, ids), ") ORDER BY ", key);
  return SqlRun(statement.text, statement.values(),
                static_cast<int>(spec.columns.size()), sink, context)
      .status();
}

}  // namespace ruvector::caliber
