#include "pgext/audit/signing_key.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/audit/command_signer.h"
#include "core/audit/key_file.h"
#include "core/audit/keys.h"
#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "pgext/boot/settings.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_status.h"

namespace ruvector::audit {
namespace {

// A key belongs to one database's log: the keys are registered there.
std::string KeyPath() {
  const std::string path =
      absl::StrCat(settings::signing_key_path, ".", MyDatabaseId);
  return path[0] == '/' ? path : absl::StrCat(DataDir, "/", path);
}
std::string NextPath() { return KeyPath() + ".next"; }

bool Exists(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0;
}

absl::Status Rename(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(
      "could not rename \"", from, "\" to \"", to, "\": ", strerror(errno)));
}

struct Registration {
  bool any;     // some key is registered
  bool known;   // this one is
  bool active;  // and neither ended nor revoked
};

absl::StatusOr<Registration> Look(pg::SpiSession& spi, const std::string& id) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT pg_catalog.count(*) > 0,"
                " pg_catalog.bool_or(id = $1),"
                " pg_catalog.bool_or(id = $1 AND revoked_at IS NULL AND"
                " (expires_at IS NULL OR expires_at > pg_catalog.now()))"
                " FROM ruvector.signing_keys",
                {pg::SqlText(id)}));
  return Registration{rows.Bool(0, 0).value_or(false),
                      rows.Bool(0, 1).value_or(false),
                      rows.Bool(0, 2).value_or(false)};
}

absl::Status Register(pg::SpiSession& spi, const Signer& signer,
                      int64_t from_us, const char* description) {
  return spi
      .Execute(
          "INSERT INTO ruvector.signing_keys"
          " (id, public_key, description, created_at, valid_from)"
          " VALUES ($1, pg_catalog.decode($2, 'hex'), $3,"
          " $4::pg_catalog.timestamptz, $4::pg_catalog.timestamptz)",
          {pg::SqlText(signer.key_id()),
           pg::SqlText(ToHex(signer.public_key())), pg::SqlText(description),
           pg::SqlText(FormatTimeUs(from_us))})
      .status();
}

absl::Status Unusable(const std::string& what, const std::string& path) {
  return pg::PgError(
      ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, what,
      absl::StrCat("Key: ", path, "."),
      "Restore the key file, or start a new key with "
      "ruvector_rotate_signing_key(). Events wait unsealed until then.");
}

int64_t NowUs() { return absl::ToUnixMicros(absl::Now()); }

bool UsesCommand() {
  return !std::string_view(settings::signing_key_command).empty();
}

absl::StatusOr<std::unique_ptr<Signer>> CommandKey(const Crypto& crypto) {
  CommandSigner::Options options;
  RV_ASSIGN_OR_RETURN(options.argv,
                      ParseCommand(settings::signing_key_command));
  const std::optional<PublicKey> key =
      FromHex<PublicKey>(settings::signing_public_key);
  if (!key.has_value()) {
    return pg::PgError(
        ERRCODE_CONFIG_FILE_ERROR,
        "signing is disabled: ruvector.signing_public_key is not a key",
        "It must be 64 lower-case hexadecimal digits.",
        "Set it to the public key of ruvector.signing_key_command.");
  }
  options.public_key = *key;
  return std::unique_ptr<Signer>(
      std::make_unique<CommandSigner>(crypto, std::move(options)));
}

absl::StatusOr<std::unique_ptr<Signer>> FirstKey(const Crypto& crypto,
                                                 pg::SpiSession& spi,
                                                 const std::string& path) {
  absl::StatusOr<PrivateKey> key = LoadPrivateKey(crypto, path);
  if (absl::IsNotFound(key.status())) key = CreatePrivateKey(crypto, path);
  RV_RETURN_IF_ERROR(key.status());
  RV_FAILPOINT("audit.first_key.before_register");
  auto signer = std::make_unique<FileSigner>(crypto, *std::move(key));
  RV_RETURN_IF_ERROR(
      Register(spi, *signer, NowUs(), "made when the log was opened"));
  return signer;
}

