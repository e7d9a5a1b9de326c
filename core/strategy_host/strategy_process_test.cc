// The real host program, a strategy that does harm on request, and what the
// server's end makes of it. Each fault is contained, reported as fault.h says,
// and leaves neither a zombie nor a descendant behind.
#include "core/strategy_host/strategy_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/plugin/prober.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "plugins/host/confinement.h"

namespace ruvector::strategy_host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kHost[] = "plugins/host/ruvector-strategy-host";
constexpr char kFaulty[] = "plugins/testing/fixtures/faulty_strategy.so";
constexpr bool kConfined = plugin_host::kConfinesFully;

constexpr absl::Duration kTick = absl::Milliseconds(10);

// Long: a busy machine must not fail a test.
absl::Time Soon() { return absl::Now() + absl::Seconds(60); }

class Recorder : public HostCallbacks {
 public:
  absl::StatusOr<sdk::Value> ReadMetric(const std::string&,
                                        const std::string&) override {
    return absl::NotFoundError("no such metric");
  }
  absl::StatusOr<std::optional<double>> SampleLambda() override {
    return std::optional<double>(0.5);
  }
  absl::StatusOr<ActOutcome> Act(const ruvector_action& action) override {
    acts.push_back(absl::StrCat(action.kind, " ", action.object));
    ActOutcome outcome;
    outcome.changed = true;
    if (action.kind == RUVECTOR_ACTION_MOVE_ROWS) {
      outcome.rows = sdk::Argument(action, "max_rows")->number();
    }
    return outcome;
  }
  void Log(uint32_t level, const std::string& message) override {
    logs.push_back(absl::StrCat(level, " ", message));
  }
  bool ShouldStop() override {
    ++stops_asked;
    return stop;
  }

  std::vector<std::string> acts;
  std::vector<std::string> logs;
  int stops_asked = 0;
  bool stop = false;
};

struct OpenPlugin {
  plugin::UniqueFd fd;
  plugin::FileIdentity identity;
};

OpenPlugin OpenFile(const std::string& path) {
  OpenPlugin file;
  file.fd = plugin::UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(file.fd.valid()) << path;
  const auto identity = plugin::IdentityOf(file.fd.get());
  EXPECT_TRUE(identity.ok());
  file.identity = *identity;
  return file;
}

plugin::PluginDescription Describe(const OpenPlugin& file) {
  const auto description =
      plugin::StrategyHostProber(kHost, absl::Seconds(60))(file.fd.get());
  EXPECT_TRUE(description.ok()) << description.status();
  return *description;
}

class StrategyProcessTest : public ::testing::Test {
 protected:
  StrategyProcessTest()
      : file_(OpenFile(kFaulty)), description_(Describe(file_)) {
    options_.program = kHost;
    options_.memory_bytes = uint64_t{256} << 20;
    options_.stop_grace = absl::Milliseconds(200);
  }

  void TearDown() override {
    process_.reset();
    // Neither a zombie nor a child nor, as this process would adopt none, a
    // group of the last child.
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
    if (pid_ > 0) {
      for (int i = 0; i < 5000 && kill(-pid_, 0) == 0; ++i) {
        absl::SleepFor(absl::Milliseconds(1));  // init is reaping
      }
      EXPECT_EQ(kill(-pid_, 0), -1) << "a descendant lives";
    }
  }

  StrategyProcess& Started() {
    process_ = std::make_unique<StrategyProcess>(options_, description_, clock_,
                                                 WaitWithPoll);
    const absl::Status status =
        process_->Start(file_.fd.get(), file_.identity, Soon());
    EXPECT_TRUE(status.ok()) << status;
    pid_ = process_->pid();
    return *process_;
  }

