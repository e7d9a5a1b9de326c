/* The binary interface between ruvector and a plugin. Pure C, version 1.0.
 *
 * A plugin is a shared object <name>.so that exports exactly one symbol,
 * ruvector_plugin_v1 (RUVECTOR_PLUGIN_ENTRY_SYMBOL), and does nothing until it
 * is asked. The host pulls: it calls the entry, reads the descriptor, and
 * later calls functions of its table. A plugin registers nowhere and starts
 * nothing.
 *
 * Two kinds. An attention mechanism is a pure function over arrays and runs
 * inside a PostgreSQL backend. A strategy plans and executes a remediation and
 * runs in a host process of its own; it touches the database only through the
 * host's table of functions.
 *
 * Authors in C++ include core/plugin/attention_plugin.h or strategy_plugin.h
 * instead, which fill all of this in. docs/how-to/write-a-plugin.md starts
 * there.
 *
 * VERSIONS. The host loads a plugin whose abi_major equals its own.
 *   MAJOR changes when: a field or function is removed, reordered or retyped;
 *     an existing enumerator changes value; a frozen struct grows; a contract
 *     below becomes stricter for plugins; the entry symbol changes.
 *   MINOR changes when: a field is appended to a struct that begins with
 *     struct_size; an enumerator, flag, action kind or context bit is added.
 *
 * STRUCT_SIZE. Its writer sets it to its own sizeof. A reader touches only
 * fields that lie wholly within it (RUVECTOR_HAS) and treats the rest as
 * absent. A struct without struct_size is frozen: it appears in arrays and
 * never grows within a major version.
 *
 * STRINGS are NUL-terminated UTF-8, never NULL unless "nullable".
 *
 * OWNERSHIP. Every pointer says who owns it; "constant" means static storage
 * in the plugin, valid for the life of the process (plugins are never
 * unloaded); "call" means owned by the caller and valid until the call
 * returns: copy what must live longer.
 *
 * ERRORS. A function returns RUVECTOR_OK or another RUVECTOR_ code, and then
 * writes a message into the caller-owned buffer (error, error_size): truncated
 * to fit, always NUL-terminated when error_size > 0; error may be NULL when
 * error_size is 0. Messages are lower case, name the offending value, and
 * hold no line break.
 *
 * EVERY FUNCTION of a plugin returns normally: it may not throw across this
 * interface, longjmp, exit, fork, start a thread, install a signal handler or
 * call PostgreSQL. Tags: [any-thread] callable from any one thread at a time;
 * [backend] runs inside a PostgreSQL backend; [host-process] runs on the main
 * thread of ruvector-strategy-host; [pure] same arguments give the same bits:
 * no clock, no randomness, no I/O, no state kept between calls.
 */
#ifndef RUVECTOR_CORE_PLUGIN_PLUGIN_ABI_H_
#define RUVECTOR_CORE_PLUGIN_PLUGIN_ABI_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RUVECTOR_PLUGIN_ABI_MAJOR 1u
#define RUVECTOR_PLUGIN_ABI_MINOR 0u

/* 1 if `field` lies within the struct_size that *p's writer declared. */
#define RUVECTOR_HAS(p, type, field) \
  ((p)->struct_size >= offsetof(type, field) + sizeof((p)->field))

/* ---- Error codes: the values of absl::StatusCode ---------------------- */

enum ruvector_code {
  RUVECTOR_OK = 0,
  RUVECTOR_CANCELLED = 1,        /* should_stop said so */
  RUVECTOR_INVALID_ARGUMENT = 3, /* NaN, mismatch, out of range */
  RUVECTOR_DEADLINE_EXCEEDED = 4,
  RUVECTOR_NOT_FOUND = 5,           /* metric or object is not there */
  RUVECTOR_PERMISSION_DENIED = 7,   /* outside declared kinds or the plan */
  RUVECTOR_RESOURCE_EXHAUSTED = 8,  /* blast radius or memory is used up */
  RUVECTOR_FAILED_PRECONDITION = 9, /* does not apply here; message: why */
  RUVECTOR_ABORTED = 10,            /* the world moved; read it again */
  RUVECTOR_UNIMPLEMENTED = 12,      /* host is too old for this */
  RUVECTOR_INTERNAL = 13,           /* a defect of the callee */
  RUVECTOR_UNAVAILABLE = 14         /* may work later */
};

