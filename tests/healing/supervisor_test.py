"""Healing from a request to its end, on a live server."""

import json
import threading

import psycopg
import pytest

from healing.healing import (action, configure, ended, events, execute, inject,
                             newest, resolve, throttle)
from harness.cluster import _alive
from harness.waiting import wait_for
from integrity.conftest import chain


@pytest.fixture(autouse=True)
def _clean(request):
    yield
    if "healed" not in request.fixturenames:
        return
    healed = request.getfixturevalue("healed")
    healed.execute("DELETE FROM ruvector.throttle_overrides")
    resolve(healed)
    healed.wait_for("SELECT count(*) = 0 FROM ruvector.healing_actions "
                    "WHERE ended_at IS NULL")
    healed.execute("SELECT ruvector_strategy_configure('unsound_strategy', "
                   """'{"mode": null}')""")
    healed.execute("SELECT ruvector_strategy_release('unsound_strategy')")
    healed.execute("SELECT ruvector_healing_reset_breaker('items')")


def mode(server, wanted):
    server.execute("SELECT ruvector_strategy_configure('unsound_strategy', %s)",
                   [json.dumps({"mode": wanted})])


def test_an_action_runs_to_its_end(healed):
    mode(healed, "auto")
    number = execute(healed)
    row = ended(healed, number)
    assert row["state"] == "done", row["reason"]
    assert throttle(healed) == {"insert": 50}
    assert row["strategy"] == "unsound_strategy"
    assert row["initiated_by"] == "user" and row["requested_by"] == "postgres"
    assert row["is_revertable"] is True
    assert row["before"] == row["after"] == 1
    assert row["started_at"] <= row["completed_at"] <= row["ended_at"]
    steps = row["plan"]["steps"]
    assert [step["kind"] for step in steps] == ["set_throttle"]
    assert steps[0]["statement"] and steps[0]["undo_statement"]
    told = events(healed, number)
    # The intent is signed before anything is done.
    assert told.index("healing.intent") < told.index("healing.executing")
    assert told[-1] == "healing.done" and told.count("healing.done") == 1
    detail = healed.value(
        "SELECT metadata FROM ruvector.integrity_events WHERE event_type = "
        "'healing.done' AND (metadata ->> 'action_id')::bigint = %s", [number])
    assert detail["state"] == "done" and detail["changed"] is True
    assert chain(healed)[0] is True


def test_a_done_action_is_rolled_back(healed):
    mode(healed, "auto")
    number = execute(healed)
    assert ended(healed, number)["state"] == "done"
    assert healed.value("SELECT ruvector_healing_rollback('items')") == number
    row = ended(healed, number)
    assert row["state"] == "rolled_back", row["reason"]
    assert throttle(healed) == {}
    assert row["is_revertable"] is False
    healed.execute("UPDATE ruvector.healing_actions SET action = "
                   """jsonb_set(action, '{state}', '"rolled_back"') """
                   "WHERE state = 'done'")
    with pytest.raises(psycopg.Error) as error:
        healed.execute("SELECT ruvector_healing_rollback('items')")
    assert error.value.sqlstate == "42704"


def test_a_plan_changes_nothing(healed):
    rows = healed.execute(
        "SELECT step, kind, object, statement, lock_level, undo_statement "
        "FROM ruvector_healing_plan('items', 'unsound_strategy')")
    assert len(rows) == 1
    step, kind, thing, statement, lock, undo = rows[0]
    assert (step, kind, thing) == (1, "set_throttle", "items")
    assert statement and undo and lock
    before = newest(healed)
    dry = healed.value("SELECT ruvector_healing_execute('items', "
                       """'unsound_strategy', '{"dry_run": true}')""")
    assert dry["dry_run"] is True and dry["steps"][0]["statement"] == statement
    assert newest(healed) == before
    assert throttle(healed) == {}


def waiting_for_approval(server, cause):
    """The id of an action that the engine has proposed and may not begin."""
    inject(server, cause)
    return server.wait_for(
        "SELECT max(id) FROM ruvector.healing_actions "
        "WHERE state = 'awaiting_approval' AND cause = %s", [cause])


