#include "pgext/healing/sensors/host.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace ruvector::healing {
namespace {

constexpr int64_t kPageBytes = 4096;  // of /proc/<pid>/statm, for ranking only

std::optional<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  if (file.bad()) return std::nullopt;
  return text.str();
}

std::optional<int64_t> ReadNumber(const std::string& path) {
  const std::optional<std::string> text = ReadFile(path);
  int64_t number = 0;
  if (!text.has_value() || !absl::SimpleAtoi(*text, &number)) {
    return std::nullopt;  // also "max"
  }
  return number;
}

// The number behind `name` in lines such as "inactive_file 4096" or
// "MemTotal:  4096 kB", with its unit applied.
std::optional<int64_t> Field(const std::string& text, absl::string_view name) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    int64_t number = 0;
    if (words.size() < 2 || words[0] != name ||
        !absl::SimpleAtoi(words[1], &number)) {
      continue;
    }
    return words.size() > 2 && words[2] == "kB" ? number * 1024 : number;
  }
  return std::nullopt;
}

// The directories of the process's cgroup v2 and its ancestors, innermost
// first; the root is the mount point itself.
std::vector<std::string> Cgroups(const HostPaths& paths) {
  std::vector<std::string> found;
  const std::optional<std::string> text =
      ReadFile(absl::StrCat(paths.proc, "/self/cgroup"));
  if (!text.has_value()) return found;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    if (!absl::StartsWith(line, "0::/")) continue;
    std::string path(line.substr(3));
    while (!path.empty() && path != "/") {
      found.push_back(paths.cgroup + path);
      path.resize(path.rfind('/'));
    }
    found.push_back(paths.cgroup);
  }
  return found;
}

// nullopt: no limit here, or not readable.
std::optional<Memory> CgroupMemory(const std::string& directory) {
  const std::optional<int64_t> limit = ReadNumber(directory + "/memory.max");
  const std::optional<int64_t> current =
      ReadNumber(directory + "/memory.current");
  const std::optional<std::string> stat = ReadFile(directory + "/memory.stat");
  if (!limit.has_value() || !current.has_value() || !stat.has_value()) {
    return std::nullopt;
  }
  const std::optional<int64_t> inactive = Field(*stat, "inactive_file");
  if (!inactive.has_value() || *limit <= 0) return std::nullopt;
  Memory memory;
  memory.source = "cgroup memory.max, memory.current less inactive_file";
  memory.limit_bytes = *limit;
  memory.used_bytes = std::max<int64_t>(0, *current - *inactive);
  return memory;
}

std::optional<Memory> MachineMemory(const HostPaths& paths) {
  const std::optional<std::string> text =
      ReadFile(absl::StrCat(paths.proc, "/meminfo"));
  if (!text.has_value()) return std::nullopt;
  const std::optional<int64_t> total = Field(*text, "MemTotal:");
  const std::optional<int64_t> available = Field(*text, "MemAvailable:");
  if (!total.has_value() || !available.has_value() || *total <= 0) {
    return std::nullopt;
  }
  Memory memory;
  memory.source = "meminfo MemTotal, MemAvailable";
  memory.limit_bytes = *total;
  memory.used_bytes = *total - *available;
  return memory;
}

double UsedShare(const Memory& memory) {
  return static_cast<double>(*memory.used_bytes) /
         static_cast<double>(*memory.limit_bytes);
}

// "some avg10=0.00 avg60=1.76 ...": 0.0176.
std::optional<double> SomeAvg60(const std::string& path) {
  const std::optional<std::string> text = ReadFile(path);
  if (!text.has_value()) return std::nullopt;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    if (!absl::StartsWith(line, "some ")) continue;
    for (absl::string_view word : absl::StrSplit(line, ' ')) {
      double percent = 0;
      if (absl::StartsWith(word, "avg60=") &&
          absl::SimpleAtod(word.substr(6), &percent)) {
        return std::clamp(percent / 100, 0.0, 1.0);
      }
    }
  }
  return std::nullopt;
}

// Resident and not shared, in bytes: cheap, and nearly in the right order.
std::optional<int64_t> OwnResident(const std::string& directory) {
  const std::optional<std::string> text = ReadFile(directory + "/statm");
  if (!text.has_value()) return std::nullopt;
  const std::vector<absl::string_view> words = absl::StrSplit(*text, ' ');
  int64_t resident = 0, shared = 0;
  if (words.size() < 3 || !absl::SimpleAtoi(words[1], &resident) ||
      !absl::SimpleAtoi(words[2], &shared)) {
    return std::nullopt;
  }
  return (resident - shared) * kPageBytes;
}

}  // namespace

std::optional<Memory> ReadMemory(const HostPaths& paths) {
  std::optional<Memory> tightest = MachineMemory(paths);
  for (const std::string& directory : Cgroups(paths)) {
    std::optional<Memory> memory = CgroupMemory(directory);
    if (!memory.has_value()) continue;
    if (!tightest.has_value() || UsedShare(*memory) > UsedShare(*tightest)) {
      tightest = std::move(memory);
    }
  }
  return tightest;
}

std::optional<IoPressure> ReadIoPressure(const HostPaths& paths) {
  for (const std::string& directory : Cgroups(paths)) {
    const auto stalled = SomeAvg60(directory + "/io.pressure");
    if (stalled.has_value()) return IoPressure{"cgroup io.pressure", stalled};
  }
  const auto stalled = SomeAvg60(absl::StrCat(paths.proc, "/pressure/io"));
  if (!stalled.has_value()) return std::nullopt;
  return IoPressure{"/proc/pressure/io", stalled};
}

std::vector<Memory::Consumer> LargestProcesses(
    const HostPaths& paths, const std::vector<ServerProcess>& processes,
    size_t most) {
  std::vector<std::pair<int64_t, const ServerProcess*>> candidates;
  for (const ServerProcess& process : processes) {
    const auto resident =
        OwnResident(absl::StrCat(paths.proc, "/", process.pid));
    if (resident.has_value()) candidates.emplace_back(*resident, &process);
  }
  std::stable_sort(
      candidates.begin(), candidates.end(),
      [](const auto& a, const auto& b) { return a.first > b.first; });
  if (candidates.size() > most) candidates.resize(most);
  std::vector<Memory::Consumer> consumers;
  for (const auto& [resident, process] : candidates) {
    const auto rollup =
        ReadFile(absl::StrCat(paths.proc, "/", process->pid, "/smaps_rollup"));
    if (!rollup.has_value()) continue;
    const std::optional<int64_t> bytes = Field(*rollup, "Pss_Anon:");
    if (bytes.has_value()) consumers.push_back({process->name, *bytes});
  }
  std::stable_sort(
      consumers.begin(), consumers.end(),
      [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  return consumers;
}

}  // namespace ruvector::healing