  // With the cause that names a fault.
  const ruvector_plan_request& Request(const std::string& cause) {
    cause_ = cause;
    problem_ = {sizeof(problem_),
                0,
                "hotspot_congestion",
                cause_.c_str(),
                "items",
                RUVECTOR_STATE_STRESS,
                0,
                0.5,
                0.9,
                nullptr};
    request_ = {sizeof(request_), 0,   &problem_, nullptr,
                nullptr,          1e9, 1e12,      3600,
                1767225600000000};
    return request_;
  }

  absl::Status PlanWith(const std::string& fault,
                        absl::Duration time = absl::Seconds(60)) {
    StrategyProcess& process = Started();
    return process.Plan(Request("plan:" + fault), absl::Now() + time).status();
  }

  ExecuteResult ExecuteWith(const std::string& fault,
                            absl::Duration time = absl::Seconds(60),
                            const std::function<bool()>& stop = nullptr) {
    StrategyProcess& process = Started();
    absl::StatusOr<sdk::Plan> plan =
        process.Plan(Request("execute:" + fault), Soon());
    EXPECT_TRUE(plan.ok()) << plan.status();
    if (!plan.ok()) return {plan.status()};
    return process.Execute(request_, *plan->View(), recorder_,
                           absl::Now() + time, stop);
  }

  void ExpectFault(const absl::Status& status, Fault fault,
                   absl::StatusCode code, const std::string& words) {
    EXPECT_EQ(FaultOf(status), fault) << status;
    EXPECT_EQ(status.code(), code);
    EXPECT_THAT(std::string(status.message()), HasSubstr(words));
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("strategy 'faulty_strategy' "));
  }

  // A sanitizer turns a deadly signal into a report and exit status 1.
  void ExpectCrash(const absl::Status& status, int signal,
                   const std::string& when) {
    if (!kConfined && FaultOf(status) == Fault::kExited) return;
    ExpectFault(
        status, Fault::kCrashed, absl::StatusCode::kInternal,
        absl::StrCat("crashed with signal ", signal, " while it ", when));
    EXPECT_FALSE(process_ != nullptr && process_->running());
  }

  SystemClock clock_;
  ProcessOptions options_;
  OpenPlugin file_;
  plugin::PluginDescription description_;
  std::unique_ptr<StrategyProcess> process_;
  pid_t pid_ = -1;
  Recorder recorder_;
  std::string cause_;
  ruvector_problem problem_;
  ruvector_plan_request request_;
};

TEST_F(StrategyProcessTest, PlansAndExecutesAgainAndAgain) {
  StrategyProcess& process = Started();
  for (int i = 0; i < 3; ++i) {
    absl::StatusOr<sdk::Plan> plan = process.Plan(Request(""), Soon());
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_STREQ(plan->View()->note, "as asked");
    const ExecuteResult result =
        process.Execute(request_, *plan->View(), recorder_, Soon(), nullptr);
    EXPECT_TRUE(result.status.ok()) << result.status;
    EXPECT_EQ(result.performed, 1);
  }
  EXPECT_THAT(recorder_.acts, ElementsAre("1 items", "1 items", "1 items"));
  EXPECT_TRUE(process.running());
}

TEST_F(StrategyProcessTest, OrderlyErrorIsNoFault) {
  const absl::Status status = PlanWith("error");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(), "strategy 'faulty_strategy': not today");
  EXPECT_EQ(FaultOf(status), std::nullopt);
  EXPECT_TRUE(process_->running());
  EXPECT_EQ(ExecuteWith("error").status.code(), absl::StatusCode::kUnavailable);
}

TEST_F(StrategyProcessTest, UnknownCodeIsInternal) {
  EXPECT_EQ(PlanWith("unknown_code").code(), absl::StatusCode::kInternal);
  const absl::Status status = ExecuteWith("unknown_code").status;
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("unknown code 42"));
}

// ---- Dying -----------------------------------------------------------------

