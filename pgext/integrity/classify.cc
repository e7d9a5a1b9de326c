#include "pgext/integrity/classify.h"

#include "pgext/bridge/pg_compat.h"

extern "C" {
#include "catalog/dependency.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace ruvector::integrity {
namespace {

// Catalog access: may raise.
bool BelongsToVectors(Oid op) {
  const Oid extension = getExtensionOfObject(OperatorRelationId, op);
  if (!OidIsValid(extension)) return false;
  char* owner = get_extension_name(extension);
  const bool ours = owner != nullptr && (strcmp(owner, "vector") == 0 ||
                                         strcmp(owner, "ruvector") == 0);
  if (owner != nullptr) pfree(owner);
  return ours;
}

bool LooksUpDistance(Oid op) {
  char* name = get_opname(op);
  if (name == nullptr) return false;
  constexpr const char* kNames[] = {"<->", "<=>", "<#>", "<+>", "<~>", "<%>"};
  bool listed = false;
  for (const char* known : kNames) listed = listed || strcmp(name, known) == 0;
  pfree(name);
  return listed && BelongsToVectors(op);
}

// scope: backend. What this backend has found out; no cache of the server
// tells an operator's extension, and reading pg_depend and pg_extension for
// every search costs more than all the rest of the gate. Never destroyed.
absl::flat_hash_map<Oid, bool>& KnownOperators() {
  static auto* known = new absl::flat_hash_map<Oid, bool>;
  return *known;
}

void OnOperatorInvalidated(Datum, int, uint32) { KnownOperators().clear(); }

bool IsDistanceOperator(Oid op) {
  if (op < FirstNormalObjectId) return false;
  static bool registered = false;  // scope: backend
  if (!registered) {
    CacheRegisterSyscacheCallback(OPEROID, OnOperatorInvalidated, Datum{0});
    registered = true;
  }
  const auto found = KnownOperators().find(op);
  if (found != KnownOperators().end()) return found->second;
  const bool distance = LooksUpDistance(op);
  KnownOperators()[op] = distance;
  return distance;
}

// The walk through a plan for the columns whose distances put its rows in
// order. Plain data: the server's errors cross it.
struct Search {
  const PlannedStmt* statement;
  List* columns;  // of SearchedColumn*
};

// Of one expression of `plan`.
struct Look {
  Search* search;
  const Plan* plan;
  const OpExpr* distance;  // around what is looked at; nullptr: none yet
};

bool NoteColumns(Node* node, void* context);

void NoteColumnsIn(const Look& look, const Plan* plan, const void* node) {
  Look below = look;
  below.plan = plan;
  NoteColumns(static_cast<Node*>(const_cast<void*>(node)), &below);
}

// What the plan node `plan` gives out as its column `number`.
void NoteOutput(const Look& look, const Plan* plan, AttrNumber number) {
  if (plan == nullptr || number < 1 || number > list_length(plan->targetlist)) {
    return;
  }
  NoteColumnsIn(look, plan,
                list_nth_node(TargetEntry, plan->targetlist, number - 1)->expr);
}

void NoteOutputs(const Look& look, const List* plans, AttrNumber number) {
  const ListCell* cell;
  foreach (cell, plans) {
    NoteOutput(look, static_cast<const Plan*>(lfirst(cell)), number);
  }
}

const Plan* SubplanOf(const Search& search, int id) {
  return list_nth_node(Plan, search.statement->subplans, id - 1);
}

const RecursiveUnion* FindUnion(const Plan* plan, int param) {
  if (plan == nullptr) return nullptr;
  if (IsA(plan, RecursiveUnion)) {
    const auto* found = reinterpret_cast<const RecursiveUnion*>(plan);
    if (found->wtParam == param) return found;
  }
  const RecursiveUnion* found = FindUnion(plan->lefttree, param);
  return found != nullptr ? found : FindUnion(plan->righttree, param);
}

// The rows that a WorkTableScan starts from.
const Plan* WorkTableSource(const Search& search, int param) {
  const RecursiveUnion* found = FindUnion(search.statement->planTree, param);
  const ListCell* cell;
  foreach (cell, search.statement->subplans) {
    if (found != nullptr) break;
    found = FindUnion(static_cast<const Plan*>(lfirst(cell)), param);
  }
  return found != nullptr ? outerPlan(&found->plan) : nullptr;
}

// The columns that a scan reads where they are not the table's own.
const List* ScannedColumns(const Plan* plan) {
  switch (nodeTag(plan)) {
    case T_IndexOnlyScan:
      return reinterpret_cast<const IndexOnlyScan*>(plan)->indextlist;
    case T_ForeignScan:
      return reinterpret_cast<const ForeignScan*>(plan)->fdw_scan_tlist;
    case T_CustomScan:
      return reinterpret_cast<const CustomScan*>(plan)->custom_scan_tlist;
    default:
      return NIL;
  }
}

void NoteRelationColumn(const Look& look, const Var& var) {
  if (look.distance == nullptr) return;
  const RangeTblEntry* entry =
      rt_fetch(var.varno, look.search->statement->rtable);
  if (entry->rtekind != RTE_RELATION) return;
  auto* column = static_cast<SearchedColumn*>(palloc(sizeof(SearchedColumn)));
  *column = {entry->relid, var.varattno, look.distance};
  look.search->columns = lappend(look.search->columns, column);
}

// What a Var of an expression of a plan node stands for is an expression of the
// node below, or a column of a table.
void NoteVar(const Look& look, const Var& var) {
  const Plan* plan = look.plan;
  switch (var.varno) {
    case OUTER_VAR:
      if (IsA(plan, Append)) {
        NoteOutputs(look, reinterpret_cast<const Append*>(plan)->appendplans,
                    var.varattno);
      } else if (IsA(plan, MergeAppend)) {
        NoteOutputs(look,
                    reinterpret_cast<const MergeAppend*>(plan)->mergeplans,
                    var.varattno);
      } else {
        NoteOutput(look, outerPlan(plan), var.varattno);
        // Its columns are written as those of its first half.
        if (IsA(plan, RecursiveUnion)) {
          NoteOutput(look, innerPlan(plan), var.varattno);
        }
      }
      return;
    case INNER_VAR:
      NoteOutput(look, innerPlan(plan), var.varattno);
      return;
    case INDEX_VAR: {
      const List* columns = ScannedColumns(plan);
      if (var.varattno < 1 || var.varattno > list_length(columns)) return;
      NoteColumnsIn(
          look, plan,
          list_nth_node(TargetEntry, columns, var.varattno - 1)->expr);
      return;
    }
    default:
      break;
  }
  if (IS_SPECIAL_VARNO(var.varno)) return;
  switch (nodeTag(plan)) {
    case T_SubqueryScan:
      NoteOutput(look, reinterpret_cast<const SubqueryScan*>(plan)->subplan,
                 var.varattno);
      return;
    case T_CteScan:
      NoteOutput(look,
                 SubplanOf(*look.search,
                           reinterpret_cast<const CteScan*>(plan)->ctePlanId),
                 var.varattno);
      return;
    case T_WorkTableScan:
      NoteOutput(look,
                 WorkTableSource(
                     *look.search,
                     reinterpret_cast<const WorkTableScan*>(plan)->wtParam),
                 var.varattno);
      return;
    default:
      NoteRelationColumn(look, var);
  }
}

// Notes the columns that distances in the expression compare, there or below.
// Always false: all of it is looked at. `context` is a Look.
bool NoteColumns(Node* node, void* context) {
  if (node == nullptr) return false;
  check_stack_depth();
  Look look = *static_cast<const Look*>(context);
  if (IsA(node, OpExpr) &&
      IsDistanceOperator(reinterpret_cast<OpExpr*>(node)->opno)) {
    look.distance = reinterpret_cast<const OpExpr*>(node);
  } else if (IsA(node, Var)) {
    NoteVar(look, *reinterpret_cast<const Var*>(node));
    return false;
  } else if (IsA(node, SubPlan)) {
    NoteOutput(look,
               SubplanOf(*look.search,
                         reinterpret_cast<const SubPlan*>(node)->plan_id),
               1);
  }
  return RV_EXPRESSION_TREE_WALKER(node, NoteColumns, &look);
}

void NoteSort(Search& search, const Plan* plan, int keys,
              const AttrNumber* columns) {
  const Look look{&search, plan, nullptr};
  for (int i = 0; i < keys; ++i) NoteOutput(look, plan, columns[i]);
}

// Of aggregates that sort their input: array_agg(x ORDER BY d). `context` is a
// Look.
bool NoteAggregates(Node* node, void* context) {
  if (node == nullptr) return false;
  check_stack_depth();
  if (IsA(node, Aggref)) {
    const auto* aggregate = reinterpret_cast<const Aggref*>(node);
    const ListCell* cell;
    foreach (cell, aggregate->aggorder) {
      NoteColumns(
          reinterpret_cast<Node*>(get_sortgroupref_tle(
              static_cast<SortGroupClause*>(lfirst(cell))->tleSortGroupRef,
              aggregate->args)),
          context);
    }
  }
  return RV_EXPRESSION_TREE_WALKER(node, NoteAggregates, context);
}

void NoteOrders(Search& search, const Plan* plan);

void NoteOrdersOf(Search& search, const List* plans) {
  const ListCell* cell;
  foreach (cell, plans) {
    NoteOrders(search, static_cast<const Plan*>(lfirst(cell)));
  }
}

// What puts rows in an order, in the node and below it.
void NoteOrders(Search& search, const Plan* plan) {
  if (plan == nullptr) return;
  check_stack_depth();
  Look look{&search, plan, nullptr};
  switch (nodeTag(plan)) {
    case T_Sort:
    case T_IncrementalSort: {  // begins with a Sort
      const auto* sort = reinterpret_cast<const Sort*>(plan);
      NoteSort(search, plan, sort->numCols, sort->sortColIdx);
      break;
    }
    case T_MergeAppend: {
      const auto* merge = reinterpret_cast<const MergeAppend*>(plan);
      NoteSort(search, plan, merge->numCols, merge->sortColIdx);
      NoteOrdersOf(search, merge->mergeplans);
      break;
    }
    case T_IndexScan:
      NoteColumnsIn(look, plan,
                    reinterpret_cast<const IndexScan*>(plan)->indexorderbyorig);
      break;
    case T_Agg:
      NoteAggregates(reinterpret_cast<Node*>(plan->targetlist), &look);
      NoteAggregates(reinterpret_cast<Node*>(plan->qual), &look);
      break;
    case T_Append:
      NoteOrdersOf(search, reinterpret_cast<const Append*>(plan)->appendplans);
      break;
    case T_SubqueryScan:
      NoteOrders(search, reinterpret_cast<const SubqueryScan*>(plan)->subplan);
      break;
    case T_CustomScan:
      NoteOrdersOf(search,
                   reinterpret_cast<const CustomScan*>(plan)->custom_plans);
      break;
    default:
      break;
  }
  NoteOrders(search, plan->lefttree);
  NoteOrders(search, plan->righttree);
}

}  // namespace

DmlShape ShapeOfInsert(const ModifyTable& node) {
  const Plan* source = outerPlan(&node.plan);
  if (source == nullptr) return {gate::Operation::kInsert, 1};
  switch (nodeTag(source)) {
    case T_Result:
      // A single row of expressions has no child.
      if (outerPlan(source) == nullptr) return {gate::Operation::kInsert, 1};
      return {gate::Operation::kBulkInsert, 0};
    case T_ValuesScan:
      return {gate::Operation::kInsert,
              list_length(
                  reinterpret_cast<const ValuesScan*>(source)->values_lists)};
    default:
      return {gate::Operation::kBulkInsert, 0};
  }
}

List* SearchedColumns(const PlannedStmt& statement) {
  Search search{&statement, NIL};
  NoteOrders(search, statement.planTree);
  NoteOrdersOf(search, statement.subplans);
  return search.columns;
}

namespace {

bool HasCommand(const AlterTableStmt& statement, AlterTableType type) {
  const ListCell* cell;
  foreach (cell, statement.cmds) {
    if (static_cast<const AlterTableCmd*>(lfirst(cell))->subtype == type) {
      return true;
    }
  }
  return false;
}

bool MakesIndex(const Constraint& constraint) {
  switch (constraint.contype) {
    case CONSTR_PRIMARY:
    case CONSTR_UNIQUE:
    case CONSTR_EXCLUSION:
      return constraint.indexname == nullptr;  // else it takes over that one
    default:
      return false;
  }
}

}  // namespace

bool AttachesPartition(const AlterTableStmt& statement) {
  return HasCommand(statement, AT_AttachPartition);
}

bool MovesTable(const AlterTableStmt& statement) {
  return HasCommand(statement, AT_SetTableSpace);
}

bool AddsIndex(const AlterTableStmt& statement) {
  const ListCell* cell;
  foreach (cell, statement.cmds) {
    const auto* command = static_cast<const AlterTableCmd*>(lfirst(cell));
    if (command->def == nullptr) continue;
    if (command->subtype == AT_AddConstraint &&
        MakesIndex(*reinterpret_cast<const Constraint*>(command->def))) {
      return true;
    }
    if (command->subtype != AT_AddColumn) continue;
    const ListCell* constraint;
    foreach (constraint,
             reinterpret_cast<const ColumnDef*>(command->def)->constraints) {
      if (MakesIndex(*static_cast<const Constraint*>(lfirst(constraint)))) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace ruvector::integrity
