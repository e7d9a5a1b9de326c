// A key that lives elsewhere: a KMS, an HSM, an agent. `ruvector.
// signing_key_command` names a program that is run once per signature.
//
// The program finds the message (prefix || payload, see signer.h) on standard
// input, which is a file it may seek, and prints the Ed25519 signature as 128
// hexadecimal digits or as base64, with or without a final newline. Exit status
// 0 means signed. It is started without a shell in a process group of its own,
// with default signal handling, the caller's environment and no open files but
// the three standard ones; what it writes to standard error goes to ours (a
// server's log). When the deadline passes, the whole group is killed.
#ifndef RUVECTOR_CORE_AUDIT_COMMAND_SIGNER_H_
#define RUVECTOR_CORE_AUDIT_COMMAND_SIGNER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/audit/signer.h"
#include "core/base/no_postgres.h"

namespace ruvector::audit {

// Splits a configured command at spaces and tabs. There is no quoting: an
// argument that needs a space belongs in a wrapper script. InvalidArgument if
// it is empty or its first word is not an absolute path.
absl::StatusOr<std::vector<std::string>> ParseCommand(absl::string_view text);

// [single-thread] The calling thread waits: use it in a worker, not in a user's
// backend. Needs SIGCHLD not ignored.
class CommandSigner final : public Signer {
 public:
  struct Options {
    std::vector<std::string> argv;  // argv[0] is an absolute path
    PublicKey public_key;           // of the key that the command holds
    absl::Duration deadline = absl::Seconds(5);  // per signature
  };
  CommandSigner(const Crypto& crypto, Options options);

  // Returns only signatures that verify with the configured public key.
  // Unavailable: could not start, deadline passed, killed by a signal.
  // PermissionDenied: exit status other than 0. Internal: the answer is not a
  // signature, or not one by this key.
  absl::StatusOr<Signature> Sign(absl::string_view prefix,
                                 absl::string_view payload) override;
  const PublicKey& public_key() const override { return options_.public_key; }
  const std::string& key_id() const override { return key_id_; }

 private:
  Crypto crypto_;
  Options options_;
  std::string key_id_;
};

}  // namespace ruvector::audit

#endif  // RUVECTOR_CORE_AUDIT_COMMAND_SIGNER_H_