/* ---- Values and parameters -------------------------------------------- */

enum ruvector_value_type {
  RUVECTOR_NULL = 0, /* unknown, absent or "remove the setting" */
  RUVECTOR_NUMBER = 1,
  RUVECTOR_TEXT = 2
};

/* Frozen. */
typedef struct ruvector_value {
  uint32_t type;     /* enum ruvector_value_type */
  uint32_t reserved; /* 0 */
  double number;     /* finite if RUVECTOR_NUMBER, else 0 */
  const char* text; /* OWNERSHIP: with its struct. If RUVECTOR_TEXT else NULL */
} ruvector_value;

/* A named value: an argument of an action. Frozen. */
typedef struct ruvector_field {
  const char* name;
  ruvector_value value;
} ruvector_field;

/* What a user may set for a plugin. The host checks every value against this
 * before the plugin sees it. Frozen. OWNERSHIP: constant. */
typedef struct ruvector_parameter {
  const char* name;        /* [a-z][a-z0-9_]*; carries its unit: window_ms */
  const char* description; /* one sentence for the user */
  double minimum;          /* inclusive; numbers only */
  double maximum;          /* inclusive; numbers only */
  ruvector_value fallback; /* the default; its type is the parameter's type */
} ruvector_parameter;

/* ---- Attention mechanisms ---------------------------------------------- */

#define RUVECTOR_ATTENTION_MAX_DIM 16000u     /* pgvector's limit */
#define RUVECTOR_ATTENTION_MAX_COUNT 1048576u /* entries of one call */

/* Which context arrays a mechanism needs or reads. */
enum ruvector_context {
  RUVECTOR_CONTEXT_DEPTHS = 1u << 0,
  RUVECTOR_CONTEXT_HOPS = 1u << 1,
  RUVECTOR_CONTEXT_COSTS = 1u << 2,
  RUVECTOR_CONTEXT_CRITICALITIES = 1u << 3,
  RUVECTOR_CONTEXT_ON_CRITICAL_PATH = 1u << 4,
  RUVECTOR_CONTEXT_IS_PARALLEL = 1u << 5,
  RUVECTOR_CONTEXT_IS_COMMON_ANCESTOR = 1u << 6,
  RUVECTOR_CONTEXT_TIMESTAMPS = 1u << 7
};

/* The query node and the entries it attends to: its ancestors in data-flow
 * order (producers), and for parallel_branch also its parallel nodes. Entry i
 * is keys[i*dim .. i*dim+dim) and element i of every context array. Arrays
 * that the host does not have are NULL. All OWNERSHIP: call. */
typedef struct ruvector_attention_input {
  uint32_t struct_size;
  uint32_t dim;               /* 1 .. RUVECTOR_ATTENTION_MAX_DIM */
  uint32_t count;             /* 0 .. RUVECTOR_ATTENTION_MAX_COUNT */
  int32_t query_depth;        /* of the query node; -1 unknown */
  double query_timestamp_ms;  /* of the query node; NaN unknown */
  const float* query;         /* dim; finite */
  const float* keys;          /* count*dim, row-major; finite. Also the values:
                                 projections are identities */
  const int32_t* depths;      /* >= 0; longest path to a leaf */
  const int32_t* hops;        /* >= 0; shortest path to the query node */
  const double* costs;        /* >= 0; planner's units */
  const float* criticalities; /* 0 .. 1 */
  const uint8_t* on_critical_path;   /* 0 or 1 */
  const uint8_t* is_parallel;        /* 0 or 1: a sibling, not an ancestor */
  const uint8_t* is_common_ancestor; /* 0 or 1 */
  const double* timestamps_ms;       /* finite */
} ruvector_attention_input;

