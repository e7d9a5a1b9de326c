// Learner::Encode, Learner::Decode.
#include <string>

#include "core/base/status_macros.h"
#include "core/document/record.h"
#include "core/healing/learner.h"

namespace ruvector::healing {

using document::RecordReader;
using document::Stored;
using nlohmann::json;

std::string Learner::Encode() const {
  json arms = json::array();
  for (const auto& [key, arm] : arms_) {
    arms.push_back({{"class", key.first.problem_class},
                    {"cause", key.first.cause},
                    {"strategy", key.second},
                    {"impact", Stored(arm.impact)},
                    {"successes", Stored(arm.successes)},
                    {"failures", Stored(arm.failures)},
                    {"improvement", Stored(arm.improvement)},
                    {"improvements", Stored(arm.improvements)},
                    {"attempts", arm.attempts},
                    {"verified", arm.verified},
                    {"updated", Stored(arm.updated)}});
  }
  return document::Dump({{"arms", std::move(arms)}});
}

absl::StatusOr<Learner> Learner::Decode(std::string_view text,
                                        LearnerOptions options) {
  RV_ASSIGN_OR_RETURN(const json object,
                      document::ParseRecord(text, "learner"));
  Learner learner(options);
  RecordReader reader(object, "learner");
  reader.Each("arms", [&](RecordReader& item) {
    ArmKey key;
    Arm arm;
    item.Get("class", key.first.problem_class)
        .Get("cause", key.first.cause)
        .Get("strategy", key.second)
        .Get("impact", arm.impact)
        .Get("successes", arm.successes)
        .Get("failures", arm.failures)
        .Get("improvement", arm.improvement)
        .Get("improvements", arm.improvements)
        .Get("attempts", arm.attempts)
        .Get("verified", arm.verified)
        .Get("updated", arm.updated);
    RV_RETURN_IF_ERROR(item.status());
    const bool sane = arm.impact >= 0 && arm.impact <= 1 &&
                      arm.successes >= 0 && arm.failures >= 0 &&
                      arm.improvements >= 0;
    if (!sane || !learner.arms_.emplace(key, arm).second) {
      return absl::DataLossError("learner: an arm is out of range or twice");
    }
    return absl::OkStatus();
  });
  RV_RETURN_IF_ERROR(reader.status());
  return learner;
}

}  // namespace ruvector::healing
