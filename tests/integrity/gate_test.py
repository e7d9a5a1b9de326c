"""What passes the gate in each state, and what it costs nobody else."""

import re
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


def test_a_forced_state_blames_the_override_and_ends_with_it(enrolled):
    """Its end is the retry time, and a healthy cut is no weak edge."""
    force(enrolled, "critical", seconds=40)
    with enrolled.connect() as session:
        with pytest.raises(psycopg.Error) as refused:
            session.execute(WRITES["insert"])
    answer = enrolled.value("SELECT ruvector_integrity_gate('docs', 'insert')")
    release(enrolled)
    detail = refused.value.diag.message_detail
    assert "forced by an override: test." in detail
    assert "Weak edges" not in detail
    hint = refused.value.diag.message_hint
    seconds = int(re.match(r"Retry after (\d+) s at the earliest\. ",
                           hint).group(1))
    assert 1 <= seconds <= 40
    assert "ruvector_integrity_override_clear('docs')" in hint
    assert 1 <= answer["retry_after_secs"] <= seconds


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


@pytest.fixture
def now_critical(enrolled):
    force(enrolled, "critical")
    yield enrolled
    release(enrolled)


@pytest.mark.parametrize("statement,operation", [
    # What PostgreSQL itself decides to rewrite or to build, however it is said.
    ("ALTER TABLE keyed ADD COLUMN s bigserial", "table_rewrite"),
    ("ALTER TABLE keyed ADD COLUMN s shaky", "table_rewrite"),
    ("ALTER TABLE keyed SET UNLOGGED", "table_rewrite"),
    ("ALTER TABLE keyed ALTER COLUMN id TYPE bigint", "table_rewrite"),
    ("ALTER TABLE keyed ADD CONSTRAINT one UNIQUE (id)", "index_build"),
    ("ALTER TABLE keyed ADD COLUMN u int UNIQUE", "index_build"),
    ("ALTER INDEX keyed_pkey SET TABLESPACE pg_default", "table_rewrite"),
    ("TRUNCATE referred CASCADE", "truncate"),
    ("INSERT INTO keyed VALUES (1, '[1,2,3,4]') ON CONFLICT (id) DO UPDATE "
     "SET v = EXCLUDED.v", "insert"),
])
def test_what_is_gated_is_what_happens(now_critical, statement, operation):
    now_critical.execute("CREATE DOMAIN shaky AS float8 DEFAULT random()")
    now_critical.execute("CREATE TABLE referred (id int PRIMARY KEY)")
    now_critical.execute("CREATE TABLE keyed (id int PRIMARY KEY REFERENCES "
                     "referred, v vector(4))")
    now_critical.execute("SELECT ruvector_register_collection('keyed', 'keyed', "
                     "'v')")
    now_critical.execute("SELECT ruvector_integrity_sample('keyed')")
    force(now_critical, "critical", "keyed")
    try:
        with now_critical.connect() as session:
            with pytest.raises(psycopg.Error) as refused:
                session.execute(statement)
            assert refused.value.diag.sqlstate in ("53RV1", "53RV2")
            assert refused.value.diag.message_primary.startswith(operation)
            # Nothing is written anew here.
            session.execute("ALTER TABLE keyed ADD COLUMN plain int")
            session.execute("ALTER TABLE keyed DROP COLUMN plain")
    finally:
        now_critical.execute("DROP TABLE keyed, referred")
        now_critical.execute("DROP DOMAIN shaky")


def test_attaching_a_partition_brings_its_rows_in(now_critical):
    now_critical.execute("CREATE TABLE side (LIKE docs)")
    with now_critical.connect() as session:
        with pytest.raises(psycopg.Error) as refused:
            session.execute("ALTER TABLE docs ATTACH PARTITION side "
                            "FOR VALUES IN (77)")
    assert refused.value.sqlstate == "53RV1"
    assert refused.value.diag.message_primary.startswith("bulk_insert")
    now_critical.execute("DROP TABLE side")


def test_who_may_not_do_it_learns_nothing(now_critical):
    now_critical.execute("CREATE ROLE stranger LOGIN")
    counted = ("SELECT sum(allowed + throttled + deferred + rejected) FROM "
               "ruvector.gate_stats")
    before = now_critical.value(counted)
    with now_critical.connect(user="stranger") as session:
        for statement in (*WRITES.values(), "SELECT id FROM docs ORDER BY "
                          "embedding <-> '[1,2,3,4]' LIMIT 1"):
            try:
                session.execute(statement)
                assert statement.startswith("VACUUM")  # a warning there
            except psycopg.Error as error:
                assert error.sqlstate == "42501", statement
    assert now_critical.value(counted) == before
    now_critical.execute("DROP ROLE stranger")


