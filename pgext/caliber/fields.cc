#include "pgext/caliber/fields.h"

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/memory/uuid7.h"
#include "pgext/boot/settings.h"
#include "pgext/bridge/arguments.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/caliber/heap/table_cache.h"
extern "C" {
#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/typcache.h"
#include "utils/uuid.h"
}

namespace ruvector::caliber {
namespace {

using memory::Column;
using memory::ColumnType;
using memory::Entity;
using memory::EntitySpec;

// What is echoed of a wrong value.
constexpr size_t kMaxShown = 64;

std::string Str(std::string_view text) { return std::string(text); }

std::string Shown(std::string_view text) {
  if (text.size() <= kMaxShown) return Str(text);
  size_t end = kMaxShown;
  // Not within a character.
  while (end > 0 && (text[end] & 0xc0) == 0x80) --end;
  return absl::StrCat(Str(text.substr(0, end)), "...");
}

absl::Status NullValue(std::string_view name) {
  return pg::PgError(
      ERRCODE_NULL_VALUE_NOT_ALLOWED,
      absl::StrCat("argument \"", Str(name), "\" must not be null"));
}

absl::Status WrongType(std::string_view key, const char* wanted) {
  return pg::PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                     absl::StrCat("key \"", Str(key), "\" must be ", wanted));
}

// scope: backend
memory::Uuid7Generator& Generator() {
  static auto* generator = new memory::Uuid7Generator;
  return *generator;
}

// PostgreSQL counts from 2000.
uint64_t UnixMillis() {
  constexpr int64_t kEpochSeconds =
      int64_t{POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE} * SECS_PER_DAY;
  return static_cast<uint64_t>(GetCurrentTimestamp() / 1000 +
                               kEpochSeconds * 1000);
}

struct Member {
  const char* key;
  int key_length;
  JsonbValue value;  // containers are jbvBinary
};

struct Members {
  bool is_object;
  Member* items;
  int count;
};

Members MembersUnsafe(Datum jsonb) {
  Jsonb* document = DatumGetJsonbP(jsonb);
  if (!JB_ROOT_IS_OBJECT(document)) return {false, nullptr, 0};
  const auto count = static_cast<int>(JB_ROOT_COUNT(document));
  auto* items = static_cast<Member*>(palloc0(sizeof(Member) * (count + 1)));
  JsonbIterator* iterator = JsonbIteratorInit(&document->root);
  JsonbValue token;
  int filled = 0;
  JsonbIteratorToken kind;
  (void)JsonbIteratorNext(&iterator, &token, true);
  while ((kind = JsonbIteratorNext(&iterator, &token, true)) != WJB_DONE) {
    if (kind == WJB_KEY) {
      items[filled].key = token.val.string.val;
      items[filled].key_length = token.val.string.len;
    } else if (kind == WJB_VALUE) {
      items[filled++].value = token;
    }
  }
  return {true, items, filled};
}

char* CopyString(const JsonbValue& value) {
  return pnstrdup(value.val.string.val, value.val.string.len);
}

// An array of strings (uuids: of their form); false for anything else.
bool StringArrayUnsafe(const JsonbValue& value, bool uuids, Datum* result) {
  if (value.type != jbvBinary || !JsonContainerIsArray(value.val.binary.data)) {
    return false;
  }
  JsonbContainer* container = value.val.binary.data;
  const auto count = static_cast<int>(JsonContainerSize(container));
  auto* elements = static_cast<Datum*>(palloc(sizeof(Datum) * (count + 1)));
  for (int i = 0; i < count; ++i) {
    JsonbValue* element = getIthJsonbValueFromContainer(container, i);
    if (element == nullptr || element->type != jbvString) return false;
    char* text = CopyString(*element);
    elements[i] = uuids ? DirectFunctionCall1(uuid_in, CStringGetDatum(text))
                        : CStringGetTextDatum(text);
  }
  *result = PointerGetDatum(
      uuids ? construct_array(elements, count, UUIDOID, UUID_LEN, false, 'c')
            : construct_array(elements, count, TEXTOID, -1, false, 'i'));
  return true;
}

// The value as a Datum of the column's type; `wanted` says what it must be
// when it is something else.
bool ConvertUnsafe(ColumnType type, JsonbValue& value, Datum* result,
                   const char** wanted) {
  const bool is_string = value.type == jbvString;
  switch (type) {
    case ColumnType::kText:
      *wanted = "a string";
      if (is_string) {
        *result = PointerGetDatum(cstring_to_text_with_len(
            value.val.string.val, value.val.string.len));
      }
      return is_string;
    case ColumnType::kUuid:
      *wanted = "a uuid as a string";
      if (is_string) {
        *result =
            DirectFunctionCall1(uuid_in, CStringGetDatum(CopyString(value)));
      }
      return is_string;
    case ColumnType::kTime:
      *wanted = "a time as a string";
      if (is_string) {
        *result = DirectFunctionCall3(
            timestamptz_in, CStringGetDatum(CopyString(value)),
            ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
      }
      return is_string;
    case ColumnType::kInt: {
      *wanted = "an integer";
      if (value.type != jbvNumeric) return false;
      const Datum number = NumericGetDatum(value.val.numeric);
      *result = DirectFunctionCall1(numeric_int4, number);
      return DatumGetBool(DirectFunctionCall2(
          numeric_eq, DirectFunctionCall1(int4_numeric, *result), number));
    }
    case ColumnType::kBool:
      *wanted = "true or false";
      *result = BoolGetDatum(value.type == jbvBool && value.val.boolean);
      return value.type == jbvBool;
    case ColumnType::kJson:
      *result = JsonbPGetDatum(JsonbValueToJsonb(&value));
      return true;
    case ColumnType::kUuids:
      *wanted = "an array of uuids as strings";
      return StringArrayUnsafe(value, true, result);
    case ColumnType::kTexts:
      *wanted = "an array of strings";
      return StringArrayUnsafe(value, false, result);
    default:
      *wanted = "set by its own function";
      return false;
  }
}

absl::Status ParseMember(const EntitySpec& spec, Member& member,
                         Fields& fields) {
  const std::string_view key(member.key, member.key_length);
  const std::optional<int> column = memory::FindColumn(spec, key);
  if (!column.has_value() || !spec.columns[*column].Is(memory::kUpdatable)) {
    std::string known;
    for (const Column& each : spec.columns) {
      if (!each.Is(memory::kUpdatable)) continue;
      absl::StrAppend(&known, known.empty() ? "" : ", ", Str(each.name));
    }
    return pg::PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                       absl::StrCat("unknown key \"", Shown(key),
                                    "\" in the updates of a ", Str(spec.name)),
                       "", absl::StrCat("Keys are ", known, "."));
  }
  const Column& found = spec.columns[*column];
  if (member.value.type == jbvNull) {
    if (found.Is(memory::kRequired)) {
      return pg::PgError(
          ERRCODE_NULL_VALUE_NOT_ALLOWED,
          absl::StrCat("key \"", Str(key), "\" must not be null"));
    }
    fields.SetNull(*column);
    return absl::OkStatus();
  }
  Datum value = 0;
  const char* wanted = "";
  absl::StatusOr<bool> fits = pg::PgCall(
      [&] { return ConvertUnsafe(found.type, member.value, &value, &wanted); });
  if (!fits.ok()) {
    // PostgreSQL's input functions do not know the key.
    return pg::PgError(
        pg::SqlStateOf(fits.status()),
        absl::StrCat("key \"", Str(key), "\": ", fits.status().message()),
        pg::DetailOf(fits.status()), pg::HintOf(fits.status()));
  }
  if (!*fits) return WrongType(key, wanted);
  RV_RETURN_IF_ERROR(CheckValue(found, key, value));
  fields.Set(*column, value);
  return absl::OkStatus();
}

struct Elements {
  Datum* values;
  bool* nulls;
  int count;
};

}  // namespace

