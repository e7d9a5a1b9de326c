// Builds the example with the one g++ line of its README, in a directory that
// holds the installed headers and nothing of the repository, and loads it.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/time/clock.h"
#include "core/attention/registry.h"
#include "core/base/clock.h"
#include "core/healing/metric_catalog.h"
#include "core/healing/strategy_registry.h"
#include "core/plugin/loader.h"
#include "core/plugin/prober.h"
#include "core/strategy_host/strategy_process.h"
#include "gtest/gtest.h"

namespace ruvector::plugin {
namespace {

namespace fs = std::filesystem;

// The first indented line of the README that begins with the word.
std::string ReadmeLine(const std::string& word) {
  std::ifstream readme("plugins/example/README.md");
  for (std::string line; std::getline(readme, line);) {
    if (line.rfind("    " + word, 0) == 0) return line.substr(4);
  }
  ADD_FAILURE() << "README.md has no line '" << word << " ...'";
  return "false";
}

class ExampleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::string(getenv("TEST_TMPDIR")) + "/exampleXXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    home_ = pattern;
    fs::create_directories(home_ / "include/core/plugin");
    fs::create_directory(home_ / "plugins");
    fs::permissions(home_ / "plugins", fs::perms(0755));
    for (const char* header : {"plugin_abi.h", "plugin_status.h",
                               "attention_plugin.h", "strategy_plugin.h"}) {
      fs::copy_file(fs::path("core/plugin") / header,
                    home_ / "include/core/plugin" / header);
    }
    for (const char* source : {"nearest_depth.cc", "analyze_first.cc"}) {
      fs::copy_file(fs::path("plugins/example") / source, home_ / source);
    }
  }

  int Run(const std::string& line) {
    const std::string command = "cd '" + home_.string() +
                                "' && INCLUDE=include "
                                "PLUGIN_DIRECTORY=plugins && " +
                                line;
    return system(command.c_str());
  }

  LoaderOptions Options() {
    LoaderOptions options;
    options.directory = home_ / "plugins";
    options.owner = geteuid();
    options.prober =
        StrategyHostProber(fs::absolute("plugins/host/ruvector-strategy-host"));
    return options;
  }

  fs::path home_;
};

TEST_F(ExampleTest, BuildsLoadsAndAttends) {
  ASSERT_EQ(Run(ReadmeLine("g++") + " -Wall -Wextra -Werror"), 0);
  Loader loader(Options());
  ASSERT_TRUE(loader.Rescan()->records.empty());

  // Dropped in while the loader lives, as into a running server.
  ASSERT_EQ(Run(ReadmeLine("install") + " && " + ReadmeLine("mv")), 0);
  const auto scan = loader.Rescan();
  ASSERT_TRUE(scan.ok()) << scan.status();
  ASSERT_EQ(scan->records.size(), 1u);
  ASSERT_EQ(scan->records[0].status, PluginStatus::kLoaded)
      << scan->records[0].reason;

  const auto registry = attention::MechanismRegistry::From(*scan);
  const auto mechanism = registry->Find("nearest_depth");
  ASSERT_TRUE(mechanism.ok());
  const float query[] = {0}, keys[] = {1, 1, 1};
  const int32_t depths[] = {1, 2, 4};
  attention::AttentionRequest request;
  request.query = absl::MakeSpan(query);
  request.keys = absl::MakeSpan(keys);
  request.depths = absl::MakeSpan(depths);
  request.query_depth = 2;
  const auto result = mechanism->Attend(request);
  ASSERT_TRUE(result.ok()) << result.status();
  const double sum = std::exp(-1) + 1 + std::exp(-2);
  EXPECT_NEAR(result->weights[0], std::exp(-1) / sum, 1e-7);
  EXPECT_NEAR(result->weights[1], 1 / sum, 1e-7);
  EXPECT_NEAR(result->weights[2], std::exp(-2) / sum, 1e-7);
}

// The README's lines, for the strategy.
std::string ForStrategy(std::string line) {
  const std::string from = "nearest_depth", to = "analyze_first";
  for (size_t at = line.find(from); at != std::string::npos;
       at = line.find(from, at + to.size())) {
    line.replace(at, from.size(), to);
  }
  return line;
}

