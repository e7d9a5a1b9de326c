#include "core/kubernetes/object_ref.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace ruvector::kubernetes {
namespace {

constexpr size_t kMaxLabelBytes = 63;
constexpr size_t kMaxNameBytes = 253;

struct KindRow {
  Kind kind;
  std::string_view name;
  std::string_view group;
  std::string_view plural;
  int64_t fewest;
};

// In the order of Kind.
constexpr KindRow kKinds[] = {
    {Kind::kStatefulSet, "StatefulSet", "apps/v1", "statefulsets", 0},
    {Kind::kDeployment, "Deployment", "apps/v1", "deployments", 0},
    {Kind::kCluster, "Cluster", "postgresql.cnpg.io/v1", "clusters", 1},
};

const KindRow& Row(Kind kind) { return kKinds[static_cast<size_t>(kind)]; }

bool IsAlphanumeric(char c) {
  return absl::ascii_islower(static_cast<unsigned char>(c)) ||
         absl::ascii_isdigit(static_cast<unsigned char>(c));
}

bool IsLabel(std::string_view text) {
  return !text.empty() && text.size() <= kMaxLabelBytes &&
         IsAlphanumeric(text.front()) && IsAlphanumeric(text.back()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return IsAlphanumeric(c) || c == '-'; });
}

bool IsSubdomain(const std::string& text) {
  if (text.size() > kMaxNameBytes) return false;
  const std::vector<std::string> labels = absl::StrSplit(text, '.');
  return std::all_of(labels.begin(), labels.end(),
                     [](const std::string& label) { return IsLabel(label); });
}

}  // namespace

std::string_view KindName(Kind kind) { return Row(kind).name; }
int64_t FewestReplicas(Kind kind) { return Row(kind).fewest; }

absl::StatusOr<ObjectRef> ParseObjectRef(std::string_view text) {
  const std::vector<std::string> parts =
      absl::StrSplit(absl::string_view(text.data(), text.size()), '/');
  if (parts.size() != 3) {
    return absl::InvalidArgumentError(
        "expected namespace/kind/name for a Kubernetes object");
  }
  if (!IsLabel(parts[0])) {
    return absl::InvalidArgumentError(
        "the namespace of a Kubernetes object must be a DNS label");
  }
  const auto row =
      std::find_if(std::begin(kKinds), std::end(kKinds),
                   [&](const KindRow& r) { return r.name == parts[1]; });
  if (row == std::end(kKinds)) {
    return absl::InvalidArgumentError(
        "the kind of a Kubernetes object must be StatefulSet, Deployment or "
        "Cluster");
  }
  if (!IsSubdomain(parts[2])) {
    return absl::InvalidArgumentError(
        "the name of a Kubernetes object must be a DNS subdomain");
  }
  return ObjectRef{parts[0], row->kind, parts[2]};
}

std::string ToText(const ObjectRef& object) {
  const std::string_view kind = KindName(object.kind);
  return absl::StrCat(object.name_space, "/",
                      absl::string_view(kind.data(), kind.size()), "/",
                      object.name);
}

std::string ObjectPath(const ObjectRef& object) {
  const KindRow& row = Row(object.kind);
  return "/apis/" + std::string(row.group) + "/namespaces/" +
         object.name_space + "/" + std::string(row.plural) + "/" + object.name;
}

std::string ScalePath(const ObjectRef& object) {
  return ObjectPath(object) + "/scale";
}

absl::Status CheckReplicas(Kind kind, int64_t replicas) {
  if (replicas >= FewestReplicas(kind) && replicas <= kMostReplicas) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "the replicas of a ", std::string(KindName(kind)), " must be from ",
      FewestReplicas(kind), " to ", kMostReplicas, ", not ", replicas));
}

}  // namespace ruvector::kubernetes
