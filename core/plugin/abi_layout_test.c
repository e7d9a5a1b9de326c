/* The layout of version 1, pinned: a plugin built yesterday must find every
 * field where it was. An appended field adds a line here and raises the minor
 * version; a line that has to change is a major change. Also the proof that
 * the header is C. 64-bit targets. */
#include <stdio.h>

#include "core/plugin/plugin_abi.h"

static int failures;

static void Expect(const char* what, size_t actual, size_t expected) {
  if (actual == expected) return;
  printf("%s is %zu, expected %zu\n", what, actual, expected);
  ++failures;
}

#define SIZE(type, expected) Expect("sizeof " #type, sizeof(type), expected)
#define AT(type, field, expected) \
  Expect(#type "." #field, offsetof(type, field), expected)

static void Values(void) {
  SIZE(ruvector_value, 24);
  AT(ruvector_value, number, 8);
  AT(ruvector_value, text, 16);
  SIZE(ruvector_field, 32);
  AT(ruvector_field, value, 8);
  SIZE(ruvector_parameter, 56);
  AT(ruvector_parameter, minimum, 16);
  AT(ruvector_parameter, fallback, 32);
}

static void Attention(void) {
  SIZE(ruvector_attention_input, 104);
  AT(ruvector_attention_input, dim, 4);
  AT(ruvector_attention_input, count, 8);
  AT(ruvector_attention_input, query_depth, 12);
  AT(ruvector_attention_input, query_timestamp_ms, 16);
  AT(ruvector_attention_input, query, 24);
  AT(ruvector_attention_input, keys, 32);
  AT(ruvector_attention_input, depths, 40);
  AT(ruvector_attention_input, hops, 48);
  AT(ruvector_attention_input, costs, 56);
  AT(ruvector_attention_input, criticalities, 64);
  AT(ruvector_attention_input, on_critical_path, 72);
  AT(ruvector_attention_input, is_parallel, 80);
  AT(ruvector_attention_input, is_common_ancestor, 88);
  AT(ruvector_attention_input, timestamps_ms, 96);
  SIZE(ruvector_attention_output, 32);
  AT(ruvector_attention_output, weights, 8);
  AT(ruvector_attention_output, aggregated, 16);
  AT(ruvector_attention_output, scratch, 24);
  SIZE(ruvector_attention_table, 40);
  AT(ruvector_attention_table, parameter_count, 12);
  AT(ruvector_attention_table, parameters, 16);
  AT(ruvector_attention_table, scratch_size, 24);
  AT(ruvector_attention_table, forward, 32);
}

static void Requests(void) {
  SIZE(ruvector_subject, 24);
  SIZE(ruvector_metric, 40);
  AT(ruvector_metric, value, 16);
  SIZE(ruvector_problem, 64);
  AT(ruvector_problem, problem_class, 8);
  AT(ruvector_problem, collection, 24);
  AT(ruvector_problem, state, 32);
  AT(ruvector_problem, severity, 40);
  AT(ruvector_problem, subjects, 56);
  SIZE(ruvector_plan_request, 64);
  AT(ruvector_plan_request, problem, 8);
  AT(ruvector_plan_request, parameters, 24);
  AT(ruvector_plan_request, max_rows, 32);
  AT(ruvector_plan_request, now_us, 56);
}

static void Plans(void) {
  SIZE(ruvector_action, 72);
  AT(ruvector_action, kind, 4);
  AT(ruvector_action, object, 8);
  AT(ruvector_action, arguments, 16);
  AT(ruvector_action, argument_count, 24);
  AT(ruvector_action, undo, 32);
  AT(ruvector_action, expected_effect, 40);
  AT(ruvector_action, expected_seconds, 64);
  SIZE(ruvector_plan, 32);
  AT(ruvector_plan, actions, 8);
  AT(ruvector_plan, owner, 24);
  SIZE(ruvector_outcome, 24);
  SIZE(ruvector_strategy_host, 56);
  AT(ruvector_strategy_host, context, 8);
  AT(ruvector_strategy_host, read_metric, 16);
  AT(ruvector_strategy_host, should_stop, 48);
}

static void Descriptors(void) {
  SIZE(ruvector_expectation, 32);
  AT(ruvector_expectation, margin, 24);
  SIZE(ruvector_strategy_table, 96);
  AT(ruvector_strategy_table, impact, 8);
  AT(ruvector_strategy_table, action_kinds, 32);
  AT(ruvector_strategy_table, target, 56);
  AT(ruvector_strategy_table, plan, 72);
  AT(ruvector_strategy_table, execute, 88);
  SIZE(ruvector_plugin_descriptor, 80);
  AT(ruvector_plugin_descriptor, abi_major, 4);
  AT(ruvector_plugin_descriptor, kind, 12);
  AT(ruvector_plugin_descriptor, name, 16);
  AT(ruvector_plugin_descriptor, handles, 48);
  AT(ruvector_plugin_descriptor, strategy, 64);
  AT(ruvector_plugin_descriptor, attention, 72);
}

static void Numbers(void) {
  Expect("ABI major", RUVECTOR_PLUGIN_ABI_MAJOR, 1);
  Expect("ABI minor", RUVECTOR_PLUGIN_ABI_MINOR, 0);
  Expect("code", RUVECTOR_UNAVAILABLE, 14);
  Expect("kind", RUVECTOR_PLUGIN_ATTENTION, 2);
  Expect("action", RUVECTOR_ACTION_SET_THROTTLE, 1);
  Expect("action", RUVECTOR_ACTION_SCALE_REPLICAS, 16);
  Expect("action", RUVECTOR_ACTION_ANALYZE, 17);
  Expect("context", RUVECTOR_CONTEXT_TIMESTAMPS, 128);
}

int main(void) {
  Values();
  Attention();
  Requests();
  Plans();
  Descriptors();
  Numbers();
  return failures == 0 ? 0 : 1;
}
