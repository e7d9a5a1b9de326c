// What every attention mechanism must do, as one suite.
//
//   #include "plugins/testing/attention_conformance.h"
//   RUVECTOR_ATTENTION_CONFORMANCE(topological, {})
//
// in plugins/attention/topological/topological_test.cc runs it twice: on the
// code linked into the test and on the .so. It speaks to the plugin through
// the C table alone, with guard zones around every buffer:
//
//   - weights are a distribution, for 1 to 100,000 entries, for extreme vectors
//     and extreme parameters; an empty input gives a zero aggregate
//   - the same call gives the same bits, whatever the scratch held before
//   - permuting the entries permutes the weights
//   - NaN, infinity, missing or misshapen input is refused, within bounds
//   - a longer struct from a newer host is accepted, a shorter one refused
//   - no input is written to, no memory is allocated
//
// What the mechanism computes is its own test's business, against an oracle.
#ifndef RUVECTOR_PLUGINS_TESTING_ATTENTION_CONFORMANCE_H_
#define RUVECTOR_PLUGINS_TESTING_ATTENTION_CONFORMANCE_H_

#include <string>

#include "core/plugin/plugin_abi.h"
#include "gtest/gtest.h"
#include "plugins/testing/plugin_under_test.h"

namespace ruvector::plugin_testing {

// Where a mechanism may differ.
struct AttentionTraits {
  // Each aggregated coordinate lies between the keys' smallest and largest.
  // Not so for a mean on a curved space.
  bool aggregates_convexly = true;
};

struct AttentionCase {
  PluginUnderTest plugin;
  AttentionTraits traits;
};

class AttentionConformance : public ::testing::TestWithParam<AttentionCase> {
 protected:
  void SetUp() override;

  const ruvector_plugin_descriptor* descriptor_ = nullptr;
  const ruvector_attention_table* table_ = nullptr;
};

}  // namespace ruvector::plugin_testing

#define RUVECTOR_ATTENTION_CONFORMANCE(plugin_name, ...)                       \
  extern "C" const ruvector_plugin_descriptor*                                 \
      ruvector_plugin_v1_##plugin_name(void);                                  \
  namespace ruvector::plugin_testing {                                         \
  INSTANTIATE_TEST_SUITE_P(                                                    \
      plugin_name, AttentionConformance,                                       \
      ::testing::Values(AttentionCase{{"linked",                               \
                                       &ruvector_plugin_v1_##plugin_name, ""}, \
                                      AttentionTraits __VA_ARGS__},            \
                        AttentionCase{{"shared_object", nullptr,               \
                                       "plugins/attention/" #plugin_name       \
                                       "/" #plugin_name ".so"},                \
                                      AttentionTraits __VA_ARGS__}),           \
      [](const auto& info) { return info.param.plugin.label; });               \
  }

#endif  // RUVECTOR_PLUGINS_TESTING_ATTENTION_CONFORMANCE_H_
