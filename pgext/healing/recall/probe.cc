#include "pgext/healing/recall/probe.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "core/healing/wilson.h"
#include "pgext/boot/settings.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/healing/recall/query_reservoir.h"
#include "pgext/integrity/sensors/pass.h"
extern "C" {
#include "catalog/index.h"
#include "miscadmin.h"
#include "optimizer/plancat.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/timeout.h"
}

namespace ruvector::healing {
namespace {

using pg::PgCall;
using pg::SpiRows;
using pg::SpiSession;
using pg::SqlInt;
using pg::SqlReal;
using pg::SqlText;

constexpr double kZ95 = 1.959964;

constexpr char kIndexes[] =
    "WITH RECURSIVE tree (oid) AS (SELECT k.table_oid::oid"
    "    FROM ruvector.collections k WHERE k.id = $1::int4"
    "  UNION ALL SELECT h.inhrelid FROM pg_catalog.pg_inherits h"
    "    JOIN tree ON h.inhparent = tree.oid)"
    " SELECT i.indexrelid, c.relfilenode,"
    "  pg_catalog.format('%I.%I', n.nspname, c.relname),"
    "  pg_catalog.format('%I.%I', tn.nspname, t.relname), am.amname,"
    "  pg_catalog.pg_get_indexdef(i.indexrelid, 1, true),"
    "  pg_catalog.format('OPERATOR(%I.%s)', onsp.nspname, o.oprname),"
    "  pg_catalog.format_type(o.oprright, NULL), i.indpred IS NOT NULL,"
    "  t.relowner, GREATEST(t.reltuples, 0)::int8"
    " FROM tree JOIN pg_catalog.pg_index i ON i.indrelid = tree.oid"
    " JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
    " JOIN pg_catalog.pg_class t ON t.oid = i.indrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace"
    " JOIN pg_catalog.pg_am am ON am.oid = c.relam"
    "   AND am.amname IN ('ivfflat', 'hnsw')"
    " JOIN pg_catalog.pg_opclass oc ON oc.oid = i.indclass[0]"
    " JOIN pg_catalog.pg_amop ao ON ao.amopfamily = oc.opcfamily"
    "   AND ao.amoppurpose = 'o' AND ao.amoplefttype = oc.opcintype"
    " JOIN pg_catalog.pg_operator o ON o.oid = ao.amopopr"
    " JOIN pg_catalog.pg_namespace onsp ON onsp.oid = o.oprnamespace"
    " WHERE c.relkind = 'i' AND i.indisvalid AND t.relkind IN ('r', 'm')"
    " AND NOT EXISTS (SELECT FROM ruvector.healing_kept_indexes u"
    "   WHERE u.index_oid = i.indexrelid)"
    " ORDER BY i.indexrelid";

struct Index {
  Oid oid = InvalidOid;
  Oid relfilenode = InvalidOid;
  std::string name, table, method, expression, distance, type;
  bool partial = false;
  Oid owner = InvalidOid;
  int64_t rows = 0;
};

struct Query {
  std::string text, type;
  int64_t k = 10;
  std::optional<int64_t> ef_search, probes;
};

struct Tally {
  int64_t queries = 0, hits = 0, trials = 0, rows_compared = 0;
  std::string note;
};

// scope: backend. While set, the planner sees no other index of its table.
Oid only_index = InvalidOid;
Oid only_table = InvalidOid;
get_relation_info_hook_type previous_relation_info = nullptr;

void OnRelationInfo(PlannerInfo* root, Oid relation, bool parent,
                    RelOptInfo* rel) {
  if (previous_relation_info != nullptr) {
    previous_relation_info(root, relation, parent, rel);
  }
  if (!OidIsValid(only_index) || relation != only_table) return;
  ListCell* cell;
  foreach (cell, rel->indexlist) {
    const auto* info = static_cast<const IndexOptInfo*>(lfirst(cell));
    if (info->indexoid != only_index) {
      rel->indexlist = foreach_delete_current(rel->indexlist, cell);
    }
  }
}

// The table's owner, settings of a probe and a deadline, for its lifetime. An
// ERROR is undone by the subtransaction around it, but for the timer.
class AsOwner {
 public:
  AsOwner() = default;
  ~AsOwner() {
    only_index = only_table = InvalidOid;
    if (!active_) return;
    disable_timeout(STATEMENT_TIMEOUT, false);
    AtEOXact_GUC(false, guc_level_);
    SetUserIdAndSecContext(user_, context_);
  }
  AsOwner(const AsOwner&) = delete;
  AsOwner& operator=(const AsOwner&) = delete;

