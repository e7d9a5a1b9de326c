"""What passes the gate in each state, and what it costs nobody else."""

import threading

import psycopg
import pytest

from integrity.conftest import force, release

WRITES = {
    "insert": "INSERT INTO docs VALUES (1, 0, '[1,2,3,4]')",
    "bulk_insert": "INSERT INTO docs SELECT * FROM docs LIMIT 1",
    "update": "UPDATE docs SET id = id WHERE id = 1",
    "delete": "DELETE FROM docs WHERE id = -1",
    "cte": "WITH gone AS (DELETE FROM docs WHERE id = -1 RETURNING 1) "
           "SELECT count(*) FROM gone",
    "merge": "MERGE INTO docs d USING (SELECT -1 AS id) s ON d.id = s.id "
             "WHEN MATCHED THEN DELETE",
    "leaf": "INSERT INTO docs_0 VALUES (1, 0, '[1,2,3,4]')",
    "truncate": "TRUNCATE docs_1",
    "index_build": "CREATE INDEX scratch ON docs_0 (id)",
    "reindex": "REINDEX TABLE docs_0",
    "vacuum_full": "VACUUM FULL docs_0",
    "rewrite": "ALTER TABLE docs ALTER COLUMN id TYPE numeric",
    "function": "DO $$ BEGIN INSERT INTO docs VALUES (1, 0, '[1,2,3,4]'); "
                "END $$",
}


@pytest.fixture(scope="module")
def critical(enrolled):
    force(enrolled, "critical")
    yield enrolled
    release(enrolled)


@pytest.mark.parametrize("kind", WRITES)
def test_critical_refuses_every_write(critical, kind):
    with critical.connect() as session:
        with pytest.raises(psycopg.Error) as refused:
            session.execute(WRITES[kind])
    assert refused.value.diag.sqlstate == "53RV1"
    assert "critical" in refused.value.diag.message_detail


def test_critical_leaves_reads_and_other_tables_alone(critical):
    assert critical.value("SELECT count(*) FROM docs") == 400
    critical.execute("CREATE TABLE other (i int)")
    critical.execute("INSERT INTO other SELECT generate_series(1, 10)")
    critical.execute("VACUUM docs")
    critical.execute("ANALYZE docs")
    critical.execute("DROP TABLE other")


def test_explain_is_not_an_execution(critical):
    critical.execute("EXPLAIN INSERT INTO docs VALUES (1, 0, '[1,2,3,4]')")


def test_the_decision_agrees_with_the_enforcement(critical):
    answer = critical.value("SELECT ruvector_integrity_gate('docs', 'insert')")
    assert answer["allowed"] is False
    assert answer["response"] == "reject"
    assert answer["state"] == "critical"
    assert critical.value("SELECT ruvector_integrity_gate('docs', 'search')"
                          )["response"] == "throttle"
    assert critical.value("SELECT ruvector_integrity_gate('docs', 'backup')"
                          )["allowed"] is True


def test_a_superuser_may_bypass_and_it_is_recorded(critical):
    with critical.connect() as session:
        session.execute("SET ruvector.bypass = on")
        session.execute("BEGIN")
        session.execute("INSERT INTO docs VALUES (2, 0, '[1,2,3,4]')")
        session.execute("ROLLBACK")
    critical.wait_for("SELECT count(*) > 0 FROM ruvector.integrity_events "
                      "WHERE metadata ->> 'outcome' = 'bypassed'")


def test_nobody_else_may_bypass(critical):
    critical.execute("CREATE ROLE plain LOGIN")
    with critical.connect(user="plain") as session:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("SET ruvector.bypass = on")


def test_two_sessions_and_the_worker_see_one_state(enrolled):
    with enrolled.connect() as one, enrolled.connect() as two:
        for state in ("stress", "critical", "stress"):
            force(enrolled, state)
            seen = [s.execute("SELECT ruvector_integrity_gate('docs', 'update')"
                              ).fetchone()[0]["state"] for s in (one, two)]
            table = enrolled.value("SELECT state FROM ruvector.integrity")
            assert seen == [state, state]
            assert table == state
    release(enrolled)


def test_shadow_records_and_lets_pass(enrolled):
    enrolled.execute("SELECT ruvector_integrity_policy_set('docs', 'default', "
                     "'{\"mode\": \"shadow\"}')")
    force(enrolled, "critical")
    with enrolled.connect() as session:
        for _ in range(20):
            session.execute(WRITES["insert"])
    shadowed = enrolled.value("SELECT shadowed FROM ruvector.gate_stats "
                              "WHERE operation = 'insert'")
    assert shadowed == 20
    # Most of them were told of by the worker, for all in one event.
    told = ("SELECT coalesce(sum((metadata ->> 'count')::bigint), 0) FROM "
            "ruvector.integrity_events WHERE event_type = 'gate_refusal' AND "
            "metadata ->> 'operation' = 'insert' AND "
            "metadata ->> 'outcome' = '%s'")
    rejected = enrolled.value("SELECT rejected FROM ruvector.gate_stats "
                              "WHERE operation = 'insert'")
    enrolled.wait_for(f"SELECT ({told % 'shadowed'}) = 20")
    enrolled.wait_for(f"SELECT ({told % 'rejected'}) = {rejected}")
    enrolled.execute("SELECT ruvector_integrity_policy_set('docs', 'default', "
                     "'{\"mode\": \"off\"}')")
    enrolled.wait_for("SELECT ruvector_integrity_gate('docs', 'insert') ->> "
                      "'mode' = 'off'")
    enrolled.execute(WRITES["bulk_insert"])
    enrolled.execute("SELECT ruvector_integrity_policy_set('docs', 'default', "
                     "'{\"mode\": \"enforce\"}')")
    release(enrolled)


