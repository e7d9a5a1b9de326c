// A problem as a strategy plugin is told of it.
#ifndef RUVECTOR_CORE_HEALING_PROBLEM_ABI_H_
#define RUVECTOR_CORE_HEALING_PROBLEM_ABI_H_

#include <string>
#include <vector>

#include "core/base/no_postgres.h"
#include "core/gate/state.h"
#include "core/healing/problem.h"
#include "core/plugin/plugin_abi.h"

namespace ruvector::healing {

// Owns what the C struct points to. [any-thread]
class AbiProblem {
 public:
  AbiProblem(Problem problem, std::string collection, gate::State state);
  AbiProblem(const AbiProblem&) = delete;
  AbiProblem& operator=(const AbiProblem&) = delete;

  // Valid as long as this object.
  const ruvector_problem& get() const { return abi_; }

 private:
  const Problem problem_;
  const std::string collection_;
  std::vector<ruvector_subject> subjects_;
  ruvector_problem abi_;
};

}  // namespace ruvector::healing

#endif  // RUVECTOR_CORE_HEALING_PROBLEM_ABI_H_
