#include "core/plugin/loader.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/attention/registry.h"
#include "core/healing/strategy_registry.h"
#include "core/plugin/prober.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "plugins/host/confinement.h"

namespace ruvector::plugin {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kHost[] = "plugins/host/ruvector-strategy-host";
constexpr char kFixtures[] = "plugins/testing/fixtures/";
constexpr char kTopological[] = "plugins/attention/topological/topological.so";
constexpr char kThrottle[] =
    "plugins/strategies/throttle_ingestion/throttle_ingestion.so";

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream content;
  content << in.rdbuf();
  return content.str();
}

// Writes a new inode, as an installer that renames does.
void Install(const std::string& path, const std::string& content) {
  const std::string temporary = path + ".new";
  std::ofstream(temporary, std::ios::binary) << content;
  ASSERT_EQ(chmod(temporary.c_str(), 0755), 0);
  ASSERT_EQ(rename(temporary.c_str(), path.c_str()), 0);
}

class LoaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = absl::StrCat(getenv("TEST_TMPDIR"), "/pluginsXXXXXX");
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }

  std::string Path(const std::string& file) { return directory_ + "/" + file; }

  void Fixture(const std::string& name, const std::string& as = "") {
    const std::string content = ReadFile(kFixtures + name + ".so");
    ASSERT_FALSE(content.empty()) << name;
    Install(Path((as.empty() ? name : as) + ".so"), content);
  }

  LoaderOptions Options() {
    LoaderOptions options;
    options.directory = directory_;
    options.owner = geteuid();
    // Long: a busy machine must not fail a test.
    options.prober = StrategyHostProber(kHost, absl::Seconds(20));
    return options;
  }

  std::map<std::string, PluginRecord> ScanWith(Loader& loader) {
    absl::StatusOr<Scan> scan = loader.Rescan();
    EXPECT_TRUE(scan.ok()) << scan.status();
    std::map<std::string, PluginRecord> records;
    if (!scan.ok()) return records;
    for (PluginRecord& record : scan->records) {
      const std::string file = record.file;
      records[file] = std::move(record);
    }
    return records;
  }
  std::map<std::string, PluginRecord> ScanOnce() {
    Loader loader(Options());
    return ScanWith(loader);
  }

  // The reason why the only plugin in the directory was rejected.
  std::string Rejection() {
    const auto records = ScanOnce();
    EXPECT_EQ(records.size(), 1u);
    if (records.size() != 1) return "";
    EXPECT_EQ(records.begin()->second.status, PluginStatus::kRejected);
    EXPECT_EQ(records.begin()->second.descriptor, nullptr);
    return records.begin()->second.reason;
  }

  std::string directory_;
};

TEST_F(LoaderTest, LoadsOneOfEachKind) {
  Install(Path("topological.so"), ReadFile(kTopological));
  Install(Path("throttle_ingestion.so"), ReadFile(kThrottle));
  Install(Path("README.txt"), "not a plugin");
  Loader loader(Options());
  const absl::StatusOr<Scan> scan = loader.Rescan();
  ASSERT_TRUE(scan.ok()) << scan.status();
  ASSERT_EQ(scan->records.size(), 2u);
  const PluginRecord& strategy = scan->records[0];
  const PluginRecord& attention = scan->records[1];
  EXPECT_EQ(strategy.reason, "");
  EXPECT_EQ(attention.reason, "");
  // A strategy is described, but its code is not here.
  EXPECT_EQ(strategy.status, PluginStatus::kLoaded);
  EXPECT_EQ(strategy.descriptor, nullptr);
  EXPECT_EQ(strategy.description->kind, PluginKind::kStrategy);
  EXPECT_EQ(strategy.description->strategy->impact, 0.4);
  EXPECT_THAT(ReadFile("/proc/self/maps"),
              ::testing::Not(HasSubstr("throttle_ingestion.so")));
  EXPECT_EQ(attention.status, PluginStatus::kLoaded);
  EXPECT_NE(attention.descriptor, nullptr);
  EXPECT_THAT(ReadFile("/proc/self/maps"), HasSubstr("topological.so"));

  const auto mechanisms = attention::MechanismRegistry::From(*scan);
  ASSERT_TRUE(mechanisms.ok());
  EXPECT_THAT(mechanisms->Names(), ElementsAre("topological"));
  const auto strategies = healing::StrategyRegistry::From(*scan);
  ASSERT_TRUE(strategies.ok());
  EXPECT_THAT(strategies->Names(), ElementsAre("throttle_ingestion"));
}

