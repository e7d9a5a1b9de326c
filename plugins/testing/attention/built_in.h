// The seven built-in mechanisms as one registry, without a plugin directory.
#ifndef RUVECTOR_PLUGINS_TESTING_ATTENTION_BUILT_IN_H_
#define RUVECTOR_PLUGINS_TESTING_ATTENTION_BUILT_IN_H_

#include "core/attention/registry.h"

namespace ruvector::attention {

// Aborts where one of them is not sound.
MechanismRegistry BuiltIn();

}  // namespace ruvector::attention

#endif  // RUVECTOR_PLUGINS_TESTING_ATTENTION_BUILT_IN_H_