/* Where the result goes. OWNERSHIP: call; arrays do not overlap the input's. */
typedef struct ruvector_attention_output {
  uint32_t struct_size;
  uint32_t reserved; /* 0 */
  float* weights;    /* count; nullable when count is 0 */
  float* aggregated; /* dim; nullable: not wanted */
  void* scratch;     /* scratch_size(count, dim) bytes, 16-byte aligned,
                        contents undefined; nullable when that is 0 */
} ruvector_attention_output;

typedef struct ruvector_attention_table {
  uint32_t struct_size;
  uint32_t context_required; /* enum ruvector_context bits: forward fails
                                without them */
  uint32_t context_used;     /* superset: also read when present */
  uint32_t parameter_count;
  const ruvector_parameter* parameters; /* OWNERSHIP: constant. nullable at 0 */

  /* Bytes of scratch that forward needs. [backend, any-thread, pure] */
  uint64_t (*scratch_size)(uint32_t count, uint32_t dim);

  /* Attention of the query over `count` entries. [backend, any-thread, pure]
   *
   *   parameters  parameter_count values in declared order, within range
   *   weights     each in [0, 1], summing to 1 within 1e-6. Biases are added
   *               to scores before a max-subtracted softmax. A mask that
   *               excludes every entry gives the uniform distribution
   *   aggregated  the weighted combination of the keys
   *   count == 0  RUVECTOR_OK; weights untouched, aggregated all 0
   *   error       RUVECTOR_INVALID_ARGUMENT for NaN or infinity in an array
   *               that is used, a missing required array, dim or count out of
   *               range, an unknown struct_size; outputs are then undefined,
   *               nothing beyond their bounds is written
   *
   * No allocation: scratch is all the memory there is. */
  int32_t (*forward)(const ruvector_value* parameters,
                     const ruvector_attention_input* input,
                     ruvector_attention_output* output, char* error,
                     size_t error_size);
} ruvector_attention_table;

/* ---- Strategies: what they are told ------------------------------------ */

enum ruvector_state {
  RUVECTOR_STATE_NORMAL = 0,
  RUVECTOR_STATE_STRESS = 1,
  RUVECTOR_STATE_CRITICAL = 2
};

/* An object that the evidence points at. Frozen. */
typedef struct ruvector_subject {
  const char* kind; /* "partition", "index", "replica", "job", ... */
  const char* name; /* as the host's actions name it */
  double value;     /* its share of the blame, 0 .. 1; NaN unknown */
} ruvector_subject;

typedef struct ruvector_problem {
  uint32_t struct_size;
  uint32_t subject_count;
  const char* problem_class; /* "hotspot_congestion", ... */
  const char* cause;         /* sub-cause, "" if none */
  const char* collection;    /* as enrolled */
  uint32_t state;            /* enum ruvector_state of the collection's gate */
  uint32_t reserved;         /* 0 */
  double severity;           /* of this problem alone, 0 .. 1 */
  double confidence;         /* of the classification, 0 .. 1 */
  const ruvector_subject* subjects; /* OWNERSHIP: call. nullable at 0 */
} ruvector_problem;

/* A measurement or a present setting, read by the host. Frozen. */
typedef struct ruvector_metric {
  const char* name;     /* "throttle_percent", "lambda_norm", ... */
  const char* subject;  /* object or operation, "" for the collection */
  ruvector_value value; /* RUVECTOR_NULL: could not be read */
} ruvector_metric;

typedef struct ruvector_plan_request {
  uint32_t struct_size;
  uint32_t metric_count;
  const ruvector_problem* problem;  /* OWNERSHIP: call */
  const ruvector_metric* metrics;   /* OWNERSHIP: call. nullable at 0 */
  const ruvector_value* parameters; /* OWNERSHIP: call. parameter_count values
                                       in declared order, within range */
  double max_rows;    /* blast radius of the whole plan; infinity: none */
  double max_bytes;   /* infinity: none */
  double max_seconds; /* time until the deadline; infinity: none */
  int64_t now_us;     /* Unix time: a plan has no other clock */
} ruvector_plan_request;

