#include "core/kubernetes/answer.h"

#include <array>
#include <limits>
#include <map>

#include "absl/strings/ascii.h"
#include "nlohmann/json.hpp"

namespace ruvector::kubernetes {
namespace {

using nlohmann::json;

constexpr size_t kMaxTextBytes = 300;
constexpr size_t kMaxVersionBytes = 200;

// Keeps the texts and integers at the top and one object below it: "kind",
// "metadata.resourceVersion". All that these answers are asked for lies there.
class Collector final : public nlohmann::json_sax<json> {
 public:
  std::map<std::string, std::string> texts;
  std::map<std::string, int64_t> integers;

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t value) override {
    return Keep(integers, int64_t{value});
  }
  bool number_unsigned(number_unsigned_t value) override {
    constexpr auto kMost =
        static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    return value > kMost || Keep(integers, static_cast<int64_t>(value));
  }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t& value) override {
    return value.size() > 4096 || Keep(texts, value);
  }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override {
    if (depth_ < 2) is_object_[depth_] = true;
    ++depth_;
    return true;
  }
  bool end_object() override { return End(); }
  bool start_array(size_t) override {
    if (depth_ < 2) is_object_[depth_] = false;
    ++depth_;
    return true;
  }
  bool end_array() override { return End(); }
  bool key(string_t& value) override {
    if (depth_ >= 1 && depth_ <= 2) {
      keys_[depth_ - 1] = value.size() > 64 ? std::string() : value;
    }
    return true;
  }
  bool parse_error(size_t, const std::string&,
                   const json::exception&) override {
    return false;
  }

 private:
  bool End() {
    --depth_;
    return true;
  }
  template <typename M, typename V>
  bool Keep(M& values, const V& value) {
    if (depth_ == 1 && is_object_[0]) values[keys_[0]] = value;
    if (depth_ == 2 && is_object_[0] && is_object_[1] && Wanted()) {
      values[keys_[0] + "." + keys_[1]] = value;
    }
    return true;
  }
  // Nothing of anybody's labels: there is no end to these.
  bool Wanted() const {
    return keys_[0] == "metadata" || keys_[0] == "spec" || keys_[0] == "status";
  }

  size_t depth_ = 0;
  std::array<bool, 2> is_object_ = {};
  std::array<std::string, 2> keys_;
};

absl::StatusOr<Collector> Collect(std::string_view body, std::string_view kind,
                                  const std::string& name) {
  Collector collector;
  if (!json::sax_parse(body.begin(), body.end(), &collector)) {
    return absl::DataLossError("the API server answered with what is not JSON");
  }
  if (collector.texts["kind"] != kind ||
      collector.texts["metadata.name"] != name) {
    return absl::DataLossError("the API server answered with what is no " +
                               std::string(kind) + " \"" + name + "\"");
  }
  return collector;
}

absl::Status Missing(const char* field) {
  return absl::DataLossError(
      std::string("the API server's answer has no usable ") + field);
}

// The count at `path`; absent is none (omitempty), negative is nonsense.
bool Count(const Collector& from, const std::string& path, int64_t& out) {
  const auto found = from.integers.find(path);
  out = found == from.integers.end() ? 0 : found->second;
  return out >= 0;
}

}  // namespace

absl::StatusOr<ReplicaStatus> DecodeObject(const ObjectRef& object,
                                           std::string_view body) {
  const absl::StatusOr<Collector> all =
      Collect(body, KindName(object.kind), object.name);
  if (!all.ok()) return all.status();
  const bool cluster = object.kind == Kind::kCluster;
  const std::string spec = cluster ? "spec.instances" : "spec.replicas";
  const std::string current = cluster ? "status.instances" : "status.replicas";
  const std::string ready =
      cluster ? "status.readyInstances" : "status.readyReplicas";
  ReplicaStatus status;
  // Defaults are filled in by the API server: it is always there.
  if (all->integers.count(spec) == 0 || !Count(*all, spec, status.desired)) {
    return Missing(cluster ? "spec.instances" : "spec.replicas");
  }
  if (!Count(*all, current, status.current) ||
      !Count(*all, ready, status.ready)) {
    return Missing("status");
  }
  int64_t generation = 0;
  int64_t seen = 0;
  if (!Count(*all, "metadata.generation", generation) ||
      !Count(*all, "status.observedGeneration", seen)) {
    return Missing("generation");
  }
  status.observed = cluster || seen >= generation;
  return status;
}

absl::StatusOr<Scale> DecodeScale(const ObjectRef& object,
                                  std::string_view body) {
  const absl::StatusOr<Collector> all = Collect(body, "Scale", object.name);
  if (!all.ok()) return all.status();
  Scale scale;
  if (!Count(*all, "spec.replicas", scale.replicas)) {
    return Missing("spec.replicas");
  }
  const auto version = all->texts.find("metadata.resourceVersion");
  if (version == all->texts.end() || version->second.empty() ||
      version->second.size() > kMaxVersionBytes) {
    return Missing("metadata.resourceVersion");
  }
  scale.resource_version = version->second;
  return scale;
}

std::string DecodeRefusal(std::string_view body) {
  Collector collector;
  if (!json::sax_parse(body.begin(), body.end(), &collector) ||
      collector.texts["kind"] != "Status") {
    return std::string();
  }
  return Printable(collector.texts["message"]);
}

std::string Printable(std::string_view text) {
  std::string clean;
  for (const char c : text.substr(0, kMaxTextBytes)) {
    clean += absl::ascii_isprint(static_cast<unsigned char>(c)) ? c : '?';
  }
  return clean;
}

std::string EncodePatch(const Scale& scale, int64_t replicas) {
  return json({{"metadata", {{"resourceVersion", scale.resource_version}}},
               {"spec", {{"replicas", replicas}}}})
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace ruvector::kubernetes
