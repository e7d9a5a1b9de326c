// EncodeMemory, DecodeMemory.
#include <string>
#include <utility>

#include "core/base/status_macros.h"
#include "core/document/record.h"
#include "core/healing/engine.h"

namespace ruvector::healing {
namespace {

using document::RecordReader;
using document::Stored;
using nlohmann::json;

json WriteUntil(const std::map<std::string, absl::Time>& names) {
  json array = json::array();
  for (const auto& [name, until] : names) {
    array.push_back({{"name", name}, {"until", Stored(until)}});
  }
  return array;
}

auto ReadUntil(std::map<std::string, absl::Time>& out) {
  return [&out](RecordReader& item) {
    std::string name;
    absl::Time until;
    item.Get("name", name).Get("until", until);
    out[name] = until;
    return item.status();
  };
}

}  // namespace

std::string EncodeMemory(const EngineMemory& memory) {
  json incidents = json::array();
  for (const auto& [key, of] : memory.incidents) {
    incidents.push_back({{"collection", key.collection},
                         {"class", key.problem.problem_class},
                         {"cause", key.problem.cause},
                         {"ineffective", of.ineffective},
                         {"open", of.open},
                         {"absent_since", Stored(of.absent_since)},
                         {"ruled_out", WriteUntil(of.ruled_out)},
                         {"unfit", WriteUntil(of.unfit)},
                         {"tried", WriteUntil(of.tried)}});
  }
  json collections = json::array();
  for (const auto& [name, of] : memory.collections) {
    collections.push_back({{"name", name},
                           {"attempts", Stored(of.attempts)},
                           {"pause_until", Stored(of.pause_until)}});
  }
  json strategies = json::array();
  for (const auto& [name, of] : memory.strategies) {
    strategies.push_back({{"name", name},
                          {"identity", of.identity},
                          {"faults", of.faults},
                          {"quarantined", of.quarantined}});
  }
  return document::Dump({{"next_action", memory.next_action},
                         {"seed", memory.seed},
                         {"incidents", std::move(incidents)},
                         {"collections", std::move(collections)},
                         {"strategies", std::move(strategies)},
                         {"learner", memory.learner.Encode()}});
}

absl::StatusOr<EngineMemory> DecodeMemory(std::string_view text) {
  RV_ASSIGN_OR_RETURN(const json object,
                      document::ParseRecord(text, "healing memory"));
  EngineMemory memory;
  std::string learner;
  RecordReader reader(object, "healing memory");
  reader.Get("next_action", memory.next_action)
      .Get("seed", memory.seed)
      .Each("incidents",
            [&](RecordReader& item) {
              IncidentKey key;
              EngineMemory::OfIncident of;
              item.Get("collection", key.collection)
                  .Get("class", key.problem.problem_class)
                  .Get("cause", key.problem.cause)
                  .Get("ineffective", of.ineffective)
                  .Get("open", of.open)
                  .Get("absent_since", of.absent_since)
                  .Each("ruled_out", ReadUntil(of.ruled_out))
                  .Each("unfit", ReadUntil(of.unfit))
                  .Each("tried", ReadUntil(of.tried));
              memory.incidents[key] = std::move(of);
              return item.status();
            })
      .Each("collections",
            [&](RecordReader& item) {
              std::string name;
              EngineMemory::OfCollection of;
              item.Get("name", name)
                  .Get("attempts", of.attempts)
                  .Get("pause_until", of.pause_until);
              memory.collections[name] = std::move(of);
              return item.status();
            })
      .Each("strategies",
            [&](RecordReader& item) {
              std::string name;
              EngineMemory::OfStrategy of;
              item.Get("name", name)
                  .Get("identity", of.identity)
                  .Get("faults", of.faults)
                  .Get("quarantined", of.quarantined);
              memory.strategies[name] = std::move(of);
              return item.status();
            })
      .Get("learner", learner);
  RV_RETURN_IF_ERROR(reader.status());
  RV_ASSIGN_OR_RETURN(memory.learner, Learner::Decode(learner));
  return memory;
}

}  // namespace ruvector::healing
