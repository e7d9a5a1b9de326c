#include "core/attention/registry.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/plugin/attention_plugin.h"
#include "core/plugin/malformed.h"

namespace ruvector::attention {
namespace {

using plugin::Malformed;
using plugin::ParameterDescription;
using plugin::PluginDescription;

constexpr double kSumTolerance = 1e-6;

template <class T>
absl::Status CheckRange(const char* name, absl::Span<const T> values,
                        double low, double high) {
  for (size_t i = 0; i < values.size(); ++i) {
    const double v = static_cast<double>(values[i]);
    if (!(v >= low && v <= high)) {  // also NaN
      return Malformed(name, "[", i, "] is ", v, ", expected ", low, " to ",
                       high);
    }
  }
  return absl::OkStatus();
}

absl::Status CheckFinite(const char* name, absl::Span<const float> values) {
  if (sdk::AllFinite(values.data(), values.size())) return absl::OkStatus();
  constexpr double kMax = std::numeric_limits<float>::max();
  return CheckRange(name, values, -kMax, kMax);
}

absl::Status CheckShape(const AttentionRequest& r) {
  const size_t dim = r.query.size();
  if (dim == 0 || dim > RUVECTOR_ATTENTION_MAX_DIM) {
    return Malformed("query has ", dim, " dimensions, expected 1 to ",
                     RUVECTOR_ATTENTION_MAX_DIM);
  }
  if (r.keys.size() % dim != 0) {
    return Malformed("keys have ", r.keys.size(),
                     " numbers, expected a multiple of ", dim);
  }
  if (r.keys.size() / dim > RUVECTOR_ATTENTION_MAX_COUNT) {
    return Malformed("keys have ", r.keys.size() / dim,
                     " entries, expected at most ",
                     RUVECTOR_ATTENTION_MAX_COUNT);
  }
  RV_RETURN_IF_ERROR(CheckFinite("query", r.query));
  RV_RETURN_IF_ERROR(CheckFinite("keys", r.keys));
  if (r.query_timestamp_ms.has_value() &&
      !std::isfinite(*r.query_timestamp_ms)) {
    return Malformed("query timestamp is ", *r.query_timestamp_ms);
  }
  if (r.query_depth.has_value() && *r.query_depth < 0) {
    return Malformed("query depth is ", *r.query_depth, ", expected 0 or more");
  }
  return absl::OkStatus();
}

// Context arrays on their way into the plugin's input: each is absent, or has
// one valid element per entry.
class Context {
 public:
  Context(size_t count, uint32_t required)
      : count_(count), missing_(required) {}

  template <class T>
  const T* Take(const char* name, absl::Span<const T> values,
                ruvector_context bit, double low, double high) {
    if (values.empty()) {
      if ((missing_ & bit) != 0 && count_ > 0) {
        Note(Malformed("required array '", name, "' is missing"));
      }
      return nullptr;
    }
    if (values.size() != count_) {
      Note(Malformed(name, " has ", values.size(), " elements, expected ",
                     count_));
    }
    Note(CheckRange(name, values, low, high));
    return values.data();
  }

  const absl::Status& status() const { return status_; }

 private:
  void Note(const absl::Status& status) { status_.Update(status); }