  absl::Status Begin(const Index& index, Oid table, absl::Duration left) {
    static bool hooked = false;  // scope: backend
    if (!hooked) {
      previous_relation_info = get_relation_info_hook;
      get_relation_info_hook = OnRelationInfo;
      hooked = true;
    }
    GetUserIdAndSecContext(&user_, &context_);
    guc_level_ = NewGUCNestLevel();
    SetUserIdAndSecContext(index.owner,
                           context_ | SECURITY_RESTRICTED_OPERATION);
    active_ = true;
    only_index = index.oid;
    only_table = table;
    return PgCall([&] {
      enable_timeout_after(STATEMENT_TIMEOUT,
                           static_cast<int>(std::max<int64_t>(
                               1, absl::ToInt64Milliseconds(left))));
    });
  }

 private:
  bool active_ = false;
  Oid user_ = InvalidOid;
  int context_ = 0;
  int guc_level_ = 0;
};

absl::Status Set(const char* name, const std::string& value) {
  return PgCall([&] {
    (void)set_config_option(name, value.c_str(), PGC_USERSET, PGC_S_SESSION,
                            GUC_ACTION_SAVE, true, 0, false);
  });
}

absl::Status UseIndex(bool use) {
  for (const char* name :
       {"enable_indexscan", "enable_bitmapscan", "enable_indexonlyscan"}) {
    RV_RETURN_IF_ERROR(Set(name, use ? "on" : "off"));
  }
  RV_RETURN_IF_ERROR(Set("enable_seqscan", use ? "off" : "on"));
  return Set("max_parallel_workers_per_gather", "0");
}

std::string SearchOf(const Index& index, const Query& query) {
  const std::string distance = absl::StrCat(
      "(", index.expression, ") ", index.distance, " $1::", index.type);
  return absl::StrCat("SELECT (", distance, ")::float8 FROM ONLY ", index.table,
                      " WHERE (", index.expression, ") IS NOT NULL ORDER BY ",
                      distance, " LIMIT ", query.k);
}

absl::StatusOr<std::vector<double>> Distances(SpiSession& spi,
                                              const std::string& search,
                                              const Query& query) {
  RV_ASSIGN_OR_RETURN(const SpiRows rows,
                      spi.Query(search.c_str(), {SqlText(query.text)}));
  std::vector<double> distances;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows.Real(i, 0).has_value()) distances.push_back(*rows.Real(i, 0));
  }
  return distances;
}

absl::StatusOr<bool> PlanUsesIndex(SpiSession& spi, const std::string& search,
                                   const Query& query) {
  const std::string explain = "EXPLAIN (COSTS OFF) " + search;
  RV_ASSIGN_OR_RETURN(const SpiRows rows,
                      spi.Query(explain.c_str(), {SqlText(query.text)}));
  for (size_t i = 0; i < rows.size(); ++i) {
    if (absl::StrContains(rows.TextOr(i, 0, ""), "Index Scan using")) {
      return true;
    }
  }
  return false;
}

