"""One row per failpoint: which process meets it, and what brings it there."""

import dataclasses

WORKER = "ruvector integrity worker"
BACKEND = "client backend"

# How the action "error" shows.
RAISED = "raised"  # whoever asked gets it
LOGGED = "logged"  # the worker says so in the log and tries again
NONE = "none"      # no failure is possible there: nothing happens

PARK = "integrity.collections.start"  # the first in a round of the worker


@dataclasses.dataclass(frozen=True)
class Scenario:
    """`reach` brings `process` to the failpoint.

    `effect` is an SQL condition: what `reach` wants is in the tables. `kept`
    says whether it is when the process ended at the failpoint or an error
    came from there; None: it may be (the worker does it by itself, later).
    `prepare` comes before, `finish` lets go on what came through the failpoint
    and still waits, `undo` takes the effect back. `parked`: the worker passes
    there in every round; it is held before it until `reach` has committed, so
    that it passes with something to do.
    """
    name: str
    process: str
    reach: str
    effect: str
    kept: bool
    error: str
    prepare: tuple = ()
    finish: tuple = ()
    undo: tuple = ()
    database: str = "postgres"  # where `reach` and `effect` are said
    parked: bool = False


_OVERRIDE = "SELECT ruvector_integrity_override('docs', 'stress', 'sweep', 900)"
_CLEAR = "SELECT ruvector_integrity_override_clear('docs')"
_OVERRIDDEN = ("EXISTS (SELECT FROM ruvector.integrity_overrides "
               "WHERE reason = 'sweep')")
_REGISTER = "SELECT ruvector_register_collection('extra', 'extra', 'v')"
_UNREGISTER = "SELECT ruvector_unregister_collection('extra')"
_REGISTERED = "EXISTS (SELECT FROM ruvector.collections WHERE name = 'extra')"
_POLICY = ("SELECT ruvector_integrity_policy_set('docs', 'sweep', "
           "'{\"priority\": -1}')")
_POLICY_SET = ("EXISTS (SELECT FROM ruvector.integrity_policies "
               "WHERE name = 'sweep')")
_POLICY_DROP = "SELECT ruvector_integrity_policy_drop('docs', 'sweep')"
_FRESH = "EXISTS (SELECT FROM pg_database WHERE datname = 'fresh')"
_DROP_FRESH = "DROP DATABASE IF EXISTS fresh"


def _override(name, error):
    """The backend's part is committed; the worker meets the failpoint."""
    return Scenario(name, WORKER, _OVERRIDE, _OVERRIDDEN, True, error,
                    undo=(_CLEAR,), parked=True)


def _counted(name, reach, count, kept, error=RAISED, prepare=()):
    """A request to the worker, which makes `count` grow."""
    return Scenario(name, WORKER, reach, f"({count}) > (SELECT n FROM mark)",
                    kept, error,
                    prepare=(*prepare, f"UPDATE mark SET n = ({count})"))


_SAMPLE = ("SELECT ruvector_integrity_sample('docs')",
           "SELECT sample_count FROM ruvector.integrity "
           "WHERE collection = 'docs'")
# A diagnosis that fails does not stop the pass.
_PROBE = ("SELECT ruvector.probe_now('docs')",
          "SELECT count(*) FROM ruvector.recall_probes")
_SEARCH = ("SELECT id FROM docs ORDER BY embedding <-> '[1,2,3,4]' LIMIT 1",)
_ROTATE = ("SELECT ruvector_rotate_signing_key()",
           "SELECT count(*) FROM ruvector.signing_keys")