def _searches(server):
    return server.value("SELECT allowed + throttled FROM ruvector.gate_stats "
                        "WHERE collection = 'docs' AND operation = 'search'")


@pytest.mark.parametrize("statement,is_search", [
    ("SELECT id FROM docs ORDER BY embedding <-> '[1,2,3,4]' LIMIT 3", True),
    ("SELECT id FROM docs ORDER BY 1 - (embedding <=> '[1,2,3,4]') DESC", True),
    ("SELECT id FROM (SELECT id, embedding <-> '[1,2,3,4]' AS d FROM docs "
     "OFFSET 0) s ORDER BY d * 2", True),
    ("WITH near AS MATERIALIZED (SELECT id FROM docs ORDER BY embedding <-> "
     "'[1,2,3,4]' LIMIT 3) SELECT count(*) FROM near", True),
    ("SELECT array_agg(id ORDER BY embedding <-> '[1,2,3,4]') FROM docs", True),
    ("SELECT part FROM docs GROUP BY part HAVING (array_agg(id ORDER BY "
     "embedding <-> '[1,2,3,4]'))[1] > 0", True),
    ("SELECT array_agg(id ORDER BY id) FROM docs", False),
    ("INSERT INTO found SELECT id FROM docs ORDER BY embedding <-> "
     "'[1,2,3,4]' LIMIT 3", True),
    ("SELECT id, embedding <-> '[1,2,3,4]' FROM docs ORDER BY part, id", False),
    ("SELECT id FROM docs WHERE embedding <-> '[1,2,3,4]' < 1", False),
    ("SELECT sum(embedding <-> '[1,2,3,4]') FROM docs", False),
    ("WITH c AS MATERIALIZED (SELECT id, embedding <-> '[1,2,3,4]' AS d FROM "
     "docs) SELECT id FROM c ORDER BY d LIMIT 1", True),
    ("SELECT id FROM (SELECT 0::bigint AS id, 0::float8 AS d UNION ALL SELECT "
     "id, embedding <-> '[1,2,3,4]' FROM docs) s ORDER BY d LIMIT 1", True),
    ("SELECT id FROM (SELECT 0::bigint AS id, 0::float8 AS d UNION SELECT "
     "id, embedding <-> '[1,2,3,4]' FROM docs) s ORDER BY d LIMIT 1", True),
    ("WITH RECURSIVE r AS (SELECT id, embedding <-> '[1,2,3,4]' AS d, 1 AS n "
     "FROM docs UNION ALL SELECT id, d, n + 1 FROM r WHERE n < 2) "
     "SELECT id FROM r ORDER BY d LIMIT 1", True),
    ("WITH RECURSIVE r AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM r WHERE "
     "n < 2) SELECT n FROM r ORDER BY n", False),
    ("SELECT s.x FROM beside b CROSS JOIN LATERAL (SELECT id AS x FROM docs "
     "ORDER BY embedding <-> b.v LIMIT 1) s", True),
    ("SELECT id FROM beside ORDER BY (SELECT min(d.embedding <-> beside.v) "
     "FROM docs d)", True),
    ("SELECT id FROM seen ORDER BY embedding <-> '[1,2,3,4]' LIMIT 1", True),
    ("SELECT id FROM docs ORDER BY other <-> '[1,2,3,4]' LIMIT 1", False),
    ("SELECT b.id FROM beside b LEFT JOIN docs d ON d.id = b.id "
     "ORDER BY b.v <-> '[1,2,3,4]' LIMIT 1", False),
    ("SELECT id FROM beside b WHERE EXISTS (SELECT FROM docs d WHERE d.id = "
     "b.id) ORDER BY v <-> '[1,2,3,4]' LIMIT 1", False),
    ("SELECT id FROM docs_0 ORDER BY embedding <-> '[1,2,3,4]' LIMIT 1", True),
    ("SELECT id FROM docs_0 ORDER BY other <-> '[1,2,3,4]' LIMIT 1", False),
    ("SELECT id FROM docs ORDER BY id", False),
])
def test_a_search_is_what_orders_by_distance(enrolled, statement, is_search):
    enrolled.psql(script="""
        CREATE TABLE found (id bigint);
        CREATE TABLE beside (id bigint, v vector(4));
        INSERT INTO beside VALUES (1, '[1,2,3,4]');
        ALTER TABLE docs ADD other vector(4);
        CREATE VIEW seen AS SELECT id, embedding FROM docs;""")
    before = _searches(enrolled)
    enrolled.execute(statement)
    after = _searches(enrolled)
    enrolled.psql(script="""
        DROP VIEW seen;
        ALTER TABLE docs DROP other;
        DROP TABLE beside, found;""")
    assert after - before == is_search