TEST_F(LoaderTest, DescriptionsAgreeAcrossTheProcessBoundary) {
  for (const char* path : {kTopological, kThrottle}) {
    const UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC));
    const auto far = StrategyHostProber(kHost)(fd.get());
    const auto near = InProcessProber()(fd.get());
    ASSERT_TRUE(far.ok()) << far.status();
    ASSERT_TRUE(near.ok()) << near.status();
    EXPECT_EQ(*far, *near) << path;
  }
}

TEST_F(LoaderTest, MissingDirectoryIsEmpty) {
  ASSERT_EQ(rmdir(directory_.c_str()), 0);
  EXPECT_THAT(ScanOnce(), IsEmpty());
}

// Every broken fixture beside a sound one: each is refused with its reason, in
// a deadline, and the sound one works all the same.
TEST_F(LoaderTest, RejectsEachFaultWithItsReason) {
  std::map<std::string, std::string> expected = {
      {"wrong_major", "built for ABI 99, this server has ABI 1"},
      {"short_descriptor", "descriptor struct_size is 24"},
      {"short_table", "attention table struct_size is 16"},
      {"no_function", "attention table lacks a function"},
      {"no_descriptor", "entry returned no descriptor"},
      {"bad_kind", "plugin kind is 7"},
      {"bad_name", "plugin name 'Not A Name' is not"},
      {"nan_parameter", "parameter 'p' has default nan"},
      {"crash_in_constructor", "crashed with signal 11"},
      {"crash_in_entry", "crashed with signal 11"},
      {"throw_in_entry", "crashed with signal 6"},
      {"exit_in_constructor", "description is not JSON"},
      {"eat_memory", "crashed with signal 6"},
      {"unresolved", "undefined symbol: ruvector_fixture_nobody_defines_this"},
      {"two_faced", "describes itself differently in another process"},
      {"missing_symbol", "symbol 'ruvector_plugin_v1' is missing"},
  };
  // Without a limit it would eat the machine.
  if (!plugin_host::kConfinesFully) expected.erase("eat_memory");
#ifdef __SANITIZE_ADDRESS__
  // It reports crashes itself.
  for (const char* name : {"crash_in_constructor", "crash_in_entry"}) {
    expected[name] = "AddressSanitizer";
  }
#endif
  Fixture("sound");
  for (const auto& [name, reason] : expected) Fixture(name);
  const auto records = ScanOnce();
  ASSERT_EQ(records.size(), expected.size() + 1);
  for (const auto& [name, reason] : expected) {
    const PluginRecord& record = records.at(name + ".so");
    EXPECT_EQ(record.status, PluginStatus::kRejected) << name;
    EXPECT_THAT(record.reason, HasSubstr(reason)) << name;
    EXPECT_EQ(record.descriptor, nullptr) << name;
  }
  EXPECT_EQ(records.at("sound.so").status, PluginStatus::kLoaded);
}

TEST_F(LoaderTest, EndlessConstructorIsKilledAtTheDeadline) {
  Fixture("loop_in_constructor");
  LoaderOptions options = Options();
  options.prober = StrategyHostProber(kHost, absl::Milliseconds(500));
  Loader loader(options);
  const absl::Time start = absl::Now();
  EXPECT_EQ(ScanWith(loader).at("loop_in_constructor.so").reason,
            "was not described within 500ms");
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(500));
}

TEST_F(LoaderTest, NoiseOnStandardOutputIsNotADescription) {
  Fixture("noisy");
  EXPECT_EQ(ScanOnce().at("noisy.so").reason, "");
}

TEST_F(LoaderTest, NameMustBeTheFileStem) {
  Fixture("sound", "other");
  EXPECT_EQ(Rejection(),
            "plugin is named 'sound', expected 'other' as its file is");
}

TEST_F(LoaderTest, RenamingAMisnamedFileHelps) {
  Fixture("sound", "other");
  Loader loader(Options());
  EXPECT_NE(ScanWith(loader).at("other.so").reason, "");
  ASSERT_EQ(rename(Path("other.so").c_str(), Path("sound.so").c_str()), 0);
  EXPECT_EQ(ScanWith(loader).at("sound.so").reason, "");
}

