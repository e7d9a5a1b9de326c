#include "pgext/caliber/output.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/caliber/heap/table_cache.h"
extern "C" {
#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
#include "utils/uuid.h"
}

namespace ruvector::caliber {
namespace {

using memory::Column;
using memory::ColumnType;
using memory::Entity;
using memory::EntitySpec;

bool IsByReference(ColumnType type) {
  return type != ColumnType::kInt && type != ColumnType::kBool &&
         type != ColumnType::kTime && type != ColumnType::kUuid;
}

int CountOf(Entity entity) {
  return static_cast<int>(memory::SpecOf(entity).columns.size());
}

// The row type has the columns of the spec, in their order. Of another
// version's library or a type that somebody altered this is not true.
bool MatchesUnsafe(Entity entity, TupleDesc descriptor) {
  const EntitySpec& spec = memory::SpecOf(entity);
  if (descriptor->natts != static_cast<int>(spec.columns.size())) return false;
  for (int i = 0; i < descriptor->natts; ++i) {
    const Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
    if (attribute->attisdropped ||
        attribute->atttypid != TypeOfUnsafe(spec.columns[i].type)) {
      return false;
    }
  }
  return true;
}

absl::Status Mismatch(Entity entity) {
  return pg::PgError(
      ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
      absl::StrCat("type \"caliber.", std::string(memory::SpecOf(entity).name),
                   "\" is not that of this version of ruvector"),
      "", "Run ALTER EXTENSION ruvector UPDATE.");
}

JsonbValue StringValue(const char* data, int length) {
  JsonbValue value;
  value.type = jbvString;
  value.val.string.len = length;
  value.val.string.val = const_cast<char*>(data);
  return value;
}

JsonbValue CString(char* text) {
  return StringValue(text, static_cast<int>(strlen(text)));
}

JsonbValue UuidValue(Datum value) {
  return CString(DatumGetCString(DirectFunctionCall1(uuid_out, value)));
}

JsonbValue TextValue(Datum value) {
  // Copied: the page may go before the document is made.
  return CString(TextDatumGetCString(value));
}

JsonbValue TimeValue(Datum value) {
  auto* buffer = static_cast<char*>(palloc(MAXDATELEN + 1));
  const int utc = 0;
  return CString(JsonEncodeDateTime(buffer, value, TIMESTAMPTZOID, &utc));
}

JsonbValue HexValue(Datum value) {
  const bytea* bytes = DatumGetByteaPP(value);
  const size_t size = VARSIZE_ANY_EXHDR(bytes);
  auto* text = static_cast<char*>(palloc(2 * size + 1));
  hex_encode(VARDATA_ANY(bytes), size, text);
  return StringValue(text, static_cast<int>(2 * size));
}

JsonbValue IntValue(Datum value) {
  JsonbValue number;
  number.type = jbvNumeric;
  number.val.numeric =
      DatumGetNumeric(DirectFunctionCall1(int4_numeric, value));
  return number;
}

void PushDocument(JsonbParseState** state, JsonbIteratorToken token,
                  Datum jsonb) {
  Jsonb* document = DatumGetJsonbPCopy(jsonb);
  JsonbValue value;
  if (JB_ROOT_IS_SCALAR(document)) {
    JsonbExtractScalar(&document->root, &value);
  } else {
    value.type = jbvBinary;
    value.val.binary.data = &document->root;
    value.val.binary.len = static_cast<int>(VARSIZE(document) - VARHDRSZ);
  }
  pushJsonbValue(state, token, &value);
}

void PushArray(JsonbParseState** state, Datum value, ColumnType type) {
  Datum* elements;
  bool* nulls;
  int count = 0;
  if (type == ColumnType::kUuids) {
    deconstruct_array(DatumGetArrayTypePCopy(value), UUIDOID, UUID_LEN, false,
                      'c', &elements, &nulls, &count);
  } else {
    deconstruct_array(DatumGetArrayTypePCopy(value), TEXTOID, -1, false, 'i',
                      &elements, &nulls, &count);
  }
  pushJsonbValue(state, WJB_BEGIN_ARRAY, nullptr);
  for (int i = 0; i < count; ++i) {
    JsonbValue element;
    element.type = jbvNull;
    if (!nulls[i]) {
      element = type == ColumnType::kUuids ? UuidValue(elements[i])
                                           : TextValue(elements[i]);
    }
    pushJsonbValue(state, WJB_ELEM, &element);
  }
  pushJsonbValue(state, WJB_END_ARRAY, nullptr);
}

// pgvector prints a vector as a JSON array.
void PushVector(JsonbParseState** state, Datum value) {
  Oid output;
  bool is_varlena;
  getTypeOutputInfo(TypeOfUnsafe(ColumnType::kVector), &output, &is_varlena);
  char* text = OidOutputFunctionCall(output, value);
  PushDocument(state, WJB_VALUE,
               DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

void PushValue(JsonbParseState** state, const Column& column, Datum value) {
  JsonbValue json;
  switch (column.type) {
    case ColumnType::kUuid:
      json = UuidValue(value);
      break;
    case ColumnType::kText:
      json = TextValue(value);
      break;
    case ColumnType::kInt:
      json = IntValue(value);
      break;
    case ColumnType::kBool:
      json.type = jbvBool;
      json.val.boolean = DatumGetBool(value);
      break;
    case ColumnType::kTime:
      json = TimeValue(value);
      break;
    case ColumnType::kBytes:
      json = HexValue(value);
      break;
    case ColumnType::kJson:
      PushDocument(state, WJB_VALUE, value);
      return;
    case ColumnType::kUuids:
    case ColumnType::kTexts:
      PushArray(state, value, column.type);
      return;
    case ColumnType::kVector:
      PushVector(state, value);
      return;
  }
  pushJsonbValue(state, WJB_VALUE, &json);
}

JsonbValue* PushRow(JsonbParseState** state, Entity entity, const Row& row) {
  const EntitySpec& spec = memory::SpecOf(entity);
  pushJsonbValue(state, WJB_BEGIN_OBJECT, nullptr);
  for (size_t i = 0; i < spec.columns.size(); ++i) {
    const Column& column = spec.columns[i];
    JsonbValue key =
        StringValue(column.name.data(), static_cast<int>(column.name.size()));
    pushJsonbValue(state, WJB_KEY, &key);
    if (row.nulls[i]) {
      JsonbValue null;
      null.type = jbvNull;
      pushJsonbValue(state, WJB_VALUE, &null);
    } else {
      PushValue(state, column, row.values[i]);
    }
  }
  return pushJsonbValue(state, WJB_END_OBJECT, nullptr);
}

}  // namespace

absl::Status Begin(Entity entity, CompositeSink* sink) {
  *sink = {entity, CurrentMemoryContext, nullptr, false, Datum{0}};
  RV_ASSIGN_OR_RETURN(const bool matches, pg::PgCall([&] {
                        const Oid type = RowTypeUnsafe(entity);
                        if (!OidIsValid(type)) return false;
                        sink->descriptor = lookup_rowtype_tupdesc(type, -1);
                        return MatchesUnsafe(entity, sink->descriptor);
                      }));
  return matches ? absl::OkStatus() : Mismatch(entity);
}

void OnComposite(void* context, const Row& row) {
  auto* sink = static_cast<CompositeSink*>(context);
  MemoryContext before = MemoryContextSwitchTo(sink->memory);
  HeapTuple tuple =
      heap_form_tuple(sink->descriptor, const_cast<Datum*>(row.values),
                      const_cast<bool*>(row.nulls));
  sink->result = HeapTupleGetDatum(tuple);
  sink->found = true;
  MemoryContextSwitchTo(before);
}

void End(CompositeSink* sink) { ReleaseTupleDesc(sink->descriptor); }

absl::Status Begin(FunctionCallInfo fcinfo, Entity entity, SetSink* sink) {
  RV_ASSIGN_OR_RETURN(
      const bool matches, pg::PgCall([&] {
        InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
        auto* info = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
        *sink = {entity, info->setResult, info->setDesc};
        return MatchesUnsafe(entity, info->setDesc);
      }));
  return matches ? absl::OkStatus() : Mismatch(entity);
}

void OnSet(void* context, const Row& row) {
  auto* sink = static_cast<SetSink*>(context);
  const EntitySpec& spec = memory::SpecOf(sink->entity);
  Row copy = row;
  // What is out of line now may be gone when the rows are read.
  for (int i = 0; i < CountOf(sink->entity); ++i) {
    if (!row.nulls[i] && IsByReference(spec.columns[i].type) &&
        VARATT_IS_EXTERNAL(DatumGetPointer(row.values[i]))) {
      copy.values[i] = PointerGetDatum(detoast_external_attr(
          reinterpret_cast<varlena*>(DatumGetPointer(row.values[i]))));
    }
  }
  tuplestore_putvalues(sink->store, sink->descriptor, copy.values, copy.nulls);
}

absl::Status Begin(Entity entity, JsonSink* sink) {
  *sink = {entity, CurrentMemoryContext, false, Datum{0}};
  return absl::OkStatus();
}

void OnJson(void* context, const Row& row) {
  auto* sink = static_cast<JsonSink*>(context);
  JsonbParseState* state = nullptr;
  JsonbValue* object = PushRow(&state, sink->entity, row);
  MemoryContext before = MemoryContextSwitchTo(sink->memory);
  sink->result = JsonbPGetDatum(JsonbValueToJsonb(object));
  sink->found = true;
  MemoryContextSwitchTo(before);
}

absl::Status Begin(Entity entity, JsonArraySink* sink) {
  *sink = {entity, CurrentMemoryContext, nullptr};
  return pg::PgCall(
      [&] { pushJsonbValue(&sink->state, WJB_BEGIN_ARRAY, nullptr); });
}

void OnJsonArray(void* context, const Row& row) {
  auto* sink = static_cast<JsonArraySink*>(context);
  MemoryContext before = MemoryContextSwitchTo(sink->memory);
  PushRow(&sink->state, sink->entity, row);
  MemoryContextSwitchTo(before);
}

absl::StatusOr<Datum> End(JsonArraySink* sink) {
  return pg::PgCall([&] {
    JsonbValue* array = pushJsonbValue(&sink->state, WJB_END_ARRAY, nullptr);
    return JsonbPGetDatum(JsonbValueToJsonb(array));
  });
}

}  // namespace ruvector::caliber
