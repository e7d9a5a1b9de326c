#include "core/healing/problem_abi.h"

#include <utility>

namespace ruvector::healing {
namespace {

static_assert(
    static_cast<uint32_t>(gate::State::kNormal) == RUVECTOR_STATE_NORMAL &&
    static_cast<uint32_t>(gate::State::kStress) == RUVECTOR_STATE_STRESS &&
    static_cast<uint32_t>(gate::State::kCritical) == RUVECTOR_STATE_CRITICAL);

}  // namespace

AbiProblem::AbiProblem(Problem problem, std::string collection,
                       gate::State state)
    : problem_(std::move(problem)), collection_(std::move(collection)) {
  for (const Subject& subject : problem_.subjects) {
    subjects_.push_back({subject.kind, subject.name.c_str(), subject.share});
  }
  abi_ = {};
  abi_.struct_size = sizeof(abi_);
  abi_.subject_count = static_cast<uint32_t>(subjects_.size());
  // Names are literals: NUL-terminated.
  abi_.problem_class = ToString(problem_.problem_class()).data();
  abi_.cause = ToString(problem_.cause).data();
  abi_.collection = collection_.c_str();
  abi_.state = static_cast<uint32_t>(state);
  abi_.severity = problem_.severity;
  abi_.confidence = problem_.confidence;
  abi_.subjects = subjects_.empty() ? nullptr : subjects_.data();
}

}  // namespace ruvector::healing