/* ---- Strategies: what they may do -------------------------------------- */

/* What the host knows how to do. A strategy picks from this list; the host
 * alone writes SQL, so it also derives the statement and the lock level that a
 * dry run prints. `object` is what the action changes; no two actions hold one
 * object at once. Columns: arguments (? optional), and the kind of its undo:
 *   same       the same kind, arguments holding the former values. The host
 *              performs it only while those are still the present values
 *              (else RUVECTOR_ABORTED), so an undo never restores a guess
 *   irreversible  undo is NULL and cannot be given
 *   transient     leaves no state behind; undo is NULL */
enum ruvector_action_kind {
  /* collection; operation text, percent number|null(no override); same */
  RUVECTOR_ACTION_SET_THROTTLE = 1,
  /* source partition; to text, max_rows number, batch_rows number,
     column? text, before? text; RETURN_ROWS. A plan may move from one
     partition to several */
  RUVECTOR_ACTION_MOVE_ROWS = 2,
  /* source partition; to text. Moves back what the journal of the MOVE_ROWS
     holds and users have not changed since; irreversible */
  RUVECTOR_ACTION_RETURN_ROWS = 3,
  /* shard; node text; same */
  RUVECTOR_ACTION_MOVE_SHARD = 4,
  /* partition; weight number|null(default); same */
  RUVECTOR_ACTION_SET_ROUTING_WEIGHT = 5,
  /* index; lists number|null(keep); concurrent build beside the old index,
     which is kept until the action is verified; same, or RESTORE_INDEX */
  RUVECTOR_ACTION_REBUILD_INDEX = 6,
  /* index; swaps back the index that REBUILD_INDEX kept; irreversible */
  RUVECTOR_ACTION_RESTORE_INDEX = 7,
  /* index; REINDEX CONCURRENTLY; irreversible */
  RUVECTOR_ACTION_REINDEX = 8,
  /* table; irreversible */
  RUVECTOR_ACTION_VACUUM = 9,
  /* index, invalid and ours; irreversible */
  RUVECTOR_ACTION_DROP_INVALID_INDEX = 10,
  /* relation; tablespace text; same */
  RUVECTOR_ACTION_MOVE_TO_TABLESPACE = 11,
  /* job; seconds number; RELEASE_JOB */
  RUVECTOR_ACTION_HOLD_JOB = 12,
  /* job; irreversible */
  RUVECTOR_ACTION_RELEASE_JOB = 13,
  /* table; never one that prevents wraparound; transient */
  RUVECTOR_ACTION_CANCEL_AUTOVACUUM = 14,
  /* table; option text, value text|null(reset), seconds? number: the host
     restores the former value when they are over; same */
  RUVECTOR_ACTION_SET_RELOPTION = 15,
  /* namespace/kind/name; replicas number; same */
  RUVECTOR_ACTION_SCALE_REPLICAS = 16,
  /* table; irreversible */
  RUVECTOR_ACTION_ANALYZE = 17
};

typedef struct ruvector_action {
  uint32_t struct_size;
  uint32_t kind;                   /* enum ruvector_action_kind */
  const char* object;              /* non-empty */
  const ruvector_field* arguments; /* unique names; nullable at 0 */
  uint32_t argument_count;
  uint32_t reserved;                  /* 0 */
  const struct ruvector_action* undo; /* nullable; has no undo itself */
  const char* expected_effect; /* one sentence for the person who approves */
  double expected_rows;        /* >= 0; NaN unknown */
  double expected_bytes;       /* >= 0; NaN unknown */
  double expected_seconds;     /* >= 0; NaN unknown */
} ruvector_action;

