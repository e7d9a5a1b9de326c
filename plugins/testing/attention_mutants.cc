// Mechanisms that are wrong in one way each, for kit_test.sh: the conformance
// kit must fail each of them, in the test that its name after "__" says.
#include <algorithm>
#include <cstring>

#include "core/plugin/attention_plugin.h"
#include "plugins/testing/attention_conformance.h"

namespace ruvector::plugin_testing {
namespace {

struct Base : sdk::AttentionMechanism {
  static constexpr char kName[] = "mutant";
  static constexpr char kVersion[] = "1.0.0";
  static constexpr char kDescription[] = "A mutant.";
  static constexpr char kLicense[] = "NOASSERTION";
  static constexpr uint32_t kContextRequired = RUVECTOR_CONTEXT_HOPS;
  static constexpr uint32_t kContextUsed = RUVECTOR_CONTEXT_COSTS;
  static constexpr ruvector_parameter kParameters[] = {
      sdk::NumberParameter("slope", "A slope.", 0, 10, 1)};

  static sdk::Status Score(const sdk::AttentionCall& call, double* scores) {
    for (uint32_t i = 0; i < call.count(); ++i) {
      scores[i] = call.ScaledDot(i) - call.parameter(0) * call.hops()[i];
    }
    return sdk::Status();
  }
};

using In = const ruvector_attention_input*;
using Out = ruvector_attention_output*;
using Mutation = int32_t (*)(In, Out, char*, size_t, int32_t code);

// The sound mechanism, then what the mutation does to its result.
template <Mutation kMutation>
int32_t Forward(const ruvector_value* parameters, In in, Out out, char* error,
                size_t size) {
  const int32_t code =
      sdk::AttentionPlugin<Base>::Forward(parameters, in, out, error, size);
  return kMutation(in, out, error, size, code);
}

template <Mutation kMutation>
const ruvector_plugin_descriptor* Entry() {
  static constexpr ruvector_attention_table kTable = [] {
    ruvector_attention_table table = sdk::AttentionPlugin<Base>::kTable;
    table.forward = &Forward<kMutation>;
    return table;
  }();
  static constexpr ruvector_plugin_descriptor kDescriptor = [] {
    ruvector_plugin_descriptor d = sdk::AttentionPlugin<Base>::kDescriptor;
    d.attention = &kTable;
    return d;
  }();
  return &kDescriptor;
}

int32_t None(In, Out, char*, size_t, int32_t code) { return code; }
int32_t WritesPastTheEnd(In in, Out out, char*, size_t, int32_t code) {
  if (code == RUVECTOR_OK && in->count > 0) out->weights[in->count] = 0;
  return code;
}
int32_t Unnormalised(In in, Out out, char*, size_t, int32_t code) {
  if (code == RUVECTOR_OK && in->count > 0) out->weights[0] *= 0.5f;
  return code;
}
int32_t KeepsState(In in, Out out, char*, size_t, int32_t code) {
  static uint32_t calls = 0;
  if (code == RUVECTOR_OK && in->count > 1) {
    std::swap(out->weights[0], out->weights[1 + calls++ % (in->count - 1)]);
  }
  return code;
}
int32_t DependsOnOrder(In in, Out out, char*, size_t, int32_t code) {
  if (code == RUVECTOR_OK) std::sort(out->weights, out->weights + in->count);
  return code;
}
int32_t AcceptsNan(In in, Out out, char*, size_t, int32_t code) {
  const bool nan =
      in != nullptr && in->query != nullptr && in->query[0] != in->query[0];
  if (!nan || code != RUVECTOR_INVALID_ARGUMENT) return code;
  std::fill_n(out->weights, in->count, 1.0f / in->count);
  return RUVECTOR_OK;
}
int32_t Allocates(In, Out, char*, size_t, int32_t code) {
  int* volatile leak = new int(1);
  delete leak;
  return code;
}
int32_t WritesInput(In in, Out, char*, size_t, int32_t code) {
  if (code == RUVECTOR_OK && in->count > 0) {
    const_cast<float*>(in->keys)[0] += 1;
  }
  return code;
}
int32_t LeavesErrorOpen(In, Out, char* error, size_t size, int32_t code) {
  if (code != RUVECTOR_OK && size > 0) std::memset(error, 'x', size);
  return code;
}
int32_t RefusesTheFuture(In in, Out, char*, size_t, int32_t code) {
  return in != nullptr && in->struct_size > sizeof(*in)
             ? int32_t{RUVECTOR_INVALID_ARGUMENT}
             : code;
}
int32_t ReturnsNanWhenEmpty(In in, Out out, char*, size_t, int32_t code) {
  if (code == RUVECTOR_OK && in->count == 0 && out->aggregated != nullptr) {
    out->aggregated[0] = __builtin_nanf("");
  }
  return code;
}
int32_t AggregatesWrongly(In in, Out out, char*, size_t, int32_t code) {
  if (code == RUVECTOR_OK && in->count > 0 && out->aggregated != nullptr) {
    out->aggregated[0] += 0.01f;
  }
  return code;
}

AttentionCase Case(ruvector_plugin_entry entry) {
  return {{"linked", entry, ""}, {}};
}

#define MUTANT(mutation, test)                                       \
  INSTANTIATE_TEST_SUITE_P(mutation##__##test, AttentionConformance, \
                           ::testing::Values(Case(&Entry<&mutation>)))

MUTANT(None, Passes);
MUTANT(WritesPastTheEnd, WeightsAreADistribution);
MUTANT(Unnormalised, WeightsAreADistribution);
MUTANT(KeepsState, SameCallSameBits);
MUTANT(DependsOnOrder, PermutedEntriesHavePermutedWeights);
MUTANT(AcceptsNan, RefusesNonFiniteVectors);
MUTANT(Allocates, AllocatesNothing);
MUTANT(WritesInput, InputsAreNotWrittenTo);
MUTANT(LeavesErrorOpen, ErrorsFitTheirBuffer);
MUTANT(RefusesTheFuture, AcceptsLongerStructs);
MUTANT(ReturnsNanWhenEmpty, EmptyInputGivesAZeroAggregate);
MUTANT(AggregatesWrongly, AggregateLiesBetweenTheKeys);

}  // namespace
}  // namespace ruvector::plugin_testing
