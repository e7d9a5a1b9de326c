#include "plugins/host/confinement.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace ruvector::plugin_host {
namespace {

absl::Status Limit(int resource, rlim_t soft, rlim_t hard) {
  const rlimit limit = {soft, hard};
  if (setrlimit(static_cast<__rlimit_resource_t>(resource), &limit) == 0) {
    return absl::OkStatus();
  }
  return absl::InternalError(
      absl::StrCat("cannot limit resource ", resource, ": ", strerror(errno)));
}

absl::Status Unavailable(const char* what, int error) {
  return absl::UnavailableError(
      absl::StrCat("cannot filter system calls: ", what, ": ",
                   strerror(error < 0 ? -error : error)));
}

struct Rule {
  int call;
  std::vector<scmp_arg_cmp> arguments = {};
};

// What a plugin that computes needs, and the host for its socket.
std::vector<Rule> ServingRules() {
  std::vector<Rule> rules;
  for (const int call : {SCMP_SYS(read),
                         SCMP_SYS(write),
                         SCMP_SYS(writev),
                         SCMP_SYS(recvfrom),
                         SCMP_SYS(sendto),
                         SCMP_SYS(close),
                         SCMP_SYS(lseek),
                         SCMP_SYS(fstat),
                         SCMP_SYS(brk),
                         SCMP_SYS(munmap),
                         SCMP_SYS(mremap),
                         SCMP_SYS(madvise),
                         SCMP_SYS(futex),
                         SCMP_SYS(clock_gettime),
                         SCMP_SYS(clock_getres),
                         SCMP_SYS(gettimeofday),
                         SCMP_SYS(time),
                         SCMP_SYS(nanosleep),
                         SCMP_SYS(clock_nanosleep),
                         SCMP_SYS(restart_syscall),
                         SCMP_SYS(sched_yield),
                         SCMP_SYS(getrandom),
                         SCMP_SYS(sysinfo),
                         SCMP_SYS(getpid),
                         SCMP_SYS(gettid),
                         SCMP_SYS(rt_sigprocmask),
                         SCMP_SYS(exit),
                         SCMP_SYS(exit_group)}) {
    rules.push_back({call});
  }
  // abort(), and no other signal to nobody else.
  rules.push_back({SCMP_SYS(tgkill),
                   {SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(getpid())),
                    SCMP_A2(SCMP_CMP_EQ, SIGABRT)}});
  // stdio asks what its descriptors are.
  rules.push_back(
      {SCMP_SYS(newfstatat), {SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH)}});
  rules.push_back({SCMP_SYS(ioctl), {SCMP_A1(SCMP_CMP_EQ, TCGETS)}});
  const scmp_arg_cmp not_code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
  rules.push_back({SCMP_SYS(mmap), {not_code}});
  rules.push_back({SCMP_SYS(mprotect), {not_code}});
  return rules;
}

// What the dynamic linker needs on top, and the step to the next filter.
std::vector<Rule> LoadingRules() {
  std::vector<Rule> rules;
  for (const int call :
       {SCMP_SYS(mmap), SCMP_SYS(mprotect), SCMP_SYS(pread64),
        SCMP_SYS(newfstatat), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
        SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(getcwd),
        SCMP_SYS(seccomp)}) {
    rules.push_back({call});
  }
  rules.push_back(
      {SCMP_SYS(openat),
       {SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC | __O_TMPFILE,
                O_RDONLY)}});
  return rules;
}

absl::Status Add(scmp_filter_ctx context, const std::vector<Rule>& rules) {
  for (const Rule& rule : rules) {
    if (rule.call < 0) continue;  // not on this architecture
    const int error = seccomp_rule_add_array(
        context, SCMP_ACT_ALLOW, rule.call,
        static_cast<unsigned>(rule.arguments.size()), rule.arguments.data());
    // -EEXIST: the other list allows more of the same call.
    if (error != 0 && error != -EEXIST) return Unavailable("rule", error);
  }
  return absl::OkStatus();
}

absl::Status Fill(scmp_filter_ctx context, bool loading) {
  if (context == nullptr) return Unavailable("filter", ENOMEM);
  for (const auto& [attribute, value] :
       {std::pair<scmp_filter_attr, uint32_t>{SCMP_FLTATR_ACT_BADARCH,
                                              SCMP_ACT_KILL_PROCESS},
        // Done by Confine; the second filter could not do it again.
        {SCMP_FLTATR_CTL_NNP, 0}}) {
    const int error = seccomp_attr_set(context, attribute, value);
    if (error != 0) return Unavailable("attribute", error);
  }
  if (loading) RV_RETURN_IF_ERROR(Add(context, LoadingRules()));
  return Add(context, ServingRules());
}

absl::Status Load(void* context) {
  const int error = seccomp_load(context);
  return error == 0 ? absl::OkStatus() : Unavailable("load", error);
}

}  // namespace

absl::Status Confine(rlim_t file_bytes) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
      prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return absl::InternalError(absl::StrCat("prctl: ", strerror(errno)));
  }
  RV_RETURN_IF_ERROR(Limit(RLIMIT_CORE, 0, 0));
  return Limit(RLIMIT_FSIZE, file_bytes, file_bytes);
}

absl::Status LimitMemory(rlim_t bytes) {
  return kConfinesFully ? Limit(RLIMIT_AS, bytes, bytes) : absl::OkStatus();
}

absl::Status LimitProcessor(rlim_t seconds) {
  return Limit(RLIMIT_CPU, seconds, seconds + 1);
}

absl::Status LimitFiles(rlim_t descriptors) {
  return Limit(RLIMIT_NOFILE, descriptors, descriptors);
}

absl::StatusOr<SystemCallFilters> SystemCallFilters::Make() {
  if (!kConfinesFully) return SystemCallFilters(nullptr, nullptr);
  SystemCallFilters filters(seccomp_init(SCMP_ACT_KILL_PROCESS),
                            seccomp_init(SCMP_ACT_KILL_PROCESS));
  RV_RETURN_IF_ERROR(Fill(filters.loading_, true));
  RV_RETURN_IF_ERROR(Fill(filters.serving_, false));
  return filters;
}

SystemCallFilters::SystemCallFilters(SystemCallFilters&& other) noexcept
    : loading_(std::exchange(other.loading_, nullptr)),
      serving_(std::exchange(other.serving_, nullptr)) {}

SystemCallFilters::~SystemCallFilters() {
  if (loading_ != nullptr) seccomp_release(loading_);
  if (serving_ != nullptr) seccomp_release(serving_);
}

absl::Status SystemCallFilters::EnterLoading() {
  return kConfinesFully ? Load(loading_) : absl::OkStatus();
}

absl::Status SystemCallFilters::EnterServing() {
  return kConfinesFully ? Load(serving_) : absl::OkStatus();
}

}  // namespace ruvector::plugin_host
