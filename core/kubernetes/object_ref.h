// The Kubernetes objects whose replicas can be counted and set, and where the
// API server keeps them. [any-thread]
#ifndef RUVECTOR_CORE_KUBERNETES_OBJECT_REF_H_
#define RUVECTOR_CORE_KUBERNETES_OBJECT_REF_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/no_postgres.h"

namespace ruvector::kubernetes {

enum class Kind {
  kStatefulSet,  // apps/v1
  kDeployment,   // apps/v1
  kCluster,      // postgresql.cnpg.io/v1, CloudNativePG; its instances
};

// "StatefulSet", "Deployment", "Cluster": as the API server spells them.
std::string_view KindName(Kind kind);

struct ObjectRef {
  std::string name_space;
  Kind kind = Kind::kStatefulSet;
  std::string name;
};

// Of "namespace/kind/name", as RUVECTOR_ACTION_SCALE_REPLICAS has it.
// kInvalidArgument unless the namespace is a DNS label, the kind one of
// KindName's and the name a DNS subdomain (RFC 1123): nothing else can reach a
// URL.
absl::StatusOr<ObjectRef> ParseObjectRef(std::string_view text);
std::string ToText(const ObjectRef& object);

// Paths of the API server.
std::string ObjectPath(const ObjectRef& object);
std::string ScalePath(const ObjectRef& object);

// A CloudNativePG cluster has an instance at least, the others may have none.
int64_t FewestReplicas(Kind kind);
inline constexpr int64_t kMostReplicas = 10000;

// kInvalidArgument unless `replicas` lies between the two.
absl::Status CheckReplicas(Kind kind, int64_t replicas);

}  // namespace ruvector::kubernetes

#endif  // RUVECTOR_CORE_KUBERNETES_OBJECT_REF_H_
