// ruvector-verify: is this export what its log's keys signed?
//
// Reads files, talks to no server, trusts nothing but the given public keys.
// Exit status: 0 verified, 1 not verified, 2 could not judge (usage, unreadable
// file, bad keys file). docs/concepts/audit.md explains the faults.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/audit/checkpoint.h"
#include "core/audit/export_verifier.h"
#include "core/audit/keys.h"
#include "core/audit/linked_crypto.h"
#include "core/base/status_macros.h"
#include "tools/verify/proof.h"
#include "tools/verify/verdict.h"

namespace ruvector::audit {
namespace {

constexpr int kVerified = 0;
constexpr int kNotVerified = 1;
constexpr int kCannotJudge = 2;

constexpr char kUsage[] =
    R"(usage: ruvector-verify --keys FILE [options] EXPORT
       ruvector-verify --keys FILE --checkpoint FILE --proof PROOF

Verifies an exported audit log, or an inclusion or consistency proof, with the
public keys alone. EXPORT and PROOF may be - for standard input.

  --keys FILE        the public keys to trust, with their validity
  --checkpoint FILE  checkpoints that left the machine earlier, one a line: the
                     log must still contain them (may be given several times)
  --proof            the file is a proof, as ruvector_audit_inclusion_proof or
                     ruvector_audit_consistency_proof gave it
  --events           print every verified event as a line of JSON
  --json             print the verdict as JSON
  --help             print this

exit status: 0 verified, 1 not verified, 2 could not judge
)";

struct Arguments {
  std::string keys;
  std::string input;
  std::vector<std::string> checkpoints;
  bool json = false;
  bool events = false;
  bool proof = false;
  bool help = false;
};

absl::StatusOr<Arguments> ParseArguments(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&]() -> absl::StatusOr<std::string> {
      if (i + 1 == argc) {
        return absl::InvalidArgumentError(
            absl::StrCat("option \"", word, "\" needs a value"));
      }
      return std::string(argv[++i]);
    };
    if (word == "--keys") {
      RV_ASSIGN_OR_RETURN(arguments.keys, value());
    } else if (word == "--checkpoint") {
      RV_ASSIGN_OR_RETURN(arguments.checkpoints.emplace_back(), value());
    } else if (word == "--json") {
      arguments.json = true;
    } else if (word == "--events") {
      arguments.events = true;
    } else if (word == "--proof") {
      arguments.proof = true;
    } else if (word == "--help") {
      arguments.help = true;
    } else if (word.size() > 1 && word[0] == '-') {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown option \"", word, "\""));
    } else if (arguments.input.empty()) {
      arguments.input = word;
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("one export expected, got also \"", word, "\""));
    }
  }
  if (!arguments.help && (arguments.keys.empty() || arguments.input.empty())) {
    return absl::InvalidArgumentError(
        "--keys and an export or a proof are needed");
  }
  return arguments;
}

absl::Status Open(const std::string& path, std::ifstream* file) {
  file->open(path, std::ios::binary);
  // A directory opens, but does not read.
  if (!file->is_open() || (file->peek(), file->bad())) {
    return absl::NotFoundError(
        absl::StrCat("cannot read \"", path, "\": ", std::strerror(errno)));
  }
  file->clear();
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file;
  if (path != "-") RV_RETURN_IF_ERROR(Open(path, &file));
  return std::string(
      std::istreambuf_iterator<char>(path == "-" ? std::cin : file), {});
}

absl::StatusOr<std::vector<SignedCheckpoint>> ReadCheckpoints(
    const std::vector<std::string>& paths) {
  std::vector<SignedCheckpoint> checkpoints;
  for (const std::string& path : paths) {
    RV_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
    size_t number = 0;
    const size_t before = checkpoints.size();
    for (absl::string_view line : absl::StrSplit(text, '\n')) {
      ++number;
      if (line.empty()) continue;
      absl::StatusOr<SignedCheckpoint> parsed = ParseCheckpoint(line);
      if (!parsed.ok()) {
        return absl::InvalidArgumentError(absl::StrCat(
            "\"", path, "\", line ", number, ": ", parsed.status().message()));
      }
      checkpoints.push_back(*std::move(parsed));
    }
    if (checkpoints.size() == before) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", path, "\" holds no checkpoint"));
    }
  }
  return checkpoints;
}

absl::StatusOr<KeySet> ReadKeys(const Crypto& crypto, const std::string& path) {
  RV_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  RV_ASSIGN_OR_RETURN(KeySet keys, ParseKeys(crypto, text));
  if (keys.keys().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", path, "\" holds no key"));
  }
  return keys;
}

// What a run found: whether it holds, and how to say so.
struct Finding {
  bool verified;
  std::string text;
};

absl::StatusOr<Finding> JudgeProof(const Arguments& arguments) {
  const Crypto crypto = LinkedCrypto();
  RV_ASSIGN_OR_RETURN(const KeySet keys, ReadKeys(crypto, arguments.keys));
  RV_ASSIGN_OR_RETURN(const std::vector<SignedCheckpoint> checkpoints,
                      ReadCheckpoints(arguments.checkpoints));
  RV_ASSIGN_OR_RETURN(const std::string proof, ReadFile(arguments.input));
  const absl::StatusOr<std::string> proved =
      VerifyProof(crypto, keys, checkpoints, proof);
  if (!proved.ok() && !absl::IsDataLoss(proved.status())) {
    return proved.status();
  }
  const std::string detail =
      proved.ok() ? *proved : std::string(proved.status().message());
  return Finding{proved.ok(), arguments.json
                                  ? FormatProofJson(proved.ok(), detail)
                                  : FormatProof(proved.ok(), detail)};
}

absl::StatusOr<Finding> JudgeExport(const Arguments& arguments) {
  const Crypto crypto = LinkedCrypto();
  RV_ASSIGN_OR_RETURN(const KeySet keys, ReadKeys(crypto, arguments.keys));
  ExportVerifyOptions options;
  RV_ASSIGN_OR_RETURN(options.anchors, ReadCheckpoints(arguments.checkpoints));
  if (arguments.events) {
    options.on_event = [](const Event& event) {
      std::cout << FormatEventJson(event);
    };
  }
  const bool piped = arguments.input == "-";
  std::ifstream file;
  if (!piped) RV_RETURN_IF_ERROR(Open(arguments.input, &file));
  const ExportReport report =
      VerifyExport(crypto, keys, piped ? std::cin : file, options);
  return Finding{report.ok(), arguments.json ? FormatVerdictJson(report)
                                             : FormatVerdict(report)};
}

int Main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  const absl::StatusOr<Arguments> arguments = ParseArguments(argc, argv);
  if (!arguments.ok()) {
    std::cerr << "ruvector-verify: " << arguments.status().message() << "\n"
              << kUsage;
    return kCannotJudge;
  }
  if (arguments->help) {
    std::cout << kUsage;
    return kVerified;
  }
  const absl::StatusOr<Finding> finding =
      arguments->proof ? JudgeProof(*arguments) : JudgeExport(*arguments);
  if (!finding.ok()) {
    std::cerr << "ruvector-verify: " << finding.status().message() << "\n";
    return kCannotJudge;
  }
  std::cout << finding->text;
  // A verdict that nobody could read is none.
  if (!std::cout.flush()) return kCannotJudge;
  return finding->verified ? kVerified : kNotVerified;
}

}  // namespace
}  // namespace ruvector::audit

int main(int argc, char** argv) { return ruvector::audit::Main(argc, argv); }
