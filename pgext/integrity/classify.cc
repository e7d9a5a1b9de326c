#include "pgext/integrity/classify.h"

#include "pgext/bridge/pg_compat.h"

extern "C" {
#include "catalog/dependency.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "nodes/nodeFuncs.h"
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

bool HasDistance(Node* node, void* context) {
  if (node == nullptr) return false;
  if (IsA(node, OpExpr) &&
      IsDistanceOperator(reinterpret_cast<OpExpr*>(node)->opno)) {
    return true;
  }
  return RV_EXPRESSION_TREE_WALKER(node, HasDistance, context);
}

struct PlanFacts {
  bool sorts;
  bool index_order;
  bool computes_distance;
};

void Look(const Plan* plan, PlanFacts& facts);

void LookAtList(const List* plans, PlanFacts& facts) {
  const ListCell* cell;
  foreach (cell, plans) {
    Look(static_cast<const Plan*>(lfirst(cell)), facts);
  }
}

void Look(const Plan* plan, PlanFacts& facts) {
  if (plan == nullptr || facts.index_order) return;
  check_stack_depth();
  switch (nodeTag(plan)) {
    case T_Sort:
    case T_IncrementalSort:
      facts.sorts = true;
      break;
    case T_IndexScan: {
      auto* scan = reinterpret_cast<const IndexScan*>(plan);
      facts.index_order =
          HasDistance(reinterpret_cast<Node*>(scan->indexorderbyorig), nullptr);
      break;
    }
    case T_Append:
      LookAtList(reinterpret_cast<const Append*>(plan)->appendplans, facts);
      break;
    case T_MergeAppend:
      facts.sorts = true;
      LookAtList(reinterpret_cast<const MergeAppend*>(plan)->mergeplans, facts);
      break;
    case T_SubqueryScan:
      Look(reinterpret_cast<const SubqueryScan*>(plan)->subplan, facts);
      break;
    default:
      break;
  }
  facts.computes_distance =
      facts.computes_distance ||
      HasDistance(reinterpret_cast<Node*>(plan->targetlist), nullptr);
  Look(plan->lefttree, facts);
  Look(plan->righttree, facts);
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
  PlanFacts facts{false, false, false};
  Look(statement.planTree, facts);
  LookAtList(statement.subplans, facts);
  return facts.index_order || (facts.sorts && facts.computes_distance);
}

bool RewritesTable(const AlterTableStmt& statement) {
  const ListCell* cell;
  foreach (cell, statement.cmds) {
    const auto* command = static_cast<const AlterTableCmd*>(lfirst(cell));
    switch (command->subtype) {
      case AT_AlterColumnType:
      case AT_SetLogged:
      case AT_SetUnLogged:
      case AT_SetAccessMethod:
      case AT_SetTableSpace:
        return true;
      case AT_AddColumn: {
        // A constant default is stored once; anything else may be computed
        // row by row.
        const auto* column = reinterpret_cast<const ColumnDef*>(command->def);
        if (column == nullptr) break;
        const ListCell* constraint;
        foreach (constraint, column->constraints) {
          const auto* c = static_cast<const Constraint*>(lfirst(constraint));
          if (c->contype == CONSTR_GENERATED || c->contype == CONSTR_IDENTITY ||
              (c->contype == CONSTR_DEFAULT && c->raw_expr != nullptr &&
               !IsA(c->raw_expr, A_Const))) {
            return true;
          }
        }
        break;
      }
      default:
        break;
    }
  }
  return false;
}

}  // namespace ruvector::integrity