TEST_F(LoaderTest, AProbeThatHadNoTimeIsTriedAgain) {
  Fixture("sound");
  LoaderOptions options = Options();
  bool busy = true;
  options.prober = [&, inner = options.prober](int fd) {
    return busy ? absl::DeadlineExceededError("busy") : inner(fd);
  };
  Loader loader(options);
  EXPECT_EQ(ScanWith(loader).at("sound.so").reason, "busy");
  busy = false;
  EXPECT_EQ(ScanWith(loader).at("sound.so").reason, "");
}

TEST_F(LoaderTest, DuplicateUnderAnotherFileNameIsRejected) {
  Fixture("sound");
  Fixture("sound", "sound_2");
  ASSERT_EQ(link(Path("sound.so").c_str(), Path("sound_3.so").c_str()), 0);
  const auto records = ScanOnce();
  EXPECT_EQ(records.at("sound.so").status, PluginStatus::kLoaded);
  EXPECT_EQ(records.at("sound_2.so").status, PluginStatus::kRejected);
  EXPECT_EQ(records.at("sound_3.so").status, PluginStatus::kRejected);
}

TEST_F(LoaderTest, TruncatedFilesAreRejectedAtEveryLength) {
  const std::string whole = ReadFile(kTopological);
  for (size_t part = 0; part < 16; ++part) {
    Install(Path(absl::StrCat("cut_", part, ".so")),
            whole.substr(0, whole.size() * part / 40));
  }
  for (const auto& [file, record] : ScanOnce()) {
    EXPECT_EQ(record.status, PluginStatus::kRejected) << file;
    EXPECT_NE(record.reason, "") << file;
  }
}

TEST_F(LoaderTest, WritableByOthersIsRejected) {
  for (const mode_t mode : {0777, 0775, 0757}) {
    Fixture("sound");
    ASSERT_EQ(chmod(Path("sound.so").c_str(), mode), 0);
    EXPECT_THAT(Rejection(), HasSubstr("expected no write permission"));
  }
}

TEST_F(LoaderTest, SymbolicLinkIsRejected) {
  const std::string target = absl::StrCat(getenv("TEST_TMPDIR"), "/target.so");
  Install(target, ReadFile(std::string(kFixtures) + "sound.so"));
  ASSERT_EQ(symlink(target.c_str(), Path("sound.so").c_str()), 0);
  EXPECT_EQ(Rejection(), "'sound.so' is a symbolic link");
}

TEST_F(LoaderTest, OnlyRegularFiles) {
  ASSERT_EQ(mkdir(Path("folder.so").c_str(), 0755), 0);
  ASSERT_EQ(mkfifo(Path("fifo.so").c_str(), 0600), 0);  // must not block
  for (const auto& [file, record] : ScanOnce()) {
    EXPECT_THAT(record.reason, HasSubstr("is not a regular file")) << file;
  }
}

TEST_F(LoaderTest, ForeignOwnerIsRejected) {
  Fixture("sound");
  if (geteuid() == 0 && chown(Path("sound.so").c_str(), 12345, 0) == 0) {
    EXPECT_EQ(Rejection(), "'sound.so' is owned by uid 12345, expected 0 or 0");
    return;
  }
  // Where ids cannot be changed, the server is someone else.
  LoaderOptions options = Options();
  options.owner = 12345;
  Loader loader(options);
  if (geteuid() == 0) {
    EXPECT_EQ(ScanWith(loader).at("sound.so").reason, "");
  } else {
    EXPECT_EQ(loader.Rescan().status().code(),
              absl::StatusCode::kPermissionDenied);
  }
}

TEST_F(LoaderTest, DirectoryOthersCanWriteToIsAnError) {
  ASSERT_EQ(chmod(directory_.c_str(), 0777), 0);
  Loader loader(Options());
  EXPECT_EQ(loader.Rescan().status().code(),
            absl::StatusCode::kPermissionDenied);
  ASSERT_EQ(chmod(directory_.c_str(), 0755), 0);
  const std::string link = directory_ + "_link";
  ASSERT_EQ(symlink(directory_.c_str(), link.c_str()), 0);
  LoaderOptions options = Options();
  options.directory = link;
  EXPECT_FALSE(Loader(options).Rescan().ok());
}