absl::StatusOr<Datum> NewId() {
  RV_ASSIGN_OR_RETURN(
      auto* id, pg::PgCall([] {
        return static_cast<pg_uuid_t*>(palloc(sizeof(pg_uuid_t)));
      }));
  uint64_t random[2];
  if (!pg_strong_random(random, sizeof(random))) {
    return absl::InternalError("could not generate random values");
  }
  const memory::Uuid made =
      Generator().Next(UnixMillis(), random[0], random[1]);
  std::copy(made.begin(), made.end(), id->data);
  return UUIDPGetDatum(id);
}

absl::StatusOr<std::string> TextOf(Datum value) {
  RV_ASSIGN_OR_RETURN(const text* stored,
                      pg::PgCall([&] { return DatumGetTextPP(value); }));
  return std::string(VARDATA_ANY(stored), VARSIZE_ANY_EXHDR(stored));
}

absl::Status CheckValue(const Column& column, std::string_view name,
                        Datum value) {
  if (column.Is(memory::kContent)) {
    RV_ASSIGN_OR_RETURN(const Size size, pg::PgCall([&] {
                          return toast_raw_datum_size(value) - VARHDRSZ;
                        }));
    if (size > static_cast<Size>(settings::max_content_bytes)) {
      return pg::PgError(
          ERRCODE_PROGRAM_LIMIT_EXCEEDED,
          absl::StrCat("\"", Str(name), "\" has ", size, " bytes, at most ",
                       settings::max_content_bytes, " allowed"),
          "", "The setting caliber.max_content_bytes is the limit.");
    }
  }
  if (column.words == memory::Vocabulary::kNone) return absl::OkStatus();
  RV_ASSIGN_OR_RETURN(const std::string word, TextOf(value));
  if (memory::IsWord(column.words, word)) return absl::OkStatus();
  return pg::PgError(
      ERRCODE_INVALID_PARAMETER_VALUE,
      absl::StrCat("invalid ", Str(name), " \"", Shown(word), "\""), "",
      absl::StrCat("It can be ", memory::ListOf(column.words), "."));
}

