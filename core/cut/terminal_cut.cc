#include "core/cut/terminal_cut.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/cut/flow_network.h"

namespace ruvector::cut {
namespace {

enum Role : uint8_t { kNone, kSource, kSink };

absl::Status Assign(absl::Span<const uint32_t> nodes, Role role,
                    const char* what, std::vector<Role>& roles) {
  if (nodes.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "set of ", what, "s is empty, expected at least one node"));
  }
  for (uint32_t x : nodes) {
    if (x >= roles.size()) {
      return absl::InvalidArgumentError(absl::StrCat(
          what, " is node ", x, ", expected below ", roles.size()));
    }
    if (roles[x] != kNone && roles[x] != role) {
      return absl::InvalidArgumentError(
          absl::StrCat("node ", x, " is both a source and a sink"));
    }
    roles[x] = role;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Cut> MinimumTerminalCut(int n, absl::Span<const Edge> edges,
                                       absl::Span<const uint32_t> sources,
                                       absl::Span<const uint32_t> sinks) {
  RV_RETURN_IF_ERROR(ValidateGraph(n, edges, 2));
  std::vector<Role> roles(n, kNone);
  RV_RETURN_IF_ERROR(Assign(sources, kSource, "source", roles));
  RV_RETURN_IF_ERROR(Assign(sinks, kSink, "sink", roles));
  std::vector<uint8_t> sink(n);
  std::vector<uint32_t> from;
  for (int x = 0; x < n; ++x) {
    sink[x] = roles[x] == kSink;
    if (roles[x] == kSource) from.push_back(static_cast<uint32_t>(x));
  }
  FlowNetwork network(n, edges);
  network.Run(from, sink);
  return DescribeCut(network.SinkSide(), edges);
}

}  // namespace ruvector::cut