def test_approval_starts_it_and_rejection_ends_it(healed):
    mode(healed, "approve")
    number = waiting_for_approval(healed, "approved_cause")
    assert action(healed, number)["is_executable"] is True
    assert throttle(healed) == {}
    assert healed.value("SELECT ruvector_healing_approve(%s)",
                        [number]) == "approved"
    row = ended(healed, number)
    assert row["state"] == "done" and row["approved_by"] == ["postgres"]
    with pytest.raises(psycopg.Error) as error:
        healed.execute("SELECT ruvector_healing_approve(%s)", [number])
    assert error.value.sqlstate == "55000"
    assert "done" in error.value.diag.message_primary

    resolve(healed)
    number = waiting_for_approval(healed, "rejected_cause")
    healed.execute("SELECT ruvector_healing_reject(%s)", [number])
    assert ended(healed, number)["state"] == "rejected"
    with pytest.raises(psycopg.Error) as error:
        healed.execute("SELECT ruvector_healing_approve(%s)", [number])
    assert error.value.sqlstate == "55000"


def test_a_second_person_and_a_role(healed):
    healed.execute("CREATE ROLE approvers")
    for person in ("anna", "berta", "carla"):
        healed.execute(f"CREATE ROLE {person} LOGIN")
        healed.execute(f"GRANT ruvector_reader TO {person}")
    healed.execute("GRANT approvers TO anna, berta")
    mode(healed, "approve")
    configure(healed, approval={"role": "approvers", "second_person": True})
    try:
        number = waiting_for_approval(healed, "two_persons")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            healed.execute("SELECT ruvector_healing_approve(%s)", [number],
                           user="carla")
        assert healed.value("SELECT ruvector_healing_approve(%s)", [number],
                            user="anna") == "second person needed"
        # The same person under another name is no second one.
        with healed.connect(user="anna") as session:
            session.execute("SET ROLE ruvector_reader")
            assert session.execute("SELECT ruvector_healing_approve(%s)",
                                   [number]).fetchone()[0] != "approved"
        assert action(healed, number)["state"] == "awaiting_approval"
        assert healed.value("SELECT ruvector_healing_approve(%s)", [number],
                            user="berta") == "approved"
        assert ended(healed, number)["approved_by"] == ["anna", "berta"]
    finally:
        configure(healed, approval={"role": "", "second_person": False})


def test_an_approval_expires(healed):
    mode(healed, "approve")
    configure(healed, approval={"expiry_seconds": 1})
    try:
        inject(healed, "expiring_cause")
        number = healed.wait_for("SELECT max(id) FROM ruvector.healing_actions "
                                 "WHERE cause = 'expiring_cause'")
        assert ended(healed, number)["state"] == "expired"
    finally:
        # At once: a changed configuration makes the engine look again.
        configure(healed, approval={"expiry_seconds": 86400},
                  strategies={"unsound_strategy": {"mode": "off"}})


def test_report_only_shows(healed):
    mode(healed, "report")
    inject(healed, "some_cause")
    healed.wait_for("SELECT count(*) > 0 FROM ruvector.healing_actions "
                    "WHERE state = 'reported'")
    row = action(healed, newest(healed))
    assert row["plan"]["steps"][0]["statement"]
    assert throttle(healed) == {}


def test_an_abort_stops_the_strategy(healed):
    mode(healed, "auto")
    inject(healed, "execute:loop")
    healed.wait_for("SELECT strategy_pid IS NOT NULL FROM "
                    "ruvector.stat_progress_healing")
    number, host = healed.execute(
        "SELECT action_id, strategy_pid FROM ruvector.stat_progress_healing")[0]
    resolve(healed)
    healed.execute("SELECT ruvector_healing_abort(%s)", [number])
    row = ended(healed, number)
    assert row["state"] == "rolled_back"
    assert "abort" in row["reason"]
    wait_for(lambda: not _alive(host), what="the strategy's process is gone")


@pytest.mark.parametrize("fault", [
    "plan:segfault", "plan:overflow", "plan:throw_across", "plan:rubbish",
    "plan:close", "plan:exit", "plan:loop", "plan:new_8_gb",
    "execute:segfault", "execute:abort", "execute:rubbish", "execute:close",
    "execute:exit_0", "execute:malloc_bit_by_bit", "execute:loop",
    "execute:ignore_stop", "execute:other_object", "execute:exit_after_act",
    "execute:kill_parent", "execute:fork_and_leave"])
