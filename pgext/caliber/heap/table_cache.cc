#include "pgext/caliber/heap/table_cache.h"

extern "C" {
#include "access/attnum.h"
#include "access/genam.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteHandler.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace ruvector::caliber {
namespace {

using memory::ColumnType;
using memory::Entity;
using memory::EntitySpec;

constexpr char kSchema[] = "caliber";

// scope: backend
TableEntry* entries[memory::kEntityCount];
bool registered = false;
Oid vector_type = InvalidOid;
Oid row_types[memory::kEntityCount];

void OnRelcache(Datum, Oid relation) {
  for (TableEntry* entry : entries) {
    if (entry != nullptr &&
        (relation == InvalidOid || relation == entry->table)) {
      entry->valid = false;
    }
  }
}

// A schema was renamed, a type dropped: names may lead elsewhere.
void OnSyscache(Datum, int, uint32) {
  OnRelcache(Datum{0}, InvalidOid);
  vector_type = InvalidOid;
  for (Oid& type : row_types) type = InvalidOid;
}

void OnTypeChange(Datum, int, uint32) {
  vector_type = InvalidOid;
  for (Oid& type : row_types) type = InvalidOid;
}

void RegisterOnce() {
  if (registered) return;
  CacheRegisterRelcacheCallback(OnRelcache, Datum{0});
  CacheRegisterSyscacheCallback(NAMESPACEOID, OnSyscache, Datum{0});
  CacheRegisterSyscacheCallback(TYPEOID, OnTypeChange, Datum{0});
  registered = true;
}

DefaultValue DefaultOf(Relation relation, int attribute) {
  DefaultValue result;
  const Form_pg_attribute att =
      TupleDescAttr(RelationGetDescr(relation), attribute - 1);
  if (att->attisdropped || att->attgenerated != '\0') return result;
  Node* expression = build_column_default(relation, attribute);
  if (expression == nullptr) return result;
  result.kind = DefaultValue::Kind::kExpression;
  result.expression = reinterpret_cast<Expr*>(expression);
  if (IsA(expression, Const)) {
    const auto* constant = reinterpret_cast<Const*>(expression);
    result.kind = DefaultValue::Kind::kConstant;
    result.constant = constant->constvalue;
    result.constant_is_null = constant->constisnull;
  } else if (IsA(expression, FuncExpr) &&
             reinterpret_cast<FuncExpr*>(expression)->funcid == F_NOW) {
    result.kind = DefaultValue::Kind::kNow;
  }
  return result;
}

int ColumnOf(const TableEntry& entry, AttrNumber attribute, int columns) {
  for (int i = 0; i < columns; ++i) {
    if (entry.attributes[i] == attribute) return i;
  }
  return -1;
}

// The bool column that is the whole predicate; -1: none, -2: another one.
int PredicateColumn(const TableEntry& entry, Relation index, int columns) {
  List* predicate = RelationGetIndexPredicate(index);
  if (predicate == NIL) return -1;
  if (list_length(predicate) != 1 || !IsA(linitial(predicate), Var)) return -2;
  const int column = ColumnOf(
      entry, static_cast<Var*>(linitial(predicate))->varattno, columns);
  return column < 0 ? -2 : column;
}

void AddIndex(TableEntry& entry, Oid oid, int columns) {
  if (entry.index_count == TableEntry::kMaxIndexes) return;
  Relation index = index_open(oid, AccessShareLock);
  const Form_pg_index form = index->rd_index;
  if (index->rd_rel->relam == BTREE_AM_OID && form->indisvalid &&
      form->indisready && form->indislive && !form->indcheckxmin) {
    IndexEntry found{};
    found.oid = oid;
    found.only_true = PredicateColumn(entry, index, columns);
    while (found.key_count < form->indnkeyatts &&
           found.key_count < IndexEntry::kMaxKeys) {
      const int k = found.key_count;
      const int column = ColumnOf(entry, form->indkey.values[k], columns);
      if (column < 0 || index->rd_indoption[k] != 0) break;
      found.keys[found.key_count++] = column;
    }
    if (found.key_count > 0 && found.only_true != -2) {
      entry.indexes[entry.index_count++] = found;
    }
    if (form->indisprimary && form->indnkeyatts == 1 && found.key_count == 1 &&
        found.keys[0] == 0) {
      entry.primary_key = oid;
    }
  }
  index_close(index, NoLock);
}

TableEntry* Build(Entity entity, Relation relation) {
  const EntitySpec& spec = memory::SpecOf(entity);
  const int columns = static_cast<int>(spec.columns.size());
  MemoryContext memory = AllocSetContextCreate(
      CurrentMemoryContext, "ruvector caliber table", ALLOCSET_SMALL_SIZES);
  MemoryContext before = MemoryContextSwitchTo(memory);
  auto* entry = static_cast<TableEntry*>(palloc0(sizeof(TableEntry)));
  entry->entity = entity;
  entry->memory = memory;
  entry->table = RelationGetRelid(relation);
  entry->attribute_count = RelationGetNumberOfAttributes(relation);
  entry->missing = -1;
  for (int i = 0; i < columns; ++i) {
    const memory::Column& column = spec.columns[i];
    const AttrNumber attribute = get_attnum(entry->table, column.name.data());
    const bool usable =
        attribute > 0 &&
        TupleDescAttr(RelationGetDescr(relation), attribute - 1)->atttypid ==
            TypeOfUnsafe(column.type);
    entry->attributes[i] = usable ? attribute : 0;
    // What is stored must be cut or rounded to it, as an assignment does.
    entry->has_modifier |=
        usable && column.type != ColumnType::kVector &&
        TupleDescAttr(RelationGetDescr(relation), attribute - 1)->atttypmod !=
            -1;
    if (!usable && !column.Is(memory::kConfigured) && entry->missing < 0) {
      entry->missing = i;
    }
  }
  entry->defaults = static_cast<DefaultValue*>(
      palloc0(sizeof(DefaultValue) * entry->attribute_count));
  for (int a = 1; a <= entry->attribute_count; ++a) {
    entry->defaults[a - 1] = DefaultOf(relation, a);
  }
  ListCell* cell;
  foreach (cell, RelationGetIndexList(relation)) {
    AddIndex(*entry, lfirst_oid(cell), columns);
  }
  entry->valid = true;
  MemoryContextSwitchTo(before);
  return entry;
}

Oid TableOidUnsafe(Entity entity) {
  const Oid schema = get_namespace_oid(kSchema, true);
  if (!OidIsValid(schema)) return InvalidOid;
  return get_relname_relid(memory::SpecOf(entity).table.data(), schema);
}

// Who uses the old entry may go on until the transaction ends.
void Retire(TableEntry*& slot) {
  if (slot == nullptr) return;
  TableEntry* old = slot;
  slot = nullptr;
  MemoryContextSetParent(old->memory, TopTransactionContext);
}

}  // namespace

Oid TypeOfUnsafe(ColumnType type) {
  switch (type) {
    case ColumnType::kUuid:
      return UUIDOID;
    case ColumnType::kText:
      return TEXTOID;
    case ColumnType::kInt:
      return INT4OID;
    case ColumnType::kBool:
      return BOOLOID;
    case ColumnType::kTime:
      return TIMESTAMPTZOID;
    case ColumnType::kJson:
      return JSONBOID;
    case ColumnType::kBytes:
      return BYTEAOID;
    case ColumnType::kUuids:
      return UUIDARRAYOID;
    case ColumnType::kTexts:
      return TEXTARRAYOID;
    case ColumnType::kVector:
      break;
  }
  if (OidIsValid(vector_type)) return vector_type;
  RegisterOnce();
  const Oid schema = get_namespace_oid(kSchema, true);
  const Oid row =
      OidIsValid(schema) ? get_relname_relid("note", schema) : InvalidOid;
  if (!OidIsValid(row)) return InvalidOid;
  vector_type = get_atttype(row, get_attnum(row, "embedding"));
  return vector_type;
}

Oid RowTypeUnsafe(Entity entity) {
  Oid& type = row_types[static_cast<int>(entity)];
  if (OidIsValid(type)) return type;
  RegisterOnce();
  const Oid schema = get_namespace_oid(kSchema, true);
  if (!OidIsValid(schema)) return InvalidOid;
  const char* name = memory::SpecOf(entity).name.data();
  const Oid found =
      GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, PointerGetDatum(name),
                      ObjectIdGetDatum(schema));
  type = found;
  return found;
}

