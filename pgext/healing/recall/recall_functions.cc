// The SQL functions of the recall probe.
#include <string>

#include "core/base/status_macros.h"
#include "pgext/boot/worker_request.h"
#include "pgext/bridge/arguments.h"
#include "pgext/bridge/sql_entry.h"

// (collection) -> void: the SQL function shows the rows.
RV_SQL_FUNCTION(ruvector_probe_now) {
  using namespace ruvector;
  RV_ASSIGN_OR_RETURN(const std::string name,
                      pg::TextArgument(fcinfo, 0, "p_collection_name"));
  RV_RETURN_IF_ERROR(
      boot::AskWorker(boot::RequestKind::kProbeRecall, name, 0, "").status());
  return Datum{0};
}
