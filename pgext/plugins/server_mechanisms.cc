#include "pgext/plugins/server_mechanisms.h"

#include <sys/stat.h>

#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "pgext/boot/settings.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/plugins/server_plugins.h"

namespace ruvector::plugins {
namespace {

using attention::Mechanism;

constexpr size_t kMaxNameBytes = 63;
constexpr time_t kLongestSeconds = 10;
// A change within the tick of a file system's clock after the look could bear
// the same time: until then nothing is remembered.
constexpr time_t kTickSeconds = 2;

using Stamp = std::tuple<dev_t, ino_t, time_t, long, time_t, long>;

Stamp StampOf(const std::string& path, time_t& latest) {
  struct stat s = {};
  if (path.empty() || stat(path.c_str(), &s) != 0) return {};
  latest = std::max({latest, s.st_mtim.tv_sec, s.st_ctim.tv_sec});
  return {s.st_dev,          s.st_ino,         s.st_mtim.tv_sec,
          s.st_mtim.tv_nsec, s.st_ctim.tv_sec, s.st_ctim.tv_nsec};
}

struct Cache {
  std::string settings;
  Stamp directory, keys;
  time_t since = 0;
  std::map<std::string, Mechanism, std::less<>> known;
  std::optional<attention::MechanismRegistry> all;  // once asked for
};

// What is known, emptied if it may be out of date.
Cache& Current() {
  static auto* cache = new Cache;  // scope: backend
  const std::string settings =
      absl::StrCat(PluginDirectory(), "\n", settings::plugin_trust, "\n",
                   settings::plugin_trusted_keys);
  time_t latest = 0;
  const Stamp directory = StampOf(PluginDirectory(), latest);
  const Stamp keys = StampOf(settings::plugin_trusted_keys, latest);
  const time_t now = std::time(nullptr);
  const bool is_current = cache->settings == settings &&
                          cache->directory == directory &&
                          cache->keys == keys && now >= cache->since &&
                          now - cache->since < kLongestSeconds &&
                          cache->since - latest >= kTickSeconds;
  if (!is_current) *cache = Cache{settings, directory, keys, now, {}, {}};
  return *cache;
}

bool IsName(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes) return false;
  for (const char c : name) {
    if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_') {
      return false;
    }
  }
  return true;
}

absl::Status Unknown(std::string_view name, const std::string& detail,
                     const std::string& hint) {
  return pg::PgError(
      ERRCODE_UNDEFINED_OBJECT,
      absl::StrCat("unknown attention mechanism \"",
                   absl::string_view(name.data(), name.size()), "\""),
      detail, hint);
}

absl::Status NoSuch(std::string_view name) {
  RV_ASSIGN_OR_RETURN(const auto all, AllMechanisms());
  return Unknown(
      name, "",
      absl::StrCat("Known are ", absl::StrJoin(all.Names(), ", "), "."));
}

}  // namespace

absl::StatusOr<Mechanism> FindMechanism(std::string_view name) {
  Cache& cache = Current();
  const auto known = cache.known.find(name);
  if (known != cache.known.end()) return known->second;
  if (!IsName(name)) return NoSuch(name);
  RV_ASSIGN_OR_RETURN(const auto record, LookAtPlugin(name));
  if (!record.has_value()) return NoSuch(name);
  if (record->status != plugin::PluginStatus::kLoaded) {
    return Unknown(
        name,
        absl::StrCat("\"", record->file, "\" was refused: ", record->reason),
        "The view ruvector.plugins shows what is installed.");
  }
  if (record->descriptor == nullptr) return NoSuch(name);  // a strategy
  attention::MechanismRegistry one;
  RV_RETURN_IF_ERROR(one.Add(record->descriptor));
  RV_ASSIGN_OR_RETURN(Mechanism mechanism, one.Find(name));
  cache.known.emplace(std::string(name), mechanism);
  return mechanism;
}

absl::StatusOr<attention::MechanismRegistry> AllMechanisms() {
  Cache& cache = Current();
  if (!cache.all.has_value()) {
    RV_ASSIGN_OR_RETURN(const plugin::Scan scan, ScanPlugins());
    RV_ASSIGN_OR_RETURN(cache.all, attention::MechanismRegistry::From(scan));
  }
  return *cache.all;
}

}  // namespace ruvector::plugins