  size_t count_;
  uint32_t missing_;
  absl::Status status_;
};

absl::StatusOr<ruvector_attention_input> ToInput(const AttentionRequest& r,
                                                 uint32_t required) {
  const size_t count = r.keys.size() / r.query.size();
  constexpr double kInt = std::numeric_limits<int32_t>::max();
  constexpr double kMax = std::numeric_limits<double>::max();
  Context c(count, required);
  const ruvector_attention_input input = {
      sizeof(ruvector_attention_input),
      static_cast<uint32_t>(r.query.size()),
      static_cast<uint32_t>(count),
      r.query_depth.value_or(-1),
      r.query_timestamp_ms.value_or(std::numeric_limits<double>::quiet_NaN()),
      r.query.data(),
      r.keys.data(),
      c.Take("depths", r.depths, RUVECTOR_CONTEXT_DEPTHS, 0, kInt),
      c.Take("hops", r.hops, RUVECTOR_CONTEXT_HOPS, 0, kInt),
      c.Take("costs", r.costs, RUVECTOR_CONTEXT_COSTS, 0, kMax),
      c.Take("criticalities", r.criticalities, RUVECTOR_CONTEXT_CRITICALITIES,
             0, 1),
      c.Take("on_critical_path", r.on_critical_path,
             RUVECTOR_CONTEXT_ON_CRITICAL_PATH, 0, 1),
      c.Take("is_parallel", r.is_parallel, RUVECTOR_CONTEXT_IS_PARALLEL, 0, 1),
      c.Take("is_common_ancestor", r.is_common_ancestor,
             RUVECTOR_CONTEXT_IS_COMMON_ANCESTOR, 0, 1),
      c.Take("timestamps_ms", r.timestamps_ms, RUVECTOR_CONTEXT_TIMESTAMPS,
             -kMax, kMax)};
  RV_RETURN_IF_ERROR(c.status());
  return input;
}

absl::StatusOr<std::vector<ruvector_value>> ToParameters(
    const AttentionRequest& request, const PluginDescription& description) {
  std::vector<ruvector_value> values;
  size_t used = 0;
  for (const ParameterDescription& p : description.parameters) {
    if (p.text.has_value()) {
      values.push_back({RUVECTOR_TEXT, 0, 0, p.text->c_str()});
      continue;
    }
    const auto given = request.parameters.find(p.name);
    const bool is_given = given != request.parameters.end();
    const double number = is_given ? given->second : *p.number;
    if (!(number >= p.minimum && number <= p.maximum)) {
      return Malformed("parameter '", p.name, "' is ", number, ", expected ",
                       p.minimum, " to ", p.maximum);
    }
    used += is_given;
    values.push_back({RUVECTOR_NUMBER, 0, number, nullptr});
  }
  if (used == request.parameters.size()) return values;
  const auto name = [](std::string* out, const ParameterDescription& p) {
    absl::StrAppend(out, p.name);
  };
  for (const auto& [key, number] : request.parameters) {
    const auto& all = description.parameters;
    if (std::none_of(all.begin(), all.end(), [&k = key](const auto& p) {
          return p.name == k && p.number.has_value();
        })) {
      return Malformed("unknown parameter '", key, "' of '", description.name,
                       "', known are: ", absl::StrJoin(all, ", ", name));
    }
  }
  return values;
}

absl::Status CheckResult(const std::string& name,
                         const AttentionResult& result) {
  double sum = 0;
  for (float w : result.weights) {
    if (!(w >= 0 && w <= 1)) {
      return absl::InternalError(
          absl::StrCat("mechanism '", name, "' returned weight ", w));
    }
    sum += w;
  }
  if (!result.weights.empty() && std::abs(sum - 1) > kSumTolerance) {
    return absl::InternalError(
        absl::StrCat("mechanism '", name, "' returned weights of sum ", sum));
  }
  for (float a : result.aggregated) {
    if (!std::isfinite(a)) {
      return absl::InternalError(
          absl::StrCat("mechanism '", name, "' returned aggregate ", a));
    }
  }
  return absl::OkStatus();
}

// Scratch in units that are aligned as the ABI promises.
struct alignas(16) Unit {
  char bytes[16];
};

}  // namespace

uint32_t ContextOf(const AttentionRequest& r) {
  const auto bit = [](const auto& values, ruvector_context context) {
    return values.empty() ? 0u : static_cast<uint32_t>(context);
  };
  return bit(r.depths, RUVECTOR_CONTEXT_DEPTHS) |
         bit(r.hops, RUVECTOR_CONTEXT_HOPS) |
         bit(r.costs, RUVECTOR_CONTEXT_COSTS) |
         bit(r.criticalities, RUVECTOR_CONTEXT_CRITICALITIES) |
         bit(r.on_critical_path, RUVECTOR_CONTEXT_ON_CRITICAL_PATH) |
         bit(r.is_parallel, RUVECTOR_CONTEXT_IS_PARALLEL) |
         bit(r.is_common_ancestor, RUVECTOR_CONTEXT_IS_COMMON_ANCESTOR) |
         bit(r.timestamps_ms, RUVECTOR_CONTEXT_TIMESTAMPS);
}

std::vector<std::string> ContextNames(uint32_t bits) {
  constexpr const char* kNames[] = {"depths",
                                    "hops",
                                    "costs",
                                    "criticalities",
                                    "on_critical_path",
                                    "is_parallel",
                                    "is_common_ancestor",
                                    "timestamps_ms"};
  std::vector<std::string> names;
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if ((bits & (1u << i)) != 0) names.push_back(kNames[i]);
  }
  return names;
}