absl::Status HashContent(Fields& fields, int content, int content_hash) {
  if (fields.states[content] != Fields::State::kValue) return absl::OkStatus();
  RV_ASSIGN_OR_RETURN(const Datum hash, pg::PgCall([&] {
                        // text and bytea are both a length and bytes.
                        return DirectFunctionCall1(sha256_bytea,
                                                   fields.values[content]);
                      }));
  fields.Set(content_hash, hash);
  return absl::OkStatus();
}

absl::Status FieldArguments::NewRow() {
  fields = Fields();
  RV_ASSIGN_OR_RETURN(const Datum id, NewId());
  fields.Set(0, id);
  return absl::OkStatus();
}

absl::Status FieldArguments::Required(int argument, int column,
                                      std::string_view name) {
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo_, argument, name));
  return Optional(argument, column, name);
}

absl::Status FieldArguments::Optional(int argument, int column,
                                      std::string_view name) {
  FunctionCallInfo fcinfo = fcinfo_;
  if (PG_ARGISNULL(argument)) return absl::OkStatus();
  const Datum value = PG_GETARG_DATUM(argument);
  RV_RETURN_IF_ERROR(CheckValue(spec_.columns[column], name, value));
  fields.Set(column, value);
  return absl::OkStatus();
}

absl::StatusOr<Fields> ParseUpdates(Entity entity, Datum jsonb) {
  RV_ASSIGN_OR_RETURN(const Members members,
                      pg::PgCall([&] { return MembersUnsafe(jsonb); }));
  if (!members.is_object) {
    return pg::PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                       "argument \"updates\" must be a JSON object");
  }
  if (members.count == 0) {
    return pg::PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                       "argument \"updates\" names nothing to update");
  }
  Fields fields;
  for (int i = 0; i < members.count; ++i) {
    RV_RETURN_IF_ERROR(
        ParseMember(memory::SpecOf(entity), members.items[i], fields));
  }
  return fields;
}

absl::StatusOr<std::vector<Fields>> ParseRows(Entity entity, Datum array,
                                              std::string_view name) {
  const EntitySpec& spec = memory::SpecOf(entity);
  const int columns = static_cast<int>(spec.columns.size());
  struct Opened {
    Elements elements;
    TupleDesc descriptor;
  };
  RV_ASSIGN_OR_RETURN(
      const Opened opened, pg::PgCall([&] {
        ArrayType* rows = DatumGetArrayTypeP(array);
        Opened result{};
        deconstruct_array(rows, ARR_ELEMTYPE(rows), -1, false, 'd',
                          &result.elements.values, &result.elements.nulls,
                          &result.elements.count);
        result.descriptor = lookup_rowtype_tupdesc_copy(ARR_ELEMTYPE(rows), -1);
        return result;
      }));
  if (opened.descriptor->natts != columns) {
    return pg::PgError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       absl::StrCat("type \"caliber.", Str(spec.name),
                                    "\" is not that of this version"),
                       "", "Run ALTER EXTENSION ruvector UPDATE.");
  }
  std::vector<Fields> rows(opened.elements.count);
  for (int i = 0; i < opened.elements.count; ++i) {
    const std::string where = absl::StrCat(Str(name), "[", i + 1, "]");
    if (opened.elements.nulls[i]) return NullValue(where);
    Row row;
    RV_RETURN_IF_ERROR(pg::PgCall([&] {
      HeapTupleHeader header =
          DatumGetHeapTupleHeader(opened.elements.values[i]);
      HeapTupleData tuple{};
      tuple.t_len = HeapTupleHeaderGetDatumLength(header);
      tuple.t_data = header;
      heap_deform_tuple(&tuple, opened.descriptor, row.values, row.nulls);
    }));
    for (int c = 0; c < columns; ++c) {
      if (row.nulls[c]) continue;
      RV_RETURN_IF_ERROR(CheckValue(
          spec.columns[c], absl::StrCat(where, ".", Str(spec.columns[c].name)),
          row.values[c]));
      rows[i].Set(c, row.values[c]);
    }
    if (!rows[i].Has(0)) {
      RV_ASSIGN_OR_RETURN(const Datum id, NewId());
      rows[i].Set(0, id);
    }
  }
  return rows;
}

}  // namespace ruvector::caliber