def test_a_fault_is_contained(healed, fault):
    """The server goes on (the crash scan looks), the action ends, and what it
    did is undone."""
    mode(healed, "auto")
    postmaster = healed.value("SELECT pg_postmaster_start_time()")
    before = newest(healed) or 0
    inject(healed, fault)
    number = healed.wait_for(
        "SELECT max(id) FROM ruvector.healing_actions WHERE cause = %s "
        "AND id > %s", (fault, before))
    row = ended(healed, number, timeout=60)
    resolve(healed)
    assert row["state"] in ("rejected", "rolled_back"), row["reason"]
    killed = "did not stop" in row["reason"]
    assert killed or "unsound_strategy" in row["reason"], row["reason"]
    assert throttle(healed) == {}
    assert healed.value("SELECT pg_postmaster_start_time()") == postmaster
    faults = healed.value("SELECT faults FROM ruvector.strategies "
                          "WHERE name = 'unsound_strategy'")
    assert faults >= 1, row


def test_repeated_faults_quarantine(healed):
    mode(healed, "auto")
    configure(healed, quarantine_after_faults=2, breaker={
        "ineffective_attempts": 10})
    before = newest(healed) or 0
    for cause in ("plan:segfault", "plan:abort"):
        inject(healed, cause)
        number = healed.wait_for(
            "SELECT max(id) FROM ruvector.healing_actions WHERE cause = %s "
            "AND id > %s", (cause, before))
        ended(healed, number)
        resolve(healed)
    healed.wait_for("SELECT quarantined FROM ruvector.strategies "
                    "WHERE name = 'unsound_strategy'")
    assert healed.value("SELECT ruvector_healing_status() -> 'quarantined'"
                        ) == ["unsound_strategy"]
    with pytest.raises(psycopg.Error) as error:
        execute(healed)
    assert error.value.sqlstate == "55000"
    assert "quarantined" in error.value.diag.message_primary
    healed.execute("SELECT ruvector_strategy_release('unsound_strategy')")
    number = execute(healed)
    assert ended(healed, number)["state"] == "done"
    configure(healed, quarantine_after_faults=3)


def test_two_at_once_one_runs_the_other_is_told(healed):
    mode(healed, "auto")
    inject(healed, "execute:loop")
    healed.wait_for("SELECT strategy_pid IS NOT NULL FROM "
                    "ruvector.stat_progress_healing")
    refused = []

    def ask():
        try:
            healed.execute("SELECT ruvector_healing_trigger('items')")
        except psycopg.Error as error:
            refused.append(error.sqlstate)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    number = newest(healed)
    resolve(healed)
    healed.execute("SELECT ruvector_healing_abort(%s)", [number])
    ended(healed, number)
    assert refused == ["55006", "55006"]


def test_the_kill_switch_stops_what_runs(healed):
    mode(healed, "auto")
    inject(healed, "execute:loop")
    healed.wait_for("SELECT strategy_pid IS NOT NULL FROM "
                    "ruvector.stat_progress_healing")
    number = newest(healed)
    healed.configure(**{"ruvector.healing": "off"})
    try:
        healed.wait_for("SELECT count(*) = 0 FROM ruvector.healing_workers()")
        written = healed.value("SELECT updated_at FROM ruvector.healing_memory")
        status = healed.value("SELECT ruvector_healing_status()")
        assert status["enabled"] is False
        assert "ruvector.healing" in status["disabled_because"]
        with pytest.raises(psycopg.Error) as error:
            execute(healed)
        assert error.value.sqlstate == "55000"
        resolve(healed)
        inject(healed, "some_cause")
        # Disabled means zero writes.
        assert healed.value("SELECT updated_at FROM ruvector.healing_memory"
                            ) == written
        assert newest(healed) == number
        resolve(healed)
    finally:
        healed.configure(**{"ruvector.healing": "on"})
    row = ended(healed, number)
    assert row["state"] == "rolled_back"
    assert throttle(healed) == {}


