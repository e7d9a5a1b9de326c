// SQL: caliber_version, caliber_new_id, and the trigger of updated_at.
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "pgext/bridge/arguments.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/caliber/fields.h"
#include "pgext/caliber/store.h"
extern "C" {
#include "access/htup_details.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/rel.h"
}

namespace {

constexpr char kVersion[] = "1.0";

constexpr std::pair<std::string_view, CmdType> kCommands[] = {
    {"select", CMD_SELECT},
    {"insert", CMD_INSERT},
    {"update", CMD_UPDATE},
    {"delete", CMD_DELETE},
};

}  // namespace

// () -> text
RV_SQL_FUNCTION(caliber_version) { return ruvector::pg::TextDatum(kVersion); }

// () -> uuid
RV_SQL_FUNCTION(caliber_new_id) { return ruvector::caliber::NewId(); }

// (entity, command) -> text
RV_SQL_FUNCTION(caliber_obstacle) {
  using namespace ruvector;
  RV_ASSIGN_OR_RETURN(const std::string entity,
                      pg::TextArgument(fcinfo, 0, "entity"));
  RV_ASSIGN_OR_RETURN(const std::string command,
                      pg::TextArgument(fcinfo, 1, "command"));
  for (int i = 0; i < memory::kEntityCount; ++i) {
    const auto candidate = static_cast<memory::Entity>(i);
    if (memory::SpecOf(candidate).name != entity) continue;
    for (const auto& [name, type] : kCommands) {
      if (name != command) continue;
      RV_ASSIGN_OR_RETURN(const char* obstacle,
                          caliber::Obstacle(candidate, type));
      if (obstacle == nullptr) return pg::SqlNull(fcinfo);
      return pg::TextDatum(obstacle);
    }
    return pg::PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                       absl::StrCat("invalid command \"", command, "\""), "",
                       "Commands are select, insert, update and delete.");
  }
  return pg::PgError(
      ERRCODE_INVALID_PARAMETER_VALUE,
      absl::StrCat("invalid entity \"", entity, "\""), "",
      "Entities are the names of the row types in schema caliber.");
}

// BEFORE UPDATE of a row: updated_at becomes the transaction's time.
RV_SQL_FUNCTION(caliber_touch_updated_at) {
  using namespace ruvector;
  if (!CALLED_AS_TRIGGER(fcinfo)) {
    return pg::PgError(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                       "caliber.touch_updated_at() is a trigger's function");
  }
  auto* data = reinterpret_cast<TriggerData*>(fcinfo->context);
  if (!TRIGGER_FIRED_BEFORE(data->tg_event) ||
      !TRIGGER_FIRED_FOR_ROW(data->tg_event) ||
      !TRIGGER_FIRED_BY_UPDATE(data->tg_event)) {
    return pg::PgError(
        ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
        "caliber.touch_updated_at() is for BEFORE UPDATE ... FOR EACH ROW");
  }
  RV_ASSIGN_OR_RETURN(
      HeapTuple tuple, pg::PgCall([&]() -> HeapTuple {
        const TupleDesc descriptor = RelationGetDescr(data->tg_relation);
        int attribute = SPI_fnumber(descriptor, "updated_at");
        if (attribute <= 0) return nullptr;
        Datum now = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
        bool null = false;
        return heap_modify_tuple_by_cols(data->tg_newtuple, descriptor, 1,
                                         &attribute, &now, &null);
      }));
  if (tuple == nullptr) {
    return pg::PgError(ERRCODE_UNDEFINED_COLUMN,
                       "the table has no column \"updated_at\"");
  }
  return PointerGetDatum(tuple);
}