TEST_F(StrategyProcessTest, CrashIsToldWithItsSignal) {
  // raise() of any other signal than abort's is a forbidden call itself.
  ExpectCrash(PlanWith("null"), SIGSEGV, "planned");
  ExpectCrash(ExecuteWith("null").status, SIGSEGV, "executed");
  ExpectCrash(PlanWith("overflow"), SIGSEGV, "planned");
  ExpectCrash(PlanWith("abort"), SIGABRT, "planned");
}

TEST_F(StrategyProcessTest, ExceptionIsAnErrorOrACrash) {
  const absl::Status caught = PlanWith("throw");
  EXPECT_EQ(caught.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(FaultOf(caught), std::nullopt);
  EXPECT_THAT(std::string(caught.message()), HasSubstr("exception"));
  EXPECT_EQ(ExecuteWith("throw").status.code(), absl::StatusCode::kInternal);
  ExpectCrash(PlanWith("throw_across"), SIGABRT, "planned");
}

TEST_F(StrategyProcessTest, ExitIsToldWithItsStatus) {
  ExpectFault(PlanWith("exit"), Fault::kExited, absl::StatusCode::kAborted,
              "exited with status 3 while it planned");
  ExpectFault(PlanWith("exit_0"), Fault::kExited, absl::StatusCode::kAborted,
              "exited with status 0 while it planned");
  const ExecuteResult result = ExecuteWith("exit_after_act");
  ExpectFault(result.status, Fault::kExited, absl::StatusCode::kAborted,
              "exited with status 4 while it executed");
  EXPECT_EQ(result.performed, 1) << "what was done before is told";
}

TEST_F(StrategyProcessTest, OutOfMemoryIsToldHoweverItEnds) {
  if (!kConfined) GTEST_SKIP() << "no address space limit under a sanitizer";
  for (const char* fault : {"new_8_gb", "malloc_8_gb", "malloc_bit_by_bit"}) {
    SCOPED_TRACE(fault);
    ExpectFault(PlanWith(fault), Fault::kOutOfMemory,
                absl::StatusCode::kResourceExhausted,
                "ran out of its 256 MiB of memory while it planned");
    ExpectFault(ExecuteWith(fault).status, Fault::kOutOfMemory,
                absl::StatusCode::kResourceExhausted,
                "ran out of its 256 MiB of memory while it executed");
  }
}

TEST_F(StrategyProcessTest, ProcessorTimeIsLimited) {
  options_.cpu = absl::Seconds(1);
  ExpectFault(PlanWith("burn"), Fault::kCpuTime,
              absl::StatusCode::kResourceExhausted,
              "used up its 1s of processor time while it planned");
}

// ---- Time ------------------------------------------------------------------

TEST_F(StrategyProcessTest, LoopIsKilledAtTheDeadline) {
  const absl::Time start = absl::Now();
  ExpectFault(PlanWith("loop", absl::Milliseconds(300)), Fault::kDeadline,
              absl::StatusCode::kDeadlineExceeded,
              "was killed at its deadline while it planned");
  ExpectFault(ExecuteWith("loop", absl::Milliseconds(300)).status,
              Fault::kDeadline, absl::StatusCode::kDeadlineExceeded,
              "was killed at its deadline while it executed");
  EXPECT_LT(absl::Now() - start, absl::Seconds(30));
}

TEST_F(StrategyProcessTest, WhoIgnoresStopIsKilled) {
  bool stop = false;
  int asked = 0;
  const ExecuteResult result =
      ExecuteWith("ignore_stop", absl::Seconds(60), [&] {
        stop = stop || ++asked > 100;
        return stop;
      });
  ExpectFault(result.status, Fault::kIgnoredStop, absl::StatusCode::kCancelled,
              "was killed: it did not stop within 200ms when told");
  // And so does one that never asks.
  ExpectFault(
      ExecuteWith("loop", absl::Seconds(60), [] { return true; }).status,
      Fault::kIgnoredStop, absl::StatusCode::kCancelled,
      "did not stop within 200ms");
}

TEST_F(StrategyProcessTest, NothingIsDoneAfterAStopOrTheDeadline) {
  options_.stop_grace = absl::Seconds(60);
  absl::Time then = absl::Now() + absl::Seconds(1);
  ExecuteResult result = ExecuteWith("act_after_stop", absl::Seconds(60),
                                     [&] { return absl::Now() >= then; });
  EXPECT_EQ(result.status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(FaultOf(result.status), std::nullopt);
  EXPECT_EQ(result.performed, 0);
  result = ExecuteWith("act_after_stop", absl::Milliseconds(300));
  EXPECT_EQ(result.status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(FaultOf(result.status), std::nullopt);
  EXPECT_THAT(recorder_.acts, SizeIs(0));
}

TEST_F(StrategyProcessTest, ErrorOfTheWaitEndsTheCall) {
  int waits = 0;
  process_ = std::make_unique<StrategyProcess>(
      options_, description_, clock_,
      [&](int fd, bool for_writing, absl::Time until) -> absl::Status {
        if (cause_ == "plan:loop" && ++waits > 2) {
          return absl::CancelledError("the server shuts down");
        }
        // Waking early for no reason is allowed.
        return WaitWithPoll(fd, for_writing,
                            std::min(until, absl::Now() + kTick));
      });
  ASSERT_TRUE(process_->Start(file_.fd.get(), file_.identity, Soon()).ok());
  pid_ = process_->pid();
  const auto plan = process_->Plan(Request("plan:loop"), Soon());
  EXPECT_EQ(plan.status(), absl::CancelledError("the server shuts down"));
  EXPECT_GT(waits, 2);
  EXPECT_FALSE(process_->running());
}

// ---- What it says ----------------------------------------------------------

TEST_F(StrategyProcessTest, RubbishIsRefused) {
  for (const char* fault : {"rubbish", "zeros"}) {
    SCOPED_TRACE(fault);
    ExpectFault(PlanWith(fault), Fault::kRubbish, absl::StatusCode::kDataLoss,
                "wrote what is no message");
    ExpectFault(ExecuteWith(fault).status, Fault::kRubbish,
                absl::StatusCode::kDataLoss, "while it executed");
  }
  ExpectFault(ExecuteWith("endless_rubbish").status, Fault::kRubbish,
              absl::StatusCode::kDataLoss, "unknown log level 99");
  ExpectFault(PlanWith("half_a_message", absl::Milliseconds(300)),
              Fault::kDeadline, absl::StatusCode::kDeadlineExceeded, "");
}

TEST_F(StrategyProcessTest, ClosedSocketIsTold) {
  ExpectFault(PlanWith("close"), Fault::kClosedPipe,
              absl::StatusCode::kUnavailable,
              "closed its socket while it planned");
  ExpectFault(ExecuteWith("close").status, Fault::kClosedPipe,
              absl::StatusCode::kUnavailable, "while it executed");
}

TEST_F(StrategyProcessTest, BadPlansAreNotPassedOn) {
  const std::pair<const char*, const char*> cases[] = {
      {"undeclared_kind", "action kind 'vacuum' is not declared"},
      {"no_undo", "has no undo"},
      {"beyond_the_radius", "the blast radius is"},
      {"huge_note", "note is longer than 65536 bytes"},
      {"latin_note", "note is not UTF-8"},
      {"many_actions", "20002 actions, expected at most 10000"},
      {"null_plan", "plan struct_size is 0"},
  };
  for (const auto& [fault, words] : cases) {
    SCOPED_TRACE(fault);
    const absl::Status status = PlanWith(fault);
    ExpectFault(status, Fault::kBadPlan, absl::StatusCode::kInvalidArgument,
                "made a plan that is refused: ");
    EXPECT_THAT(std::string(status.message()), HasSubstr(words));
    EXPECT_TRUE(process_->running());
    EXPECT_TRUE(process_->Plan(Request(""), Soon()).ok());
  }
}

TEST_F(StrategyProcessTest, ActsBeyondThePlanAreRefusedAndTold) {
  const std::pair<const char*, const char*> cases[] = {
      {"other_object", "is not in the plan"},
      {"other_value", "is 99, the plan says 50"},
      {"undeclared_kind", "action kind 'vacuum' is not declared"},
  };
  for (const auto& [fault, words] : cases) {
    SCOPED_TRACE(fault);
    const ExecuteResult result = ExecuteWith(fault);
    ExpectFault(result.status, Fault::kBeyondPlan,
                absl::StatusCode::kPermissionDenied,
                "tried to act beyond its plan: ");
    EXPECT_THAT(std::string(result.status.message()), HasSubstr(words));
    EXPECT_EQ(result.refused, 1);
    EXPECT_TRUE(process_->running());
  }
  // The host program itself lets no unknown kind out.
  EXPECT_EQ(ExecuteWith("unknown_kind").status.code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(recorder_.acts, SizeIs(0));
}

TEST_F(StrategyProcessTest, RowsAreCountedAcrossActs) {
  ExecuteResult result = ExecuteWith("more_rows");
  EXPECT_EQ(result.status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(result.performed, 0);
  result = ExecuteWith("twice_the_rows");
  EXPECT_EQ(result.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(FaultOf(result.status), std::nullopt);
  EXPECT_EQ(result.performed, 1);
  EXPECT_EQ(result.refused, 1);
}

TEST_F(StrategyProcessTest, LogsAreCutCleanedAndCounted) {
  ExecuteResult result = ExecuteWith("long_log");
  EXPECT_TRUE(result.status.ok()) << result.status;
  EXPECT_THAT(recorder_.logs,
              ElementsAre("1 " + std::string(1024, 'x'), "2 caf?"));
  recorder_.logs.clear();
  result = ExecuteWith("log_flood");
  EXPECT_TRUE(result.status.ok()) << result.status;
  EXPECT_THAT(recorder_.logs, SizeIs(1000));
  EXPECT_EQ(result.dropped_logs, 2000);
  EXPECT_EQ(ExecuteWith("read_rubbish").status.code(),
            absl::StatusCode::kInvalidArgument);
}

// ---- What it reaches for ---------------------------------------------------

TEST_F(StrategyProcessTest, ForbiddenSystemCallsEndIt) {
  if (!kConfined) GTEST_SKIP() << "no filter under a sanitizer";
  for (const char* fault : {"fork", "fork_and_leave", "open", "socket", "exec",
                            "kill_parent", "code", "segfault"}) {
    SCOPED_TRACE(fault);
    ExpectFault(PlanWith(fault), Fault::kForbiddenCall,
                absl::StatusCode::kPermissionDenied,
                "made a forbidden system call while it planned");
    ExpectFault(ExecuteWith(fault).status, Fault::kForbiddenCall,
                absl::StatusCode::kPermissionDenied,
                "made a forbidden system call while it executed");
    EXPECT_FALSE(process_->running());
  }
}

// Where no filter is (a sanitizer), the group is what goes.
TEST_F(StrategyProcessTest, DescendantsGoWithIt) {
  PlanWith("fork").IgnoreError();
  process_->Kill();
  EXPECT_FALSE(process_->running());
}

TEST_F(StrategyProcessTest, ProcessHasNothingOfTheServer) {
  const plugin::UniqueFd secret(open("/etc/passwd", O_RDONLY));
  Started();
  const std::string proc = absl::StrCat("/proc/", pid_);
  for (int fd = 5; fd < 64; ++fd) {
    EXPECT_NE(access(absl::StrCat(proc, "/fd/", fd).c_str(), F_OK), 0) << fd;
  }
  EXPECT_NE(access((proc + "/fd/3").c_str(), F_OK), 0) << "plugin still open";
  std::ifstream environment(proc + "/environ");
  std::ostringstream variables;
  variables << environment.rdbuf();
  EXPECT_EQ(variables.str(), "");
  std::ifstream file(proc + "/status");
  std::ostringstream status;
  status << file.rdbuf();
  EXPECT_THAT(status.str(), HasSubstr("NoNewPrivs:\t1"));
  if (kConfined) {
    EXPECT_THAT(status.str(), HasSubstr("Seccomp:\t2"));
    EXPECT_THAT(status.str(), HasSubstr("Seccomp_filters:\t2"));
  }
}

// ---- Starting --------------------------------------------------------------

TEST_F(StrategyProcessTest, StartTellsWhatIsMissing) {
  ProcessOptions nowhere = options_;
  nowhere.program = "/nonexistent/host";
  StrategyProcess process(nowhere, description_, clock_, WaitWithPoll);
  const absl::Status status =
      process.Start(file_.fd.get(), file_.identity, Soon());
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(FaultOf(status), std::nullopt);
  EXPECT_EQ(process.Plan(Request(""), Soon()).status().code(),
            absl::StatusCode::kFailedPrecondition);
  Recorder recorder;
  sdk::Plan plan;
  EXPECT_EQ(process.Execute(request_, *plan.View(), recorder, Soon(), nullptr)
                .status.code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(StrategyProcessTest, AnotherFileIsNotLoaded) {
  plugin::FileIdentity other = file_.identity;
  other.modified_ns += 1;
  StrategyProcess process(options_, description_, clock_, WaitWithPoll);
  EXPECT_EQ(process.Start(file_.fd.get(), other, Soon()).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(StrategyProcessTest, AnotherDescriptionIsRefused) {
  description_.strategy->action_kinds.push_back(RUVECTOR_ACTION_VACUUM);
  StrategyProcess process(options_, description_, clock_, WaitWithPoll);
  ExpectFault(process.Start(file_.fd.get(), file_.identity, Soon()),
              Fault::kNotAsDescribed, absl::StatusCode::kFailedPrecondition,
              "is not what was described before");
  EXPECT_FALSE(process.running());
}

TEST_F(StrategyProcessTest, FaultsWhileLoadingAreTold) {
  const auto load = [&](const std::string& fixture,
                        absl::Duration time = absl::Seconds(60)) {
    const OpenPlugin file =
        OpenFile("plugins/testing/fixtures/" + fixture + ".so");
    StrategyProcess process(options_, description_, clock_, WaitWithPoll);
    const absl::Status status =
        process.Start(file.fd.get(), file.identity, absl::Now() + time);
    EXPECT_FALSE(process.running());
    return status;
  };
  ExpectFault(load("missing_symbol"), Fault::kNotLoaded,
              absl::StatusCode::kFailedPrecondition,
              "was not loaded: symbol 'ruvector_plugin_v1' is missing");
  ExpectFault(load("sound"), Fault::kNotLoaded,
              absl::StatusCode::kFailedPrecondition, "it is not a strategy");
  ExpectFault(load("exit_in_constructor"), Fault::kExited,
              absl::StatusCode::kAborted,
              "exited with status 0 while it was loaded");
  ExpectFault(load("loop_in_constructor", absl::Milliseconds(500)),
              Fault::kDeadline, absl::StatusCode::kDeadlineExceeded,
              "while it was loaded");
  ExpectCrash(load("throw_in_entry"), SIGABRT, "was loaded");
  if (!kConfined) return;
  ExpectFault(load("crash_in_constructor"), Fault::kForbiddenCall,
              absl::StatusCode::kPermissionDenied, "while it was loaded");
  ExpectFault(load("eat_memory"), Fault::kOutOfMemory,
              absl::StatusCode::kResourceExhausted, "while it was loaded");
}

}  // namespace
}  // namespace ruvector::strategy_host
