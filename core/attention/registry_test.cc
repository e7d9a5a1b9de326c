#include "core/attention/registry.h"

#include <cstring>
#include <vector>

#include "core/plugin/attention_plugin.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ruvector::attention {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Uniform : sdk::AttentionMechanism {
  static constexpr char kName[] = "uniform";
  static constexpr char kVersion[] = "1.0.0";
  static constexpr char kDescription[] = "Equal weights.";
  static constexpr char kLicense[] = "MIT";
  static constexpr uint32_t kContextRequired = RUVECTOR_CONTEXT_HOPS;
  static sdk::Status Score(const sdk::AttentionCall& call, double* scores) {
    std::fill_n(scores, call.count(), 0.0);
    return sdk::Status();
  }
};
constexpr const ruvector_plugin_descriptor& kUniform =
    sdk::AttentionPlugin<Uniform>::kDescriptor;

// What a plugin that does not use the C++ layer may get wrong.
template <int kFault>
int32_t Faulty(const ruvector_value*, const ruvector_attention_input* in,
               ruvector_attention_output* out, char* error, size_t size) {
  for (uint32_t i = 0; i < in->count; ++i) out->weights[i] = 1.0f / in->count;
  std::fill_n(out->aggregated, in->dim, 0.0f);
  if (kFault == 1) out->weights[0] = __builtin_nanf("");
  if (kFault == 2) out->weights[0] = 0.9f;
  if (kFault == 3) out->aggregated[0] = __builtin_inff();
  if (kFault != 4) return RUVECTOR_OK;
  strncpy(error, "it rained", size);
  return RUVECTOR_UNAVAILABLE;
}

template <int kFault>
absl::Status AttendFaulty() {
  ruvector_attention_table table = sdk::AttentionPlugin<Uniform>::kTable;
  table.forward = &Faulty<kFault>;
  ruvector_plugin_descriptor descriptor = kUniform;
  descriptor.attention = &table;
  MechanismRegistry registry;
  EXPECT_TRUE(registry.Add(&descriptor).ok());
  const float numbers[] = {1, 2};
  const int32_t hops[] = {1, 2};
  AttentionRequest request;
  request.query = absl::MakeSpan(numbers).subspan(0, 1);
  request.keys = absl::MakeSpan(numbers);
  request.hops = absl::MakeSpan(hops);
  return registry.Find("uniform")->Attend(request).status();
}

TEST(MechanismRegistryTest, ABrokenContractIsAnInternalError) {
  EXPECT_THAT(AttendFaulty<1>().message(), HasSubstr("returned weight nan"));
  EXPECT_THAT(AttendFaulty<2>().message(), HasSubstr("weights of sum 1.4"));
  EXPECT_THAT(AttendFaulty<3>().message(), HasSubstr("returned aggregate inf"));
  EXPECT_EQ(AttendFaulty<3>().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(AttendFaulty<4>().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(AttendFaulty<4>().message(), "mechanism 'uniform': it rained");
}

TEST(MechanismRegistryTest, DuplicateAndUnknownAreStatuses) {
  MechanismRegistry registry;
  ASSERT_TRUE(registry.Add(&kUniform).ok());
  EXPECT_EQ(registry.Add(&kUniform).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(registry.Names(), ElementsAre("uniform"));
  const auto missing = registry.Find("unifrom");
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(missing.status().message(),
              HasSubstr("unknown attention mechanism 'unifrom', known are: "
                        "uniform"));
  EXPECT_EQ(registry.Add(nullptr).code(), absl::StatusCode::kInvalidArgument);
}

TEST(MechanismRegistryTest, AMechanismOutlivesItsRegistry) {
  std::optional<Mechanism> mechanism;
  {
    MechanismRegistry registry;
    ASSERT_TRUE(registry.Add(&kUniform).ok());
    mechanism = *registry.Find("uniform");
  }
  EXPECT_EQ(mechanism->name(), "uniform");
}

TEST(MechanismRegistryTest, EmptyAndMissingInput) {
  MechanismRegistry registry;
  ASSERT_TRUE(registry.Add(&kUniform).ok());
  const Mechanism uniform = *registry.Find("uniform");
  const float numbers[] = {1, 2};
  AttentionRequest request;
  EXPECT_THAT(uniform.Attend(request).status().message(),
              HasSubstr("query has 0 dimensions, expected 1 to 16000"));
  request.query = absl::MakeSpan(numbers);
  const auto empty = uniform.Attend(request);
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_TRUE(empty->weights.empty());
  EXPECT_THAT(empty->aggregated, ElementsAre(0, 0));
  request.keys = absl::MakeSpan(numbers);
  EXPECT_THAT(uniform.Attend(request).status().message(),
              HasSubstr("required array 'hops' is missing"));
  request.query_depth = -1;
  EXPECT_THAT(uniform.Attend(request).status().message(),
              HasSubstr("query depth is -1"));
}

}  // namespace
}  // namespace ruvector::attention