absl::Status CheckMechanismName(const PluginDescription& description) {
  if (description.kind != plugin::PluginKind::kAttention ||
      (description.name != "auto" && description.name != "ensemble")) {
    return absl::OkStatus();
  }
  return Malformed("the name '", description.name,
                   "' is reserved: it stands for all mechanisms");
}

absl::StatusOr<AttentionResult> Mechanism::Attend(
    const AttentionRequest& request) const {
  RV_RETURN_IF_ERROR(CheckShape(request));
  RV_ASSIGN_OR_RETURN(
      const ruvector_attention_input input,
      ToInput(request, description_->attention->context_required));
  RV_ASSIGN_OR_RETURN(const std::vector<ruvector_value> parameters,
                      ToParameters(request, *description_));
  AttentionResult result;
  result.weights.resize(input.count);
  result.aggregated.resize(input.dim);
  const uint64_t bytes = table_->scratch_size(input.count, input.dim);
  std::vector<Unit> scratch(bytes / sizeof(Unit) + 1);
  ruvector_attention_output output = {sizeof(output), 0, result.weights.data(),
                                      result.aggregated.data(), scratch.data()};
  char error[256] = {};
  const int32_t code =
      table_->forward(parameters.data(), &input, &output, error, sizeof(error));
  if (code != RUVECTOR_OK) {
    return absl::Status(static_cast<absl::StatusCode>(code),
                        absl::StrCat("mechanism '", name(), "': ", error));
  }
  RV_RETURN_IF_ERROR(CheckResult(name(), result));
  return result;
}

absl::StatusOr<MechanismRegistry> MechanismRegistry::From(
    const plugin::Scan& scan) {
  MechanismRegistry registry;
  for (const plugin::PluginRecord& record : scan.records) {
    if (record.status == plugin::PluginStatus::kLoaded &&
        record.descriptor != nullptr) {
      RV_RETURN_IF_ERROR(registry.Add(record.descriptor));
    }
  }
  return registry;
}

absl::Status MechanismRegistry::Add(
    const ruvector_plugin_descriptor* descriptor) {
  RV_ASSIGN_OR_RETURN(PluginDescription description,
                      plugin::CheckDescriptor(descriptor));
  if (description.kind != plugin::PluginKind::kAttention) {
    return Malformed("plugin '", description.name,
                     "' is not an attention mechanism");
  }
  RV_RETURN_IF_ERROR(CheckMechanismName(description));
  const std::string name = description.name;
  Mechanism mechanism;
  mechanism.table_ = descriptor->attention;
  mechanism.description_ =
      std::make_shared<const PluginDescription>(std::move(description));
  if (!mechanisms_.emplace(name, std::move(mechanism)).second) {
    return absl::AlreadyExistsError(
        absl::StrCat("attention mechanism '", name, "' is already registered"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Mechanism> MechanismRegistry::Find(std::string_view name) const {
  const auto it = mechanisms_.find(name);
  if (it != mechanisms_.end()) return it->second;
  return absl::NotFoundError(
      absl::StrCat("unknown attention mechanism '", std::string(name),
                   "', known are: ", absl::StrJoin(Names(), ", ")));
}

std::vector<Mechanism> MechanismRegistry::All() const {
  std::vector<Mechanism> all;
  for (const auto& [name, mechanism] : mechanisms_) all.push_back(mechanism);
  return all;
}

std::vector<std::string> MechanismRegistry::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, mechanism] : mechanisms_) names.push_back(name);
  return names;
}

}  // namespace ruvector::attention
