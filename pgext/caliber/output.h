// Rows as what SQL functions return. [backend-main]
//
// A sink is plain data; give its address as the context of the function of the
// same name. Results are in the memory that was current at Begin.
#ifndef RUVECTOR_PGEXT_CALIBER_OUTPUT_H_
#define RUVECTOR_PGEXT_CALIBER_OUTPUT_H_

#include "absl/status/status.h"
#include "pgext/caliber/heap/row.h"
extern "C" {
#include "utils/jsonb.h"
#include "utils/tuplestore.h"
}

namespace ruvector::caliber {

// One row as caliber.<entity>.
struct CompositeSink {
  memory::Entity entity;
  MemoryContext memory;
  TupleDesc descriptor;  // pinned; a resource owner has it
  bool found;
  Datum result;
};
absl::Status Begin(memory::Entity entity, CompositeSink* sink);
void OnComposite(void* sink, const Row& row);
void End(CompositeSink* sink);

// SETOF caliber.<entity>.
struct SetSink {
  memory::Entity entity;
  Tuplestorestate* store;
  TupleDesc descriptor;
};
absl::Status Begin(FunctionCallInfo fcinfo, memory::Entity entity,
                   SetSink* sink);
void OnSet(void* sink, const Row& row);

// One row as a jsonb object of all columns: ids and times (RFC 3339, UTC) as
// strings, hashes in hex, an embedding as an array of numbers.
struct JsonSink {
  memory::Entity entity;
  MemoryContext memory;
  bool found;
  Datum result;
};
absl::Status Begin(memory::Entity entity, JsonSink* sink);
void OnJson(void* sink, const Row& row);

// The same, all of them in one array.
struct JsonArraySink {
  memory::Entity entity;
  MemoryContext memory;
  JsonbParseState* state;
};
absl::Status Begin(memory::Entity entity, JsonArraySink* sink);
void OnJsonArray(void* sink, const Row& row);
absl::StatusOr<Datum> End(JsonArraySink* sink);

}  // namespace ruvector::caliber

#endif  // RUVECTOR_PGEXT_CALIBER_OUTPUT_H_
