// Whether other servers can be reached: a connection to each, all at once,
// without a word of protocol. [backend-main] Touches nothing of Postgres.
#ifndef RUVECTOR_PGEXT_INTEGRITY_SENSORS_REACH_H_
#define RUVECTOR_PGEXT_INTEGRITY_SENSORS_REACH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ruvector::sensors {

// A name or an address, or the directory of a Unix socket; a port number.
struct Endpoint {
  std::string host;
  std::string port;
};

// Exactly one of the two is there.
struct Reached {
  std::optional<int64_t> latency_us;  // of the connection that came first
  std::string failure;                // "127.0.0.1:5432: Connection refused"
};

// One answer per server: the first of its endpoints' addresses that accepts.
// Waits at most `limit_ms` for all of them together, names included: a name is
// looked up by the system's getent, in a process of its own that is killed when
// the time is over, since the C library's resolver obeys no deadline.
std::vector<Reached> Reach(const std::vector<std::vector<Endpoint>>& servers,
                           int limit_ms);

}  // namespace ruvector::sensors

#endif  // RUVECTOR_PGEXT_INTEGRITY_SENSORS_REACH_H_