@pytest.fixture
def few_deletes(enrolled):
    """Critical, with a policy that lets up to 100 rows be deleted."""
    enrolled.execute("CREATE TABLE bulky (id int, v vector(2))")
    enrolled.execute("CREATE TABLE beside (id int)")
    enrolled.execute("INSERT INTO beside SELECT generate_series(1, 5000)")
    enrolled.execute("SELECT ruvector_register_collection('bulky', 'bulky', "
                     "'v')")
    enrolled.execute("SELECT ruvector_integrity_policy_set('bulky', 'few', "
                     "'{\"critical_actions\": {\"allow_delete\": true, "
                     "\"max_insert_batch_size\": 100}}')")
    enrolled.execute("INSERT INTO bulky SELECT i, '[1,2]' FROM "
                     "generate_series(1, 5000) i")
    enrolled.execute("SELECT ruvector_integrity_sample('bulky')")
    force(enrolled, "critical", "bulky")
    yield enrolled
    enrolled.execute("DROP TABLE bulky, beside")


@pytest.mark.parametrize("statement,refused", [
    ("DELETE FROM bulky", True),
    ("WITH i AS (INSERT INTO beside VALUES (0) RETURNING 1) "
     "DELETE FROM bulky", True),
    ("WITH d AS (DELETE FROM bulky RETURNING 1) SELECT count(*) FROM d", True),
    ("WITH d AS (DELETE FROM bulky WHERE id = 2 RETURNING 1) "
     "DELETE FROM beside", False),
    ("DELETE FROM bulky WHERE id <= 50", False),
])
def test_a_bulk_delete_is_counted_on_its_own_table(few_deletes, statement,
                                                   refused):
    with few_deletes.connect() as session:
        if refused:
            with pytest.raises(psycopg.Error) as error:
                session.execute(statement)
            assert error.value.diag.sqlstate == "53RV1"
            assert few_deletes.value("SELECT count(*) FROM bulky") == 5000
        else:
            session.execute(statement)


@pytest.mark.parametrize("table", ["bulky", "beside"])
def test_explain_analyze_counts_deleted_rows(few_deletes, table):
    plan = few_deletes.value(
        "EXPLAIN (ANALYZE, FORMAT JSON, COSTS off, TIMING off) DELETE FROM "
        f"{table} WHERE id <= 50")
    assert plan[0]["Plan"]["Plans"][0]["Actual Rows"] == 50


def test_every_collection_of_a_table_is_asked(enrolled):
    columns = ", ".join(f"v{i} vector(2)" for i in range(20))
    enrolled.execute(f"CREATE TABLE wide (id int, {columns})")
    for i in range(20):
        enrolled.execute(f"SELECT ruvector_register_collection('w{i}', 'wide',"
                         f" 'v{i}')")
    enrolled.execute("SELECT ruvector_integrity_sample('w19')")
    force(enrolled, "critical", "w19")
    with enrolled.connect() as session:
        with pytest.raises(psycopg.Error) as refused:
            session.execute("INSERT INTO wide (id) VALUES (1)")
    assert '"w19"' in refused.value.diag.message_primary
    enrolled.execute("DROP TABLE wide")


def test_a_refusal_says_whose_it_was(now_critical):
    now_critical.execute("CREATE ROLE loader LOGIN")
    now_critical.execute("GRANT INSERT ON docs TO loader")
    with now_critical.connect(user="loader") as session:
        with pytest.raises(psycopg.Error):
            session.execute(WRITES["insert"])
    now_critical.wait_for(
        "SELECT count(*) > 0 FROM ruvector.integrity_events WHERE event_type = "
        "'gate_refusal' AND metadata ->> 'user' = 'loader' AND "
        "metadata ->> 'session_user' = 'loader'")


def test_a_refusal_names_the_action_set_that_decides(enrolled):
    def refusal(statement):
        with pytest.raises(psycopg.Error) as refused:
            enrolled.execute(statement)
        return refused.value.diag

    enrolled.execute("""SELECT ruvector_integrity_policy_set('docs', 'names',
        '{"priority": 5, "normal_actions": {"allow_update": false},
          "stress_actions": {"throttle_inserts_pct": 100},
          "risk_matrix": {"high_stress_defer_secs": 1}}')""")
    force(enrolled, "critical")
    enrolled.wait_for("SELECT ruvector_integrity_gate('docs', 'update') ->> "
                      "'reason' LIKE '%%normal_actions%%'")
    # Those of critical refuse inserts as well: changing them changes nothing.
    error = refusal(WRITES["insert"])
    assert error.sqlstate == "53RV1"
    assert error.message_primary.endswith(
        "rejected in state critical: stress_actions.throttle_inserts_pct is "
        "100, which holds in state critical too")
    assert error.message_detail.startswith("State critical, ")
    # What no state permits does not depend on the weak edges or the override.
    error = refusal(WRITES["update"])
    assert error.message_primary.endswith(
        "normal_actions.allow_update is false, which holds in state critical "
        "too")
    assert error.message_hint == (
        "The policy permits it in no state; ruvector_integrity_policy_set() "
        "changes that.")
    force(enrolled, "stress")
    error = refusal(WRITES["index_build"])
    assert error.sqlstate == "53RV2"
    assert error.message_detail.endswith(
        'Reason: operation "index_build" deferred in state stress: it is a '
        "high-risk operation.")
    enrolled.execute("SELECT ruvector_integrity_policy_drop('docs', 'names')")
    release(enrolled)