absl::Status Compare(SpiSession& spi, const Index& index, const Query& query,
                     Tally& tally) {
  const std::string search = SearchOf(index, query);
  RV_RETURN_IF_ERROR(UseIndex(false));
  RV_ASSIGN_OR_RETURN(const std::vector<double> exact,
                      Distances(spi, search, query));
  RV_RETURN_IF_ERROR(UseIndex(true));
  const bool ivfflat = index.method == "ivfflat";
  const std::optional<int64_t>& effort =
      ivfflat ? query.probes : query.ef_search;
  if (effort.has_value()) {
    RV_RETURN_IF_ERROR(Set(ivfflat ? "ivfflat.probes" : "hnsw.ef_search",
                           std::to_string(*effort)));
  }
  if (tally.queries == 0) {
    RV_ASSIGN_OR_RETURN(const bool used, PlanUsesIndex(spi, search, query));
    if (!used) {
      return absl::FailedPreconditionError("no plan uses this index");
    }
  }
  RV_ASSIGN_OR_RETURN(const std::vector<double> found,
                      Distances(spi, search, query));
  ++tally.queries;
  tally.rows_compared += index.rows;
  if (exact.empty()) return absl::OkStatus();
  const auto hits =
      std::count_if(found.begin(), found.end(),
                    [&](double distance) { return distance <= exact.back(); });
  tally.trials += static_cast<int64_t>(exact.size());
  tally.hits += std::min<int64_t>(hits, static_cast<int64_t>(exact.size()));
  return absl::OkStatus();
}

// As many queries as there is time for. What stopped it, if not the end, is the
// note.
absl::Status ProbeIndex(const Index& index, const std::vector<Query>& queries,
                        const ProbeLimits& limits, absl::Time deadline,
                        Tally& tally) {
  if (index.partial) {
    tally.note = "a partial index is not probed";
    return absl::OkStatus();
  }
  if (index.rows > limits.max_rows) {
    tally.note = absl::StrCat("more than ", limits.max_rows,
                              " rows (ruvector.recall_probe_rows)");
    return absl::OkStatus();
  }
  RV_ASSIGN_OR_RETURN(const Oid table, PgCall([&] {
                        return IndexGetRelation(index.oid, true);
                      }));
  for (const Query& query : queries) {
    if (query.type != index.type) continue;
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) {
      tally.note = "out of time (ruvector.recall_probe_budget)";
      break;
    }
    const absl::Status status = sensors::Attempt([&]() -> absl::Status {
      SpiSession spi;
      RV_RETURN_IF_ERROR(spi.Connect());
      spi.PlanEachTime();  // with an index, and without
      AsOwner owner;
      RV_RETURN_IF_ERROR(owner.Begin(index, table, left));
      RV_RETURN_IF_ERROR(
          Set("lock_timeout", std::to_string(limits.lock_timeout_ms)));
      return Compare(spi, index, query, tally);
    });
    if (status.ok()) continue;
    const bool ours = pg::SqlStateOf(status) == ERRCODE_QUERY_CANCELED &&
                      absl::Now() >= deadline - absl::Milliseconds(1);
    if (sensors::EndsPass(status) && !ours) return status;
    tally.note = ours ? "out of time (ruvector.recall_probe_budget)"
                      : std::string(status.message());
    break;
  }
  if (tally.queries == 0 && tally.note.empty()) {
    tally.note = absl::StrCat("no query of type ", index.type, " was seen");
  }
  return absl::OkStatus();
}

