#include "core/healing/action.h"

#include <set>

namespace ruvector::healing {

bool HasApproval(const Action& action, const Approval& rules) {
  std::set<std::string> persons(action.approved_by.begin(),
                                action.approved_by.end());
  if (!rules.second_person) return action.named || !persons.empty();
  if (!action.initiated_by.empty()) persons.insert(action.initiated_by);
  return persons.size() >= 2;
}

}  // namespace ruvector::healing
