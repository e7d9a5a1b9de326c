// What to heal, with what, and whether it may begin.
#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/healing/stepper.h"

namespace ruvector::healing {
namespace {

constexpr std::string_view kUnknownClass = "unknown";

bool Until(const std::map<std::string, absl::Time>& names,
           const std::string& name, absl::Time now) {
  const auto found = names.find(name);
  return found != names.end() && now < found->second;
}

}  // namespace

bool Stepper::IsPresent(const IncidentKey& key) const {
  return std::any_of(s_.problems.begin(), s_.problems.end(),
                     [&](const Incident& i) { return KeyOf(i) == key; });
}

bool Stepper::IsGone(const Action& a) const {
  return a.initiated_by.empty() &&
         s_.looked_at.count(a.incident.collection) != 0 &&
         !IsPresent(KeyOf(a.incident));
}

bool Stepper::HasOpen(const IncidentKey& key) const {
  return std::any_of(s_.open.begin(), s_.open.end(), [&](const auto& entry) {
    return KeyOf(entry.second.action.incident) == key;
  });
}

const StrategyProfile* Stepper::Choose(const Incident& incident) {
  const auto memory = s_.memory.incidents.find(KeyOf(incident));
  // From what may run by itself and is untried down to what only reports.
  constexpr int kTiers = 5;
  std::vector<Candidate> tiers[kTiers];
  for (const auto& [name, profile] : s_.strategies) {
    if (!profile.Handles(incident.problem_class)) continue;
    const auto faults = s_.memory.strategies.find(name);
    if (faults != s_.memory.strategies.end() && faults->second.quarantined) {
      continue;
    }
    bool tried = false;
    if (memory != s_.memory.incidents.end()) {
      if (Until(memory->second.ruled_out, name, now_) ||
          Until(memory->second.unfit, name, now_)) {
        continue;
      }
      tried = Until(memory->second.tried, name, now_);
    }
    const Candidate candidate{name, profile.impact};
    switch (EffectiveMode(s_.config, name, profile.asks_first,
                          incident.problem_class)) {
      case StrategyMode::kOff:
        break;
      case StrategyMode::kReport:
        tiers[4].push_back(candidate);
        break;
      case StrategyMode::kApprove:
        tiers[tried ? 3 : 1].push_back(candidate);
        break;
      case StrategyMode::kAuto:
        tiers[tried ? 2 : 0].push_back(candidate);
        break;
    }
  }
  for (const std::vector<Candidate>& tier : tiers) {
    std::optional<std::string> chosen;
    if (s_.config.learning_enabled) {
      Rng rng(s_.memory.seed);
      chosen = s_.memory.learner.Choose(
          ProblemOf(incident), tier, s_.config.max_auto_heal_impact, now_, rng);
      s_.memory.seed = rng.Next();
    } else {
      chosen = Learner::ChooseGentlest(tier, s_.config.max_auto_heal_impact);
    }
    if (chosen.has_value()) return &s_.strategies.at(*chosen);
  }
  return nullptr;
}

std::string Stepper::WhyNot(const Incident& incident) {
  if (incident.problem_class == kUnknownClass) {
    return "the cause is unknown: a person has to look";
  }
  if (!(incident.confidence >= s_.config.min_confidence)) {
    return absl::StrFormat("classified with confidence %.2g, less than %g",
                           incident.confidence, s_.config.min_confidence);
  }
  const auto memory = s_.memory.incidents.find(KeyOf(incident));
  if (memory != s_.memory.incidents.end() && memory->second.open) {
    return "healing has not helped: reset the breaker or heal by hand";
  }
  const auto found = s_.memory.collections.find(incident.collection);
  if (s_.config.max_attempts_per_window == 0) return "no attempts are allowed";
  if (found == s_.memory.collections.end()) return "";
  if (now_ < found->second.pause_until) {
    return "the collection pauses after an attempt";
  }
  const absl::Time begin = now_ - Seconds(s_.config.attempt_window_seconds);
  const auto& attempts = found->second.attempts;
  if (std::count_if(attempts.begin(), attempts.end(), [&](absl::Time at) {
        return at > begin;
      }) >= s_.config.max_attempts_per_window) {
    return "the attempts of the window are used up";
  }
  return "";
}

void Stepper::ProposeFromPass() {
  std::map<IncidentKey, std::string> deferred;
  for (const Incident& incident : s_.problems) {
    const IncidentKey key = KeyOf(incident);
    if (HasOpen(key)) continue;
    std::string why = WhyNot(incident);
    if (why.empty()) {
      if (const StrategyProfile* strategy = Choose(incident)) {
        Propose(incident, *strategy, "", false, "", true);
        continue;
      }
      why = "no strategy that may be used handles it";
    }
    const auto before = s_.deferred.find(key);
    if (before == s_.deferred.end() || before->second != why) {
      Emit("deferred", nullptr, incident.collection,
           absl::StrCat(incident.problem_class, ": ", why));
    }
    deferred[key] = std::move(why);
  }
  s_.deferred = std::move(deferred);
}

int64_t Stepper::Propose(const Incident& incident,
                         const StrategyProfile& strategy, const std::string& by,
                         bool named, const std::string& parameters,
                         bool known_problem) {
  const int64_t id = s_.memory.next_action++;
  OpenAction& open = s_.open[id];
  Action& a = open.action;
  a.id = id;
  a.created = now_;
  a.since = now_;
  a.incident = incident;
  a.strategy = strategy.name;
  a.impact = strategy.impact;
  a.asks_first = strategy.asks_first;
  a.expectations = ExpectationsFor(strategy, s_.config);
  a.initiated_by = by;
  a.named = named;
  a.parameters = parameters;
  a.known_problem = known_problem;
  open.deadline = now_ + Seconds(s_.config.timeouts.plan_seconds);
  Emit("proposed", &a, incident.collection, strategy.name);
  effects_.push_back(AskPlan{a, *open.deadline});
  return id;
}

std::string Stepper::WhyBeyond(const Action& a) const {
  const BlastLimits& limits = s_.config.blast_radius;
  const auto beyond = [](std::string_view what, double estimate,
                         int64_t limit) {
    // An unknown estimate is bounded by the host while it acts.
    if (!(estimate > static_cast<double>(limit))) return std::string();
    return absl::StrFormat("the plan's %g %s are beyond blast_radius.max_%s %d",
                           estimate, what, what, limit);
  };
  std::string why = beyond("rows", a.plan.rows, limits.max_rows);
  if (why.empty()) why = beyond("bytes", a.plan.bytes, limits.max_bytes);
  if (why.empty()) why = beyond("seconds", a.plan.seconds, limits.max_seconds);
  if (!why.empty()) return why;
  if (a.plan.lock_level > limits.max_lock_level) {
    return absl::StrFormat(
        "the plan's lock %s is beyond blast_radius.max_lock_level %s",
        LockLevelName(a.plan.lock_level), LockLevelName(limits.max_lock_level));
  }
  if (!a.named && a.impact > s_.config.max_auto_heal_impact) {
    return absl::StrFormat("impact %g is beyond max_auto_heal_impact %g",
                           a.impact, s_.config.max_auto_heal_impact);
  }
  if (a.impact > s_.config.max_impact_in_flight) {
    return absl::StrFormat("impact %g is beyond max_impact_in_flight %g",
                           a.impact, s_.config.max_impact_in_flight);
  }
  return "";
}

std::string Stepper::WhyNotAdmitted(const OpenAction& open,
                                    absl::Time* retry) const {
  const Action& a = open.action;
  if (now_ < open.not_before) {
    *retry = open.not_before;
    return a.reason;  // no worker, or no intent
  }
  if (a.initiated_by.empty()) {
    if (!IsPresent(KeyOf(a.incident))) return "waits for a pass";
    if (!WithinAllowedHours(s_.config.allowed_hours, now_)) {
      *retry = NextAllowed(s_.config.allowed_hours, now_);
      return "waits for the allowed hours";
    }
  }
  const auto memory = s_.memory.collections.find(a.incident.collection);
  if (memory != s_.memory.collections.end()) {
    if (a.initiated_by.empty() && now_ < memory->second.pause_until) {
      *retry = memory->second.pause_until;
      return "the collection pauses after an attempt";
    }
    const absl::Duration window = Seconds(s_.config.attempt_window_seconds);
    const std::vector<absl::Time>& attempts = memory->second.attempts;
    const auto first =
        std::upper_bound(attempts.begin(), attempts.end(), now_ - window);
    if (attempts.end() - first >= s_.config.max_attempts_per_window) {
      if (first != attempts.end()) *retry = *first + window;
      return "the attempts of the window are used up";
    }
  } else if (s_.config.max_attempts_per_window == 0) {
    return "no attempts are allowed";
  }
  double in_flight = a.impact;
  for (const auto& [id, other] : s_.open) {
    if (!IsInFlight(other.action.state)) continue;
    in_flight += other.action.impact;
    if (other.action.incident.collection == a.incident.collection) {
      return absl::StrCat("waits for action ", id, " on the same collection");
    }
    for (const std::string& object : a.plan.objects) {
      const auto& taken = other.action.plan.objects;
      if (std::find(taken.begin(), taken.end(), object) != taken.end()) {
        return absl::StrCat("waits for action ", id, " on ", object);
      }
    }
  }
  if (in_flight > s_.config.max_impact_in_flight) {
    return "waits for the impact of other actions to end";
  }
  return "";
}

}  // namespace ruvector::healing
