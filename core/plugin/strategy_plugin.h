// Write a remediation strategy in C++: a struct with constants, Plan and
// Execute. plugins/strategies/throttle_ingestion is the example to copy.
//
//   struct Mine : ruvector::sdk::Strategy {
//     static constexpr char kName[] = "mine";          // file: mine.so
//     static constexpr char kVersion[] = "1.0.0";
//     static constexpr char kDescription[] = "One sentence.";
//     static constexpr char kLicense[] = "Apache-2.0";
//     static constexpr const char* kHandles[] = {"memory_pressure"};
//     static constexpr double kImpact = 0.2;
//     static constexpr uint32_t kFlags = RUVECTOR_STRATEGY_REVERSIBLE;
//     static constexpr uint32_t kActionKinds[] =
//     {RUVECTOR_ACTION_SET_THROTTLE}; static constexpr const char* kMetrics[] =
//     {"throttle_percent"}; static constexpr ruvector_expectation kTarget =
//     {...}; static Status Plan(const PlanRequest& request, sdk::Plan* plan);
//     static Status Execute(const PlanRequest& request,
//                           const PlanView& plan, Host* host);
//   };
//   RUVECTOR_STRATEGY_PLUGIN(Mine)
//
// Plan is pure: what it may know is in the request, including the time. Execute
// reaches the database through Host alone and asks ShouldStop before each act.
// Neither undoes anything: the host keeps a journal of undos and runs it.
//
// Header-only, C++17. Everything here is [host-process].
#ifndef RUVECTOR_CORE_PLUGIN_STRATEGY_PLUGIN_H_
#define RUVECTOR_CORE_PLUGIN_STRATEGY_PLUGIN_H_

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/plugin/plugin_abi.h"
#include "core/plugin/plugin_status.h"

namespace ruvector::sdk {

// A value that owns its text. Null, number or text.
class Value {
 public:
  Value() = default;
  explicit Value(double number) : type_(RUVECTOR_NUMBER), number_(number) {}
  explicit Value(std::string text)
      : type_(RUVECTOR_TEXT), text_(std::move(text)) {}
  explicit Value(const ruvector_value& v)
      : type_(v.type),
        number_(v.type == RUVECTOR_NUMBER ? v.number : 0),
        text_(v.type == RUVECTOR_TEXT ? v.text : "") {}

  bool is_null() const { return type_ == RUVECTOR_NULL; }
  std::optional<double> number() const {
    if (type_ != RUVECTOR_NUMBER) return std::nullopt;
    return number_;
  }
  std::optional<std::string> text() const {
    if (type_ != RUVECTOR_TEXT) return std::nullopt;
    return text_;
  }
  // Borrows this value's text.
  ruvector_value View() const {
    return {type_, 0, number_,
            type_ == RUVECTOR_TEXT ? text_.c_str() : nullptr};
  }
  bool operator==(const Value& other) const {
    return type_ == other.type_ && number_ == other.number_ &&
           text_ == other.text_;
  }

 private:
  uint32_t type_ = RUVECTOR_NULL;
  double number_ = 0;
  std::string text_;
};

// One action under construction. Estimates stay unknown until they are given.
class Action {
 public:
  Action(uint32_t kind, std::string object)
      : kind_(kind), object_(std::move(object)) {}
  Action(Action&&) = default;
  Action& operator=(Action&&) = default;

  // A copy of someone else's, for instance to act on a smaller part of it.
  explicit Action(const ruvector_action& a)
      : kind_(a.kind),
        object_(a.object),
        effect_(a.expected_effect),
        rows_(a.expected_rows),
        bytes_(a.expected_bytes),
        seconds_(a.expected_seconds) {
    for (uint32_t i = 0; i < a.argument_count; ++i) {
      Set(a.arguments[i].name, Value(a.arguments[i].value));
    }
    if (a.undo != nullptr) Undo(Action(*a.undo));
  }

