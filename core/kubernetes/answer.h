// What the API server's answers say about replicas. Bodies are read as a
// stream of values: what is not asked for takes no memory, however large or
// deep it is. [any-thread]
#ifndef RUVECTOR_CORE_KUBERNETES_ANSWER_H_
#define RUVECTOR_CORE_KUBERNETES_ANSWER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/base/no_postgres.h"
#include "core/kubernetes/object_ref.h"

namespace ruvector::kubernetes {

// An object and its status, as its controller last wrote it.
struct ReplicaStatus {
  int64_t desired = 0;  // spec.replicas, spec.instances
  int64_t current = 0;  // status.replicas, status.instances
  int64_t ready = 0;    // status.readyReplicas, status.readyInstances
  // The controller has seen the newest spec. CloudNativePG does not tell and
  // counts as having seen it: `current` differs until it has acted.
  bool observed = false;

  // `replicas` are wanted, there, and ready.
  bool Settled(int64_t replicas) const {
    return observed && desired == replicas && current == replicas &&
           ready == replicas;
  }
};

// The scale subresource.
struct Scale {
  int64_t replicas = 0;
  std::string resource_version;
};

// kDataLoss unless `body` is JSON and an object of this kind and name.
absl::StatusOr<ReplicaStatus> DecodeObject(const ObjectRef& object,
                                           std::string_view body);
absl::StatusOr<Scale> DecodeScale(const ObjectRef& object,
                                  std::string_view body);

// The reason that an API server gives for a refusal (kind Status), printable
// and short; empty if the body says none.
std::string DecodeRefusal(std::string_view body);

// `text` with what is not printable ASCII as '?', of at most 300 bytes.
std::string Printable(std::string_view text);

// The merge patch that sets the replicas of a scale subresource that is still
// of this version; otherwise the API server answers 409.
std::string EncodePatch(const Scale& scale, int64_t replicas);

}  // namespace ruvector::kubernetes

#endif  // RUVECTOR_CORE_KUBERNETES_ANSWER_H_
