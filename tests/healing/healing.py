"""Helpers of the tests of the healing supervisor."""

import json
import shutil

from harness.installation import built_tree
from integrity.conftest import enrol

UNSOUND = "plugins/testing/fixtures/unsound_strategy.so"

# Quick: a test does not wait for a system to settle.
QUICK = {
    "stabilisation_seconds": 0, "min_healing_interval_seconds": 0,
    "slot_retry_seconds": 1, "max_attempts_per_window": 1000,
    "timeouts": {"plan_seconds": 5, "min_seconds": 5, "max_seconds": 10,
                 "cancel_grace_seconds": 1},
}


def configure(server, dbname="postgres", **keys):
    """Merges keys into the configuration; the supervisor is woken by it."""
    return server.value("SELECT ruvector_healing_configure(%s)",
                        [json.dumps(keys)], dbname=dbname)


def install_unsound(server):
    """The strategy whose fault is the cause of the problem."""
    target = server.installation.plugins / "unsound_strategy.so"
    if not target.exists():
        shutil.copy(built_tree() / UNSOUND, target)
        target.chmod(0o755)


def prepare(server, name="items", dbname="postgres", **keys):
    """An enrolled collection that no pass looks at by itself, and a
    configuration that heals nothing by itself."""
    enrol(server, name, rows=100, dbname=dbname)
    server.execute(
        "SELECT ruvector_integrity_policy_set(%s, 'default', "
        """'{"sample_interval_secs": 3600}')""", [name], dbname=dbname)
    server.execute("SELECT ruvector_integrity_sample(%s)", [name],
                   dbname=dbname)
    server.wait_for("SELECT healing_status = 'served' FROM ruvector.workers "
                    "WHERE database = current_database()", dbname=dbname)
    configure(server, dbname, **{**QUICK, "default_mode": "off", **keys})


def inject(server, cause, name="items", problem_class="hotspot_congestion",
           severity=0.5, state="stress"):
    """A confirmed problem, as the integrity worker would have committed it."""
    server.execute(
        "INSERT INTO ruvector.problems (collection, problem_class, cause, "
        "severity, confidence, rank, confirmed, gate_state, first_seen, "
        "last_seen, confirmed_at) VALUES (%s, %s, %s, %s, 0.9, 1, true, %s, "
        "now(), now(), now())", (name, problem_class, cause, severity, state))
    next_pass(server, name)


def resolve(server, name="items"):
    server.execute("UPDATE ruvector.problems SET resolved_at = now() "
                   "WHERE collection = %s AND resolved_at IS NULL", [name])
    next_pass(server, name)


def next_pass(server, name="items"):
    server.execute(
        "UPDATE ruvector.diagnoses SET pass = pass + 1 WHERE collection_id = "
        "(SELECT id FROM ruvector.collections WHERE name = %s)", [name])
    configure(server)


def execute(server, strategy="unsound_strategy", name="items", **parameters):
    """ruvector_healing_execute's action id."""
    answer = server.value("SELECT ruvector_healing_execute(%s, %s, %s)",
                          (name, strategy, json.dumps(parameters)))
    return answer["action_id"]


def action(server, number):
    """A row of ruvector.healing_actions as a dict; None without one."""
    with server.connect() as session:
        cursor = session.execute(
            "SELECT * FROM ruvector.healing_actions WHERE id = %s", [number])
        row = cursor.fetchone()
        return row and dict(zip((c.name for c in cursor.description), row))


def ended(server, number, timeout=30):
    """The row of an action once it has ended."""
    server.wait_for("SELECT ended_at IS NOT NULL FROM "
                    "ruvector.healing_actions WHERE id = %s", [number],
                    timeout=timeout)
    return action(server, number)


def newest(server):
    return server.value("SELECT max(id) FROM ruvector.healing_actions")


def throttle(server, name="items"):
    """operation -> percent of the overrides in force."""
    return dict(server.execute(
        "SELECT operation, percent FROM ruvector.throttle_overrides o "
        "JOIN ruvector.collections c ON c.id = o.collection_id "
        "WHERE c.name = %s", [name]))


def events(server, number):
    """Event types of an action in the order in which they were sealed."""
    server.wait_for("SELECT unsealed = 0 FROM ruvector_verify_chain()")
    return [row[0] for row in server.execute(
        "SELECT event_type FROM ruvector.integrity_events "
        "WHERE (metadata ->> 'action')::bigint = %s ORDER BY id", [number])]
