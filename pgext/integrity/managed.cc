// SQL: the weights of managed collections, and replicas that are to be
// forgotten. Each change is an audited event.
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "nlohmann/json.hpp"
#include "pgext/audit/outbox.h"
#include "pgext/bridge/arguments.h"
#include "pgext/bridge/extension.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/spi.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/integrity/collections.h"

namespace ruvector::integrity {
namespace {

using nlohmann::ordered_json;

constexpr int32_t kMaxPartitions = 1000;

absl::StatusOr<Collection> FindAsOwner(const std::string& name) {
  pg::AsExtensionOwner owner;
  RV_RETURN_IF_ERROR(owner.Begin());
  pg::SpiSession spi;
  RV_RETURN_IF_ERROR(spi.Connect());
  return FindCollection(spi, name);
}

// The weight before. NotFound (22023) for a key that the collection has not.
absl::StatusOr<double> WeightOf(pg::SpiSession& spi,
                                const Collection& collection, int32_t key) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query(
          "SELECT weight, (SELECT pg_catalog.string_agg("
          "o.routing_key::pg_catalog.text, ', ' ORDER BY o.routing_key)"
          " FROM ruvector.routing_weights o WHERE o.collection_id ="
          " $1::pg_catalog.int4) FROM (VALUES (1)) one LEFT JOIN"
          " ruvector.routing_weights w ON w.collection_id ="
          " $1::pg_catalog.int4 AND w.routing_key ="
          " $2::pg_catalog.int4",
          {pg::SqlInt(int64_t{collection.id}), pg::SqlInt(int64_t{key})}));
  const std::optional<double> weight = rows.Real(0, 0);
  if (weight.has_value()) return *weight;
  const std::string keys = rows.TextOr(0, 1, "");
  if (keys.empty()) {
    return pg::PgError(
        ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        absl::StrCat("collection \"", collection.name, "\" is not managed"),
        "Its table does not choose partitions by weight.",
        "ruvector_create_collection() makes a managed one.");
  }
  return pg::PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                     absl::StrCat("collection \"", collection.name,
                                  "\" has no routing key ", key),
                     absl::StrCat("Its keys are ", keys, "."));
}

// Some partition must take the new rows.
absl::Status RequireAnotherTaker(pg::SpiSession& spi,
                                 const Collection& collection, int32_t key) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query(
          "SELECT FROM ruvector.routing_weights WHERE collection_id ="
          " $1::pg_catalog.int4 AND routing_key <> $2::pg_catalog.int4"
          " AND weight > 0 LIMIT 1",
          {pg::SqlInt(int64_t{collection.id}), pg::SqlInt(int64_t{key})}));
  if (!rows.empty()) return absl::OkStatus();
  return pg::PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                     "the last partition that takes rows needs a weight above "
                     "0");
}

}  // namespace
}  // namespace ruvector::integrity

// (what) -> void
RV_SQL_FUNCTION(ruvector_require_writable) {
  using namespace ruvector;
  RV_ASSIGN_OR_RETURN(const std::string what,
                      pg::TextArgument(fcinfo, 0, "what"));
  RV_RETURN_IF_ERROR(pg::RequireWritable(what));
  return Datum{0};
}

// (collection, partitions) -> void
RV_SQL_FUNCTION(ruvector_set_managed) {
  using namespace ruvector;
  using namespace ruvector::integrity;
  RV_ASSIGN_OR_RETURN(const std::string name,
                      pg::TextArgument(fcinfo, 0, "p_collection_name"));
  const int32_t partitions = PG_GETARG_INT32(1);
  if (partitions < 1 || partitions > kMaxPartitions) {
    return pg::PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                       absl::StrCat("partitions must be between 1 and ",
                                    kMaxPartitions, ", not ", partitions));
  }
  RV_RETURN_IF_ERROR(pg::RequireWritable("ruvector.set_managed()"));
  RV_ASSIGN_OR_RETURN(const Collection collection, FindAsOwner(name));
  RV_RETURN_IF_ERROR(RequireTableOwner(collection.table_oid));
  pg::AsExtensionOwner owner;
  RV_RETURN_IF_ERROR(owner.Begin());
  pg::SpiSession spi;
  RV_RETURN_IF_ERROR(spi.Connect());
  const pg::SqlParam id = pg::SqlInt(int64_t{collection.id});
  RV_RETURN_IF_ERROR(
      spi.Execute("UPDATE ruvector.collections SET managed = true"
                  " WHERE id = $1::pg_catalog.int4",
                  {id})
          .status());
  RV_RETURN_IF_ERROR(spi.Execute("DELETE FROM ruvector.routing_weights"
                                 " WHERE collection_id = $1::pg_catalog.int4",
                                 {id})
                         .status());
  RV_RETURN_IF_ERROR(
      spi.Execute("INSERT INTO ruvector.routing_weights (collection_id,"
                  " routing_key) SELECT $1::pg_catalog.int4, k FROM"
                  " pg_catalog.generate_series(0, $2::pg_catalog.int4 - 1) k",
                  {id, pg::SqlInt(int64_t{partitions})})
          .status());
  return Datum{0};
}

