#include "pgext/plugins/server_plugins.h"

#include <unistd.h>

#include <fstream>
#include <map>
#include <sstream>

#include "core/attention/registry.h"
#include "core/audit/crypto.h"
#include "core/audit/keys.h"
#include "core/audit/types.h"
#include "core/base/status_macros.h"
#include "core/healing/metric_catalog.h"
#include "core/plugin/prober.h"
#include "pgext/audit/crypto.h"
#include "pgext/boot/settings.h"
#include "pgext/bridge/pg.h"

namespace ruvector::plugins {
namespace {

// Against every key of the file that ruvector.plugin_trusted_keys names.
absl::Status CheckSignature(std::string_view content,
                            std::string_view signature) {
  RV_ASSIGN_OR_RETURN(const audit::Crypto crypto, audit::ServerCrypto());
  const auto bytes = audit::FromBytes<audit::Signature>(
      absl::string_view(signature.data(), signature.size()));
  if (!bytes.has_value()) {
    return absl::InvalidArgumentError("the signature is not 64 bytes long");
  }
  const std::string path = settings::plugin_trusted_keys;
  if (path.empty()) {
    return absl::FailedPreconditionError(
        "ruvector.plugin_trusted_keys names no file of trusted keys");
  }
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) {
    return absl::NotFoundError(
        absl::StrCat("cannot read the trusted keys in \"", path, "\""));
  }
  RV_ASSIGN_OR_RETURN(const audit::KeySet keys,
                      audit::ParseKeys(crypto, text.str()));
  for (const audit::TrustedKey& key : keys.keys()) {
    if (key.end_us().has_value() &&
        *key.end_us() <= absl::ToUnixMicros(absl::Now())) {
      continue;
    }
    if (crypto.Verify(key.public_key,
                      absl::string_view(content.data(), content.size()),
                      *bytes)) {
      return absl::OkStatus();
    }
  }
  return absl::PermissionDeniedError("not signed by a trusted key");
}

// Made anew when a setting changed; what was loaded stays mapped.
plugin::Loader& ServerLoader() {
  static plugin::Loader* loader = nullptr;  // scope: backend
  static std::string made_for;
  const std::string wanted =
      absl::StrCat(PluginDirectory(), "\n", settings::plugin_trust, "\n",
                   settings::plugin_trusted_keys);
  if (loader == nullptr || made_for != wanted) {
    plugin::LoaderOptions options;
    options.directory = PluginDirectory();
    options.owner = geteuid();
    options.trust = settings::plugin_trust == settings::kTrustSigned
                        ? plugin::TrustPolicy::kSigned
                        : plugin::TrustPolicy::kAny;
    options.prober = plugin::StrategyHostProber(
        audit::PrivateLibraryDirectory() + "/ruvector-strategy-host");
    if (!std::string_view(settings::plugin_trusted_keys).empty()) {
      options.signature_check = CheckSignature;
    }
    options.accept = [](const plugin::PluginDescription& description) {
      const absl::Status name = attention::CheckMechanismName(description);
      return name.ok() ? healing::CheckMetrics(description) : name;
    };
    loader = new plugin::Loader(std::move(options));
    made_for = wanted;
  }
  return *loader;
}

}  // namespace

std::string PluginDirectory() {
  const std::string configured = settings::plugin_directory;
  return configured.empty() ? audit::PrivateLibraryDirectory() + "/plugins"
                            : configured;
}

absl::StatusOr<plugin::Scan> ScanPlugins() { return ServerLoader().Rescan(); }

absl::StatusOr<std::optional<plugin::PluginRecord>> LookAtPlugin(
    std::string_view name) {
  return ServerLoader().Look(std::string(name) + ".so");
}

void LogRefusedPlugins() {
  static auto* logged = new std::map<std::string, std::string>;
  const absl::StatusOr<plugin::Scan> scan = ScanPlugins();
  if (!scan.ok()) {
    ereport(LOG, (errmsg("could not scan the plugin directory: %s",
                         std::string(scan.status().message()).c_str())));
    return;
  }
  std::map<std::string, std::string> refused;
  for (const plugin::PluginRecord& record : scan->records) {
    if (record.status != plugin::PluginStatus::kRejected) continue;
    refused[record.file] = record.reason;
    const auto before = logged->find(record.file);
    if (before != logged->end() && before->second == record.reason) continue;
    ereport(LOG, (errmsg("plugin \"%s\" was refused: %s", record.file.c_str(),
                         record.reason.c_str())));
  }
  *logged = std::move(refused);
}

}  // namespace ruvector::plugins