// A crash came between a rotation's commit and its renaming of files.
absl::Status FinishRotation(const Crypto& crypto, pg::SpiSession& spi) {
  if (!Exists(NextPath())) return absl::OkStatus();
  const absl::StatusOr<PrivateKey> next = LoadPrivateKey(crypto, NextPath());
  if (!next.ok()) return absl::OkStatus();  // never registered; left alone
  const std::string next_id = KeyId(crypto, next->public_key());
  RV_ASSIGN_OR_RETURN(const Registration registration, Look(spi, next_id));
  if (!registration.active) return absl::OkStatus();
  const absl::StatusOr<PrivateKey> old = LoadPrivateKey(crypto, KeyPath());
  return RotateKeyFile(old.ok() ? KeyId(crypto, old->public_key()) : "lost");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Signer>> OpenSigner(const Crypto& crypto,
                                                   pg::SpiSession& spi) {
  const std::string path =
      UsesCommand() ? std::string(settings::signing_key_command) : KeyPath();
  std::unique_ptr<Signer> signer;
  if (UsesCommand()) {
    RV_ASSIGN_OR_RETURN(signer, CommandKey(crypto));
    RV_ASSIGN_OR_RETURN(const Registration before, Look(spi, ""));
    if (!before.any) {
      RV_RETURN_IF_ERROR(
          Register(spi, *signer, NowUs(), "held by a signing command"));
    }
  } else {
    RV_RETURN_IF_ERROR(FinishRotation(crypto, spi));
    RV_ASSIGN_OR_RETURN(const Registration before, Look(spi, ""));
    if (!before.any) return FirstKey(crypto, spi, path);
    absl::StatusOr<PrivateKey> key = LoadPrivateKey(crypto, path);
    if (!key.ok()) {
      return Unusable(absl::StrCat("signing is disabled: ",
                                   std::string(key.status().message())),
                      path);
    }
    signer = std::make_unique<FileSigner>(crypto, *std::move(key));
  }
  RV_ASSIGN_OR_RETURN(const Registration now, Look(spi, signer->key_id()));
  if (!now.known) {
    return Unusable(absl::StrCat("signing is disabled: key \"",
                                 signer->key_id(), "\" is not registered"),
                    path);
  }
  if (!now.active) {
    return Unusable(absl::StrCat("signing is disabled: key \"",
                                 signer->key_id(), "\" has ended"),
                    path);
  }
  return signer;
}

absl::StatusOr<std::unique_ptr<Signer>> PrepareNextKey(const Crypto& crypto,
                                                       pg::SpiSession& spi,
                                                       int64_t now_us) {
  if (UsesCommand()) {
    RV_ASSIGN_OR_RETURN(std::unique_ptr<Signer> signer, CommandKey(crypto));
    RV_ASSIGN_OR_RETURN(const Registration known, Look(spi, signer->key_id()));
    if (known.known) {
      return pg::PgError(
          ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
          absl::StrCat("key \"", signer->key_id(), "\" is registered already"),
          "",
          "Point ruvector.signing_key_command and "
          "ruvector.signing_public_key at the next key, reload, then rotate.");
    }
    RV_RETURN_IF_ERROR(
        Register(spi, *signer, now_us, "held by a signing command"));
    return signer;
  }
  // What is left of a rotation that did not commit never signed anything.
  if (Exists(NextPath()) && unlink(NextPath().c_str()) != 0) {
    return absl::InternalError(absl::StrCat("could not remove \"", NextPath(),
                                            "\": ", strerror(errno)));
  }
  RV_ASSIGN_OR_RETURN(PrivateKey key, CreatePrivateKey(crypto, NextPath()));
  RV_FAILPOINT("audit.rotate.before_register");
  auto signer = std::make_unique<FileSigner>(crypto, std::move(key));
  RV_RETURN_IF_ERROR(Register(spi, *signer, now_us, "made by rotation"));
  return signer;
}

absl::Status RotateKeyFile(const std::string& old_key_id) {
  if (UsesCommand()) return absl::OkStatus();
  const std::string path = KeyPath();
  if (Exists(path)) {
    RV_RETURN_IF_ERROR(
        Rename(path, absl::StrCat(path, ".", old_key_id.substr(0, 16))));
  }
  RV_FAILPOINT("audit.rotate.between_files");
  return Rename(NextPath(), path);
}

}  // namespace ruvector::audit
