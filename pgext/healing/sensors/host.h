// What the kernel tells of memory and of waiting for I/O. No PostgreSQL here.
//
// Memory: the machine's (/proc/meminfo) and that of every cgroup v2 which the
// server runs in, up to the root; the one that is fuller binds first and is
// the answer. cgroup v1 is not read: there the machine's own figures answer.
// I/O: "some avg60" of the innermost cgroup that has io.pressure, else of
// /proc/pressure/io. Kernels without PSI have neither.
// Source: Documentation/admin-guide/cgroup-v2.rst, accounting/psi.rst, proc(5).
#ifndef RUVECTOR_PGEXT_HEALING_SENSORS_HOST_H_
#define RUVECTOR_PGEXT_HEALING_SENSORS_HOST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/healing/situation.h"

namespace ruvector::healing {

// Where the kernel's files are; tests have their own.
struct HostPaths {
  std::string proc = "/proc";
  std::string cgroup = "/sys/fs/cgroup";
};

// Without consumers. nullopt: neither source could be read. [any-thread]
std::optional<Memory> ReadMemory(const HostPaths& paths);

// nullopt: the kernel does not say. [any-thread]
std::optional<IoPressure> ReadIoPressure(const HostPaths& paths);

// Of these processes, the `most` that hold the most memory of their own
// (anonymous, shared pages divided: Pss_Anon), largest first. Ones that ended
// or may not be read are left out. Reads two small files of each and walks the
// page tables of a few: for when memory is short, not for every pass.
// [any-thread]
struct ServerProcess {
  int64_t pid = 0;
  std::string name;
};
std::vector<Memory::Consumer> LargestProcesses(
    const HostPaths& paths, const std::vector<ServerProcess>& processes,
    size_t most);

}  // namespace ruvector::healing

#endif  // RUVECTOR_PGEXT_HEALING_SENSORS_HOST_H_
