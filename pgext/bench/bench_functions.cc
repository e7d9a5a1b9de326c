// SQL: what parts of the extension cost inside a backend. In no release:
// //pgext/bench:ruvector.so alone has these. [backend-main]
#include <algorithm>
#include <ctime>
#include <vector>

#include "core/audit/crypto.h"
#include "core/base/status_macros.h"
#include "core/gate/operation.h"
#include "pgext/audit/crypto.h"
#include "pgext/boot/database_slots.h"
#include "pgext/bridge/arguments.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/bridge/result_set.h"
#include "pgext/bridge/sql_entry.h"
#include "pgext/integrity/admission.h"
#include "pgext/integrity/gate_slots.h"
#include "pgext/integrity/local_slots.h"

namespace ruvector::bench {
namespace {

constexpr gate::Operation kOperation = gate::Operation::kInsert;

int64_t Nanoseconds(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1000000000 + now.tv_nsec;
}

struct Subject {
  int slot;
  Oid table;
};

absl::StatusOr<Subject> FindSubject(FunctionCallInfo fcinfo) {
  RV_ASSIGN_OR_RETURN(const std::string name,
                      pg::TextArgument(fcinfo, 0, "collection"));
  const int slot = integrity::SlotOfCollection(name);
  if (slot < 0) {
    return pg::PgError(ERRCODE_UNDEFINED_OBJECT,
                       "collection \"" + name + "\" has no gate slot");
  }
  const Subject subject{slot, integrity::GateSlotAt(slot)->table};
  // The first look-up of a table reads the catalog; the rest remember.
  RV_RETURN_IF_ERROR(pg::PgCall([&] {
                       return integrity::SlotsOfRelation(subject.table).size();
                     }).status());
  return subject;
}

// Each Repeat... does one thing `times` times. Functions of their own, so that
// callgrind can be told to look at what they call and at nothing else.
#define RV_BENCH_REPEAT __attribute__((noinline, noclone))

// The decision as Admit makes it: load and published table, no lock.
RV_BENCH_REPEAT bool RepeatDecision(const Subject& subject, int times) {
  const integrity::GateSlot& slot = *integrity::GateSlotAt(subject.slot);
  bool allowed = true;
  for (int i = 0; i < times; ++i) {
    const uint32_t running =
        slot.in_flight[static_cast<size_t>(kOperation)].load(
            std::memory_order_relaxed);
    allowed &=
        integrity::DecideAtSlot(slot, kOperation, {running, 1}).allowed();
  }
  return allowed;
}

// All that a statement asks: the slots of its table, the decision, the count.
RV_BENCH_REPEAT bool RepeatAdmission(const Subject& subject, int times) {
  bool allowed = true;
  for (int i = 0; i < times; ++i) {
    for (const int slot : integrity::SlotsOfRelation(subject.table)) {
      allowed &= integrity::Admit(slot, {kOperation, 1, true}).ok();
    }
  }
  return allowed;
}

// The peer: what a gate behind the server's own lock would pay for it alone.
RV_BENCH_REPEAT bool RepeatLock(const Subject&, int times) {
  LWLock* lock = boot::Databases()->lock;
  for (int i = 0; i < times; ++i) {
    LWLockAcquire(lock, LW_SHARED);
    LWLockRelease(lock);
  }
  return true;
}

RV_BENCH_REPEAT bool RepeatNothing(const Subject&, int) { return true; }

struct Repeated {
  const char* name;
  bool (*run)(const Subject&, int times);
};
constexpr Repeated kAll[] = {{"nothing", RepeatNothing},
                             {"decision", RepeatDecision},
                             {"admission", RepeatAdmission},
                             {"lwlock", RepeatLock}};

double Quantile(std::vector<double>& values, double q) {
  const auto at =
      values.begin() + static_cast<ptrdiff_t>(q * (values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

double TimeOf(const Repeated& what, const Subject& subject, int times) {
  const int64_t start = Nanoseconds(CLOCK_MONOTONIC);
  what.run(subject, times);
  return static_cast<double>(Nanoseconds(CLOCK_MONOTONIC) - start);
}

}  // namespace
}  // namespace ruvector::bench

// (collection, rounds, calls) -> setof (what, batch_ns, median_ns, p99_ns):
// the median of `rounds` interleaved batches of `calls` calls, per call; then
// as many calls timed one by one, the clock's own time in them.
RV_SQL_FUNCTION(ruvector_bench_gate) {
  using namespace ruvector;
  using namespace ruvector::bench;
  RV_ASSIGN_OR_RETURN(const Subject subject, FindSubject(fcinfo));
  const int rounds = PG_GETARG_INT32(1);
  const int calls = PG_GETARG_INT32(2);
  constexpr size_t kKinds = std::size(kAll);
  std::vector<double> batches[kKinds];
  std::vector<double> singles[kKinds];
  for (int round = 0; round < rounds; ++round) {
    for (size_t k = 0; k < kKinds; ++k) {
      batches[k].push_back(TimeOf(kAll[k], subject, calls) / calls);
    }
    for (int i = 0; i < calls; ++i) {
      for (size_t k = 0; k < kKinds; ++k) {
        singles[k].push_back(TimeOf(kAll[k], subject, 1));
      }
    }
  }
  pg::RowSet rows;
  RV_RETURN_IF_ERROR(rows.Begin(fcinfo));
  for (size_t k = 0; k < kKinds; ++k) {
    pg::RowBuilder row;
    row.Text(kAll[k].name);
    row.OptionalReal(Quantile(batches[k], 0.5));
    row.OptionalReal(Quantile(singles[k], 0.5));
    row.OptionalReal(Quantile(singles[k], 0.99));
    RV_RETURN_IF_ERROR(rows.Add(row));
  }
  return Datum{0};
}

// (collection, what, times) -> boolean
RV_SQL_FUNCTION(ruvector_bench_repeat) {
  using namespace ruvector;
  using namespace ruvector::bench;
  RV_ASSIGN_OR_RETURN(const Subject subject, FindSubject(fcinfo));
  RV_ASSIGN_OR_RETURN(const std::string what,
                      pg::TextArgument(fcinfo, 1, "what"));
  for (const Repeated& one : kAll) {
    if (what == one.name) {
      return BoolGetDatum(one.run(subject, PG_GETARG_INT32(2)));
    }
  }
  return pg::PgError(ERRCODE_INVALID_PARAMETER_VALUE,
                     "there is no \"" + what + "\" to repeat");
}

// (times) -> float8: CPU seconds of bare Ed25519 signatures of 256 bytes
RV_SQL_FUNCTION(ruvector_bench_sign) {
  using namespace ruvector;
  using namespace ruvector::bench;
  RV_ASSIGN_OR_RETURN(const audit::Crypto crypto, audit::ServerCrypto());
  const audit::Crypto::KeyPair pair = crypto.KeyPairFromSeed(audit::Seed{});
  const std::string message(256, 'x');
  const int64_t start = Nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
  for (int i = 0; i < PG_GETARG_INT32(0); ++i) {
    RV_RETURN_IF_ERROR(crypto.Sign(pair.private_key, message).status());
  }
  return Float8GetDatum((Nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - start) * 1e-9);
}
