"""The supervisor comes, goes, dies and lacks room: actions end in a defined
state all the same."""

import pathlib
import re

import psycopg
import pytest

from harness.waiting import wait_for
from healing.healing import (action, configure, ended, execute, inject,
                             install_unsound, newest, prepare, resolve,
                             throttle)
from integrity.conftest import chain


@pytest.fixture
def fresh(new_cluster):
    def make(**settings):
        server = new_cluster("healing", **settings)
        install_unsound(server)
        prepare(server)
        return server
    return make


def auto(server):
    server.execute("SELECT ruvector_strategy_configure('unsound_strategy', "
                   """'{"mode": "auto"}')""")


def supervisor(server):
    return server.value("SELECT healing_pid FROM ruvector.workers "
                        "WHERE database = current_database()")


def start_endless(server):
    """An action whose strategy does not end; its id."""
    inject(server, "execute:loop")
    server.wait_for("SELECT strategy_pid IS NOT NULL FROM "
                    "ruvector.stat_progress_healing")
    return newest(server)


def test_a_new_supervisor_takes_over(fresh):
    server = fresh()
    auto(server)
    number = start_endless(server)
    before = supervisor(server)
    resolve(server)
    server.execute("SELECT pg_terminate_backend(%s)", [before])
    server.wait_for("SELECT healing_pid IS NOT NULL AND healing_pid <> %s "
                    "FROM ruvector.workers "
                    "WHERE database = current_database()", [before])
    row = ended(server, number)
    assert row["state"] == "rolled_back"
    assert "restarted" in row["reason"]
    assert throttle(server) == {}
    assert server.value("SELECT count(*) FROM ruvector.healing_workers()") == 0
    # And it works.
    assert ended(server, execute(server))["state"] == "done"


_IN_AN_ACTION = [
    "healing.request.start", "healing.line.start", "healing.plan.start",
    "healing.action.claimed", "healing.action.start",
    "healing.action.before_act", "healing.action.after_act",
    "healing.action.reported", "healing.line.before_commit"]
_AT_THE_START = ["healing.supervisor.claimed", "healing.supervisor.load"]


@pytest.mark.parametrize("failpoint", _IN_AN_ACTION + _AT_THE_START)
def test_kill_9_in_the_middle(fresh, failpoint):
    """A process that dies takes the server through crash recovery; after it
    the action ends as done or rolled back, and nothing is half done."""
    server = fresh()
    auto(server)
    server.allow_crash(r"was terminated by signal 9")
    started = server.value("SELECT pg_postmaster_start_time()")
    server.configure(**{"ruvector.failpoints": f"{failpoint}=kill"})
    mark = server.log_mark()
    if failpoint in _AT_THE_START:
        server.execute("SELECT pg_terminate_backend(%s)", [supervisor(server)])
    else:
        try:
            execute(server)
        except psycopg.Error:
            pass  # the crash took the session
    wait_for(lambda: "terminated by signal 9" in server.log(mark), 30,
             what="a process dies")
    server.configure(**{"ruvector.failpoints": ""})
    server.wait_ready()
    server.wait_for("SELECT healing_status = 'served' FROM ruvector.workers "
                    "WHERE database = current_database()", timeout=60)
    server.wait_for("SELECT count(*) = 0 FROM ruvector.healing_actions "
                    "WHERE ended_at IS NULL", timeout=60)
    assert server.value("SELECT pg_postmaster_start_time()") == started
    states = [state for state, in server.execute(
        "SELECT state FROM ruvector.healing_actions ORDER BY id")]
    # None where the process died before the intent was written.
    assert len(states) <= 1 and set(states) <= {"done", "rolled_back"}
    assert chain(server)[0] is True
    assert throttle(server) == ({"insert": 50} if states == ["done"] else {})


def test_every_failpoint_is_swept():
    found = set()
    for path in (pathlib.Path(__file__).resolve().parents[2]
                 / "pgext/healing").glob("*.cc"):
        found |= set(re.findall(r'(?:RV_FAILPOINT|Check)\("([a-z_.]+)"\)',
                                path.read_text()))
    # A strategy that reads metrics meets it: sweep_test.py.
    assert found - {"healing.action.metric"} == {*_IN_AN_ACTION,
                                                 *_AT_THE_START}


