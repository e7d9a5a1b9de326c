#include "plugins/testing/attention/oracle.h"

#include <cmath>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/rng.h"
#include "rapidcheck.h"

extern "C" const ruvector_plugin_descriptor* ruvector_plugin_v1_topological(
    void);

namespace ruvector::attention {

AttentionRequest Case::Request() const {
  AttentionRequest request;
  request.query = query;
  request.keys = keys;
  return request;
}

Case AnyCase() {
  Case c;
  c.count = *rc::gen::inRange<size_t>(1, 41).as("entries");
  c.dim = *rc::gen::inRange<size_t>(1, 25).as("dimensions");
  Rng rng(*rc::gen::arbitrary<uint64_t>().as("seed"));
  const auto number = [&rng] {
    return static_cast<float>(4 * rng.Uniform() - 2);
  };
  for (size_t j = 0; j < c.dim; ++j) c.query.push_back(number());
  for (size_t j = 0; j < c.count * c.dim; ++j) c.keys.push_back(number());
  for (size_t i = 0; i < c.count; ++i) {
    c.hops.push_back(static_cast<int32_t>(rng.Below(8)));
    c.depths.push_back(static_cast<int32_t>(rng.Below(20)));
    c.criticalities.push_back(
        rng.Below(5) == 0 ? 0.0f : static_cast<float>(rng.Uniform()));
    c.critical.push_back(rng.Below(2));
    c.parallel.push_back(rng.Below(3) == 0);
    c.common.push_back(rng.Below(2));
    c.times.push_back(1e6 + 300 * rng.Uniform());
  }
  return c;
}

double AnyNumber(double low, double high) {
  return low + (high - low) * *rc::gen::inRange(0, 1001) / 1000;
}

Numbers Similarity(const Case& c) {
  Numbers scores;
  for (size_t i = 0; i < c.count; ++i) {
    long double dot = 0;
    for (size_t j = 0; j < c.dim; ++j) {
      dot += static_cast<long double>(c.query[j]) * c.keys[i * c.dim + j];
    }
    scores.push_back(dot / std::sqrt(static_cast<long double>(c.dim)));
  }
  return scores;
}

Numbers Normalise(Numbers numbers) {
  long double sum = 0;
  for (long double number : numbers) sum += number;
  for (long double& number : numbers) number /= sum;
  return numbers;
}

Numbers Softmax(Numbers scores) {
  for (long double& score : scores) score = std::exp(score);
  return Normalise(std::move(scores));
}

std::string Difference(const absl::StatusOr<AttentionResult>& result,
                       const Numbers& expected, long double tolerance) {
  if (!result.ok()) return result.status().ToString();
  if (result->weights.size() != expected.size()) return "another length";
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!(std::abs(result->weights[i] - expected[i]) <= tolerance)) {
      return absl::StrCat("weight ", i, " is ", result->weights[i],
                          ", expected ", static_cast<double>(expected[i]));
    }
  }
  return "";
}

std::string DifferenceFromTopological(
    const absl::StatusOr<AttentionResult>& result, const Case& c) {
  if (!result.ok()) return result.status().ToString();
  static const Mechanism topological = Linked(&ruvector_plugin_v1_topological);
  const auto plain = topological.Attend(c.Request());
  if (!plain.ok()) return plain.status().ToString();
  return plain->weights == result->weights ? "" : "not as topological";
}

Mechanism Linked(const ruvector_plugin_descriptor* (*entry)(void)) {
  MechanismRegistry registry;
  if (!registry.Add(entry()).ok()) std::abort();
  return *registry.Find(entry()->name);
}

}  // namespace ruvector::attention