# Commands over a schema or a database, and whether they reach docs.
_BROAD = [
    ("REINDEX SCHEMA public", True),
    ("REINDEX SCHEMA elsewhere", False),
    ("REINDEX DATABASE {database}", True),
    ("REINDEX SYSTEM {database}", False),
    ("VACUUM FULL", True),
    ("CLUSTER", False),  # nothing was clustered
]


@pytest.mark.parametrize("command,refused", _BROAD)
def test_a_broad_command_is_asked_for_what_it_reaches(now_critical, command,
                                                      refused):
    now_critical.execute("CREATE SCHEMA elsewhere")
    database = now_critical.value("SELECT current_database()")
    with now_critical.connect() as session:
        if refused:
            with pytest.raises(psycopg.Error) as error:
                session.execute(command.format(database=database))
            assert error.value.diag.sqlstate == "53RV1"
        else:
            session.execute(command.format(database=database))
    now_critical.execute("DROP SCHEMA elsewhere")


def test_cluster_asks_for_what_was_clustered(now_critical):
    now_critical.execute("SELECT ruvector_integrity_override_clear('docs')")
    now_critical.psql(script="CREATE INDEX by_id ON docs_0 (id); "
                             "CLUSTER docs_0 USING by_id;")
    force(now_critical, "critical")
    with now_critical.connect() as session:
        with pytest.raises(psycopg.Error) as error:
            session.execute("CLUSTER")
        assert error.value.diag.sqlstate == "53RV1"
    release(now_critical)
    now_critical.execute("DROP INDEX by_id")
    force(now_critical, "critical")


@pytest.mark.parametrize("command", [c for c, _ in _BROAD])
def test_a_broad_command_tells_a_stranger_nothing(now_critical, command):
    now_critical.execute("CREATE ROLE passer_by LOGIN")
    database = now_critical.value("SELECT current_database()")
    with now_critical.connect(user="passer_by") as session:
        try:
            session.execute(command.format(database=database))
        except psycopg.Error as error:
            assert error.sqlstate in ("42501", "3F000"), command
    now_critical.execute("DROP ROLE passer_by")


def test_no_replication_role_is_a_way_around(now_critical):
    with now_critical.connect() as session:
        session.execute("SET session_replication_role = replica")
        with pytest.raises(psycopg.Error) as error:
            session.execute(WRITES["rewrite"])
        assert error.value.diag.sqlstate == "53RV1"


def test_a_table_dropped_by_a_replica_role_takes_its_collection_along(enrolled):
    enrolled.psql(script="""
        CREATE TABLE fleeting (v vector(2));
        SELECT ruvector_register_collection('fleeting', 'fleeting', 'v');
        SET session_replication_role = replica;
        DROP TABLE fleeting;""")
    assert enrolled.value("SELECT count(*) FROM ruvector.collections WHERE "
                          "name = 'fleeting'") == 0


def _insert(server, outcomes):
    try:
        server.execute(WRITES["insert"])
        outcomes.append("accepted")
    except psycopg.Error as error:
        outcomes.append(error.sqlstate)
        assert "the line is full" in error.diag.message_primary
        assert "Retry after" in error.diag.message_hint


def test_a_full_line_is_refused(enrolled):
    """One insert a second is let through; who would wait over a second is not."""
    enrolled.execute("""SELECT ruvector_integrity_policy_set('docs', 'slow',
        '{"priority": 9, "stress_actions": {"throttle_inserts_pct": 99},
          "throttle": {"max_wait_secs": 1, "rate_window_secs": 1}}')""")
    for _ in range(3):  # a rate of normal times
        enrolled.execute(WRITES["insert"])
        enrolled.execute("SELECT ruvector_integrity_sample('docs')")
    force(enrolled, "stress")
    enrolled.wait_for("SELECT throttle_rate IS NOT NULL FROM ruvector.gate_stats "
                      "WHERE collection = 'docs' AND operation = 'insert'")
    outcomes = []
    threads = [threading.Thread(target=_insert, args=(enrolled, outcomes))
               for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(outcomes) == {"accepted", "53RV3"}
    enrolled.execute("SELECT ruvector_integrity_policy_drop('docs', 'slow')")
    release(enrolled)