def test_without_a_worker_slot_the_action_waits_visibly(fresh):
    # The launcher, the logical replication launcher, one database's two.
    server = fresh(max_worker_processes="4")
    auto(server)
    number = execute(server)
    server.wait_for("SELECT state = 'waiting_for_slot' AND "
                    "reason = 'no worker slot is free' "
                    "FROM ruvector.healing_actions WHERE id = %s", [number])
    row = action(server, number)
    assert row["plan"]["steps"][0]["statement"]
    assert server.value("SELECT phase FROM ruvector.stat_progress_healing "
                        "WHERE action_id = %s", [number]) == "waiting_for_slot"
    server.execute("SELECT ruvector_healing_abort(%s)", [number])
    assert ended(server, number)["state"] == "aborted"


def test_databases_are_served_in_turn(fresh):
    server = fresh(max_worker_processes="5")
    server.execute("CREATE DATABASE other")
    server.execute("CREATE EXTENSION ruvector CASCADE", dbname="other")
    # Launchers, two integrity workers: one slot for two supervisors.
    for name in ("postgres", "other"):
        server.wait_for(
            "SELECT healing_status = 'unserved' AND healing_note LIKE "
            "'%%max_worker_processes%%' FROM ruvector.workers "
            "WHERE database = %s", [name], timeout=60)
        server.wait_for("SELECT healing_status = 'served' FROM "
                        "ruvector.workers WHERE database = %s", [name],
                        timeout=60)


def test_a_database_can_be_dropped_while_it_is_healed(fresh):
    server = fresh()
    server.execute("CREATE DATABASE doomed")
    server.execute("CREATE EXTENSION ruvector CASCADE", dbname="doomed")
    prepare(server, dbname="doomed")
    server.execute("SELECT ruvector_strategy_configure('unsound_strategy', "
                   """'{"mode": "auto"}')""", dbname="doomed")
    server.execute(
        "INSERT INTO ruvector.problems (collection, problem_class, cause, "
        "severity, confidence, rank, confirmed, gate_state, first_seen, "
        "last_seen) VALUES ('items', 'hotspot_congestion', 'execute:loop', "
        "0.5, 0.9, 1, true, 'stress', now(), now())", dbname="doomed")
    server.execute("UPDATE ruvector.diagnoses SET pass = pass + 1",
                   dbname="doomed")
    configure(server, dbname="doomed")
    server.wait_for("SELECT strategy_pid IS NOT NULL FROM "
                    "ruvector.stat_progress_healing", dbname="doomed")
    server.execute("DROP DATABASE doomed")


def test_a_read_only_server_is_told(fresh):
    server = fresh()
    auto(server)
    server.configure(default_transaction_read_only="on")
    server.wait_for("SELECT current_setting('default_transaction_read_only') "
                    "= 'on'")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        execute(server)
    server.configure(**{"default_transaction_read_only": "off",
                        "ruvector.healing": "off"})
    server.wait_for("SELECT NOT (ruvector_healing_status() -> 'enabled')"
                    "::boolean")


def test_a_standby_does_nothing(fresh):
    server = fresh()
    standby = server.standby()
    server.wait_for_replay(standby)
    assert standby.value("SELECT count(*) FROM pg_stat_activity WHERE "
                         "backend_type = 'ruvector healing supervisor'") == 0
    status = standby.value("SELECT ruvector_healing_status()")
    assert status["enabled"] is False
    assert "standby" in status["disabled_because"]
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        execute(standby)
    server.stop("immediate")
    standby.promote()
    standby.wait_for("SELECT healing_status = 'served' FROM ruvector.workers "
                     "WHERE database = current_database()", timeout=60)


def test_history_and_settings_survive_a_dump(fresh, tmp_path):
    server = fresh()
    auto(server)
    number = execute(server)
    assert ended(server, number)["state"] == "done"
    path = server.directory / "dump"
    server.dump(path)
    server.execute("CREATE DATABASE restored")
    server.restore(path, dbname="restored")
    assert server.value("SELECT state FROM ruvector.healing_actions "
                        "WHERE id = %s", [number], dbname="restored") == "done"
    assert server.value("SELECT ruvector_healing_config()", dbname="restored"
                        ) == server.value("SELECT ruvector_healing_config()")
    assert server.value(
        "SELECT memory FROM ruvector.healing_memory",
        dbname="restored") == server.value(
            "SELECT memory FROM ruvector.healing_memory")


def test_without_preloading_it_says_what_is_missing(new_cluster):
    server = new_cluster("plain", shared_preload_libraries=None)
    status = server.value("SELECT ruvector_healing_status()")
    assert "shared_preload_libraries" in status["disabled_because"]
    with pytest.raises(psycopg.Error) as error:
        server.execute("SELECT ruvector_healing_abort(1)")
    assert error.value.sqlstate == "55000"
    assert "shared_preload_libraries" in error.value.diag.message_hint