  // Replaces an argument of the same name.
  Action& Set(std::string_view name, Value value) {
    for (Argument& argument : arguments_) {
      if (argument.name == name) {
        argument.value = std::move(value);
        return *this;
      }
    }
    arguments_.push_back({std::string(name), std::move(value)});
    return *this;
  }
  Action& Effect(std::string sentence) {
    effect_ = std::move(sentence);
    return *this;
  }
  Action& Rows(double rows) {
    rows_ = rows;
    return *this;
  }
  Action& Bytes(double bytes) {
    bytes_ = bytes;
    return *this;
  }
  Action& Seconds(double seconds) {
    seconds_ = seconds;
    return *this;
  }
  Action& Undo(Action undo) {
    undo_ = std::make_unique<Action>(std::move(undo));
    return *this;
  }

  const std::string& object() const { return object_; }

  // Valid until this action is changed, moved or destroyed.
  const ruvector_action* View() {
    fields_.clear();
    for (const Argument& argument : arguments_) {
      fields_.push_back({argument.name.c_str(), argument.value.View()});
    }
    view_ = {sizeof(ruvector_action),
             kind_,
             object_.c_str(),
             fields_.data(),
             static_cast<uint32_t>(fields_.size()),
             0,
             undo_ ? undo_->View() : nullptr,
             effect_.c_str(),
             rows_,
             bytes_,
             seconds_};
    return &view_;
  }

 private:
  struct Argument {
    std::string name;
    Value value;
  };
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

  uint32_t kind_;
  std::string object_;
  std::vector<Argument> arguments_;
  std::string effect_;
  double rows_ = kUnknown;
  double bytes_ = kUnknown;
  double seconds_ = kUnknown;
  std::unique_ptr<Action> undo_;
  std::vector<ruvector_field> fields_;
  ruvector_action view_{};
};

// The value of an argument, nullopt if the action does not have it.
inline std::optional<Value> Argument(const ruvector_action& action,
                                     std::string_view name) {
  for (uint32_t i = 0; i < action.argument_count; ++i) {
    if (name == action.arguments[i].name) {
      return Value(action.arguments[i].value);
    }
  }
  return std::nullopt;
}

// A plan under construction; becomes the plugin-owned ruvector_plan.
class Plan {
 public:
  void Add(Action action) { actions_.push_back(std::move(action)); }
  // Why these actions, or why none.
  void Note(std::string note) { note_ = std::move(note); }
  bool empty() const { return actions_.empty(); }

  // Valid until this plan is changed or destroyed.
  const ruvector_plan* View() {
    views_.clear();
    for (Action& action : actions_) views_.push_back(action.View());
    view_ = {sizeof(ruvector_plan), static_cast<uint32_t>(views_.size()),
             views_.data(), note_.c_str(), this};
    return &view_;
  }

 private:
  std::vector<Action> actions_;
  std::string note_;
  std::vector<const ruvector_action*> views_;
  ruvector_plan view_{};
};

// A plan as Execute receives it; it may have been made elsewhere.
class PlanView {
 public:
  explicit PlanView(const ruvector_plan& plan) : plan_(plan) {}
  uint32_t size() const { return plan_.action_count; }
  const ruvector_action& action(uint32_t i) const { return *plan_.actions[i]; }

 private:
  const ruvector_plan& plan_;
};

// What a strategy is told, read-only.
class PlanRequest {
 public:
  explicit PlanRequest(const ruvector_plan_request& r) : r_(r) {}

  const ruvector_problem& problem() const { return *r_.problem; }
  int64_t now_us() const { return r_.now_us; }
  double max_rows() const { return r_.max_rows; }
  double max_bytes() const { return r_.max_bytes; }
  double max_seconds() const { return r_.max_seconds; }

  // By position in kParameters.
  double number_parameter(size_t i) const { return r_.parameters[i].number; }
  const char* text_parameter(size_t i) const { return r_.parameters[i].text; }