const TableEntry* LookupUnsafe(Entity entity) {
  TableEntry*& slot = entries[static_cast<int>(entity)];
  if (slot != nullptr && slot->valid) return slot;
  RegisterOnce();
  Relation relation;
  do {
    const Oid table = TableOidUnsafe(entity);
    if (!OidIsValid(table)) {
      Retire(slot);
      return nullptr;
    }
    relation = try_table_open(table, AccessShareLock);
  } while (relation == nullptr);
  TableEntry* built = Build(entity, relation);
  MemoryContextSetParent(built->memory, CacheMemoryContext);
  Retire(slot);
  slot = built;
  table_close(relation, NoLock);
  return slot;
}

const TableEntry* OpenUnsafe(Entity entity, LOCKMODE lock, Relation* relation) {
  for (;;) {
    const TableEntry* entry = LookupUnsafe(entity);
    if (entry == nullptr) return nullptr;
    *relation = try_table_open(entry->table, lock);
    if (*relation == nullptr) continue;
    if (entry->valid) return entry;
    table_close(*relation, NoLock);
  }
}

const IndexEntry* FindIndex(const TableEntry& entry, const int* filter,
                            int filter_count, const int* order, int order_count,
                            int is_true) {
  const IndexEntry* best = nullptr;
  for (int i = 0; i < entry.index_count; ++i) {
    const IndexEntry& index = entry.indexes[i];
    if (index.key_count < filter_count + order_count) continue;
    if (index.only_true >= 0 && index.only_true != is_true) continue;
    bool fits = true;
    for (int k = 0; k < filter_count && fits; ++k) {
      fits = index.keys[k] == filter[k];
    }
    for (int k = 0; k < order_count && fits; ++k) {
      fits = index.keys[filter_count + k] == order[k];
    }
    if (!fits) continue;
    // The smaller, where there is a choice.
    if (best == nullptr || (best->only_true < 0 && index.only_true >= 0)) {
      best = &index;
    }
  }
  return best;
}

}  // namespace ruvector::caliber