TEST_F(LoaderTest, NeedsAProber) {
  LoaderOptions options = Options();
  options.prober = nullptr;
  EXPECT_EQ(Loader(options).Rescan().status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(LoaderTest, MissingHostRejectsEverythingAndSaysWhy) {
  Fixture("sound");
  LoaderOptions options = Options();
  options.prober = StrategyHostProber("/nonexistent/host");
  Loader loader(options);
  EXPECT_THAT(ScanWith(loader).at("sound.so").reason,
              HasSubstr("cannot start \"/nonexistent/host\""));
}

// The test's signature is the content's length in digits.
absl::Status LengthCheck(std::string_view content, std::string_view signature) {
  if (absl::StrCat(content.size()) == std::string(signature)) {
    return absl::OkStatus();
  }
  return absl::PermissionDeniedError("signature does not match");
}

TEST_F(LoaderTest, SignaturesAreCheckedOnTheBytesThatAreLoaded) {
  Fixture("sound");
  const std::string content = ReadFile(Path("sound.so"));
  const std::string good = absl::StrCat(content.size());
  struct Case {
    TrustPolicy trust;
    bool can_check;
    const char* signature;  // NULL: none
    const char* reason;
  };
  const Case cases[] = {
      {TrustPolicy::kAny, true, nullptr, ""},
      {TrustPolicy::kAny, true, "0", "signature does not match"},
      {TrustPolicy::kAny, true, good.c_str(), ""},
      {TrustPolicy::kAny, false, good.c_str(), "nothing here can check"},
      {TrustPolicy::kSigned, true, nullptr, "plugin is not signed"},
      {TrustPolicy::kSigned, true, "0", "signature does not match"},
      {TrustPolicy::kSigned, true, good.c_str(), ""},
  };
  for (const Case& c : cases) {
    unlink(Path("sound.so.sig").c_str());
    if (c.signature != nullptr) Install(Path("sound.so.sig"), c.signature);
    LoaderOptions options = Options();
    options.trust = c.trust;
    if (c.can_check) options.signature_check = LengthCheck;
    Loader loader(options);
    const PluginRecord record = ScanWith(loader).at("sound.so");
    EXPECT_THAT(record.reason, HasSubstr(c.reason));
    EXPECT_EQ(record.reason.empty(), *c.reason == '\0');
    EXPECT_EQ(record.is_signed, record.reason.empty() && c.signature);
  }
  // A signature that others can write is none.
  ASSERT_EQ(chmod(Path("sound.so.sig").c_str(), 0666), 0);
  LoaderOptions options = Options();
  options.signature_check = LengthCheck;
  Loader loader(options);
  EXPECT_THAT(ScanWith(loader).at("sound.so").reason,
              HasSubstr("expected no write permission"));
}

TEST_F(LoaderTest, RescanProbesOnlyWhatIsNew) {
  Fixture("sound");
  int probes = 0;
  LoaderOptions options = Options();
  options.prober = [&, inner = options.prober](int fd) {
    ++probes;
    return inner(fd);
  };
  Fixture("wrong_major");
  Loader loader(options);
  const auto* first = ScanWith(loader).at("sound.so").descriptor;
  EXPECT_EQ(probes, 2);
  const auto again = ScanWith(loader);
  EXPECT_EQ(again.at("sound.so").descriptor, first);
  EXPECT_THAT(again.at("wrong_major.so").reason, HasSubstr("ABI 99"));
  EXPECT_EQ(probes, 2);
  unlink(Path("wrong_major.so").c_str());
  probes = 1;
  Install(Path("topological.so"), ReadFile(kTopological));
  EXPECT_EQ(ScanWith(loader).size(), 2u);
  EXPECT_EQ(probes, 2);
  unlink(Path("topological.so").c_str());
  EXPECT_EQ(ScanWith(loader).size(), 1u);
}

// The second plugin gets the first one's descriptor number: glibc would answer
// from its list of names. Each must be itself.
TEST_F(LoaderTest, LookingAtOneFileProbesThatOneOnly) {
  Install(Path("topological.so"), ReadFile(kTopological));
  Fixture("wrong_major");
  LoaderOptions options = Options();
  int probes = 0;
  options.prober = [&, prober = options.prober](int fd) {
    ++probes;
    return prober(fd);
  };
  Loader loader(options);
  const auto record = loader.Look("topological.so");
  ASSERT_TRUE(record.ok() && record->has_value()) << record.status();
  EXPECT_EQ((*record)->status, PluginStatus::kLoaded) << (*record)->reason;
  EXPECT_NE((*record)->descriptor, nullptr);
  EXPECT_EQ((*loader.Look("wrong_major.so"))->status, PluginStatus::kRejected);
  EXPECT_FALSE(loader.Look("nothing.so")->has_value());
  EXPECT_EQ(probes, 2);
  // A rescan knows what was looked at.
  EXPECT_EQ(loader.Rescan()->records.size(), 2u);
  EXPECT_EQ(probes, 2);
}

TEST_F(LoaderTest, EqualDescriptorNumbersAreNotEqualPlugins) {
  Fixture("conflict_a");
  Fixture("conflict_b");
  Fixture("sound");
  for (const auto& [file, record] : ScanOnce()) {
    ASSERT_NE(record.descriptor, nullptr) << file << record.reason;
    EXPECT_EQ(absl::StrCat(record.descriptor->name, ".so"), file);
  }
}

TEST_F(LoaderTest, ReplacedFileIsLoadedAnewAndOverwrittenFileRefused) {
  const std::string content = ReadFile(std::string(kFixtures) + "sound.so");
  Install(Path("sound.so"), content);
  Loader loader(Options());
  const auto* first = ScanWith(loader).at("sound.so").descriptor;
  Install(Path("sound.so"), content);
  const auto* second = ScanWith(loader).at("sound.so").descriptor;
  EXPECT_NE(second, nullptr);
  EXPECT_NE(second, first);
  EXPECT_STREQ(first->name, second->name);  // the old one is still mapped

  // Same inode, same bytes, but touched: cannot be told from overwritten.
  const timespec times[] = {{1, 0}, {1, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, Path("sound.so").c_str(), times, 0), 0);
  EXPECT_THAT(ScanWith(loader).at("sound.so").reason,
              HasSubstr("changed in place after it was loaded"));
  // A fact of the process, not of one loader.
  EXPECT_THAT(ScanOnce().at("sound.so").reason,
              HasSubstr("changed in place after it was loaded"));
}

// Same global function, same inline static: each plugin sees its own.
TEST_F(LoaderTest, PluginsDoNotBindToEachOthersSymbols) {
  Fixture("conflict_a");
  Fixture("conflict_b");
  Loader loader(Options());
  const absl::StatusOr<Scan> scan = loader.Rescan();
  ASSERT_TRUE(scan.ok());
  const auto registry = attention::MechanismRegistry::From(*scan);
  ASSERT_TRUE(registry.ok()) << registry.status();
  const float numbers[] = {1, 2};
  attention::AttentionRequest request;
  request.query = absl::MakeSpan(numbers);
  request.keys = absl::MakeSpan(numbers);
  EXPECT_THAT(registry->Find("conflict_a")->Attend(request).status().message(),
              HasSubstr("helper 1 count 1"));
  EXPECT_THAT(registry->Find("conflict_b")->Attend(request).status().message(),
              HasSubstr("helper 2 count 1"));
}

TEST_F(LoaderTest, ProbingLeavesNoChildAndNoDescriptorBehind) {
  Fixture("loop_in_constructor");
  Fixture("crash_in_constructor");
  LoaderOptions options = Options();
  options.prober = StrategyHostProber(kHost, absl::Milliseconds(500));
  Loader loader(options);
  const auto open_files = [] {
    int count = 0;
    for (int fd = 0; fd < 256; ++fd) count += fcntl(fd, F_GETFD) >= 0;
    return count;
  };
  const int before = open_files();
  ScanWith(loader);
  EXPECT_EQ(open_files(), before);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

// A server may ignore SIGCHLD, block signals and hold descriptors 3 and up.
TEST_F(LoaderTest, ProbingWorksUnderAHostileParent) {
  Fixture("sound");
  const UniqueFd extra(open("/dev/null", O_RDONLY));
  signal(SIGCHLD, SIG_IGN);
  sigset_t all, old;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &old);
  const PluginRecord record = ScanOnce().at("sound.so");
  sigprocmask(SIG_SETMASK, &old, nullptr);
  signal(SIGCHLD, SIG_DFL);
  EXPECT_EQ(record.reason, "");
}

}  // namespace
}  // namespace ruvector::plugin