  // nullopt if the host sent none; a null Value if it could not be read.
  std::optional<Value> Metric(std::string_view name,
                              std::string_view subject = "") const {
    for (uint32_t i = 0; i < r_.metric_count; ++i) {
      if (name == r_.metrics[i].name && subject == r_.metrics[i].subject) {
        return Value(r_.metrics[i].value);
      }
    }
    return std::nullopt;
  }
  // nullopt also if it could not be read or is of the other type.
  std::optional<double> Number(std::string_view name,
                               std::string_view subject = "") const {
    return Metric(name, subject).value_or(Value()).number();
  }
  std::optional<std::string> Text(std::string_view name,
                                  std::string_view subject = "") const {
    return Metric(name, subject).value_or(Value()).text();
  }
  // Of which subjects the host sent this metric, readable or not; ascending,
  // so that a plan does not depend on the order in which metrics came.
  std::vector<std::string> Subjects(std::string_view name) const {
    std::vector<std::string> subjects;
    for (uint32_t i = 0; i < r_.metric_count; ++i) {
      if (name == r_.metrics[i].name) {
        subjects.emplace_back(r_.metrics[i].subject);
      }
    }
    std::sort(subjects.begin(), subjects.end());
    return subjects;
  }

 private:
  const ruvector_plan_request& r_;
};

// The host's table with C++ types.
class Host {
 public:
  explicit Host(const ruvector_strategy_host& host) : host_(host) {}

  Status ReadMetric(const char* name, const char* subject, Value* value) {
    ruvector_value raw{};
    char error[256] = {};
    const int32_t code = host_.read_metric(host_.context, name, subject, &raw,
                                           error, sizeof(error));
    if (code == RUVECTOR_OK) *value = Value(raw);
    return Status::FromHost(code, error);
  }
  // The same of a metric that this host may be too old to know: null then.
  Status ReadIfKnown(const char* name, const char* subject, Value* value) {
    Status s = ReadMetric(name, subject, value);
    if (s.code() != RUVECTOR_NOT_FOUND) return s;
    *value = Value();
    return Status();
  }
  // nullopt: could not be computed.
  Status SampleLambda(std::optional<double>* lambda) {
    double raw = 0;
    char error[256] = {};
    const int32_t code =
        host_.sample_lambda(host_.context, &raw, error, sizeof(error));
    if (code == RUVECTOR_OK) {
      *lambda = std::isnan(raw) ? std::nullopt : std::optional<double>(raw);
    }
    return Status::FromHost(code, error);
  }
  Status Act(Action* action, ruvector_outcome* outcome = nullptr) {
    ruvector_outcome ignored{};
    if (outcome == nullptr) outcome = &ignored;
    outcome->struct_size = sizeof(*outcome);
    char error[256] = {};
    const int32_t code =
        host_.act(host_.context, action->View(), outcome, error, sizeof(error));
    return Status::FromHost(code, error);
  }
  void Log(int32_t level, const char* message) {
    host_.log(host_.context, level, message);
  }
  bool ShouldStop() { return host_.should_stop(host_.context) != 0; }

 private:
  const ruvector_strategy_host& host_;
};

// What a strategy may leave as it is.
struct Strategy {
  static constexpr uint32_t kFlags = 0;  // ruvector_strategy_flag bits
  static constexpr std::array<ruvector_parameter, 0> kParameters{};
  static constexpr std::array<const char*, 0> kMetrics{};
  static constexpr std::array<ruvector_expectation, 0> kGuards{};
};

namespace internal {

inline Status CheckRequest(const ruvector_plan_request* r) {
  if (r == nullptr || !RUVECTOR_HAS(r, ruvector_plan_request, now_us)) {
    return Status::Error(RUVECTOR_INVALID_ARGUMENT,
                         "request struct_size is %u, expected at least %zu",
                         r == nullptr ? 0 : r->struct_size, sizeof(*r));
  }
  const ruvector_problem* p = r->problem;
  if (p == nullptr || !RUVECTOR_HAS(p, ruvector_problem, subjects)) {
    return Status::Error(RUVECTOR_INVALID_ARGUMENT,
                         "problem struct_size is %u, expected at least %zu",
                         p == nullptr ? 0 : p->struct_size, sizeof(*p));
  }
  if (!(p->severity >= 0 && p->severity <= 1)) {
    return Status::Error(RUVECTOR_INVALID_ARGUMENT,
                         "severity is %g, expected 0 to 1", p->severity);
  }
  for (uint32_t i = 0; i < r->metric_count; ++i) {
    const ruvector_value& v = r->metrics[i].value;
    if (v.type == RUVECTOR_NUMBER && !std::isfinite(v.number)) {
      return Status::Error(RUVECTOR_INVALID_ARGUMENT, "metric '%s' is %g",
                           r->metrics[i].name, v.number);
    }
  }
  return Status();
}

inline Status CheckHost(const ruvector_strategy_host* h) {
  if (h == nullptr || !RUVECTOR_HAS(h, ruvector_strategy_host, should_stop)) {
    return Status::Error(RUVECTOR_INVALID_ARGUMENT,
                         "host struct_size is %u, expected at least %zu",
                         h == nullptr ? 0 : h->struct_size, sizeof(*h));
  }
  return Status();
}

}  // namespace internal

// The ABI's functions and tables for one strategy, all constant-initialised.
template <class S>
struct StrategyPlugin {
  static Status Check(const ruvector_plan_request* request) {
    Status s = internal::CheckRequest(request);
    if (!s.ok()) return s;
    return CheckParameters(std::data(S::kParameters), std::size(S::kParameters),
                           request->parameters);
  }

