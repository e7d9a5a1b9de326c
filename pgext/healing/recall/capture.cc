#include "pgext/healing/recall/capture.h"

#include <algorithm>
#include <cstdlib>

#include "pgext/bridge/pg_call.h"
#include "pgext/healing/recall/query_reservoir.h"
extern "C" {
#include "nodes/params.h"
#include "nodes/plannodes.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
}

namespace ruvector::healing {
namespace {

constexpr int64_t kDefaultK = 10;
constexpr int64_t kMaxK = 100;

struct Value {
  bool known = false;
  Oid type = InvalidOid;
  Datum datum = 0;
};

Value ValueOf(const Node* node, ParamListInfo params) {
  while (node != nullptr && IsA(node, RelabelType)) {
    node = reinterpret_cast<const Node*>(
        reinterpret_cast<const RelabelType*>(node)->arg);
  }
  if (node == nullptr) return {};
  if (IsA(node, Const)) {
    const auto* constant = reinterpret_cast<const Const*>(node);
    return {!constant->constisnull, constant->consttype, constant->constvalue};
  }
  if (!IsA(node, Param)) return {};
  const auto* param = reinterpret_cast<const Param*>(node);
  if (param->paramkind != PARAM_EXTERN || params == nullptr ||
      param->paramid < 1 || param->paramid > params->numParams) {
    return {};
  }
  ParamExternData workspace;
  const ParamExternData* data =
      params->paramFetch != nullptr
          ? params->paramFetch(params, param->paramid, false, &workspace)
          : &params->params[param->paramid - 1];
  return {!data->isnull && data->ptype == param->paramtype, data->ptype,
          data->value};
}

int32_t LimitOf(const PlannedStmt& statement, ParamListInfo params) {
  for (const Plan* plan = statement.planTree; plan != nullptr;
       plan = plan->lefttree) {
    if (!IsA(plan, Limit)) continue;
    const Value count =
        ValueOf(reinterpret_cast<const Limit*>(plan)->limitCount, params);
    if (!count.known || count.type != INT8OID) break;
    return static_cast<int32_t>(
        std::clamp<int64_t>(DatumGetInt64(count.datum), 1, kMaxK));
  }
  return kDefaultK;
}

int32_t SettingOf(const char* name) {
  const char* text = GetConfigOption(name, true, false);
  return text != nullptr ? atoi(text) : -1;
}

}  // namespace

absl::Status CaptureQuery(int slot, int32_t collection_id,
                          const QueryDesc& query, const OpExpr& distance) {
  return pg::PgCall([&] {
    Value value;
    const ListCell* cell;
    foreach (cell, distance.args) {
      value = ValueOf(static_cast<const Node*>(lfirst(cell)), query.params);
      if (value.known) break;
    }
    if (!value.known || get_typlen(value.type) != -1) return;
    const varlena* vector = pg_detoast_datum(
        reinterpret_cast<varlena*>(DatumGetPointer(value.datum)));
    if (VARSIZE(vector) > kMaxQueryBytes) return;
    // Too large for a stack that may be deep.
    auto* taken = static_cast<TakenQuery*>(palloc0(sizeof(TakenQuery)));
    taken->database = MyDatabaseId;
    taken->collection_id = collection_id;
    taken->type = value.type;
    taken->k = LimitOf(*query.plannedstmt, query.params);
    taken->ef_search = SettingOf("hnsw.ef_search");
    taken->probes = SettingOf("ivfflat.probes");
    taken->at = GetCurrentTimestamp();
    taken->bytes = VARSIZE(vector);
    memcpy(taken->data, vector, taken->bytes);
    OfferQuery(slot, *taken);
    pfree(taken);
  });
}

}  // namespace ruvector::healing