absl::Status Record(SpiSession& spi, int32_t collection_id, const Index& index,
                    const Tally& tally, absl::Time at, double milliseconds) {
  std::optional<double> recall, low, high;
  if (tally.trials > 0) {
    const auto hits = static_cast<double>(tally.hits);
    const auto trials = static_cast<double>(tally.trials);
    const Interval interval = WilsonInterval(hits, trials, kZ95);
    recall = hits / trials;
    low = interval.low;
    high = interval.high;
  }
  RV_RETURN_IF_ERROR(
      spi.Execute("INSERT INTO ruvector.recall_probes (collection_id,"
                  " index_oid, relfilenode, index_name, at, queries, hits,"
                  " trials, recall, recall_low, recall_high, target,"
                  " rows_compared, milliseconds, note) SELECT $1::int4,"
                  " $2::oid, $3::oid, $4, pg_catalog.to_timestamp($5::float8),"
                  " $6::int4, $7::int8, $8::int8, $9::float4, $10::float4,"
                  " $11::float4, CASE WHEN pg_catalog.jsonb_typeof("
                  " k.config -> 'recall_target') = 'number' THEN"
                  " (k.config ->> 'recall_target')::float4 END, $12::int8,"
                  " $13::float4, $14 FROM ruvector.collections k"
                  " WHERE k.id = $1::int4",
                  {SqlInt(int64_t{collection_id}), SqlInt(int64_t{index.oid}),
                   SqlInt(int64_t{index.relfilenode}), SqlText(index.name),
                   SqlReal(absl::ToDoubleSeconds(at - absl::UnixEpoch())),
                   SqlInt(tally.queries), SqlInt(tally.hits),
                   SqlInt(tally.trials), SqlReal(recall), SqlReal(low),
                   SqlReal(high), SqlInt(tally.rows_compared),
                   SqlReal(milliseconds), SqlText(tally.note)})
          .status());
  return spi
      .Execute(
          "DELETE FROM ruvector.recall_probes"
          " WHERE collection_id = $1::int4 AND index_oid = $2::oid"
          " AND at < pg_catalog.to_timestamp($3::float8)",
          {SqlInt(int64_t{collection_id}), SqlInt(int64_t{index.oid}),
           SqlReal(absl::ToDoubleSeconds(
               at - absl::Minutes(settings::problem_retention) -
               absl::UnixEpoch()))})
      .status();
}

absl::StatusOr<std::vector<Index>> LoadIndexes(SpiSession& spi, int32_t id) {
  RV_ASSIGN_OR_RETURN(const SpiRows rows,
                      spi.Query(kIndexes, {SqlInt(int64_t{id})}));
  std::vector<Index> indexes;
  for (size_t i = 0; i < rows.size(); ++i) {
    Index index;
    index.oid = static_cast<Oid>(rows.Int(i, 0).value_or(0));
    index.relfilenode = static_cast<Oid>(rows.Int(i, 1).value_or(0));
    index.name = rows.TextOr(i, 2, "");
    index.table = rows.TextOr(i, 3, "");
    index.method = rows.TextOr(i, 4, "");
    index.expression = rows.TextOr(i, 5, "");
    index.distance = rows.TextOr(i, 6, "");
    index.type = rows.TextOr(i, 7, "");
    index.partial = rows.Bool(i, 8).value_or(false);
    index.owner = static_cast<Oid>(rows.Int(i, 9).value_or(0));
    index.rows = rows.Int(i, 10).value_or(0);
    indexes.push_back(std::move(index));
  }
  return indexes;
}

absl::StatusOr<std::vector<Query>> LoadQueries(SpiSession& spi, int32_t id) {
  RV_ASSIGN_OR_RETURN(
      const SpiRows rows,
      spi.Query("SELECT query, query_type, k, ef_search, probes"
                " FROM ruvector.recall_queries WHERE collection_id = $1::int4"
                " ORDER BY pg_catalog.random()",
                {SqlInt(int64_t{id})}));
  std::vector<Query> queries;
  for (size_t i = 0; i < rows.size(); ++i) {
    queries.push_back({rows.TextOr(i, 0, ""), rows.TextOr(i, 1, ""),
                       rows.Int(i, 2).value_or(10), rows.Int(i, 3),
                       rows.Int(i, 4)});
  }
  return queries;
}

std::optional<int64_t> Positive(int32_t value) {
  if (value <= 0) return std::nullopt;
  return value;
}

}  // namespace

