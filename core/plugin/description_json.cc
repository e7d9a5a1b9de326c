#include <cmath>
#include <limits>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/plugin/description.h"
#include "nlohmann/json.hpp"

namespace ruvector::plugin {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxLine = 65536;

Json ToJson(const ParameterDescription& p) {
  Json json = {{"name", p.name}, {"description", p.description}};
  if (p.number.has_value()) {
    json["minimum"] = p.minimum;
    json["maximum"] = p.maximum;
    json["number"] = *p.number;
  }
  if (p.text.has_value()) json["text"] = *p.text;
  return json;
}

Json ToJson(const ExpectationDescription& e) {
  return {{"metric", e.metric},
          {"subject", e.subject},
          {"must_rise", e.must_rise},
          {"margin", e.margin}};
}

template <class T>
Json ToJsonList(const std::vector<T>& items) {
  Json list = Json::array();
  for (const T& item : items) list.push_back(ToJson(item));
  return list;
}

Json ToJson(const StrategyDescription& s) {
  return {{"impact", s.impact},
          {"reversible", s.reversible},
          {"asks_first", s.asks_first},
          {"action_kinds", s.action_kinds},
          {"metrics", s.metrics},
          {"target", ToJson(s.target)},
          {"guards", ToJsonList(s.guards)}};
}

// Takes fields out of one object; the first that does not fit is remembered,
// so that a reader is a list of fields.
class Reader {
 public:
  Reader(const Json& json, std::string path)
      : json_(json), path_(std::move(path)) {
    if (!json.is_object()) Fail("", "an object");
  }

  bool Has(const char* key) const {
    return json_.is_object() && json_.contains(key);
  }

  void Read(const char* key, std::string& out) {
    if (const Json* j = Get(key); j && j->is_string()) {
      out = j->get<std::string>();
    } else {
      Fail(key, "a string");
    }
  }
  void Read(const char* key, double& out) {
    if (const Json* j = Get(key); j && j->is_number()) {
      out = j->get<double>();
    } else {
      Fail(key, "a number");
    }
  }
  void Read(const char* key, bool& out) {
    if (const Json* j = Get(key); j && j->is_boolean()) {
      out = j->get<bool>();
    } else {
      Fail(key, "true or false");
    }
  }
  void Read(const char* key, uint32_t& out) {
    const Json* j = Get(key);
    if (!j || !ToUint32(*j, out)) Fail(key, "a 32-bit unsigned integer");
  }
  void Read(const char* key, std::vector<std::string>& out) {
    for (const Json& j : List(key)) {
      if (!j.is_string()) return Fail(key, "a list of strings");
      out.push_back(j.get<std::string>());
    }
  }
  void Read(const char* key, std::vector<uint32_t>& out) {
    for (const Json& j : List(key)) {
      uint32_t value = 0;
      if (!ToUint32(j, value)) return Fail(key, "a list of unsigned integers");
      out.push_back(value);
    }
  }
  template <class T>
  void Read(const char* key, std::optional<T>& out) {
    if (Has(key)) Read(key, out.emplace());
  }
  // An object, or a list of objects, for which ReadFields is overloaded.
  template <class T, class Fields>
  void ReadObject(const char* key, T& out, Fields fields) {
    const Json* j = Get(key);
    if (!j) return Fail(key, "an object");
    Reader inner(*j, absl::StrCat(path_, key, "."));
    fields(inner, out);
    if (!inner.status_.ok() && status_.ok()) status_ = inner.status_;
  }
  template <class T, class Fields>
  void ReadObjects(const char* key, std::vector<T>& out, Fields fields) {
    for (const Json& j : List(key)) {
      Reader inner(j, absl::StrCat(path_, key, "[", out.size(), "]."));
      fields(inner, out.emplace_back());
      if (!inner.status_.ok() && status_.ok()) status_ = inner.status_;
    }
  }

  const absl::Status& status() const { return status_; }

