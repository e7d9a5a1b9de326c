/*
 * The peer of ruvector_integrity_gate(): a function in plain C that builds a
 * jsonb of the same keys and types of values, and decides nothing.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(gate_peer);

static void
push(JsonbParseState **state, const char *key, JsonbValue *value)
{
	JsonbValue	k;

	k.type = jbvString;
	k.val.string.val = (char *) key;
	k.val.string.len = strlen(key);
	pushJsonbValue(state, WJB_KEY, &k);
	pushJsonbValue(state, WJB_VALUE, value);
}

static void
push_string(JsonbParseState **state, const char *key, const char *text)
{
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = (char *) text;
	v.val.string.len = strlen(text);
	push(state, key, &v);
}

static void
push_number(JsonbParseState **state, const char *key, Numeric number)
{
	JsonbValue	v;

	v.type = jbvNumeric;
	v.val.numeric = number;
	push(state, key, &v);
}

static void
push_null(JsonbParseState **state, const char *key)
{
	JsonbValue	v;

	v.type = jbvNull;
	push(state, key, &v);
}

/* (text, text) -> jsonb */
PGDLLEXPORT Datum
gate_peer(PG_FUNCTION_ARGS)
{
	char	   *operation = text_to_cstring(PG_GETARG_TEXT_PP(1));
	JsonbParseState *state = NULL;
	JsonbValue	v;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	v.type = jbvBool;
	v.val.boolean = true;
	push(&state, "allowed", &v);
	push_string(&state, "response", "allow");
	push_string(&state, "operation", operation);
	push_string(&state, "risk_level", "low");
	push_string(&state, "state", "normal");
	push_string(&state, "mode", "enforce");
	push_number(&state, "throttle_pct", int64_to_numeric(0));
	push_number(&state, "throttle_factor", int64_div_fast_to_numeric(100, 2));
	push_number(&state, "retry_after_secs", int64_to_numeric(0));
	push_null(&state, "max_concurrent");
	push_null(&state, "reason");
	PG_RETURN_POINTER(JsonbValueToJsonb(
		pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}