def test_a_statement_above_an_enrolled_partition_is_gated(enrolled):
    enrolled.execute("CREATE TABLE top (id bigint, part int, embedding "
                     "vector(4)) PARTITION BY LIST (part)")
    force(enrolled, "critical")
    insert = "INSERT INTO top SELECT 1, 0, '[1,2,3,4]' FROM docs LIMIT 1"
    with enrolled.connect() as session:
        with pytest.raises(psycopg.errors.CheckViolation):
            session.execute(insert)  # no partition: the gate has no part in it
        session.execute("ALTER TABLE top ATTACH PARTITION docs DEFAULT")
        with pytest.raises(psycopg.Error) as refused:
            session.execute(insert)
        assert refused.value.diag.sqlstate == "53RV1"
        session.execute("ALTER TABLE top DETACH PARTITION docs")
        with pytest.raises(psycopg.errors.CheckViolation):
            session.execute(insert)
    release(enrolled)
    enrolled.execute("DROP TABLE top")


def test_a_deferred_statement_waits_and_runs_when_it_gets_better(enrolled):
    force(enrolled, "stress")
    done = []

    def reindex():
        enrolled.execute("REINDEX TABLE docs_0")
        done.append(True)

    waiting = threading.Thread(target=reindex)
    waiting.start()
    enrolled.wait_for("SELECT count(*) > 0 FROM pg_stat_activity WHERE query "
                      "LIKE 'REINDEX%%' AND wait_event_type IS NOT NULL")
    assert not done
    release(enrolled)
    waiting.join(30)
    assert done
    assert enrolled.value("SELECT deferred FROM ruvector.gate_stats "
                          "WHERE operation = 'index_build'") >= 1


def test_a_wait_can_be_cancelled(enrolled):
    force(enrolled, "stress")
    with enrolled.connect() as session:
        session.execute("SET statement_timeout = '500ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            session.execute("REINDEX TABLE docs_0")
    release(enrolled)


def _in_flight(server):
    return server.value("SELECT in_flight FROM ruvector.gate_stats "
                        "WHERE operation = 'search'")


SEARCH = "SELECT id FROM docs ORDER BY embedding <-> '[1,2,3,4]'"


def test_searches_in_flight_are_counted_exactly(enrolled):
    assert _in_flight(enrolled) == 0
    session = enrolled.connect(autocommit=False)
    session.execute(f"DECLARE c CURSOR FOR {SEARCH}")
    session.execute("FETCH 1 FROM c")
    assert _in_flight(enrolled) == 1
    session.execute("CLOSE c")
    assert _in_flight(enrolled) == 0
    # An error in the middle.
    session.execute(f"DECLARE c CURSOR FOR {SEARCH}")
    assert _in_flight(enrolled) == 1
    with pytest.raises(psycopg.Error):
        session.execute("SELECT 1 / 0")
    session.rollback()
    assert _in_flight(enrolled) == 0
    # A savepoint that is rolled back.
    session.execute("SAVEPOINT s")
    session.execute(f"DECLARE c CURSOR FOR {SEARCH}")
    session.execute("ROLLBACK TO s")
    assert _in_flight(enrolled) == 0
    # A backend that is terminated.
    session.execute(f"DECLARE c CURSOR FOR {SEARCH}")
    assert _in_flight(enrolled) == 1
    enrolled.execute("SELECT pg_terminate_backend(%s)",
                     (session.info.backend_pid,))
    enrolled.wait_for("SELECT in_flight = 0 FROM ruvector.gate_stats "
                      "WHERE operation = 'search'")
    session.close()


def test_too_many_searches_are_refused(enrolled):
    enrolled.execute("""SELECT ruvector_integrity_policy_set('docs', 'default',
        '{"critical_actions": {"max_concurrent_searches": 1},
          "throttle": {"concurrency_wait_secs": 1}}')""")
    force(enrolled, "critical")
    holder = enrolled.connect(autocommit=False)
    holder.execute(f"DECLARE c CURSOR FOR {SEARCH}")
    with pytest.raises(psycopg.Error) as refused:
        enrolled.execute(SEARCH + " LIMIT 1")
    assert refused.value.diag.sqlstate == "53RV4"
    holder.rollback()
    enrolled.execute(SEARCH + " LIMIT 1")
    holder.close()
    release(enrolled)