 private:
  const Json* Get(const char* key) const {
    return Has(key) ? &json_[key] : nullptr;
  }
  const Json& List(const char* key) {
    static const Json& kEmpty = *new Json(Json::array());
    const Json* j = Get(key);
    if (j && j->is_array()) return *j;
    Fail(key, "a list");
    return kEmpty;
  }
  static bool ToUint32(const Json& json, uint32_t& out) {
    if (!json.is_number_unsigned()) return false;
    const uint64_t value = json.get<uint64_t>();
    if (value > std::numeric_limits<uint32_t>::max()) return false;
    out = static_cast<uint32_t>(value);
    return true;
  }
  void Fail(const char* key, const char* expected) {
    if (!status_.ok()) return;
    status_ = absl::InvalidArgumentError(
        absl::StrCat("'", path_, key, "' is not ", expected));
  }

  const Json& json_;
  std::string path_;
  absl::Status status_;
};

void ReadParameter(Reader& r, ParameterDescription& p) {
  r.Read("name", p.name);
  r.Read("description", p.description);
  r.Read("number", p.number);
  r.Read("text", p.text);
  if (p.number.has_value()) {
    r.Read("minimum", p.minimum);
    r.Read("maximum", p.maximum);
  }
}

void ReadExpectation(Reader& r, ExpectationDescription& e) {
  r.Read("metric", e.metric);
  r.Read("subject", e.subject);
  r.Read("must_rise", e.must_rise);
  r.Read("margin", e.margin);
}

void ReadStrategy(Reader& r, StrategyDescription& s) {
  r.Read("impact", s.impact);
  r.Read("reversible", s.reversible);
  r.Read("asks_first", s.asks_first);
  r.Read("action_kinds", s.action_kinds);
  r.Read("metrics", s.metrics);
  r.ReadObject("target", s.target, ReadExpectation);
  r.ReadObjects("guards", s.guards, ReadExpectation);
}

void ReadAttention(Reader& r, AttentionDescription& a) {
  r.Read("context_required", a.context_required);
  r.Read("context_used", a.context_used);
}

void ReadPlugin(Reader& r, PluginDescription& d) {
  r.Read("name", d.name);
  r.Read("version", d.version);
  r.Read("description", d.description);
  r.Read("license", d.license);
  r.Read("abi_minor", d.abi_minor);
  r.Read("handles", d.handles);
  r.ReadObjects("parameters", d.parameters, ReadParameter);
  if (r.Has("strategy")) {
    d.kind = PluginKind::kStrategy;
    r.ReadObject("strategy", d.strategy.emplace(), ReadStrategy);
  }
  if (r.Has("attention")) {
    d.kind = PluginKind::kAttention;
    r.ReadObject("attention", d.attention.emplace(), ReadAttention);
  }
}

}  // namespace

std::string DescriptionToJson(const PluginDescription& d) {
  Json json = {{"name", d.name},
               {"version", d.version},
               {"description", d.description},
               {"license", d.license},
               {"abi_minor", d.abi_minor},
               {"handles", d.handles},
               {"parameters", ToJsonList(d.parameters)}};
  if (d.strategy.has_value()) json["strategy"] = ToJson(*d.strategy);
  if (d.attention.has_value()) {
    json["attention"] = {{"context_required", d.attention->context_required},
                         {"context_used", d.attention->context_used}};
  }
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

absl::StatusOr<PluginDescription> DescriptionFromJson(std::string_view line) {
  if (line.size() > kMaxLine) {
    return absl::InvalidArgumentError(
        absl::StrCat("description has ", line.size(),
                     " bytes, expected at most ", kMaxLine));
  }
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    return absl::InvalidArgumentError("description is not JSON");
  }
  PluginDescription d;
  Reader reader(json, "");
  ReadPlugin(reader, d);
  RV_RETURN_IF_ERROR(reader.status());
  RV_RETURN_IF_ERROR(ValidateDescription(d));
  return d;
}

}  // namespace ruvector::plugin
