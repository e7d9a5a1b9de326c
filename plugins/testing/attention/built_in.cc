#include "plugins/testing/attention/built_in.h"

#include <cstdlib>

extern "C" {
const ruvector_plugin_descriptor* ruvector_plugin_v1_topological(void);
const ruvector_plugin_descriptor* ruvector_plugin_v1_causal_cone(void);
const ruvector_plugin_descriptor* ruvector_plugin_v1_critical_path(void);
const ruvector_plugin_descriptor* ruvector_plugin_v1_mincut_gated(void);
const ruvector_plugin_descriptor* ruvector_plugin_v1_hierarchical_lorentz(void);
const ruvector_plugin_descriptor* ruvector_plugin_v1_parallel_branch(void);
const ruvector_plugin_descriptor* ruvector_plugin_v1_temporal_btsp(void);
}

namespace ruvector::attention {

MechanismRegistry BuiltIn() {
  MechanismRegistry registry;
  for (const auto entry :
       {&ruvector_plugin_v1_topological, &ruvector_plugin_v1_causal_cone,
        &ruvector_plugin_v1_critical_path, &ruvector_plugin_v1_mincut_gated,
        &ruvector_plugin_v1_hierarchical_lorentz,
        &ruvector_plugin_v1_parallel_branch,
        &ruvector_plugin_v1_temporal_btsp}) {
    if (!registry.Add(entry()).ok()) std::abort();
  }
  return registry;
}

}  // namespace ruvector::attention
