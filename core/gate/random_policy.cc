#include "core/gate/random_policy.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/gate/policy_keys.h"

namespace ruvector::gate {
namespace {

std::string Word(Rng& rng) {
  std::string word;
  for (uint64_t n = 1 + rng.Below(8); n > 0; --n) {
    word += static_cast<char>('a' + rng.Below(26));
  }
  return word;
}

void Draw(Rng& rng, const PolicyKey&, bool& out) { out = rng.Below(2) == 0; }

// Small values are likelier: limits of millions would hide each other.
void Draw(Rng& rng, const PolicyKey& key, int64_t& out) {
  const double width = key.max - key.min;
  const double most = rng.Below(2) == 0 ? std::min(width, 200.0) : width;
  out = static_cast<int64_t>(key.min) +
        static_cast<int64_t>(rng.Below(static_cast<uint64_t>(most) + 1));
}

void Draw(Rng& rng, const PolicyKey& key, double& out) {
  out = key.min + rng.Uniform() * (key.max - key.min);
}

template <typename T>
void Draw(Rng& rng, const PolicyKey& key, std::optional<T>& out) {
  out.reset();
  if (rng.Below(3) == 0) return;
  T value;
  Draw(rng, key, value);
  out = value;
}

void Draw(Rng& rng, const PolicyKey&, std::string& out) { out = Word(rng); }

void Draw(Rng& rng, const PolicyKey&, Mode& out) {
  out = rng.Below(4) == 0 ? Mode::kShadow : Mode::kEnforce;
}

void Draw(Rng& rng, const PolicyKey&, std::vector<Channel>& out) {
  out.clear();
  for (uint64_t n = rng.Below(3); n > 0; --n) {
    // The digit keeps them apart.
    const std::string word = Word(rng) + std::to_string(n);
    if (rng.Below(2) == 0) {
      out.push_back({Channel::Type::kPgNotify, word});
    } else {
      out.push_back({Channel::Type::kWebhook, "https://" + word});
    }
  }
}

void Draw(Rng& rng, const PolicyKey&, std::vector<CustomAction>& out) {
  out.clear();
  for (uint64_t n = rng.Below(3); n > 0; --n) {
    out.push_back({Word(rng), Word(rng), {Word(rng), ""}});
  }
}

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() &&
         text.substr(text.size() - end.size()) == end;
}

// Makes every ramp rise; the rows of a ramp are neighbours.
void SortRamps(Policy& policy) {
  const PolicyKey* previous = nullptr;
  for (const PolicyKey& key : PolicyKeys()) {
    if (EndsWith(key.path, ".bad")) {
      double& good = std::get<Field<double>>(previous->field)(policy, {});
      double& bad = std::get<Field<double>>(key.field)(policy, {});
      if (good > bad) std::swap(good, bad);
    }
    previous = &key;
  }
}

// The rules between fields.
void Reconcile(Policy& policy) {
  if (policy.threshold_low >= policy.threshold_high) {
    std::swap(policy.threshold_low, policy.threshold_high);
    policy.threshold_high = std::max(policy.threshold_high, 0.03);
    policy.threshold_low =
        std::min(policy.threshold_low, policy.threshold_high / 2);
  }
  for (std::optional<double>* floor : {&policy.capacity.dependency_floor,
                                       &policy.capacity.async_replica_floor}) {
    if (!floor->has_value()) continue;
    const double within = 0.1 + 0.8 * **floor;
    *floor = policy.threshold_low +
             within * (policy.threshold_high - policy.threshold_low);
  }
  SortRamps(policy);
  policy.health.xid_age = graph::HealthLimits().xid_age;
  policy.health.disk_used = graph::HealthLimits().disk_used;
}

}  // namespace

Policy RandomPolicy(Rng& rng, double share) {
  Policy policy;
  for (const PolicyKey& key : PolicyKeys()) {
    for (State state : kAllStates) {
      if (!key.per_state && state != State::kNormal) break;
      if (rng.Uniform() >= share) continue;
      std::visit([&](auto field) { Draw(rng, key, field(policy, state)); },
                 key.field);
    }
  }
  Reconcile(policy);
  return policy;
}

}  // namespace ruvector::gate