/* OWNERSHIP: plugin, until release_plan; everything it points to as well. */
typedef struct ruvector_plan {
  uint32_t struct_size;
  uint32_t action_count;
  const ruvector_action* const* actions; /* in order; nullable at 0 */
  const char* note; /* why so, or with no actions why nothing is to be done */
  void* owner;      /* the plugin's own */
} ruvector_plan;

/* What became of one action. OWNERSHIP: call; filled by the host. */
typedef struct ruvector_outcome {
  uint32_t struct_size;
  uint32_t changed; /* 0: it was already so, or no rows are left to move */
  double rows;      /* NaN unknown */
  double bytes;     /* NaN unknown */
} ruvector_outcome;

enum ruvector_log_level {
  RUVECTOR_LOG_DEBUG = 0,
  RUVECTOR_LOG_INFO = 1,
  RUVECTOR_LOG_WARNING = 2
};

/* The host as a running strategy sees it: requests over a socket, each one a
 * round trip. Every function takes `context` first. [host-process] */
typedef struct ruvector_strategy_host {
  uint32_t struct_size;
  uint32_t abi_minor; /* of the host */
  void* context;      /* OWNERSHIP: host */

  /* The present value, not the plan's. value->text: OWNERSHIP: host, valid
   * until the next call through this table. RUVECTOR_NOT_FOUND: no such
   * metric; a metric that cannot be read is RUVECTOR_OK and RUVECTOR_NULL. */
  int32_t (*read_metric)(void* context, const char* name, const char* subject,
                         ruvector_value* value, char* error, size_t error_size);

  /* A fresh normalised cut of the collection; *lambda is NaN if unknown. */
  int32_t (*sample_lambda)(void* context, double* lambda, char* error,
                           size_t error_size);

  /* Performs one action of the plan, or a smaller one: same kind and object,
   * and no more rows than are left. The host journals the undo first.
   *   RUVECTOR_PERMISSION_DENIED   kind or object is not in the plan, or the
   *                                undo that its kind needs is missing
   *   RUVECTOR_ABORTED             undo does not hold the present value: read
   *                                it again
   *   RUVECTOR_RESOURCE_EXHAUSTED  beyond the blast radius
   *   RUVECTOR_CANCELLED, RUVECTOR_DEADLINE_EXCEEDED  return at once
   * On any error the action has had no effect. */
  int32_t (*act)(void* context, const ruvector_action* action,
                 ruvector_outcome* outcome, char* error, size_t error_size);

  void (*log)(void* context, int32_t level, const char* message);

  /* Not 0: someone aborted, or the deadline has passed. Ask before every
   * action and at least once a second; then return RUVECTOR_CANCELLED. */
  int32_t (*should_stop)(void* context);
} ruvector_strategy_host;

/* ---- Strategies: what they promise ------------------------------------- */

enum ruvector_direction { RUVECTOR_MUST_RISE = 1, RUVECTOR_MUST_FALL = 2 };

/* How the host judges the result, after the stabilisation time. Frozen.
 * With before b and after a:
 *   target  MUST_RISE: a >= b + margin*|b|      MUST_FALL: a <= b - margin*|b|
 *   guard   MUST_RISE: a >= b - margin*|b|      MUST_FALL: a <= b + margin*|b|
 * so a guard is: must not get worse than by that share. Unknown is not met. */
typedef struct ruvector_expectation {
  const char* metric;
  const char* subject; /* "" for the collection */
  uint32_t direction;  /* enum ruvector_direction */
  uint32_t reserved;   /* 0 */
  double margin;       /* >= 0, relative: 0.1 is ten percent */
} ruvector_expectation;

enum ruvector_strategy_flag {
  /* Every action of every plan is reversible or transient. */
  RUVECTOR_STRATEGY_REVERSIBLE = 1u << 0,
  /* A person approves each plan unless configured otherwise. */
  RUVECTOR_STRATEGY_ASKS_FIRST = 1u << 1
};