@pytest.mark.parametrize("statement,sqlstate,says", [
    ("SELECT ruvector_healing_trigger('nope')", "42704", "items"),
    ("SELECT ruvector_healing_execute('nope', 'unsound_strategy')", "42704",
     "items"),
    ("SELECT ruvector_healing_execute('items', 'nope')", "42704",
     "throttle_ingestion"),
    ("SELECT * FROM ruvector_healing_plan('items', 'nope')", "42704",
     "throttle_ingestion"),
    ("SELECT ruvector_healing_execute('items', 'throttle_ingestion', "
     """'{"speed": 1}')""", "22023", "stress_percent"),
    ("SELECT ruvector_healing_execute('items', 'throttle_ingestion', "
     """'{"stress_percent": 101}')""", "22023", "stress_percent"),
    ("SELECT ruvector_healing_execute('items', 'throttle_ingestion', '[]')",
     "22023", "parameters"),
    ("""SELECT ruvector_healing_configure('{"enabeld": true}')""", "22023",
     "enabeld"),
    ("""SELECT ruvector_healing_configure('{"undo_attempts": 0}')""", "22023",
     "undo_attempts"),
    ("SELECT ruvector_healing_configure("
     """'{"approval": {"role": "nobody_here"}}')""", "42704", "nobody_here"),
    ("SELECT ruvector_strategy_configure('nope', '{}')", "42704",
     "throttle_ingestion"),
    ("SELECT ruvector_strategy_configure('throttle_ingestion', "
     """'{"mode": "sometimes"}')""", "22023", "mode"),
    ("SELECT ruvector_strategy_configure('throttle_ingestion', "
     """'{"parameters": {"ceiling_percent": 101}}')""", "22023",
     "ceiling_percent"),
    ("SELECT ruvector_healing_approve(999999)", "42704", "999999"),
    ("SELECT ruvector_healing_abort(999999)", "42704", "999999"),
    ("SELECT ruvector_healing_approve(NULL)", "22004", "action_id"),
    ("SELECT ruvector_healing_trigger('items')", "42704", "no problem"),
    ("BEGIN READ ONLY; SELECT ruvector_healing_trigger('items')", "25006",
     "ruvector_healing_trigger"),
    ("BEGIN READ ONLY; SELECT ruvector_healing_configure('{}')", "25006",
     "ruvector_healing_configure"),
])
def test_bad_input(healed, statement, sqlstate, says):
    with healed.connect() as session:
        with pytest.raises(psycopg.Error) as error:
            session.execute(statement)
    assert error.value.sqlstate == sqlstate, error.value
    diag = error.value.diag
    assert says in " ".join(filter(None, (
        diag.message_primary, diag.message_detail, diag.message_hint)))


def test_privileges(healed):
    for role in ("reader", "operator"):
        healed.execute(f"CREATE ROLE a_{role} LOGIN")
        healed.execute(f"GRANT ruvector_{role} TO a_{role}")
    for readable in ("SELECT ruvector_healing_status()",
                     "SELECT * FROM ruvector_healing_history()",
                     "SELECT * FROM ruvector_healing_effectiveness()",
                     "SELECT * FROM ruvector.strategies",
                     "SELECT * FROM ruvector.stat_progress_healing",
                     "SELECT * FROM ruvector.healing_outcomes"):
        healed.execute(readable, user="a_reader")
    for forbidden in ("SELECT ruvector_healing_configure('{}')",
                      "SELECT ruvector_healing_trigger('items')",
                      "SELECT ruvector_healing_approve(1)",
                      "SELECT * FROM ruvector_healing_plan('items')"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            healed.execute(forbidden, user="a_reader")
    healed.execute("SELECT * FROM ruvector_healing_plan('items', "
                   "'unsound_strategy')", user="a_operator")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        healed.execute("DELETE FROM ruvector.healing_actions",
                       user="a_operator")


def test_settings_are_audited(healed):
    healed.execute("SELECT ruvector_strategy_configure('throttle_ingestion', "
                   """'{"parameters": {"stress_percent": 40}}')""")
    settings = healed.value("SELECT settings FROM ruvector.strategies "
                            "WHERE name = 'throttle_ingestion'")
    assert settings["parameters"] == {"stress_percent": 40}
    healed.execute("SELECT ruvector_strategy_configure('throttle_ingestion', "
                   """'{"parameters": {"stress_percent": null}}')""")
    healed.wait_for("SELECT unsealed = 0 FROM ruvector_verify_chain()")
    assert healed.value("SELECT count(*) FROM ruvector.integrity_events "
                        "WHERE event_type = 'healing_config_change'") >= 2
