"""compact_indexes through the supervisor: what it leaves alone, and what its
result is held against."""

import json

import pytest

from healing.healing import (QUICK, configure, ended, newest, next_pass,
                             resolve)
from healing.sensing import install_test_functions

_CLASS = "index_fragmentation"


@pytest.fixture(scope="module")
def server(_track):
    made = _track("upkeep", **{"ruvector.database_check_interval": "1"}).init().start()
    made.execute("CREATE EXTENSION ruvector CASCADE")
    install_test_functions(made)
    # A page for each row.
    made.psql(script="""
        CREATE TABLE items (id bigint, v vector(2), filler text)
            WITH (autovacuum_enabled = off, fillfactor = 10,
                  autovacuum_freeze_max_age = 100000);
        INSERT INTO items SELECT i, '[1,2]', repeat('x', 700)
            FROM generate_series(1, 3000) i;
        VACUUM ANALYZE items;
        SELECT ruvector_register_collection('items', 'items', 'v');
        SELECT ruvector_integrity_policy_set('items', 'default',
            '{"sample_interval_secs": 3600}');
        SELECT ruvector_integrity_sample('items');""")
    made.wait_for("SELECT healing_status = 'served' FROM ruvector.workers "
                  "WHERE database = current_database()")
    configure(made, **{**QUICK, "default_mode": "off", "learning_enabled": False,
                       "stabilisation_seconds": 3})
    yield made
    made.destroy()


def heal(server, cause):
    """The id of the action that is proposed for the problem."""
    mark = newest(server) or 0
    # What ended as needs_human waits for a person.
    server.execute("SELECT ruvector_healing_reset_breaker('items')")
    server.execute("SELECT ruvector_strategy_configure('compact_indexes', "
                   "'{\"mode\": \"auto\"}')")
    server.execute(
        "INSERT INTO ruvector.problems (collection, problem_class, cause, "
        "severity, confidence, rank, confirmed, gate_state, subjects, "
        "first_seen, last_seen, confirmed_at) VALUES ('items', %s, %s, 0.5, "
        "0.9, 1, true, 'stress', %s, now(), now(), now())",
        [_CLASS, cause, json.dumps([
            {"kind": "partition", "name": "public.items", "share": 1}])])
    next_pass(server)
    return server.wait_for("SELECT max(id) FROM ruvector.healing_actions "
                           "WHERE id > %s", [mark])


@pytest.mark.parametrize("cause,state", [
    ("stale_statistics", "done"), ("dead_tuples", "needs_human")])
def test_the_cut_falls_by_another_fault_meanwhile(server, cause, state):
    """ANALYZE cannot have done that; a VACUUM, which has no undo either, may."""
    server.execute("SELECT ruvector_integrity_sample('items')")
    server.execute("UPDATE items SET id = -id WHERE id > 1000 OR id < -1000")
    number = heal(server, cause)
    server.wait_for("SELECT state = 'verifying' FROM ruvector.healing_actions "
                    "WHERE id = %s", [number])
    server.execute("UPDATE ruvector.integrity_state SET lambda_norm = 0.2, "
                   "service_norm = 0.2")
    row = ended(server, number)
    resolve(server)
    assert row["state"] == state, row["reason"]
    assert row["target_metric"] == "upkeep_debt"
    assert ("lambda_norm" in row["reason"]) == (state == "needs_human")
    judged = server.value("SELECT expectations FROM ruvector.healing_outcomes "
                          "WHERE id = %s", [number])
    assert [one["metric"] for one in judged] == ["upkeep_debt"] + (
        [] if state == "done" else ["lambda_norm", "service_norm"])
    server.execute("VACUUM ANALYZE items")


def test_a_table_that_is_being_frozen_is_left_alone(server):
    server.execute("UPDATE items SET filler = filler")  # no page is frozen
    # It crawls: five minutes for the table.
    server.configure(autovacuum_vacuum_cost_delay="100ms",
                     autovacuum_vacuum_cost_limit="1")
    server.execute("SELECT test_consume_xids(200000)")
    server.wait_for(
        "SELECT count(*) > 0 FROM pg_stat_progress_vacuum v JOIN "
        "pg_stat_activity a USING (pid) WHERE v.relid = 'items'::regclass AND "
        "a.query LIKE '%(to prevent wraparound)'", timeout=60)
    for cause in ("xid_age", "dead_tuples"):
        row = ended(server, heal(server, cause))
        resolve(server)
        assert row["state"] == "rejected", row["reason"]
        assert ("an autovacuum that prevents wraparound is at work on "
                "public.items") in row["reason"]
        assert row["started_at"] is None
    # It still is: nothing has disturbed it.
    assert server.value("SELECT count(*) FROM pg_stat_activity WHERE query "
                        "LIKE 'autovacuum: VACUUM %items (to prevent %'") == 1