/* Pointers: OWNERSHIP: constant. */
typedef struct ruvector_strategy_table {
  uint32_t struct_size;
  uint32_t flags;             /* enum ruvector_strategy_flag bits */
  double impact;              /* 0 .. 1, higher disturbs users more */
  uint32_t action_kind_count; /* >= 1 */
  uint32_t metric_count;
  uint32_t parameter_count;
  uint32_t guard_count;
  const uint32_t* action_kinds;         /* all that its plans may hold */
  const char* const* metrics;           /* names that plan wants; the host reads
                                           them for every subject it knows */
  const ruvector_parameter* parameters; /* nullable at 0 */
  const ruvector_expectation* target;   /* what must get better; not NULL */
  const ruvector_expectation* guards;   /* nullable at 0 */

  /* What would be done. [host-process, pure] *plan is set on RUVECTOR_OK.
   *   RUVECTOR_FAILED_PRECONDITION  cannot be applied here; the message says
   *                                 why (a table without routing, ...)
   * A plan without actions means: nothing to do, note says why. */
  int32_t (*plan)(const ruvector_plan_request* request,
                  const ruvector_plan** plan, char* error, size_t error_size);

  /* Frees a plan of this plugin. NULL is allowed. [host-process] */
  void (*release_plan)(const ruvector_plan* plan);

  /* Does it, through the host. [host-process] The plan is one of this
   * plugin's for this request, perhaps made in another process and a while
   * ago: read again what an undo must hold. May be called again after a
   * failure, a crash or a success, and must not do twice what is done. The host
   * performs undos itself, from its journal, newest first; execute only goes
   * forward. */
  int32_t (*execute)(const ruvector_plan_request* request,
                     const ruvector_plan* plan,
                     const ruvector_strategy_host* host, char* error,
                     size_t error_size);
} ruvector_strategy_table;

/* ---- Descriptor and entry ---------------------------------------------- */

enum ruvector_plugin_kind {
  RUVECTOR_PLUGIN_STRATEGY = 1,
  RUVECTOR_PLUGIN_ATTENTION = 2
};

/* OWNERSHIP: constant, and so is everything it points to. */
typedef struct ruvector_plugin_descriptor {
  uint32_t struct_size;
  uint32_t abi_major;         /* RUVECTOR_PLUGIN_ABI_MAJOR it was built with */
  uint32_t abi_minor;         /* RUVECTOR_PLUGIN_ABI_MINOR it was built with */
  uint32_t kind;              /* enum ruvector_plugin_kind */
  const char* name;           /* [a-z][a-z0-9_]{0,62}, equals the file's stem */
  const char* version;        /* of the plugin, "1.4.0" */
  const char* description;    /* one sentence */
  const char* license;        /* SPDX expression */
  const char* const* handles; /* strategy: problem classes; attention: plan
                                 pattern types it suits; nullable at 0 */
  uint32_t handle_count;      /* strategy: >= 1 */
  uint32_t reserved;          /* 0 */
  const ruvector_strategy_table* strategy;   /* if RUVECTOR_PLUGIN_STRATEGY,
                                                else NULL */
  const ruvector_attention_table* attention; /* if RUVECTOR_PLUGIN_ATTENTION,
                                                else NULL */
} ruvector_plugin_descriptor;

#define RUVECTOR_PLUGIN_ENTRY_SYMBOL "ruvector_plugin_v1"

/* The one exported symbol. [any-thread, pure] Never NULL; the same pointer
 * every time. Linked statically into tests it bears another name, which
 * bazel/plugin.bzl defines RUVECTOR_PLUGIN_ENTRY to. */
typedef const ruvector_plugin_descriptor* (*ruvector_plugin_entry)(void);

#ifndef RUVECTOR_PLUGIN_ENTRY
#define RUVECTOR_PLUGIN_ENTRY ruvector_plugin_v1
#endif
#define RUVECTOR_PLUGIN_EXPORT __attribute__((visibility("default")))

#ifdef __cplusplus
}
#endif

#endif /* RUVECTOR_CORE_PLUGIN_PLUGIN_ABI_H_ */
