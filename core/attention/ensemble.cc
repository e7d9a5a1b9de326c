#include "core/attention/ensemble.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/plugin/malformed.h"

namespace ruvector::attention {
namespace {

using plugin::Malformed;

bool Knows(const Mechanism& mechanism, const std::string& parameter) {
  const auto& all = mechanism.description().parameters;
  return std::any_of(all.begin(), all.end(),
                     [&](const auto& p) { return p.name == parameter; });
}

absl::Status CheckParameters(absl::Span<const Mechanism> members,
                             const AttentionRequest& request) {
  for (const auto& [name, value] : request.parameters) {
    if (std::none_of(members.begin(), members.end(),
                     [&n = name](const auto& m) { return Knows(m, n); })) {
      return Malformed("no member of the ensemble has a parameter '", name,
                       "'");
    }
  }
  return absl::OkStatus();
}

AttentionRequest ForMember(const Mechanism& member,
                           const AttentionRequest& request,
                           const Neutral& neutral) {
  AttentionRequest own =
      neutral.Fill(request, member.description().attention->context_required);
  for (auto it = own.parameters.begin(); it != own.parameters.end();) {
    it = Knows(member, it->first) ? std::next(it) : own.parameters.erase(it);
  }
  return own;
}

void AddScaled(double share, const std::vector<float>& values,
               std::vector<double>& sums) {
  sums.resize(values.size());
  for (size_t i = 0; i < values.size(); ++i) sums[i] += share * values[i];
}

}  // namespace

absl::Status CheckShares(size_t members, absl::Span<const double> shares) {
  if (shares.empty()) return absl::OkStatus();
  if (shares.size() != members) {
    return Malformed("weights has ", shares.size(), " elements, expected ",
                     members, ", one for each mechanism");
  }
  double sum = 0;
  for (size_t i = 0; i < shares.size(); ++i) {
    if (!(shares[i] >= 0 && std::isfinite(shares[i]))) {
      return Malformed("weights[", i, "] is ", shares[i],
                       ", expected a finite number of 0 or more");
    }
    sum += shares[i];
  }
  if (!(sum > 0 && std::isfinite(sum))) {
    return Malformed("weights has the sum ", sum, ", expected more than 0");
  }
  return absl::OkStatus();
}

absl::StatusOr<AttentionResult> Ensemble(absl::Span<const Mechanism> members,
                                         absl::Span<const double> shares,
                                         const AttentionRequest& request) {
  if (members.empty()) return Malformed("an ensemble needs a mechanism");
  RV_RETURN_IF_ERROR(CheckShares(members.size(), shares));
  RV_RETURN_IF_ERROR(CheckParameters(members, request));
  const double sum = shares.empty()
                         ? static_cast<double>(members.size())
                         : std::accumulate(shares.begin(), shares.end(), 0.0);
  const Neutral neutral(
      request.query.empty() ? 0 : request.keys.size() / request.query.size());
  std::vector<double> weights, aggregated;
  for (size_t k = 0; k < members.size(); ++k) {
    RV_ASSIGN_OR_RETURN(
        const AttentionResult one,
        members[k].Attend(ForMember(members[k], request, neutral)));
    const double share = (shares.empty() ? 1 : shares[k]) / sum;
    AddScaled(share, one.weights, weights);
    AddScaled(share, one.aggregated, aggregated);
  }
  return AttentionResult{{weights.begin(), weights.end()},
                         {aggregated.begin(), aggregated.end()}};
}

Neutral::Neutral(size_t count)
    : ones_(count, 1), open_(count, 1), flags_(count, 0), zeros_(count, 0) {}

AttentionRequest Neutral::Fill(const AttentionRequest& request,
                               uint32_t required) const {
  AttentionRequest filled = request;
  const auto fill = [&](ruvector_context bit, auto& span, const auto& values) {
    if ((required & bit) != 0 && span.empty()) span = values;
  };
  fill(RUVECTOR_CONTEXT_DEPTHS, filled.depths, ones_);
  fill(RUVECTOR_CONTEXT_HOPS, filled.hops, ones_);
  fill(RUVECTOR_CONTEXT_COSTS, filled.costs, zeros_);
  fill(RUVECTOR_CONTEXT_CRITICALITIES, filled.criticalities, open_);
  fill(RUVECTOR_CONTEXT_ON_CRITICAL_PATH, filled.on_critical_path, flags_);
  fill(RUVECTOR_CONTEXT_IS_PARALLEL, filled.is_parallel, flags_);
  fill(RUVECTOR_CONTEXT_IS_COMMON_ANCESTOR, filled.is_common_ancestor, flags_);
  if (filled.timestamps_ms.empty()) {
    fill(RUVECTOR_CONTEXT_TIMESTAMPS, filled.timestamps_ms, zeros_);
    if ((required & RUVECTOR_CONTEXT_TIMESTAMPS) != 0) {
      filled.query_timestamp_ms.reset();  // as late as all entries are
    }
  }
  return filled;
}

}  // namespace ruvector::attention