// (collection, routing key, weight) -> double precision: the weight before
RV_SQL_FUNCTION(ruvector_routing_weight_set) {
  using namespace ruvector;
  using namespace ruvector::integrity;
  RV_ASSIGN_OR_RETURN(const std::string name,
                      pg::TextArgument(fcinfo, 0, "p_collection_name"));
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo, 1, "p_routing_key"));
  RV_RETURN_IF_ERROR(pg::RequireArgument(fcinfo, 2, "p_weight"));
  const int32_t key = PG_GETARG_INT32(1);
  const double weight = PG_GETARG_FLOAT8(2);
  if (!(weight >= 0) || std::isinf(weight)) {
    return pg::PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                       "a weight must be a finite number of at least 0");
  }
  RV_RETURN_IF_ERROR(pg::RequireWritable("ruvector_routing_weight_set()"));
  RV_ASSIGN_OR_RETURN(const std::string user, pg::CurrentUserName());
  pg::AsExtensionOwner owner;
  RV_RETURN_IF_ERROR(owner.Begin());
  pg::SpiSession spi;
  RV_RETURN_IF_ERROR(spi.Connect());
  RV_ASSIGN_OR_RETURN(const Collection collection, FindCollection(spi, name));
  RV_RETURN_IF_ERROR(LockCollection(spi, collection.id));
  RV_ASSIGN_OR_RETURN(const double before, WeightOf(spi, collection, key));
  if (weight == 0) {
    RV_RETURN_IF_ERROR(RequireAnotherTaker(spi, collection, key));
  }
  RV_RETURN_IF_ERROR(
      spi.Execute("UPDATE ruvector.routing_weights SET weight ="
                  " $3::pg_catalog.float8 WHERE collection_id ="
                  " $1::pg_catalog.int4 AND routing_key = $2::pg_catalog.int4",
                  {pg::SqlInt(int64_t{collection.id}), pg::SqlInt(int64_t{key}),
                   pg::SqlReal(weight)})
          .status());
  audit::OutboxEvent event;
  event.collection_id = collection.id;
  event.collection_name = collection.name;
  event.event_type = "audit";
  event.metadata = ordered_json{
      {"action", "routing_weight"},
      {"routing_key", key},
      {"old", before},
      {"new", weight}}.dump();
  event.user = user;
  RV_RETURN_IF_ERROR(audit::AppendOutbox(spi, event));
  return Float8GetDatum(before);
}

// (application name) -> boolean: false when it was not known
RV_SQL_FUNCTION(ruvector_forget_replica) {
  using namespace ruvector;
  using namespace ruvector::integrity;
  RV_ASSIGN_OR_RETURN(const std::string replica,
                      pg::TextArgument(fcinfo, 0, "p_application_name"));
  RV_RETURN_IF_ERROR(pg::RequireWritable("ruvector_forget_replica()"));
  RV_ASSIGN_OR_RETURN(const std::string user, pg::CurrentUserName());
  pg::AsExtensionOwner owner;
  RV_RETURN_IF_ERROR(owner.Begin());
  pg::SpiSession spi;
  RV_RETURN_IF_ERROR(spi.Connect());
  RV_ASSIGN_OR_RETURN(
      const int64_t gone,
      spi.Execute("DELETE FROM ruvector.known_replicas"
                  " WHERE application_name OPERATOR(pg_catalog.=) $1",
                  {pg::SqlText(replica)}));
  if (gone == 0) return BoolGetDatum(false);
  audit::OutboxEvent event;
  event.event_type = "audit";
  event.metadata =
      ordered_json{{"action", "forget_replica"}, {"replica", replica}}.dump();
  event.user = user;
  RV_RETURN_IF_ERROR(audit::AppendOutbox(spi, event));
  return BoolGetDatum(true);
}