  static int32_t MakePlan(const ruvector_plan_request* request,
                          const ruvector_plan** plan, char* error,
                          size_t error_size) {
    return Guard(error, error_size, [&]() -> Status {
      Status s = Check(request);
      if (!s.ok()) return s;
      auto made = std::make_unique<Plan>();
      s = S::Plan(PlanRequest(*request), made.get());
      if (!s.ok()) return s;
      *plan = made->View();
      made.release();  // release_plan finds it again through owner
      return s;
    });
  }

  static void ReleasePlan(const ruvector_plan* plan) {
    if (plan != nullptr) delete static_cast<Plan*>(plan->owner);
  }

  static int32_t Execute(const ruvector_plan_request* request,
                         const ruvector_plan* plan,
                         const ruvector_strategy_host* host, char* error,
                         size_t error_size) {
    return Guard(error, error_size, [&]() -> Status {
      Status s = Check(request);
      if (s.ok()) s = internal::CheckHost(host);
      if (!s.ok()) return s;
      if (plan == nullptr || !RUVECTOR_HAS(plan, ruvector_plan, owner)) {
        return Status::Error(RUVECTOR_INVALID_ARGUMENT, "no plan");
      }
      Host cpp_host(*host);
      return S::Execute(PlanRequest(*request), PlanView(*plan), &cpp_host);
    });
  }

  static constexpr ruvector_strategy_table kTable = {
      sizeof(ruvector_strategy_table),
      S::kFlags,
      S::kImpact,
      std::size(S::kActionKinds),
      std::size(S::kMetrics),
      std::size(S::kParameters),
      std::size(S::kGuards),
      std::data(S::kActionKinds),
      std::data(S::kMetrics),
      std::data(S::kParameters),
      &S::kTarget,
      std::data(S::kGuards),
      &MakePlan,
      &ReleasePlan,
      &Execute};

  static constexpr ruvector_plugin_descriptor kDescriptor = {
      sizeof(ruvector_plugin_descriptor),
      RUVECTOR_PLUGIN_ABI_MAJOR,
      RUVECTOR_PLUGIN_ABI_MINOR,
      RUVECTOR_PLUGIN_STRATEGY,
      S::kName,
      S::kVersion,
      S::kDescription,
      S::kLicense,
      std::data(S::kHandles),
      std::size(S::kHandles),
      0,
      &kTable,
      nullptr};
};

}  // namespace ruvector::sdk

// Defines the entry symbol. Once per shared object, outside any namespace.
#define RUVECTOR_STRATEGY_PLUGIN(StrategyType)                          \
  extern "C" RUVECTOR_PLUGIN_EXPORT const ruvector_plugin_descriptor*   \
  RUVECTOR_PLUGIN_ENTRY(void) {                                         \
    return &::ruvector::sdk::StrategyPlugin<StrategyType>::kDescriptor; \
  }

#endif  // RUVECTOR_CORE_PLUGIN_STRATEGY_PLUGIN_H_
