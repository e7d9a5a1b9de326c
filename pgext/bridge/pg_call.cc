#include "pgext/bridge/pg_call.h"

#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_status.h"

namespace ruvector::pg::internal {
namespace {

// Everything here is plain data: it lives in frames that a longjmp crosses.
struct Guard {
  sigjmp_buf* stack = PG_exception_stack;
  ErrorContextCallback* context = error_context_stack;

  void Restore() const {
    PG_exception_stack = stack;
    error_context_stack = context;
  }
};

bool Run(void (*fn)(void*), void* argument) {
  const Guard outer;
  sigjmp_buf here;
  if (sigsetjmp(here, 0) != 0) {
    outer.Restore();
    return false;
  }
  PG_exception_stack = &here;
  fn(argument);
  outer.Restore();
  return true;
}

struct Copy {
  MemoryContext context;
  ErrorData* data;
};

// Copying the error allocates, and can fail in its turn.
void CopyError(void* argument) {
  auto* copy = static_cast<Copy*>(argument);
  MemoryContextSwitchTo(copy->context);
  copy->data = CopyErrorData();
}

}  // namespace

absl::Status RunGuarded(void (*fn)(void*), void* argument) {
  const MemoryContext context = CurrentMemoryContext;
  const uint32 interrupts = InterruptHoldoffCount;
  if (Run(fn, argument)) return absl::OkStatus();
  // errfinish() zeroed the holdoff count before it jumped, as every
  // sigsetjmp of the server expects.
  InterruptHoldoffCount = interrupts;

  Copy copy{context, nullptr};
  const bool copied = Run(CopyError, &copy);
  FlushErrorState();
  MemoryContextSwitchTo(context);
  if (!copied || copy.data == nullptr) {
    return PgError(ERRCODE_OUT_OF_MEMORY, "out of memory",
                   "The error that came first could not be copied.");
  }
  absl::Status status =
      StatusFromFields(copy.data->sqlerrcode, copy.data->message,
                       copy.data->detail, copy.data->hint, copy.data->context);
  const auto name = [](const char* text) {
    return std::string(text != nullptr ? text : "");
  };
  SetObject(status,
            {name(copy.data->schema_name), name(copy.data->table_name),
             name(copy.data->column_name), name(copy.data->datatype_name),
             name(copy.data->constraint_name)});
  FreeErrorData(copy.data);
  return status;
}

}  // namespace ruvector::pg::internal
