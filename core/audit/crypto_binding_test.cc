// The crypto module as a file: what it exports, and who answers its calls.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/audit/crypto_loader.h"

namespace ruvector::audit {
namespace {

namespace fs = std::filesystem;

std::string Here(const char* name) {
  return (fs::current_path() / "core/audit" / name).string();
}

struct Outcome {
  int status;
  std::vector<std::string> lines;
};

Outcome Execute(const std::string& command) {
  FILE* const pipe = popen((command + " 2>&1").c_str(), "r");
  Outcome outcome;
  char* line = nullptr;
  size_t capacity = 0;
  while (getline(&line, &capacity, pipe) > 0) outcome.lines.push_back(line);
  free(line);
  outcome.status = pclose(pipe);
  return outcome;
}

// References of `from` that the dynamic loader resolved into `to`.
int Bindings(const Outcome& outcome, absl::string_view from,
             absl::string_view to) {
  int count = 0;
  for (const std::string& line : outcome.lines) {
    const size_t arrow = line.find(" to ");
    if (absl::StrContains(line, "binding file") && arrow != line.npos &&
        absl::StrContains(line.substr(0, arrow), from) &&
        absl::StrContains(line.substr(arrow), to)) {
      ++count;
    }
  }
  return count;
}

Outcome RunProbe(const char* how) {
  return Execute(absl::StrCat("LD_DEBUG=bindings ",
                              Here("crypto_binding_probe"), " ",
                              Here("ruvector_crypto.so"), " ", how));
}

constexpr char kModule[] = "ruvector_crypto.so";
constexpr char kBoringSsl[] = "android/libcrypto.so";
constexpr char kOpenSsl[] = "/libcrypto.so.3";

TEST(CryptoModuleTest, ExportsOneSymbol) {
  const Outcome nm = Execute("nm -D --defined-only " + Here(kModule));
  ASSERT_EQ(nm.status, 0);
  ASSERT_EQ(nm.lines.size(), 1u) << nm.lines.back();
  EXPECT_TRUE(absl::EndsWith(nm.lines[0], " ruvector_crypto_v1\n"))
      << nm.lines[0];
}

TEST(CryptoModuleTest, NothingIsAnsweredByOpenSsl) {
  const Outcome probe = RunProbe("");
  ASSERT_EQ(probe.status, 0) << probe.lines.back();
  EXPECT_GT(Bindings(probe, kModule, kBoringSsl), 0);
  EXPECT_EQ(Bindings(probe, kModule, kOpenSsl), 0);
  EXPECT_EQ(Bindings(probe, kBoringSsl, kOpenSsl), 0);
}

// Without the flags the trap is there: this is what the test above would see.
TEST(CryptoModuleTest, LoadedPlainlyItWouldBe) {
  const Outcome probe = RunProbe("plain");
  ASSERT_EQ(probe.status, 0) << probe.lines.back();
  EXPECT_GT(Bindings(probe, kBoringSsl, kOpenSsl), 100);
}

TEST(LoadCryptoTest, SaysWhatIsWrong) {
  EXPECT_EQ(LoadCrypto("ruvector_crypto.so").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(LoadCrypto("/nonexistent/x.so").status().code(),
            absl::StatusCode::kNotFound);
  const absl::Status other = LoadCrypto("libm.so.6").status();
  EXPECT_EQ(other.code(), absl::StatusCode::kInvalidArgument);
  const std::string text = fs::path(testing::TempDir()) / "not_a_library.so";
  std::ofstream(text) << "text";
  EXPECT_EQ(LoadCrypto(text).status().code(), absl::StatusCode::kNotFound);
}

TEST(LoadCryptoTest, AgreesWithItself) {
  const absl::StatusOr<Crypto> first = LoadCrypto(Here(kModule));
  ASSERT_TRUE(first.ok()) << first.status();
  const absl::StatusOr<Crypto> second = LoadCrypto(Here(kModule));
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(first->Sha256("x"), second->Sha256("x"));
}

}  // namespace
}  // namespace ruvector::audit