TEST_F(ExampleTest, TheStrategyBuildsLoadsAndPlansInItsProcess) {
  ASSERT_EQ(Run(ForStrategy(ReadmeLine("g++")) + " -Wall -Wextra -Werror"), 0);
  ASSERT_EQ(Run(ForStrategy(ReadmeLine("install")) + " && " +
                ForStrategy(ReadmeLine("mv"))),
            0);
  LoaderOptions options = Options();
  options.accept = healing::CheckMetrics;
  const auto scan = Loader(options).Rescan();
  ASSERT_TRUE(scan.ok()) << scan.status();
  const auto registry = healing::StrategyRegistry::From(*scan);
  ASSERT_TRUE(registry.ok());
  const auto strategy = registry->Find("analyze_first");
  ASSERT_TRUE(strategy.ok()) << scan->records[0].reason;

  strategy_host::ProcessOptions process_options;
  process_options.program = "plugins/host/ruvector-strategy-host";
  SystemClock clock;
  strategy_host::StrategyProcess process(process_options,
                                         (*strategy)->description, clock,
                                         strategy_host::WaitWithPoll);
  const absl::Time soon = absl::Now() + absl::Seconds(120);
  const UniqueFd fd(
      open((home_ / "plugins/analyze_first.so").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(process.Start(fd.get(), (*strategy)->identity, soon).ok());
  const ruvector_problem problem = {sizeof(problem),
                                    0,
                                    "index_fragmentation",
                                    "stale_statistics",
                                    "items",
                                    RUVECTOR_STATE_NORMAL,
                                    0,
                                    0.5,
                                    0.9,
                                    nullptr};
  const ruvector_metric metrics[] = {
      {"partition_modified_rows", "public.a", {RUVECTOR_NUMBER, 0, 5, nullptr}},
      {"partition_modified_rows",
       "public.b",
       {RUVECTOR_NUMBER, 0, 5000, nullptr}}};
  const ruvector_value parameters[] = {{RUVECTOR_NUMBER, 0, 1000, nullptr}};
  const ruvector_plan_request request = {
      sizeof(request), 2, &problem, metrics, parameters, 1e9, 1e12, 3600, 0};
  auto plan = process.Plan(request, soon);
  ASSERT_TRUE(plan.ok()) << plan.status();
  const ruvector_plan* view = plan->View();
  ASSERT_EQ(view->action_count, 1u);
  EXPECT_EQ(view->actions[0]->kind,
            static_cast<uint32_t>(RUVECTOR_ACTION_ANALYZE));
  EXPECT_STREQ(view->actions[0]->object, "public.b");
}

TEST_F(ExampleTest, APluginThatIsNotAcceptedSaysWhy) {
  ASSERT_EQ(Run(ForStrategy(ReadmeLine("g++"))), 0);
  ASSERT_EQ(Run(ForStrategy(ReadmeLine("install")) + " && " +
                ForStrategy(ReadmeLine("mv"))),
            0);
  LoaderOptions options = Options();
  options.accept = [](const PluginDescription& description) {
    return absl::InvalidArgumentError("not " + description.name);
  };
  const auto scan = Loader(options).Rescan();
  ASSERT_TRUE(scan.ok());
  EXPECT_EQ(scan->records[0].status, PluginStatus::kRejected);
  EXPECT_EQ(scan->records[0].reason, "not analyze_first");
}

TEST_F(ExampleTest, TheAbiHeaderIsC) {
  std::ofstream(home_ / "use.c")
      << "#include \"core/plugin/plugin_abi.h\"\n"
         "int main(void) { return RUVECTOR_PLUGIN_ABI_MAJOR != 1; }\n";
  EXPECT_EQ(Run("gcc -std=c99 -Wall -Wextra -Werror -pedantic -I include use.c "
                "-o use && ./use"),
            0);
}

TEST_F(ExampleTest, BothConvenienceHeadersStandAlone) {
  for (const char* header : {"attention_plugin.h", "strategy_plugin.h"}) {
    std::ofstream(home_ / "use.cc")
        << "#include \"core/plugin/" << header << "\"\n";
    EXPECT_EQ(Run("g++ -std=c++17 -Wall -Wextra -Werror -pedantic -I include "
                  "-fsyntax-only use.cc"),
              0);
  }
}

}  // namespace
}  // namespace ruvector::plugin
