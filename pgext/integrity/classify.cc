#include "pgext/integrity/classify.h"

#include "pgext/bridge/pg_compat.h"

extern "C" {
#include "catalog/dependency.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
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

// What a Var of a plan node's expressions stands for: an expression of the
// node below. Nothing where that is not in the plan tree.
const TargetEntry* Below(const Var& var, const Plan*& plan) {
  const Plan* below = nullptr;
  if (var.varno == OUTER_VAR) {
    if (IsA(plan, Append)) {
      below = static_cast<const Plan*>(
          linitial(reinterpret_cast<const Append*>(plan)->appendplans));
    } else if (IsA(plan, MergeAppend)) {
      below = static_cast<const Plan*>(
          linitial(reinterpret_cast<const MergeAppend*>(plan)->mergeplans));
    } else {
      below = outerPlan(plan);
    }
  } else if (var.varno == INNER_VAR) {
    below = innerPlan(plan);
  } else if (IsA(plan, SubqueryScan)) {
    below = reinterpret_cast<const SubqueryScan*>(plan)->subplan;
  }
  if (below == nullptr || var.varattno < 1 ||
      var.varattno > list_length(below->targetlist)) {
    return nullptr;
  }
  plan = below;
  return list_nth_node(TargetEntry, below->targetlist, var.varattno - 1);
}

// Whether the expression, one of `context` (a Plan), computes a distance, there
// or below.
bool HasDistance(Node* node, void* context) {
  if (node == nullptr) return false;
  check_stack_depth();
  if (IsA(node, OpExpr) &&
      IsDistanceOperator(reinterpret_cast<OpExpr*>(node)->opno)) {
    return true;
  }
  if (IsA(node, Var)) {
    const auto* plan = static_cast<const Plan*>(context);
    const TargetEntry* entry = Below(*reinterpret_cast<Var*>(node), plan);
    return entry != nullptr && HasDistance(reinterpret_cast<Node*>(entry->expr),
                                           const_cast<Plan*>(plan));
  }
  return RV_EXPRESSION_TREE_WALKER(node, HasDistance, context);
}

bool SortsByDistance(const Plan& plan, int keys, const AttrNumber* columns) {
  for (int i = 0; i < keys; ++i) {
    const auto* entry =
        list_nth_node(TargetEntry, plan.targetlist, columns[i] - 1);
    if (HasDistance(reinterpret_cast<Node*>(entry->expr),
                    const_cast<Plan*>(&plan))) {
      return true;
    }
  }
  return false;
}

// An aggregate that sorts its input by a distance: array_agg(x ORDER BY d).
// `context` is a Plan.
bool AggregatesByDistance(Node* node, void* context) {
  if (node == nullptr) return false;
  check_stack_depth();
  if (IsA(node, Aggref)) {
    const auto* aggregate = reinterpret_cast<const Aggref*>(node);
    const ListCell* cell;
    foreach (cell, aggregate->aggorder) {
      const auto* key = static_cast<SortGroupClause*>(lfirst(cell));
      if (HasDistance(reinterpret_cast<Node*>(get_sortgroupref_tle(
                          key->tleSortGroupRef, aggregate->args)),
                      context)) {
        return true;
      }
    }
  }
  return RV_EXPRESSION_TREE_WALKER(node, AggregatesByDistance, context);
}

bool Orders(const Plan* plan);

bool AnyOrders(const List* plans) {
  const ListCell* cell;
  foreach (cell, plans) {
    if (Orders(static_cast<const Plan*>(lfirst(cell)))) return true;
  }
  return false;
}

// Whether the node or one below it puts rows in the order of a distance.
bool Orders(const Plan* plan) {
  if (plan == nullptr) return false;
  check_stack_depth();
  bool here = false;
  switch (nodeTag(plan)) {
    case T_Sort:
    case T_IncrementalSort: {  // begins with a Sort
      const auto* sort = reinterpret_cast<const Sort*>(plan);
      here = SortsByDistance(*plan, sort->numCols, sort->sortColIdx);
      break;
    }
    case T_MergeAppend: {
      const auto* merge = reinterpret_cast<const MergeAppend*>(plan);
      here = SortsByDistance(*plan, merge->numCols, merge->sortColIdx) ||
             AnyOrders(merge->mergeplans);
      break;
    }
    case T_IndexScan:
      here = HasDistance(
          reinterpret_cast<Node*>(
              reinterpret_cast<const IndexScan*>(plan)->indexorderbyorig),
          const_cast<Plan*>(plan));
      break;
    case T_Agg:
      here = AggregatesByDistance(reinterpret_cast<Node*>(plan->targetlist),
                                  const_cast<Plan*>(plan)) ||
             AggregatesByDistance(reinterpret_cast<Node*>(plan->qual),
                                  const_cast<Plan*>(plan));
      break;
    case T_Append:
      here = AnyOrders(reinterpret_cast<const Append*>(plan)->appendplans);
      break;
    case T_SubqueryScan:
      here = Orders(reinterpret_cast<const SubqueryScan*>(plan)->subplan);
      break;
    case T_CustomScan:
      here = AnyOrders(reinterpret_cast<const CustomScan*>(plan)->custom_plans);
      break;
    default:
      break;
  }
  return here || Orders(plan->lefttree) || Orders(plan->righttree);
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

bool OrdersByDistance(const PlannedStmt& statement) {
  return Orders(statement.planTree) || AnyOrders(statement.subplans);
}

namespace {

// Of the expression: `context` is where the first distance goes.
bool NoteDistance(Node* node, void* context) {
  if (node == nullptr) return false;
  check_stack_depth();
  if (IsA(node, OpExpr) &&
      IsDistanceOperator(reinterpret_cast<OpExpr*>(node)->opno)) {
    *static_cast<const OpExpr**>(context) = reinterpret_cast<OpExpr*>(node);
    return true;
  }
  return RV_EXPRESSION_TREE_WALKER(node, NoteDistance, context);
}

const OpExpr* DistanceBelow(const Plan* plan);

const OpExpr* DistanceAmong(const List* plans) {
  const ListCell* cell;
  foreach (cell, plans) {
    const OpExpr* found = DistanceBelow(static_cast<const Plan*>(lfirst(cell)));
    if (found != nullptr) return found;
  }
  return nullptr;
}

const OpExpr* DistanceBelow(const Plan* plan) {
  if (plan == nullptr) return nullptr;
  check_stack_depth();
  const OpExpr* found = nullptr;
  List* order = IsA(plan, IndexScan)
                    ? reinterpret_cast<const IndexScan*>(plan)->indexorderbyorig
                    : NIL;
  if (NoteDistance(reinterpret_cast<Node*>(order), &found) ||
      NoteDistance(reinterpret_cast<Node*>(plan->targetlist), &found)) {
    return found;
  }
  if (IsA(plan, Append)) {
    found = DistanceAmong(reinterpret_cast<const Append*>(plan)->appendplans);
  } else if (IsA(plan, MergeAppend)) {
    found =
        DistanceAmong(reinterpret_cast<const MergeAppend*>(plan)->mergeplans);
  } else if (IsA(plan, SubqueryScan)) {
    found = DistanceBelow(reinterpret_cast<const SubqueryScan*>(plan)->subplan);
  }
  if (found == nullptr) found = DistanceBelow(plan->lefttree);
  return found != nullptr ? found : DistanceBelow(plan->righttree);
}

}  // namespace

const OpExpr* FindDistance(const PlannedStmt& statement) {
  const OpExpr* found = DistanceBelow(statement.planTree);
  return found != nullptr ? found : DistanceAmong(statement.subplans);
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
