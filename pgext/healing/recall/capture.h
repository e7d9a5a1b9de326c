// From a search that passes the gate to a query of the reservoir.
// [backend-main]
#ifndef RUVECTOR_PGEXT_HEALING_RECALL_CAPTURE_H_
#define RUVECTOR_PGEXT_HEALING_RECALL_CAPTURE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "pgext/bridge/pg.h"
extern "C" {
#include "executor/execdesc.h"
#include "nodes/primnodes.h"
}

namespace ruvector::healing {

// Offers the vector that `distance` compares with, if it is a constant or a
// parameter of the statement and not too long. Nothing is evaluated. Only where
// CountSearch said so. A failure is an ERROR of the server (out of memory).
absl::Status CaptureQuery(int slot, int32_t collection_id,
                          const QueryDesc& query, const OpExpr& distance);

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_RECALL_CAPTURE_H_
