// The server's headers, as C, and the only place that includes postgres.h.
//
// Its macros (Min, Max, snprintf, ...) do not stop at its own files. So what of
// Abseil we use comes first, and the macros that rename functions of the C
// library are taken back at the end: core headers may follow.
#ifndef RUVECTOR_PGEXT_BRIDGE_PG_H_
#define RUVECTOR_PGEXT_BRIDGE_PG_H_

#include <algorithm>
#include <atomic>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

// 15 leaves it empty, and everything is compiled with hidden visibility.
#define PGDLLEXPORT __attribute__((visibility("default")))

extern "C" {
// clang-format off: before all other headers of the server's
#include "postgres.h"
// clang-format on

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/elog.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
}

#undef fprintf
#undef printf
#undef snprintf
#undef sprintf
#undef strerror
#undef strerror_r
#undef vfprintf
#undef vprintf
#undef vsnprintf
#undef vsprintf

#endif  // RUVECTOR_PGEXT_BRIDGE_PG_H_