absl::StatusOr<int> StoreTakenQueries(SpiSession& spi) {
  auto taken = std::make_unique<TakenQuery>();
  int stored = 0;
  while (TakeFromBox(MyDatabaseId, *taken)) {
    struct Texts {
      const char* query;
      const char* type;
    };
    RV_ASSIGN_OR_RETURN(
        const Texts texts, PgCall([&] {
          Oid output = InvalidOid;
          bool is_varlena = false;
          getTypeOutputInfo(taken->type, &output, &is_varlena);
          return Texts{
              OidOutputFunctionCall(output, PointerGetDatum(taken->data)),
              format_type_be(taken->type)};
        }));
    RV_RETURN_IF_ERROR(
        spi.Execute(
               "INSERT INTO ruvector.recall_queries AS q (collection_id, slot,"
               " query, query_type, k, ef_search, probes, captured_at)"
               " SELECT k.id, $2::int4, $3, $4, $5::int4, $6::int4, $7::int4,"
               " pg_catalog.to_timestamp($8::float8)"
               " FROM ruvector.collections k WHERE k.id = $1::int4"
               " ON CONFLICT (collection_id, slot) DO UPDATE SET"
               " query = excluded.query, query_type = excluded.query_type,"
               " k = excluded.k, ef_search = excluded.ef_search,"
               " probes = excluded.probes, captured_at = excluded.captured_at",
               {SqlInt(int64_t{taken->collection_id}),
                SqlInt(int64_t{taken->index}), SqlText(texts.query),
                SqlText(texts.type), SqlInt(int64_t{taken->k}),
                SqlInt(Positive(taken->ef_search)),
                SqlInt(Positive(taken->probes)),
                SqlReal(absl::ToDoubleSeconds(sensors::ToTime(taken->at) -
                                              absl::UnixEpoch()))})
            .status());
    ++stored;
  }
  return stored;
}

absl::Status ProbeCollection(SpiSession& spi, int32_t collection_id,
                             const ProbeLimits& limits) {
  RV_FAILPOINT("healing.recall.start");
  RV_ASSIGN_OR_RETURN(const std::vector<Query> queries,
                      LoadQueries(spi, collection_id));
  if (queries.empty()) {
    return pg::PgError(
        ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        "no search on this collection was seen yet", "",
        "Searches that order by a distance to a constant or a parameter are "
        "sampled while ruvector.recall_capture is on.");
  }
  RV_ASSIGN_OR_RETURN(const std::vector<Index> indexes,
                      LoadIndexes(spi, collection_id));
  if (indexes.empty()) {
    return pg::PgError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "this collection has no valid IVFFlat or HNSW index");
  }
  const absl::Time begin = absl::Now();
  const absl::Duration budget = absl::Milliseconds(limits.budget_ms);
  for (size_t i = 0; i < indexes.size(); ++i) {
    const absl::Time start = absl::Now();
    // Equal shares of the time; what one does not need goes to the next.
    const absl::Time deadline =
        start +
        (begin + budget - start) / static_cast<int64_t>(indexes.size() - i);
    Tally tally;
    RV_RETURN_IF_ERROR(
        ProbeIndex(indexes[i], queries, limits, deadline, tally));
    RV_RETURN_IF_ERROR(Record(spi, collection_id, indexes[i], tally, begin,
                              absl::ToDoubleMilliseconds(absl::Now() - start)));
  }
  RV_FAILPOINT("healing.recall.recorded");
  return absl::OkStatus();
}

absl::Status ProbeSchedule::Learn(SpiSession& spi, int32_t collection_id,
                                  absl::Time now) {
  RV_ASSIGN_OR_RETURN(
      const SpiRows rows,
      spi.Query("SELECT (EXTRACT(epoch FROM pg_catalog.max(at)) * 1000000)"
                "::int8 FROM ruvector.recall_probes"
                " WHERE collection_id = $1::int4",
                {SqlInt(int64_t{collection_id})}));
  // Never probed: after a while, when there are queries.
  last_[collection_id] =
      rows.Int(0, 0).has_value() ? absl::FromUnixMicros(*rows.Int(0, 0)) : now;
  return absl::OkStatus();
}

bool ProbeSchedule::IsDue(int32_t collection_id, absl::Duration interval,
                          absl::Time now) const {
  return interval > absl::ZeroDuration() &&
         now - last_.at(collection_id) >= interval;
}

void ProbeSchedule::Done(int32_t collection_id, absl::Time now) {
  last_[collection_id] = now;
}

}  // namespace ruvector::healing