SCENARIOS = [
    _override(PARK, LOGGED),
    _override("integrity.slots.before_assign", NONE),
    _override("integrity.refresh.start", LOGGED),
    _override("integrity.refresh.before_commit", LOGGED),
    _override("integrity.publish.start", NONE),
    _override("audit.append.before_insert", LOGGED),
    _override("audit.seal.before_commit", LOGGED),
    _override("audit.seal.before_ring_removal", NONE),
    # A worker that starts again samples by itself.
    _counted("integrity.request.start", *_SAMPLE, None),
    _counted("integrity.pass.start", *_SAMPLE, None),
    _counted("integrity.pass.before_commit", *_SAMPLE, None),
    _counted("healing.diagnosis.start", *_SAMPLE, None, LOGGED),
    _counted("healing.diagnosis.written", *_SAMPLE, None, LOGGED),
    _counted("healing.recall.start", *_PROBE, False, prepare=_SEARCH),
    _counted("healing.recall.recorded", *_PROBE, False, prepare=_SEARCH),
    _counted("audit.checkpoint.before_commit",
             "SELECT ruvector_audit_checkpoint()",
             "SELECT count(*) FROM ruvector.audit_checkpoints", False),
    _counted("audit.prune.before_delete",
             "SELECT ruvector_audit_prune((SELECT max(created_at) + '1 us' "
             "FROM (SELECT created_at FROM ruvector.integrity_events "
             "ORDER BY id LIMIT 2) o))",
             "SELECT count(*) FROM ruvector.audit_pruned_leaves", False),
    _counted("audit.rotate.before_register", *_ROTATE, False),
    _counted("audit.rotate.before_commit", *_ROTATE, False),
    _counted("audit.rotate.after_commit", *_ROTATE, True),
    _counted("audit.rotate.between_files", *_ROTATE, True),
    _counted("audit.revoke.before_append",
             "SELECT ruvector_revoke_signing_key((SELECT min(id) FROM "
             "ruvector.signing_keys WHERE expires_at IS NOT NULL AND "
             "revoked_at IS NULL), 'sweep')",
             "SELECT count(*) FROM ruvector.signing_keys "
             "WHERE revoked_at IS NOT NULL", False, prepare=_ROTATE[:1]),
    Scenario("audit.first_key.before_register", WORKER,
             "SELECT ruvector_register_collection('first', 'first', 'v')",
             "EXISTS (SELECT FROM ruvector.collections)", True, LOGGED,
             prepare=(_DROP_FRESH, "CREATE DATABASE fresh"),
             undo=(_DROP_FRESH,), database="fresh"),
    Scenario("integrity.worker.claimed", WORKER, "CREATE DATABASE fresh",
             _FRESH, True, NONE, prepare=(_DROP_FRESH,), undo=(_DROP_FRESH,)),
    Scenario("integrity.register.before_commit", BACKEND, _REGISTER,
             _REGISTERED, False, RAISED, undo=(_UNREGISTER,)),
    Scenario("integrity.unregister.before_commit", BACKEND, _UNREGISTER,
             f"NOT {_REGISTERED}", False, RAISED, prepare=(_REGISTER,)),
    Scenario("integrity.unregister.before_commit", BACKEND, "DROP TABLE extra",
             f"NOT {_REGISTERED}", False, RAISED, prepare=(_REGISTER,),
             undo=("CREATE TABLE extra (v vector(2))",)),
    Scenario("integrity.policy_set.before_commit", BACKEND, _POLICY,
             _POLICY_SET, False, RAISED, undo=(_POLICY_DROP,)),
    Scenario("integrity.override.before_commit", BACKEND, _OVERRIDE,
             _OVERRIDDEN, False, RAISED, undo=(_CLEAR,)),
    Scenario("integrity.override_clear.before_commit", BACKEND, _CLEAR,
             f"NOT {_OVERRIDDEN}", False, RAISED, prepare=(_OVERRIDE,)),
    Scenario("audit.outbox.after_insert", BACKEND, _POLICY, _POLICY_SET, False,
             RAISED, undo=(_POLICY_DROP,)),
    Scenario("audit.outbox.before_wake", BACKEND, _POLICY, _POLICY_SET, True,
             NONE, undo=(_POLICY_DROP,)),
    Scenario("integrity.gate.before_wait", BACKEND, "REINDEX TABLE docs_0",
             "true", True, RAISED, prepare=(_OVERRIDE,),
             finish=(_CLEAR,), undo=(_CLEAR,)),
    Scenario("integrity.gate.after_enter", BACKEND,
             "SELECT id FROM docs ORDER BY embedding <-> '[1,2,3,4]' LIMIT 1",
             "true", True, RAISED),
]
