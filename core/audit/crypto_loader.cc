#include "core/audit/crypto_loader.h"

#include <dlfcn.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace ruvector::audit {
namespace {

// AddressSanitizer ends a process that asks for RTLD_DEEPBIND; its builds hold
// no OpenSSL.
#if defined(__SANITIZE_ADDRESS__)
constexpr int kFlags = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE;
#else
constexpr int kFlags = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE | RTLD_DEEPBIND;
#endif

}  // namespace

absl::StatusOr<Crypto> LoadCrypto(const std::string& path) {
  if (!absl::StartsWith(path, "/")) {
    return absl::InvalidArgumentError(absl::StrCat(
        "path of the crypto module must be absolute, got \"", path, "\""));
  }
  void* const library = dlopen(path.c_str(), kFlags);
  if (library == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("cannot load the crypto module: ", dlerror()));
  }
  const void* const symbol = dlsym(library, "ruvector_crypto_v1");
  if (symbol == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("\"", path, "\" has no symbol ruvector_crypto_v1"));
  }
  return Crypto::Create(static_cast<const ruvector_crypto_api*>(symbol));
}

}  // namespace ruvector::audit
